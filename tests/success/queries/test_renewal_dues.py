"""What was up for renewal: the SQL against the engine, and the rows behind each figure."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.enums import LinkKind
from members.models.dues import ExchangeRate
from members.services.links import link_accounts
from success.engine.available import available_to_renew, ended_between
from success.engine.revenue import MixedCurrencies, link
from success.models import RenewableMonth
from success.queries import renewal_dues
from success.rollups import renewal_dues as rollup
from tests.examples import example
from tests.factories import NOON
from tests.success.engine.test_revenue import GRACE, LEDGER, T1
from tests.success.ledgers import Line, add_lines, as_engine, day, line

pytestmark = pytest.mark.django_db
EVER = {"since": date(2023, 12, 1), "until": date(2025, 1, 1)}
SUMS = ("available", "renewed", "less", "more", "lapsed", "undecided", "reinstated")
MEMBERS = ("renewed_members", "lapsed_members", "undecided_members", "reinstated_members")


@st.composite
def lines(draw: st.DrawFn) -> list[Line]:
    """Up to four members with terms that touch, gap, overlap and start together."""
    return [
        Line(
            member,
            day(starts),
            day(starts + draw(st.integers(1, 40))),
            draw(st.sampled_from([Decimal(0), Decimal(100), Decimal("100.01"), Decimal(250)])),
            draw(st.sampled_from(["Bronze", "Silver", "Gold"])),
            is_provisional=draw(st.booleans()) and draw(st.booleans()),
        )
        for member in "ABCD"[: draw(st.integers(1, 4))]
        for _ in range(draw(st.integers(0, 6)))
        for starts in [draw(st.integers(0, 120))]
    ]


def by_engine(drawn, *, as_of, grace, links=()):
    """Month by month, with the links as they are when it closes; by month and tier."""
    found = defaultdict(list)
    month = EVER["since"]
    while month < EVER["until"]:
        closes = rollup._next_month(month)  # noqa: SLF001  # the same calendar
        survivors = {member: into for member, into, since in links if since <= closes}
        for one in ended_between(
            link(as_engine(drawn, as_of=as_of), survivors=survivors),
            since=month,
            until=closes,
            as_of=as_of,
            grace_days=grace,
        ):
            found[month, one.tier].append(one)
        month = closes
    return {key: available_to_renew(ended) for key, ended in found.items()}


def stored():
    return {
        (row.month, row.tier): {name: getattr(row, name) for name in (*MEMBERS, *SUMS)}
        for row in RenewableMonth.objects.all()
    }


def as_rows(found):
    return {
        key: {name: getattr(each, name) for name in (*MEMBERS, *SUMS)}
        for key, each in found.items()
    }


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    drawn=lines(),
    asked=st.integers(0, 170),
    grace=st.sampled_from([0, 1, 5, 30]),
    joined=st.lists(
        st.tuples(st.sampled_from("BCD"), st.just("A"), st.integers(0, 120).map(day)),
        max_size=2,
        unique_by=lambda link: link[0],
    ),
)
def test_the_night_says_what_the_engine_says(drawn, asked, grace, joined):
    as_of = day(asked)
    with example():
        members = add_lines(drawn)
        links = [one for one in joined if one[0] in members and one[1] in members]
        for member, into, since in links:
            link_accounts(
                member=members[member], survivor=members[into], kind=LinkKind.ROSTER,
                since=since, by=None, at=NOON,
            )  # fmt: skip
        rollup.refresh(as_of=as_of, since=None, grace_days=grace)
        found = by_engine(drawn, as_of=as_of, grace=grace, links=links)
        assert stored() == as_rows(found)
        assert rollup.refresh(as_of=as_of, since=None, grace_days=grace).rows_out == 0


def worked_ledger(*, linked=True):
    """The ledger of twelve (DOMAIN 4.4) as stored, counted on its closing day."""
    members = add_lines(
        Line(each.account, each.starts_on, each.ends_on, each.annual_amount) for each in LEDGER
    )
    if linked:
        link_accounts(
            member=members["L"], survivor=members["M"], kind=LinkKind.ROSTER,
            since=date(2025, 9, 1), by=None, at=NOON,
        )  # fmt: skip
    rollup.refresh(as_of=T1, since=None, grace_days=GRACE)
    return members


YEAR = {"since": date(2025, 1, 1), "until": date(2026, 1, 1)}


def test_the_worked_ledger_by_count_and_by_dues(settings):
    worked_ledger()
    found = renewal_dues.available_between(**YEAR)

    assert found.covers_until == T1
    assert [getattr(found.everybody, name) for name in MEMBERS] == [4, 2, 1, 2]
    assert [getattr(found.everybody, name) for name in SUMS] == [
        *(Decimal(20_600), Decimal(14_200), Decimal(1000), Decimal(1200)),
        *(Decimal(5200), Decimal(200), Decimal(5200)),
    ]
    said = renewal_dues.plain(found)
    assert said["rate_optimistic"] == Decimal("0.699029")
    assert said["rate_strict"] == Decimal("0.689320")
    assert said["net_rate_strict"] == Decimal("0.747573")
    assert said["member_rate_strict"] == Decimal("0.571429")
    assert (said["members"], said["status"], said["currency"]) == (7, "provisional", "USD")


@pytest.fixture
def grace_of_ninety():
    association = renewal_dues.Association.current()
    association.grace_days = GRACE
    association.save()


def test_the_members_behind_a_figure_add_up_to_it(grace_of_ninety):
    worked_ledger()
    asked = {**YEAR, "as_of": T1}
    whole = renewal_dues.ended_between(**asked, size=50)

    assert [(row.name, str(row.on)) for row in whole] == [
        *(("F", "2025-12-01"), ("M", "2025-10-01"), ("A", "2025-07-01")),
        *(("B", "2025-05-01"), ("C", "2025-04-01"), ("E", "2025-02-15")),
        ("D", "2025-02-01"),
    ]
    assert sum(row.before for row in whole) == Decimal(20_600)
    back = renewal_dues.ended_between(**asked, outcome="reinstated", size=50)
    assert [(row.name, row.after) for row in back] == [("E", 200), ("H", 5000)]
    lost = renewal_dues.ended_between(**asked, outcome="lapsed", tier="Full", size=50)
    assert sum(row.before for row in lost) == Decimal(5200)
    first = renewal_dues.ended_between(**asked, size=3)
    last = first[-1]
    rest = renewal_dues.ended_between(**asked, after=(last.on, last.member_id), size=50)
    assert first + rest == whole


def test_a_month_is_settled_when_its_last_grace_is_over():
    worked_ledger()
    again = rollup.refresh(as_of=date(2026, 3, 1), since=date(2026, 3, 1), grace_days=GRACE)

    assert again.rows_out > 0
    found = renewal_dues.available_between(**YEAR).everybody
    assert (found.undecided, found.lapsed) == (0, Decimal(5400))
    assert found.rate(strict=True) == found.rate(strict=False)


def test_a_count_of_an_earlier_day_changes_nothing():
    worked_ledger()
    before = stored()

    assert rollup.refresh(as_of=date(2025, 6, 1), since=None, grace_days=GRACE).rows_out == 0
    assert stored() == before


def test_other_currencies_count_at_the_rate_of_the_month_and_never_as_more():
    add_lines(
        [
            line("E", "2024-03-10", "2025-03-10", 100),
            line("E", "2025-03-10", "2026-03-10", 100),
        ],
        currency="EUR",
    )
    with pytest.raises(MixedCurrencies):
        renewal_dues.available_between(**YEAR)
    for on, rate in ((date(2024, 1, 1), "1.10"), (date(2025, 3, 5), "1.50")):
        ExchangeRate.objects.create(currency="EUR", on=on, rate=Decimal(rate))
    rollup.refresh(as_of=T1, since=None, grace_days=GRACE)

    found = renewal_dues.available_between(**YEAR).everybody
    assert (found.available, found.renewed, found.more) == (Decimal(110), Decimal(110), 0)


def test_without_terms_there_is_nothing_and_no_rate():
    assert rollup.refresh(as_of=T1, since=None, grace_days=GRACE).rows_out == 0
    found = renewal_dues.available_between(**YEAR)
    assert (found.covers_until, found.everybody.rate(strict=True)) == (None, None)
