import pytest

from communications.models import DigestPreference
from members.enums import Role
from tests.factories import (
    TODAY,
    make_assignment,
    make_intervention,
    make_member_facts,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/digest/"


@pytest.fixture
def amy(client, settings):
    settings.WAYMARK_TODAY = TODAY
    user = make_user(name="Amy", role=Role.MSM)
    client.force_login(user)
    return user


def test_page_tells_my_week_and_leads_to_the_members(client, amy):
    facts = make_member_facts(state="stalled")
    make_assignment(member=facts.member, owner=amy)
    text = client.get(URL).text

    assert "for my members?" in text
    assert f'<a href="/members/{facts.member.public_id}/">{facts.member.name}</a>' in text
    assert "at 08:00 (UTC)" in text


def test_work_that_does_not_fit_is_said_in_hours_and_opens(client, amy):
    make_intervention(owner=amy, minutes=100)

    text = client.get(URL).text.replace('<span class="wm-num">', "").replace("</span>", "")

    assert "1.7 hours of work, 1 item, wait" in " ".join(text.split())
    assert 'href="/today/?unserved=true"' in text


def test_a_part_opens_to_all_of_its_lines(client, amy):
    for _ in range(14):
        make_assignment(member=make_member_facts(state="stalled").member, owner=amy)
    page = client.get(URL, {"days": "3"})
    whole = client.get(URL, {"days": "3", "all": "at_risk"})

    link = '<a href="?days=3&amp;all=at_risk#at_risk">'
    assert (page.text.count('<a href="/members/'), whole.text.count('<a href="/members/')) == (
        13,
        15,
    )
    assert (link in page.text, link in whole.text) == (True, False)


def test_page_of_the_house_is_about_all_members(client, amy):
    client.force_login(make_user(role=Role.DIRECTOR))

    assert "for all members?" in client.get(URL).text


@pytest.mark.parametrize("days", ["", "1", "999", "x", "-1", "²", "28"])
def test_empty_week_says_so_whatever_is_asked(client, amy, days):
    response = client.get(URL, {"days": days})

    assert response.status_code == 200
    assert "Nothing happened that is worth telling" in response.text


def test_when_it_comes_is_kept(client, amy):
    url = f"{URL}preferences/"
    assert client.get(url).status_code == 200

    response = client.post(url, {"is_wanted": "on", "weekday": "4", "hour": "17"})

    assert response["Location"] == URL
    said = DigestPreference.objects.get(user=amy)
    assert (said.is_wanted, said.weekday, said.hour) == (True, 4, 17)

    client.post(url, {"weekday": "4", "hour": "17"})
    assert "It does not come by mail" in client.get(URL).text


def test_impossible_hour_is_refused_with_words(client, amy):
    response = client.post(f"{URL}preferences/", {"weekday": "9", "hour": "17"})

    assert response.status_code == 400
    assert not DigestPreference.objects.exists()


def test_members_have_no_digest(client):
    client.force_login(make_user(role=Role.MEMBER))

    assert client.get(URL).status_code == 403
