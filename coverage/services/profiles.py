"""The Appropriate Experience of a member in versions, and a person's decision against the rule.

What a member pays is not asked and cannot be: neither a question nor a fact is about it.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from coverage.engine.questionnaire import propose, require_sound
from coverage.enums import Level
from coverage.models import Assignment, AssignmentChange, AxProfile, Segment
from members.models import Member, User
from members.rollups.dirty import mark_dirty
from members.services import audit

GOOD_FOR = timedelta(days=365)
LONGEST_OVERRIDE = timedelta(days=366)
SAID_BY_MEMBER, SAID_BY_MSM = "member", "msm"
MINUTES = ("inbound", "async", "sync", "taskforce")
SHOWN = (
    "inbound_minutes",
    "async_minutes",
    "sync_minutes",
    "taskforce_minutes",
    "expertise",
    "resources",
    "guidance",
    "skills_needed",
    "industry_experience",
    "sophistication",
    "complexity",
    "risk",
    "confidence",
    "expires_on",
    "source",
)


class NotOverridable(ValueError):
    """An override needs a reason, a segment in use, and a last day within a year."""


class NotOverridden(Exception):
    """No decision of a person's is in force for this member."""


@transaction.atomic
def answer(  # noqa: PLR0913  # who answered what, and when
    *,
    member: Member,
    answers: Mapping[str, str],
    source: str,
    by: User | None,
    at: datetime,
    reasons: str = "",
) -> AxProfile:
    """Turn answers to the questionnaire into the member's next profile, and return it.

    ``source`` says whose answers they are: ``member`` or ``msm``. Counts from the association's
    day of ``at``, for a year; the segment follows at the next night. The same answers from the
    same side on the same day return what is there. Raises ``NotAnswered`` (DOMAIN 2.3).
    """
    proposal = propose(answers)
    given = {key: value for key, value in answers.items() if value}
    on = _day(at)
    held = _current(member)
    if held is not None and (held.answers, held.source, held.valid_from) == (given, source, on):
        return held
    fields = {f"{key}_minutes": proposal.minutes[key] for key in MINUTES}
    fields |= {
        name: getattr(proposal, name)
        for name in (
            "expertise",
            "resources",
            "guidance",
            "skills_needed",
            "industry_experience",
            "sophistication",
            "complexity",
            "risk",
            "confidence",
        )
    }
    return _write(
        member,
        fields=fields | {"answers": given, "source": source, "reasons": reasons.strip()},
        held=held,
        on=on,
        by=by,
        at=at,
    )


@transaction.atomic
def revise(  # noqa: PLR0913  # what is known, and since when
    *,
    member: Member,
    minutes: Mapping[str, int],
    reasons: str,
    confidence: Level,
    expires_on: date | None,
    by: User,
    at: datetime,
) -> AxProfile:
    """Set the minutes of a member's profile by hand, as its next version, and return it.

    ``minutes`` are a quarter's by modality; those not named are zero. What was answered stays.
    Raises ``Misspecified`` for time in real time without a written part, ``ValueError`` for a
    last day that has passed or where nothing was answered yet.
    """
    require_sound(minutes)
    held = _current(member)
    if held is None:
        raise ValueError(_("Answer the questions first; the minutes can be set after that."))
    on = _day(at)
    if expires_on is not None and expires_on <= on:
        raise ValueError(_("Choose a last day that is still to come."))
    fields: dict[str, Any] = {name: getattr(held, name) for name in SHOWN}
    fields |= {f"{key}_minutes": minutes.get(key, 0) for key in MINUTES}
    fields |= {
        "answers": held.answers,
        "source": SAID_BY_MSM,
        "reasons": reasons.strip(),
        "confidence": Level(confidence).value,
    }
    expires = expires_on or on + GOOD_FOR
    return _write(
        member, fields=fields | {"expires_on": expires}, held=held, on=on, by=by, at=at
    )


def _write(  # noqa: PLR0913  # a version has that many parts
    member: Member,
    *,
    fields: Mapping[str, Any],
    held: AxProfile | None,
    on: date,
    by: User | None,
    at: datetime,
) -> AxProfile:
    if held is not None:
        # an escalation is not for the questionnaire to close
        fields = {**fields, "escalation_severity": held.escalation_severity}
        held.superseded_on = max(on, held.valid_from)
        held.save(update_fields=["superseded_on"])
    made = AxProfile.objects.create(
        **{"expires_on": on + GOOD_FOR, **fields},
        member=member,
        valid_from=on if held is None else max(on, held.valid_from),
        recorded_by=by,
        recorded_at=at,
    )
    mark_dirty([(member.pk, on)])
    audit.record(
        verb="experience.recorded",
        subject=made,
        member_id=member.pk,
        summary="The appropriate experience was recorded",
        by=by,
        at=at,
        before=_shown(held) if held else None,
        after=_shown(made),
    )
    return made


@transaction.atomic
def override(  # noqa: PLR0913  # a decision has that many parts
    *,
    member: Member,
    segment: Segment,
    reason: str,
    until: date,
    by: User,
    at: datetime,
) -> Assignment:
    """Place a member in a segment against the rule, up to and not including ``until``.

    The row says so at once, with who decided it and why; what follows from it (who looks after
    them, the queue, the loads) follows at the next night. A member whom no rule placed is
    placed as well. The same decision again writes nothing. Raises ``NotOverridable``
    (DOMAIN 2.4).
    """
    on, said = _day(at), reason.strip()
    if not said:
        raise NotOverridable(_("Say why the rule does not suit this member."))
    if segment.is_retired:
        raise NotOverridable(_("This segment is not in use any more."))
    if not on < until <= on + LONGEST_OVERRIDE:
        raise NotOverridable(
            _("Choose a last day within a year from now, so that somebody looks at it again.")
        )
    held = Assignment.objects.select_for_update().filter(member=member).first()
    before = _placed(held)
    row = held or Assignment(member=member, assigned_on=on)
    owner_id = None if segment.is_pooled else row.owner_id
    moved = (row.segment_id, row.owner_id) != (segment.pk, owner_id)
    decided = f"Decided by {by.name or by.email}: {said}"
    wanted = {
        "segment_id": segment.pk,
        "owner_id": owner_id,
        "reason": decided,
        "override_reason": said,
        "override_by_id": by.pk,
        "override_until": until,
    }
    if held is not None and all(getattr(held, name) == new for name, new in wanted.items()):
        return held
    if moved or held is None:
        AssignmentChange.objects.create(
            member=member,
            on=on,
            from_segment_id=held.segment_id if held else None,
            to_segment=segment,
            from_owner_id=held.owner_id if held else None,
            to_owner_id=owner_id,
            reason=decided,
        )
        row.assigned_on = on
    for name, value in wanted.items():
        setattr(row, name, value)
    row.save()
    mark_dirty([(member.pk, on)])
    audit.record(
        verb="assignment.overridden",
        subject=row,
        member_id=member.pk,
        summary=f"Placed in {segment.name} by hand until {until.isoformat()}",
        by=by,
        at=at,
        before=before,
        after=_placed(row),
    )
    return row


@transaction.atomic
def lift(*, member: Member, by: User, at: datetime) -> Assignment:
    """End a person's decision today; the rule places the member at the next night.

    Raises ``NotOverridden`` where none is in force.
    """
    row = Assignment.objects.select_for_update().filter(member=member).first()
    if row is None or row.override_until is None:
        raise NotOverridden(_("Nobody has placed this member by hand."))
    before = _placed(row)
    row.override_reason, row.override_by, row.override_until = "", None, None
    row.save(update_fields=["override_reason", "override_by", "override_until"])
    mark_dirty([(member.pk, _day(at))])
    audit.record(
        verb="assignment.override_lifted",
        subject=row,
        member_id=member.pk,
        summary="The rule places the member again, from the next night",
        by=by,
        at=at,
        before=before,
        after=_placed(row),
    )
    return row


def _current(member: Member) -> AxProfile | None:
    # the member, so that of two who answer at once one waits for the other
    Member.objects.select_for_update().get(pk=member.pk)
    return AxProfile.objects.filter(member=member, superseded_on=None).first()


def _shown(profile: AxProfile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in SHOWN}


def _placed(row: Assignment | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "segment": row.segment.key,
        "owner": row.owner_id,
        "override_until": row.override_until,
    }


def _day(at: datetime) -> date:
    return local_date(at, zone=association_zone())
