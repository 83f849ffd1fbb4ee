from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.engine.capacity import (
    Band,
    Carrier,
    Stage,
    band,
    capacity,
    is_sustained,
    load,
    pool_need,
    staff_hours,
    stage,
    supportable,
    team_load,
)
from tests.oracles import oracle

MONTH = capacity(contracted=Fraction(160), overhead=Fraction(1, 4))
LT_EACH, HT_EACH = Fraction(2), Fraction("1.92")
LOW_TOUCH = Carrier("lt", 180 * LT_EACH, MONTH)
HIGH_TOUCH = Carrier("ht", 15 * HT_EACH, MONTH)
TEAM = [LOW_TOUCH, LOW_TOUCH, HIGH_TOUCH, HIGH_TOUCH]
HOURS = st.fractions(min_value=0, max_value=400, max_denominator=60)
LEVERS = {"group": Fraction(8), "async": Fraction(4)}
FORMER_LT = {"sync": Fraction("0.40"), "group": Fraction("0.80"), "async": Fraction("0.80")}
FORMER_HT = {"sync": Fraction("0.72"), "async": Fraction("1.20")}


def test_cap_hours():
    assert oracle("CAP_hours") == float(MONTH)


def test_cap_lt_load():
    assert oracle("CAP_LT_load") == float(LOW_TOUCH.load)


def test_cap_lt_members():
    assert oracle("CAP_LT_members") == float(supportable(demand_each=LT_EACH, capacity=MONTH))


def test_cap_ht_load():
    assert oracle("CAP_HT_load") == float(HIGH_TOUCH.load)


def test_cap_ht_members_and_multiple():
    can = supportable(demand_each=HT_EACH, capacity=MONTH)
    assert oracle("CAP_HT_members") == float(can)
    assert oracle("CAP_HT_multiple") == float(can / 15)


def test_cap_ht_at_four_times_as_many_has_hours_to_spare():
    needed = 4 * 15 * HT_EACH
    assert oracle("CAP_HT_4x_hours") == float(needed)
    assert oracle("CAP_HT_spare_at_4x") == float(MONTH - needed)


def test_cap_team_load_and_what_is_missing():
    team = team_load(TEAM)
    assert oracle("CAP_team_load") == float(team.load)
    assert oracle("CAP_extra_fte_needed") == float(team.people_missing(capacity_each=MONTH))
    assert oracle("CAP_leverage_needed_factor") == float(team.leverage_needed)
    assert not team.can_be_balanced


def test_cap_seed_ratio_mean_is_the_load_of_four_equal_people():
    people = [
        Carrier(str(each), each * MONTH, MONTH)
        for each in (3, 3, Fraction(1, 4), Fraction(1, 4))
    ]
    assert oracle("CAP_seed_ratio_mean") == float(team_load(people).load)


def test_cap_leverage_brings_the_team_below_its_capacity():
    low, high = staff_hours(FORMER_LT, leverage=LEVERS), staff_hours(FORMER_HT, leverage=LEVERS)
    assert oracle("CAP_leverage_LT_staffh") == float(low)
    assert oracle("CAP_leverage_HT_staffh") == float(high)
    total = 360 * low + 30 * high
    assert oracle("CAP_leverage_total") == float(total)
    team = team_load([Carrier("all", total, 4 * MONTH)])
    assert oracle("CAP_leverage_load") == float(team.load)
    assert team.leverage_needed is None


def test_cap_lifecycle_mix():
    mix = 20 * Fraction(4) + 30 * Fraction("1.5") + 10 * Fraction(3) + 5 * Fraction(6)
    assert oracle("CAP_lifecycle_mix") == float(load(demand=mix, capacity=MONTH))


def test_cap_renewal_spike():
    ends = date(2027, 1, 1)
    hours = {Stage.ADOPTION: Fraction("1.5"), Stage.RENEWAL: Fraction(3)}
    known = {
        "state": "on_track",
        "has_first_value": True,
        "escalation_is_open": False,
        "term_ends_on": ends,
    }
    before, within = (stage(on=day, **known) for day in (date(2026, 8, 31), date(2026, 9, 3)))
    assert oracle("CAP_renewal_spike") == [
        float(load(demand=100 * hours[each], capacity=MONTH)) for each in (before, within)
    ]


def test_cap_lotoftools():
    working = Fraction(40 * 13)
    utilised = working * Fraction(3, 4)
    left = capacity(contracted=utilised, overhead=Fraction(15, 100))
    sizes = [supportable(demand_each=Fraction(each), capacity=left) for each in (16, 32)]
    assert oracle("CAP_lotoftools") == [
        520,
        *(float(each) for each in (utilised, left, *sizes)),
    ]


def test_cap_balusek():
    hours = Fraction(130)
    said = {
        accounts: float(round(hours / int(accounts), 2)) for accounts in oracle("CAP_balusek")
    }
    assert oracle("CAP_balusek") == said


def test_cap_csin15():
    low, high = (
        capacity(contracted=Fraction(1800), overhead=o)
        for o in (Fraction(4, 10), Fraction(3, 10))
    )
    each = Fraction(75)
    sizes = [supportable(demand_each=each, capacity=hours) for hours in (low, high)]
    assert oracle("CAP_csin15") == [float(number) for number in (low, high, *sizes)]


def test_cap_csin15_year_hours():
    onboarding, check_in, mail, review, renewal = (8, 10), (12, 24), (12, 24), (8, 12), (10, 15)
    parts = (onboarding, check_in, mail, review, renewal)
    low, high = (sum(part[end] for part in parts) for end in (0, 1))
    assert oracle("CAP_csin15_year_hours") == {"low": low, "high": high}


def test_cap_inbound_pool():
    need = pool_need(
        members=300,
        requests=Fraction("0.4"),
        handling=Fraction("0.75"),
        occupancy=Fraction("0.8"),
        capacity_each=MONTH,
    )
    assert oracle("CAP_inbound_pool_hours") == float(need.hours)
    assert oracle("CAP_inbound_pool_fte") == float(need.people)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("1.21", Band.OVERLOADED), ("1.20", Band.FULL), ("1.10", Band.HEALTHY), ("0.85", Band.HEALTHY),
        ("0.84", Band.LIGHT), ("0.50", Band.LIGHT), ("0.49", Band.UNDER_USED),
    ],
)  # fmt: skip
def test_a_load_has_a_band(of, expected):
    assert band(Fraction(of)) is expected


def test_nobody_without_hours_has_a_load():
    assert load(demand=Fraction(3), capacity=Fraction(0)) is None
    assert band(None) is None


def test_overload_is_sustained_after_two_weeks():
    high, calm = Fraction(13, 10), Fraction(1)
    assert is_sustained([calm, high, high])
    assert not is_sustained([high, high, calm])
    assert not is_sustained([high])
    assert not is_sustained([high, None])


@pytest.mark.parametrize(
    ("state", "first_value", "escalated", "ends_in", "expected"),
    [
        ("stalled", True, False, 300, Stage.AT_RISK),
        ("regressing", False, False, 10, Stage.AT_RISK),
        ("ahead", True, True, 300, Stage.AT_RISK),
        ("on_track", False, False, 10, Stage.ONBOARDING),
        ("no_plan", False, False, 300, Stage.ONBOARDING),
        ("ahead", True, False, 120, Stage.RENEWAL),
        ("ahead", True, False, 121, Stage.GROWTH),
        ("achieved", True, False, 300, Stage.GROWTH),
        ("slipping", True, False, 300, Stage.ADOPTION),
    ],
)
def test_the_first_stage_that_fits_is_taken(state, first_value, escalated, ends_in, expected):
    on = date(2026, 7, 29)
    found = stage(
        state=state,
        has_first_value=first_value,
        escalation_is_open=escalated,
        term_ends_on=date.fromordinal(on.toordinal() + ends_in),
        on=on,
    )
    assert found is expected


@given(
    st.lists(HOURS, min_size=1, max_size=30),
    st.integers(min_value=1, max_value=5),
    st.randoms(),
)
def test_moves_leave_the_team_as_it_is_and_no_one_below_it(demands, people, random):
    def shared_out():
        held = [Fraction(0)] * people
        for demand in demands:
            held[random.randrange(people)] += demand
        return team_load(Carrier(str(key), each, MONTH) for key, each in enumerate(held))

    one, other = shared_out(), shared_out()
    assert one.load == other.load
    assert one.highest >= one.load >= one.lowest
