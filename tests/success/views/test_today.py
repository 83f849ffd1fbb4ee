import json
import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from config.kernel import clock
from coverage.models import WeekLoad
from coverage.rollups.loads import monday
from members.enums import Role
from success.enums import QueueClass
from success.models import Intervention, MemberFacts
from success.services import interventions
from tests.factories import (
    TODAY,
    make_ax_profile,
    make_intervention,
    make_member,
    make_member_facts,
    make_night,
    make_person,
    make_plan,
    make_play,
    make_template,
    make_user,
)
from tests.success.views.conftest import HTMX

pytestmark = pytest.mark.django_db
URL = "/today/"


@pytest.fixture
def amy():
    return make_user(name="Amy", weekly_hours=1)


def make_item(*, owner=None, name="Acme", **overrides):
    member = make_member(name=name)
    plan = make_plan(member=member)
    make_member_facts(
        member=member,
        state="stalled",
        plan=plan,
        anchor_on=plan.anchor_on,
        held_on=date(2026, 3, 1),
    )
    make_ax_profile(member=member, sync_minutes=90)
    return make_intervention(member=member, owner=owner, **overrides)


def names(response):
    """The members in the list, in order."""
    html = response.content.decode()
    return re.findall(r"data-queue-open>([^<]+)<", html)


def in_hand(response):
    html = response.content.decode()
    section = html[html.index('<section id="item"') :]
    found = re.search(r"<h2[^>]*><a[^>]*>([^<]+)</a>", section)
    return found.group(1) if found else None


def act(client, item, verb, *, htmx=True, **data):
    headers = HTMX if htmx else {}
    return client.post(reverse(f"success:{verb}", args=[item.public_id]), data, headers=headers)


def test_items_stand_in_queue_order_with_the_first_in_hand(sign_in, amy):
    make_item(owner=amy, name="Slips", queue_class=QueueClass.SLIPPING)
    make_item(owner=amy, name="Owed", queue_class=QueueClass.ASSOCIATION_PROMISE_OVERDUE)
    make_item(name="Pool", queue_class=QueueClass.STALLED)
    make_item(owner=make_user(), name="Bens", queue_class=QueueClass.REGRESSING)

    response = sign_in(amy).get(URL)

    assert (names(response), in_hand(response)) == (["Owed", "Pool", "Slips"], "Owed")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("owner=me", ["Mine"]),
        ("owner=pool", ["Pool"]),
        ("queue_class=5", ["Pool"]),
        ("queue_class=8", []),
        ("owner=everybody", []),
    ],
)
def test_filters_narrow_the_list(sign_in, amy, query, expected):
    make_item(owner=amy, name="Mine")
    make_item(name="Pool", queue_class=QueueClass.SLIPPING)

    assert names(sign_in(amy).get(f"{URL}?{query}")) == expected


def test_a_director_sees_the_whole_team_and_operations_cannot_work(sign_in, amy):
    make_item(owner=amy, name="Amys")
    seen = {
        role: sign_in(make_user(role=role)).get(URL)
        for role in (Role.DIRECTOR, Role.OPERATIONS)
    }

    assert {role: names(response) for role, response in seen.items()} == {
        role: ["Amys"] for role in seen
    }
    assert {
        role: response.content.count(b'data-key="c"') for role, response in seen.items()
    } == {
        Role.DIRECTOR: 1,
        Role.OPERATIONS: 0,
    }
    operations = sign_in(make_user(role=Role.OPERATIONS))
    assert act(operations, Intervention.objects.get(), "claim").status_code == 403


def test_hours_that_do_not_fit_are_shown_with_their_items(sign_in, amy):
    for number in range(4):
        make_item(owner=amy, name=f"Member {number}", occurred_on=TODAY - timedelta(9 - number))

    html = " ".join(sign_in(amy).get(URL).content.decode().split())

    assert re.findall(r"<strong class=\"wm-num\">([\d.]+)</strong> of (\d+) hours", html) == [
        ("1.0", "1")
    ]
    assert re.findall(r"Unserved this week: [^<]+", html) == [
        "Unserved this week: 2 items, 1.0 hours"
    ]


def test_the_pane_is_a_part_of_the_page(sign_in, amy):
    item = make_item(owner=amy)
    client = sign_in(amy)
    url = reverse("success:item", args=[item.public_id])

    fragment = client.get(url, headers=HTMX).content.decode()
    page = client.get(url).content.decode()

    def without_secret(html):
        return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", html).strip()

    assert without_secret(fragment) in without_secret(page)
    assert fragment.startswith('\n<section id="item"') or fragment.strip().startswith(
        "<section"
    )


def test_claiming_is_told_in_place_and_the_second_is_told_who_has_it(sign_in, amy):
    ben = make_user(name="Ben")
    item = make_item()

    first = act(sign_in(amy), item, "claim")
    second = act(sign_in(ben), item, "claim")

    item.refresh_from_db()
    assert (first.status_code, second.status_code, item.claimed_by) == (200, 409, amy)
    assert (b"Amy has this." in second.content, b"Give back" in first.content) == (True, True)
    assert json.loads(first.headers["HX-Trigger"]) == {"toast": {"text": "Acme is yours."}}


def test_a_conflict_without_a_script_is_a_page_that_keeps_what_was_typed(sign_in, amy):
    item = make_item()
    act(sign_in(make_user(name="Ben")), item, "claim")

    response = act(
        sign_in(amy),
        item,
        "complete",
        htmx=False,
        outcome="reached",
        note="We spoke at noon",
        minutes=12,
    )

    html = response.content.decode()
    assert (response.status_code, html.count("Ben has this."), html.count("</html>")) == (
        409,
        1,
        1,
    )
    assert (html.count("We spoke at noon"), Intervention.objects.get().status) == (1, "open")


def test_completing_goes_on_to_the_next_and_can_be_undone(sign_in, amy):
    first = make_item(owner=amy, name="First", occurred_on=date(2026, 7, 1))
    make_item(owner=amy, name="Second", occurred_on=date(2026, 7, 2))
    make_item(owner=amy, name="Third", occurred_on=date(2026, 7, 3))
    client = sign_in(amy)

    done = act(client, first, "complete", outcome="reached", note="Rang them", minutes="12")
    first.refresh_from_db()
    finished = (first.status, first.outcome, first.note, first.minutes, first.finished_by)
    back = act(client, first, "undo")
    first.refresh_from_db()

    assert finished == ("done", "reached", "Rang them", 12, amy)
    assert (in_hand(done), names(done)) == ("Second", ["Second", "Third"])
    assert (in_hand(back), names(back)) == ("First", ["First", "Second", "Third"])
    assert (first.status, first.minutes) == ("open", 30)
    toast = json.loads(done.headers["HX-Trigger"])["toast"]
    assert (toast["undo"], done.content.count(b'id="undo-button"')) == ("#undo-button", 1)


def test_completing_the_last_of_the_list_goes_back_to_the_one_above(sign_in, amy):
    make_item(owner=amy, name="First", occurred_on=date(2026, 7, 1))
    last = make_item(owner=amy, name="Last", occurred_on=date(2026, 7, 2))

    response = act(sign_in(amy), last, "complete", outcome="no_answer")

    assert (in_hand(response), names(response)) == ("First", ["First"])


def test_completing_the_only_one_says_that_nothing_is_left(sign_in, amy):
    item = make_item(owner=amy)

    response = act(sign_in(amy), item, "complete", outcome="not_needed")

    assert (in_hand(response), response.content.count(b"Nothing to do today")) == (None, 1)


def test_the_next_is_not_what_a_colleague_is_working_on(sign_in, amy):
    first = make_item(name="First", occurred_on=date(2026, 7, 1))
    held = make_item(name="Held", occurred_on=date(2026, 7, 2))
    make_item(name="Third", occurred_on=date(2026, 7, 3))
    interventions.claim(intervention=held, by=make_user(name="Ben"), at=clock.now())
    client = sign_in(amy)

    after_first = act(client, first, "complete", outcome="reached")

    assert in_hand(after_first) == "Third"


def test_without_a_script_the_answer_leads_to_the_next_with_undo(sign_in, amy):
    first = make_item(owner=amy, name="First", occurred_on=date(2026, 7, 1))
    second = make_item(owner=amy, name="Second", occurred_on=date(2026, 7, 2))
    client = sign_in(amy)

    response = act(client, first, "complete", htmx=False, outcome="reached")
    where = urlsplit(response.headers["Location"])
    page = client.get(response.headers["Location"])

    assert where.path == reverse("success:item", args=[second.public_id])
    assert parse_qs(where.query) == {"done": [str(first.public_id)]}
    assert page.content.count(b'id="undo-button"') == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose how it came out."),
        ({"outcome": "goal_changed"}, "Say in one line what changed, or what they wait for."),
        (
            {"outcome": "perfect"},
            "Select a valid choice. perfect is not one of the available choices.",
        ),
    ],
)
def test_what_is_missing_is_said_beside_its_field(sign_in, amy, data, words):
    item = make_item(owner=amy)

    response = act(sign_in(amy), item, "complete", **data)

    assert (response.status_code, response.content.decode().count(words)) == (422, 2)
    assert Intervention.objects.get().status == "open"


def test_snoozing_puts_an_item_away_until_its_morning(sign_in, amy, settings):
    item = make_item(owner=amy)
    client = sign_in(amy)

    put_away = act(client, item, "snooze", until="2026-07-31")
    settings.WAYMARK_TODAY = date(2026, 7, 31)

    assert (put_away.status_code, names(put_away)) == (200, [])
    assert "Acme sleeps until 31 July." in put_away.headers["HX-Trigger"]
    assert names(client.get(URL)) == ["Acme"]


@pytest.mark.parametrize("until", ["2026-07-29", "2026-02-30", "", "2027-07-31", "9999-12-31"])
def test_no_item_sleeps_until_a_day_that_is_not_to_come(sign_in, amy, until):
    item = make_item(owner=amy)

    response = act(sign_in(amy), item, "snooze", until=until)

    assert (response.status_code, Intervention.objects.get().snoozed_until) == (422, None)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("snooze", {"until": "2026-07-30"}),
        ("complete", {"outcome": "reached", "next_step": "Call", "next_on": "2026-07-29"}),
    ],
)
def test_a_day_that_ended_while_the_form_was_open_is_refused_in_words(
    sign_in, monkeypatch, verb, said
):
    eva = make_user(time_zone="Europe/Stockholm")
    late = datetime(2026, 7, 29, 23, 30, tzinfo=UTC)  # the 30th there
    monkeypatch.setattr(clock, "_system_time", lambda: late)
    item = make_item(owner=eva)

    response = act(sign_in(eva), item, verb, **said)

    assert response.status_code == 422
    assert "By your clock that day is over." in response.content.decode()
    assert Intervention.objects.get().status == "open"


def test_offered_days_are_tomorrow_and_monday(sign_in, amy):
    make_item(owner=amy)

    html = sign_in(amy).get(URL).content.decode()

    assert re.findall(r'name="until" value="([^"]+)"', html) == ["2026-07-30", "2026-08-03"]


def test_giving_back_frees_the_item_and_cannot_be_done_for_others(sign_in, amy):
    ben = make_user()
    item = make_item()
    act(sign_in(amy), item, "claim")

    refused = act(sign_in(ben), item, "release")
    freed = act(sign_in(amy), item, "release")

    item.refresh_from_db()
    assert (refused.status_code, freed.status_code, item.claimed_by) == (409, 200, None)


def test_nothing_to_undo_is_said(sign_in, amy):
    response = act(sign_in(amy), make_item(owner=amy), "undo")

    assert (response.status_code, b"There is nothing to undo." in response.content) == (
        409,
        True,
    )


@pytest.mark.parametrize("verb", ["claim", "release", "snooze", "complete", "undo", "item"])
def test_items_of_others_are_not_there(sign_in, amy, verb):
    item = make_item(owner=make_user())
    client = sign_in(amy)
    url = reverse(f"success:{verb}", args=[item.public_id])

    response = client.get(url) if verb == "item" else client.post(url, {"outcome": "reached"})

    assert response.status_code == 404


def test_the_list_goes_on_behind_fifty(sign_in, amy):
    play = make_play()
    for number in range(51):
        make_intervention(
            play=play,
            member=make_member(name=f"M{number:02}"),
            owner=amy,
            occurred_on=date(2026, 5, 1) + timedelta(number),
        )
    client = sign_in(amy)

    first = client.get(URL)
    address = re.search(r'rel="next" href="([^"]+)"', first.content.decode()).group(1)
    second = client.get(URL + address.replace("&amp;", "&"))

    assert (len(names(first)), names(second)) == (50, ["M50"])
    assert names(client.get(f"{URL}?after=nonsense")) == names(first)


def test_pages_that_are_empty_say_what_would_be_there(sign_in, amy):
    client = sign_in(amy)

    assert client.get(URL).content.count(b"Nothing to do today") == 1
    assert client.get(f"{URL}?owner=me").content.count(b"Nothing here under these filters") == 1


@pytest.mark.parametrize("item_count", [1, 3])
def test_today_costs_the_same_number_of_queries_for_any_length(
    sign_in, amy, item_count, django_assert_num_queries
):
    amy.weekly_hours = 10
    amy.save()
    for number in range(item_count):
        make_item(owner=amy, name=f"Member {number}")
    client = sign_in(amy)

    with django_assert_num_queries(36):
        client.get(URL)


def test_only_post_acts(sign_in, amy):
    item = make_item(owner=amy)

    assert [
        sign_in(amy).get(reverse(f"success:{verb}", args=[item.public_id])).status_code
        for verb in ("claim", "release", "snooze", "complete", "send", "undo")
    ] == [405] * 6


def test_the_clock_of_the_page_is_the_associations(sign_in, amy):
    make_item(owner=amy, due_on=clock.today() - timedelta(2))

    assert sign_in(amy).get(URL).content.decode().count('<span class="wm-late">due') == 1


def test_a_night_that_is_missing_or_old_is_said(sign_in, amy):
    client = sign_in(amy)

    never = client.get(URL).content.decode()
    make_night(as_of=TODAY - timedelta(3))
    old = client.get(URL).content.decode()

    assert never.count("No night has been run yet.") == 1
    assert old.count("What you see is of 26 July 2026") == 1


def weeks_above(user, weeks=2):
    for number in range(weeks):
        WeekLoad.objects.create(
            user=user,
            week=monday(TODAY) - timedelta(weeks=number),
            members=3,
            needed_minutes=1300,
            given_minutes=0,
            available_minutes=1000,
            written_on=TODAY,
        )


def test_who_was_overloaded_for_two_weeks_is_said_to_the_director_and_to_themselves(client):
    amy, ben = make_user(name="Amy Weary"), make_user(name="Ben Fresh")
    weeks_above(amy)
    weeks_above(ben, weeks=1)

    def said(user):
        client.force_login(user)
        return client.get(reverse("success:today")).content.decode()

    director = said(make_user(role=Role.DIRECTOR))
    assert "Amy Weary has had more than they can give for two weeks running" in director
    assert reverse("coverage:simulator") in director
    own = said(amy)
    assert "It is not you" in own
    assert reverse("coverage:simulator") not in own
    assert "two weeks running" not in said(ben)


def test_an_item_is_given_to_a_colleague_and_taken_back(sign_in, amy):
    ben = make_user(name="Ben")
    item = make_item(owner=amy)
    client = sign_in(amy)

    missing = act(client, item, "give", to=str(ben.public_id))
    given = act(client, item, "give", to=str(ben.public_id), reason="Away")
    hers = names(client.get(URL))
    undone = act(client, item, "undo")

    assert (missing.status_code, "Say why in a few words." in missing.content.decode()) == (
        422,
        True,
    )
    assert json.loads(given["HX-Trigger"])["toast"]["text"] == "Ben has Acme now."
    assert (hers, in_hand(undone)) == ([], "Acme")
    assert Intervention.objects.get().owner == amy


def test_the_pools_items_are_claimed_before_they_are_given_away(sign_in, amy):
    item = make_item()

    refused = act(sign_in(amy), item, "give", to="pool", reason="Away")

    assert (refused.status_code, "You may give away what is yours" in str(refused.content)) == (
        409,
        True,
    )


def test_next_of_the_pool_is_taken_and_shown(sign_in, amy):
    make_item(owner=amy, name="Hers", queue_class=QueueClass.REGRESSING)
    make_item(name="Pool")
    client = sign_in(amy)

    taken = client.post("/today/next/", headers=HTMX)
    nothing = client.post("/today/next/", headers=HTMX)

    assert in_hand(taken) == "Pool"
    assert Intervention.objects.get(member__name="Pool").claimed_by == amy
    assert json.loads(nothing["HX-Trigger"])["toast"]["text"] == "Nothing is left in the pool."
    assert client.post("/today/next/").status_code == 302


def test_an_item_sleeps_until_something_changes(sign_in, amy):
    item = make_item(owner=amy)
    client = sign_in(amy)

    neither = act(client, item, "snooze")
    asleep = act(client, item, "snooze", until_change="on")

    assert neither.status_code == 422
    assert names(asleep) == []
    said = client.get(f"{URL}{item.public_id}/").content.decode()
    assert "It sleeps until their state or milestone changes." in said


def test_what_comes_next_is_promised_for_no_day_that_is_over(sign_in, amy):
    item = make_item(owner=amy)
    said = {"outcome": "reached", "next_step": "Write to the lead"}
    client = sign_in(amy)

    refused = act(client, item, "complete", **said, next_on="2026-07-28")
    today = act(client, item, "complete", **said, next_on="2026-07-29")

    assert (refused.status_code, today.status_code) == (422, 200)
    assert "Choose today, or a day to come." in refused.content.decode()


def test_what_was_learned_and_comes_next_is_shown_last_time(sign_in, amy):
    item = make_item(owner=amy)
    later = make_intervention(member=item.member, owner=amy)
    client = sign_in(amy)
    said = {"learned": "They have a new lead", "next_step": "Write to the lead"}

    refused = act(client, item, "complete", outcome="reached", next_on="2026-08-05")
    act(client, item, "complete", outcome="reached", **said)
    html = client.get(f"{URL}{later.public_id}/").content.decode()

    assert refused.status_code == 422
    assert ("They have a new lead" in html, "Write to the lead" in html) == (True, True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=stalled", ["Late", "Soon"]),
        ("state=slipping", ["Other"]),
        ("due=overdue", ["Late"]),
        ("due=today", ["Late"]),
        ("due=week", ["Late", "Soon"]),
        ("channel=call", ["Late"]),
        ("tier=gold", ["Other"]),
        ("unserved=true", ["Other"]),
    ],
)
def test_more_filters_narrow_the_list(sign_in, amy, query, expected):
    days = {"occurred_on": date(2026, 7, 2)}
    make_item(owner=amy, name="Late", due_on=date(2026, 7, 28), channel="call", minutes=30)
    make_item(owner=amy, name="Soon", due_on=date(2026, 8, 2), minutes=30, **days)
    other = make_item(owner=amy, name="Other", due_on=date(2026, 8, 9), queue_class=5)
    MemberFacts.objects.filter(member=other.member).update(state="slipping", tier="gold")

    assert sorted(names(sign_in(amy).get(f"{URL}?{query}"))) == expected


def test_what_was_tried_before_is_told(sign_in, amy):
    step = {"day": "2026-07-20", "channel": "email", "hand": "system", "outcome": "No answer"}
    item = make_item(owner=amy, evidence={"story": [step]})

    html = sign_in(amy).get(f"{URL}{item.public_id}/").content.decode()

    assert "What was tried before" in html
    assert ("by the system" in html, "No answer" in html) == (True, True)


def message_of(member, **known):
    """An item of theirs with a written message for their contact."""
    template = make_template(
        body="Dear {{ name }}, your goal is {{ goal }}.",
        variables=[{"name": "goal", "kind": "text", "label": "Their goal"}],
    )
    since = TODAY - timedelta(days=19)
    make_member_facts(
        member=member, contact=make_person(name="Ann"), behind_since=since, **known
    )
    return make_intervention(
        member=member,
        play=make_play(template=template),
        owner=None,
        channel="email",
        occurrence=f"behind on milestone unknown since {since}",
    )


def test_a_message_that_waits_says_until_when_on_my_clock(sign_in, amy, monkeypatch):
    evening = datetime(2026, 7, 29, 21, tzinfo=UTC)
    monkeypatch.setattr("config.kernel.clock._system_time", lambda: evening)
    amy.time_zone = "Europe/Berlin"
    amy.save()
    plan = make_plan(member=make_member(name="Acme"), goal="Ship safely")
    item = message_of(plan.member, plan=plan)

    sent = sign_in(amy).post(reverse("success:send", args=[item.public_id]), headers=HTMX)

    said = json.loads(sent["HX-Trigger"])["toast"]["text"]
    assert said == "Acme: the message waits and goes out on 30 July, 10:00."


@pytest.mark.usefixtures("at_noon")
def test_the_message_of_an_item_is_shown_as_they_would_read_it_and_sent(sign_in, amy):
    plan = make_plan(goal="Ship <safely>")
    item = message_of(plan.member, plan=plan)
    client = sign_in(amy)
    address = reverse("success:item", args=[item.public_id])

    page = client.get(address).content.decode()
    assert "Dear Ann, your goal is Ship &lt;safely&gt;." in page
    sent = client.post(reverse("success:send", args=[item.public_id]), headers=HTMX)

    assert sent.status_code == 200
    assert "goes out within the minute" in json.loads(sent["HX-Trigger"])["toast"]["text"]
    item.refresh_from_db()
    assert (item.status, item.message.person.name) == ("message", "Ann")
    assert "with the outbox" in client.get(address).content.decode()
    undone = client.post(reverse("success:undo", args=[item.public_id]), headers=HTMX)
    assert undone.status_code == 200
    item.refresh_from_db()
    assert item.status == "open"


def test_a_gap_in_the_message_is_named_and_there_is_no_button(sign_in, amy):
    item = message_of(make_member(name="Acme"))
    page = sign_in(amy).get(reverse("success:item", args=[item.public_id])).content.decode()

    assert "Not known of them: Their goal." in page
    assert reverse("success:send", args=[item.public_id]) not in page
    refused = sign_in(amy).post(reverse("success:send", args=[item.public_id]))
    assert refused.status_code == 409


def test_a_conversation_says_what_to_speak_about(sign_in, amy):
    item = make_item(owner=amy, channel="call")
    page = sign_in(amy).get(reverse("success:item", args=[item.public_id])).content.decode()
    assert "To speak about" in page


def test_somebody_elses_message_is_not_there_to_be_sent(sign_in, amy):
    item = message_of(make_member())
    Intervention.objects.filter(pk=item.pk).update(owner=make_user())
    assert sign_in(amy).post(reverse("success:send", args=[item.public_id])).status_code == 404
