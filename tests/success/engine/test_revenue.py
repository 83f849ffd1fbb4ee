from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.revenue import (
    Breakdown,
    Holding,
    Kind,
    LinkCycle,
    Measure,
    MembershipMeasure,
    MixedCurrencies,
    Movement,
    Part,
    Status,
    TermLine,
    annual_amount,
    arr,
    at_constant_rate,
    expansion_needed,
    in_force_measure,
    link,
    membership_measure,
    split,
    to_places,
)
from tests.oracles import oracle

T0, T1 = date(2024, 12, 31), date(2025, 12, 31)
GRACE = 90


def line(account: str, starts: str, ends: str, amount: int | Decimal) -> TermLine:
    return TermLine(
        account, date.fromisoformat(starts), date.fromisoformat(ends), Decimal(amount)
    )


LEDGER = [
    line("A", "2024-07-01", "2025-07-01", 5000),
    line("A", "2025-07-01", "2026-07-01", 6000),
    line("B", "2024-05-01", "2025-05-01", 5000),
    line("B", "2025-05-01", "2026-05-01", 4000),
    line("C", "2024-04-01", "2025-04-01", 5000),
    line("D", "2024-02-01", "2025-02-01", 200),
    line("D", "2025-02-01", "2026-02-01", 200),
    line("E", "2024-02-15", "2025-02-15", 200),
    line("E", "2025-09-01", "2026-09-01", 200),
    line("F", "2024-12-01", "2025-12-01", 200),
    line("G", "2025-05-10", "2026-05-10", 200),
    line("H", "2023-06-15", "2024-06-15", 5000),
    line("H", "2025-04-01", "2026-04-01", 5000),
    line("I", "2024-03-01", "2027-03-01", annual_amount(Decimal(13500), months=36)),
    line("J", "2020-01-01", "2030-01-01", 0),
    line("K", "2024-06-01", "2025-06-01", 0),
    line("K", "2025-06-01", "2026-06-01", 200),
    line("L", "2024-09-01", "2025-09-01", 200),
    line("M", "2024-10-01", "2025-10-01", 5000),
    line("M", "2025-10-01", "2026-10-01", 5200),
]
LINKS = {"L": "M"}


def measure_ledger(*, linked: bool = True, as_of: date = T1) -> MembershipMeasure:
    lines = link(LEDGER, survivors=LINKS) if linked else LEDGER
    return membership_measure(
        lines, opening_day=T0, closing_day=T1, as_of=as_of, grace_days=GRACE
    )


def as_float(ratio: Fraction | None) -> float:
    assert ratio is not None
    return float(ratio)


@pytest.mark.parametrize("case", ["NRR_ledger_start"])
def test_ledger_opens_with_the_paying_accounts(case: str) -> None:
    assert arr(LEDGER, on=T0) == oracle(case)
    assert (
        measure_ledger().optimistic.opening == measure_ledger().strict.opening == oracle(case)
    )


@pytest.mark.parametrize(
    ("case", "ratio"),
    [
        pytest.param("NRR_ledger_opt", measure_ledger().optimistic.nrr, id="NRR_ledger_opt"),
        pytest.param("NRR_ledger_strict", measure_ledger().strict.nrr, id="NRR_ledger_strict"),
        pytest.param("GRR_ledger_opt", measure_ledger().optimistic.grr, id="GRR_ledger_opt"),
        pytest.param("GRR_ledger_strict", measure_ledger().strict.grr, id="GRR_ledger_strict"),
        pytest.param(
            "GRR_ledger_unlinked_opt",
            measure_ledger(linked=False).optimistic.grr,
            id="GRR_ledger_unlinked_opt",
        ),
        pytest.param(
            "NRR_ledger_opt",
            measure_ledger(linked=False).optimistic.nrr,
            id="NRR_ledger_opt-unlinked",
        ),
    ],
)
def test_ledger_gives_the_worked_retention(case: str, ratio: Fraction) -> None:
    assert as_float(ratio) == pytest.approx(oracle(case), rel=1e-15)


@pytest.mark.parametrize("case", ["NRR_ledger_WRONG_with_new_react_comp"])
def test_newcomers_returners_and_upgraded_guests_stay_out_of_retention(case: str) -> None:
    measure = measure_ledger().optimistic

    wrong = Fraction(measure.closing) / Fraction(measure.opening)

    assert float(wrong) == pytest.approx(oracle(case), rel=1e-15)
    assert measure.nrr == wrong - Fraction(measure.new + measure.reactivation) / Fraction(
        measure.opening
    )
    assert (measure.new, measure.reactivation) == (Decimal(400), Decimal(5000))


def test_ledger_moves_account_by_account() -> None:
    rows = measure_ledger().optimistic.movements

    assert [(str(row.account), row.kind, int(row.amount)) for row in rows] == [
        ("A", Kind.EXPANSION, 1000),
        ("B", Kind.CONTRACTION, 1000),
        ("C", Kind.CHURN, 5000),
        ("D", Kind.UNCHANGED, 0),
        ("E", Kind.UNCHANGED, 0),
        ("F", Kind.UNCHANGED, 0),
        ("G", Kind.NEW, 200),
        ("H", Kind.REACTIVATION, 5000),
        ("I", Kind.UNCHANGED, 0),
        ("K", Kind.NEW, 200),
        ("M", Kind.TRANSFER, 0),
    ]
    assert measure_ledger().strict.movements[5] == Movement(
        "F", Decimal(200), Decimal(0), Kind.CHURN, Decimal(200)
    )


def test_ledger_counts() -> None:
    measure = measure_ledger().strict

    assert (measure.base_accounts, measure.members_open, measure.members_close) == (8, 8, 9)
    assert (measure.new_accounts, measure.reactivated_accounts) == (2, 1)
    assert (measure.churned_accounts, measure.lost_logos, measure.gained_accounts) == (2, 2, 3)
    assert (measure.logo_retention, measure.logo_churn) == (Fraction(6, 8), Fraction(2, 8))


def test_ledger_is_provisional_until_the_last_window_closes() -> None:
    last_day_of_grace = date(2026, 2, 28)

    open_window = measure_ledger(as_of=last_day_of_grace)
    closed_window = measure_ledger(as_of=last_day_of_grace + timedelta(days=1))

    assert (open_window.status, open_window.undecided) == (Status.PROVISIONAL, ("F",))
    assert (closed_window.status, closed_window.undecided) == (Status.FINAL, ())
    assert closed_window.optimistic == closed_window.strict == measure_ledger().strict


def test_a_renewal_in_grace_counts_from_the_expiry_at_its_own_amount() -> None:
    renewal = line("F", "2026-01-20", "2027-01-20", 250)

    def closing(as_of: date) -> tuple[Decimal, Decimal, Status]:
        measured = membership_measure(
            [LEDGER[9], renewal],
            opening_day=T0,
            closing_day=T1,
            as_of=as_of,
            grace_days=GRACE,
        )
        return measured.optimistic.closing, measured.strict.closing, measured.status

    assert closing(date(2026, 1, 19)) == (Decimal(200), Decimal(0), Status.PROVISIONAL)
    assert closing(date(2026, 1, 20)) == (Decimal(250), Decimal(250), Status.FINAL)


def test_a_term_that_expires_on_the_closing_day_is_already_undecided() -> None:
    measured = membership_measure(
        [line("P", "2024-12-31", "2025-12-31", 200)],
        opening_day=T0,
        closing_day=T1,
        as_of=T1,
        grace_days=GRACE,
    )

    assert measured.undecided == ("P",)
    assert measured.optimistic.closing == 200
    assert measured.strict.closing == 0


def test_an_undecided_opening_counts_in_both_readings() -> None:
    quarter_end = T1 + timedelta(days=31)

    measured = membership_measure(
        [LEDGER[9]],
        opening_day=T1,
        closing_day=quarter_end,
        as_of=quarter_end,
        grace_days=GRACE,
    )

    assert measured.optimistic.opening == measured.strict.opening == 200
    assert (measured.optimistic.nrr, measured.strict.nrr) == (Fraction(1), Fraction(0))


def test_in_force_forgives_nothing_and_is_never_provisional() -> None:
    measure = in_force_measure(link(LEDGER, survivors=LINKS), opening_day=T0, closing_day=T1)

    assert measure == measure_ledger().strict


def test_in_force_sees_the_gap_that_grace_forgives() -> None:
    renewed_late = [LEDGER[9], line("F", "2026-01-20", "2027-01-20", 200)]

    measure = in_force_measure(renewed_late, opening_day=T0, closing_day=T1)

    assert (measure.nrr, measure.churned_accounts) == (Fraction(0), 1)


def test_becoming_complimentary_is_lost_revenue_and_no_lost_logo() -> None:
    lines = [
        line("N", "2024-06-01", "2025-06-01", 300),
        line("N", "2025-06-01", "2026-06-01", 0),
        line("O", "2024-06-01", "2025-06-01", 300),
    ]

    for measure in (
        in_force_measure(lines, opening_day=T0, closing_day=T1),
        membership_measure(
            lines, opening_day=T0, closing_day=T1, as_of=T1, grace_days=GRACE
        ).strict,
    ):
        assert measure.churn == 600
        assert (measure.churned_accounts, measure.lost_logos) == (2, 1)


def test_an_empty_cohort_has_no_retention() -> None:
    measure = in_force_measure([LEDGER[10]], opening_day=T0, closing_day=T1)

    assert (measure.nrr, measure.grr, measure.logo_retention, measure.logo_churn) == (
        None,
        None,
        None,
        None,
    )


def test_periods_run_forwards_and_are_over() -> None:
    with pytest.raises(ValueError, match="runs forwards"):
        in_force_measure([], opening_day=T1, closing_day=T1)
    with pytest.raises(ValueError, match="closes on"):
        measure_ledger(as_of=T1 - timedelta(days=1))


@pytest.mark.parametrize(
    ("amount", "months", "expected"),
    [
        (Decimal(13500), 36, Decimal("4500.00")),
        (Decimal(100), 7, Decimal("171.43")),
        (Decimal("0.05"), 24, Decimal("0.02")),
        (Decimal("0.15"), 24, Decimal("0.08")),
        (Decimal(1000), 12, Decimal("1000.00")),
    ],
)
def test_annual_amount_is_exact_to_the_cent(
    amount: Decimal, months: int, expected: Decimal
) -> None:
    assert annual_amount(amount, months=months) == expected


def test_a_term_of_no_months_is_refused() -> None:
    with pytest.raises(ValueError, match="at least a month"):
        annual_amount(Decimal(1), months=0)


def test_currencies_are_converted_at_one_rate_and_never_mixed() -> None:
    dollars = replace(LEDGER[0], currency="USD")
    euros = replace(LEDGER[2], currency="EUR")

    with pytest.raises(MixedCurrencies, match="EUR, USD"):
        arr([dollars, euros], on=T0)

    converted = at_constant_rate(
        [dollars, euros], rates={"EUR": Decimal("1.10")}, currency="USD"
    )
    assert arr(converted, on=T0) == 10500


def test_links_are_followed_to_the_survivor_and_circles_refused() -> None:
    linked = link([LEDGER[0]], survivors={"A": "B", "B": "C"})

    assert [row.account for row in linked] == ["C"]
    with pytest.raises(LinkCycle):
        link([LEDGER[0]], survivors={"A": "B", "B": "A"})


def measure_flows(
    opening: int, *, churn: int, contraction: int, expansion: int, new: int
) -> Measure:
    """One account for each flow, in force by dated lines."""
    before, after = ("2024-06-01", "2025-06-01"), ("2025-06-01", "2026-06-01")
    kept = opening - churn - 2 * contraction
    lines = [
        line("churn", *before, churn),
        line("contraction", *before, 2 * contraction),
        line("contraction", *after, contraction),
        line("expansion", *before, kept),
        line("expansion", *after, kept + expansion),
        line("new", *after, new),
    ]
    return in_force_measure(lines, opening_day=T0, closing_day=T1)


@pytest.mark.parametrize("case", ["NRR_chargebee"])
def test_nrr_of_the_published_example(case: str) -> None:
    measure = measure_flows(1000, churn=100, contraction=0, expansion=200, new=0)

    assert measure.nrr == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["NRR_revpartners_q2_25"])
def test_nrr_of_the_published_quarter(case: str) -> None:
    measure = measure_flows(12028, churn=387, contraction=63, expansion=122, new=418)

    assert as_float(measure.nrr) == pytest.approx(oracle(case), rel=1e-15)
    assert measure.closing == oracle("NRR_revpartners_ending")


@pytest.mark.parametrize(
    ("case", "contraction", "expansion"),
    [
        pytest.param("NRR_seed_before", 20_000, 150_000, id="NRR_seed_before"),
        pytest.param("NRR_seed_after", 10_000, 210_000, id="NRR_seed_after"),
    ],
)
def test_the_expansion_story(case: str, contraction: int, expansion: int) -> None:
    measure = measure_flows(
        1_000_000, churn=150_000, contraction=contraction, expansion=expansion, new=0
    )

    assert [str(measure.nrr), str(measure.grr)] == oracle(case)


@pytest.mark.parametrize(
    ("case", "nrr"),
    [
        pytest.param("NRR_exp_needed_98_c0", Fraction(98, 100), id="NRR_exp_needed_98_c0"),
        pytest.param("NRR_exp_needed_105_c0", Fraction(105, 100), id="NRR_exp_needed_105_c0"),
        pytest.param(
            "NRR_125_with_15churn_expansion", Fraction(125, 100), id="NRR_125_with_15churn"
        ),
    ],
)
def test_expansion_needed_at_fifteen_percent_churn(case: str, nrr: Fraction) -> None:
    needed = expansion_needed(nrr=nrr, churn=Fraction(15, 100), contraction=Fraction(0))

    assert needed == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["NRR_exp_growth_of_expansion", "NRR_exp_per_retained_dollar"])
def test_expansion_must_grow_by_half(case: str) -> None:
    churn = Fraction(15, 100)
    before, after = (
        expansion_needed(nrr=Fraction(nrr, 100), churn=churn, contraction=Fraction(0))
        for nrr in (98, 105)
    )
    value = {
        "NRR_exp_growth_of_expansion": after / before - 1,
        "NRR_exp_per_retained_dollar": after / (1 - churn),
    }[case]

    assert float(value) == pytest.approx(oracle(case), rel=1e-12)


# Random ledgers.

amounts = st.integers(0, 500_000).map(lambda cents: Decimal(cents).scaleb(-2))
EPOCH = date(2023, 1, 1)


@st.composite
def term_lines(draw: st.DrawFn, accounts: str = "abcdef") -> TermLine:
    start = EPOCH + timedelta(days=draw(st.integers(0, 1300)))
    length = timedelta(days=draw(st.integers(1, 500)))
    return TermLine(
        draw(st.sampled_from(accounts)),
        start,
        start + length,
        draw(amounts | st.just(Decimal(0))),
    )


ledgers = st.lists(term_lines(), max_size=14)


def both_bases(lines: list[TermLine], *, waited: int = 0) -> list[Measure]:
    measured = membership_measure(
        lines,
        opening_day=T0,
        closing_day=T1,
        as_of=T1 + timedelta(days=waited),
        grace_days=GRACE,
    )
    standing_ledger = in_force_measure(lines, opening_day=T0, closing_day=T1)
    return [standing_ledger, measured.optimistic, measured.strict]


@given(ledgers)
def test_identity_holds_to_the_cent(lines: list[TermLine]) -> None:
    for m in both_bases(lines):
        assert m.closing == (
            m.opening + m.new + m.reactivation + m.expansion - m.contraction - m.churn
        )
        assert m.members_close == m.members_open + m.gained_accounts - m.churned_accounts
        assert all(row.amount >= 0 for row in m.movements)


@given(ledgers)
def test_retention_is_the_ratio_of_the_cohort(lines: list[TermLine]) -> None:
    for m in both_bases(lines):
        cohort = [row for row in m.movements if row.opening > 0]
        opening = sum(Fraction(row.opening) for row in cohort)
        if not cohort:
            assert (m.nrr, m.grr) == (None, None)
            continue
        assert m.nrr == sum(Fraction(row.closing) for row in cohort) / opening
        assert m.grr == (
            sum(Fraction(min(row.closing, row.opening)) for row in cohort) / opening
        )


@given(ledgers)
def test_gross_is_at_most_one_and_at_most_net(lines: list[TermLine]) -> None:
    for m in both_bases(lines):
        if m.nrr is not None and m.grr is not None:
            assert m.grr <= min(m.nrr, Fraction(1))
            assert (m.grr == m.nrr) == (m.expansion == 0)
        assert m.lost_logos <= m.churned_accounts


@given(ledgers, amounts)
def test_a_new_joiner_changes_no_retention(lines: list[TermLine], amount: Decimal) -> None:
    joiner = TermLine("joiner", T0 + timedelta(days=30), T1 + timedelta(days=90), amount)

    assert [(m.nrr, m.grr) for m in both_bases([*lines, joiner])] == [
        (m.nrr, m.grr) for m in both_bases(lines)
    ]


@given(ledgers)
def test_linking_two_of_the_cohort_leaves_nrr_alone(lines: list[TermLine]) -> None:
    before = in_force_measure(lines, opening_day=T0, closing_day=T1)
    cohort = {row.account for row in before.movements if row.opening > 0}
    if not {"a", "b"} <= cohort:
        lines = [
            *lines,
            *(TermLine(key, EPOCH, T0 + timedelta(days=9), Decimal(70)) for key in "ab"),
        ]
        before = in_force_measure(lines, opening_day=T0, closing_day=T1)

    after = in_force_measure(link(lines, survivors={"a": "b"}), opening_day=T0, closing_day=T1)

    assert after.nrr == before.nrr
    assert after.grr is not None
    assert before.grr is not None
    assert after.grr >= before.grr


@given(ledgers, st.integers(0, 120))
def test_strict_is_at_most_optimistic(lines: list[TermLine], waited: int) -> None:
    _, optimistic, strict = both_bases(lines, waited=waited)

    assert strict.opening == optimistic.opening
    assert strict.closing <= optimistic.closing
    assert strict.nrr is None or optimistic.nrr is None or strict.nrr <= optimistic.nrr


@given(ledgers)
def test_both_readings_agree_once_every_window_is_closed(lines: list[TermLine]) -> None:
    _, optimistic, strict = both_bases(lines, waited=GRACE)

    assert optimistic == strict


@st.composite
def member_histories(draw: st.DrawFn, account: str) -> list[TermLine]:
    """Terms of one price, each renewed on time, in grace, after a lapse, or not at all."""
    amount = draw(amounts)
    start = EPOCH + timedelta(days=draw(st.integers(0, 700)))
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        end = start + timedelta(days=365)
        lines.append(TermLine(account, start, end, amount))
        start = end + timedelta(days=draw(st.sampled_from([0, 0, 1, 45, 89, 90, 200])))
    return lines


@given(
    st.tuples(*(member_histories(key) for key in "abcd")).map(
        lambda histories: [term for history in histories for term in history]
    )
)
def test_the_final_value_lies_between_strict_and_optimistic(lines: list[TermLine]) -> None:
    _, optimistic, strict = both_bases(lines)
    _, final, _ = both_bases(lines, waited=GRACE)

    assert final.opening == strict.opening
    assert strict.closing <= final.closing <= optimistic.closing
    if final.nrr is not None and strict.nrr is not None and optimistic.nrr is not None:
        assert strict.nrr <= final.nrr <= optimistic.nrr


@given(ledgers, st.randoms(use_true_random=False))
def test_order_of_lines_is_irrelevant(lines: list[TermLine], random: Any) -> None:
    assert both_bases(random.sample(lines, len(lines))) == both_bases(lines)


@given(st.fractions(-3, 3), st.integers(0, 6))
def test_to_places_is_within_half_a_unit(ratio: Fraction, places: int) -> None:
    assert abs(Fraction(to_places(ratio, places)) - ratio) <= Fraction(1, 2 * 10**places)


def holding(amount: int | str, tier: str = "Gold", **made_of: Any) -> Holding:
    breakdown = Breakdown(**made_of) if made_of else None
    return Holding(Decimal(amount), tier, breakdown)


def test_a_change_is_price_unless_the_tier_changed_where_nobody_tells() -> None:
    assert split(holding(100), holding(130)) == {Part.PRICE: Decimal(30)}
    assert split(holding(100), holding(80, "Silver")) == {Part.TIER: Decimal(-20)}
    told = holding(100, base=Decimal(100))
    assert split(told, holding(130)) == {Part.PRICE: Decimal(30)}
    assert split(told, told) == {}


def test_seats_are_counted_at_the_price_of_before_half_to_even() -> None:
    before = holding("0.05", seats=2, seat_amount=Decimal("0.05"))
    after = holding("0.10", seats=3, seat_amount=Decimal("0.10"))

    # one more seat at 0.025 goes to the even cent
    assert split(before, after) == {
        Part.PRICE: Decimal("0.03"),
        Part.SEATS: Decimal("0.02"),
    }


def test_an_upgrade_with_seats_an_add_on_and_no_discount_any_more() -> None:
    before = holding(
        1100, base=Decimal(1000), seats=10, seat_amount=Decimal(200), discount=Decimal(100)
    )
    after = holding(
        1530,
        "Platinum",
        base=Decimal(1050),
        seats=15,
        seat_amount=Decimal(330),
        add_ons=Decimal(150),
    )

    assert split(before, after) == {
        Part.TIER: Decimal(80),
        Part.SEATS: Decimal(100),
        Part.ADD_ON: Decimal(150),
        Part.DISCOUNT: Decimal(100),
    }


def test_the_first_seats_and_the_last_are_seats_whole() -> None:
    none = holding(100, base=Decimal(100))
    some = holding(160, base=Decimal(100), seats=3, seat_amount=Decimal(60))

    assert split(none, some) == {Part.SEATS: Decimal(60)}
    assert split(some, none) == {Part.SEATS: Decimal(-60)}


def test_a_trial_is_in_no_base_and_new_once_it_pays() -> None:
    trial = replace(line("A", "2024-06-01", "2025-06-01", 100), is_provisional=True)
    paid = line("A", "2025-06-01", "2026-06-01", 100)

    measure = in_force_measure([trial, paid], opening_day=T0, closing_day=T1)

    assert (measure.opening, measure.new, measure.members_open) == (0, 100, 0)


def test_leave_of_absence_is_contraction_and_nobody_who_pays() -> None:
    lines = [
        line("A", "2024-06-01", "2025-06-01", 100),
        line("B", "2024-06-01", "2027-01-01", 1),
    ]

    away = in_force_measure(lines, opening_day=T0, closing_day=T1, paused=["A", "B"])
    gone = in_force_measure(lines, opening_day=T0, closing_day=T1)

    assert (away.contraction, away.churn, away.lost_logos) == (100, 0, 0)
    assert (gone.contraction, gone.churn, gone.lost_logos) == (0, 100, 1)
    assert (away.nrr, away.grr, away.logo_retention) == (gone.nrr, gone.grr, Fraction(1, 2))


def test_linked_accounts_show_what_moved_between_them() -> None:
    measure = measure_ledger().optimistic
    unlinked = measure_ledger(linked=False).optimistic

    assert (measure.transferred, unlinked.transferred) == (200, 0)
    assert measure.part(Part.PRICE) == 0
    assert measure.nrr == measure.nrr_ex_price == unlinked.nrr
