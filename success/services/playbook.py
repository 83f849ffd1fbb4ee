"""Writing plays: drafts, publishing, what becomes of those inside, switching on and off.

A version that was published never changes. Callers have checked who may write.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.text import slugify

from communications.enums import MessageStatus
from communications.models import MessageTemplate
from communications.services.outbox import withdraw
from config.kernel.clock import association_zone, local_date
from members.models import User
from members.services import audit
from success.engine.linting import Finding, has_errors
from success.engine.play_linting import lint
from success.engine.playing import BadPlay, PlannedPlay, PlannedStep, differences, to_data
from success.enums import EnrolmentEnd, InterventionStatus, VersionStatus
from success.models import (
    Enrolment,
    Intervention,
    InterventionEvent,
    Play,
    PlayStep,
    PlayVersion,
)
from success.queries import playbook
from success.services import starter

planned_of = playbook.planned_of

Inside = Literal["stay", "move", "stop"]
INSIDE: tuple[Inside, ...] = ("stay", "move", "stop")
ONE_SITTING = timedelta(minutes=15)
TIMES_THE_USUAL = 10
LEAST_A_NIGHT = 50
LONGEST_TITLE = 120
FIRST_STEP = PlannedStep()


class AlreadyStarted(Exception):
    """Somebody is writing a new version of this play; ``draft`` is that one."""

    def __init__(self, draft: PlayVersion) -> None:
        self.draft = draft
        super().__init__("A new version of this play is being written already.")


class BadTitle(ValueError):
    """A play needs a name of its own, and not too long a one."""


class NotADraft(Exception):
    """The version was published or dropped in between; what is published never changes."""


class Overtaken(Exception):
    """Somebody saved in between: ``version`` has theirs, ``planned`` is what was refused."""

    def __init__(self, version: PlayVersion, *, planned: PlannedPlay) -> None:
        self.version = version
        self.planned = planned
        super().__init__("Somebody saved this play in between.")


class NotPublishable(Exception):
    """The play may not act upon anybody as it is; ``findings`` say why."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__(" ".join(each.words for each in findings if each.is_error))


class NoReason(ValueError):
    """Whoever switches a play off or on says why."""


@dataclass(frozen=True, kw_only=True)
class ReadyPlay:
    """A play of the starter set, to be taken up as it is or changed before it acts."""

    key: str
    title: str
    planned: PlannedPlay


def ready_plays(*, known: Collection[str] | None = None) -> list[ReadyPlay]:
    """Return the plays of the starter set that are not there by their key.

    ``known`` are the keys of all plays, where they are at hand; otherwise one query.
    """
    if known is None:
        known = set(Play.objects.values_list("key", flat=True))
    return [
        ReadyPlay(key=said["key"], title=said["title"], planned=starter.planned(said))
        for said in starter.DEFAULT_PLAYS
        if said["key"] not in known
    ]


@transaction.atomic
def take_up(*, keys: Collection[str], by: User, at: datetime) -> list[PlayVersion]:
    """Begin a draft of each ready play of these keys, with the messages that they send.

    None of them acts before it is published. What is there by its key stays as it is, and a key
    that is no ready play's is passed over, so it is safe to repeat (DOMAIN 2.10).
    """
    starter.ensure_templates()
    drafts = []
    for ready in ready_plays():
        if ready.key in keys:
            play, is_new = Play.objects.get_or_create(
                key=ready.key, defaults={"title": ready.title}
            )
            if is_new:
                drafts.append(_begin(play, ready.planned, salt=play.key, by=by, at=at))
    return drafts


@transaction.atomic
def start_draft(*, play: Play | None, title: str, by: User, at: datetime) -> PlayVersion:
    """Begin a new version: of ``play``, as it now is, or of a new play called ``title``.

    The draw of a play keeps its salt from version to version, so nobody changes sides. Raises
    ``AlreadyStarted`` with the draft that is there, ``BadTitle``.
    """
    if play is None:
        play = _new_play(title)
        planned, salt = PlannedPlay(steps=(FIRST_STEP,)), play.key
    else:
        play = Play.objects.select_for_update().get(pk=play.pk)
        begun = playbook.draft_of(play)
        if begun is not None:
            raise AlreadyStarted(begun)
        current = play.current
        planned = (
            planned_of(current) if current is not None else PlannedPlay(steps=(FIRST_STEP,))
        )
        salt = (current.salt if current is not None else "") or play.key
    return _begin(play, planned, salt=salt, by=by, at=at)


def _begin(
    play: Play, planned: PlannedPlay, *, salt: str, by: User, at: datetime
) -> PlayVersion:
    version = PlayVersion.objects.create(
        play=play,
        number=playbook.last_number(play) + 1,
        salt=salt,
        effective_from=local_date(at, zone=association_zone()),
        made_by=by,
        made_at=at,
        **_columns(planned),
    )
    _write_steps(version, planned)
    _record(version, "begun", f"Began to write version {version.number}.", by=by, at=at)
    return version


@transaction.atomic
def save_draft(  # noqa: PLR0913  # what a save says
    *,
    version: PlayVersion,
    planned: PlannedPlay,
    revision: int,
    by: User,
    at: datetime,
    title: str | None = None,
) -> PlayVersion:
    """Keep what was written, if nobody saved since ``revision``; return it as it then is.

    One conditional update decides, so of two writers one wins and the other is told. The same
    text again is no conflict and no new revision. The trail gets an entry when a person begins
    to write, not for every pause in it. ``title`` renames the play itself. Raises
    ``Overtaken``, ``NotADraft`` and, for what cannot be kept at all, ``BadPlay``.
    """
    found = _fresh(version)
    if found.status != VersionStatus.DRAFT:
        raise NotADraft(str(found))
    if title is not None:
        found.play = rename(play=found.play, title=title, by=by, at=at)
    before = planned_of(found)
    if before == planned:
        return found
    _refuse_what_cannot_be_kept(planned)
    saved = PlayVersion.objects.filter(
        pk=version.pk, revision=revision, status=VersionStatus.DRAFT
    ).update(revision=F("revision") + 1, made_by=by, made_at=at, **_columns(planned))
    if not saved:
        raise Overtaken(_fresh(version), planned=planned)
    if before.steps != planned.steps:
        PlayStep.objects.filter(version=version.pk).delete()
        _write_steps(version, planned)
    now = _fresh(version)
    is_new_sitting = found.made_at is None or at - found.made_at > ONE_SITTING
    if found.made_by_id != by.pk or is_new_sitting or found.revision == 0:
        _record(now, "saved", f"Went on writing version {now.number}.", by=by, at=at)
    return now


@transaction.atomic
def write_draft(
    *, play: Play, planned: PlannedPlay, revision: int | None, by: User, at: datetime
) -> PlayVersion:
    """Save what a play's next version says; without ``revision``, begin that version.

    Raises what ``start_draft`` and ``save_draft`` raise; ``NotADraft`` where a revision is
    named and nothing is being written.
    """
    if revision is None:
        draft = start_draft(play=play, title=play.title, by=by, at=at)
        revision = draft.revision
    else:
        begun = playbook.draft_of(play)
        if begun is None:
            raise NotADraft("No version of this play is being written.")
        draft = begun
    return save_draft(version=draft, planned=planned, revision=revision, by=by, at=at)


@transaction.atomic
def rename(*, play: Play, title: str, by: User, at: datetime) -> Play:
    """Call a play something else; its key stays. The same name writes nothing."""
    title = _title(title)
    row = Play.objects.select_for_update().get(pk=play.pk)
    if row.title == title:
        return row
    before, row.title = {"title": row.title}, title
    row.save(update_fields=["title"])
    audit.record(
        verb="play.renamed",
        subject=row,
        member_id=None,
        summary=f"Play {row.key} was renamed",
        by=by,
        at=at,
        before=before,
        after={"title": title},
    )
    return row


@transaction.atomic
def drop_draft(*, version: PlayVersion, by: User, at: datetime) -> None:
    """Put away a version that was never published; a play that has no other goes with it.

    Harmless when it is gone. Raises ``NotADraft`` for one that was published.
    """
    play = Play.objects.select_for_update().filter(pk=version.play_id).first()
    row = PlayVersion.objects.filter(pk=version.pk).first()
    if play is None or row is None:
        return
    if row.status != VersionStatus.DRAFT:
        raise NotADraft(str(row))
    said = to_data(planned_of(row))
    audit.record(
        verb="play.dropped",
        subject=play,
        member_id=None,
        summary=f"Dropped the draft of play {play.key}",
        by=by,
        at=at,
        before={"version": row.number, "play": said},
    )
    row.delete()
    if not play.versions.exists():
        play.delete()


def judge(version: PlayVersion, *, planned: PlannedPlay, as_of: date) -> tuple[Finding, ...]:
    """Return what the linter says of a play against the segments, messages and members today.

    Reads only (DOMAIN 2.10).
    """
    return lint(
        planned,
        channels_by_segment=playbook.served(),
        template_variables=playbook.template_variables(),
        tonight=playbook.tonight(version, planned, as_of=as_of),
    )


@transaction.atomic
def publish(  # noqa: PLR0913  # what a publication says
    *,
    version: PlayVersion,
    inside: Inside,
    effective_from: date,
    note: str,
    by: User,
    at: datetime,
    revision: int | None = None,
) -> PlayVersion:
    """Have the play do from now on what the draft says, and return the version.

    Those inside the version before ``stay`` in it to the end, ``move`` to the same step of the
    new one (or its last), or ``stop``: their entries end, open items that nobody is working on
    close and messages that wait are withdrawn, each with the reason. Without ``most_a_night``
    it becomes ten times a usual night (or who would enter today), at least 50 (DOMAIN 2.10).
    With ``revision``, exactly the text that was shown is published. Raises
    ``NotPublishable``, ``Overtaken``, ``NotADraft``.
    """
    play = Play.objects.select_for_update().get(pk=version.play_id)
    held = PlayVersion.objects.select_for_update().filter(pk=version.pk).first()
    if held is None or held.status != VersionStatus.DRAFT:
        raise NotADraft(str(version))
    row = _fresh(held)
    planned = planned_of(row)
    if revision is not None and row.revision != revision:
        raise Overtaken(row, planned=planned)
    today = local_date(at, zone=association_zone())
    findings = judge(row, planned=planned, as_of=today)
    if has_errors(findings):
        raise NotPublishable(findings)
    old = play.versions.filter(status=VersionStatus.PUBLISHED).first()
    if old is not None:
        PlayVersion.objects.filter(pk=old.pk).update(status=VersionStatus.SUPERSEDED)
    row.status = VersionStatus.PUBLISHED
    row.most_a_night = row.most_a_night or _most_a_night(row, as_of=today)
    row.effective_from = effective_from
    row.change_note = note.strip()
    row.published_by, row.published_at = by, at
    row.save(
        update_fields=[
            "status",
            "most_a_night",
            "effective_from",
            "change_note",
            "published_by",
            "published_at",
        ]
    )
    row.play = play
    play.current = row
    play.save(update_fields=["current"])
    moved = 0
    if old is not None:
        moved = _settle(old, row, inside=inside, steps=len(planned.steps), at=at)
    audit.record(
        verb="play.published",
        subject=play,
        member_id=None,
        summary=f"Version {row.number} of play {play.key} was published",
        by=by,
        at=at,
        before={"version": old.number, "play": to_data(planned_of(old))} if old else None,
        after={
            "version": row.number,
            "play": to_data(planned_of(row)),
            "inside": inside if old is not None else "",
            "entries": moved,
            "effective_from": effective_from,
            "note": row.change_note,
            "differs": len(differences(planned_of(old), planned)) if old is not None else None,
        },
    )
    return row


@transaction.atomic
def switch(*, play: Play, is_active: bool, reason: str, by: User, at: datetime) -> Play:
    """Have a play act or not from now on, and return it; a person says why.

    Switched off, its entries end, open items that nobody is working on close and messages that
    wait are withdrawn, and say so. Switched on, one that had stopped by itself goes on. What is
    so already stays, and writes nothing. Raises ``NoReason``.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Say why, so that the others understand it.")
    row = Play.objects.select_for_update().get(pk=play.pk)
    if row.is_active == is_active and not row.paused_because:
        return row
    before = {"is_active": row.is_active, "paused_because": row.paused_because}
    row.is_active, row.paused_because = is_active, ""
    row.save(update_fields=["is_active", "paused_because"])
    ended = 0
    if not is_active:
        inside = Enrolment.objects.filter(play=row, ended_on=None)
        ended = _end(inside, because="The play was switched off", at=at)
    audit.record(
        verb="play.switched_on" if is_active else "play.switched_off",
        subject=row,
        member_id=None,
        summary=f"Play {row.key} was switched {'on' if is_active else 'off'}",
        by=by,
        at=at,
        before=before,
        after={"is_active": is_active, "reason": reason, "entries": ended},
    )
    return row


def _settle(
    old: PlayVersion, new: PlayVersion, *, inside: Inside, steps: int, at: datetime
) -> int:
    """Do with those inside a version what was asked, and return how many they were."""
    entries = Enrolment.objects.filter(play=new.play_id, ended_on=None).exclude(version=new)
    if inside == "move":
        entries.filter(step__gt=steps).update(step=steps)
        return entries.update(version=new)
    if inside == "stop":
        because = f"The play was replaced by its version {new.number}"
        return _end(entries, because=because, at=at)
    return entries.filter(version=old).count()


def _end(entries: Any, *, because: str, at: datetime) -> int:
    """End entries; close what waits for them, but for what somebody is working on."""
    ids = list(entries.values_list("pk", flat=True))
    inside = Intervention.objects.select_for_update(of=("self",)).filter(enrolment__in=ids)
    free = Q(claimed_until=None) | Q(claimed_until__lte=at)
    waiting = inside.filter(
        status=InterventionStatus.MESSAGE, message__status=MessageStatus.QUEUED
    )
    keys = dict(waiting.values_list("pk", "message__dedupe_key"))
    withdraw(dedupe_keys=list(keys.values()), reason=because, at=at)
    taken_back = Q(pk__in=list(keys), message__status=MessageStatus.SUPPRESSED)
    closing = list(
        inside.filter(Q(free, status=InterventionStatus.OPEN) | taken_back).values_list(
            "pk", flat=True
        )
    )
    Intervention.objects.filter(pk__in=closing).update(
        status=InterventionStatus.CLOSED,
        finished_at=at,
        claimed_by=None,
        claimed_until=None,
        snoozed_until=None,
    )
    InterventionEvent.objects.bulk_create(
        [
            InterventionEvent(intervention_id=pk, verb="closed", at=at, note=because)
            for pk in closing
        ],
        batch_size=5_000,
    )
    on = local_date(at, zone=association_zone())
    return Enrolment.objects.filter(pk__in=ids).update(
        ended_on=on, end=EnrolmentEnd.SWITCHED_OFF, end_reason=because, next_on=None
    )


def _most_a_night(version: PlayVersion, *, as_of: date) -> int:
    """Ten usual nights; of a play that has had none, ten times who would enter today."""
    usual = playbook.usual_night(version.play, as_of=as_of)
    if usual is None:
        usual = playbook.entering_count(version, as_of=as_of) or 0
    return max(TIMES_THE_USUAL * usual, LEAST_A_NIGHT)


def _new_play(title: str) -> Play:
    title = _title(title)
    key = slugify(title)[:40].strip("-") or "play"
    taken = set(Play.objects.filter(key__startswith=key).values_list("key", flat=True))
    number = 2
    own = key
    while own in taken:
        own, number = f"{key}-{number}", number + 1
    try:
        with transaction.atomic():
            return Play.objects.create(key=own, title=title)
    except IntegrityError as error:
        raise BadTitle("A play of this name was made just now; choose another.") from error


def _title(title: str) -> str:
    title = " ".join(title.split())
    if not 0 < len(title) <= LONGEST_TITLE:
        raise BadTitle(f"Give the play a name of at most {LONGEST_TITLE} letters.")
    return title


def _columns(planned: PlannedPlay) -> dict[str, Any]:
    said = to_data(planned)
    return {name: said[name] for name in playbook.OF_A_PLAY}


def _write_steps(version: PlayVersion, planned: PlannedPlay) -> None:
    templates = _templates(planned)
    PlayStep.objects.bulk_create(
        PlayStep(
            version=version,
            position=position,
            template=templates.get(step.template),
            **{name: getattr(step, name) for name in playbook.OF_A_STEP},
        )
        for position, step in enumerate(planned.steps, 1)
    )


def _templates(planned: PlannedPlay) -> Mapping[str, MessageTemplate]:
    keys = {step.template for step in planned.steps if step.template}
    return {row.key: row for row in MessageTemplate.objects.filter(key__in=keys)}


def _refuse_what_cannot_be_kept(planned: PlannedPlay) -> None:
    known = _templates(planned)
    problems = [
        (f"steps.{at}.template", "is no message of ours")
        for at, step in enumerate(planned.steps)
        if step.template and step.template not in known
    ]
    if planned.never_withheld and planned.held_percent:
        problems.append(("held_percent", "must be 0 for what is withheld from nobody"))
    if problems:
        raise BadPlay(tuple(problems))


def _fresh(version: PlayVersion) -> PlayVersion:
    try:
        return (
            PlayVersion.objects.select_related("play", "made_by", "published_by")
            .prefetch_related(playbook.STEPS)
            .get(pk=version.pk)
        )
    except PlayVersion.DoesNotExist as error:
        raise NotADraft(str(version)) from error


def _record(version: PlayVersion, done: str, summary: str, *, by: User, at: datetime) -> None:
    audit.record(
        verb=f"play.{done}",
        subject=version.play,
        member_id=None,
        summary=summary,
        by=by,
        at=at,
        after={"version": version.number, "revision": version.revision},
    )
