"""How we are doing, derived from how members are doing: the accounts that somebody held.

An account's history stays with the account. Whoever has it now is told what became of it in a
time through which they held it, and of nothing before.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from coverage.models import Assignment, AssignmentChange
from members.enums import Role
from members.models import User
from members.rollups.scope import Scope
from success.engine.gap import Gap
from success.engine.revenue import to_places
from success.engine.rollup import SMALLEST_GROUP, LikeForLike, of_means
from success.engine.vector import WINDOW_DAYS
from success.enums import NightKind
from success.models import EarlierVector, Night
from success.queries.gap import NO_GAP, gaps_by_owner, together
from success.queries.kept import Kept, KeptBy, promises_kept
from success.queries.readings import kept_by_night
from success.rollups.vector import vector_parameters, vector_sql

HELD_DAYS: Final = WINDOW_DAYS
EVERYBODY: Final = Scope(first=0, last=2**62)
THOUSAND: Final = 1000
RATIO_PLACES: Final = 6

# Members in membership whom a person looks after; pools are nobody's own work.
LOOKED_AFTER: Final = "f.owner_id IS NOT NULL AND f.standing IN ('in_force', 'in_grace')"

# The vectors of the earlier day, as the night has kept them or as they are worked out now.
KEPT: Final = """
earlier AS (
    SELECT member_id, pace_milli FROM success_earliervector WHERE days_back = %(held)s
)"""
ANEW: Final = """{vector},
earlier AS (
    SELECT v.member_id, v.pace_milli FROM vector v
    WHERE EXISTS (
        SELECT FROM members_term t
        WHERE t.member_id = v.member_id
          AND t.starts_on <= %(as_of)s AND t.ends_on + %(grace)s > %(as_of)s
    )
)"""
ACCOUNT: Final = """
WITH {earlier},
handed AS (
    SELECT c.member_id, max(c."on") AS "on"
    FROM coverage_assignmentchange c
    WHERE c.from_owner_id IS DISTINCT FROM c.to_owner_id AND {handed}
    GROUP BY c.member_id
),
said AS (
    SELECT f.member_id, f.owner_id, f.state, earlier.pace_milli AS before,
           f.pace_milli AS after,
           coalesce(handed."on", a.assigned_on) AS held_from,
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
    LEFT JOIN earlier ON earlier.member_id = f.member_id
    LEFT JOIN handed ON handed.member_id = f.member_id
    LEFT JOIN coverage_assignment a ON a.member_id = f.member_id
    WHERE {whose}
),
account AS (
    SELECT said.*, coalesce(held_from <= %(later)s - %(held)s, false) AS is_held FROM said
)"""
OPEN_PROMISE: Final = """due.side = 'association' AND due.due_on <= %(later)s
    AND (due.done_on IS NULL OR due.done_on > %(later)s)
    AND (due.waived_on IS NULL OR due.waived_on > %(later)s)"""

LISTED: Final = """
SELECT account.owner_id, m.public_id, m.name, account.state, account.before, account.after,
       account.held_from, other.name, account.blocked_elsewhere
FROM account
JOIN members_member m ON m.id = account.member_id
LEFT JOIN LATERAL (
    SELECT c.from_owner_id
    FROM coverage_assignmentchange c
    WHERE c.member_id = account.member_id AND c.from_owner_id IS DISTINCT FROM c.to_owner_id
    ORDER BY c."on" DESC, c.id DESC
    LIMIT 1
) AS had ON true
LEFT JOIN members_user other ON other.id = had.from_owner_id
WHERE {only}
ORDER BY m.name, account.member_id
"""
LEFT_OUT: Final = "(NOT account.is_held OR account.blocked_elsewhere)"

# The team is a row with no owner, also where nobody looks after anybody.
GROUPED: Final = """,
counted AS (
    SELECT account.*, is_held AND NOT blocked_elsewhere AS counts,
           is_held AND NOT blocked_elsewhere
               AND before IS NOT NULL AND after IS NOT NULL AS is_same
    FROM account
)
SELECT owner_id, count(*), count(*) FILTER (WHERE counts),
       count(*) FILTER (WHERE NOT is_held),
       count(*) FILTER (WHERE is_held AND blocked_elsewhere),
       count(before) FILTER (WHERE counts), sum(before) FILTER (WHERE counts),
       count(after) FILTER (WHERE counts), sum(after) FILTER (WHERE counts),
       count(*) FILTER (WHERE is_same),
       sum(before) FILTER (WHERE is_same), sum(after) FILTER (WHERE is_same),
       CASE WHEN count(*) FILTER (WHERE is_same) < %(smallest)s
            THEN array_agg(member_id) FILTER (WHERE is_same) END
FROM counted
GROUP BY GROUPING SETS ((), (owner_id))
ORDER BY owner_id
"""


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
    """An ``engine.doing.Work`` in numbers.

    How many are held, counted, handed over since and waiting for others; ``few`` are the
    accounts to show where they are too few for a mean.
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
    """What moved at the accounts of one person, and which accounts count for nobody."""

    user: User
    told: PersonTold
    left_out: tuple[AccountRow, ...]


@dataclass(frozen=True, kw_only=True)
class OurWork:
    """The team's work between two days, and that of those whom the reader may see, by name."""

    told: TeamTold
    left_out: tuple[AccountRow, ...]
    people: tuple[PersonWork, ...]


def our_work(user: User, *, as_of: date, grace_days: int) -> OurWork:
    """Return what moved at accounts held for the whole time up to ``as_of`` (DOMAIN 3.4).

    ``as_of`` is the day MemberFacts speak of; the time is the 30 days before it. The change is
    like for like, of accounts measured on both days; those that wait for another department
    and those handed over since are listed and count for nobody. An MSM gets the team's figure
    and their own. Ordered by name. Asked anew, in seven statements.
    """
    asked = _asked(as_of=as_of, grace_days=grace_days)
    found = _told_of_all(asked)
    left_out = _listed(asked, only=LEFT_OUT)
    by_owner: dict[int, list[AccountRow]] = defaultdict(list)
    for row in left_out:
        by_owner[row.owner_id].append(row)
    return OurWork(
        told=found,
        left_out=tuple(left_out),
        people=tuple(
            PersonWork(user=one, told=told, left_out=tuple(by_owner[one.pk]))
            for one, told in people_of(user, found)
        ),
    )


@kept_by_night
def work_of_all(*, as_of: date, grace_days: int) -> TeamTold:
    """Return ``our_work`` of everybody in numbers, for the night to keep (DOMAIN 3.4)."""
    return _told_of_all(_asked(as_of=as_of, grace_days=grace_days))


def people_of(user: User, found: TeamTold) -> list[tuple[User, PersonTold]]:
    """Return whose work ``user`` may see, by name; an MSM their own, also of nobody."""
    told = {each.owner_id: each for each in found.people}
    shown = [user.pk] if user.role == Role.MSM else [*told]
    return [
        (one, told.get(one.pk) or _nothing_held(one.pk))
        for one in User.objects.filter(pk__in=shown).order_by("name", "pk")
    ]


def accounts(*, as_of: date, grace_days: int, owner: User | None = None) -> list[AccountRow]:
    """Return the accounts that people look after, by name, each with its movement (3.4).

    ``owner`` keeps to those of one person, and looks at nobody else's. The earlier vectors are
    those that the night kept, where it was the night of ``as_of``; else they are worked out.
    """
    return _listed(_asked(as_of=as_of, grace_days=grace_days, owner=owner))


def accounts_by_person(
    user: User, *, as_of: date, grace_days: int, who: str = ""
) -> list[tuple[User, AccountRow]]:
    """Return the accounts of those whose work ``user`` may see, by person and by name.

    ``who`` is the public id of one of them; nothing where it is nobody's that ``user`` may see.
    """
    owner = user if user.role == Role.MSM else None
    if who and owner is None:
        owner = User.objects.filter(public_id=who).first() if _is_id(who) else None
    if who and (owner is None or who != str(owner.public_id)):
        return []
    by_owner: dict[int, list[AccountRow]] = defaultdict(list)
    for row in accounts(as_of=as_of, grace_days=grace_days, owner=owner):
        by_owner[row.owner_id].append(row)
    people = User.objects.filter(pk__in=by_owner).order_by("name", "pk")
    return [(one, row) for one in people for row in by_owner[one.pk]]


def _is_id(said: str) -> bool:
    try:
        UUID(said)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Whose accounts are asked for, and as of when: all, those of a person, or these few.

    ``is_kept``: EarlierVector tells of the day before it that they are compared with.
    """

    as_of: date
    grace_days: int
    is_kept: bool
    owner: User | None = None
    members: Sequence[int] | None = None

    @property
    def whose(self) -> str:
        if self.owner is not None:
            return f"{LOOKED_AFTER} AND f.owner_id = %(owner)s"
        if self.members is not None:
            return f"{LOOKED_AFTER} AND f.member_id = ANY (%(members)s)"
        return LOOKED_AFTER

    def statement(self, rest: str) -> str:
        """``ACCOUNT`` of those asked for, with what is made of it behind."""
        among = f"success_memberfacts f WHERE {self.whose}"
        earlier = KEPT
        if not self.is_kept:
            earlier = ANEW.format(vector=vector_sql(scope=replace(EVERYBODY, among=among)))
        everybody = self.owner is None and self.members is None
        handed = "true" if everybody else f"c.member_id IN (SELECT f.member_id FROM {among})"
        return (
            ACCOUNT.format(
                earlier=earlier, handed=handed, open_promise=OPEN_PROMISE, whose=self.whose
            )
            + rest
        )

    @property
    def values(self) -> dict[str, Any]:
        earlier_on = self.as_of - timedelta(days=HELD_DAYS)
        return vector_parameters(as_of=earlier_on, scope=EVERYBODY) | {
            "later": self.as_of,
            "held": HELD_DAYS,
            "grace": self.grace_days,
            "smallest": SMALLEST_GROUP,
            "owner": self.owner.pk if self.owner is not None else None,
            "members": list(self.members or ()),
        }


def _asked(*, as_of: date, grace_days: int, owner: User | None = None) -> _Asked:
    """The night keeps the days before its own, also while it is on its way to its end."""
    told = EarlierVector.objects.filter(days_back=HELD_DAYS)
    nights = Night.objects.filter(Exists(told), kind=NightKind.LIVE)
    newest = nights.aggregate(newest=Max("as_of"))["newest"]
    return _Asked(as_of=as_of, grace_days=grace_days, is_kept=newest == as_of, owner=owner)


def _listed(asked: _Asked, *, only: str = "true") -> list[AccountRow]:
    with connection.cursor() as cursor:
        cursor.execute(asked.statement(LISTED.format(only=only)), asked.values)
        rows = cursor.fetchall()
    return [
        AccountRow(
            owner_id=owner_id,
            public_id=public_id,
            name=name,
            state=state,
            before=_pace(before),
            after=_pace(after),
            held_days=(asked.as_of - held_from).days if held_from else None,
            had_by=had_by or "",
            blocked_elsewhere=blocked,
        )
        for owner_id, public_id, name, state, before, after, held_from, had_by, blocked in rows
    ]


def _told_of_all(asked: _Asked) -> TeamTold:
    """Everybody's work, put together where the accounts are; only the few are fetched."""
    with connection.cursor() as cursor:
        cursor.execute(asked.statement(GROUPED), asked.values)
        groups = [_Group(*row) for row in cursor.fetchall()]
    too_few = [member for group in groups if group.owner_id for member in group.few or ()]
    by_owner: dict[int | None, list[AccountRow]] = defaultdict(list)
    for row in _listed(replace(asked, members=too_few)) if too_few else ():
        by_owner[row.owner_id].append(row)
        by_owner[None].append(row)
    promises = promises_kept(as_of=asked.as_of)
    kept = {each.owner_id: each for each in promises.by_owner}
    gaps = gaps_by_owner(as_of=asked.as_of)
    told = {group.owner_id: _told(group, by_owner[group.owner_id]) for group in groups}
    return TeamTold(
        earlier_on=asked.as_of - timedelta(days=HELD_DAYS),
        as_of=asked.as_of,
        held_days=HELD_DAYS,
        team=told.pop(None),
        kept=promises.everybody,
        gap=together(gaps.values()),
        people=tuple(
            PersonTold(
                owner_id=owner_id,
                work=work,
                kept=kept.get(owner_id),
                gap=gaps.get(owner_id, NO_GAP),
            )
            for owner_id, work in told.items()
            if owner_id is not None
        ),
    )


class _Group(NamedTuple):
    """A row of ``GROUPED``: how many accounts, and sums of thousandths over those counted."""

    owner_id: int | None
    held: int
    counted: int
    too_new: int
    blocked: int
    before: int
    before_milli: int | None
    after: int
    after_milli: int | None
    same: int
    before_same_milli: int | None
    after_same_milli: int | None
    few: list[int] | None


def _told(group: _Group, few: Sequence[AccountRow]) -> Told:
    moved = of_means(
        accounts=group.same,
        before=_mean(group.before_milli, group.before),
        before_same=_mean(group.before_same_milli, group.same),
        after_same=_mean(group.after_same_milli, group.same),
        after_all=_mean(group.after_milli, group.after),
    )
    enough = group.same >= SMALLEST_GROUP
    return Told(
        held=group.held,
        counted=group.counted,
        too_new=group.too_new,
        blocked=group.blocked,
        moved=moved,
        change=moved.change if enough else None,
        few=() if enough else tuple(few),
    )


def _mean(milli: int | None, accounts: int) -> Fraction | None:
    return None if milli is None else Fraction(milli, THOUSAND * accounts)


def _nothing_held(owner_id: int) -> PersonTold:
    """The work of somebody who looks after nobody."""
    nobody = _Group(owner_id, 0, 0, 0, 0, 0, None, 0, None, 0, None, None, None)
    return PersonTold(owner_id=owner_id, work=_told(nobody, ()), kept=None, gap=NO_GAP)


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


def _pace(milli: int | None) -> Decimal | None:
    return None if milli is None else Decimal(milli) / THOUSAND


def plain(found: OurWork) -> dict[str, Any]:
    """Return our work as plain rows, for programs; ratios to six places."""
    told = found.told
    return {
        "as_of": told.as_of,
        "earlier_on": told.earlier_on,
        "held_days": told.held_days,
        "team": _plain_work(told.team, found.left_out),
        **_beside(told.kept.ours, told.gap),
        "people": [
            {
                "person": one.user.public_id,
                "name": one.user.name,
                "work": _plain_work(one.told.work, one.left_out),
                **_beside(one.told.kept.ours if one.told.kept else None, one.told.gap),
            }
            for one in found.people
        ],
    }


def _plain_work(work: Told, left_out: Sequence[AccountRow]) -> dict[str, Any]:
    known = work.change is not None
    return {
        "held": work.held,
        "counted": work.counted,
        "too_new": [str(row.public_id) for row in left_out if not row.is_held],
        "blocked": [str(row.public_id) for row in left_out if row.is_held],
        "measured": work.moved.accounts,
        "earlier": _ratio(work.moved.before_same) if known else None,
        "later": _ratio(work.moved.after_same) if known else None,
        "change": _ratio(work.change),
        "shown": sorted(str(row.public_id) for row in work.few),
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
