"""How we are doing, derived from how members are doing: the accounts that somebody held.

An account's history stays with the account. Whoever has it now is told what became of it in a
time through which they held it, and of nothing before.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from coverage.models import Assignment, AssignmentChange
from members.enums import Role
from members.models import Member, User
from members.rollups.scope import Scope
from success.engine.doing import Held, Work, work
from success.engine.gap import Gap
from success.engine.revenue import to_places
from success.engine.rollup import SMALLEST_GROUP, LikeForLike
from success.engine.vector import WINDOW_DAYS
from success.enums import GapAnswerChoice
from success.queries.gap import recorded_as_succeeding
from success.queries.kept import Kept, KeptBy, promises_kept
from success.queries.readings import kept_by_night
from success.rollups.vector import vector_parameters, vector_sql

HELD_DAYS: Final = WINDOW_DAYS
THOUSAND: Final = 1000
RATIO_PLACES: Final = 6

# Members in membership whom a person looks after; pools are nobody's own work.
LOOKED_AFTER: Final = (
    "success_memberfacts WHERE owner_id IS NOT NULL AND standing IN ('in_force', 'in_grace')"
)
EVERYBODY: Final = Scope(first=0, last=2**62, among=LOOKED_AFTER)

ACCOUNTS: Final = """
WITH {vector},
earlier AS (
    SELECT v.member_id, v.pace_milli FROM vector v
    WHERE EXISTS (
        SELECT FROM members_term t
        WHERE t.member_id = v.member_id
          AND t.starts_on <= %(as_of)s AND t.ends_on + %(grace)s > %(as_of)s
    )
)
SELECT f.owner_id, m.public_id, m.name, f.state, earlier.pace_milli, f.pace_milli,
       coalesce(handed."on", a.assigned_on) AS held_from, from_other.name,
       f.blocker = 'association' AND EXISTS (
           SELECT FROM success_accountability due
           WHERE due.milestone_id = f.blocking_id AND {open_promise}
             AND due.owner_id IS NOT NULL AND due.owner_id <> f.owner_id
       ) AND NOT EXISTS (
           SELECT FROM success_accountability due
           WHERE due.milestone_id = f.blocking_id AND {open_promise}
             AND (due.owner_id IS NULL OR due.owner_id = f.owner_id)
       ) AS blocked_elsewhere
FROM success_memberfacts f
JOIN members_member m ON m.id = f.member_id
LEFT JOIN earlier ON earlier.member_id = f.member_id
LEFT JOIN coverage_assignment a ON a.member_id = f.member_id
LEFT JOIN LATERAL (
    SELECT c."on", c.from_owner_id
    FROM coverage_assignmentchange c
    WHERE c.member_id = f.member_id AND c.from_owner_id IS DISTINCT FROM c.to_owner_id
    ORDER BY c."on" DESC, c.id DESC
    LIMIT 1
) AS handed ON true
LEFT JOIN members_user from_other ON from_other.id = handed.from_owner_id
WHERE f.owner_id IS NOT NULL AND f.standing IN ('in_force', 'in_grace') {only}
ORDER BY m.name, f.member_id
"""
OPEN_PROMISE: Final = """due.side = 'association' AND due.due_on <= %(later)s
    AND (due.done_on IS NULL OR due.done_on > %(later)s)
    AND (due.waived_on IS NULL OR due.waived_on > %(later)s)"""


@dataclass(frozen=True, kw_only=True)
class AccountRow:
    """An account that somebody looks after. Paces in plan-days a day, null where not measured.

    ``held_days`` is null where nothing tells since when; ``had_by`` looked after it before.
    """

    owner_id: int
    public_id: UUID
    name: str
    state: str
    before: Decimal | None
    after: Decimal | None
    held_days: int | None
    had_by: str
    blocked_elsewhere: bool

    @property
    def is_held(self) -> bool:
        return self.held_days is not None and self.held_days >= HELD_DAYS

    @property
    def counts(self) -> bool:
        """Whether it enters the figure of whoever looks after it (DOMAIN 3.4)."""
        return self.is_held and not self.blocked_elsewhere

    @property
    def change(self) -> Decimal | None:
        if self.before is None or self.after is None:
            return None
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class Told:
    """A ``Work`` in numbers: how many held, counted, handed over since and waiting for others.

    ``few`` are the accounts to show where they are too few for a mean.
    """

    held: int
    counted: int
    too_new: int
    blocked: int
    moved: LikeForLike
    change: Fraction | None
    few: tuple[AccountRow, ...]


@dataclass(frozen=True, kw_only=True)
class PersonTold:
    """``PersonWork`` without the accounts, but for those that are shown."""

    owner_id: int
    work: Told
    kept: KeptBy | None
    gap: Gap


@dataclass(frozen=True, kw_only=True)
class TeamTold:
    """``OurWork`` of everybody without the accounts; people by the number they are kept as."""

    earlier_on: date
    as_of: date
    held_days: int
    team: Told
    kept: KeptBy
    gap: Gap
    people: tuple[PersonTold, ...]


@dataclass(frozen=True, kw_only=True)
class PersonWork:
    """What moved at the accounts of one person, beside promises and the success gap."""

    user: User
    work: Work
    accounts: tuple[AccountRow, ...]
    kept: KeptBy | None
    gap: Gap

    @property
    def few(self) -> list[AccountRow]:
        """The accounts to show where they are too few for a mean."""
        shown = set(self.work.shown)
        return [row for row in self.accounts if str(row.public_id) in shown]


@dataclass(frozen=True, kw_only=True)
class OurWork:
    """The team's work between two days, and that of those whom the reader may see, by name."""

    earlier_on: date
    as_of: date
    held_days: int
    team: Work
    kept: KeptBy
    gap: Gap
    people: tuple[PersonWork, ...] = ()
    accounts: tuple[AccountRow, ...] = field(default=(), repr=False)


def our_work(user: User, *, as_of: date, grace_days: int) -> OurWork:
    """Return what moved at accounts held for the whole time up to ``as_of`` (DOMAIN 3.4).

    ``as_of`` is the day MemberFacts speak of; the time is the 30 days before it. The change is
    like for like, of accounts measured on both days; those that wait for another department
    and those handed over since are listed and count for nobody. An MSM gets the team's figure
    and their own. Ordered by name. One pass over the plans of accounts that people look after,
    and five more queries.
    """
    rows = accounts(as_of=as_of, grace_days=grace_days)
    by_owner: dict[int, list[AccountRow]] = defaultdict(list)
    for row in rows:
        by_owner[row.owner_id].append(row)
    promises = promises_kept(as_of=as_of)
    kept = {each.owner_id: each for each in promises.by_owner}
    gaps = gaps_by_owner(as_of=as_of)
    shown = {user.pk} if user.role == Role.MSM else set(by_owner)
    people = User.objects.filter(pk__in=shown).order_by("name", "pk")
    return OurWork(
        earlier_on=as_of - timedelta(days=HELD_DAYS),
        as_of=as_of,
        held_days=HELD_DAYS,
        team=_work(rows),
        kept=promises.everybody,
        gap=_together(gaps.values()),
        people=tuple(
            PersonWork(
                user=each,
                work=_work(by_owner[each.pk]),
                accounts=tuple(by_owner[each.pk]),
                kept=kept.get(each.pk),
                gap=gaps.get(each.pk, NO_GAP),
            )
            for each in people
        ),
        accounts=tuple(row for row in rows if row.owner_id in shown),
    )


@kept_by_night
def work_of_all(*, as_of: date, grace_days: int) -> TeamTold:
    """Return ``our_work`` of everybody in numbers, for the night to keep (DOMAIN 3.4)."""
    rows = accounts(as_of=as_of, grace_days=grace_days)
    by_owner: dict[int, list[AccountRow]] = defaultdict(list)
    for row in rows:
        by_owner[row.owner_id].append(row)
    promises = promises_kept(as_of=as_of)
    kept = {each.owner_id: each for each in promises.by_owner}
    gaps = gaps_by_owner(as_of=as_of)
    return TeamTold(
        earlier_on=as_of - timedelta(days=HELD_DAYS),
        as_of=as_of,
        held_days=HELD_DAYS,
        team=_told(rows),
        kept=promises.everybody,
        gap=_together(gaps.values()),
        people=tuple(
            PersonTold(
                owner_id=owner_id,
                work=_told(own),
                kept=kept.get(owner_id),
                gap=gaps.get(owner_id, NO_GAP),
            )
            for owner_id, own in sorted(by_owner.items())
        ),
    )


def nothing_held(owner_id: int) -> PersonTold:
    """Return the work of somebody who looks after nobody (DOMAIN 3.4)."""
    return PersonTold(owner_id=owner_id, work=_told([]), kept=None, gap=NO_GAP)


def accounts(*, as_of: date, grace_days: int, owner: User | None = None) -> list[AccountRow]:
    """Return the accounts that people look after, by name, each with its movement (3.4).

    ``owner`` keeps to those of one person. One statement.
    """
    values: dict[str, Any] = vector_parameters(
        as_of=as_of - timedelta(days=HELD_DAYS), scope=EVERYBODY
    )
    values |= {"later": as_of, "grace": grace_days}
    if owner is not None:
        values["owner"] = owner.pk
    statement = ACCOUNTS.format(
        vector=vector_sql(scope=EVERYBODY),
        open_promise=OPEN_PROMISE,
        only="AND f.owner_id = %(owner)s" if owner is not None else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    return [
        AccountRow(
            owner_id=owner_id,
            public_id=public_id,
            name=name,
            state=state,
            before=_pace(before),
            after=_pace(after),
            held_days=(as_of - held_from).days if held_from else None,
            had_by=had_by or "",
            blocked_elsewhere=blocked,
        )
        for owner_id, public_id, name, state, before, after, held_from, had_by, blocked in rows
    ]


def gaps_by_owner(*, as_of: date) -> dict[int | None, Gap]:
    """Return the success gap of the members of each person; null for pools (DOMAIN 2.9)."""
    counted = (
        recorded_as_succeeding(as_of=as_of)
        .order_by()
        .values("owner_id")
        .annotate(
            no=Count("pk", filter=Q(last_answer=GapAnswerChoice.NO)),
            answered=Count("pk", filter=Q(last_answer__isnull=False)),
            unknown=Count("pk", filter=Q(last_answer=None)),
        )
    )
    return {
        row["owner_id"]: _gap(no=row["no"], answered=row["answered"], unknown=row["unknown"])
        for row in counted
    }


def held_since(*, as_of: date, days: int) -> "QuerySet[Any, Any]":
    """Members whom the same person has looked after for ``days`` or longer; a subquery."""
    handed = (
        AssignmentChange.objects.filter(~Q(from_owner=F("to_owner")), member=OuterRef("member"))
        .order_by()
        .values("member")
        .annotate(last=Max("on"))
        .values("last")
    )
    return (
        Assignment.objects.filter(owner__isnull=False)
        .annotate(held_from=Coalesce(Subquery(handed), F("assigned_on")))
        .filter(held_from__lte=as_of - timedelta(days=days))
        .values("member")
    )


def visible(user: User, rows: list[AccountRow]) -> list[AccountRow]:
    """Keep to accounts that ``user`` may see: an MSM their own, others all of them."""
    if user.role == Role.MSM:
        rows = [row for row in rows if row.owner_id == user.pk]
    seen = set(
        Member.objects.visible_to(user)
        .filter(public_id__in=[row.public_id for row in rows])
        .values_list("public_id", flat=True)
    )
    return [row for row in rows if row.public_id in seen]


def _work(rows: list[AccountRow]) -> Work:
    return work(
        (
            Held(
                account=str(row.public_id),
                held_days=row.held_days if row.held_days is not None else -1,
                blocked_elsewhere=row.blocked_elsewhere,
                before=None if row.before is None else Fraction(row.before),
                after=None if row.after is None else Fraction(row.after),
            )
            for row in rows
        ),
        window=HELD_DAYS,
        smallest=SMALLEST_GROUP,
    )


def _told(rows: list[AccountRow]) -> Told:
    said = _work(rows)
    shown = set(said.shown)
    return Told(
        held=said.held,
        counted=len(said.counted),
        too_new=len(said.too_new),
        blocked=len(said.blocked),
        moved=said.moved,
        change=said.change,
        few=tuple(row for row in rows if str(row.public_id) in shown),
    )


def _pace(milli: int | None) -> Decimal | None:
    return None if milli is None else Decimal(milli) / THOUSAND


def _gap(*, no: int, answered: int, unknown: int) -> Gap:
    share = Fraction(no, answered) if answered else None
    return Gap(no=no, answered=answered, unknown=unknown, share=share)


NO_GAP: Final = _gap(no=0, answered=0, unknown=0)


def _together(gaps: Iterable[Gap]) -> Gap:
    found = list(gaps)
    return _gap(
        no=sum(gap.no for gap in found),
        answered=sum(gap.answered for gap in found),
        unknown=sum(gap.unknown for gap in found),
    )


def plain(found: OurWork) -> dict[str, Any]:
    """Return our work as plain rows, for programs; ratios to six places."""
    return {
        "as_of": found.as_of,
        "earlier_on": found.earlier_on,
        "held_days": found.held_days,
        "team": _plain_work(found.team),
        **_beside(found.kept.ours, found.gap),
        "people": [
            {
                "person": one.user.public_id,
                "name": one.user.name,
                "work": _plain_work(one.work),
                **_beside(one.kept.ours if one.kept else None, one.gap),
            }
            for one in found.people
        ],
    }


def _plain_work(work: Work) -> dict[str, Any]:
    known = work.change is not None
    return {
        "held": work.held,
        "counted": len(work.counted),
        "too_new": list(work.too_new),
        "blocked": list(work.blocked),
        "measured": work.moved.accounts,
        "earlier": _ratio(work.moved.before_same) if known else None,
        "later": _ratio(work.moved.after_same) if known else None,
        "change": _ratio(work.change),
        "shown": list(work.shown),
    }


def _beside(ours: Kept | None, gap: Gap) -> dict[str, int]:
    return {
        "promises_due": ours.due if ours else 0,
        "promises_on_time": ours.on_time if ours else 0,
        "gap_answered": gap.answered,
        "gap_no": gap.no,
        "gap_unknown": gap.unknown,
    }


def _ratio(value: Fraction | None) -> Decimal | None:
    return None if value is None else to_places(value, RATIO_PLACES)
