"""First value and stalling made anew from the facts: the same as the pages, on any records."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement.models import Involvement
from success.engine.explaining import Verdict
from success.engine.records import Rule, Stretch, reached_on
from success.models import PlanTemplate, TemplateMilestone
from success.queries.explain_live import explain_live
from success.rollups.milestones import evidence_of_spells
from tests.examples import example
from tests.factories import make_fact, make_member, make_plan, make_term

pytestmark = pytest.mark.django_db
START = date(2024, 1, 1)
RULES = (
    {"rule": "first", "areas": ["maintainer"]},
    {"rule": "subjects", "areas": ["maintainer", "circle"], "count": 2},
    {"rule": "peers", "areas": ["maintainer"], "count": 1},
    {"rule": "kept", "areas": ["maintainer", "circle"], "days": 20},
)
random_records = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def day(number):
    return START + timedelta(days=number)


stretches = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["maintainer", "circle"]),
        st.sampled_from(["Kiln", "Loom"]),
        st.integers(0, 500),
        st.one_of(st.none(), st.integers(1, 200)),
    ),
    max_size=12,
)
terms = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 500), st.integers(5, 400)), max_size=8
)


def store(drawn, held):
    template = PlanTemplate.objects.create(
        key="t", title="T", audience="organisation", goal="g"
    )
    for position, rule in enumerate(RULES, start=1):
        TemplateMilestone.objects.create(
            template=template,
            key=f"m{position}",
            position=position,
            title=rule["rule"],
            expected_day=30 * position,
            weight=10,
            evidence_rule=rule,
        )
    members = [make_member() for _ in range(3)]
    for area in ("maintainer", "circle"):
        make_fact(member=members[0], kind=f"{area}.added", occurred_on=day(-30))
    for who, area, subject, begins, lasts in drawn:
        Involvement.objects.create(
            member=members[who],
            area=area,
            subject=subject,
            starts_on=day(begins),
            ends_on=None if lasts is None else day(begins + lasts),
        )
    for who, begins, lasts in held:
        make_term(member=members[who], starts_on=day(begins), ends_on=day(begins + lasts))
    return template, members


@given(
    drawn=stretches,
    spells=st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 500), st.one_of(st.none(), st.integers(1, 300))
        ),
        min_size=1,
        max_size=4,
    ),
)
@random_records
def test_the_rules_of_evidence_are_the_same_in_the_engine_and_in_sql(drawn, spells):
    with example():
        template, members = store(drawn, [])
        asked = [
            (members[who].pk, day(begins), None if lasts is None else day(begins + lasts))
            for who, begins, lasts in spells
        ]
        found = evidence_of_spells(template_id=template.pk, spells=asked)
        rows = [
            Stretch(*row)
            for row in Involvement.objects.values_list(
                "member", "area", "subject", "starts_on", "ends_on"
            )
        ]
        beside = {}
        for row in rows:
            beside.setdefault((row.area, row.subject), []).append(row)
        stones = list(template.milestones.all())

    expected = {}
    for index, (member, anchor_on, closed_on) in enumerate(asked):
        for stone in stones:
            reached = reached_on(
                Rule.from_data(stone.evidence_rule),
                [row for row in rows if row.member == member],
                beside=beside,
                anchor_on=anchor_on,
                closed_on=closed_on,
            )
            if reached is not None:
                expected[index, stone.pk] = reached
    assert found == expected


@given(drawn=stretches, held=terms, asked=st.integers(100, 900), planned=st.booleans())
@random_records
def test_both_are_made_anew_from_terms_plans_and_records(drawn, held, asked, planned):
    with example():
        _template, members = store(drawn, held)
        if planned:
            make_plan(
                member=members[0],
                anchor_on=day(40),
                goal="g",
                expected_days=(30,),
                rules=[RULES[0]],
            )
        for measure in ("first-value", "stalled-and-lapsed"):
            found = explain_live(measure, as_of=day(asked))
            assert found.verdict == Verdict.AGREES, found.figures


def test_a_figure_that_the_facts_do_not_bear_out_is_found(monkeypatch):
    from success.queries import first_value

    with example():
        store([(0, "maintainer", "Kiln", 10, None)], [(0, 0, 300), (1, 5, 300)])
        was = first_value.onboarding
        monkeypatch.setattr(first_value, "onboarding", lambda journeys: was([*journeys][:-1]))
        found = explain_live("first-value", as_of=day(100))
    assert found.verdict != Verdict.AGREES
    values = {each.name: (each.stored, each.now) for each in found.figures}
    assert values["members"] == (1, 2)
