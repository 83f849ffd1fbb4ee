import re
import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from members.enums import Role
from success.enums import Side
from tests.factories import (
    TODAY,
    make_accountability,
    make_assignment,
    make_ax_profile,
    make_effort,
    make_fact,
    make_intervention,
    make_involvement,
    make_member,
    make_member_facts,
    make_message,
    make_night,
    make_person,
    make_plan,
    make_segment,
    make_term,
    make_user,
)
from tests.success.lines import replan
from tests.success.views.conftest import HTMX

pytestmark = pytest.mark.django_db
URL = "/members/"


def make_known(*, name="Acme", owner=None, behind=15, details=None, **overrides):
    """A member with a term, a plan, an assignment, and what the night knows of it."""
    member = make_member(name=name, details=details or {})
    make_term(member=member)
    plan = make_plan(member=member)
    segment = overrides.pop("segment", None) or make_segment(name="Synchronous")
    make_assignment(member=member, segment=segment, owner=owner, reason="Live help suits them.")
    fields = {
        "state": "slipping",
        "plan": plan,
        "anchor_on": plan.anchor_on,
        "held_on": TODAY - timedelta(behind),
        "next_milestone": plan.milestones.first(),
        "segment": segment,
        "owner": owner,
        "term_ends_on": date(2027, 1, 1),
        "pace_milli": 500,
        "achieved_weight": 10,
        "expected_weight": 30,
    }
    make_member_facts(member=member, **(fields | overrides))
    return member


def names(response):
    return re.findall(r'class="wm-row-link" href="[^"]+">([^<]+)<', response.content.decode())


def text(response):
    """What is read on a page, its markup left out."""
    html = re.sub(
        r"<(script|style|title).*?</\1>", " ", response.content.decode(), flags=re.DOTALL
    )
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def page_of(member):
    return reverse("success:member", args=[member.public_id])


def test_a_row_says_where_the_member_stands(sign_in):
    make_night()
    amy = make_user(name="Amy")
    member = make_known(owner=amy)
    make_intervention(member=member, owner=amy)

    words = text(sign_in(amy).get(URL))

    assert [
        words.count(each)
        for each in (
            "Acme slipping \u221215 days",
            "Milestone 1 Synchronous Amy 31 December 2026 1",
            "As of 29 July 2026",
            "1 member found",
        )
    ] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Acme", "Benz"]),
        ("state=slipping", ["Acme"]),
        ("owner=me", ["Acme"]),
        ("owner=pool", ["Benz"]),
        ("everybody=1", ["Acme", "Benz", "Gone"]),
        ("standing=lapsed", ["Gone"]),
        ("q=gnoe", ["Gone"]),
        ("q=gone", ["Gone"]),
        ("behind_at_least=20", ["Benz"]),
        ("overlay=assoc_blocked", ["Acme"]),
        ("overlay=goal_stale", ["Benz"]),
        ("overlay=goal_stale&overlay=assoc_blocked", ["Acme", "Benz"]),
        ("overlay=rebaselined", []),
        ("overlay=ax_mismatch", []),
        ("sort=-name", ["Benz", "Acme"]),
        ("sort=behind", ["Benz", "Acme"]),
        ("sort=nonsense", ["Acme", "Benz"]),
        ("state=nonsense", []),
    ],
)
def test_filters_and_headers_choose_and_order_the_rows(sign_in, query, expected):
    make_night()
    amy = make_user()
    make_known(name="Acme", owner=amy, blocker="association")
    stale = TODAY - timedelta(days=181)
    make_known(name="Benz", state="stalled", behind=30, goal_confirmed_on=stale)
    make_known(name="Gone", standing="lapsed", state="no_plan", plan=None)

    assert names(sign_in(amy).get(f"{URL}?{query}")) == expected


def test_a_filter_that_makes_no_sense_is_explained(sign_in):
    response = sign_in(make_user()).get(f"{URL}?state=nonsense")

    assert response.content.count(b"nonsense is not one of the available choices") == 2


def test_what_nobody_knows_is_said_to_be_unknown(sign_in):
    make_member(name="New")

    words = text(sign_in(make_user()).get(f"{URL}?everybody=1"))

    assert words.count("New not enough data no segment yet") == 1


def test_a_list_without_members_says_where_they_come_from(sign_in):
    assert sign_in(make_user()).get(URL).content.count(b"No members yet") == 1


def test_small_tags_stand_beside_the_state(sign_in):
    make_night()
    make_known(
        we_owe_since=TODAY - timedelta(days=3),
        blocker="association",
        goal_confirmed_on=TODAY - timedelta(days=181),
        is_rebaselined=True,
        declared_weight=10,
    )

    tags = re.findall(
        r'class="wm-overlay [^>]+>([^<]+)<', sign_in(make_user()).get(URL).content.decode()
    )

    assert tags == [
        "we owe them", "waiting for us", "goal stale", "plan was moved", "thin evidence",
    ]  # fmt: skip


def test_the_page_of_a_member_whose_plan_was_moved_says_what_that_hides(sign_in):
    make_night()
    member = make_known(is_rebaselined=True, baseline_held_on=TODAY - timedelta(days=45))
    first = member.plans.get()
    first.milestones.update(evidence_dates=None)
    plan = replan(
        first, on=date(2026, 7, 1), moved={f"milestone-{n}": 300 + n for n in (1, 2, 3)}
    )
    member.known.plan = plan
    member.known.save()
    client = sign_in(make_user())

    now = client.get(page_of(member))
    before = client.get(page_of(member), {"as_of": "2026-06-30"})

    hidden = (TODAY - plan.anchor_on).days - 30
    assert (
        text(now).count(
            f"Re-baselined once, hides {hidden} days: \u2212{hidden} days on the days first agreed."
        )
        == 1
    )
    assert now.content.count(b">plan was moved</span>") == 1
    assert text(now).count("days 30, 60 and 90, first agreed, are shown as ghosts") == 1
    assert text(now).count("On the days first agreed") == 2
    assert before.content.count(b">plan was moved</span>") == 0
    assert text(before).count("ghost") == 0


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_list_costs_the_same_number_of_queries_for_any_length(
    sign_in, item_count, django_assert_num_queries
):
    make_night()
    segment = make_segment()
    for number in range(item_count):
        make_known(name=f"M{number}", segment=segment, owner=make_user(role=Role.DIRECTOR))
    client = sign_in(make_user())

    with django_assert_num_queries(14):
        client.get(URL)


def test_the_list_goes_on_behind_fifty(sign_in):
    for number in range(51):
        make_member(name=f"M{number:02}")
    client = sign_in(make_user())

    first = client.get(f"{URL}?everybody=1")
    address = re.search(r'rel="next" href="([^"]+)"', first.content.decode()).group(1)
    second = client.get(URL + address.replace("&amp;", "&"))

    assert (len(names(first)), names(second)) == (50, ["M50"])


def test_the_page_of_a_member_is_whole_without_a_script(sign_in):
    make_night()
    amy = make_user(name="Amy", is_demo=True)
    member = make_known(owner=amy, details={"former_names": "Acme Brothers"})
    plan = member.plans.get()
    make_accountability(plan=plan, title="Send the report", due_on=date(2026, 7, 23))
    make_accountability(
        plan=plan,
        side=Side.MEMBER,
        title="Name a person",
        due_on=date(2026, 8, 4),
        is_simulated=True,
    )
    make_involvement(member=member, person=make_person(name="Robin"), subject="Envoy")
    make_involvement(
        member=make_member(name="Neighbour"), person=make_person(), subject="Envoy"
    )
    make_intervention(member=member, owner=amy, why="Behind since June.")
    make_message(member=member)
    make_fact(member=member, subject="Vitess")

    response = sign_in(amy).get(page_of(member))
    words = text(response)

    assert [
        each
        for each in (
            "formerly Acme Brothers",
            "Why Synchronous Live help suits them.",
            "Amy simulated",
            "In force, through 31 December 2026",
            "On plan day 30 on calendar day 209, 179 days behind, not moving, waiting on milestone 1.",
            "What we promised 1",
            "Send the report 6 days late , due 23 July 2026",
            "What they promised 1",
            "Name a person simulated due in 6 days",
            "Behind since June.",
            "Robin",
            "Envoy maintainer 1 person, since 1 January 2025",
            "Neighbour",
            "1 January 2026 31 December 2026 Silver test",
            "10 of 100 , 30 expected by now",
            "A word",
            "Maintainer removed: Vitess",
        )
        if each not in words
    ] == []


def test_the_page_lists_every_panel_that_the_role_may_see(sign_in):
    make_night()
    member = make_known()

    shown = {
        role: re.findall(
            r'<div class="wm-slot-(\w+)">',
            sign_in(make_user(role=role)).get(page_of(member)).content.decode(),
        )
        for role in (Role.MSM, Role.DIRECTOR)
    }

    everything = [
        "outcome", "promises", "milestones", "asks", "items", "experience", "review", "people",
        "involvement", "alongside", "plan", "potential", "terms", "facts", "messages", "timeline",
        "changes",
    ]  # fmt: skip
    assert shown == dict.fromkeys(shown, everything)


def test_dues_are_shown_to_those_who_may_see_them(sign_in):
    member = make_member()
    make_term(member=member, dues=Decimal("45000.00"))

    assert {
        role: "$45,000" in text(sign_in(make_user(role=role)).get(page_of(member)))
        for role in (Role.MSM, Role.DIRECTOR, Role.OPERATIONS)
    } == {Role.MSM: False, Role.DIRECTOR: True, Role.OPERATIONS: True}


def test_looking_back_shows_what_was_true_that_day(sign_in):
    make_night()
    member = make_known()
    plan = member.plans.get()
    make_accountability(plan=plan, due_on=date(2026, 7, 23), done_on=date(2026, 7, 20))
    make_involvement(member=member, subject="Vitess", starts_on=date(2026, 6, 1))
    client = sign_in(make_user())

    now = text(client.get(page_of(member)))
    then = text(client.get(f"{page_of(member)}?as_of=2026-02-05"))

    assert ("Vitess" in now, "Vitess" in then) == (True, False)
    assert "On plan day 30 on calendar day 35, five days behind" in then
    assert ("Send the report due 23 July" in then, "Looking back." in then) == (True, True)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("2027-01-01", "Nothing is known of later days yet."),
        ("soon", "This is no day. Shown is the last one known."),
    ],
)
def test_a_day_that_cannot_be_looked_at_is_explained(sign_in, asked, words):
    make_night()
    member = make_known()

    response = sign_in(make_user()).get(f"{page_of(member)}?as_of={asked}")

    assert (response.content.decode().count(words), b"Looking back." in response.content) == (
        1,
        False,
    )


def test_a_member_that_nobody_knows_anything_of_has_a_page(sign_in):
    member = make_member(name="New")

    words = text(sign_in(make_user()).get(page_of(member)))

    assert [
        words.count(each)
        for each in (
            "No plan yet, so no vector.",
            "No night has seen this member yet",
            "Nobody is known here yet",
            "No term is known",
            "Nothing is on record yet",
        )
    ] == [1] * 5


@pytest.mark.parametrize(
    "name",
    [
        "success:member",
        "success:member_people",
        "success:member_items",
        "success:member_involvement",
        "success:member_terms",
        "success:member_facts",
        "success:member_timeline",
        "community:member_alongside",
        "communications:member_messages",
    ],
)
def test_members_that_are_not_there_are_404_and_their_log_ins_403(sign_in, name):
    unknown = reverse(name, args=[uuid.uuid4()])
    known = reverse(name, args=[make_member().public_id])
    member = make_user(role=Role.MEMBER)

    assert sign_in(make_user()).get(unknown).status_code == 404
    assert sign_in(member).get(known).status_code == 403


def test_a_panel_is_a_fragment_for_a_script_and_a_page_for_a_person(sign_in):
    member = make_member()
    client = sign_in(make_user())
    url = reverse("success:member_people", args=[member.public_id])

    fragment, page = client.get(url, headers=HTMX), client.get(url)

    assert fragment.content.strip() in page.content
    assert (fragment.content.count(b"</html>"), page.content.count(b"</html>")) == (0, 1)


def test_the_timeline_goes_on_page_by_page(sign_in):
    member = make_member()
    for number in range(21):
        make_fact(member=member, subject=f"S{number:02}", occurred_on=TODAY - timedelta(number))
    client = sign_in(make_user())
    url = reverse("success:member_timeline", args=[member.public_id])

    first = client.get(url).content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', first).group(1).replace("&amp;", "&")
    second = client.get(older).content.decode()

    assert re.findall(r"removed: (S\d+)", first) == [f"S{number:02}" for number in range(20)]
    assert re.findall(r"removed: (S\d+)", second) == ["S20"]
    assert client.get(f"{url}?after=nonsense").headers["Location"] == url


def test_forms_of_panels_share_the_secret_of_the_page(sign_in):
    from django.test import Client

    amy = make_user()
    member = make_known(owner=amy)
    item = make_intervention(member=member, owner=amy)
    client = Client(enforce_csrf_checks=True)
    client.force_login(amy)

    html = client.get(page_of(member)).content.decode()
    secret = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html).group(1)
    answer = client.post(
        reverse("success:claim", args=[item.public_id]), {"csrfmiddlewaretoken": secret}
    )

    assert answer.headers["Location"] == reverse("success:item", args=[item.public_id])


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_page_costs_the_same_number_of_queries_for_any_history(
    sign_in, item_count, django_assert_num_queries
):
    make_night()
    member = make_known()
    for _ in range(item_count):
        make_accountability(plan=member.plans.get())
        make_involvement(member=member, person=make_person())
        make_involvement(member=make_member(), person=make_person())
        make_intervention(member=member)
        make_message(member=member)
        make_fact(member=member)
        make_term(member=member)
    client = sign_in(make_user())

    with django_assert_num_queries(59):
        client.get(page_of(member))


@pytest.mark.django_db
def test_a_panel_that_shows_some_leads_to_its_own_page_for_all(client):
    member = make_member()
    for year in range(2010, 2020):
        make_term(member=member, starts_on=date(year, 1, 1), ends_on=date(year + 1, 1, 1))
    client.force_login(make_user(role=Role.DIRECTOR))

    page = client.get(f"/members/{member.public_id}/").content.decode()

    assert f'href="/members/{member.public_id}/terms/?as_of=' in page


def test_experience_mismatch_is_a_tag_in_list_and_header_and_a_filter(sign_in):
    short, whole = make_known(name="Short"), make_known(name="Whole")
    for member, minutes in ((short, 10), (whole, 60)):
        make_ax_profile(member=member, async_minutes=60)
        make_effort(member=member, minutes=minutes, on=TODAY - timedelta(days=10))
    make_effort(on=TODAY - timedelta(days=100))  # the ledger is old enough
    make_night()
    client = sign_in(make_user())

    listed = client.get(f"{URL}?overlay=ax_mismatch")

    assert [row["member"].name for row in listed.context["rows"]] == ["Short"]
    assert listed.context["total"] == 1
    assert "ax_mismatch" in listed.context["rows"][0]["overlays"]
    for member, told in ((short, True), (whole, False)):
        page = client.get(reverse("success:member", args=[member.public_id]))
        assert page.context["is_mismatched"] is told
