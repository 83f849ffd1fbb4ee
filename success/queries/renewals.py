"""Terms that end in the next 120 days, how members like these renewed, and what could be done.

A place of its own: no amounts are read here, and nothing here is a fact that a play, the queue
or coverage could ask for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import (
    BooleanField,
    Count,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import TruncWeek

from members.enums import Role
from members.models import Member, Term
from success.engine.likelihood import (
    Calibration,
    Counted,
    Evidence,
    Forecast,
    Kind,
    Likelihood,
    Width,
    calibration,
    expected_renewals,
)
from success.enums import Arm, Standing
from success.models import Enrolment, Intervention, MemberFacts, RenewalCount
from success.queries.readings import kept_by_night
from success.rollups.renewals import DECISIONS, READ_BEFORE, values

if TYPE_CHECKING:
    from members.models import User

AHEAD: Final = timedelta(days=120)
YEARS_OF_EVIDENCE: Final = 3
MONTHS: Final = 12
SMALLEST_GROUP: Final = 5
ORDER: Final = ("term_ends_on",)
# the member's first year: the term ends within a year of joining
FIRST_YEAR: Final = RawSQL(
    "coalesce(success_memberfacts.term_ends_on"
    " <= (success_memberfacts.joined_on + interval '1 year')::date, false)",
    (),
    output_field=BooleanField(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What members alike have done; terms that ended from ``since``, before ``until``."""

    since: date
    until: date
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Terms that end in the week from a Monday on.

    ``renewed`` of them have gone on already by a term that is to begin. ``expected`` are those
    renewals that members alike would make of the others; ``unknown`` of these have no likeness.
    """

    monday: date
    members: int
    renewed: int
    expected: Fraction
    deviation: float
    unknown: int

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def open(self) -> int:
        return self.members - self.renewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A play that is under way for a member; ``is_work`` where it waits for a person."""

    title: str
    since: date
    is_work: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A term that ends: of whom, how likely it is renewed, and what is under way."""

    known: MemberFacts
    is_first_year: bool
    is_renewed: bool
    likelihood: Likelihood | None
    plays: tuple[Play, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """Terms that ended in whole months; ``rate`` over the decided, null where none is."""

    since: date
    until: date
    counted: Counted
    undecided: int
    first_year: Counted
    later: Counted

    @property
    def available(self) -> int:
        return self.counted.of + self.undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One term that ended and what came of it."""

    member: int
    public_id: UUID
    name: str
    ended_on: date
    kind: Kind
    outcome: str


def month_after(day: date, months: int) -> date:
    """Return the first of the month so many months after that of ``day``; may be negative."""
    number = day.year * MONTHS + day.month - 1 + months
    return date(number // MONTHS, number % MONTHS + 1, 1)


def decided_until(*, as_of: date, grace_days: int) -> date:
    """Return the first of the month before which all ends of terms are decided (DOMAIN 4.3)."""
    return (as_of - timedelta(days=grace_days)).replace(day=1)


def known(*, as_of: date, grace_days: int) -> Known:
    """Return how members alike decided in the three years that are decided ``as_of``.

    From the counts of the last night, by whole months; nothing that ended or was renewed later
    is in them.
    """
    until = decided_until(as_of=as_of, grace_days=grace_days)
    since = month_after(until, -YEARS_OF_EVIDENCE * MONTHS)
    return Known(
        since=since, until=until, evidence=Evidence(_together(_monthly(since, until).values()))
    )


def hit_rate(*, as_of: date, grace_days: int) -> tuple[date, date, Calibration]:
    """Return how the same likelihood did in the last twelve decided months, and which.

    Of each term it is asked what would have been said 60 days before the month in which it
    ended, from months that were decided by then and the state as it was 60 days before the
    end. Nothing later is looked at (DOMAIN 3.5: back-tested).
    """
    until = decided_until(as_of=as_of, grace_days=grace_days)
    since = month_after(until, -MONTHS)
    earliest = month_after(since, -(YEARS_OF_EVIDENCE + 1) * MONTHS)
    months = _monthly(earliest, until)
    forecasts = []
    for month, came in months.items():
        if month < since:
            continue
        read_on = month - timedelta(days=READ_BEFORE)
        last = decided_until(as_of=read_on, grace_days=grace_days)
        first = month_after(last, -YEARS_OF_EVIDENCE * MONTHS)
        evidence = Evidence(
            _together(counts for day, counts in months.items() if first <= day < last)
        )
        base = evidence.everybody.rate
        for kind, counted in came.items():
            said = evidence.likelihood(kind)
            if said is not None and base is not None:
                forecasts.append(Forecast(said=said.rate, base=base, came=counted))
    return since, until, calibration(forecasts)


def renewed_between(*, since: date, until: date) -> Renewed:
    """Count what came of the terms that ended in whole months, from the last night.

    ``since`` and ``until`` are taken as the firsts of their months, ``until`` not included.
    Available to renew is every end on which nothing else of the member was in force; a term of
    several years counts only when it ends (DOMAIN 4.1, 4.3).
    """
    first, last = since.replace(day=1), until.replace(day=1)
    sums = {
        row["is_first_year"]: row
        for row in RenewalCount.objects.filter(month__gte=first, month__lt=last)
        .values("is_first_year")
        .annotate(r=Sum("renewed"), gone=Sum("lapsed"), waiting=Sum("undecided"))
    }
    by_year = {
        is_first: Counted(row["r"], row["r"] + row["gone"]) for is_first, row in sums.items()
    }
    first_year, later = by_year.get(True, Counted()), by_year.get(False, Counted())
    return Renewed(
        since=first,
        until=last,
        counted=first_year + later,
        undecided=sum(row["waiting"] for row in sums.values()),
        first_year=first_year,
        later=later,
    )


def ending(
    user: "User | None", *, as_of: date, since: date | None = None, until: date | None = None
) -> QuerySet[MemberFacts]:
    """Members of ``user`` whose term ends from ``as_of`` on, within 120 days.

    The last term that has begun. An MSM has those they look after and those of the pool;
    director and operations have all, and so has a command, without a user. Annotated
    ``is_first_year``, and ``is_renewed`` where the term that follows is known already.
    ``since`` and ``until``, the day after, narrow it.
    """
    following = Term.objects.filter(
        member=OuterRef("member"), starts_on__gt=as_of, ends_on__gt=OuterRef("term_ends_on")
    )
    found = MemberFacts.objects.filter(
        standing=Standing.IN_FORCE,
        term_ends_on__gte=max(since or as_of, as_of),
        term_ends_on__lt=min(until or as_of + AHEAD, as_of + AHEAD),
    )
    if user is not None:
        found = found.filter(member__in=Member.objects.visible_to(user))
    if user is not None and user.role == Role.MSM:
        found = found.filter(Q(owner=user) | Q(owner=None))
    return found.annotate(is_first_year=FIRST_YEAR, is_renewed=Exists(following))


def weeks(rows: QuerySet[MemberFacts], *, evidence: Evidence, as_of: date) -> list[Week]:
    """Return the weeks of the 120 days in order, with the terms of ``rows``; one pass."""
    monday = as_of - timedelta(days=as_of.weekday())
    counted: dict[date, list[tuple[Likelihood | None, int]]] = {}
    while monday < as_of + AHEAD:
        counted[monday] = []
        monday += timedelta(days=7)
    renewed: dict[date, int] = {}
    grouped = (
        rows.order_by()
        .annotate(week=TruncWeek("term_ends_on"))
        .values("week", "state", "tier", "is_first_year", "is_renewed")
        .annotate(members=Count("pk"))
    )
    for row in grouped:
        week, members = row["week"], row["members"]
        if row["is_renewed"]:
            renewed[week] = renewed.get(week, 0) + members
            continue
        kind = Kind(row["state"], row["is_first_year"], row["tier"])
        counted[week].append((evidence.likelihood(kind), members))
    return [
        _week(monday, counted[monday], renewed=renewed.get(monday, 0))
        for monday in sorted(counted)
    ]


@kept_by_night
def all_weeks(*, as_of: date, grace_days: int) -> list[Week]:
    """Return ``weeks`` of everybody, for the night to keep; one pass."""
    evidence = known(as_of=as_of, grace_days=grace_days).evidence
    return weeks(ending(None, as_of=as_of), evidence=evidence, as_of=as_of)


def endings(rows: Sequence[MemberFacts], *, evidence: Evidence, as_of: date) -> list[Ending]:
    """Put its likelihood and the plays under way beside each of some rows of ``ending``.

    The likelihood is null where nothing is known, and where the renewal is known already. Two
    queries however many rows.
    """
    plays = plays_of([row.pk for row in rows], as_of=as_of)
    found = []
    for row in rows:
        is_first_year = bool(getattr(row, "is_first_year", False))
        is_renewed = bool(getattr(row, "is_renewed", False))
        kind = Kind(row.state, is_first_year, row.tier)
        found.append(
            Ending(
                known=row,
                is_first_year=is_first_year,
                is_renewed=is_renewed,
                likelihood=None if is_renewed else evidence.likelihood(kind),
                plays=tuple(plays.get(row.pk, ())),
            )
        )
    return found


def plays_of(members: Sequence[int], *, as_of: date) -> dict[int, list[Play]]:
    """Return the plays under way for some members: those that wait for a person, the latest.

    Those who are left alone to compare with are in no play that is shown.
    """
    work = {
        (row["member_id"], row["play_id"])
        for row in Intervention.objects.filter(member__in=members)
        .open()
        .awake(on=as_of)
        .values("member_id", "play_id")
    }
    found: dict[int, dict[int, Play]] = {}
    entries = (
        Enrolment.objects.filter(member__in=members, ended_on=None)
        .exclude(arm=Arm.HELD)
        .order_by("-entered_on", "pk")
        .values("member_id", "play_id", "play__title", "entered_on")
    )
    for row in entries:
        found.setdefault(row["member_id"], {}).setdefault(
            row["play_id"],
            Play(
                title=row["play__title"],
                since=row["entered_on"],
                is_work=(row["member_id"], row["play_id"]) in work,
            ),
        )
    return {
        member: sorted(plays.values(), key=lambda play: not play.is_work)
        for member, plays in found.items()
    }


def decisions(  # noqa: PLR0913  # what is asked for, all by name
    *,
    since: date,
    until: date,
    as_of: date,
    grace_days: int,
    like: Kind | None = None,
    width: Width = Width.EVERYBODY,
    outcome: str = "",
    after: tuple[date, int] | None = None,
    size: int,
) -> list[Decision]:
    """Return terms that ended from ``since``, before ``until``, the latest first.

    ``like`` at a ``width`` leaves those that a member of that kind is compared with; ``after``
    is the end and member of the last row of the page before.
    """
    asked: dict[str, Any] = values(first=since, until=until, as_of=as_of, grace_days=grace_days)
    conditions = ["true"]
    if like is not None:
        if width in {Width.STATE_YEAR_TIER, Width.STATE_YEAR}:
            conditions.append("d.state = %(state)s")
        if width in {Width.STATE_YEAR_TIER, Width.YEAR_TIER}:
            conditions.append("d.tier = %(tier)s")
        if width is not Width.EVERYBODY:
            conditions.append("d.is_first_year = %(is_first_year)s")
        asked |= like._asdict()
    if outcome:
        conditions.append("d.outcome = %(outcome)s")
        asked["outcome"] = outcome
    if after is not None:
        conditions.append("(d.ended_on, d.member_id) < (%(after_on)s, %(after_member)s)")
        asked |= {"after_on": after[0], "after_member": after[1]}
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {DECISIONS} SELECT d.member_id, m.public_id, m.name, d.ended_on, d.state,"
            " d.is_first_year, d.tier, d.outcome"
            " FROM decision d JOIN members_member m ON m.id = d.member_id"
            f" WHERE {' AND '.join(conditions)}"
            " ORDER BY d.ended_on DESC, d.member_id DESC LIMIT %(size)s",
            asked | {"size": size},
        )
        return [
            Decision(
                member=member,
                public_id=public_id,
                name=name,
                ended_on=ended_on,
                kind=Kind(state, is_first_year, tier),
                outcome=came,
            )
            for (
                member,
                public_id,
                name,
                ended_on,
                state,
                is_first_year,
                tier,
                came,
            ) in cursor
        ]


def _week(
    monday: date, alike: Iterable[tuple[Likelihood | None, int]], *, renewed: int
) -> Week:
    given = list(alike)
    expected, deviation, unknown = expected_renewals(given)
    return Week(
        monday=monday,
        members=renewed + sum(count for _, count in given),
        renewed=renewed,
        expected=expected,
        deviation=deviation,
        unknown=unknown,
    )


def _monthly(since: date, until: date) -> dict[date, dict[Kind, Counted]]:
    months: dict[date, dict[Kind, Counted]] = {}
    for row in RenewalCount.objects.filter(month__gte=since, month__lt=until):
        kind = Kind(row.state, row.is_first_year, row.tier)
        counted = Counted(row.renewed, row.renewed + row.lapsed)
        months.setdefault(row.month, {})[kind] = counted
    return months


def _together(months: Iterable[Mapping[Kind, Counted]]) -> dict[Kind, Counted]:
    sums: dict[Kind, Counted] = {}
    for month in months:
        for kind, counted in month.items():
            sums[kind] = sums.get(kind, Counted()) + counted
    return sums


def plain(user: "User | None", *, as_of: date, grace_days: int) -> dict[str, Any]:
    """The whole answer as plain values: the same for the command and the API.

    Days are ISO dates, shares floats, null what is not known; without a ``user`` of everybody.
    """
    found = known(as_of=as_of, grace_days=grace_days)
    since, until, hit = hit_rate(as_of=as_of, grace_days=grace_days)
    rate = renewed_between(since=month_after(found.until, -MONTHS), until=found.until)
    return {
        "as_of": as_of.isoformat(),
        "evidence_since": found.since.isoformat(),
        "evidence_until": found.until.isoformat(),
        "evidence_of": found.evidence.everybody.of,
        "weeks": [
            {
                "monday": week.monday.isoformat(),
                "members": week.members,
                "renewed_already": week.renewed,
                "expected": float(week.expected),
                "deviation": week.deviation,
                "unknown": week.unknown,
            }
            for week in weeks(ending(user, as_of=as_of), evidence=found.evidence, as_of=as_of)
        ],
        "rate": {
            "since": rate.since.isoformat(),
            "until": rate.until.isoformat(),
            "available": rate.available,
            "decided": rate.counted.of,
            "renewed": rate.counted.renewed,
            "undecided": rate.undecided,
            "rate": _float(rate.counted.rate),
            "first_year_rate": _float(rate.first_year.rate),
            "later_rate": _float(rate.later.rate),
        },
        "hit_rate": {
            "since": since.isoformat(),
            "until": until.isoformat(),
            "of": hit.of,
            "brier": _float(hit.brier),
            "base_brier": _float(hit.base_brier),
            "bands": [
                {
                    "low": float(band.low),
                    "high": float(band.high),
                    "said": _float(band.said),
                    "renewed": band.came.renewed,
                    "of": band.came.of,
                }
                for band in hit.bands
            ],
        },
    }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
