"""The real ledger, start to finish: its known results, and what money must not move."""

import csv
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from coverage.models import Assignment, AssignmentChange, Circumstance, WeekLoad
from coverage.queries import capacity
from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from engagement.models import Involvement
from engagement.rollups import involvement
from engagement.services.facts import record_file
from members.enums import Role
from members.models import Association, Member, Term, User
from members.rollups.scope import Scope
from members.services.imports import Ledger, apply_batch, plan_ledger
from success.enums import PeriodKind, RevenueBasis
from success.models import Intervention, MemberFacts, RevenuePeriod
from success.queries import queue
from success.queries.nights import progress
from success.rollups import milestones
from success.services import demonstration as made_up
from success.services.nights import run_night
from success.services.templates import agree_from_template
from tests.factories import make_default_plays, make_user

DATA = Path(settings.BASE_DIR) / "data" / "cncf"
AT = datetime(2026, 7, 29, 8, tzinfo=UTC)
TODAY = AT.date()
EVERYBODY = Scope(first=0, last=2**62)

PERMUTE_DUES = """
WITH shuffled AS (
    SELECT a.term_id, b.annual_amount
    FROM (SELECT term_id, row_number() OVER (ORDER BY md5(term_id::text)) AS place
          FROM members_dues) AS a
    JOIN (SELECT annual_amount, row_number() OVER (ORDER BY md5('b' || term_id::text)) AS place
          FROM members_dues) AS b USING (place)
)
UPDATE members_dues d SET annual_amount = s.annual_amount
FROM shuffled s WHERE s.term_id = d.term_id
"""


def mapping(name):
    return tomllib.loads((DATA / f"{name}.toml").read_text())


def night(**options):
    return run_night(as_of=TODAY, today=TODAY, clock=lambda: AT, **options)


def written(run):
    return {stage.name: stage.rows_out for stage in progress(run)}


@pytest.fixture
def association():
    """The demonstration's ledger, with plans, profiles and plays, before its first night."""
    batch = plan_ledger(
        ledger=Ledger(
            organisations=DATA / "organisations.csv",
            terms=DATA / "memberships.csv",
            mapping=mapping("members"),
        ),
        at=AT,
    )
    apply_batch(batch_id=batch.pk, at=AT, today=date(2026, 4, 30))
    for file, name in (("maintainer_events", "maintainers"), ("program_events", "programs")):
        record_file(file=DATA / f"{file}.csv", mapping=mapping(name), today=TODAY, at=AT)
    for _ in range(3):
        make_user()
    made_up.ensure_contacts(on=TODAY)
    ensure_default_segments()
    made_up.ensure_experience_profiles(on=TODAY)
    involvement.refresh(as_of=TODAY, scope=EVERYBODY)
    organisations, _ = made_up.ensure_templates(at=AT)
    agree_from_template(
        template=organisations, as_of=TODAY, new_since=date(2025, 7, 29), is_simulated=True
    )
    with connection.cursor() as cursor:
        # what a transaction has not committed, nobody else looks at
        cursor.execute("ANALYZE success_plan, success_milestone, engagement_involvement")
    milestones.refresh(scope=EVERYBODY)
    made_up.ensure_agreements(on=TODAY, at=AT)
    make_default_plays(effective_from=date(2026, 7, 1))


@pytest.mark.django_db
def test_the_ledger_gives_its_known_years_and_nothing_else_follows_money(association):
    first = night()
    assert (Member.objects.count(), Term.objects.count()) == (1631, 6470)
    assert Intervention.objects.count() > 100
    with (DATA / "expected_nrr_by_calendar_year.csv").open() as file:
        expected = {row["period_end"]: row for row in csv.DictReader(file)}
    found = RevenuePeriod.objects.filter(
        kind=PeriodKind.CALENDAR_YEAR,
        basis=RevenueBasis.IN_FORCE,
        dimension="all",
        is_final=True,
    )
    by_end = {row.ends_on.isoformat(): row for row in found}
    amounts = ("new", "reactivation", "expansion", "contraction", "churn")
    for end, row in expected.items():
        said = by_end[end]
        kept = said.opening + said.expansion - said.contraction - said.churn
        assert [said.opening, said.closing, *(getattr(said, name) for name in amounts)] == [
            Decimal(row["opening_arr"]),
            Decimal(row["closing_arr"]),
            *(Decimal(row[name]) for name in amounts),
        ]
        assert (said.base_members, said.base_members - said.kept_members) == (
            int(row["base_orgs"]),
            int(row["lost_orgs"]),
        )
        assert round(kept / said.opening, 6) == Decimal(row["nrr"])
        assert round(said.kept_min / said.opening, 6) == Decimal(row["grr"])
    assert len(expected) == 7

    assert sum(written(night(full=True)).values()) == 0

    with connection.cursor() as cursor:
        cursor.execute(PERMUTE_DUES)
    moved = written(night(full=True))
    assert moved.pop("revenue") > 100
    assert moved.pop("integrity") == 2  # the reading, and what was won
    assert moved.pop("months") > 10
    assert moved.pop("movements") > 3
    assert moved.pop("money") > 2  # what its pages open with
    assert {stage: rows for stage, rows in moved.items() if rows} == {}
    assert written(first)["facts"] > 1631


def decided(people):
    """Everything that is decided about members, by their names' order and not by its rows.

    Who serves them in which segment and why, what people carry now and in the half year ahead,
    how engaged members are and where they stand, and each person's queue in its order.
    """
    grace = Association.current().grace_days
    return {
        "assigned": list(
            Assignment.objects.order_by("member_id").values_list(
                "member_id", "segment__key", "owner__email", "reason", "assigned_on"
            )
        ),
        "moves": sorted(
            AssignmentChange.objects.values_list(
                "member_id", "from_segment__key", "to_segment__key", "to_owner__email"
            ),
            key=str,
        ),
        "picture": repr(capacity.picture(as_of=TODAY, grace_days=grace)),
        "weeks": list(
            WeekLoad.objects.order_by("user__email", "week").values_list(
                *("user_id", "week", "members", "needed_minutes", "given_minutes"),
                "available_minutes",
            )
        ),
        "stages": list(
            Circumstance.objects.order_by("member_id").values_list(
                "member_id", "stage", "stage_since", "term_ends_on", "is_protected"
            )
        ),
        "involved": list(
            Involvement.objects.order_by(
                "member_id", "area", "subject", "person_id", "starts_on"
            ).values_list("member_id", "area", "subject", "person_id", "starts_on", "ends_on")
        ),
        "vectors": list(
            MemberFacts.objects.order_by("member_id").values_list(
                *("member_id", "state", "held_on", "pace_milli"),
                *("people_involved", "subjects_involved", "blocking__key"),
            )
        ),
        "queue": [
            (person.email, item.play.key, item.member_id, item.occurrence, item.due_on)
            for person in people
            for item in queue.today(person, as_of=TODAY).select_related("play")
        ],
    }


@pytest.mark.django_db
def test_whatever_members_pay_the_same_is_decided_from_the_very_start(association):
    ensure_default_model(at=AT)
    User.objects.filter(role=Role.MSM).update(weekly_hours=30)
    people = list(User.objects.filter(role=Role.MSM).order_by("email"))
    start = transaction.savepoint()
    night()
    found = decided(people)
    paid = RevenuePeriod.objects.order_by("-ends_on", "pk").values_list("closing", "expansion")
    sums = list(paid.all())
    transaction.savepoint_rollback(start)
    assert not Assignment.objects.exists()

    with connection.cursor() as cursor:
        cursor.execute(PERMUTE_DUES)
    night()
    again = decided(people)

    for name in found:
        assert (name, found[name]) == (name, again[name])
    assert list(paid.all()) != sums
    # nothing is equal for being empty
    assert len(found["assigned"]) > 1600
    assert {owner for _member, _segment, owner, *_ in found["assigned"]} > {None}
    assert len(found["queue"]) > 100
    assert all(found.values())
