from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from success.engine.doing import Bearing, Held, Payer, bearing, split, work
from success.engine.rollup import like_for_like

payers = st.lists(
    st.builds(
        Payer,
        bearing=st.sampled_from(Bearing),
        opening=st.integers(1, 10**9),
        closing=st.integers(0, 10**9),
    ),
    max_size=30,
)
paces = st.none() | st.fractions(-2, 2, max_denominator=60)
accounts = st.lists(
    st.tuples(st.integers(0, 60), st.booleans(), paces, paces), max_size=30
).map(
    lambda rows: [
        Held(account=n, held_days=days, blocked_elsewhere=blocked, before=before, after=after)
        for n, (days, blocked, before, after) in enumerate(rows)
    ]
)


@given(payers)
def test_the_parts_add_up_to_the_base_to_the_cent(given_payers):
    parts = split(given_payers).values()

    assert sum(part.opening for part in parts) == sum(one.opening for one in given_payers)
    assert sum(part.closing for part in parts) == sum(one.closing for one in given_payers)
    assert sum(part.members for part in parts) == len(given_payers)


@given(payers)
def test_a_part_of_nobody_has_no_ratio(given_payers):
    for said, part in split(given_payers).items():
        assert (part.nrr is None) == all(one.bearing != said for one in given_payers)


@given(accounts)
def test_every_account_is_counted_or_listed_and_never_both(held):
    found = work(held)
    lists = [*found.counted, *found.too_new, *found.blocked]

    assert sorted(lists) == sorted(each.account for each in held)


@given(accounts)
def test_the_change_is_that_of_counted_accounts_measured_on_both_days(held):
    found = work(held)
    counted = [each for each in held if each.account in found.counted]
    expected = like_for_like(
        {each.account: each.before for each in counted if each.before is not None},
        {each.account: each.after for each in counted if each.after is not None},
    )

    assert found.moved == expected
    assert found.change == (expected.change if expected.accounts >= 5 else None)
    assert (found.shown == ()) == (expected.accounts >= 5 or expected.accounts == 0)


@given(accounts, st.randoms())
def test_the_order_of_accounts_changes_nothing(held, chance):
    shuffled = list(held)
    chance.shuffle(shuffled)

    assert work(shuffled).change == work(held).change


def test_a_day_short_of_the_window_does_not_count_and_the_day_itself_does():
    half = Fraction(1, 2)
    found = work(
        Held(account=days, held_days=days, blocked_elsewhere=False, before=half, after=half)
        for days in (29, 30)
    )

    assert (found.too_new, found.counted) == ((29,), (30,))


def test_the_bearing_of_those_who_left_is_not_told():
    assert bearing(direction=1, is_member=False) is Bearing.GONE
    assert bearing(direction=None, is_member=True) is Bearing.UNKNOWN
    assert [bearing(direction=each, is_member=True) for each in (1, 0, -1)] == [
        Bearing.TOWARDS,
        Bearing.STANDING,
        Bearing.AWAY,
    ]
