from datetime import date, timedelta

import pytest

from engagement.rollups import involvement
from members.rollups.scope import Scope
from success.engine.outlook import expected_days
from success.models import PlanTemplate, TemplateMilestone
from success.queries import outlook
from success.services.templates import calibrate, spells_of
from tests.factories import NOON, make_fact, make_member, make_plan, make_term

pytestmark = pytest.mark.django_db
AS_OF = date(2026, 7, 29)
RECORDS = date(2020, 1, 1)
GRACE = 30
EVERYBODY = Scope(first=0, last=2**62)


def make_path(**overrides):
    """A path of two milestones that the records show: a certificate, then a maintainer."""
    fields = {"key": "path", "title": "Path", "audience": "organisation", "goal": "Build it"}
    template = PlanTemplate.objects.create(**(fields | overrides))
    for position, (area, expected_day) in enumerate(
        (("certification", 90), ("maintainer", 400)), start=1
    ):
        TemplateMilestone.objects.create(
            template=template,
            key=area,
            position=position,
            title=area,
            expected_day=expected_day,
            weight=50,
            evidence_kind="derived",
            evidence_rule={"rule": "first", "areas": [area]},
        )
    return template


def joined(begins, ends, *, certified=None, **overrides):
    """A member from a day to a day; certified so many days after joining."""
    member = make_member(**overrides)
    make_term(member=member, starts_on=begins, ends_on=ends)
    if certified is not None:
        on = begins + timedelta(days=certified)
        make_fact(
            member=member, kind="certification.added", subject=f"P{member.pk}", occurred_on=on
        )
    return member


def begin_records():
    """The first records of both kinds, of a member who is none of those looked at."""
    witness = make_member(kind="individual")
    for area in ("certification", "maintainer"):
        make_fact(member=witness, kind=f"{area}.added", subject="first", occurred_on=RECORDS)


def derive():
    involvement.refresh(as_of=AS_OF, scope=EVERYBODY)


def asked(template, **overrides):
    fields = {"as_of": AS_OF, "grace_days": GRACE} | overrides
    return outlook.cohort(template=template, **fields)


def test_a_renewal_in_grace_goes_on_with_a_run_and_a_later_one_begins_another():
    broken = joined(date(2020, 3, 1), date(2021, 3, 1))
    make_term(member=broken, starts_on=date(2021, 3, 20), ends_on=date(2022, 3, 20))  # in grace
    make_term(member=broken, starts_on=date(2023, 1, 1), ends_on=date(2027, 1, 1))
    joined(date(2021, 1, 1), date(2022, 1, 1), kind="individual")

    runs = outlook.membership_runs(kind="organisation", as_of=AS_OF, grace_days=GRACE)

    assert [(run.begins_on, run.ends_on) for run in runs] == [
        (date(2020, 3, 1), date(2022, 3, 20)),
        (date(2023, 1, 1), date(2027, 1, 1)),
    ]
    assert spells_of(kind="organisation", as_of=AS_OF) == [
        (run.member, run.begins_on, run.ends_on) for run in runs
    ]
    assert [run.left_on for run in runs] == [date(2022, 3, 20), None]
    assert runs[1].known_until(AS_OF) == AS_OF


def test_a_run_in_grace_is_not_over_and_known_up_to_its_end():
    joined(date(2025, 7, 10), date(2026, 7, 10))

    [run] = outlook.membership_runs(kind="organisation", as_of=AS_OF, grace_days=GRACE)

    assert (run.left_on, run.known_until(AS_OF)) == (None, date(2026, 7, 10))


def test_the_question_is_asked_of_the_most_used_path_that_the_records_show():
    used = make_path(key="used")
    make_plan(template=used)
    make_path(key="unused")
    told = make_path(key="told")
    told.milestones.filter(position=2).update(evidence_kind="confirmed", evidence_rule={})
    make_path(key="retired", retired_on=AS_OF)

    assert outlook.studied_template() == used
    assert outlook.studied_template(key="unused").key == "unused"
    assert outlook.studied_template(key="told") is None
    assert outlook.studied_template(key="retired") is None


def test_records_begin_when_the_last_of_their_areas_does():
    template = make_path()
    member = make_member()
    make_fact(member=member, kind="certification.added", occurred_on=date(2018, 3, 1))
    assert outlook.records_begin(template) is None
    assert asked(template) is None
    assert outlook.records_begin(template, position=1) == date(2018, 3, 1)

    make_fact(member=member, kind="maintainer.added", occurred_on=date(2021, 7, 29))
    make_fact(member=member, kind="maintainer.removed", occurred_on=date(2017, 1, 1))
    assert outlook.records_begin(template) == date(2021, 7, 29)


def test_members_stand_where_the_records_say_with_a_plan_or_without():
    template = make_path()
    begin_records()
    moving = joined(date(2022, 1, 1), date(2027, 1, 1), certified=80)
    late = joined(date(2022, 1, 1), date(2024, 1, 1), certified=500)
    stalled = joined(date(2022, 1, 1), date(2023, 6, 1))
    joined(date(2022, 1, 1), date(2022, 6, 1))  # left before
    joined(date(2026, 1, 1), date(2027, 1, 1))  # not that far
    derive()

    main = outlook.one_year_in(asked(template))

    groups = {
        group.name: sorted(seen.time for seen in group.observations)
        for group in main.comparison.groups
    }
    begun = date(2022, 1, 1)
    assert groups == {
        "moving": [(AS_OF - begun).days],
        "stalled": [(date(2023, 6, 1) - begun).days, (date(2024, 1, 1) - begun).days],
    }
    assert {s.run.member for s in main.landmark.standings} == {moving.pk, late.pk, stalled.pk}
    assert (main.landmark.left_before, main.landmark.not_yet) == (1, 1)
    assert (main.stalled.left, main.moving.left) == (2, 0)


def test_who_joined_before_the_records_is_read_a_window_after_they_begin():
    template = make_path()
    begin_records()
    joined(date(2015, 1, 1), date(2027, 1, 1))
    derive()

    found = asked(template)
    [standing] = outlook.one_year_in(found).landmark.standings

    assert found.readable_on == RECORDS + timedelta(days=30)
    assert (standing.read_on, standing.is_late) == (found.readable_on, True)


def test_other_looks_change_one_thing_at_a_time():
    template = make_path()
    begin_records()
    for month in range(1, 13):
        joined(date(2021, month, 1), date(2024, 1, 1))
        joined(date(2021, month, 2), date(2026, 1, 1), certified=50)
    joined(date(2016, 1, 1), date(2025, 1, 1))
    derive()
    found = asked(template)
    main = outlook.one_year_in(found)

    others = outlook.other_looks(found, main=main)

    assert [(look.name, look.comparison.members) for look in others.looks] == [
        ("recorded", 24),
        ("by_joining_year", 25),
        ("set_out", 12),
        ("day_180", 25),
        ("day_730", 25),
        ("out_of_sample", 12),
    ]
    assert others.tested_from == date(2021, 7, 1)
    assert {group.name for group in others.by_state.groups} == {
        "others",
        "stalled_at_the_start",
    }
    said = outlook.plain(outlook.told(found))
    assert said["main"]["groups"][1]["points"][0] == {
        "days_since_joining": 365,
        "at_risk": 12,  # the one of 2016 is seen from the records on
        "stayed": 1.0,
        "low": None,
        "high": None,
    }
    assert said["main"]["p_value"] < 0.05


def test_expected_days_are_those_that_calibrating_the_template_sets():
    template = make_path()
    begin_records()
    for number in range(25):
        joined(date(2021, 1, 1), date(2027, 1, 1), certified=60 + number)
    derive()
    found = asked(template)

    days = [
        stone.expected_day
        for stone in expected_days(found.path, found.recorded, known_on=AS_OF)
    ]
    calibrate(template=template, as_of=AS_OF, records_begin=RECORDS, by=None, at=NOON)

    assert days == list(
        template.milestones.order_by("position").values_list("expected_day", flat=True)
    )


def test_it_costs_the_same_number_of_queries_for_any_number_of_members(
    django_assert_max_num_queries,
):
    template = make_path()
    begin_records()
    for number in range(4):
        joined(date(2021, 1, 1 + number), date(2027, 1, 1), certified=10)
    derive()

    with django_assert_max_num_queries(8):
        found = asked(template)
        outlook.other_looks(found, main=outlook.one_year_in(found))


def test_a_very_large_association_is_looked_at_in_part(monkeypatch):
    monkeypatch.setattr(outlook, "MOST_MEMBERS", 5)
    template = make_path()
    begin_records()
    for _ in range(20):
        joined(date(2021, 1, 1), date(2027, 1, 1))
    derive()

    found = asked(template)

    assert (found.members, found.one_in) == (20, 4)
    assert len(found.runs) < 20
    assert found.runs == asked(template).runs
