import random
from collections import defaultdict
from datetime import date, timedelta

import pytest

from members.enums import LinkKind
from members.models import AccountLink
from success.engine import retention as engine
from success.engine.retention import Month, Spell, months_between, observed, table
from success.engine.survival import Observation, kaplan_meier, log_rank
from success.models import RetentionEvent
from success.queries import retention as reads
from success.queries.outlook import membership_runs
from success.rollups import retention
from tests.oracles import oracle
from tests.success.ledgers import MORNING, add_lines, line

pytestmark = pytest.mark.django_db
GRACE = 30
AS_OF = date(2026, 1, 10)


def refresh():
    return retention.refresh(as_of=AS_OF, grace_days=GRACE)


def stored(dimension="all", value="", spell=1):
    return [
        Month(row.month, row.at_risk, row.events, row.censored)
        for row in RetentionEvent.objects.filter(
            dimension=dimension, value=value, spell=spell
        ).order_by("month")
    ]


def random_ledger(seed):
    """Members who join any day, renew for one to three years, lapse, come back."""
    draw = random.Random(seed)
    lines = []
    for number in range(60):
        day = date(2016, 1, 1) + timedelta(days=draw.randrange(3000))
        for _ in range(draw.randrange(1, 6)):
            end = day + timedelta(days=draw.choice([31, 365, 366, 730, 1095]))
            tier = draw.choice(["Gold", "Silver"])
            lines.append(line(f"m{number}", day.isoformat(), end.isoformat(), 1, tier))
            day = end + timedelta(days=draw.choice([0, 0, 0, 0, 29, 30, 400]))
            if day >= AS_OF:
                break
    return lines


@pytest.mark.parametrize("seed", range(5))
def test_rollup_equals_the_engine(seed):
    add_lines(random_ledger(seed))
    refresh()
    begin = retention.records_begin()
    runs = membership_runs(kind="organisation", as_of=AS_OF, grace_days=GRACE)
    groups = defaultdict(list)
    before = None
    for run in runs:
        spell = 2 if run.member == before else 1
        before = run.member
        seen = observed(
            Spell(
                begins_on=run.begins_on,
                known_until=run.known_until(AS_OF),
                left_on=run.left_on,
                watched_from=begin,
            )
        )
        if seen is not None:
            groups[spell, "all", ""].append(seen)
            groups[spell, "cohort", str(run.begins_on.year)].append(seen)

    assert groups[2, "all", ""]
    for (spell, dimension, value), seen in groups.items():
        assert stored(dimension, value, spell) == table(seen)
        assert engine.curve(stored(dimension, value, spell)) == kaplan_meier(seen)
    first = {
        value: seen
        for (spell, by, value), seen in groups.items()
        if (spell, by) == (1, "cohort")
    }
    big = {value: seen for value, seen in first.items() if len(seen) >= 5}
    assert reads.retention(by="cohort").test == log_rank(big)


def test_the_second_run_writes_nothing():
    add_lines(random_ledger(1))

    assert refresh().rows_out > 0
    assert refresh().rows_out == 0


def test_grace_is_censored_at_expiry_and_leaving_dated_there():
    add_lines(
        [
            line("left", "2024-01-01", "2025-01-01", 1),
            line("in grace", "2024-01-01", "2026-01-01", 1),
            line("stays", "2024-01-05", "2027-01-05", 1),
        ]
    )
    refresh()

    rows = {row.month: row for row in stored()}
    assert (rows[12].at_risk, rows[12].events) == (3, 1)
    assert (rows[24].at_risk, rows[24].events, rows[24].censored) == (2, 0, 2)
    assert max(rows) == 24


def test_who_goes_on_under_another_account_has_not_left():
    members = add_lines(
        [
            line("person", "2023-01-01", "2024-01-01", 1),
            line("firm", "2024-01-01", "2027-01-01", 1),
        ]
    )
    AccountLink.objects.create(
        member=members["person"],
        survivor=members["firm"],
        kind=LinkKind.values[0],
        since=date(2024, 1, 1),
        linked_at=MORNING,
    )
    refresh()

    assert [(row.events, row.censored) for row in stored() if row.month == 12] == [(0, 1)]


def test_who_comes_back_has_a_second_spell_apart():
    add_lines(
        [
            line("m", "2020-01-01", "2021-01-01", 1),
            line("m", "2023-01-01", "2025-01-01", 1),
        ]
    )
    refresh()

    assert [row.month for row in stored() if row.events] == [12]
    assert [row.month for row in stored(spell=2) if row.events] == [24]


def test_who_joined_before_the_records_enters_late():
    add_lines(
        [
            line("long", "2000-01-01", "2019-01-01", 1),
            line("first end", "2017-01-01", "2018-01-01", 1),
        ]
    )
    refresh()

    assert retention.records_begin() == date(2017, 12, 31)
    rows = {row.month: row.at_risk for row in stored()}
    # the long one is seen from the 216th month on; the other at its end
    assert (rows[11], rows[12], rows[13], rows[215], rows[216]) == (0, 1, 0, 0, 1)


def test_no_terms_no_curve():
    assert refresh().rows_out == 0
    assert reads.retention(by="tier").everybody is None


@pytest.mark.parametrize("case", ["KM_membership"])
def test_stored_table_gives_the_oracle(case):
    months = [
        (12, 1),
        (12, 1),
        (12, 0),
        (24, 1),
        (24, 0),
        (30, 0),
        (36, 1),
        (36, 0),
        (48, 0),
        (60, 0),
    ]
    found = engine.curve(table(Observation(time, bool(left)) for time, left in months))

    assert [
        [step.time, step.at_risk, step.events, str(step.survival)] for step in found.steps
    ] == oracle(case)


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2024-01-01", "2025-01-01", 12),
        ("2024-01-31", "2024-02-29", 1),
        ("2024-02-29", "2025-02-28", 12),
        ("2024-01-15", "2024-02-14", 0),
        ("2023-12-31", "2024-12-30", 11),
    ],
)
def test_months_are_completed_ones(start, end, months):
    assert months_between(date.fromisoformat(start), date.fromisoformat(end)) == months


def test_members_behind_a_group_are_as_many_as_it_says():
    add_lines(random_ledger(2))
    refresh()
    found = reads.retention(by="tier")

    for group in found.groups:
        asked = {
            "as_of": AS_OF,
            "grace_days": GRACE,
            "spell": 1,
            "by": "tier",
            "value": group.value,
        }
        assert len(reads.memberships(**asked, size=1000)) == group.members
        year = group.years[1]
        assert len(reads.memberships(**asked, year=2, size=1000)) == year.at_risk
