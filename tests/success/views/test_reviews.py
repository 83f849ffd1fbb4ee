from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from communications.models import Message
from members.enums import Role
from success.models import CalendarFeed, GapAnswer, Review
from success.services import reviews as acts
from tests.factories import (
    MORNING,
    TODAY,
    make_assignment,
    make_guest,
    make_member,
    make_member_facts,
    make_outcome,
    make_plan,
    make_review,
    make_user,
)
from tests.success.views.conftest import HTMX

pytestmark = pytest.mark.django_db
AT_TEN = datetime(2026, 8, 12, 9, tzinfo=UTC)
SAID = {
    "day": "2026-08-12",
    "hour": "10:00",
    "zone": "Europe/London",
    "minutes": "45",
    "place": "Room 1",
    "note": "",
}


@pytest.fixture
def amy():
    return make_user(name="Amy Ng", time_zone="Europe/London")


def text(response):
    return response.content.decode()


def url_of(review, act=""):
    return reverse(f"success:review{act}", args=[review.public_id])


def to_schedule(member):
    return reverse("success:review_schedule", args=[member.public_id])


def held_fields(review, **changes):
    return {
        "sequence": review.sequence,
        "on": "2026-07-29",
        "outcome": "All goes on.",
        "goal": "yes",
        "gap": "yes",
        "gap_words": "",
        "next_day": "2026-11-11",
        "next_hour": "10:00",
    } | changes


# --- the list ---------------------------------------------------------------------------------


def test_an_msm_begins_with_their_own_and_a_director_with_the_teams(sign_in, amy):
    own = make_review(organiser=amy)
    pool = make_review()

    def listed(user, query=""):
        page = sign_in(user).get(reverse("success:reviews") + query)
        return set(page.context["listed"].items)

    assert listed(amy) == {own}
    assert listed(amy, "?whose=team") == {own, pool}
    assert listed(make_user(role=Role.DIRECTOR)) == {own, pool}
    assert listed(make_user(role=Role.DIRECTOR), "?whose=mine") == set()


@pytest.mark.parametrize("show", ["ahead", "to-hold", "without", "held"])
def test_each_list_says_what_would_be_there(sign_in, amy, show):
    page = sign_in(amy).get(reverse("success:reviews"), {"show": show})

    assert "wm-empty-title" in text(page)


@pytest.mark.parametrize("show", ["ahead", "to-hold", "without", "held"])
def test_lists_cost_the_same_for_any_length(sign_in, amy, show, django_assert_num_queries):
    def fill(count):
        for number in range(count):
            member = make_member()
            make_assignment(member=member, owner=amy)
            if show == "without":
                make_plan(member=member)
                make_member_facts(member=member)
            else:
                make_review(
                    member=member,
                    organiser=amy,
                    starts_at=AT_TEN - timedelta(days=30 * (show != "ahead"), hours=number),
                    status="held" if show == "held" else "scheduled",
                    held_on=TODAY if show == "held" else None,
                )

    client = sign_in(amy)
    for length in (1, 3):
        fill(
            length
            - len(
                client.get(reverse("success:reviews"), {"show": show}).context["listed"].items
            )
        )
        with django_assert_num_queries(5):
            page = client.get(reverse("success:reviews"), {"show": show})
        assert len(page.context["listed"].items) == length


def test_a_place_in_the_list_that_is_gone_is_said(sign_in, amy):
    make_review(organiser=amy)

    page = sign_in(amy).get(
        reverse("success:reviews"), {"after": "nonsense", "show": "ahead"}, follow=True
    )

    assert page.redirect_chain == [(f"{reverse('success:reviews')}?show=ahead", 302)]
    assert len(page.context["listed"].items) == 1
    assert "This is its beginning." in page.content.decode()


def test_members_do_not_see_the_staffs_pages(sign_in):
    review = make_review()
    client = sign_in(make_user(role=Role.MEMBER, member=review.member))

    for url in (reverse("success:reviews"), url_of(review), url_of(review, "_hold")):
        assert client.get(url).status_code == 403


def test_reviews_of_others_are_not_there(sign_in, amy):
    member = make_member()
    make_assignment(member=member, owner=make_user())
    review = make_review(member=member)
    client = sign_in(amy)

    assert client.get(url_of(review)).status_code == 404
    for act in ("_move", "_hold", "_cancel"):
        assert client.post(url_of(review, act), {}).status_code == 404


# --- agreeing one -----------------------------------------------------------------------------


def test_the_form_proposes_the_first_free_hour_of_whoever_looks_after_them(sign_in, amy):
    member = make_member()
    make_assignment(member=member, owner=amy)
    ann = make_guest(member=member)
    make_review(organiser=amy, starts_at=datetime(2026, 8, 5, 8, tzinfo=UTC))

    form = sign_in(amy).get(to_schedule(member)).context["form"]

    assert str(form.initial["day"]) == "2026-08-05"
    assert str(form.initial["hour"]) == "10:00:00"
    assert (form.initial["organiser"], form.initial["guests"]) == (amy, [ann])


def test_agreeing_a_review_invites_and_leads_to_it(sign_in, amy):
    member = make_member()
    ann = make_guest(member=member)

    answer = sign_in(amy).post(
        to_schedule(member), SAID | {"organiser": amy.pk, "guests": [ann.pk]}
    )

    review = Review.objects.get()
    assert (answer.status_code, answer.url) == (302, url_of(review))
    assert (review.starts_at, review.organiser, review.time_zone) == (
        AT_TEN,
        amy,
        "Europe/London",
    )
    assert Message.objects.get().person == ann


def test_the_review_says_whom_its_newest_mail_did_not_reach(sign_in, amy):
    member = make_member()
    ann = make_guest(member=member, name="Ann")
    bea = make_guest(member=member, name="Bea", is_primary_contact=False)
    client = sign_in(amy)
    client.post(to_schedule(member), SAID | {"organiser": amy.pk, "guests": [ann.pk, bea.pk]})
    review = Review.objects.get()
    assert "Not reached" not in text(client.get(url_of(review)))

    of = Message.objects.filter
    of(person=ann).update(status="suppressed", outcome="No address is known")
    of(person=bea).update(status="sent", returned_at=MORNING)

    said = text(client.get(url_of(review)))
    assert "<dt>Not reached</dt><dd>Ann: No address is known; Bea: it came back</dd>" in said


@pytest.mark.parametrize(
    ("changes", "field", "status"),
    [
        ({"day": "2026-07-28"}, "day", 409),
        ({"day": ""}, "day", 422),
        ({"zone": "Nowhere"}, "zone", 422),
        ({"minutes": "1"}, "minutes", 422),
        ({"hour": "11:15"}, "hour", 409),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(sign_in, amy, changes, field, status):
    make_review(organiser=amy, starts_at=AT_TEN + timedelta(hours=1))
    member = make_member()

    answer = sign_in(amy).post(to_schedule(member), SAID | {"organiser": amy.pk} | changes)

    assert (answer.status_code, list(answer.context["form"].errors)) == (status, [field])
    assert "Room 1" in text(answer)
    assert Review.objects.count() == 1


def test_agreeing_a_second_one_leads_to_the_first(sign_in, amy):
    review = make_review(organiser=amy)
    client = sign_in(amy)

    looked = client.get(to_schedule(review.member))
    sent = client.post(
        to_schedule(review.member), SAID | {"organiser": amy.pk, "hour": "16:00"}
    )

    assert (looked.status_code, looked.url) == (302, url_of(review))
    assert sent.status_code == 409
    assert url_of(review) in text(sent)


# --- moving, cancelling, holding --------------------------------------------------------------


def test_moving_a_review_that_somebody_else_moved_is_told_and_can_be_sent_again(sign_in, amy):
    review = make_review(organiser=amy)
    client = sign_in(amy)
    fields = SAID | {"sequence": review.sequence, "hour": "15:00"}
    acts.move(
        review=review,
        starts_at=AT_TEN + timedelta(hours=2),
        minutes=45,
        by=make_user(),
        at=MORNING,
    )

    refused = client.post(url_of(review, "_move"), fields)
    again = client.post(
        url_of(review, "_move"),
        fields | {"sequence": refused.context["form"]["sequence"].value()},
    )

    assert refused.status_code == 409
    assert "12 August 2026 at 12:00" in text(refused)
    assert again.status_code == 302
    assert Review.objects.get().starts_at == AT_TEN + timedelta(hours=5)


def test_calling_off_asks_for_a_reason(sign_in, amy):
    review = make_review(organiser=amy)
    client = sign_in(amy)

    without = client.post(url_of(review, "_cancel"), {"sequence": 0, "reason": ""})
    with_one = client.post(url_of(review, "_cancel"), {"sequence": 0, "reason": "Amy is ill"})

    assert (without.status_code, with_one.status_code) == (422, 302)
    assert Review.objects.get().status == "cancelled"
    assert "Amy is ill" in text(client.get(url_of(review)))


def test_closing_keeps_everything_on_one_screen_and_sets_the_next(sign_in, amy):
    review = make_review(organiser=amy, starts_at=MORNING)
    make_outcome(member=review.member)
    client = sign_in(amy)
    form = client.get(url_of(review, "_hold")).context["form"]

    answer = client.post(url_of(review, "_hold"), held_fields(review))

    held = Review.objects.get(pk=review.pk)
    following = Review.objects.ahead().get()
    assert (form.initial["on"], form.initial["next_day"]) == (TODAY, TODAY + timedelta(days=91))
    assert (answer.status_code, held.status, held.goal_confirmed) == (302, "held", True)
    assert following.starts_at == datetime(2026, 11, 11, 10, tzinfo=UTC)
    assert GapAnswer.objects.get().answer == "yes"
    page = text(client.get(url_of(held)))
    assert "All goes on." in page
    assert "Is this still your goal?" in page


def test_closing_late_proposes_a_day_to_come(sign_in, amy):
    review = make_review(organiser=amy, starts_at=MORNING - timedelta(days=100))

    form = sign_in(amy).get(url_of(review, "_hold")).context["form"]

    assert form.initial["next_day"] > TODAY
    assert form.initial["next_day"].weekday() == (TODAY - timedelta(days=100)).weekday()


def test_closing_without_a_next_one_and_twice(sign_in, amy):
    review = make_review(organiser=amy, starts_at=MORNING)
    client = sign_in(amy)
    fields = held_fields(review, next_day="", next_hour="")

    answers = [client.post(url_of(review, "_hold"), fields) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert (Review.objects.count(), GapAnswer.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "field", "status"),
    [
        ({"outcome": " "}, "outcome", 422),
        ({"on": "2026-07-30"}, "on", 422),
        ({"next_hour": ""}, "next_hour", 422),
        ({"next_day": ""}, "next_day", 422),
        ({"next_day": "2026-07-01"}, "next_day", 409),
        ({"next_day": "2026-08-12"}, "next_hour", 409),
    ],
)
def test_what_cannot_be_closed_so_loses_no_words(sign_in, amy, changes, field, status):
    review = make_review(organiser=amy, starts_at=MORNING)
    make_review(organiser=amy)
    fields = held_fields(review, gap_words="two of us review") | changes

    answer = sign_in(amy).post(url_of(review, "_hold"), fields)

    assert (answer.status_code, list(answer.context["form"].errors)) == (status, [field])
    assert "two of us review" in text(answer)
    assert Review.objects.get(pk=review.pk).status == "scheduled"


# --- the panel --------------------------------------------------------------------------------


def test_the_panel_shows_what_is_ahead_and_what_came_of_those_before(sign_in, amy):
    member = make_member()
    url = reverse("success:member_review", args=[member.public_id])
    client = sign_in(amy)
    assert to_schedule(member) in text(client.get(url))

    make_review(member=member, organiser=amy)
    make_review(
        member=member, status="held", held_on=date(2026, 5, 1), outcome="They write the docs."
    )

    page, fragment = text(client.get(url)), text(client.get(url, headers=HTMX))
    assert "Wednesday, 12 August 2026 at 10:00 (Europe/London)" in fragment
    assert "They write the docs." in fragment
    assert to_schedule(member) not in fragment
    assert fragment.strip() in page


# --- calendars --------------------------------------------------------------------------------


def make_address(client):
    return client.post(reverse("success:calendar_new")).context["address"]


@pytest.mark.parametrize("role", [Role.MSM, Role.MEMBER])
def test_an_address_is_shown_once_and_read_by_whoever_has_it(sign_in, role):
    user = make_user(role=role)
    client = sign_in(user)
    review = make_review(
        **({"member": user.member} if role == Role.MEMBER else {"organiser": user})
    )
    assert "no address yet" in text(client.get(reverse("success:calendar")))

    address = make_address(client)
    secret = address.rpartition("/")[2].removesuffix(".ics")

    read = Client().get(address)
    calendar = Calendar.from_ical(read.content)
    assert address.startswith("http://testserver/calendar/")
    assert (read["Content-Type"], read["Cache-Control"]) == (
        "text/calendar; charset=utf-8",
        "private",
    )
    assert (read.cookies, CalendarFeed.objects.filter(secret_hash=secret).exists()) == (
        {},
        False,
    )
    assert [event["UID"] for event in calendar.walk("VEVENT")] == [
        f"{review.public_id}@localhost"
    ]
    again = text(client.get(reverse("success:calendar")))
    assert (secret in again, "has an address" in again) == (False, True)


def test_an_address_that_ended_or_never_was_is_not_there(sign_in, amy):
    client = sign_in(amy)
    first = make_address(client)
    second = make_address(client)
    stranger = Client()
    replaced = stranger.get(first).status_code
    works = stranger.get(second).status_code

    client.post(reverse("success:calendar_end"))

    never = reverse("success:calendar_feed", args=["never-was"])
    assert (replaced, works) == (404, 200)
    assert [stranger.get(url).status_code for url in (second, never)] == [404, 404]
    assert stranger.post(second).status_code == 405
