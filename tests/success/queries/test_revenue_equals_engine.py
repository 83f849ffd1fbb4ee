"""The SQL of revenue against the engine, on ledgers nobody would think of."""

from collections import Counter
from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from success.engine.revenue import (
    Kind,
    Measure,
    Status,
    in_force_measure,
    membership_measure,
    to_places,
)
from success.enums import Dimension, RevenueBasis
from success.queries.movements import Asked, Narrowed, movements_between
from success.queries.revenue import Figures, RevenueFigures, revenue_between
from success.rollups import ledger
from tests.examples import example
from tests.success.ledgers import Line, add_lines, as_engine, assign, day

pytestmark = pytest.mark.django_db
on_random_ledgers = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def lines(draw: st.DrawFn) -> list[Line]:
    """Up to four members with terms that touch, gap, overlap and start together."""
    drawn = []
    for member in "ABCD"[: draw(st.integers(1, 4))]:
        for _ in range(draw(st.integers(0, 5))):
            starts = draw(st.integers(0, 60))
            drawn.append(
                Line(
                    member,
                    day(starts),
                    day(starts + draw(st.integers(1, 20))),
                    draw(
                        st.sampled_from(
                            [Decimal(0), Decimal(100), Decimal("100.01"), Decimal(250)]
                        )
                    ),
                    draw(st.sampled_from(["Bronze", "Silver", "Gold"])),
                )
            )
    return drawn


periods = st.tuples(
    st.integers(0, 70), st.integers(1, 40), st.integers(0, 25), st.sampled_from([0, 1, 5, 12])
)


def store(drawn: list[Line]) -> None:
    members = add_lines(drawn)
    for name, key in [("A", "north"), ("B", "north"), ("C", "south")]:
        if name in members:
            assign([members[name]], key=key)


def as_measured(measure: Measure) -> dict[str, object]:
    return {
        "opening": measure.opening,
        "new": measure.new,
        "reactivation": measure.reactivation,
        "expansion": measure.expansion,
        "contraction": measure.contraction,
        "churn": measure.churn,
        "closing": measure.closing,
        "base_members": measure.base_accounts,
        "kept_members": measure.base_accounts - measure.churned_accounts,
        "new_members": measure.new_accounts,
        "reactivated_members": measure.reactivated_accounts,
        "lost_logos": measure.lost_logos,
        "members_open": measure.members_open,
        "members_close": measure.members_close,
        "lost_members": measure.churned_accounts,
        "nrr": _places(measure.nrr),
        "grr": _places(measure.grr),
        "logo_retention": _places(measure.logo_retention),
        "logo_churn": _places(measure.logo_churn),
    }


def as_figures(figures: Figures) -> dict[str, object]:
    derived = ["members_open", "members_close", "lost_members", "nrr", "grr"]
    derived += ["logo_retention", "logo_churn"]
    return {
        name: getattr(figures, name)
        for name in [f.name for f in fields(figures) if f.name != "price"] + derived
    }


def _places(ratio: object) -> Decimal | None:
    return None if ratio is None else to_places(ratio, 6)


def expected(  # noqa: PLR0913  # the whole question
    drawn: list[Line],
    *,
    basis: RevenueBasis,
    opening: date,
    closing: date,
    as_of: date,
    grace: int,
):
    known = as_engine(drawn, as_of=as_of)
    if basis == RevenueBasis.IN_FORCE:
        measure = in_force_measure(known, opening_day=opening, closing_day=closing)
        return measure, measure, ()
    both = membership_measure(
        known, opening_day=opening, closing_day=closing, as_of=as_of, grace_days=grace
    )
    return both.optimistic, both.strict, both.undecided


@pytest.mark.parametrize("basis", RevenueBasis)
@given(drawn=lines(), period=periods)
@on_random_ledgers
def test_revenue_between_equals_the_engine(basis, drawn, period):
    opens, length, later, grace = period
    opening, closing, as_of = day(opens), day(opens + length), day(opens + length + later)
    optimistic, strict, undecided = expected(
        drawn, basis=basis, opening=opening, closing=closing, as_of=as_of, grace=grace
    )
    asked = {
        "opening_on": opening,
        "closing_on": closing,
        "as_of": as_of,
        "basis": basis,
        "grace_days": grace,
    }
    with example():
        store(drawn)
        (everybody,) = revenue_between(**asked)
        rows = movements_between(Asked(**asked), size=10).items
        groups = {
            of: revenue_between(**asked, dimension=of)
            for of in [Dimension.TIER, Dimension.SEGMENT]
        }

    assert as_figures(everybody.optimistic) == as_measured(optimistic)
    assert as_figures(everybody.strict) == as_measured(strict)
    assert everybody.undecided_members == len(undecided)
    assert everybody.status == (Status.PROVISIONAL if undecided else Status.FINAL)
    assert everybody.undecided == optimistic.closing - strict.closing
    assert sorted((r.name, r.opening, r.closing, r.kind, r.amount) for r in rows) == [
        (m.account, m.opening, m.closing, m.kind, m.amount) for m in optimistic.movements
    ]
    assert {r.name for r in rows if r.is_undecided} == set(undecided) & {r.name for r in rows}
    for of, found in groups.items():
        assert_groups_are_the_engine_on_their_members(
            of,
            found,
            drawn,
            rows,
            undecided,
            basis=basis,
            opening=opening,
            closing=closing,
            as_of=as_of,
            grace=grace,
        )


def assert_groups_are_the_engine_on_their_members(
    of, found: list[RevenueFigures], drawn, rows, undecided, **asked
):
    group_of = {row.name: row.tier if of == Dimension.TIER else row.segment for row in rows}
    assert sum(row.undecided_members for row in found) == len(undecided)
    paying = {group.value: group for group in found if group.value in group_of.values()}
    assert sorted(paying) == sorted(set(group_of.values()))
    for value, group in paying.items():
        own = [line for line in drawn if group_of.get(line.member) == value]
        optimistic, strict, _ = expected(own, **asked)
        assert as_figures(group.optimistic) == as_measured(optimistic)
        assert as_figures(group.strict) == as_measured(strict)


@pytest.mark.parametrize("basis", RevenueBasis)
@given(
    drawn=lines(),
    spacing=st.tuples(st.integers(1, 9), st.integers(1, 4)),
    later=st.integers(0, 9),
    grace=st.sampled_from([0, 1, 5, 12]),
)
@on_random_ledgers
def test_along_equals_compare_on_every_pair_of_days(basis, drawn, spacing, later, grace):
    apart, lag = spacing
    days = [day(number) for number in range(0, 90, apart)][:12]
    as_of = days[-1] + timedelta(days=later)
    with example():
        store(drawn)
        pairs = list(
            ledger.along(days=days, lags=[lag], as_of=as_of, grace_days=grace, basis=basis)
        )
        compared = [
            ledger.compare(
                openings=[opening], closing=closing, as_of=as_of, grace_days=grace
            ).tallies[basis, 0]
            for opening, closing, _ in pairs
        ]

    assert [(opening, closing) for opening, closing, _ in pairs] == list(
        zip(days, days[lag:], strict=False)
    )
    assert [sums(tallies) for _, _, tallies in pairs] == [sums(tallies) for tallies in compared]


def sums(tallies: ledger.Tallies):
    """All but lost logos, which ``along`` does not tell from lost dues."""
    return {
        group: (
            replace(tally.sums(strict=False), lost_logos=0),
            replace(tally.sums(strict=True), lost_logos=0),
            tally.undecided,
            tally.undecided_of_base,
            tally.undecided_min,
            tally.undecided_members,
            tally.undecided_of_base_members,
        )
        for group, tally in tallies.items()
        if not tally.is_empty
    }


@given(drawn=lines(), period=periods, size=st.integers(1, 3))
@on_random_ledgers
def test_movements_page_through_every_member_once(drawn, period, size):
    opens, length, later, grace = period
    asked = {
        "opening_on": day(opens),
        "closing_on": day(opens + length),
        "as_of": day(opens + length + later),
        "basis": RevenueBasis.MEMBERSHIP,
        "grace_days": grace,
    }
    with example():
        store(drawn)
        whole = movements_between(Asked(**asked), size=50).items
        paged, after = [], None
        while True:
            page = movements_between(Asked(**asked), size=size, after=after)
            paged += page.items
            if not (after := page.next):
                break
        by_kind = {
            kind: movements_between(Asked(**asked), only=Narrowed(kinds=[kind])).items
            for kind in Kind
        }

    assert paged == whole
    assert [row.amount for row in whole] == sorted((r.amount for r in whole), reverse=True)
    assert {kind: len(rows) for kind, rows in by_kind.items() if rows} == Counter(
        r.kind for r in whole
    )
