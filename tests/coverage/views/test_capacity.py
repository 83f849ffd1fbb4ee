import pytest
from django.utils.html import strip_tags

from coverage.models import WeekLoad
from coverage.rollups.loads import monday
from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from tests.coverage.queries.test_capacity import hold, msm
from tests.factories import NOON, TODAY, make_absence, make_member, make_user

pytestmark = pytest.mark.django_db
URL = "/coverage/capacity/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def team():
    """Amy at 150%, Ben with nobody and away, and one member in the pool."""
    ensure_default_segments()
    ensure_default_model(at=NOON)
    amy, ben = msm("Amy Adler"), msm("Ben Brook")
    for _ in range(30):
        hold(amy, "at_risk")
    hold(None, "at_risk", "inbound")
    make_absence(user=ben)
    for week in (monday(TODAY), monday(TODAY.replace(day=20))):
        WeekLoad.objects.create(
            user=amy, week=week, members=30, needed_minutes=130, given_minutes=0,
            available_minutes=100, written_on=TODAY,
        )  # fmt: skip
    return amy, ben


def shown(client, user):
    client.force_login(user)
    return client.get(URL)


def words(response):
    """What is read on the page, numbers without their markup."""
    return " ".join(strip_tags(response.content.decode()).split())


def test_a_director_sees_everybody_by_name_with_words(client, team):
    response = shown(client, make_user(role=Role.DIRECTOR))

    assert [(row.name, row.load, str(row.word)) for row in response.context["page"].rows] == [
        ("Amy Adler", 1.5, "Overloaded"),
        ("Ben Brook", 0, "Under-used"),
    ]
    text = words(response)
    assert "Shared out evenly, everybody would be at 75%" in text
    assert "Amy Adler has been above 120% for two weeks running" in text
    assert "1 member without an owner of their own needs 0.8 hours a month." in text
    assert [row.name for row in response.context["page"].heat] == [
        "The team", "Amy Adler", "Ben Brook", "The pool",
    ]  # fmt: skip
    assert response.context["page"].heat[2].cells[1].text == "away"


def test_an_msm_sees_their_own_load_by_name_and_others_without(client, team):
    response = shown(client, team[1])

    rows = response.context["page"].rows
    assert [(row.name, row.is_mine, row.away != ()) for row in rows] == [
        ("Ben Brook", True, True),
        ("A colleague", False, False),
    ]
    assert [row.name for row in response.context["page"].heat] == [
        "The team", "Ben Brook", "The pool",
    ]  # fmt: skip
    for address in (URL, f"{URL}loads.json", f"{URL}weeks.json"):
        assert "Adler" not in client.get(address).content.decode()


def test_a_member_sees_none_of_it(client):
    client.force_login(make_user(role=Role.MEMBER, member=make_member()))

    for address in (URL, f"{URL}loads.json", f"{URL}weeks.json"):
        assert client.get(address).status_code == 403


def test_what_the_team_lacks_is_said_in_hours_people_and_leverage(client):
    ensure_default_segments()
    ensure_default_model(at=NOON)
    amy = msm("Amy")
    for _ in range(66):
        hold(amy, "renewal")

    text = words(shown(client, make_user(role=Role.DIRECTOR)))

    assert "Sharing the work out evenly would leave everybody at 165%." in text
    assert "78.0 hours a month are missing: as many as 0.65 more people have" in text


def test_without_hours_nothing_is_known_and_nothing_is_zero(client):
    amy = make_user(name="Amy")
    ensure_default_segments()
    hold(amy)

    text = words(shown(client, make_user(role=Role.DIRECTOR)))

    assert "Nobody has said yet how many hours an experience takes" in text
    assert "What the team can carry is not known yet" in text
    assert "The hours of 1 member are not known yet, and are not counted." in text


def test_the_chart_has_needed_and_given_beside_a_line_of_what_there_is(client, team):
    client.force_login(make_user(role=Role.DIRECTOR))

    spec = client.get(f"{URL}loads.json").json()

    assert (
        spec["x"],
        [(one["name"], one["data"], one.get("as")) for one in spec["series"]],
    ) == (
        ["Amy Adler", "Ben Brook"],
        [
            ("needed", [180.0, 0.0], None),
            ("given", [None, None], None),
            ("available", [120.0, 120.0], "line"),
        ],
    )


def test_the_heat_map_has_a_row_a_person_and_a_word_a_band(client, team):
    client.force_login(make_user(role=Role.DIRECTOR))

    spec = client.get(f"{URL}weeks.json").json()

    amy = spec["series"][1]
    assert (len(spec["x"]), len(amy["data"]), set(amy["bands"])) == (26, 26, {"overloaded"})
    assert [band["name"] for band in spec["bands"]] == [
        "Overloaded", "Full", "Healthy", "Room to spare", "Under-used",
    ]  # fmt: skip


def test_the_page_costs_as_many_statements_for_many_people(
    client, django_assert_num_queries, team
):
    client.force_login(make_user(role=Role.DIRECTOR))
    client.get(URL)
    with django_assert_num_queries(13):
        client.get(URL)
    for number in range(3):
        hold(msm(f"More {number}"))

    with django_assert_num_queries(13):
        client.get(URL)
