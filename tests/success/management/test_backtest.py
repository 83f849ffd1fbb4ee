import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command

from success.enums import StartKind
from tests.factories import make_member, make_play, make_term

pytestmark = pytest.mark.django_db
YEAR = ("--from", "2022-01-01", "--to", "2022-12-31", "--every-days", "14")


@pytest.fixture
def play():
    member = make_member()
    make_term(member=member, starts_on=date(2021, 6, 1), ends_on=date(2022, 6, 1))
    return make_play(
        key="renewal",
        start_kind=StartKind.TIMED,
        start={"fact": "term_ends_on", "offset_days": -60},
        audience={"fact": "standing", "op": "eq", "value": "in_force"},
    )


def test_backtest_prints_what_came_out(play, capsys):
    call_command("backtest", play.key, *YEAR)

    out, err = capsys.readouterr()
    assert "renewal, 2022-01-01 to 2022-12-31, every 14 days" in out
    assert "1 of 1 members" in out
    assert "27 of 27 nights" in err


def test_backtest_prints_json(play, capsys):
    call_command("backtest", play.key, *YEAR, "--json")

    assert json.loads(capsys.readouterr().out)["recall"]["count"] == 1


@pytest.mark.parametrize(
    "asked",
    [("nothing",), ("renewal", "--path", "nowhere"), ("renewal", "--every-days", "99")],
)
def test_backtest_refuses_in_words(play, asked):
    with pytest.raises(CommandError):
        call_command("backtest", *asked)
