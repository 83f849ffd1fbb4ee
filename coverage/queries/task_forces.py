"""Who works together for a member, and what each of them carries."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.db.models import Exists, OuterRef, Q, QuerySet

from coverage.engine.segments import TASK_FORCE
from coverage.models import Assignment, Circumstance, TaskForceShare
from coverage.queries.hours import StaffHours, staff_hours
from members.models import Member, User

WHOLE = 100


@dataclass(frozen=True, kw_only=True)
class Part:
    """One contributor's part; ``hours`` of staff a month, null where not known."""

    share: TaskForceShare
    hours: Fraction | None


@dataclass(frozen=True, kw_only=True)
class TaskForce:
    """Everybody who works for a member; ``hours`` of staff a month are all of theirs together.

    ``left_percent`` is what nobody has a part of: the owner carries it. Hours are null where
    the member is in no segment, no night has looked at them, or nothing is said of both.
    """

    member: Member
    assignment: Assignment | None
    hours: Fraction | None
    parts: tuple[Part, ...]
    past: tuple[TaskForceShare, ...]
    left_percent: int

    @property
    def left_hours(self) -> Fraction | None:
        return None if self.hours is None else self.hours * self.left_percent / WHOLE


def with_task_force(user: User, *, on: date) -> QuerySet[Member]:
    """Return the members a user may see who have a task force or ought to; order is theirs."""
    working = TaskForceShare.objects.filter(member=OuterRef("pk")).filter(_running(on))
    return (
        Member.objects.visible_to(user)
        .filter(Q(Exists(working)) | Q(assignment__segment__key=TASK_FORCE))
        .select_related("assignment__segment", "assignment__owner")
    )


def task_forces(members: list[Member], *, on: date) -> list[TaskForce]:
    """Return the task force of each member, in their order. Five statements for any number."""
    ids = [member.pk for member in members]
    assigned = Assignment.objects.select_related("segment", "owner").in_bulk(ids)
    stages = dict(Circumstance.objects.filter(member__in=ids).values_list("member", "stage"))
    shares: dict[int, list[TaskForceShare]] = {pk: [] for pk in ids}
    for share in (
        TaskForceShare.objects.filter(member__in=ids)
        .select_related("user")
        .order_by("-percent", "user__name", "pk")
    ):
        shares[share.member_id].append(share)
    said = staff_hours(as_of=on)
    return [
        _task_force(
            member,
            assignment=assigned.get(member.pk),
            stage=stages.get(member.pk, ""),
            shares=shares[member.pk],
            said=said,
            on=on,
        )
        for member in members
    ]


def _task_force(  # noqa: PLR0913  # what it is put together from
    member: Member,
    *,
    assignment: Assignment | None,
    stage: str,
    shares: list[TaskForceShare],
    said: StaffHours,
    on: date,
) -> TaskForce:
    hours = said.get((assignment.segment_id, stage)) if assignment else None
    running = [each for each in shares if each.ends_on is None or each.ends_on > on]
    return TaskForce(
        member=member,
        assignment=assignment,
        hours=hours,
        parts=tuple(
            Part(share=each, hours=None if hours is None else hours * each.percent / WHOLE)
            for each in running
        ),
        past=tuple(
            sorted(
                (each for each in shares if each not in running),
                key=lambda each: (each.ends_on or on, each.pk),
                reverse=True,
            )
        ),
        left_percent=max(WHOLE - sum(each.percent for each in running), 0),
    )


def _running(on: date) -> Q:
    return Q(ends_on=None) | Q(ends_on__gt=on)
