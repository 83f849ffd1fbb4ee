"""What those who look after members can give, and who works with whom."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from coverage.models import Contributor, TaskForceShare, Team
from members.enums import Role
from members.models import Member, User
from members.rollups.dirty import mark_dirty
from members.services import audit

WHOLE = 100
HOURS_A_MONTH = 744
FIELDS = (
    "team_id",
    "monthly_hours",
    "leave_percent",
    "overhead_percent",
    "skills",
    "languages",
    "works_in_pool",
)


class NotAContributor(ValueError):
    """Somebody of a member, or hours that nobody has."""


class TooMuchShared(ValueError):
    """The parts of a task force come to more than the whole."""


class AlreadyNamed(ValueError):
    """There is one of this name."""


@transaction.atomic
def save_contributor(  # noqa: PLR0913  # what somebody can give
    *,
    user: User,
    team: Team | None,
    monthly_hours: int,
    leave_percent: int,
    overhead_percent: int,
    skills: Iterable[str],
    languages: Iterable[str],
    works_in_pool: bool,
    by: User,
    at: datetime,
) -> Contributor:
    """Say what somebody can give in a month, and return it; the same again writes nothing.

    Hours are those contracted, ``leave_percent`` and ``overhead_percent`` what is taken off one
    after the other. Skills and languages are kept once each, without blanks. Raises
    ``NotAContributor`` (DOMAIN 6.2).
    """
    if user.role == Role.MEMBER:
        raise NotAContributor(_("Somebody of a member has no hours for members."))
    if not 0 <= monthly_hours <= HOURS_A_MONTH:
        raise NotAContributor(_("A month has at most 744 hours."))
    if not (0 <= leave_percent < WHOLE and 0 <= overhead_percent < WHOLE):
        raise NotAContributor(_("Leave and overhead leave some of the hours over."))
    wanted: dict[str, Any] = {
        "team_id": team.pk if team else None,
        "monthly_hours": monthly_hours,
        "leave_percent": leave_percent,
        "overhead_percent": overhead_percent,
        "skills": _once(skills),
        "languages": _once(languages),
        "works_in_pool": works_in_pool,
    }
    held = Contributor.objects.select_for_update().filter(user=user).first()
    before = None if held is None else {name: getattr(held, name) for name in FIELDS}
    if before == wanted and held is not None:
        return held
    row, _made = Contributor.objects.update_or_create(user=user, defaults=wanted)
    audit.record(
        verb="contributor.saved",
        subject=row,
        member_id=None,
        summary="What somebody can give was set",
        by=by,
        at=at,
        before=before,
        after=wanted,
    )
    return row


@transaction.atomic
def save_with_team(  # noqa: PLR0913  # what somebody can give, and when they are there
    *,
    user: User,
    team: Team | None,
    new_team: str,
    by: User,
    at: datetime,
    time_zone: str = "",
    **given: Any,
) -> Contributor:
    """Save what somebody can give, in a team that is made for it where ``new_team`` names one.

    ``time_zone`` blank leaves their clock as it is. Raises what ``save_team``, ``set_clock``
    and ``save_contributor`` raise, and then keeps nothing.
    """
    if time_zone.strip():
        set_clock(user=user, time_zone=time_zone.strip(), by=by, at=at)
    if new_team.strip():
        team = save_team(team=None, name=new_team, by=by, at=at)
    return save_contributor(user=user, team=team, by=by, at=at, **given)


@transaction.atomic
def set_clock(*, user: User, time_zone: str, by: User, at: datetime) -> None:
    """Say in which zone somebody works; the same again writes nothing.

    Raises ``NotAContributor`` where there is no zone of this name.
    """
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NotAContributor(
            _("There is no time zone called %(zone)s.") % {"zone": time_zone}
        ) from error
    row = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    if row.time_zone == time_zone:
        return
    before, row.time_zone = row.time_zone, time_zone
    row.save(update_fields=["time_zone"])
    audit.record(
        verb="contributor.clock_set",
        subject=row,
        member_id=None,
        summary="The time zone in which somebody works was set",
        by=by,
        at=at,
        before={"time_zone": before},
        after={"time_zone": time_zone},
    )


@transaction.atomic
def ensure_contributors(*, at: datetime) -> int:
    """Give every active MSM without a row the hours that are usual; how many were made."""
    missing = User.objects.filter(role=Role.MSM, is_active=True, contributor=None)
    made = [Contributor.objects.create(user=user) for user in missing.order_by("pk")]
    for row in made:
        audit.record(
            verb="contributor.saved",
            subject=row,
            member_id=None,
            summary="The usual hours were taken for somebody who had none",
            by=None,
            at=at,
            after={name: getattr(row, name) for name in FIELDS},
        )
    return len(made)


@transaction.atomic
def save_team(*, team: Team | None, name: str, by: User, at: datetime) -> Team:
    """Make a team, or name it anew, and return it; raises ``AlreadyNamed``."""
    said = name.strip()
    row = Team() if team is None else Team.objects.select_for_update().get(pk=team.pk)
    if Team.objects.filter(name=said).exclude(pk=row.pk).exists():
        raise AlreadyNamed(_("There is a team of this name."))
    before = None if team is None else {"name": row.name}
    row.name = said
    row.save()
    audit.record(
        verb="team.saved",
        subject=row,
        member_id=None,
        summary="A team was named",
        by=by,
        at=at,
        before=before,
        after={"name": said},
    )
    return row


@transaction.atomic
def share_task_force(  # noqa: PLR0913  # a part has that many parts
    *,
    member: Member,
    user: User,
    skill: str,
    percent: int,
    on: date,
    by: User,
    at: datetime,
) -> TaskForceShare:
    """Give somebody a part of a member's task force from ``on``, or change it; return it.

    ``percent`` is of the member's hours, and all parts come to at most 100. Raises
    ``TooMuchShared``, ``NotAContributor`` (DOMAIN 2.4).
    """
    if user.role == Role.MEMBER:
        raise NotAContributor(_("Somebody of a member has no hours for members."))
    if not 0 < percent <= WHOLE:
        raise TooMuchShared(_("A part is between 1 and 100 percent."))
    Member.objects.select_for_update().get(pk=member.pk)
    open_parts = TaskForceShare.objects.filter(member=member, ends_on=None)
    others = open_parts.exclude(user=user).aggregate(sum=Sum("percent"))["sum"] or 0
    if others + percent > WHOLE:
        left = WHOLE - others
        raise TooMuchShared(
            _("The others have %(others)s percent; %(left)s are left.")
            % {"others": others, "left": left}
        )
    held = open_parts.filter(user=user).first()
    wanted = {"skill": skill.strip(), "percent": percent}
    before = None if held is None else {"skill": held.skill, "percent": held.percent}
    if before == wanted and held is not None:
        return held
    row = held or TaskForceShare(member=member, user=user, starts_on=on)
    row.skill, row.percent = skill.strip(), percent
    row.save()
    mark_dirty([(member.pk, on)])
    audit.record(
        verb="task_force.shared",
        subject=row,
        member_id=member.pk,
        summary="A part in the task force was set",
        by=by,
        at=at,
        before=before,
        after={**wanted, "user": user.pk},
    )
    return row


@transaction.atomic
def leave_task_force(*, share: TaskForceShare, on: date, by: User, at: datetime) -> None:
    """End somebody's part on ``on``, the first day without it; harmless when it has ended."""
    row = TaskForceShare.objects.select_for_update().get(pk=share.pk)
    if row.ends_on is not None:
        return
    row.ends_on = max(on, row.starts_on)
    row.save(update_fields=["ends_on"])
    mark_dirty([(row.member_id, on)])
    audit.record(
        verb="task_force.left",
        subject=row,
        member_id=row.member_id,
        summary="A part in the task force ended",
        by=by,
        at=at,
        before={"ends_on": None},
        after={"ends_on": row.ends_on},
    )


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in words if word.strip()))
