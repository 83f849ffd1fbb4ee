"""Parts, transfers, reasons and scopes of movements: the SQL against the engine."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.enums import DepartureReason, LinkKind
from members.models import Departure, ExchangeRate, Member
from members.services.imports import Ledger, apply_batch, plan_ledger
from members.services.links import LinkRefused, link_accounts
from success.engine.revenue import (
    Kind,
    MixedCurrencies,
    Part,
    in_force_measure,
    link,
    membership_measure,
    to_places,
)
from success.enums import Dimension, RevenueBasis
from success.queries.movements import (
    EVERYBODY,
    Asked,
    Narrowed,
    first_of_moves,
    held,
    movements_between,
    of_all_kinds,
    prices_of,
    revenue_with_prices,
    totals,
)
from success.queries.revenue import revenue_between
from success.rollups import ledger
from tests.examples import example
from tests.factories import make_term
from tests.oracles import oracle
from tests.success.ledgers import MORNING, Line, add_lines, as_engine, assign, day, line
from tests.success.queries.test_revenue_equals_engine import as_figures, as_measured, sums

pytestmark = pytest.mark.django_db
few = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CENTS = st.sampled_from([Decimal(0), Decimal(40), Decimal("33.33")])


@st.composite
def told_lines(draw: st.DrawFn) -> list[Line]:
    """Up to four members with terms, half of which tell what they are made of."""
    drawn = []
    for member in "ABCD"[: draw(st.integers(2, 4))]:
        for _ in range(draw(st.integers(0, 4))):
            starts = draw(st.integers(0, 60))
            tells = draw(st.booleans())
            seats = (draw(st.integers(0, 3)), draw(CENTS)) if tells else None
            add_ons = draw(CENTS) if tells else Decimal(0)
            discount = draw(st.sampled_from([Decimal(0), Decimal("5.01")])) if tells else 0
            base = draw(st.sampled_from([Decimal(0), Decimal(100), Decimal(250)]))
            over = (seats[0] * seats[1] if seats else 0) + add_ons
            discount = Decimal(min(discount, base + over))
            drawn.append(
                Line(
                    member,
                    day(starts),
                    day(starts + draw(st.integers(1, 25))),
                    base + over - discount,
                    draw(st.sampled_from(["Bronze", "Silver"])),
                    seats=seats,
                    add_ons=add_ons,
                    discount=discount,
                    is_provisional=draw(st.integers(0, 9)) == 0,
                )
            )
    return drawn


pairs = st.tuples(st.sampled_from("ABCD"), st.sampled_from("ABCD"))
links_drawn = st.lists(
    st.tuples(pairs, st.integers(0, 80), st.one_of(st.none(), st.integers(1, 60))), max_size=3
)
leaves_drawn = st.lists(
    st.tuples(
        st.sampled_from("ABCD"), st.integers(0, 80), st.one_of(st.none(), st.integers(1, 40))
    ),
    max_size=2,
    unique_by=lambda leave: leave[:2],
)
periods = st.tuples(
    st.integers(0, 60), st.integers(1, 40), st.integers(0, 25), st.sampled_from([0, 5, 12])
)


def store(drawn, links, leaves):
    """Store all of it; return the links and leaves that could be."""
    members = add_lines(drawn)
    made = []
    for (member, survivor), since, lasts in links:
        if {member, survivor} <= members.keys():
            until = None if lasts is None else day(since + lasts)
            try:
                link_accounts(
                    member=members[member],
                    survivor=members[survivor],
                    kind=LinkKind.ROSTER,
                    since=day(since),
                    until=until,
                    by=None,
                    at=MORNING,
                )
            except LinkRefused:
                continue
            made.append((member, survivor, day(since), until))
    away = []
    for member, since, lasts in leaves:
        if member in members:
            until = None if lasts is None else day(since + lasts)
            Departure.objects.create(
                member=members[member],
                left_on=day(since),
                back_on=until,
                reason=DepartureReason.PAUSE,
                told_at=MORNING,
            )
            away.append((member, day(since), until))
    for name, key in [("A", "north"), ("B", "south")]:
        if name in members:
            assign([members[name]], key=key)
    return made, away


def on(day_asked, rows):
    return [
        row for row in rows if row[-2] <= day_asked and (row[-1] is None or row[-1] > day_asked)
    ]


def expected(drawn, made, away, asked):
    survivors = {member: into for member, into, *_ in on(asked.closing_on, made)}
    known = link(as_engine(drawn, as_of=asked.as_of), survivors=survivors)
    paused = {member for member, *_ in on(asked.closing_on, away) if member not in survivors}
    days = {"opening_day": asked.opening_on, "closing_day": asked.closing_on, "paused": paused}
    if asked.basis == RevenueBasis.IN_FORCE:
        measure = in_force_measure(known, **days)
        return measure, measure
    both = membership_measure(known, **days, as_of=asked.as_of, grace_days=asked.grace_days)
    return both.optimistic, both.strict


def question(basis, period):
    opens, length, later, grace = period
    return Asked(
        opening_on=day(opens),
        closing_on=day(opens + length),
        as_of=day(opens + length + later),
        basis=basis,
        grace_days=grace,
    )


def fields_of(asked):
    names = ("opening_on", "closing_on", "as_of", "basis", "grace_days")
    return {name: getattr(asked, name) for name in names}


@pytest.mark.parametrize("basis", RevenueBasis)
@given(drawn=told_lines(), links=links_drawn, leaves=leaves_drawn, period=periods)
@few
def test_parts_transfers_and_leaves_equal_the_engine(basis, drawn, links, leaves, period):
    asked = question(basis, period)
    with example():
        made, away = store(drawn, links, leaves)
        rows = movements_between(asked, size=10).items
        told = totals(asked)
        (figures,) = revenue_between(**fields_of(asked))
        pairs = revenue_with_prices(
            **{name: value for name, value in fields_of(asked).items() if name != "basis"},
            dimensions=[Dimension.TIER, Dimension.SEGMENT],
        )

    measure, strict = expected(drawn, made, away, asked)
    assert sorted(
        (r.name, r.opening, r.closing, r.kind, r.parts, r.transferred) for r in rows
    ) == [
        (m.account, m.opening, m.closing, m.kind, dict(m.parts), m.transferred)
        for m in measure.movements
    ]
    assert as_figures(figures.optimistic) == as_measured(measure)
    assert as_figures(figures.strict) == as_measured(strict)
    assert (told.opening, told.closing) == (measure.opening, measure.closing)
    gained = sum(told.amount(kind) for kind in (Kind.NEW, Kind.REACTIVATION, Kind.EXPANSION))
    lost = told.amount(Kind.CONTRACTION) + told.amount(Kind.CHURN)
    assert told.opening + gained - lost == told.closing
    assert told.amount(Kind.EXPANSION) == measure.expansion
    assert told.amount(Kind.CONTRACTION) == measure.contraction
    assert told.transferred == measure.transferred
    for part in Part:
        for kind in (None, Kind.EXPANSION, Kind.CONTRACTION):
            assert told.part(part, kind=kind) == measure.part(part, kind=kind)
    parts = sum(told.part(part) for part in Part)
    assert parts == told.amount(Kind.EXPANSION) + told.paused - told.amount(Kind.CONTRACTION)
    for name in ("nrr", "nrr_ex_price", "grr"):
        exact = getattr(measure, name)
        assert getattr(told, name) == (None if exact is None else to_places(exact, 6))
    priced, *groups = [pair[list(RevenueBasis).index(basis)] for pair in pairs]
    for figure, exact in ((priced.optimistic, measure), (priced.strict, strict)):
        assert figure.price == exact.part(Part.PRICE)
        ex_price = exact.nrr_ex_price
        assert figure.nrr_ex_price == (None if ex_price is None else to_places(ex_price, 6))
    for of in (Dimension.TIER, Dimension.SEGMENT):
        own = [group for group in groups if group.dimension == of]
        assert sum(group.optimistic.price for group in own) == priced.optimistic.price
        assert sum(group.strict.price for group in own) == priced.strict.price


@pytest.mark.parametrize("basis", RevenueBasis)
@given(
    drawn=told_lines(),
    links=links_drawn,
    leaves=leaves_drawn,
    spacing=st.tuples(st.integers(2, 9), st.integers(1, 3)),
    grace=st.sampled_from([0, 5]),
)
@few
def test_along_and_several_closings_follow_links_and_leaves(  # noqa: PLR0913, PLR0917  # a ledger, and how to read it
    basis, drawn, links, leaves, spacing, grace
):
    apart, lag = spacing
    days = [day(number) for number in range(0, 90, apart)][:12]
    as_of = days[-1] + timedelta(days=3)
    with example():
        store(drawn, links, leaves)
        along = list(
            ledger.along(days=days, lags=[lag], as_of=as_of, grace_days=grace, basis=basis)
        )
        spans = [(opening, closing) for opening, closing, _ in along]
        together = ledger.compare_pairs(pairs=spans, as_of=as_of, grace_days=grace)
        each = [
            ledger.compare(openings=[opening], closing=closing, as_of=as_of, grace_days=grace)
            for opening, closing in spans
        ]

    by_one = [sums(compared.tallies[basis, 0]) for compared in each]
    assert [sums(together.tallies[basis, index]) for index in range(len(spans))] == by_one
    assert [sums(tallies) for *_, tallies in along] == by_one


def everything_of(asked):
    return (
        first_of_moves(asked, size=3),
        of_all_kinds(asked, only=EVERYBODY),
        prices_of(asked),
    )


@given(drawn=told_lines(), links=links_drawn, leaves=leaves_drawn, period=periods)
@few
def test_a_period_that_is_held_says_what_is_worked_out_now(drawn, links, leaves, period):
    of_each = [question(basis, period) for basis in RevenueBasis]
    days = of_each[0].opening_on, of_each[0].closing_on
    rule = {"as_of": of_each[0].as_of, "grace_days": of_each[0].grace_days}
    # other days beside them change nothing, but that linked accounts are those of the close
    others = [*{days, (days[0] - timedelta(days=9), days[0])}]
    with example():
        store(drawn, links, leaves)
        now = [everything_of(asked) for asked in of_each]
        compared = ledger.compare_pairs(pairs=[days], **rule)
        for pairs in ([days], others):
            with ledger.held(pairs=pairs, **rule):
                assert ledger.compare_pairs(pairs=[days], **rule).tallies == compared.tallies
                for asked, said in zip(of_each, now, strict=True):
                    with held(asked):
                        assert everything_of(asked) == said


def year(**fields):
    start = {"opening_on": date(2025, 1, 1), "closing_on": date(2026, 1, 1)}
    end = {"as_of": date(2026, 2, 1), "basis": RevenueBasis.IN_FORCE, "grace_days": 0}
    return Asked(**(start | end | fields))


def test_an_escalator_is_told_from_seats_an_add_on_and_a_discount_that_ends():
    before = line("A", "2024-06-01", "2025-06-01", 1100)
    after = line("A", "2025-06-01", "2026-06-01", 1530)
    seats = {"seats": (10, Decimal(20)), "discount": Decimal(100)}
    more = {"seats": (15, Decimal(22)), "add_ons": Decimal(150)}
    add_lines([Line(**(vars(before) | seats)), Line(**(vars(after) | more))])

    told = totals(year())

    # base 1,000 to 1,050, five seats more at 20, 15 seats at 2 more, an add-on, no discount
    assert told.by_part == {
        (Kind.EXPANSION, Part.PRICE): Decimal(80),
        (Kind.EXPANSION, Part.SEATS): Decimal(100),
        (Kind.EXPANSION, Part.ADD_ON): Decimal(150),
        (Kind.EXPANSION, Part.DISCOUNT): Decimal(100),
    }
    assert told.nrr == Decimal("1.390909")
    assert told.nrr_ex_price == Decimal("1.318182")


def test_rows_are_narrowed_by_tier_segment_owner_and_year_of_joining():
    members = add_lines(
        [
            line("A", "2020-01-01", "2025-06-01", 100, tier="Gold"),
            line("B", "2024-01-01", "2025-06-01", 200, tier="Silver"),
            line("B", "2025-06-01", "2026-06-01", 300, tier="Gold"),
        ]
    )
    assign([members["A"]], key="north")

    def names(**only):
        found = [row.name for row in movements_between(year(), only=Narrowed(**only)).items]
        assert totals(year(), only=Narrowed(**only)).opening == sum(
            {"A": 100, "B": 200}[name] for name in found
        )
        return found

    assert names() == ["A", "B"]
    assert names(tier="Silver") == ["B"]
    assert names(segment="north") == ["A"]
    assert names(segment="") == ["B"]
    assert names(joined_in=2020) == ["A"]
    assert [
        row.name for row in movements_between(year(), only=Narrowed(part=Part.TIER)).items
    ] == ["B"]


def test_dues_in_another_currency_count_at_the_rate_of_the_opening_day():
    add_lines([line("A", "2024-06-01", "2025-06-01", "100.10")], currency="EUR")
    add_lines([line("A", "2025-06-01", "2026-06-01", "200")], currency="EUR")
    add_lines([line("B", "2024-06-01", "2026-06-01", "50")])
    ExchangeRate.objects.create(currency="EUR", on=date(2025, 6, 1), rate=Decimal(3))

    with pytest.raises(
        MixedCurrencies, match=r"EUR .* no rate of exchange is known for 2025-01-01"
    ):
        totals(year())
    ExchangeRate.objects.create(currency="EUR", on=date(2024, 12, 1), rate=Decimal("1.25"))

    told = totals(year())
    # 125.125 is a tie, and goes to the even cent
    assert told.opening == Decimal("175.12")
    assert told.closing == Decimal("300.00")
    (by_tier,) = revenue_between(**fields_of(year()), dimension=Dimension.TIER)
    assert by_tier.strict.opening == told.opening


def test_reasons_explain_churn_and_change_nothing():
    gone = make_term(starts_on=date(2024, 1, 1), ends_on=date(2025, 3, 1)).member
    away = make_term(starts_on=date(2024, 1, 1), ends_on=date(2025, 5, 1)).member
    make_term(starts_on=date(2024, 1, 1), ends_on=date(2025, 7, 1))
    for term in [*gone.terms.all(), *away.terms.all()]:
        assert term.dues.annual_amount > 0
    before = totals(year())
    for member, reason, left in [
        (gone, DepartureReason.RETIREMENT, date(2025, 3, 1)),
        (away, DepartureReason.PAUSE, date(2025, 5, 1)),
    ]:
        Departure.objects.create(member=member, left_on=left, reason=reason, told_at=MORNING)

    told = totals(year())

    assert (told.nrr, told.grr) == (before.nrr, before.grr)
    assert told.accounts(Kind.CHURN) == 2
    assert told.paused == told.amount(Kind.CONTRACTION) > 0
    assert {row.reason: row.is_avoidable for row in told.reasons} == {
        "retirement": False,
        "pause": None,
        "": None,
    }
    only = Narrowed(reason=DepartureReason.RETIREMENT)
    assert [row.member_id for row in movements_between(year(), only=only).items] == [gone.pk]


# The ledger of DOMAIN 4.4 as a membership system would export it: ends exclusive, M's seats told.
TWELVE_MEMBERS = """id,name,kind
A,A,organisation
B,B,organisation
C,C,organisation
D,D,individual
E,E,individual
F,F,individual
G,G,individual
H,H,organisation
I,I,organisation
J,J,individual
K,K,individual
L,L,individual
M,M,organisation
"""
TWELVE_TERMS = """member,tier,start,end,dues,amount,months,base_amount,seats,seat_price
A,Silver,2024-07-01,2025-07-01,5000,,,,,
A,Gold,2025-07-01,2026-07-01,6000,,,,,
B,Silver,2024-05-01,2025-05-01,5000,,,,,
B,Bronze,2025-05-01,2026-05-01,4000,,,,,
C,Silver,2024-04-01,2025-04-01,5000,,,,,
D,Person,2024-02-01,2025-02-01,200,,,,,
D,Person,2025-02-01,2026-02-01,200,,,,,
E,Person,2024-02-15,2025-02-15,200,,,,,
E,Person,2025-09-01,2026-09-01,200,,,,,
F,Person,2024-12-01,2025-12-01,200,,,,,
G,Person,2025-05-10,2026-05-10,200,,,,,
H,Silver,2023-06-15,2024-06-15,5000,,,,,
H,Silver,2025-04-01,2026-04-01,5000,,,,,
I,Silver,2024-03-01,2027-03-01,,13500,36,,,
J,Honorary,2020-01-01,2030-01-01,0,,,,,
K,Honorary,2024-06-01,2025-06-01,0,,,,,
K,Person,2025-06-01,2026-06-01,200,,,,,
L,Person,2024-09-01,2025-09-01,200,,,,,
M,Silver,2024-10-01,2025-10-01,5000,,,4000,5,200
M,Silver,2025-10-01,2026-10-01,5200,,,4000,6,200
"""


@pytest.fixture
def twelve(tmp_path):
    """The members of the worked ledger, by name, brought in by an import."""
    files = {"members.csv": TWELVE_MEMBERS, "terms.csv": TWELVE_TERMS}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    batch = plan_ledger(
        ledger=Ledger(
            organisations=tmp_path / "members.csv", terms=tmp_path / "terms.csv", mapping={}
        ),
        at=MORNING,
    )
    assert batch.counts["term"]["refuse"] == 0
    apply_batch(batch_id=batch.pk, at=MORNING, today=date(2026, 1, 1))
    return {member.name: member for member in Member.objects.all()}


def worked():
    return Asked(
        opening_on=date(2024, 12, 31),
        closing_on=date(2025, 12, 31),
        as_of=date(2025, 12, 31),
        basis=RevenueBasis.MEMBERSHIP,
        grace_days=90,
    )


def test_the_worked_ledger_gives_its_numbers_from_the_database(twelve):
    def found():
        (figures,) = revenue_between(**fields_of(worked()))
        said = (figures.optimistic, figures.strict)
        return [(float(each.nrr), float(each.grr)) for each in said]

    def rounded(*cases):
        return [round(oracle(case), 6) for case in cases]

    optimistic, strict = found()
    assert [optimistic[0], strict[0]] == rounded("NRR_ledger_opt", "NRR_ledger_strict")
    assert [optimistic[1]] == rounded("GRR_ledger_unlinked_opt")

    link_accounts(
        member=twelve["L"],
        survivor=twelve["M"],
        kind=LinkKind.ROSTER,
        since=date(2025, 9, 1),
        by=None,
        at=MORNING,
    )
    optimistic, strict = found()
    assert list(optimistic) == rounded("NRR_ledger_opt", "GRR_ledger_opt")
    assert list(strict) == rounded("NRR_ledger_strict", "GRR_ledger_strict")
    told = totals(worked())
    assert told.opening == Decimal(oracle("NRR_ledger_start"))
    assert (told.transferred, told.transferred_accounts) == (Decimal(200), 1)
    (moved,) = movements_between(worked(), only=Narrowed(kinds=[Kind.TRANSFER])).items
    assert (moved.name, moved.opening, moved.closing) == ("M", Decimal(5200), Decimal(5200))


def test_an_unlinked_seat_shows_as_a_seat(twelve):
    parts = {row.name: row.parts for row in movements_between(worked()).items if row.parts}

    assert parts == {
        "A": {Part.TIER: Decimal(1000)},
        "B": {Part.TIER: Decimal(-1000)},
        "M": {Part.SEATS: Decimal(200)},
    }
