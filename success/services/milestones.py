"""What is said of a milestone: declared, confirmed, achieved, and taken back with its reason.

Every word is an event with its day, whatever the day on which it is said. The evidence dates
are made from all of them, in every version of the plan that the milestone stands in, so that
the vector repairs its own history.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.core.files import File
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from members.enums import Role
from members.models import User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.engine.evidence import FIRM, Word, evidence_of, stands
from success.enums import Answer, EvidenceSource
from success.models import Declaration, Milestone, MilestoneEvent, Plan
from success.services import attachments, nights


class NotSaid(ValueError):
    """Words that are needed are missing, or the day cannot be; the message says which."""


class AlreadyReached(Exception):
    """The milestone stands; there is nothing to declare."""


class AlreadyDeclared(Exception):
    """A declaration of this milestone waits for its answer."""


class AlreadyAnswered(Exception):
    """The declaration was answered, or taken back, before."""


class OwnWord(Exception):
    """Nobody confirms, for the other side, what their own side has said."""


class NotReached(Exception):
    """The milestone does not stand on that day, so there is nothing to take back."""


class PlanOver(Exception):
    """The version of the plan is closed; what is declared belongs to the one that counts."""


@transaction.atomic
def declare(  # noqa: PLR0913  # what a declaration says
    *,
    milestone: Milestone,
    on: date,
    what_changed: str,
    attachment: "File[Any] | None" = None,
    by: User,
    at: datetime,
) -> Declaration:
    """Say that a milestone has been reached since ``on``, and what changed for the member.

    Where one side's word suffices the milestone is achieved at once, marked declared, and may
    be confirmed later; else it waits for the other side. A file is judged by its content and
    kept under a random name. Raises ``NotSaid``, ``AlreadyReached``, ``AlreadyDeclared``,
    ``PlanOver`` and ``attachments.BadAttachment`` (DOMAIN 2.5, 2.6).
    """
    words = what_changed.strip()
    if not words:
        raise NotSaid(_("Say in a few words what changed for you."))
    _require_past(on, at=at)
    plan = milestone.plan
    if plan.closed_on is not None:
        raise PlanOver(_("This plan has been replaced by a newer one."))
    if on < plan.anchor_on:
        raise NotSaid(_("That day is before the plan began."))
    if _stands(milestone, on=local_date(at, zone=association_zone())):
        raise AlreadyReached(_("This point has been reached already."))
    ending = attachments.check(attachment) if attachment is not None else ""
    try:
        with transaction.atomic():
            declaration = Declaration.objects.create(
                milestone=milestone, on=on, what_changed=words, by=by, at=at
            )
    except IntegrityError as error:
        raise AlreadyDeclared(_("This was said before and waits for an answer.")) from error
    if attachment is not None:
        declaration.attachment_name = attachments.shown_name(attachment)
        declaration.attachment.save(attachments.kept_name(ending), attachment, save=False)
        declaration.save(update_fields=["attachment", "attachment_name"])
    audit.record(
        verb="milestone.declared",
        subject=declaration,
        member_id=plan.member_id,
        summary=f"Milestone {milestone.key} was declared reached on {on}",
        by=by,
        at=at,
        after={"on": on, "milestone": milestone.key, "attached": attachment is not None},
    )
    if milestone.evidence_kind == EvidenceSource.DECLARED:
        _say(
            milestone,
            Word(on, achieved=True, said_at=at, source=EvidenceSource.DECLARED.value),
            by=by,
            what_changed=words,
        )
    nights.refresh_member(member_id=plan.member_id, at=at)
    return declaration


@transaction.atomic
def confirm(
    *, declaration: Declaration, by: User, at: datetime, answer: str = ""
) -> Declaration:
    """Confirm what the other side declared: the milestone is achieved on the day they said.

    Raises ``AlreadyAnswered``, and ``OwnWord`` where a member's log-in would confirm what a
    member's log-in said.
    """
    held = _waiting(declaration)
    if _is_member(by) and (held.by is None or _is_member(held.by)):
        raise OwnWord(_("The other side has to confirm this."))
    _answer(held, Answer.CONFIRMED, answer=answer, by=by, at=at)
    _say(
        held.milestone,
        Word(held.on, achieved=True, said_at=at, source=EvidenceSource.CONFIRMED.value),
        by=by,
        what_changed=held.what_changed,
    )
    nights.refresh_member(member_id=held.milestone.plan.member_id, at=at)
    return held


@transaction.atomic
def decline(*, declaration: Declaration, answer: str, by: User, at: datetime) -> Declaration:
    """Answer a declaration with what is still missing; evidence it gave is taken back.

    Raises ``NotSaid`` without an answer, ``AlreadyAnswered`` and ``OwnWord``.
    """
    words = answer.strip()
    if not words:
        raise NotSaid(_("Say in a few words what is still missing."))
    held = _waiting(declaration)
    if _is_member(by) and (held.by is None or _is_member(held.by)):
        raise OwnWord(_("The other side has to answer this."))
    _answer(held, Answer.DECLINED, answer=words, by=by, at=at)
    _take_back(held, by=by, reason=words, at=at)
    nights.refresh_member(member_id=held.milestone.plan.member_id, at=at)
    return held


@transaction.atomic
def withdraw(*, declaration: Declaration, by: User, at: datetime) -> Declaration:
    """Take back what one's own side declared, while it waits; nothing said is deleted.

    Raises ``AlreadyAnswered``, and ``OwnWord`` where a member's log-in would take back what an
    account manager wrote.
    """
    held = _waiting(declaration)
    if _is_member(by) and held.by is not None and not _is_member(held.by):
        raise OwnWord(_("Only whoever wrote this can take it back."))
    _answer(held, Answer.WITHDRAWN, answer="", by=by, at=at)
    _take_back(held, by=by, reason=_("Taken back by whoever said it"), at=at)
    nights.refresh_member(member_id=held.milestone.plan.member_id, at=at)
    return held


@transaction.atomic
def achieve(  # noqa: PLR0913  # what is said of an achievement
    *,
    milestone: Milestone,
    on: date,
    source: EvidenceSource,
    by: User | None,
    what_changed: str,
    at: datetime,
) -> None:
    """Record that a member reached a milestone, and make its evidence dates anew.

    Late, early and out of order are all one. Safe to repeat for one day. From the first such
    word on, the evidence of the milestone is what people say of it, not what its rule would
    derive; what the rule had found by that day goes on standing. A declaration that waits is
    answered by it where the word is firmer than a declared one. Marks the member dirty.
    Raises ``NotSaid`` for a day to come.
    """
    _require_past(on, at=at)
    before = milestone.evidence_dates
    changed = _say(
        milestone,
        Word(on, achieved=True, said_at=at, source=EvidenceSource(source).value),
        by=by,
        what_changed=what_changed,
    )
    if source in FIRM:
        for waiting in milestone.declarations.filter(status=Answer.WAITING):
            _answer(waiting, Answer.CONFIRMED, answer="", by=by, at=at)
    if not changed:
        return
    milestone.refresh_from_db(fields=["evidence_dates", "evidence_source"])
    audit.record(
        verb="milestone.achieved",
        subject=milestone,
        member_id=milestone.plan.member_id,
        summary=f"Milestone {milestone.key} was reached on {on}",
        by=by,
        at=at,
        before={"evidence_dates": before},
        after={"evidence_dates": milestone.evidence_dates, "source": source},
    )
    nights.refresh_member(member_id=milestone.plan.member_id, at=at)


@transaction.atomic
def revoke(
    *, milestone: Milestone, on: date, reason: str, by: User | None, at: datetime
) -> None:
    """Take the evidence of a milestone back as of a day, with the reason.

    As of the day it was achieved: then it never stood. It may be achieved again later. Raises
    ``NotSaid`` without a reason or for a day to come, ``NotReached`` where it does not stand on
    that day. Marks the member dirty (DOMAIN 3.1).
    """
    words = reason.strip()
    if not words:
        raise NotSaid(_("Say why it no longer holds."))
    _require_past(on, at=at)
    if not _stands(milestone, on=on):
        raise NotReached(_("This point had not been reached on that day."))
    before = milestone.evidence_dates
    _say(
        milestone,
        Word(on, achieved=False, said_at=at),
        by=by,
        what_changed=words,
    )
    milestone.refresh_from_db(fields=["evidence_dates", "evidence_source"])
    audit.record(
        verb="milestone.revoked",
        subject=milestone,
        member_id=milestone.plan.member_id,
        summary=f"Milestone {milestone.key} was revoked as of {on}",
        by=by,
        at=at,
        before={"evidence_dates": before},
        after={"evidence_dates": milestone.evidence_dates},
    )
    nights.refresh_member(member_id=milestone.plan.member_id, at=at)


def _say(milestone: Milestone, word: Word, *, by: User | None, what_changed: str) -> bool:
    """Keep a word in every version the milestone stands in; False if it was there before.

    Versions come to know what others were told, so a re-planned path and its first agreed one
    read the same evidence.
    """
    versions = _versions(milestone)
    events = list(
        MilestoneEvent.objects.filter(milestone__in=versions).order_by("recorded_at", "pk")
    )
    words = {_key(event): event for event in events} or {
        _key(event): event for event in _found(versions, until=word.on, said_at=word.said_at)
    }
    was = evidence_of(_words(words.values()))
    known = words.get((word.on, word.achieved))
    if known is None or _overtaken(known, words) or _firmer(word, known):
        words[word.on, word.achieved] = MilestoneEvent(
            achieved=word.achieved,
            on=word.on,
            source=word.source,
            by=by,
            what_changed=what_changed,
            recorded_at=word.said_at,
        )
    elif all(len(version.events.all()) == len(words) for version in versions):
        return False
    now = evidence_of(_words(words.values()))
    for version in versions:
        _keep(version, words.values())
        version.evidence_dates = list(now.dates) or None
        version.evidence_source = now.source
        version.save(update_fields=["evidence_dates", "evidence_source"])
    since = min([word.on, *(set(was.dates) ^ set(now.dates))])
    mark_dirty([(milestone.plan.member_id, since)])
    return True


def _versions(milestone: Milestone) -> list[Milestone]:
    """The milestone in its plan, in those that re-plan it, and in the one that followed."""
    plan = milestone.plan
    # one writer at a time for a member's evidence
    Plan.objects.select_for_update(no_key=True).filter(member_id=plan.member_id).first()
    first = plan.baseline_id or plan.pk
    same = Q(plan=first) | Q(plan__baseline=first) | Q(pk=milestone.pk)
    if plan.closed_on is not None:
        # said of a version that has just been replaced: it counts in the next one as well
        same |= Q(plan__member=plan.member_id, plan__counts_from=plan.closed_on)
    return list(
        Milestone.objects.filter(same, key=milestone.key)
        .prefetch_related("events")
        .order_by("plan__version")
    )


def _found(
    versions: Iterable[Milestone], *, until: date, said_at: datetime
) -> list[MilestoneEvent]:
    """What the records, or a version before, had found by a day, as words of their own."""
    return [
        MilestoneEvent(
            achieved=index % 2 == 0,
            on=day,
            source=version.evidence_source or EvidenceSource.DERIVED,
            recorded_at=said_at,
        )
        for version in versions
        for index, day in enumerate(version.evidence_dates or ())
        if day <= until
    ]


def _keep(version: Milestone, events: Iterable[MilestoneEvent]) -> None:
    MilestoneEvent.objects.bulk_create(
        [
            MilestoneEvent(
                milestone=version,
                achieved=event.achieved,
                on=event.on,
                source=event.source,
                fact_id=event.fact_id,
                by_id=event.by_id,
                what_changed=event.what_changed,
                recorded_at=event.recorded_at,
            )
            for event in events
        ],
        update_conflicts=True,
        unique_fields=["milestone", "on", "achieved"],
        update_fields=["source", "by", "what_changed", "recorded_at"],
    )


def _key(event: MilestoneEvent) -> tuple[date, bool]:
    return event.on, event.achieved


def _words(events: Iterable[MilestoneEvent]) -> list[Word]:
    return [Word(event.on, event.achieved, event.recorded_at, event.source) for event in events]


def _overtaken(event: MilestoneEvent, words: dict[tuple[date, bool], MilestoneEvent]) -> bool:
    """Whether the opposite was said of the same day since, so that saying it again counts."""
    other = words.get((event.on, not event.achieved))
    return other is not None and other.recorded_at >= event.recorded_at


def _firmer(word: Word, known: MilestoneEvent) -> bool:
    return word.achieved and word.source in FIRM and known.source not in FIRM


def _stands(milestone: Milestone, *, on: date) -> bool:
    dates = Milestone.objects.values_list("evidence_dates", flat=True).get(pk=milestone.pk)
    return stands(dates, on=on)


def _take_back(held: Declaration, *, by: User, reason: str, at: datetime) -> None:
    """Undo the achievement that a declaration made by itself, as of its own day."""
    rests_on_it = held.milestone.events.filter(
        on=held.on, achieved=True, source=EvidenceSource.DECLARED
    )
    if rests_on_it.exists() and _stands(held.milestone, on=held.on):
        word = Word(held.on, achieved=False, said_at=at, source=EvidenceSource.DECLARED.value)
        _say(held.milestone, word, by=by, what_changed=reason)


def _waiting(declaration: Declaration) -> Declaration:
    held = (
        Declaration.objects.select_for_update(of=("self",))
        .select_related("milestone__plan", "by")
        .get(pk=declaration.pk)
    )
    if held.status != Answer.WAITING:
        raise AlreadyAnswered(held.get_status_display())
    return held


def _answer(
    held: Declaration, status: Answer, *, answer: str, by: User | None, at: datetime
) -> None:
    held.status, held.answer = status, answer
    held.answered_by, held.answered_at = by, at
    held.save(update_fields=["status", "answer", "answered_by", "answered_at"])
    audit.record(
        verb=f"declaration.{status.value}",
        subject=held,
        member_id=held.milestone.plan.member_id,
        summary=f"The declaration of milestone {held.milestone.key} was {status.value}",
        by=by,
        at=at,
        before={"status": Answer.WAITING.value},
        after={"status": status.value},
    )


def _is_member(user: User) -> bool:
    return user.role == Role.MEMBER


def _require_past(on: date, *, at: datetime) -> None:
    if on > local_date(at, zone=association_zone()):
        raise NotSaid(_("That day is still to come."))
