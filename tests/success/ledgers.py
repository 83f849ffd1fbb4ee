"""Ledgers of terms and dues for tests, and the same ledgers as the engine takes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

from coverage.enums import Delivery
from coverage.models import Assignment, Segment
from members.models import Dues, Member, Term
from success.engine.revenue import Breakdown, TermLine

DAY_ZERO = date(2024, 1, 1)
MORNING = datetime(2026, 7, 29, 8, 30, tzinfo=UTC)
_numbers = count(1)


@dataclass(frozen=True)
class Line:
    """A term of the member with this name; the end is exclusive."""

    member: str
    starts_on: date
    ends_on: date
    amount: Decimal
    tier: str = "Full"
    seats: tuple[int, Decimal] | None = None  # how many, and the price of each
    add_ons: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    is_provisional: bool = False

    @property
    def parts(self) -> dict[str, object]:
        """What the amount is made of, as the columns of dues have it; empty: nobody tells."""
        if self.seats is None:
            return {}
        count, price = self.seats
        return {
            "base_amount": self.amount - count * price - self.add_ons + self.discount,
            "seats": count,
            "seat_price": price,
            "addons_amount": self.add_ons,
            "discount_amount": self.discount,
        }

    @property
    def breakdown(self) -> Breakdown | None:
        if self.seats is None:
            return None
        count, price = self.seats
        return Breakdown(
            base=self.amount - count * price - self.add_ons + self.discount,
            seats=count,
            seat_amount=count * price,
            add_ons=self.add_ons,
            discount=self.discount,
        )


def day(number: int) -> date:
    return DAY_ZERO + timedelta(days=number)


def line(
    member: str, starts_on: str, ends_on: str, amount: int | str, tier: str = "Full"
) -> Line:
    return Line(
        member,
        date.fromisoformat(starts_on),
        date.fromisoformat(ends_on),
        Decimal(amount),
        tier,
    )


def add_lines(lines: Iterable[Line], *, currency: str = "USD") -> dict[str, Member]:
    """Store the lines and return their members, made where they do not exist, by name."""
    given = list(lines)
    members = {member.name: member for member in Member.objects.all()}
    missing = sorted({line.member for line in given} - members.keys())
    for member in Member.objects.bulk_create(
        Member(name=name, created_at=MORNING) for name in missing
    ):
        members[member.name] = member
    terms = Term.objects.bulk_create(
        Term(
            member=members[line.member],
            tier=line.tier,
            starts_on=line.starts_on,
            ends_on=line.ends_on,
            source="test",
            external_id=str(next(_numbers)),
            is_provisional=line.is_provisional,
        )
        for line in given
    )
    Dues.objects.bulk_create(
        Dues(term=term, annual_amount=line.amount, currency=currency, **line.parts)
        for term, line in zip(terms, given, strict=True)
    )
    return members


def assign(members: Iterable[Member], *, key: str) -> None:
    segment, _ = Segment.objects.get_or_create(
        key=key,
        defaults={
            "name": key.title(),
            "position": Segment.objects.count() + 1,
            "rule": {"all": []},
            "reason": "For the test",
            "delivery": Delivery.PERSON,
        },
    )
    Assignment.objects.bulk_create(
        Assignment(member=member, segment=segment, reason="For the test", assigned_on=DAY_ZERO)
        for member in members
    )


def as_engine(lines: Iterable[Line], *, as_of: date) -> list[TermLine]:
    return [
        TermLine(
            account=line.member,
            starts_on=line.starts_on,
            ends_on=line.ends_on,
            annual_amount=line.amount,
            tier=line.tier,
            currency="USD",
            breakdown=line.breakdown,
            is_provisional=line.is_provisional,
        )
        for line in lines
        if line.starts_on <= as_of
    ]
