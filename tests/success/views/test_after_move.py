import pytest
from django.urls import reverse

from members.enums import Role
from tests.factories import TODAY, make_segment, make_user
from tests.success.queries.test_after_move import make_followed, move

pytestmark = pytest.mark.django_db
URL = "/measures/after-a-move/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR)
    client.force_login(user)
    return user


def make_harm():
    pod = make_segment(key="pod", name="Pod", position=1)
    pool = make_segment(key="inbound", name="Inbound", position=2, is_pooled=True)
    for change in (-400, -200, -300, -300, -300):
        move(make_followed(pod, after=1000 + change), to=pool)
    for change in (100, -100, 0, 0, 0):
        make_followed(pod, after=1000 + change)
    return pod, pool


@pytest.mark.parametrize("path", ["", "warning/"])
def test_moves_are_followed_by_those_who_see_margins(client, path):
    client.force_login(make_user())
    assert client.get(URL + path).status_code == 403
    assert client.get("/measures/after-a-move.json").status_code == 403


def test_without_a_move_the_page_says_what_will_stand_there(client, director):
    assert "Nobody was moved to less contact" in client.get(URL).content.decode()
    assert client.get(f"{URL}warning/").content.decode().strip() == ""


def test_a_harm_is_said_in_words_with_its_interval_and_the_days_to_come(client, director):
    make_harm()

    page = client.get(URL).content.decode()

    words = "it hurt: pace fell 0.30 plan-days a day behind members like them, after 90 days"
    assert words in page
    assert "Pod to Inbound, March 2026" in page
    assert "can be asked on" in page
    assert "6\xa0September\xa02026" in page or "6 September 2026" in page


def test_the_chart_sets_those_who_moved_beside_those_like_them(client, director):
    make_harm()

    chart = client.get("/measures/after-a-move.json").json()

    assert chart["x"] == ["Pod to Inbound, March 2026"]
    assert [each["data"] for each in chart["series"]] == [[-0.3], [0.0]]


@pytest.mark.parametrize("url", [f"{URL}warning/", "/measures/margin/"])
def test_other_pages_warn_of_a_harm_and_lead_to_it(client, director, url):
    make_harm()
    rates = {"effective_from": "2026-01-01", "hourly_rate": "50", "note": ""}
    client.post(
        reverse("success:cost_rates"),
        {**rates, "enablement_a_year": "0", "direct_a_year": "0"},
    )

    page = client.get(url).content.decode()

    assert "it hurt: pace fell 0.30" in page
    assert f'href="{URL}#move-2026-03-pod-inbound"' in page


def test_coverage_asks_for_the_warning_only_for_those_who_may_see_it(client, director):
    make_segment()
    assert f'hx-get="{URL}warning/"' in client.get("/coverage/").content.decode()

    client.force_login(make_user())
    assert "after-a-move" not in client.get("/coverage/").content.decode()


def test_few_members_are_named(client, director):
    pod = make_segment(key="pod")
    pool = make_segment(key="inbound", is_pooled=True)
    member = move(make_followed(pod), to=pool)

    page = client.get(URL).content.decode()

    assert "Fewer than 5 can be compared" in page
    assert member.name in page
