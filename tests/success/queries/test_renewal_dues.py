"""What was up for renewal: the SQL against the engine, and the rows behind each figure."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.enums import LinkKind
from members.models import Association
from members.models.dues import Dues, ExchangeRate
from members.services.links import link_accounts
from success.engine.available import Outcome, available_to_renew, ended_between
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
YEAR = {"since": date(2025, 1, 1), "until": date(2026, 1, 1)}
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


def each_month(drawn, *, as_of, grace, links=()):
    """Month by month, with the links as they are when it closes."""
    found = []
    month = EVER["since"]
    while month < EVER["until"]:
        closes = rollup.month_after(month)
        survivors = {member: into for member, into, since in links if since <= closes}
        found += ended_between(
            link(as_engine(drawn, as_of=as_of), survivors=survivors),
            since=month,
            until=closes,
            as_of=as_of,
            grace_days=grace,
        )
        month = closes
    return found


def by_engine(drawn, **known):
    """What the engine says, by month and tier."""
    found = defaultdict(list)
    for one in each_month(drawn, **known):
        found[one.on.replace(day=1), one.tier].append(one)
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


def linked_to_a():
    """Up to two members who are counted with another from some day."""
    return st.lists(
        st.tuples(st.sampled_from("BCD"), st.just("A"), st.integers(0, 120).map(day)),
        max_size=2,
        unique_by=lambda link: link[0],
    )


def store(drawn, *, links):
    """Store lines and links; return the members by name, and the links that could be made."""
    members = add_lines(drawn)
    made = [one for one in links if one[0] in members and one[1] in members]
    for member, into, since in made:
        link_accounts(
            member=members[member], survivor=members[into], kind=LinkKind.ROSTER,
            since=since, by=None, at=NOON,
        )  # fmt: skip
    return members, made


on_random_ledgers = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@on_random_ledgers
@given(
    drawn=lines(),
    asked=st.integers(0, 170),
    grace=st.sampled_from([0, 1, 5, 30]),
    joined=linked_to_a(),
)
def test_the_night_says_what_the_engine_says(drawn, asked, grace, joined):
    as_of = day(asked)
    with example():
        _members, links = store(drawn, links=joined)
        rollup.refresh(as_of=as_of, since=None, grace_days=grace)
        found = by_engine(drawn, as_of=as_of, grace=grace, links=links)
        assert stored() == as_rows(found)
        assert rollup.refresh(as_of=as_of, since=None, grace_days=grace).rows_out == 0


def pages_of(*, size, **asked):
    """The whole list, page by page; no page is longer than asked for."""
    rows, after = [], None
    while page := renewal_dues.ended_between(**EVER, **asked, after=after, size=size):
        assert len(page) <= size
        rows += page
        after = (page[-1].on, page[-1].member_id)
    return rows


def as_listed(found, members):
    """Rows of the engine as the list has them, newest first."""
    rows = [
        (one.on, members[one.account].pk, one.tier, one.before, one.after, one.outcome)
        for one in found
    ]
    return sorted(rows, key=lambda row: row[:2], reverse=True)


@on_random_ledgers
@given(
    drawn=lines(),
    asked=st.integers(0, 170),
    grace=st.sampled_from([0, 1, 5, 30]),
    joined=linked_to_a(),
    size=st.integers(1, 4),
    tier=st.sampled_from([None, None, "Gold", "Bronze"]),
    outcome=st.sampled_from(["", *Outcome]),
)
def test_pages_are_what_the_engine_says_of_the_whole(  # noqa: PLR0913  # drawn apart
    *, few_at_once, drawn, asked, grace, joined, size, tier, outcome
):
    as_of = day(asked)
    with example():
        members, links = store(drawn, links=joined)
        Association.objects.update_or_create(pk=1, defaults={"grace_days": grace})
        whole = [
            one
            for one in each_month(drawn, as_of=as_of, grace=grace, links=links)
            if tier in {None, one.tier}
            and (one.outcome == outcome if outcome else one.outcome != Outcome.REINSTATED)
        ]
        rows = pages_of(as_of=as_of, tier=tier, outcome=outcome, size=size)
        assert [
            (row.on, row.member_id, row.tier, row.before, row.after, row.outcome)
            for row in rows
        ] == as_listed(whole, members)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=lines(), asked=st.integers(0, 170), joined=linked_to_a())
def test_pages_add_up_to_the_night_at_the_rates_of_each_month(
    few_at_once, drawn, asked, joined
):
    as_of = day(asked)
    with example():
        store(drawn, links=joined)
        Association.objects.update_or_create(pk=1, defaults={"grace_days": 5})
        Dues.objects.filter(term__tier="Gold").update(currency="EUR")
        for month in range(5):
            on, rate = day(31 * month - 40), Decimal(11 + month) / 10
            ExchangeRate.objects.create(currency="EUR", on=on, rate=rate)
        rollup.refresh(as_of=as_of, since=None, grace_days=5)
        found = defaultdict(Decimal)
        for outcome in Outcome:
            for row in pages_of(as_of=as_of, outcome=outcome, size=2):
                found[row.on.replace(day=1), row.tier, outcome] += row.before or row.after
        assert found == {
            (row.month, row.tier, outcome): amount
            for row in RenewableMonth.objects.all()
            for outcome, amount in (
                (Outcome.RENEWED, row.renewed + row.less),
                (Outcome.LAPSED, row.lapsed),
                (Outcome.UNDECIDED, row.undecided),
                (Outcome.REINSTATED, row.reinstated),
            )
            if amount
        }


@pytest.fixture
def few_at_once(monkeypatch):
    """Batches so small that short lists take several."""
    monkeypatch.setattr(renewal_dues, "FEWEST_PER_ROW", 1)
    monkeypatch.setattr(renewal_dues, "GROWTH", 1)
    monkeypatch.setattr(renewal_dues, "MOST_AT_ONCE", 2)


def test_linked_accounts_stand_among_the_others_of_their_month():
    drawn = [
        *(line("A", "2023-01-01", "2024-05-20", 100), line("B", "2023-01-01", "2024-05-05", 1)),
        *(line("C", "2023-01-01", "2024-05-10", 100), line("D", "2023-01-01", "2024-03-10", 1)),
    ]
    members, _links = store(drawn, links=[("B", "A", date(2023, 6, 1))])

    # B's dues end inside the stretch of A, with which it is counted
    assert [
        (row.name, row.on.day)
        for row in pages_of(as_of=T1, outcome="lapsed", size=1)
        if row.member_id != members["D"].pk
    ] == [("A", 20), ("C", 10)]


def test_months_in_which_no_linked_account_may_have_a_row_are_passed_over(
    django_assert_num_queries,
):
    drawn = [
        *(line("A", "2023-01-01", "2024-01-10", 100), line("B", "2023-01-01", "2024-11-05", 1)),
        line("C", "2023-01-01", "2024-05-10", 100),
    ]
    store(drawn, links=[("B", "A", date(2023, 6, 1))])

    # the association and the ledger; the others' terms and rows; the linked ones' months, two
    with django_assert_num_queries(7):
        found = renewal_dues.ended_between(**EVER, as_of=T1, outcome="lapsed", size=9)
    assert [(row.name, str(row.on)) for row in found] == [
        ("A", "2024-11-05"),
        ("C", "2024-05-10"),
    ]


def test_a_page_looks_into_few_members_however_many_there_are():
    add_lines(
        line(f"M{number}", "2024-01-01", str(date(2025, 1, 1) + timedelta(days=number)), 100)
        for number in range(300)
    )
    looked_at = []

    def looks(execute, sql, params, many, context):
        looked_at.extend([params["members"]] if "members" in params else [])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(looks):
        found = renewal_dues.ended_between(**YEAR, as_of=T1, size=5)

    assert [str(row.on) for row in found][::4] == ["2025-10-27", "2025-10-23"]
    assert [len(members) for members in looked_at] == [10]


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
