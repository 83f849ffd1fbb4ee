from dataclasses import replace
from datetime import date, timedelta

import pytest

from communications.enums import MessageStatus
from coverage.services.segments import ensure_default_segments
from members.models import AuditEntry
from success.engine.playing import BadPlay, PlannedPlay, PlannedStep
from success.enums import InterventionStatus, VersionStatus
from success.models import Intervention, Play, PlayVersion
from success.services import playbook
from success.services.plays import ensure_default_plays
from tests.factories import (
    NOON,
    TODAY,
    make_enrolment,
    make_intervention,
    make_message,
    make_play,
    make_segment,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db

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


def begin(*, play=None, title="Next point", by=None):
    return playbook.start_draft(play=play, title=title, by=by or make_user(), at=NOON)


def save(version, planned=SOUND, *, revision=None, by=None, at=NOON):
    return playbook.save_draft(
        version=version,
        planned=planned,
        revision=version.revision if revision is None else revision,
        by=by or version.made_by,
        at=at,
    )


def publish(version, *, inside="stay", **given):
    options = {"effective_from": TODAY, "note": "", "by": version.made_by, "at": NOON} | given
    return playbook.publish(version=version, inside=inside, **options)


def published(planned=SOUND):
    return publish(save(begin(), planned))


def trail(verb):
    return list(AuditEntry.objects.filter(verb=verb).order_by("pk"))


def test_a_new_play_has_a_key_of_its_own_and_opens_nothing():
    first, second = begin(title="Day 30"), begin(title="Day 30")

    assert [first.play.key, second.play.key] == ["day-30", "day-30-2"]
    assert (first.status, first.number, first.salt) == (VersionStatus.DRAFT, 1, "day-30")
    assert (first.play.current, first.steps.count()) == (None, 1)
    assert len(trail("play.begun")) == 2


def test_ready_plays_are_taken_up_as_drafts_and_can_be_published():
    ensure_default_segments()
    olga = make_user()
    keys = [ready.key for ready in playbook.ready_plays()]

    taken = playbook.take_up(keys=[*keys[1:], "nobody-s"], by=olga, at=NOON)
    again = playbook.take_up(keys=keys[:2], by=olga, at=NOON)

    assert [draft.play.key for draft in taken] == keys[1:]
    assert [draft.play.key for draft in again] == keys[:1]
    assert playbook.ready_plays() == []
    assert playbook.take_up(keys=keys, by=olga, at=NOON) == []
    assert {draft.status for draft in taken} == {VersionStatus.DRAFT}
    assert not Play.objects.exclude(current=None).exists()
    assert len(trail("play.begun")) == len(keys)
    for draft in (*again, *taken):
        publish(draft)
    assert Play.objects.filter(current=None).count() == 0


def test_what_is_taken_up_is_what_the_demonstration_has():
    published = {play.key: play for play in ensure_default_plays(effective_from=TODAY)}
    said = {key: playbook.planned_of(play.current) for key, play in published.items()}
    Play.objects.all().update(current=None)
    PlayVersion.objects.all().delete()
    Play.objects.all().delete()

    taken = playbook.take_up(keys=said.keys(), by=make_user(), at=NOON)

    assert {draft.play.key: playbook.planned_of(draft) for draft in taken} == said
    assert {draft.salt for draft in taken} == said.keys()


@pytest.mark.parametrize("title", ["", "  ", "x" * 121])
def test_a_play_has_a_name_that_can_be_read(title):
    with pytest.raises(playbook.BadTitle):
        begin(title=title)

    assert Play.objects.count() == 0


def test_a_new_version_begins_with_what_is_published_and_keeps_the_draw():
    template = make_template()
    play = make_play(salt="of old", template=template, held_percent=10)

    draft = begin(play=play)

    assert (draft.number, draft.salt) == (2, "of old")
    assert playbook.planned_of(draft) == playbook.planned_of(play.current)
    assert playbook.planned_of(draft).steps[0].template == template.key


def test_a_play_has_one_draft_and_the_second_press_finds_it():
    draft = begin()

    with pytest.raises(playbook.AlreadyStarted) as caught:
        begin(play=draft.play)

    assert caught.value.draft == draft


def test_what_is_saved_is_what_is_read():
    saved = save(begin())

    assert playbook.planned_of(saved) == SOUND
    assert saved.revision == 1


def test_the_same_again_is_no_new_revision_whoever_saves_it():
    saved = save(begin())

    again = save(saved, revision=0, by=make_user())

    assert again.revision == 1


def test_of_two_writers_one_is_told():
    draft = begin()
    mine = replace(SOUND, aim="Another aim")
    save(draft)

    with pytest.raises(playbook.Overtaken) as caught:
        save(draft, mine, revision=0)

    assert playbook.planned_of(caught.value.version) == SOUND
    assert caught.value.planned == mine


def test_the_trail_has_an_entry_a_sitting():
    draft = begin()
    for day in range(1, 4):
        draft = save(draft, replace(SOUND, aim_days=day))
    save(draft, SOUND, at=NOON + timedelta(minutes=16))

    assert len(trail("play.saved")) == 2


@pytest.mark.parametrize(
    ("planned", "where"),
    [
        (replace(SOUND, steps=(PlannedStep(template="gone"),)), "steps.0.template"),
        (replace(SOUND, never_withheld=True, held_percent=5), "held_percent"),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(planned, where):
    draft = begin()

    with pytest.raises(BadPlay) as caught:
        save(draft, planned)

    assert [each[0] for each in caught.value.problems] == [where]
    assert PlayVersion.objects.get().revision == 0


def test_what_is_published_is_never_written_again():
    version = published()

    with pytest.raises(playbook.NotADraft):
        save(version, replace(SOUND, aim="Another"))
    with pytest.raises(playbook.NotADraft):
        playbook.drop_draft(version=version, by=make_user(), at=NOON)
    with pytest.raises(playbook.NotADraft):
        publish(version)


def test_a_dropped_draft_takes_a_play_with_it_that_never_was():
    play = make_play()

    for draft in (begin(), begin(play=play)):
        for _twice in range(2):
            playbook.drop_draft(version=draft, by=make_user(), at=NOON)

    assert list(Play.objects.all()) == [play]
    assert list(PlayVersion.objects.all()) == [play.current]
    assert len(trail("play.dropped")) == 2


def test_a_published_play_is_the_one_that_counts():
    version = published()

    play = Play.objects.get()
    assert (play.current, version.status) == (version, VersionStatus.PUBLISHED)
    assert (version.effective_from, version.most_a_night) == (TODAY, 50)
    (entry,) = trail("play.published")
    assert (entry.before, entry.after["version"]) == (None, 1)


def test_a_play_that_is_not_sound_acts_upon_nobody():
    draft = save(begin(), replace(SOUND, aim=""))

    with pytest.raises(playbook.NotPublishable) as caught:
        publish(draft)

    assert [each.code for each in caught.value.findings if each.is_error] == ["aim_missing"]
    assert Play.objects.get().current is None


def test_exactly_what_was_shown_is_published():
    draft = save(begin())

    with pytest.raises(playbook.Overtaken):
        publish(draft, revision=0)

    assert publish(draft, revision=1).status == VersionStatus.PUBLISHED


def test_the_version_before_is_kept_and_the_usual_night_sets_the_limit():
    old = published()
    for night, entered in ((1, 7), (2, 9), (3, 8)):
        for _each in range(entered):
            make_enrolment(play=old.play, entered_on=TODAY - timedelta(days=night))

    new = publish(save(begin(play=old.play), replace(SOUND, aim="Another aim")))

    old.refresh_from_db()
    assert (old.status, new.number, new.most_a_night) == (VersionStatus.SUPERSEDED, 2, 80)
    assert trail("play.published")[-1].after["differs"] == 2


def entries_of(version):
    claimed = {"claimed_by": make_user(), "claimed_until": NOON + timedelta(minutes=5)}
    sent = make_message(status=MessageStatus.SENT)
    waits = make_message(status=MessageStatus.QUEUED)
    play = version.play
    return {
        "open": make_intervention(play=play),
        "claimed": make_intervention(play=play, **claimed),
        "sent": make_intervention(play=play, status="message", message=sent),
        "waits": make_intervention(play=play, status="message", message=waits),
    }


def statuses(items):
    return {name: Intervention.objects.get(pk=item.pk).status for name, item in items.items()}


def test_those_inside_stay_move_or_stop():
    old = published()
    items = entries_of(old)
    third = items["sent"].enrolment
    third.step = 2
    third.save()
    before = statuses(items)
    shorter = replace(SOUND, steps=SOUND.steps[:1])

    stayed = publish(save(begin(play=old.play), shorter), inside="stay")
    assert set(old.play.enrolments.values_list("version", "step")) == {(old.pk, 1), (old.pk, 2)}

    moved = publish(save(begin(play=old.play), replace(shorter, aim="B")), inside="move")
    assert set(old.play.enrolments.values_list("version", "step")) == {(moved.pk, 1)}
    assert statuses(items) == before

    publish(save(begin(play=stayed.play), replace(shorter, aim="C")), inside="stop")
    assert set(old.play.enrolments.values_list("end", "ended_on")) == {("switched_off", TODAY)}
    assert statuses(items) == {
        "open": InterventionStatus.CLOSED,
        "claimed": InterventionStatus.OPEN,
        "sent": InterventionStatus.MESSAGE,
        "waits": InterventionStatus.CLOSED,
    }
    assert items["open"].events.get().note == "The play was replaced by its version 4"
    items["waits"].message.refresh_from_db()
    assert items["waits"].message.status == MessageStatus.SUPPRESSED


def test_entries_of_another_play_are_left_alone():
    old = published()
    other = make_enrolment()

    publish(save(begin(play=old.play), replace(SOUND, aim="B")), inside="stop")

    other.refresh_from_db()
    assert other.ended_on is None


def test_a_play_that_is_switched_off_lets_everybody_go_and_says_why():
    version = published()
    items = entries_of(version)
    by = make_user()

    for _twice in range(2):
        playbook.switch(play=version.play, is_active=False, reason="Summer", by=by, at=NOON)

    assert not Play.objects.get().is_active
    assert statuses(items)["open"] == InterventionStatus.CLOSED
    (entry,) = trail("play.switched_off")
    assert (entry.after["reason"], entry.after["entries"]) == ("Summer", 4)


def test_a_play_that_stopped_by_itself_goes_on_when_a_person_has_looked():
    version = published()
    Play.objects.update(is_active=False, paused_because="900 in a night")

    play = playbook.switch(
        play=version.play, is_active=True, reason="It is right", by=make_user(), at=NOON
    )

    assert (play.is_active, play.paused_because) == (True, "")
    assert trail("play.switched_on")[0].before["paused_because"] == "900 in a night"


def test_nobody_switches_without_a_reason():
    with pytest.raises(playbook.NoReason):
        playbook.switch(play=make_play(), is_active=False, reason=" ", by=make_user(), at=NOON)


def test_a_play_keeps_its_key_whatever_it_is_called():
    play = begin(title="Day 30").play

    for _twice in range(2):
        playbook.rename(play=play, title=" Day  thirty ", by=make_user(), at=NOON)

    renamed = Play.objects.get()
    assert (renamed.key, renamed.title) == ("day-30", "Day thirty")
    assert len(trail("play.renamed")) == 1


def test_the_linter_looks_at_the_segments_that_there_are():
    make_segment(delivery="message", channels=["email"], name="Digital")
    draft = save(begin())

    codes = [
        each.code for each in playbook.judge(draft, planned=SOUND, as_of=date(2026, 7, 29))
    ]

    assert codes == ["template_missing", "audience_dead"]
