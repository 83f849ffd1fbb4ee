"""Promises of both sides: what is open, what is late, and how many are kept."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.db.models.functions import Coalesce

from members.enums import Role
from members.models import Member, User
from success.enums import Side
from success.models import Accountability, AccountabilityEvent


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How many promises fell due, and how many of them were done by their day."""

    due: int = 0
    kept: int = 0

    @property
    def rate(self) -> Fraction | None:
        """The kept-promise rate; null where nothing was due (DOMAIN 2.8)."""
        return Fraction(self.kept, self.due) if self.due else None


@dataclass(frozen=True, kw_only=True)
class BothSides:
    """The rates that stand beside each other."""

    ours: Kept = Kept()
    theirs: Kept = Kept()


def open_on(day: date) -> Q:
    """Neither kept nor waived at the end of a day (DOMAIN 2.8)."""
    return (Q(done_on=None) | Q(done_on__gt=day)) & (Q(waived_on=None) | Q(waived_on__gt=day))


def kept_between(*, since: date, until: date, member: Member | None = None) -> BothSides:
    """The kept promises of each side that fell due in [since, until], both days included.

    Judged as of ``until``, as ``engine.accountability.kept_rate`` does: one due that day and
    still open is neither kept nor broken, a waived one does not count. The association, or one
    member; one statement (DOMAIN 2.8).
    """
    promises = _fallen_due(since=since, until=until)
    if member is not None:
        promises = promises.filter(plan__member=member)
    return _by(promises, column=None).get(None, BothSides())


def kept_by_member(*, member_ids: list[int], since: date, until: date) -> dict[int, BothSides]:
    """``kept_between`` of each of these members that had anything due; one statement."""
    promises = _fallen_due(since=since, until=until).filter(plan__member__in=member_ids)
    rates = _by(promises, column="plan__member_id")
    return {member_id: both for member_id, both in rates.items() if member_id is not None}


def kept_by_owner(*, since: date, until: date) -> dict[int | None, BothSides]:
    """``kept_between`` of each of our people; null for what is the pool's; one statement.

    A promise of ours is its own owner's, else, like those of members, of whoever looks after
    the member now (DOMAIN 2.8).
    """
    promises = _fallen_due(since=since, until=until).annotate(
        of=Coalesce("owner_id", "plan__member__known__owner_id")
    )
    return _by(promises, column="of")


def late_of_ours(user: User, *, as_of: date) -> QuerySet[Accountability]:
    """Promises of ours that are late, oldest first, with all that a row shows.

    Director and operations see all; an MSM their own, those of members they look after that
    name no owner, and the pool's; others none (DOMAIN 2.8).
    """
    late = Accountability.objects.filter(
        open_on(as_of),
        _in_force(as_of),
        side=Side.ASSOCIATION,
        due_on__lt=as_of,
    )
    if user.role == Role.MSM:
        late = late.filter(
            Q(owner=user)
            | Q(owner=None, plan__member__known__owner=user)
            | Q(owner=None, plan__member__known__owner=None)
        )
    elif user.role not in {Role.DIRECTOR, Role.OPERATIONS}:
        late = late.none()
    return late.select_related("plan__member", "milestone", "owner").order_by("due_on", "pk")


def of_member(member: Member, *, as_of: date) -> QuerySet[Accountability]:
    """The promises of a member's plan in force, by due day, with their history in ``steps``."""
    history = Prefetch(
        "events",
        queryset=AccountabilityEvent.objects.select_related("by").order_by("at", "pk"),
        to_attr="steps",
    )
    return (
        Accountability.objects.filter(_in_force(as_of), plan__member=member)
        .select_related("milestone", "owner", "person", "waived_by")
        .prefetch_related(history, "helpfulness")
        .order_by("due_on", "pk")
    )


def _in_force(day: date) -> Q:
    closing = Q(plan__closed_on=None) | Q(plan__closed_on__gt=day)
    return Q(plan__counts_from__lte=day) & closing


def _fallen_due(*, since: date, until: date) -> QuerySet[Accountability]:
    still_open = Q(done_on=None) | Q(done_on__gt=until)
    waived = Q(waived_on__isnull=False, waived_on__lte=until)
    undecided = Q(due_on=until) & still_open
    # a promise that ended with its plan before its day binds nobody
    over = Q(plan__closed_on__isnull=False, plan__closed_on__lte=F("due_on")) & still_open
    return Accountability.objects.filter(due_on__gte=since, due_on__lte=until).exclude(
        waived | undecided | over
    )


def _by(
    promises: QuerySet[Accountability], *, column: str | None
) -> dict[int | None, BothSides]:
    """Sum promises up by a column and the side; by nothing, under null."""
    columns = ["side"] if column is None else ["side", column]
    rows = (
        promises.order_by()
        .values(*columns)
        .annotate(due=Count("pk"), on_time=Count("pk", filter=Q(done_on__lte=F("due_on"))))
    )
    summed: dict[int | None, dict[str, Kept]] = {}
    for row in rows:
        key = None if column is None else row[column]
        summed.setdefault(key, {})[row["side"]] = Kept(due=row["due"], kept=row["on_time"])
    return {
        key: BothSides(
            ours=sides.get(Side.ASSOCIATION, Kept()), theirs=sides.get(Side.MEMBER, Kept())
        )
        for key, sides in summed.items()
    }
