import pytest

from success.engine.draw import draw, edge, is_held
from tests.oracles import oracle


@pytest.mark.parametrize("key", ["exp1:1", "exp1:2", "exp1:3", "exp1:42"])
def test_number_of_an_account_is_the_one_of_the_oracle(key):
    salt, account = key.split(":")

    assert draw(salt=salt, account=int(account)) == oracle("HASH_bucket_samples")[key]


def test_share_that_is_held_is_the_one_of_the_oracle():
    held = sum(is_held(salt="exp1", account=each, percent=15) for each in range(10_000))

    assert held == oracle("HASH_share_10000_at_15pct")


def test_another_salt_is_another_draw():
    ours = {each for each in range(2_000) if is_held(salt="a", account=each, percent=50)}
    theirs = {each for each in range(2_000) if is_held(salt="b", account=each, percent=50)}

    assert 400 < len(ours & theirs) < 600


@pytest.mark.parametrize(("percent", "held"), [(0, 0), (100, 500)])
def test_nobody_and_everybody(percent, held):
    assert sum(is_held(salt="x", account=each, percent=percent) for each in range(500)) == held


@pytest.mark.parametrize("percent", [1, 10, 15, 33, 50, 99])
def test_edge_says_the_same_as_the_number(percent):
    for account in range(300):
        number = draw(salt="exp1", account=account)
        digits = f"{int(number * 2**64):016x}"
        assert (digits < edge(percent=percent)) == (number < percent / 100)


def test_edge_of_nobody_is_below_all_and_of_everybody_there_is_none():
    assert edge(percent=0) == "0" * 16
    assert edge(percent=50) == "8" + "0" * 15
    with pytest.raises(ValueError, match="cannot be told apart"):
        edge(percent=100)
