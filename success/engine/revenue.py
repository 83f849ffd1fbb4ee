"""What a membership base earned, kept and lost between two days.

Two bases, named because they answer different questions from the same dated lines:

*In force* ("as the ledger stands"): a line counts from its start up to, not including, its
end. Nothing is forgiven and nothing is provisional.

*Membership* ("with the association's grace"): a renewal made in grace counts from the expiry
it renews, and a member still inside an open grace window is undecided, so the result is a pair
(optimistic, strict) until the last window closes.

Money is ``Decimal`` in one currency and never a float; ratios are exact ``Fraction``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from members.engine.standing import Span, back_dated_starts, grace_closes_on

Account = str | int
Linked = TypeVar("Linked", bound=Account)

ZERO = Decimal(0)
ONE_DAY = timedelta(days=1)


class Basis(StrEnum):
    IN_FORCE = "in_force"
    MEMBERSHIP = "membership"


class Kind(StrEnum):
    """How one account's recurring revenue moved over a period."""

    NEW = "new"
    REACTIVATION = "reactivation"
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURN = "churn"
    UNCHANGED = "unchanged"
    TRANSFER = "transfer"


class Part(StrEnum):
    """What a change of dues is made of (4.3 #10)."""

    PRICE = "price"
    TIER = "tier"
    SEATS = "seats"
    ADD_ON = "add_on"
    DISCOUNT = "discount"


class Status(StrEnum):
    PROVISIONAL = "provisional"
    FINAL = "final"


class MixedCurrencies(ValueError):
    """Lines of several currencies cannot be added; convert them at one rate first."""


class LinkCycle(ValueError):
    """Accounts are linked in a circle, so none of them is the survivor."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What dues are made of, a year: base + seats + add-ons - discount is their amount.

    ``seats`` counts them and ``seat_amount`` is what they cost together.
    """

    base: Decimal = ZERO
    seats: int = 0
    seat_amount: Decimal = ZERO
    add_ons: Decimal = ZERO
    discount: Decimal = ZERO

    @property
    def amount(self) -> Decimal:
        return self.base + self.seat_amount + self.add_ons - self.discount

    def __add__(self, other: "Breakdown") -> "Breakdown":
        return Breakdown(
            base=self.base + other.base,
            seats=self.seats + other.seats,
            seat_amount=self.seat_amount + other.seat_amount,
            add_ons=self.add_ons + other.add_ons,
            discount=self.discount + other.discount,
        )


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds on a day: its lines added up.

    ``tier`` is that of its largest line (of equal ones, the name that sorts last).
    ``breakdown`` is null unless every line that costs anything has one. ``by_holder`` says
    whose lines they are, where accounts are linked.
    """

    amount: Decimal
    tier: str | None = None
    breakdown: Breakdown | None = None
    by_holder: tuple[tuple[Account, Decimal], ...] = ()


NOTHING_HELD = Holding(ZERO)


@dataclass(frozen=True, slots=True)
class TermLine:
    """One recurring line of one account, at its yearly amount; the end is exclusive.

    A provisional line (a trial) counts as free (4.3 #19). ``holder`` is the account the line
    was written on, where it is booked on another that it is linked with.
    """

    account: Account
    starts_on: date
    ends_on: date
    annual_amount: Decimal
    tier: str | None = None
    currency: str = ""
    breakdown: Breakdown | None = None
    is_provisional: bool = False
    holder: Account | None = None

    @property
    def span(self) -> Span:
        return Span(self.starts_on, self.ends_on)

    @property
    def counted_amount(self) -> Decimal:
        return ZERO if self.is_provisional else self.annual_amount

    @property
    def is_paid(self) -> bool:
        return self.counted_amount > 0


@dataclass(frozen=True, slots=True)
class Movement:
    """One account's row in the period: ``amount`` is the size of the change, never negative.

    ``parts`` says what an expansion or contraction is made of, signed, the parts that are not
    nought; they add up to ``closing - opening``. ``transferred`` is what moved between linked
    accounts inside the row, and so changes nothing. ``is_paused``: a leave of absence.
    """

    account: Account
    opening: Decimal
    closing: Decimal
    kind: Kind
    amount: Decimal
    parts: tuple[tuple[Part, Decimal], ...] = ()
    transferred: Decimal = ZERO
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """The period in sums and counts, with the rows it was made from.

    ``members_open`` and ``members_close`` count paying accounts. ``churned_accounts`` stopped
    paying; ``lost_logos`` hold no membership at all at the close, so an account that became
    complimentary is in the first and not in the second.
    """

    opening: Decimal
    new: Decimal
    reactivation: Decimal
    expansion: Decimal
    contraction: Decimal
    churn: Decimal
    closing: Decimal
    members_open: int
    new_accounts: int
    reactivated_accounts: int
    churned_accounts: int
    lost_logos: int
    members_close: int
    movements: tuple[Movement, ...]

    def part(self, part: Part, *, kind: Kind | None = None) -> Decimal:
        """Return the signed sum of one part over expansions, contractions or (null) both."""
        return sum(
            (
                amount
                for row in self.movements
                if kind is None or row.kind is kind
                for own, amount in row.parts
                if own is part
            ),
            ZERO,
        )

    @property
    def transferred(self) -> Decimal:
        """Return what moved between linked accounts; in no other sum (4.3 #13)."""
        return sum((row.transferred for row in self.movements), ZERO)

    @property
    def nrr_ex_price(self) -> Fraction | None:
        """Return NRR without what dues rose or fell by price alone (4.3 #10)."""
        kept = self.opening - self.churn - self.contraction + self.expansion
        return _share(kept - self.part(Part.PRICE), self.opening)

    @property
    def base_accounts(self) -> int:
        """Return the size of the cohort: accounts that paid on the opening day (4.2)."""
        return self.members_open

    @property
    def gained_accounts(self) -> int:
        """Return the accounts that pay at the close and did not at the opening (4.3 #1-2)."""
        return self.new_accounts + self.reactivated_accounts

    @property
    def nrr(self) -> Fraction | None:
        """Return net revenue retention of the cohort; null for an empty one (DOMAIN 4.2)."""
        return _share(
            self.opening - self.churn - self.contraction + self.expansion, self.opening
        )

    @property
    def grr(self) -> Fraction | None:
        """Return gross revenue retention, at most 1; null for an empty cohort (DOMAIN 4.2)."""
        return _share(self.opening - self.churn - self.contraction, self.opening)

    @property
    def logo_retention(self) -> Fraction | None:
        """Return the share of the cohort that still pays; null for an empty one (4.2)."""
        if not self.members_open:
            return None
        return Fraction(self.members_open - self.churned_accounts, self.members_open)

    @property
    def logo_churn(self) -> Fraction | None:
        """Return the share of the cohort that stopped paying; null for an empty one (4.2)."""
        kept = self.logo_retention
        return None if kept is None else 1 - kept


@dataclass(frozen=True, slots=True)
class MembershipMeasure:
    """Both readings of one period, equal once ``status`` is final.

    ``undecided`` names the accounts whose open grace window makes the difference.
    """

    optimistic: Measure
    strict: Measure
    undecided: tuple[Account, ...]

    @property
    def status(self) -> Status:
        return Status.PROVISIONAL if self.undecided else Status.FINAL


def annual_amount(amount: Decimal, *, months: int) -> Decimal:
    """Return the yearly run-rate of a term that costs ``amount`` for ``months`` months.

    Exact to the cent: the one rounding is half to even, on the exact quotient. Three years for
    13,500 are 4,500.00 every year. Raises ``ValueError`` for a term of no months
    (DOMAIN 4.2, 4.3 #9 and #11).
    """
    if months <= 0:
        raise ValueError(f"A term lasts at least a month, not {months}")
    return to_places(Fraction(amount) * 12 / months, 2)


def to_places(ratio: Fraction, places: int) -> Decimal:
    """Return ``ratio`` as a decimal with ``places`` digits, half to even.

    For showing and storing only: nothing is computed from the result (DOMAIN 4.2).
    """
    return Decimal(round(ratio * 10**places)).scaleb(-places)


def at_constant_rate(
    lines: Iterable[TermLine], *, rates: Mapping[str, Decimal], currency: str
) -> tuple[TermLine, ...]:
    """Return ``lines`` in ``currency``, at one fixed rate a currency, rounded to the cent.

    Give the rates of the opening day, so that an exchange rate is never an expansion. Raises
    ``KeyError`` for a currency without a rate (DOMAIN 4.3 #18).
    """
    return tuple(
        line
        if line.currency == currency
        else replace(
            line,
            currency=currency,
            annual_amount=to_places(
                Fraction(line.annual_amount) * Fraction(rates[line.currency]), 2
            ),
        )
        for line in lines
    )


def link(
    lines: Iterable[TermLine], *, survivors: Mapping[Linked, Linked]
) -> tuple[TermLine, ...]:
    """Return ``lines`` booked on the surviving account of each linked one.

    ``survivors`` maps an account to the one it moved or merged into, and chains are followed;
    raises ``LinkCycle`` when a chain has no end. Linking two accounts of the cohort never
    changes NRR in force, only GRR (DOMAIN 4.3 #13-14).
    """
    chain = dict[Account, Account](survivors.items())
    return tuple(
        replace(
            line,
            account=_survivor(line.account, survivors=chain),
            holder=line.account if line.holder is None else line.holder,
        )
        for line in lines
    )


def arr(lines: Iterable[TermLine], *, on: date) -> Decimal:
    """Return the sum of the yearly amounts in force on a day, in the lines' currency.

    Zero when nothing is in force; raises ``MixedCurrencies`` (DOMAIN 4.2).
    """
    return sum(arr_by_account(lines, on=on).values(), ZERO)


def arr_by_account(lines: Iterable[TermLine], *, on: date) -> dict[Account, Decimal]:
    """Return the yearly amount in force on a day for each account that has a line in force.

    A complimentary account is present with zero; an account without cover is absent. Raises
    ``MixedCurrencies`` (DOMAIN 4.2).
    """
    in_force: defaultdict[Account, Decimal] = defaultdict(Decimal)
    for line in _one_currency(lines):
        if line.starts_on <= on < line.ends_on:
            in_force[line.account] += line.counted_amount
    return dict(in_force)


def holdings(lines: Iterable[TermLine], *, on: date) -> dict[Account, Holding]:
    """Return what each account holds on a day, as ``arr_by_account`` counts it (4.2)."""
    in_force = [line for line in _one_currency(lines) if line.starts_on <= on < line.ends_on]
    return {account: _holding(own) for account, own in _by_account(in_force).items()}


def split(before: Holding, after: Holding) -> dict[Part, Decimal]:
    """Return what the change of dues is made of: signed, exact, parts of nought left out.

    Where both sides tell what they are made of: more or fewer seats at the price of before;
    add-ons; a discount that ends or begins; and what is left of the base and of the price of
    a seat is tier where the tier changed, else price. Where a side does not tell, all of it
    is tier or price in that way. Adds up to ``after.amount - before.amount`` (4.3 #10).
    """
    rest = Part.PRICE if before.tier == after.tier else Part.TIER
    then, now = before.breakdown, after.breakdown
    if then is None or now is None:
        found = {rest: after.amount - before.amount}
    else:
        seats = _for_seats(then, now)
        found = {
            Part.SEATS: seats,
            Part.ADD_ON: now.add_ons - then.add_ons,
            Part.DISCOUNT: then.discount - now.discount,
            rest: now.base - then.base + now.seat_amount - then.seat_amount - seats,
        }
    return {part: found[part] for part in Part if found.get(part)}


def _for_seats(then: Breakdown, now: Breakdown) -> Decimal:
    if not then.seats:
        return now.seat_amount - then.seat_amount if now.seats else ZERO
    return to_places(
        Fraction(then.seat_amount) * (now.seats - then.seats) / then.seats, places=2
    )


def in_force_measure(
    lines: Iterable[TermLine],
    *,
    opening_day: date,
    closing_day: date,
    paused: Collection[Account] = (),
) -> Measure:
    """Measure a period as the ledger stands: start <= day < end, and nothing else.

    ``paused`` names accounts on leave of absence on the closing day: where they pay nothing
    then, their dues are a contraction and no churn (4.3 #16).

    The cohort is every account paying on ``opening_day``; the comparison is point to point, so
    an account that lapsed and came back inside the period nets out. Raises ``ValueError`` for a
    period that does not run forwards and ``MixedCurrencies`` (DOMAIN 4.2, 4.3).
    """
    _check_forwards(opening_day, closing_day)
    given = tuple(lines)
    return _compare(
        opening=holdings(given, on=opening_day),
        closing=holdings(given, on=closing_day),
        paid_before=_paid_before(given, day=opening_day),
        paused=paused,
    )


def membership_measure(  # noqa: PLR0913  # a period, and by which rules
    lines: Iterable[TermLine],
    *,
    opening_day: date,
    closing_day: date,
    as_of: date,
    grace_days: int,
    paused: Collection[Account] = (),
) -> MembershipMeasure:
    """Measure a period with the association's grace, as it was known ``as_of``.

    ``paused`` is as in ``in_force_measure``; whoever is undecided is not on leave yet.

    Only lines begun by ``as_of`` are known. A renewal that started in grace counts, at its own
    amount, from the expiry it renews. An account in grace on the closing day whose window is
    still open ``as_of`` is undecided: *optimistic* counts it at its last amount, *strict* does
    not. On the opening day an undecided account counts in both, so that they share one
    denominator. Gaps are judged by account: one line of several that lapses is no gap.

    Strict NRR <= optimistic NRR. The final value lies between them when the period is longer
    than grace and renewals come at the last amount or less; an upgrade at renewal may exceed
    the optimistic value, because it is expansion nobody could have known. Raises ``ValueError``
    for a period that does not run forwards or is not over ``as_of``, and ``MixedCurrencies``
    (DOMAIN 4.3 #4-#6).
    """
    _check_forwards(opening_day, closing_day)
    if as_of < closing_day:
        raise ValueError(f"The period closes on {closing_day}, after {as_of}")

    begun = _back_dated(
        (line for line in _one_currency(lines) if line.starts_on <= as_of),
        grace_days=grace_days,
    )
    in_open_grace = {
        day: _in_open_grace(begun, day=day, as_of=as_of, grace_days=grace_days)
        for day in (opening_day, closing_day)
    }
    opening = holdings(begun, on=opening_day) | in_open_grace[opening_day]
    closing = holdings(begun, on=closing_day)
    undecided = in_open_grace[opening_day].keys() | in_open_grace[closing_day].keys()
    decided = frozenset(paused) - undecided
    paid_before = _paid_before(begun, day=opening_day)
    return MembershipMeasure(
        optimistic=_compare(
            opening=opening,
            closing=closing | in_open_grace[closing_day],
            paid_before=paid_before,
            paused=decided,
        ),
        strict=_compare(
            opening=opening, closing=closing, paid_before=paid_before, paused=decided
        ),
        undecided=_in_order(undecided),
    )


def expansion_needed(*, nrr: Fraction, churn: Fraction, contraction: Fraction) -> Fraction:
    """Return the expansion, as a share of opening revenue, that yields ``nrr``.

    The NRR identity solved for expansion: at 15% churn, 105% needs 20% (DOMAIN 4.4).
    """
    return nrr - 1 + churn + contraction


def _compare(
    *,
    opening: Mapping[Account, Holding],
    closing: Mapping[Account, Holding],
    paid_before: Collection[Account],
    paused: Collection[Account],
) -> Measure:
    movements = tuple(
        _movement(
            account,
            before=opening.get(account, NOTHING_HELD),
            after=closing.get(account, NOTHING_HELD),
            returning=account in paid_before,
            is_paused=account in paused and account not in closing,
        )
        for account in _in_order({**opening, **closing})
        if opening.get(account, NOTHING_HELD).amount
        or closing.get(account, NOTHING_HELD).amount
    )
    amounts: defaultdict[Kind, Decimal] = defaultdict(Decimal)
    counts: defaultdict[Kind, int] = defaultdict(int)
    for row in movements:
        amounts[row.kind] += row.amount
        counts[row.kind] += 1
    return Measure(
        opening=sum((row.opening for row in movements), ZERO),
        new=amounts[Kind.NEW],
        reactivation=amounts[Kind.REACTIVATION],
        expansion=amounts[Kind.EXPANSION],
        contraction=amounts[Kind.CONTRACTION],
        churn=amounts[Kind.CHURN],
        closing=sum((row.closing for row in movements), ZERO),
        members_open=sum(row.opening > 0 for row in movements),
        new_accounts=counts[Kind.NEW],
        reactivated_accounts=counts[Kind.REACTIVATION],
        churned_accounts=sum(row.opening > 0 and not row.closing for row in movements),
        lost_logos=sum(
            row.kind is Kind.CHURN and row.account not in closing for row in movements
        ),
        members_close=sum(row.closing > 0 for row in movements),
        movements=movements,
    )


def _movement(
    account: Account, *, before: Holding, after: Holding, returning: bool, is_paused: bool
) -> Movement:
    opening, closing = before.amount, after.amount
    transferred = _transferred(before, after)
    is_paused = is_paused and opening > 0
    if not opening:
        kind = Kind.REACTIVATION if returning else Kind.NEW
    elif not closing:
        kind = Kind.CONTRACTION if is_paused else Kind.CHURN
    elif closing > opening:
        kind = Kind.EXPANSION
    elif closing < opening:
        kind = Kind.CONTRACTION
    else:
        kind = Kind.TRANSFER if transferred else Kind.UNCHANGED
    parts: tuple[tuple[Part, Decimal], ...] = ()
    if opening and closing and opening != closing:
        parts = tuple(split(before, after).items())
    return Movement(
        account=account,
        opening=opening,
        closing=closing,
        kind=kind,
        amount=abs(closing - opening),
        parts=parts,
        transferred=transferred,
        is_paused=is_paused,
    )


def _transferred(before: Holding, after: Holding) -> Decimal:
    """What linked accounts of one row lost to each other: the lesser of losses and gains."""
    now = dict(after.by_holder)
    stayed = sum(
        (min(amount, now.get(holder, ZERO)) for holder, amount in before.by_holder), ZERO
    )
    return min(before.amount, after.amount) - stayed


def _holding(lines: list[TermLine]) -> Holding:
    largest = max(lines, key=lambda line: (line.counted_amount, (line.tier or "").encode()))
    by_holder: defaultdict[Account, Decimal] = defaultdict(Decimal)
    breakdown: Breakdown | None = Breakdown()
    for line in lines:
        by_holder[line.account if line.holder is None else line.holder] += line.counted_amount
        if line.is_paid:
            told = line.breakdown
            breakdown = breakdown + told if breakdown is not None and told else None
    return Holding(
        amount=sum(by_holder.values(), ZERO),
        tier=largest.tier,
        breakdown=breakdown,
        by_holder=tuple(by_holder.items()),
    )


def _back_dated(lines: Iterable[TermLine], *, grace_days: int) -> tuple[TermLine, ...]:
    moved: list[TermLine] = []
    for own in _by_account(lines).values():
        counts_from = back_dated_starts((line.span for line in own), grace_days=grace_days)
        moved += [replace(line, starts_on=counts_from[line.starts_on]) for line in own]
    return tuple(moved)


def _in_open_grace(
    lines: Iterable[TermLine], *, day: date, as_of: date, grace_days: int
) -> dict[Account, Holding]:
    """Accounts without cover on ``day`` whose renewal is still possible, at their last amount.

    The lines are back-dated already, so an account that renewed in time is in force here, and
    one whose window is open ``as_of`` has no later line.
    """
    undecided: dict[Account, Holding] = {}
    for account, own in _by_account(lines).items():
        begun = [line for line in own if line.starts_on <= day]
        expiry = max((line.ends_on for line in begun), default=None)
        if expiry is None or expiry > day:
            continue
        if as_of < grace_closes_on(expiry, grace_days=grace_days):
            undecided[account] = holdings(begun, on=expiry - ONE_DAY)[account]
    return undecided


def _paid_before(lines: Iterable[TermLine], *, day: date) -> frozenset[Account]:
    return frozenset(line.account for line in lines if line.is_paid and line.starts_on < day)


def _by_account(lines: Iterable[TermLine]) -> dict[Account, list[TermLine]]:
    grouped: defaultdict[Account, list[TermLine]] = defaultdict(list)
    for line in lines:
        grouped[line.account].append(line)
    return dict(grouped)


def _one_currency(lines: Iterable[TermLine]) -> tuple[TermLine, ...]:
    given = tuple(lines)
    currencies = {line.currency for line in given}
    if len(currencies) > 1:
        raise MixedCurrencies(", ".join(sorted(currencies)))
    return given


def _survivor(account: Account, *, survivors: Mapping[Account, Account]) -> Account:
    seen = {account}
    while (into := survivors.get(account, account)) != account:
        if into in seen:
            raise LinkCycle(f"{account} and {into} are linked in a circle")
        seen.add(into)
        account = into
    return account


def _in_order(accounts: Iterable[Account]) -> tuple[Account, ...]:
    return tuple(sorted(accounts, key=str))


def _share(part: Decimal, whole: Decimal) -> Fraction | None:
    return Fraction(part) / Fraction(whole) if whole else None


def _check_forwards(opening_day: date, closing_day: date) -> None:
    if closing_day <= opening_day:
        raise ValueError(f"A period runs forwards: {opening_day} to {closing_day}")
