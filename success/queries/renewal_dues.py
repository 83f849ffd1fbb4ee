"""What the terms that end are worth; apart from the likelihood, which money has no part in.

Who may see it is ``Permission.REVENUE_VIEW``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Max, QuerySet, Sum
from django.db.models.functions import TruncWeek

from members.models import Association
from members.models.dues import Dues
from success.engine.available import AvailableToRenew, Outcome
from success.engine.revenue import to_places
from success.models import MemberFacts, RenewableMonth
from success.queries.revenue import RATIO_PLACES, check_currency, money
from success.rollups import ledger
from success.rollups import renewal_dues as rollup

RATES = ("rate", "net_rate", "member_rate")
# How many terms are looked into for a row at first, how much more next, and at most at once.
FEWEST_PER_ROW = 2
GROWTH = 8
MOST_AT_ONCE = 20_000

Place = tuple[date, int]
"""The day and the member of a row: where it stands in the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewable:
    """What was up for renewal in whole months, ``until`` not included, as the night counted.

    ``covers_until`` is the day up to which terms were known; null before the first count.
    """

    since: date
    until: date
    covers_until: date | None
    everybody: AvailableToRenew = field(default_factory=AvailableToRenew)
    tiers: dict[str, AvailableToRenew] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRow:
    """Dues of one member that ended, or began again after the grace, and what came of it."""

    member_id: int
    public_id: UUID
    name: str
    on: date
    tier: str
    before: Decimal
    after: Decimal
    outcome: Outcome


def available_between(*, since: date, until: date) -> Renewable:
    """Return what was up for renewal from the month of ``since`` to before that of ``until``.

    As the last count of the night left it: figures of ended terms, by their month, added up.
    Raises ``MixedCurrencies`` where dues cannot be told in one (DOMAIN 4.1, 4.3).
    """
    first, last = since.replace(day=1), until.replace(day=1)
    check_currency(on=first)
    names = [each.name for each in fields(AvailableToRenew)]
    rows: Any = (
        RenewableMonth.objects.filter(month__gte=first, month__lt=last)
        .values("tier")
        .annotate(**{f"of_{name}": Sum(name) for name in names})
    )
    tiers = {
        row["tier"]: AvailableToRenew(**{name: row[f"of_{name}"] for name in names})
        for row in rows.order_by("tier")
    }
    everybody = AvailableToRenew(
        **{name: sum(getattr(each, name) for each in tiers.values()) for name in names}
    )
    known = RenewableMonth.objects.aggregate(until=Max("covers_until"))["until"]
    return Renewable(
        since=first,
        until=last,
        covers_until=known,
        everybody=everybody if tiers else AvailableToRenew(),
        tiers=tiers,
    )


def ended_between(  # noqa: PLR0913  # what is asked for, all by name
    *,
    since: date,
    until: date,
    as_of: date,
    tier: str | None = None,
    outcome: str = "",
    after: Place | None = None,
    size: int,
) -> list[EndedRow]:
    """Return the members behind ``available_between`` in whole months, the latest end first.

    ``as_of`` is the day up to which that was counted; ``outcome`` one of ``Outcome``, blank
    for all that was up for renewal. ``after`` is the day and member of the last row of the
    page before. Linked members stand under the one they are counted with (DOMAIN 4.3 #13).
    Looks into the accounts of the newest terms only, and into more where these give too few.
    """
    first, last = since.replace(day=1), until.replace(day=1)
    look = _Look(
        of=check_currency(on=first),
        as_of=as_of,
        grace_days=Association.current().grace_days,
        tier=tier,
        outcome=Outcome(outcome) if outcome else None,
        size=size,
    )
    found = _of_unlinked(look, first=first, until=last, before=after)
    if look.of.linked:
        found += _of_linked(look, first=first, until=last, before=after, beside=found)
    return _newest(found, size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What a list of ended dues is asked for, but for the days."""

    of: ledger.Traits
    as_of: date
    grace_days: int
    tier: str | None
    outcome: Outcome | None
    size: int

    def between(self, first: date, until: date, *, before: Place | None) -> dict[str, Any]:
        """Return the parameters of a statement over some days, up to a place in the list."""
        asked = rollup.asked(
            first=first,
            until=until,
            as_of=self.as_of,
            grace_days=self.grace_days,
            of=self.of,
        )
        asked |= {"outcome": self.outcome, "tier": self.tier, "size": self.size}
        return asked | _named("before", before)


def _of_unlinked(
    look: _Look, *, first: date, until: date, before: Place | None
) -> list[EndedRow]:
    """Rows of members in no link, ``size`` at most unless more were looked into, by batches.

    A batch is the newest terms that a row may come of, so a page looks into few members
    wherever it begins. Each is larger than the one before, should too few of them be rows.
    """
    found: list[EndedRow] = []
    most = FEWEST_PER_ROW * look.size
    while len(found) < look.size:
        candidates = rollup.candidates_sql(
            of=look.of,
            tier=look.tier,
            outcome=look.outcome,
            before=before,
            only_paid=most > FEWEST_PER_ROW * look.size,
        )
        asked = look.between(first, until, before=before) | {"most": most}
        with connection.cursor() as cursor:
            cursor.execute(candidates, asked)
            places: list[Place] = cursor.fetchall()
        if not places:
            break
        spans = [(first, until)]
        if look.of.foreign:
            # at the rates of the month
            months = {on.replace(day=1) for on, _member in places}
            spans = [(month, rollup.month_after(month)) for month in months]
        for span in spans:
            asked = look.between(*span, before=before) | _named("last", places[-1])
            members = sorted({member for _on, member in places})
            found += _ended(look, asked, members=members)
        if len(places) < most:
            break
        before = places[-1]
        most = min(GROWTH * most, MOST_AT_ONCE)
    return found


def _of_linked(
    look: _Look,
    *,
    first: date,
    until: date,
    before: Place | None,
    beside: list[EndedRow],
) -> list[EndedRow]:
    """Rows of linked accounts that stand in a list with others, a month at a time.

    The latest month first, and none that only has what comes after the ``size`` newest. Months
    in which no linked account may have a row are passed over.
    """
    found: list[EndedRow] = []
    candidates = rollup.linked_candidates_sql(
        tier=look.tier, outcome=look.outcome, before=before
    )
    with connection.cursor() as cursor:
        cursor.execute(candidates, look.between(first, until, before=before))
        months: list[tuple[date, list[int]]] = cursor.fetchall()
    for month, members in months:
        ends = rollup.month_after(month)
        so_far = _newest([*beside, *found], size=look.size)
        if len(so_far) == look.size and so_far[-1].on >= ends:
            break
        found += _ended(look, look.between(month, ends, before=before), members=members)
    return found


def _ended(look: _Look, asked: dict[str, Any], *, members: list[int]) -> list[EndedRow]:
    """The newest rows of some accounts, ``size`` at most, between two places in the list."""
    conditions = ["outcome = %(outcome)s" if look.outcome else "outcome <> 'reinstated'"]
    if look.tier is not None:
        conditions.append("tier.tier = %(tier)s")
    if asked["before_on"] is not None:
        conditions.append('("on", ended.member_id) < (%(before_on)s, %(before_member)s)')
    if "last_on" in asked:
        conditions.append('("on", ended.member_id) >= (%(last_on)s, %(last_member)s)')
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {rollup.ended_sql(of=look.of, of_members=True)}"
            ' SELECT ended.member_id, member.public_id, member.name, "on", tier.tier,'
            " before, after, outcome"
            " FROM ended JOIN tier USING (code)"
            " JOIN members_member AS member ON member.id = ended.member_id"
            f" WHERE {' AND '.join(conditions)}"
            ' ORDER BY "on" DESC, ended.member_id DESC LIMIT %(size)s',
            asked | {"members": members},
        )
        return [
            EndedRow(
                **dict(
                    zip(("member_id", "public_id", "name", "on", "tier"), row, strict=False)
                ),
                before=money(row[5]),
                after=money(row[6]),
                outcome=Outcome(row[7]),
            )
            for row in cursor
        ]


def _newest(rows: list[EndedRow], *, size: int) -> list[EndedRow]:
    return sorted(rows, key=lambda row: (row.on, row.member_id), reverse=True)[:size]


def _named(name: str, place: Place | None) -> dict[str, Any]:
    on, member = place or (None, None)
    return {f"{name}_on": on, f"{name}_member": member}


def plain(found: Renewable) -> dict[str, Any]:
    """Return the whole answer as plain values: decimals and dates, ratios to six places."""
    return {
        "since": found.since,
        "until": found.until,
        "covers_until": found.covers_until,
        "currency": Association.current().currency,
        **plain_figures(found.everybody),
        "tiers": [{"tier": tier, **plain_figures(each)} for tier, each in found.tiers.items()],
    }


def plain_figures(found: AvailableToRenew) -> dict[str, Any]:
    """Return the figures by name, with the rates under both readings, to six places."""
    said: dict[str, Any] = {
        each.name: getattr(found, each.name) for each in fields(AvailableToRenew)
    }
    said |= {"members": found.members, "status": found.status.value}
    for name in RATES:
        for reading, strict in (("strict", True), ("optimistic", False)):
            value = getattr(found, name)(strict=strict)
            said[f"{name}_{reading}"] = (
                None if value is None else to_places(value, RATIO_PLACES)
            )
    return said


def dues_by_week(rows: QuerySet[MemberFacts]) -> dict[date, Decimal]:
    """Return a year's dues of the terms that end, by the Monday of the week; cents exact.

    In the association's currency. Raises ``MixedCurrencies`` where dues are in several. A term
    without dues counts for nought.
    """
    check_currency()
    found = (
        Dues.objects.filter(
            term__member__known__in=rows.order_by().values("pk"),
            term__ends_on=F("term__member__known__term_ends_on"),
        )
        .annotate(week=TruncWeek("term__ends_on"))
        .values("week")
        .annotate(amount=Sum("annual_amount"))
    )
    return {row["week"]: row["amount"] for row in found}


def dues_of(members: Sequence[int]) -> dict[int, Decimal]:
    """Return a year's dues of the last term of some members; who has none is left out."""
    check_currency()
    found = (
        Dues.objects.filter(
            term__member__in=members, term__ends_on=F("term__member__known__term_ends_on")
        )
        .values("term__member")
        .annotate(amount=Sum("annual_amount"))
    )
    return {row["term__member"]: row["amount"] for row in found}
