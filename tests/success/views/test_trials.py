import re
from datetime import date

import pytest
from django.urls import reverse

from members.enums import Role
from success.enums import Arm, StartKind
from success.models import Backtest
from success.services import trials
from tests.factories import (
    NOON,
    TODAY,
    make_enrolment,
    make_member,
    make_play,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
YEAR = {"first_on": "2022-01-01", "last_on": "2022-12-31"}


def text(response):
    html = re.sub(r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ").split())


def make_renewal_play():
    member = make_member()
    make_term(member=member, starts_on=date(2021, 6, 1), ends_on=date(2022, 6, 1))
    return make_play(
        key="renewal",
        title="Renewal in sixty days",
        start_kind=StartKind.TIMED,
        start={"fact": "term_ends_on", "offset_days": -60},
        audience={"fact": "standing", "op": "eq", "value": "in_force"},
    )


def make_backtest():
    return trials.ask(
        version=make_renewal_play().current,
        first_on=date(2022, 1, 1),
        last_on=date(2022, 12, 31),
        every_days=14,
        by=make_user(),
        at=NOON,
    )


def make_drawn():
    play = make_play(key="tried", title="A play that is tried", held_percent=20)
    for index in range(5):
        make_enrolment(
            play=play,
            arm=Arm.HELD if index == 0 else Arm.TREATED,
            draw=0.5,
            entered_on=date(2025, 1, 1),
            reached_on=date(2025, 1, 5) if index > 2 else None,
            state="stalled",
        )
    return play


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.mark.parametrize("role", [Role.MSM, Role.DIRECTOR, Role.OPERATIONS])
@pytest.mark.parametrize("name", ["effects", "backtests"])
def test_who_sees_the_vectors_sees_these(sign_in, role, name):
    page = sign_in(make_user(role=role)).get(reverse(f"success:{name}"))

    assert page.status_code == 200
    assert "yet" in text(page)


def test_members_see_none_of_it(sign_in):
    client = sign_in(make_user(role=Role.MEMBER, member=make_member()))

    for name in ("effects", "backtests"):
        assert client.get(reverse(f"success:{name}")).status_code == 403


def test_effect_shows_the_interval_and_no_verdict_of_few(sign_in):
    make_drawn()
    client = sign_in(make_user())
    page = client.get(reverse("success:effect", args=["tried"]))

    said = text(page)
    assert "4 accounts were acted upon, 1 left alone; 20.0% should be." in said
    assert "Too few to say" in said
    assert "No segment, stalled" in said
    assert b"d-interval-zero" in page.content
    assert "A play that is tried" in text(client.get(reverse("success:effects")))


def test_effect_of_an_unknown_play_is_not_found(sign_in):
    assert (
        sign_in(make_user()).get(reverse("success:effect", args=["nothing"])).status_code == 404
    )


def test_asking_needs_the_permission(sign_in):
    make_renewal_play()
    asked = YEAR | {"play": "renewal", "every_days": 14, "horizon_days": 365}
    client = sign_in(make_user(role=Role.MSM))

    assert client.post(reverse("success:backtest_ask"), asked).status_code == 403
    assert b'id="ask"' not in client.get(reverse("success:backtests")).content
    assert not Backtest.objects.exists()


def test_asking_keeps_the_question_and_shows_its_progress(sign_in):
    make_renewal_play()
    client = sign_in(make_user(role=Role.OPERATIONS))
    asked = YEAR | {"play": "renewal", "every_days": 14, "horizon_days": 365}
    page = client.post(reverse("success:backtest_ask"), asked, follow=True)

    assert page.redirect_chain[0][0] == reverse(
        "success:backtest", args=[Backtest.objects.get().public_id]
    )
    assert "You may leave this page" in text(page)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"first_on": "2024-01-01"}, "The last day comes before the first."),
        ({"every_days": 0}, "Write a whole number, 1 or more"),
        ({"play": "nothing"}, "Select a valid choice"),
    ],
)
def test_asking_wrongly_is_told_and_loses_nothing(sign_in, wrong, words):
    make_renewal_play()
    client = sign_in(make_user(role=Role.DIRECTOR))
    asked = YEAR | {"play": "renewal", "every_days": 14, "horizon_days": 365} | wrong
    page = client.post(reverse("success:backtest_ask"), asked)

    assert page.status_code == 422
    assert words in text(page)
    assert b"2022-12-31" in page.content


def test_backtest_says_what_came_out_in_a_sentence_with_tables(sign_in):
    asked = make_backtest()
    trials.work(backtest_id=asked.pk, clock=lambda: NOON)
    client = sign_in(make_user())
    page = client.get(reverse("success:backtest", args=[asked.public_id]))

    said = text(page)
    assert (
        "Of 100 members it would have named, 100 left within 365 days; of 100 taken at random "
        "on the same nights, 100 did."
    ) in said
    assert "1 of 1 who left" in said
    assert "Too few to say whether it sees anything coming." in said
    lead = client.get(reverse("success:backtest_lead_chart", args=[asked.public_id])).json()
    assert sum(lead["series"][0]["data"]) == 1
    years = client.get(reverse("success:backtest_years_chart", args=[asked.public_id])).json()
    assert [series["data"] for series in years["series"]] == [[1], [1], [1]]


def test_backtest_asks_for_itself_while_it_runs_and_the_fragment_is_part_of_the_page(sign_in):
    asked = make_backtest()
    client = sign_in(make_user())
    url = reverse("success:backtest", args=[asked.public_id])
    page = client.get(url).content.decode()
    fragment = client.get(url, headers={"HX-Request": "true"}).content.decode()

    assert "hx-trigger" in page
    assert "<html" not in fragment
    assert "Nights looked at" in fragment


def test_backtest_is_cancelled_once(sign_in):
    asked = make_backtest()
    client = sign_in(make_user(role=Role.OPERATIONS))
    url = reverse("success:backtest_cancel", args=[asked.public_id])
    first = client.post(url, follow=True)
    again = client.post(url, follow=True)

    assert trials.CANCELLED in text(first)
    assert "It has ended already." in text(again)


@pytest.mark.parametrize("count", [1, 3])
def test_backtests_are_listed_with_as_many_queries_for_three(
    sign_in, count, django_assert_max_num_queries
):
    play = make_renewal_play()
    for index in range(count):
        trials.ask(
            version=play.current,
            first_on=date(2022, 1, 1),
            last_on=date(2022, 12, 1 + index),
            by=make_user(),
            at=NOON,
        )
    client = sign_in(make_user())
    with django_assert_max_num_queries(14):
        client.get(reverse("success:backtests"))
