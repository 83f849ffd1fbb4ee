"""Available to renew: the terms that end in a period, and how much of their dues was renewed.

Only what is up for renewal is asked for: a term of several years counts when it ends, and who
is in the middle of one is in no rate. Money is exact to the cent; ratios are ``Fraction``.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from success.engine.revenue import ZERO, Account, MixedCurrencies, Status, TermLine


class Outcome(StrEnum):
    """What came of dues that ended; ``REINSTATED`` is nothing that was up for renewal."""

    RENEWED = "renewed"
    LAPSED = "lapsed"
    UNDECIDED = "undecided"
    REINSTATED = "reinstated"


@dataclass(frozen=True, slots=True)
class Ended:
    """Dues of an account that ended on a day, or began again after the grace was over.

    ``before`` is a year's dues of the lines that ended together, nought for who came back;
    ``after`` of those that began the renewal. ``tier`` is that of the largest of them.
    """

    account: Account
    on: date
    tier: str
    before: Decimal
    after: Decimal
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableToRenew:
    """What was up for renewal, in members who paid and in a year's dues.

    ``available`` = ``renewed`` + ``less`` + ``lapsed`` + ``undecided``, to the cent: nobody is
    counted above what they paid before; ``less`` is by how much renewals were smaller. By how
    much they were larger (``more``), and who was reinstated, is in none of it.
    """

    renewed_members: int = 0
    lapsed_members: int = 0
    undecided_members: int = 0
    reinstated_members: int = 0
    available: Decimal = ZERO
    renewed: Decimal = ZERO
    less: Decimal = ZERO
    more: Decimal = ZERO
    lapsed: Decimal = ZERO
    undecided: Decimal = ZERO
    reinstated: Decimal = ZERO

    @property
    def members(self) -> int:
        return self.renewed_members + self.lapsed_members + self.undecided_members

    @property
    def status(self) -> Status:
        return Status.PROVISIONAL if self.undecided_members else Status.FINAL

    def rate(self, *, strict: bool) -> Fraction | None:
        """Return renewed dues of those available; ``strict`` counts who is in grace as gone.

        Both are the same once the last grace is over. Null where nothing was up (DOMAIN 4.1).
        """
        return _share(self.renewed + (ZERO if strict else self.undecided), self.available)

    def net_rate(self, *, strict: bool) -> Fraction | None:
        """Return the same with what renewals were larger by; may be above 1."""
        kept = self.renewed + self.more + (ZERO if strict else self.undecided)
        return _share(kept, self.available)

    def member_rate(self, *, strict: bool) -> Fraction | None:
        """Return the share of paying members whose term ended that renewed, by count."""
        kept = self.renewed_members + (0 if strict else self.undecided_members)
        return Fraction(kept, self.members) if self.members else None


def ended_between(
    lines: Iterable[TermLine], *, since: date, until: date, as_of: date, grace_days: int
) -> tuple[Ended, ...]:
    """Return the dues that ended from ``since``, before ``until``, and what came of each.

    An end is the day on which the last lines of an account end together, with none begun before
    in force; a line inside another ends nothing. It is renewed where a line begins before the
    grace is over, at what begins on the first such day; not renewed once the grace is over; and
    undecided in between. Who begins after the grace and had paid before is reinstated. Only
    lines begun by ``as_of`` are known; free and provisional ones are nothing to renew. Link
    accounts beforehand. Raises ``MixedCurrencies`` (DOMAIN 4.1, 4.3 #2-#6, #9, #13, #19).
    """
    given = [line for line in lines if line.starts_on <= as_of]
    if len({line.currency for line in given}) > 1:
        raise MixedCurrencies("Dues that end are in several currencies")
    grace = timedelta(days=max(grace_days, 1))
    by_account: defaultdict[Account, list[TermLine]] = defaultdict(list)
    for line in given:
        by_account[line.account].append(line)
    found: list[Ended] = []
    for account, own in by_account.items():
        for day in sorted({line.ends_on for line in own}):
            if not since <= day < until or day > as_of:
                continue
            ending = [line for line in own if line.ends_on == day]
            before = _sum(ending)
            if not before or any(line.starts_on < day < line.ends_on for line in own):
                continue
            following = [line for line in own if day <= line.starts_on < day + grace]
            began = min((line.starts_on for line in following), default=None)
            after = _sum(line for line in following if line.starts_on == began)
            if following:
                outcome = Outcome.RENEWED
            else:
                outcome = Outcome.LAPSED if day + grace <= as_of else Outcome.UNDECIDED
            found.append(Ended(account, day, _tier(ending), before, after, outcome))
        for day in sorted({line.starts_on for line in own}):
            earlier = [line for line in own if line.starts_on < day]
            beginning = [line for line in own if line.starts_on == day]
            if (
                since <= day < until
                and any(line.is_paid for line in earlier)
                and max(line.ends_on for line in earlier) + grace <= day
                and _sum(beginning)
            ):
                found.append(
                    Ended(
                        *(account, day, _tier(beginning), ZERO),
                        *(_sum(beginning), Outcome.REINSTATED),
                    )
                )
    return tuple(sorted(found, key=lambda one: (one.on, str(one.account))))


def available_to_renew(ended: Iterable[Ended]) -> AvailableToRenew:
    """Add up what ended; nobody's renewal counts above what they paid before (DOMAIN 4.1)."""
    of: dict[Outcome, list[Ended]] = {outcome: [] for outcome in Outcome}
    for one in ended:
        of[one.outcome].append(one)
    renewed = of[Outcome.RENEWED]
    return AvailableToRenew(
        renewed_members=len(renewed),
        lapsed_members=len(of[Outcome.LAPSED]),
        undecided_members=len(of[Outcome.UNDECIDED]),
        reinstated_members=len(of[Outcome.REINSTATED]),
        available=sum((one.before for each in of.values() for one in each), ZERO),
        renewed=sum((min(one.before, one.after) for one in renewed), ZERO),
        less=sum((max(one.before - one.after, ZERO) for one in renewed), ZERO),
        more=sum((max(one.after - one.before, ZERO) for one in renewed), ZERO),
        lapsed=sum((one.before for one in of[Outcome.LAPSED]), ZERO),
        undecided=sum((one.before for one in of[Outcome.UNDECIDED]), ZERO),
        reinstated=sum((one.after for one in of[Outcome.REINSTATED]), ZERO),
    )


def _sum(lines: Iterable[TermLine]) -> Decimal:
    return sum((line.counted_amount for line in lines), ZERO)


def _tier(lines: Iterable[TermLine]) -> str:
    """The tier of the largest line; of equal ones, the name that sorts last."""
    largest = max(lines, key=lambda line: (line.counted_amount, (line.tier or "").encode()))
    return largest.tier or ""


def _share(part: Decimal, whole: Decimal) -> Fraction | None:
    return Fraction(part) / Fraction(whole) if whole else None
