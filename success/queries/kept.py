"""What became of the promises of both sides, and whether members say what we record of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from members.models import Member
from success.enums import GapAnswerChoice, Side
from success.models import Accountability, GapAnswer
from success.queries.gap import IN_MEMBERSHIP, STATES
from success.queries.readings import kept_by_night

if TYPE_CHECKING:
    from members.models import User

SMALLEST_GROUP: Final = 5
LOOKED_BACK: Final = timedelta(days=365)

# What fell due, and who kept it, is as in queries.promises; here it is told late from undone.
KEPT = """
WITH due AS (
    SELECT a.id, a.side, a.done_on, a.due_on, a.is_simulated,
           coalesce(a.owner_id, facts.owner_id) AS owner_id
    FROM success_accountability a
    JOIN success_plan p ON p.id = a.plan_id
    LEFT JOIN success_memberfacts facts ON facts.member_id = p.member_id
    WHERE a.due_on > %(since)s AND a.due_on <= %(as_of)s
      AND (a.waived_on IS NULL OR a.waived_on > %(as_of)s)
      AND NOT (
          (a.done_on IS NULL OR a.done_on > %(as_of)s)
          AND (a.due_on = %(as_of)s OR coalesce(p.closed_on <= a.due_on, false))
      )
)
SELECT due.owner_id, owner.name, side, count(*),
       count(*) FILTER (WHERE done_on <= due_on),
       count(*) FILTER (WHERE done_on > due_on AND done_on <= %(as_of)s),
       bool_or(due.is_simulated),
       count(h.helped) FILTER (WHERE h.helped), count(h.helped)
FROM due
LEFT JOIN members_user owner ON owner.id = due.owner_id
LEFT JOIN LATERAL (
    SELECT bool_and(said.helped) AS helped
    FROM success_helpfulness said
    WHERE said.accountability_id = due.id
) AS h ON true
GROUP BY due.owner_id, owner.name, side
ORDER BY owner.name NULLS LAST, due.owner_id
"""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Promises of one side that were due: kept on time, done late, or not done yet.

    ``helped`` of ``judged`` kept or late ones helped, as members said themselves.
    """

    due: int = 0
    on_time: int = 0
    late: int = 0
    helped: int = 0
    judged: int = 0
    is_simulated: bool = False

    @property
    def undone(self) -> int:
        return self.due - self.on_time - self.late

    @property
    def rate(self) -> Fraction | None:
        """Return the share kept on time; null when nothing was due (DOMAIN 2.8)."""
        return Fraction(self.on_time, self.due) if self.due else None

    @property
    def is_small(self) -> bool:
        return self.due < SMALLEST_GROUP

    def with_more(self, other: "Kept") -> "Kept":
        """Return both together (DOMAIN 2.8)."""
        return Kept(
            due=self.due + other.due,
            on_time=self.on_time + other.on_time,
            late=self.late + other.late,
            helped=self.helped + other.helped,
            judged=self.judged + other.judged,
            is_simulated=self.is_simulated or other.is_simulated,
        )


@dataclass(frozen=True, kw_only=True)
class KeptBy:
    """Both sides' promises, of everybody or of the members somebody looks after.

    ``owner_id`` null and no name: the pool.
    """

    owner_id: int | None
    name: str
    ours: Kept
    theirs: Kept


@dataclass(frozen=True, kw_only=True)
class Promises:
    """Promises due in (since, as_of], all together and by who is to keep them, by name."""

    since: date
    as_of: date
    everybody: KeptBy
    by_owner: tuple[KeptBy, ...]


@kept_by_night
def promises_kept(*, as_of: date, since: date | None = None) -> Promises:
    """Kept-promise rates of both sides, of what fell due in the year up to ``as_of`` (2.8).

    A promise of ours is its owner's, else of who looks after the member; so is theirs. The
    same promises count as in ``queries.promises``. One pass over the promises.
    """
    begin = since or as_of - LOOKED_BACK
    found: dict[int | None, dict[str, Any]] = {}
    with connection.cursor() as cursor:
        cursor.execute(KEPT, {"since": begin, "as_of": as_of})
        for owner, name, side, due, on_time, late, simulated, helped, judged in cursor:
            row = found.setdefault(owner, {"name": name or ""})
            row[side] = Kept(
                due=due,
                on_time=on_time,
                late=late,
                helped=helped,
                judged=judged,
                is_simulated=simulated,
            )
    groups = tuple(
        KeptBy(
            owner_id=owner,
            name=row["name"],
            ours=row.get(Side.ASSOCIATION, Kept()),
            theirs=row.get(Side.MEMBER, Kept()),
        )
        for owner, row in found.items()
    )
    ours, theirs = Kept(), Kept()
    for group in groups:
        ours, theirs = ours.with_more(group.ours), theirs.with_more(group.theirs)
    return Promises(
        since=begin,
        as_of=as_of,
        everybody=KeptBy(owner_id=None, name="", ours=ours, theirs=theirs),
        by_owner=groups,
    )


def promises_of(
    user: "User", *, few: Collection[tuple[int | None, str]], as_of: date, since: date
) -> list[tuple[int | None, Accountability]]:
    """The promises behind groups of (owner id, side), those ``user`` may see, as they fell due.

    Each with the owner id that it counts for. Meant for small groups (DOMAIN 2.8).
    """
    wanted = Q()
    for owner, side in few:
        wanted |= Q(side=side) & (Q(keeper=owner) if owner else Q(keeper=None))
    promises = (
        Accountability.objects.annotate(
            keeper=Coalesce("owner_id", "plan__member__known__owner_id")
        )
        .filter(
            wanted,
            Q(waived_on=None) | Q(waived_on__gt=as_of),
            plan__member__in=Member.objects.visible_to(user),
            due_on__gt=since,
            due_on__lte=as_of,
        )
        .exclude(
            Q(due_on=as_of)
            | Q(plan__closed_on__isnull=False, plan__closed_on__lte=F("due_on")),
            Q(done_on=None) | Q(done_on__gt=as_of),
        )
        .select_related("plan__member")
        .order_by("due_on", "pk")
    )
    return [(promise.keeper, promise) for promise in promises]


def say_otherwise(user: "User", *, as_of: date) -> QuerySet[GapAnswer]:
    """The answers of members recorded as succeeding who said no, the latest first (2.9).

    Of those that ``user`` may see, each with its member and what is known of them; the newest
    answer of a member counts, as in ``queries.gap``. Read in their order, so the first few cost
    next to nothing.
    """
    newer = GapAnswer.objects.filter(
        Q(on__gt=OuterRef("on"))
        | Q(on=OuterRef("on"), recorded_at__gt=OuterRef("recorded_at"))
        | Q(on=OuterRef("on"), recorded_at=OuterRef("recorded_at"), pk__gt=OuterRef("pk")),
        member=OuterRef("member"),
        on__lte=as_of,
    )
    return (
        GapAnswer.objects.filter(
            ~Exists(newer),
            answer=GapAnswerChoice.NO,
            on__lte=as_of,
            member__known__state__in=STATES,
            member__known__standing__in=IN_MEMBERSHIP,
            member__in=Member.objects.visible_to(user),
        )
        .select_related("member__known")
        .order_by("-on", "member_id")
    )
