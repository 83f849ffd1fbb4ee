import re
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from members.enums import Role
from members.models import Association
from success.models import GapAnswer
from success.services.readings import write_down
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_member,
    make_member_facts,
    make_night,
    make_plan,
    make_user,
)
from tests.success.queries.test_outlook import begin_records, derive, joined, make_path

pytestmark = pytest.mark.django_db
PAGES = ("stalled_and_lapsed", "first_value", "kept")
CHARTS = ("stalled_and_lapsed_chart", "first_value_chart")


def text(response):
    html = re.sub(r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ").split())


@pytest.fixture
def ledger():
    """Twelve who stalled and left in their third year; twelve who moved and stayed."""
    make_path()
    begin_records()
    for month in range(1, 13):
        joined(date(2021, month, 1), date(2023, month, 15))
        joined(date(2021, month, 2), date(2027, 1, 1), certified=50)
    derive()
    make_night(as_of=TODAY)


@pytest.mark.parametrize("name", [*PAGES, *CHARTS])
@pytest.mark.parametrize(
    ("role", "status"), [(Role.MSM, 200), (Role.DIRECTOR, 200), (Role.MEMBER, 403)]
)
def test_who_sees_the_vectors_sees_these(sign_in, name, role, status):
    member = make_member() if role == Role.MEMBER else None
    client = sign_in(make_user(role=role, member=member))

    assert client.get(reverse(f"success:{name}")).status_code == status


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_association_is_told_what_would_be_here(sign_in, name):
    page = sign_in(make_user()).get(reverse(f"success:{name}"))

    assert "yet" in text(page)


@pytest.mark.usefixtures("ledger")
def test_the_answer_stands_with_its_numbers_and_its_limits(sign_in):
    said = text(sign_in(make_user()).get(reverse("success:stalled_and_lapsed")))

    assert "Yes: members who had stalled left more often afterwards." in said
    assert "One year after joining, 12 of 24 members had stalled." in said
    assert "Since then 12 of them have left, and 0 of the 12 others." in said
    assert "fewer than 1 of 10,000" in said or "of 10,000 associations like this" in said
    assert "Only 12 members had not stalled by then" in said
    assert "from what was known by that day" in said
    assert "come from these same members" in said


@pytest.mark.usefixtures("ledger")
def test_curves_end_where_few_are_seen(sign_in):
    drawn = sign_in(make_user()).get(reverse("success:stalled_and_lapsed_chart")).json()

    stalled, moving = drawn["series"]
    assert (stalled["name"], moving["name"]) == ("Stalled", "Not stalled")
    assert stalled["data"][0] == 1.0
    assert moving["data"][24] == 1.0
    assert stalled["data"][-1] is None
    assert drawn["x"][0] == "12 months"


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("name", ["stalled_and_lapsed", "stalled_and_lapsed_chart"])
def test_what_the_night_kept_is_shown_and_nothing_worked_out(sign_in, name):
    client = sign_in(make_user())
    before = client.get(reverse(f"success:{name}"))
    write_down("our_work", as_of=TODAY, grace_days=Association.current().grace_days)
    with CaptureQueriesContext(connection) as queries:
        after = client.get(reverse(f"success:{name}"))

    said = " ".join(query["sql"] for query in queries)
    assert not {"members_term", "engagement_involvement", "success_plan"} & {
        *re.findall(r"\w+", said)
    }
    if name == "stalled_and_lapsed":
        assert text(after) == text(before)
    else:
        assert after.json() == before.json()


def test_a_difference_that_chance_makes_is_not_claimed(sign_in):
    make_path()
    begin_records()
    for month in range(1, 13):
        joined(date(2021, 1, 1), date(2023, month, 15))
        joined(date(2021, 1, 1), date(2023, month, 16), certified=50)
    derive()
    make_night(as_of=TODAY)

    said = text(sign_in(make_user()).get(reverse("success:stalled_and_lapsed")))

    assert "The ledger does not show it." in said
    assert "Yes:" not in said


@pytest.mark.usefixtures("ledger")
def test_first_value_says_shares_the_easy_answers_and_who_waits(sign_in):
    waiting = make_member_facts(joined_on=date(2025, 7, 29))
    page = sign_in(make_user()).get(reverse("success:first_value"), {"by": "year"})
    said = text(page)

    assert "On board by day 60 50.0%" in said
    assert "On board once 30 days are over 100.0%" in said
    assert "365 days" in said
    assert reverse("success:member", args=[waiting.member.public_id]) in page.content.decode()


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(("by", "names"), [("kind", 1), ("year", 1), ("nonsense", 1)])
def test_first_value_draws_the_share_on_board(sign_in, by, names):
    drawn = sign_in(make_user()).get(reverse("success:first_value_chart"), {"by": by}).json()

    assert len(drawn["series"]) == names
    assert drawn["series"][0]["data"][0] == 0.0
    assert drawn["series"][0]["data"][6] == 0.5


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_waiting_cost_the_same_number_of_queries(
    sign_in, item_count, django_assert_max_num_queries
):
    for _ in range(item_count):
        make_member_facts(joined_on=date(2025, 7, 29))
    client = sign_in(make_user())
    client.get(reverse("success:first_value"))

    with django_assert_max_num_queries(22):
        client.get(reverse("success:first_value"))


@pytest.mark.parametrize("item_count", [1, 3])
def test_promises_cost_the_same_number_of_queries(
    sign_in, item_count, django_assert_max_num_queries
):
    for _ in range(item_count):
        make_accountability(owner=make_user())
    client = sign_in(make_user())
    client.get(reverse("success:kept"))

    with django_assert_max_num_queries(10):
        client.get(reverse("success:kept"))


def test_few_promises_are_shown_and_many_are_a_share(sign_in):
    few, many = make_user(name="Ada Few"), make_user(name="Zoe Many")
    plan = make_plan(member=make_member(name="Borealis"))
    make_accountability(owner=few, plan=plan, title="Ring them back")
    for _ in range(5):
        make_accountability(owner=many, done_on=date(2026, 6, 30))

    said = text(sign_in(make_user()).get(reverse("success:kept")))

    assert "Ada Few Borealis : Ring them back due 1 July 2026 , not done" in said
    assert "Zoe Many 100.0% 5 of 5 due" in said
    assert said.index("Ada Few") < said.index("Zoe Many")


def test_the_gap_names_who_says_otherwise_and_how_many_are_silent(sign_in):
    known = make_member_facts(state="on_track", member=make_member(name="Otherwise"))
    make_member_facts(state="on_track")
    GapAnswer.objects.create(
        member=known.member,
        on=TODAY,
        answer="no",
        words="No closer.",
        said_in="call",
        recorded_at=NOON,
    )

    said = text(sign_in(make_user()).get(reverse("success:kept")))

    assert "100.0% 1 of 1 who answered" in said
    assert "50.0% 1 of 2 on the way" in said
    assert "Otherwise" in said
    assert "No closer." in said


def test_measures_lead_to_the_further_questions(sign_in):
    page = sign_in(make_user(role=Role.DIRECTOR)).get(reverse("success:measures"))

    for name in PAGES:
        assert reverse(f"success:{name}") in page.content.decode()
