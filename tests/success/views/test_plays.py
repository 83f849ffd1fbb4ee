import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse

from communications.models import Message
from members.enums import Role
from members.models import AuditEntry
from success.engine.playing import PlannedPlay, PlannedStep
from success.enums import VersionStatus
from success.models import Play, PlayVersion
from success.services import playbook
from tests.factories import (
    NOON,
    TODAY,
    make_affiliation,
    make_enrolment,
    make_member,
    make_member_facts,
    make_play,
    make_segment,
    make_template,
    make_user,
    make_vector_rollup,
)
from tests.success.views.conftest import HTMX
from tests.success.views.test_plans import text

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)

SOUND = PlannedPlay(
    aim="They reach the next point",
    start_kind="data",
    start={"fact": "behind_since"},
    audience={"fact": "behind_since", "op": "not_null"},
    stop={"fact": "we_owe_since", "op": "not_null"},
    reentry="occurrence",
    steps=(
        PlannedStep(act="Ask what would help"),
        PlannedStep(act="Look at it all", intent="escalate", changes="person", wait_days=7),
    ),
)


@pytest.fixture
def olga():
    return make_user(role=Role.OPERATIONS, name="Olga")


def url(name, *args):
    return reverse(f"success:{name}", args=[getattr(each, "key", each) for each in args])


def make_draft(olga, *, planned=SOUND, title="Next point", play=None):
    draft = playbook.start_draft(play=play, title=title, by=olga, at=NOON)
    return playbook.save_draft(
        version=draft, planned=planned, revision=draft.revision, by=olga, at=NOON
    )


def publish(draft, **given):
    return playbook.publish(
        version=draft, inside="stay", effective_from=TODAY, note="", by=draft.made_by, at=NOON,
        **given,
    )  # fmt: skip


def fields(response, *, form='name="revision"'):
    """What a browser would send back of a form, without any button."""
    html = response.content.decode()
    at = html.index(form)
    page = html[html.rindex("<form", 0, at) : html.index("</form>", at)]
    data = {}
    for tag in re.findall(r"<input\b[^>]*>", page):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        chosen = found.get("type") not in {"checkbox", "radio"} or " checked" in tag
        if chosen and "name" in found:
            data[found["name"]] = unescape(found.get("value", "on" if "checked" in tag else ""))
    for name, value in re.findall(
        r'<textarea\b[^>]*?name="([^"]+)"[^>]*>\s*(.*?)</textarea>', page, flags=re.DOTALL
    ):
        data[name] = unescape(value)
    for name, options in re.findall(
        r'<select\b[^>]*?name="([^"]+)"[^>]*>(.*?)</select>', page, flags=re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', options)
        first = re.search(r'value="([^"]*)"', options)
        data[name] = unescape((chosen or first).group(1))
    data.pop("csrfmiddlewaretoken", None)
    return data


def edited(client, play, **changes):
    """What the editor's page would send, with some of it typed anew."""
    sent = fields(client.get(url("play_edit", play)))
    return sent | {name.replace("__", "-"): value for name, value in changes.items()}


# --- what there is ---


def test_the_desk_says_what_each_play_is_for_and_what_became_of_it(sign_in, olga):
    on = publish(make_draft(olga)).play
    for reached in (TODAY, None):
        make_enrolment(play=on, reached_on=reached)
    make_draft(olga, title="Never published", planned=replace(SOUND, aim="Something else"))
    off = make_play(title="Switched off")
    playbook.switch(play=off, is_active=False, reason="It is summer", by=olga, at=NOON)
    make_play(title="Paused", is_active=False)
    Play.objects.filter(title="Paused").update(paused_because="900 in one night")

    page = text(sign_in(olga).get(url("plays")))

    assert "Next point They reach the next point When “Behind since” becomes known 2 2" in page
    assert "50% 1 of 2" in page
    assert page.index("stopped by itself 900 in one night") < page.index("Next point")
    assert "off It is summer" in page
    assert page.index("never published") < page.index("Switched off")


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_desk_costs_the_same_number_of_queries_for_any_length(
    sign_in, olga, item_count, django_assert_num_queries
):
    for number in range(item_count):
        make_enrolment(play=publish(make_draft(olga, title=f"Play {number}")).play)
    client = sign_in(olga)

    with django_assert_num_queries(8):
        client.get(url("plays"))


def test_a_play_shows_its_ladder_in_each_segment_and_its_versions(sign_in, olga):
    make_segment(name="Guided", channels=["call", "meeting"], delivery="person")
    template = make_template()
    make_segment(name="Digital", channels=["email", "portal"], delivery="message")
    first = replace(SOUND.steps[0], template=template.key)
    play = publish(make_draft(olga, planned=replace(SOUND, steps=(first, SOUND.steps[1])))).play
    publish(make_draft(olga, play=play, planned=replace(SOUND, aim="Another aim")))

    page = text(sign_in(make_user(role=Role.MSM)).get(url("play", play)))

    assert "Guided Call a person at once Call another person from day 7" in page
    assert "Version 2 counts now" in page
    assert "2 differences" in page
    assert "Write a new version" not in page
    assert "Switch it off" not in page


def test_a_play_leads_to_how_it_would_have_done(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    address = f"{reverse('success:backtests')}?play={draft.play.key}"

    before = client.get(url("play_publish", draft.play)).content.decode()
    publish(draft)

    assert address in before
    assert address in client.get(url("play", draft.play)).content.decode()
    assert f'value="{draft.play.key}" selected' in client.get(address).content.decode()


def test_a_version_says_what_it_changed(sign_in, olga):
    play = publish(make_draft(olga)).play
    publish(
        make_draft(olga, play=play, planned=replace(SOUND, aim="Another aim", held_percent=5))
    )

    page = text(sign_in(olga).get(url("play_version", play, 2)))

    assert "Aim They reach the next point Another aim" in page
    assert "Left alone to compare with 0% 5%" in page
    assert sign_in(olga).get(url("play_version", play, 3)).status_code == 404


@pytest.mark.parametrize("name", ["plays", "play", "play_entering"])
def test_members_and_strangers_see_no_play(sign_in, olga, name):
    play = publish(make_draft(olga)).play
    args = [] if name == "plays" else [play]
    member = make_user(role=Role.MEMBER, member=make_member())

    assert sign_in(member).get(url(name, *args)).status_code == 403


@pytest.mark.parametrize("name", ["play_edit", "play_publish"])
def test_success_managers_read_plays_and_do_not_write_them(sign_in, olga, name):
    play = make_draft(olga).play

    assert sign_in(make_user(role=Role.MSM)).get(url(name, play)).status_code == 403


# --- write ---


def test_a_new_play_begins_with_its_name(sign_in, olga):
    client = sign_in(olga)

    refused = client.post(url("play_new"), {"title": " "})
    begun = client.post(url("play_new"), {"title": "Day 30"})

    assert (refused.status_code, begun.url) == (422, "/plays/day-30/edit/")


def test_the_editor_gives_back_what_it_was_given(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)

    client.post(url("play_edit", draft.play), edited(client, draft.play))

    stored = PlayVersion.objects.get()
    assert (playbook.planned_of(stored), stored.revision) == (SOUND, draft.revision)


DEEP = {"all": [{"not": {"fact": "tier", "op": "eq", "value": "Gold"}}]}
STARTS = [
    ("timed", {"fact": "term_ends_on", "offset_days": -90}),
    ("timed", {"every": "quarter"}),
    ("timed", {"every": "quarter", "over_days": 20}),
    (
        "data",
        {"fact": "achieved_on", "why": "On {day}.", "replaced": "The next goal is agreed"},
    ),
    ("data", {"while": {"fact": "people_involved", "op": "lt", "value": 2}}),
    ("data", {"kind": "promise.late", "fact": "we_owe_since"}),
    ("trigger", {"kind": "ask.eligible"}),
    ("trigger", {"kind": "maintainer.removed", "last": True, "why": "The last was {subject}."}),
]


@pytest.mark.parametrize(("kind", "start"), STARTS)
def test_every_start_comes_back_from_the_page(sign_in, olga, kind, start):
    planned = replace(
        SOUND, start_kind=kind, start=start, audience=DEEP, reentry="never",
        aim_condition={"any": [
            {"fact": "achieved_on", "op": "within_last_days", "value": 30},
            {"fact": "is_rebaselined", "op": "eq", "value": True},
            {"fact": "joined_on", "op": "lt", "value": "2020-01-31"},
            {"fact": "state", "op": "not_in", "value": ["ahead", "on_track"]},
        ]},
    )  # fmt: skip
    draft = make_draft(olga, planned=planned)
    client = sign_in(olga)

    answer = client.post(url("play_edit", draft.play), edited(client, draft.play))

    assert answer.status_code == 200
    assert playbook.planned_of(PlayVersion.objects.get()) == planned


def test_each_start_can_be_chosen_on_the_page(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    chosen = [
        ({"begins": "dated", "dated_days": "14", "dated_side": "before",
          "dated_fact": "term_ends_on"}, {"fact": "term_ends_on", "offset_days": -14}),
        ({"begins": "every", "every": "month"}, {"every": "month"}),
        ({"begins": "every", "every": "month", "over_days": "5"},
         {"every": "month", "over_days": 5}),
        ({"begins": "known", "known_fact": "achieved_on"}, {"fact": "achieved_on"}),
        ({"begins": "while", "becomes-match": "all", "becomes-0-fact": "state",
          "becomes-0-op": "eq", "becomes-0-value": "Stalled"},
         {"while": {"fact": "state", "op": "eq", "value": "stalled"}}),
        ({"begins": "event", "kind": "event.attended"}, {"kind": "event.attended"}),
    ]  # fmt: skip

    for sent, start in chosen:
        answer = client.post(url("play_edit", draft.play), edited(client, draft.play) | sent)

        assert answer.status_code == 200
        assert PlayVersion.objects.get().start == start


def test_what_is_not_chosen_yet_holds_up_no_draft(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    typed = edited(client, draft.play, aim="Typed first") | {
        "begins": "known",
        "known_fact": "",
    }

    answer = client.post(url("play_edit", draft.play), typed)

    assert answer.status_code == 200
    assert PlayVersion.objects.get().aim == "Typed first"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"title": ""}, "Name: Give the play a name."),
        ({"aim_days": "soon"}, "Write a whole number, such as 30."),
        ({"audience-match": "all", "audience-0-fact": "state", "audience-0-op": "eq",
          "audience-0-value": "sad"}, "It is one of: No plan"),
        ({"audience-match": "all", "audience-0-fact": "state", "audience-0-op": "lt",
          "audience-0-value": "1"}, "cannot be compared like this"),
        ({"audience-match": "all", "audience-0-fact": "state", "audience-0-op": "eq",
          "audience-0-value": ""}, "Say with what to compare it."),
        ({"audience-match": "any", "audience-0-fact": "joined_on", "audience-0-op": "lt",
          "audience-0-value": "May"}, "Write a day such as 2026-07-29."),
        ({"audience-match": "any", "audience-0-fact": "evidence_thin", "audience-0-op": "eq",
          "audience-0-value": "perhaps"}, "It is yes or no."),
        ({"never_withheld": "on", "held_percent": "5"}, "so nobody can be left alone"),
        ({"step0-minutes": ""}, "Minutes of a person: Write a whole number"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_nothing_is_lost(sign_in, olga, sent, words):
    draft = make_draft(olga)
    client = sign_in(olga)
    typed = edited(client, draft.play, aim="Typed before") | sent

    answer = client.post(url("play_edit", draft.play), typed)

    page = text(answer)
    assert answer.status_code == 422
    assert words in page
    assert "Typed before" in answer.content.decode()
    assert PlayVersion.objects.get().aim == SOUND.aim


def test_rows_that_do_not_count_need_not_be_right(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    sent = {
        "stop-match": "nothing",
        "stop-0-fact": "state",
        "stop-0-op": "eq",
        "stop-0-value": "",
    }

    answer = client.post(url("play_edit", draft.play), edited(client, draft.play) | sent)

    assert (answer.status_code, PlayVersion.objects.get().stop) == (200, None)


def test_what_they_pay_is_refused_in_words(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    sent = {"audience-match": "all", "audience-0-fact": "margin", "audience-0-op": "eq",
            "audience-0-value": "3", "do": "check"}  # fmt: skip

    page = text(client.post(url("play_edit", draft.play), edited(client, draft.play) | sent))

    assert "1 thing has to be mended before it can be published" in page
    assert "Margin is about money, and cannot be asked here" in page


def test_steps_are_added_moved_and_taken_away(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    first, second = SOUND.steps

    for act, acts in (
        ("add-step", [first.act, second.act, ""]),
        ("up:1", [second.act, first.act, ""]),
        ("down:1", [second.act, "", first.act]),
        ("remove:1", [second.act, first.act]),
        ("remove:9", [second.act, first.act]),
        ("up:0", [second.act, first.act]),
    ):
        client.post(url("play_edit", draft.play), edited(client, draft.play, do=act))

        stored = PlayVersion.objects.get().steps.order_by("position")
        assert [step.act for step in stored] == acts


def test_a_second_writer_is_told_and_may_keep_either_text(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    mine = edited(client, draft.play, aim="Mine")
    playbook.save_draft(
        version=draft, planned=replace(SOUND, aim="Theirs"), revision=draft.revision,
        by=make_user(name="Ada"), at=NOON,
    )  # fmt: skip

    refused = client.post(url("play_edit", draft.play), mine)
    again = fields(refused)

    assert refused.status_code == 409
    assert "Ada saved this play" in text(refused)
    assert "Aim Theirs Mine" in text(refused)
    assert PlayVersion.objects.get().aim == "Theirs"

    kept = PlayVersion.objects.get().revision
    client.post(url("play_edit", draft.play), again | {"do": f"mine:{kept}"})
    assert PlayVersion.objects.get().aim == "Mine"


def test_a_save_by_itself_answers_only_what_is_around_the_fields(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    typed = edited(client, draft.play, aim="Typed", do="autosave")

    saved = client.post(url("play_edit", draft.play), typed, headers=HTMX)
    unread = client.post(url("play_edit", draft.play), typed | {"aim_days": "x"}, headers=HTMX)

    assert (saved.status_code, unread.status_code) == (200, 200)
    assert PlayVersion.objects.get().aim == "Typed"
    assert 'id="play-revision" value="2"' in saved.content.decode()
    assert "<textarea" not in saved.content.decode()
    assert "Not saved yet: something cannot be read." in text(unread)


def test_the_count_follows_the_audience(sign_in, olga):
    make_member_facts(behind_since=TODAY)
    make_member_facts(behind_since=None)
    client = sign_in(olga)
    asked = {
        "audience-match": "all",
        "audience-0-fact": "behind_since",
        "audience-0-op": "not_null",
    }

    assert "1 of 2 members fits today." in text(client.get(url("play_count"), asked))
    refused = client.get(url("play_count"), asked | {"audience-0-op": "lt"})
    assert "Say with what to compare it." in text(refused)
    money = client.get(url("play_count"), asked | {"audience-0-fact": "margin"})
    assert "This cannot be counted yet" in text(money)


def test_a_segment_is_asked_for_by_what_it_is_called(sign_in, olga):
    segment = make_segment(key="task_force", name="Task Force")
    member = make_member()
    make_member_facts(member=member, segment=segment)
    make_behind()
    client = sign_in(olga)
    asked = {"audience-match": "all", "audience-0-fact": "segment", "audience-0-op": "eq"}

    named = text(client.get(url("play_count"), asked | {"audience-0-value": "task force"}))
    wrong = text(client.get(url("play_count"), asked | {"audience-0-value": "Gold"}))

    assert "1 of 2 members fits today." in named
    assert "It is one of:" in wrong
    assert "Task Force" in wrong


def test_a_new_association_takes_up_what_is_ready(sign_in, olga):
    client = sign_in(olga)
    desk = text(client.get("/plays/"))
    page = client.get("/plays/write/ready/")
    nothing = client.post("/plays/write/ready/", {})
    taken = client.post(
        "/plays/write/ready/", {"plays": ["welcome", "renewal-90"]}, follow=True
    )
    again = client.post("/plays/write/ready/", {"plays": ["welcome"]})

    assert "Take up some that are ready" in desk
    kept = {row["play"].key: row["is_chosen"] for row in page.context["rows"]}
    assert [key for key, is_chosen in kept.items() if not is_chosen] == ["last-maintainer-left"]
    assert len(kept) == 17
    assert (nothing.status_code, "Choose at least one play." in text(nothing)) == (422, True)
    assert "2 plays are taken up as drafts." in text(taken)
    assert [row["row"].play.key for row in taken.context["rows"]] == ["welcome", "renewal-90"]
    assert "15 ready plays" in text(taken)
    assert (again.status_code, "was taken up in the meantime" in text(again)) == (422, True)
    assert sign_in(make_user()).get("/plays/write/ready/").status_code == 403


def test_a_tier_is_met_however_it_is_written_and_one_that_nobody_has_is_no_mistake(
    sign_in, olga
):
    make_member_facts(member=make_member(), tier="Gold")
    make_vector_rollup(dimension="tier", value="Gold")
    make_behind()
    client = sign_in(olga)
    asked = {"audience-match": "all", "audience-0-fact": "tier", "audience-0-op": "eq"}

    held = text(client.get(url("play_count"), asked | {"audience-0-value": "gold"}))
    of_tomorrow = text(client.get(url("play_count"), asked | {"audience-0-value": "Iron"}))

    assert "1 of 2 members fits today." in held
    assert "0 of 2 members" in of_tomorrow


def test_a_draft_is_dropped_and_one_version_is_written_at_a_time(sign_in, olga):
    play = publish(make_draft(olga)).play
    client = sign_in(olga)

    for _twice in range(2):
        assert client.post(url("play_write", play)).url == url("play_edit", play)
    assert PlayVersion.objects.filter(status=VersionStatus.DRAFT).count() == 1

    assert client.post(url("play_drop", play)).url == url("play", play)
    assert client.get(url("play_edit", play)).url == url("play", play)


# --- publish, switch, who would enter ---


def test_publishing_shows_what_is_different_and_asks_about_those_inside(sign_in, olga):
    play = publish(make_draft(olga)).play
    make_enrolment(play=play)
    make_draft(olga, play=play, planned=replace(SOUND, aim="Another aim"))
    client = sign_in(olga)

    shown = client.get(url("play_publish", play))
    assert "Aim They reach the next point Another aim" in text(shown)
    sent = fields(shown) | {"note": "A better aim"}
    refused = client.post(url("play_publish", play), sent)
    assert refused.status_code == 422
    assert "Say what becomes of those who are inside." in text(refused)

    done = client.post(url("play_publish", play), sent | {"inside": "stop"})

    assert done.url == url("play", play)
    play.refresh_from_db()
    assert (play.current.number, play.current.change_note) == (2, "A better aim")
    assert play.enrolments.get().end == "switched_off"


def test_a_version_counts_from_today_or_a_day_to_come(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    address = url("play_publish", draft.play)
    sent = fields(client.get(address))

    early = client.post(address, sent | {"effective_from": str(TODAY - DAY)})
    draft.refresh_from_db()

    assert early.status_code == 422
    assert "Choose today, or a day to come." in text(early)
    assert draft.status == VersionStatus.DRAFT
    assert client.post(address, sent | {"effective_from": str(TODAY + DAY)}).status_code == 302


def test_what_was_changed_in_between_is_not_published(sign_in, olga):
    draft = make_draft(olga)
    client = sign_in(olga)
    sent = fields(client.get(url("play_publish", draft.play)))
    playbook.save_draft(
        version=draft,
        planned=replace(SOUND, aim="B"),
        revision=draft.revision,
        by=olga,
        at=NOON,
    )

    assert client.post(url("play_publish", draft.play), sent).status_code == 409
    assert Play.objects.get().current is None


def test_an_unsound_play_offers_no_button_and_is_refused_all_the_same(sign_in, olga):
    draft = make_draft(olga, planned=replace(SOUND, aim=""))
    client = sign_in(olga)
    shown = client.get(url("play_publish", draft.play))

    assert "Publish it" not in text(shown)
    assert "A play is for something, and this one does not say what." in text(shown)
    answer = client.post(url("play_publish", draft.play), fields(shown))
    assert answer.status_code == 422


def test_a_play_is_switched_off_and_on_with_a_reason(sign_in, olga):
    play = publish(make_draft(olga)).play
    client = sign_in(olga)

    assert client.post(url("play_switch", play), {"do": "off"}).status_code == 422
    client.post(url("play_switch", play), {"do": "off", "reason": "It is summer"})
    assert "off It is summer" in text(client.get(url("play", play)))
    client.post(url("play_switch", play), {"do": "on", "reason": "It is autumn"})

    play.refresh_from_db()
    assert play.is_active
    assert AuditEntry.objects.filter(verb__startswith="play.switched").count() == 2


def make_behind(**given):
    row = make_member_facts(behind_since=TODAY, standing="in_force", state="stalled", **given)
    return row.member


def test_who_would_enter_and_why_and_why_somebody_would_not(sign_in, olga):
    inside = make_behind()
    outside = make_member_facts(member=make_member(name="Quiet Works")).member
    draft = make_draft(olga)
    client = sign_in(olga)

    page = text(client.get(url("play_entering", draft.play)))
    assert "1 member would enter: 0 by message, 1 by a person; 0 left alone" in page
    assert f"{inside.name} Behind since 29 July 2026" in page

    found = client.get(url("play_entering", draft.play), {"q": "quiet"})
    assert f"member={outside.public_id}" in found.content.decode()
    asked = {"q": "quiet", "member": outside.public_id}
    why_not = text(client.get(url("play_entering", draft.play), asked))
    assert (
        "Would not enter today: Not in the audience, which asks: Behind since is known"
        in why_not
    )
    why = text(client.get(url("play_entering", draft.play), {"member": inside.public_id}))
    assert "Would enter today." in why


def test_messages_are_shown_as_real_members_would_get_them(sign_in, olga):
    template = make_template(subject="For {{ member }}", body="Dear {{ name }}, {{ goal }}")
    told = make_template(subject="For {{ member }}", body="Dear {{ name }}")
    affiliation = make_affiliation(is_primary_contact=True)
    member = make_behind(member=affiliation.member, contact=affiliation.person)
    steps = (
        replace(SOUND.steps[0], template=told.key),
        PlannedStep(act="Again", changes="ask", wait_days=5, template=template.key),
    )
    draft = make_draft(olga, planned=replace(SOUND, steps=steps))

    page = text(sign_in(olga).get(url("play_entering", draft.play)))

    assert f"For {member.name} Dear {affiliation.person.name}" in page
    assert "“goal” is not known of them: it is not sent, and a person does it." in page


def test_messages_are_shown_where_nobody_would_enter_today(sign_in, olga):
    template = make_template(subject="For {{ member }}", body="Dear {{ name }}")
    affiliation = make_affiliation(is_primary_contact=True)
    member = make_behind(member=affiliation.member, contact=affiliation.person)
    steps = (replace(SOUND.steps[0], template=template.key),)
    draft = make_draft(olga, planned=replace(SOUND, steps=steps))
    make_enrolment(play=draft.play, version=draft, member=member)

    page = text(sign_in(olga).get(url("play_entering", draft.play)))

    assert "Nobody would get one today. As three of those whom the play is for" in page
    assert f"For {member.name} Dear {affiliation.person.name}" in page


def test_a_message_is_tried_on_oneself_and_on_no_member(sign_in, olga):
    template = make_template(subject="For {{ member }}", body="Dear {{ name }}")
    affiliation = make_affiliation(is_primary_contact=True)
    member = make_behind(member=affiliation.member, contact=affiliation.person)
    steps = (replace(SOUND.steps[0], template=template.key),)
    draft = make_draft(olga, planned=replace(SOUND, steps=steps))
    client = sign_in(olga)

    sent = client.post(url("play_test", draft.play), {"step": "1", "member": str(member.pk)})
    unknown = client.post(url("play_test", draft.play), {"step": "2", "member": str(member.pk)})

    assert (sent.status_code, unknown.status_code) == (302, 404)
    message = Message.objects.get()
    assert (message.user, message.member, message.person) == (olga, None, None)


def test_of_two_versions_the_one_that_was_looked_at_is_tried(sign_in, olga):
    now, later = (make_template(subject=each, body="Dear {{ name }}") for each in "AB")
    affiliation = make_affiliation(is_primary_contact=True)
    member = make_behind(member=affiliation.member, contact=affiliation.person)
    first, last = SOUND.steps
    steps = (replace(first, template=now.key), last)
    play = publish(make_draft(olga, planned=replace(SOUND, steps=steps))).play
    steps = (replace(first, template=later.key), last)
    make_draft(olga, planned=replace(SOUND, steps=steps), play=play)
    client, sent = sign_in(olga), {"step": "1", "member": str(member.pk)}

    client.post(url("play_test", play), sent)
    client.post(url("play_test", play), sent | {"version": "draft"})

    tried = Message.objects.order_by("pk").values_list("template__subject", flat=True)
    assert list(tried) == ["A", "B"]


def test_a_play_that_cannot_be_asked_says_so(sign_in, olga):
    draft = make_draft(olga, planned=replace(SOUND, start={}))

    page = text(sign_in(olga).get(url("play_entering", draft.play)))

    assert "This cannot be asked yet" in page
