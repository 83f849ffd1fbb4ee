"""What a member wants: said, confirmed, changed; and the six fits of success potential.

A version is never edited: a changed goal ends it and the next begins (DOMAIN 2.2).
"""

from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from members.models import Member, Person, User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.enums import Answer, ConfirmedIn, Fit, FitStatus
from success.models import DesiredOutcome, FitAssessment, GoalChange, OutcomeConfirmation
from success.services import nights


class NotSaid(ValueError):
    """Words that are needed are missing, or the day cannot be; the message says which."""


class OutcomeEnded(Exception):
    """The version of the goal holds no longer; a newer one has taken its place."""


class AlreadyWaiting(Exception):
    """A changed goal of this member waits for an answer; ``change`` is that one."""

    def __init__(self, change: GoalChange) -> None:
        self.change = change
        super().__init__(_("A changed goal was said before and waits for an answer."))


class AlreadyAnswered(Exception):
    """The change was answered, or taken back, before."""


@transaction.atomic
def say_outcome(  # noqa: PLR0913  # what an outcome says
    *,
    member: Member,
    goal: str,
    required_outcome: str,
    measure: str,
    said_by: Person | None,
    on: date,
    by: User | None,
    at: datetime,
) -> DesiredOutcome:
    """Return the primary outcome with these words, the open one confirmed or the next version.

    Written when a plan is agreed: an equal open one is confirmed on that day, another one ends.
    Safe to repeat. The caller holds the member's row. Raises ``NotSaid`` without a goal
    (DOMAIN 2.2).
    """
    words = (_needed(goal), required_outcome.strip(), measure.strip())
    held = (
        DesiredOutcome.objects.select_for_update(of=("self",))
        .filter(member=member, is_primary=True, ended_on=None)
        .first()
    )
    if held is not None:
        if words == (held.goal.strip(), held.required_outcome.strip(), held.measure.strip()):
            said_in, day = ConfirmedIn.AGREEMENT, max(on, held.said_on)
            confirm_outcome(outcome=held, on=day, said_in=said_in, by=by, at=at)
            return DesiredOutcome.objects.get(pk=held.pk)
        held.ended_on = max(on, held.said_on)
        held.save(update_fields=["ended_on"])
    return _new_version(
        member, words, is_primary=True, said_by=said_by, on=on, by=by, at=at, before=held
    )


@transaction.atomic
def add_secondary(  # noqa: PLR0913  # what an outcome says
    *,
    member: Member,
    goal: str,
    required_outcome: str = "",
    measure: str = "",
    said_by: Person | None,
    on: date,
    by: User,
    at: datetime,
) -> DesiredOutcome:
    """Write down another goal, tracked beside the primary one and never averaged into it.

    The same words while they hold are the same goal, confirmed. Raises ``NotSaid`` without a
    goal or for a day to come (DOMAIN 2.2).
    """
    _require_past(on, at=at)
    words = (_needed(goal), required_outcome.strip(), measure.strip())
    Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    held = DesiredOutcome.objects.filter(
        member=member, is_primary=False, ended_on=None, goal=words[0]
    ).first()
    if held is not None:
        confirm_outcome(outcome=held, on=on, said_in=ConfirmedIn.CALL, by=by, at=at)
        return DesiredOutcome.objects.get(pk=held.pk)
    return _new_version(member, words, is_primary=False, said_by=said_by, on=on, by=by, at=at)


@transaction.atomic
def end_secondary(
    *, outcome: DesiredOutcome, on: date, by: User, at: datetime
) -> DesiredOutcome:
    """Record that a goal beside the primary one holds no longer from ``on``; it is kept.

    Safe to repeat. Raises ``NotSaid`` for a primary one: that ends when the next is agreed.
    """
    row = DesiredOutcome.objects.select_for_update(of=("self",)).get(pk=outcome.pk)
    if row.is_primary:
        raise NotSaid(_("The goal of the plan ends when the next one is agreed."))
    if row.ended_on is not None:
        return row
    _require_past(on, at=at)
    row.ended_on = max(on, row.said_on)
    row.save(update_fields=["ended_on"])
    audit.record(
        verb="outcome.ended",
        subject=row,
        member_id=row.member_id,
        summary=f"Goal {row.version} holds no longer from {row.ended_on}",
        by=by,
        at=at,
        after={"ended_on": row.ended_on},
    )
    return row


@transaction.atomic
def confirm_outcome(
    *, outcome: DesiredOutcome, on: date, said_in: ConfirmedIn, by: User | None, at: datetime
) -> OutcomeConfirmation:
    """Record that somebody said, on a day, that the goal still holds.

    Once a day: said again it is what was said first. The newest day counts for staleness.
    Marks the member dirty. Raises ``OutcomeEnded``, and ``NotSaid`` for a day to come or one
    before the goal was said (DOMAIN 2.2).
    """
    row = DesiredOutcome.objects.select_for_update(of=("self",)).get(pk=outcome.pk)
    if row.ended_on is not None:
        raise OutcomeEnded(_("This goal has been replaced by a newer one."))
    _require_past(on, at=at)
    if on < row.said_on:
        raise NotSaid(_("The goal was not said yet on that day."))
    confirmation, is_new = OutcomeConfirmation.objects.get_or_create(
        outcome=row,
        on=on,
        defaults={"said_in": ConfirmedIn(said_in).value, "by": by, "recorded_at": at},
    )
    if not is_new:
        return confirmation
    before = row.confirmed_on
    if on > before:
        row.confirmed_on = on
        row.save(update_fields=["confirmed_on"])
    audit.record(
        verb="outcome.confirmed",
        subject=row,
        member_id=row.member_id,
        summary=f"Goal {row.version} was confirmed on {on}",
        by=by,
        at=at,
        before={"confirmed_on": before},
        after={"confirmed_on": row.confirmed_on, "on": on, "said_in": said_in},
    )
    mark_dirty([(row.member_id, on)])
    nights.refresh_member(member_id=row.member_id, at=at)
    return confirmation


@transaction.atomic
def assess_fit(  # noqa: PLR0913  # what an assessment says
    *,
    member: Member,
    fit: Fit,
    status: FitStatus,
    reason: str,
    on: date,
    by: User,
    at: datetime,
) -> FitAssessment:
    """Record how one of the six fits stood on a day; said anew for that day, it replaces.

    Raises ``NotSaid`` for a missing fit without a reason, and for a day to come (DOMAIN 2.12).
    """
    _require_past(on, at=at)
    fit, status, words = Fit(fit), FitStatus(status), reason.strip()
    if status == FitStatus.MISSING and not words:
        raise NotSaid(_("Say what is missing."))
    held = FitAssessment.objects.filter(member=member, fit=fit, on=on).first()
    if held is not None and (held.status, held.reason) == (status, words):
        return held
    before = None if held is None else {"status": held.status}
    row, _is_new = FitAssessment.objects.update_or_create(
        member=member,
        fit=fit,
        on=on,
        defaults={"status": status.value, "reason": words, "by": by, "recorded_at": at},
    )
    audit.record(
        verb="fit.assessed",
        subject=row,
        member_id=member.pk,
        summary=f"The {fit.value} fit was assessed as {status.value}",
        by=by,
        at=at,
        before=before,
        after={"fit": fit.value, "status": status.value, "on": on},
    )
    return row


@transaction.atomic
def ask_goal_change(*, member: Member, words: str, by: User, at: datetime) -> GoalChange:
    """Record that a member says their goal has changed; it waits for an answer.

    The same words again are the same change. Raises ``NotSaid`` without words, and
    ``AlreadyWaiting`` while another one waits (DOMAIN 2.2).
    """
    said = _needed(words)
    try:
        with transaction.atomic():
            change = GoalChange.objects.create(member=member, words=said, by=by, at=at)
    except IntegrityError as error:
        waiting = GoalChange.objects.get(member=member, status=Answer.WAITING)
        if waiting.words == said:
            return waiting
        raise AlreadyWaiting(waiting) from error
    audit.record(
        verb="goal_change.asked",
        subject=change,
        member_id=member.pk,
        summary="The member says that the goal has changed",
        by=by,
        at=at,
    )
    nights.refresh_member(member_id=member.pk, at=at)
    return change


@transaction.atomic
def answer_goal_change(
    *, change: GoalChange, status: Answer, answer: str, by: User, at: datetime
) -> GoalChange:
    """Answer a changed goal: confirmed by a new version, declined with words, or taken back.

    The same answer again changes nothing. Raises ``AlreadyAnswered``, and ``NotSaid`` where it
    is declined without words.
    """
    status, words = Answer(status), answer.strip()
    if status == Answer.WAITING:
        raise NotSaid(_("Choose an answer."))
    if status == Answer.DECLINED and not words:
        raise NotSaid(_("Say in a few words why the plan stays as it is."))
    row = GoalChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
    if (row.status, row.answer) == (status, words):
        return row
    if row.status != Answer.WAITING:
        raise AlreadyAnswered(row.get_status_display())
    row.status, row.answer = status, words
    row.answered_by, row.answered_at = by, at
    row.save(update_fields=["status", "answer", "answered_by", "answered_at"])
    audit.record(
        verb=f"goal_change.{status.value}",
        subject=row,
        member_id=row.member_id,
        summary=f"A changed goal was {status.value}",
        by=by,
        at=at,
        before={"status": Answer.WAITING.value},
        after={"status": status.value},
    )
    nights.refresh_member(member_id=row.member_id, at=at)
    return row


def _new_version(  # noqa: PLR0913  # what a version is made of
    member: Member,
    words: tuple[str, str, str],
    *,
    is_primary: bool,
    said_by: Person | None,
    on: date,
    by: User | None,
    at: datetime,
    before: DesiredOutcome | None = None,
) -> DesiredOutcome:
    newest = DesiredOutcome.objects.filter(member=member).aggregate(newest=Max("version"))
    goal, required_outcome, measure = words
    row = DesiredOutcome.objects.create(
        member=member,
        is_primary=is_primary,
        version=(newest["newest"] or 0) + 1,
        goal=goal,
        required_outcome=required_outcome,
        measure=measure,
        said_by=said_by,
        said_on=on,
        recorded_by=by,
        recorded_at=at,
        confirmed_on=on,
    )
    OutcomeConfirmation.objects.create(
        outcome=row, on=on, said_in=ConfirmedIn.AGREEMENT, by=by, recorded_at=at
    )
    audit.record(
        verb="outcome.said",
        subject=row,
        member_id=member.pk,
        summary=f"Goal {row.version} was said on {on}",
        by=by,
        at=at,
        before=None if before is None else {"version": before.version},
        after={"version": row.version, "is_primary": is_primary, "said_on": on},
    )
    mark_dirty([(member.pk, on)])
    return row


def _needed(words: str) -> str:
    said = words.strip()
    if not said:
        raise NotSaid(_("Write down the goal."))
    return said


def _require_past(on: date, *, at: datetime) -> None:
    if on > local_date(at, zone=association_zone()):
        raise NotSaid(_("That day is still to come."))
