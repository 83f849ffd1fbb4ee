"""The review, who is there, and what is kept."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from communications.models import Reply
from communications.services import preferences
from coverage.models import AxProfile
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_guest,
    make_member,
    make_message,
    make_review,
    make_user,
)
from tests.success.views.portal_people import (
    FORBIDDEN,
    PARTS,
    declared,
    late_plan,
    login,
    words,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mira():
    return make_user(name="Mira Lindqvist", time_zone="Europe/Stockholm")


@pytest.fixture
def member(mira):
    found = make_member(name="Harbour Works")
    late_plan(found)
    make_assignment(member=found, owner=mira)
    return found


@pytest.fixture
def kim(client, member):
    person = make_guest(member=member, name="Kim Adeyemi")
    user = login(member, name="Kim Adeyemi", person=person, time_zone="Europe/London")
    client.force_login(user)
    return user


def address(name, *args):
    return reverse(f"success:{name}", args=args)


def read(client, name):
    response = client.get(address(name))
    assert response.status_code == 200
    return response.content.decode()


# --- the review -------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_noon")
def test_a_review_is_booked_out_of_the_free_times(client, member, mira, kim):
    html = read(client, "path_review")
    assert "Thursday, 30 July" in html
    assert (
        "45 minutes with Mira Lindqvist. The times are by your clock (Europe/London)."
        in words(html)
    )
    slot = client.get(address("path_review")).context["form"].fields["slot"].choices[1][1][0][0]

    answer = client.post(address("path_review_book"), {"slot": slot, "note": "Our budget"})
    again = client.post(address("path_review_book"), {"slot": slot, "note": "Our budget"})

    review = member.reviews.get()
    assert (review.organiser, review.note) == (mira, "Our budget")
    assert review.starts_at == datetime(2026, 7, 30, 7, tzinfo=UTC)
    assert answer.status_code == 302
    assert again.status_code == 302
    said = words(read(client, "path_review"))
    assert "Thursday, 30 July 2026, 08:00" in said
    assert "Our budget" in said


@pytest.mark.parametrize("slot", ["", "2026-08-01T03:00:00+00:00", "whenever"])
def test_a_time_that_is_not_offered_is_refused_and_the_note_kept(client, member, kim, slot):
    answer = client.post(address("path_review_book"), {"slot": slot, "note": "Our budget"})

    assert answer.status_code == 422
    assert "Our budget" in answer.content.decode()
    assert member.reviews.count() == 0


@pytest.mark.usefixtures("at_noon")
def test_a_review_is_moved_and_called_off(client, member, mira, kim):
    review = make_review(member=member, organiser=mira)
    form = client.get(address("path_review")).context["form"]
    slot = form.fields["slot"].choices[1][1][1][0]

    client.post(address("path_review_move"), {"slot": slot})
    review.refresh_from_db()
    assert review.starts_at == datetime(2026, 7, 30, 8, tzinfo=UTC)

    for _ in range(2):
        client.post(address("path_review_cancel"), {"reason": "On leave"})
    review.refresh_from_db()
    assert (review.status, review.cancelled_reason) == ("cancelled", "On leave")
    assert "None is agreed yet" in read(client, "path_review")


def test_the_review_goes_into_any_calendar(client, member, mira, kim):
    make_review(member=member, organiser=mira)

    answer = client.get(address("path_review_calendar"))

    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert "DTSTART" in answer.content.decode()


def test_without_a_review_there_is_nothing_to_put_into_a_calendar(client, kim):
    assert client.get(address("path_review_calendar")).status_code == 404


def test_a_reader_sees_the_review_and_who_may_change_it(client, member, mira, kim):
    make_review(member=member, organiser=mira)
    client.force_login(login(member, "reader"))

    html = read(client, "path_review")

    assert "<select" not in html
    assert "Kim Adeyemi speaks for Harbour Works here." in html


def test_nobody_in_particular_means_no_times_to_choose(client):
    client.force_login(login(make_member()))

    html = read(client, "path_review")

    assert "Write to our team" in html
    assert "<select" not in html
    assert "Choose a time" not in client.get(address("path")).content.decode()


def test_the_review_leads_to_the_calendar_and_back(client, member, mira, kim):
    make_review(member=member, organiser=mira)

    assert 'href="/calendar/"' in read(client, "path_review")
    assert 'href="/path/review/"' in read(client, "calendar")


# --- people -----------------------------------------------------------------------------------


def test_people_says_who_is_there_and_who_may_do_what(client, member, kim):
    login(member, "contributor", name="Jo Brandt")
    login(member, "reader", name="Ada Reader")
    login(member, "reader", name="Gone Long Ago", is_active=False)

    said = words(read(client, "path_people"))

    for part in (
        "Mira Lindqvist your member success manager",
        "works by the time of Europe/Stockholm",
        "Kim Adeyemi (you) Speaks for you: goals, answers, promises and reviews",
        "Jo Brandt Takes part: says what is done, and what helped",
        "Ada Reader Reads along",
    ):
        assert part in said, part
    assert "Gone Long Ago" not in said


def test_no_note_about_clocks_that_agree(client, kim, mira):
    mira.time_zone = "Europe/Lisbon"
    mira.save()

    assert "works by the time of" not in read(client, "path_people")


@pytest.mark.parametrize("item_count", [1, 3])
def test_people_cost_the_same_for_any_number(
    client, member, kim, item_count, django_assert_num_queries
):
    for _ in range(item_count):
        login(member)

    with django_assert_num_queries(8):
        client.get(address("path_people"))


SUITS = {"expertise": "high", "resources": "sufficient", "guidance": "occasional"}


def test_what_suits_us_is_answered_seen_again_and_answered_anew(client, member, kim):
    client.post(address("path_experience"), SUITS | {"contact": "asking"})

    made = AxProfile.objects.get()
    assert (made.member, made.source, made.recorded_by) == (member, "member", kim)
    again = client.get(address("path_experience"))
    assert again.context["form"].initial["contact"] == "asking"
    assert "You told us what suits you" in words(
        client.get(address("path_people")).content.decode()
    )
    client.post(address("path_experience"), SUITS | {"contact": "writing"})

    assert AxProfile.objects.get(superseded_on=None).answers["contact"] == "writing"


def test_question_left_open_is_said_and_no_answer_is_lost(client, member, kim):
    response = client.post(address("path_experience"), SUITS)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["contact"]
    assert response.context["form"]["expertise"].value() == "high"
    assert not AxProfile.objects.exists()


def test_only_who_speaks_for_the_member_says_what_suits_them(client, member):
    for part, status in zip(PARTS, (200, 403, 403), strict=True):
        client.force_login(login(member, part))
        assert client.get(address("path_experience")).status_code == status


def test_answers_kept_through_a_lost_session_stand_in_the_form_again(client, member, kim):
    sent = SUITS | {"contact": "talking", "reader": str(kim.public_id)}
    client.logout()

    client.post(address("path_experience"), sent)
    client.force_login(kim)
    page = client.get(address("path_experience"))

    assert page.context["is_kept"]
    assert page.context["form"].initial["contact"] == "talking"


def test_what_suits_us_is_asked_in_words_that_judge_nobody(client, member, kim):
    said = words(client.get(address("path_experience")).content.decode()).lower()

    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", said)] == []


# --- my data ----------------------------------------------------------------------------------


def test_my_data_shows_what_is_kept_about_me_alone(client, member, kim):
    milestone = member.plans.get().milestones.get(position=2)
    declared(milestone, by=kim, what_changed="We release each week.")
    make_message(
        member=member, person=kim.person, status="sent", subject="Welcome", body="Dear Kim",
        finished_at=NOON,
    )  # fmt: skip
    jo = login(
        member, "contributor", person=make_guest(member=member, is_primary_contact=False)
    )
    declared(member.plans.get().milestones.get(position=3), by=jo, what_changed="Jo's words")
    make_message(
        member=member, person=jo.person, status="sent", subject="For Jo", body="Dear Jo",
        finished_at=NOON,
    )  # fmt: skip

    said = words(read(client, "path_data"))
    export = client.get(address("path_data_export"))

    for part in (
        kim.email,
        "Done: Milestone 2",
        "We release each week.",
        "Welcome",
        "Dear Kim",
    ):
        assert part in said, part
    assert [other for other in ("Jo's words", "For Jo", jo.email) if other in said] == []
    found = export.json()
    assert export["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert found["what_i_said"] == [
        {"on": "2026-07-29", "about": "Done: Milestone 2", "words": "We release each week."}
    ]
    assert [one["subject"] for one in found["messages_to_me"]] == ["Welcome"]
    assert jo.email not in export.content.decode()


def test_answers_by_mail_and_what_i_want_to_hear_are_among_what_i_said(client, member, kim):
    other = make_member()
    for number, whose in enumerate((member, other)):
        Reply.objects.create(
            member=whose, person=kim.person, provider="post", event_id=str(number),
            received_at=NOON, subject="Re: your goal", body=f"Yes, {whose.name} does.",
        )  # fmt: skip
    preferences.unsubscribe(person=kim.person, said_in="one-click", at=NOON)

    said = words(read(client, "path_data"))
    found = client.get(address("path_data_export")).json()["what_i_said"]

    assert [(each["about"], each["words"]) for each in found] == [
        ("An answer by mail: Re: your goal", f"Yes, {member.name} does."),
        ("I do not want to hear of: anything that can wait", ""),
    ]
    assert f"Yes, {member.name} does." in said
    assert other.name not in said


@pytest.mark.parametrize("part", PARTS)
def test_the_plan_is_in_the_export_of_those_who_speak(client, member, part):
    client.force_login(login(member, part))

    found = client.get(address("path_data_export")).json()

    assert ("plan" in found) == (part == "lead")
    if part == "lead":
        assert [one["title"] for one in found["plan"]["milestones"]] == [
            "Milestone 1", "Milestone 2", "Milestone 3", "Milestone 4",
        ]  # fmt: skip
        assert found["plan"]["since"] == (member.plans.get().anchor_on).isoformat()
    assert found["as_of"] == TODAY.isoformat()


@pytest.mark.parametrize("item_count", [1, 3])
def test_my_data_costs_the_same_for_any_length(
    client, member, kim, item_count, django_assert_num_queries
):
    milestones = list(member.plans.get().milestones.all())
    for number in range(item_count):
        declared(milestones[number], by=kim)
        make_message(member=member, person=kim.person, status="sent", finished_at=NOON)

    with django_assert_num_queries(15):
        client.get(address("path_data"))
