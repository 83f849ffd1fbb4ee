"""What it costs to serve members, and what is left of what they pay.

Money is in one currency; hours are staff hours of the same period. Nothing that decides about
coverage may import this.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Served:
    """What a member, or a group of them, pays and takes in a period.

    ``enablement`` is their part of what pools and material cost; ``direct`` what benefits cost.
    """

    revenue: Decimal
    hours: Decimal
    rate: Decimal
    enablement: Decimal = Decimal(0)
    direct: Decimal = Decimal(0)

    @property
    def labour(self) -> Decimal:
        return self.hours * self.rate

    @property
    def cost_to_serve(self) -> Decimal:
        """Return hours at their rate, enablement and direct cost together (DOMAIN 6.5)."""
        return self.labour + self.enablement + self.direct

    @property
    def margin(self) -> Decimal:
        """Return revenue less cost to serve; below zero where it costs more (DOMAIN 6.5)."""
        return self.revenue - self.cost_to_serve

    @property
    def margin_share(self) -> Fraction | None:
        """Return margin over revenue; null where nothing is paid."""
        return Fraction(self.margin) / Fraction(self.revenue) if self.revenue else None


@dataclass(frozen=True, slots=True)
class MarginChange:
    """How a margin moved, both ways of saying it: of the money, and in points of revenue.

    ``relative`` is null where there was no margin before, ``points`` where nothing is paid.
    """

    amount: Decimal
    relative: Fraction | None
    points: Fraction | None


def change(before: Served, after: Served) -> MarginChange:
    """Compare two ways of serving the same members (DOMAIN 6.5)."""
    shares = (before.margin_share, after.margin_share)
    return MarginChange(
        amount=after.margin - before.margin,
        relative=Fraction(after.margin - before.margin) / Fraction(before.margin)
        if before.margin
        else None,
        points=shares[1] - shares[0]
        if shares[0] is not None and shares[1] is not None
        else None,
    )


@dataclass(frozen=True, slots=True)
class FirstDay:
    """What a move to a pool does to money at once: hours are freed, enablement is paid.

    Freed hours become money only where they are given to others or not hired again.
    """

    enablement_spent: Decimal
    value_of_hours: Decimal


def first_day(*, members: int, before: Served, after: Served) -> FirstDay:
    """Return the cash effect beside the value of time for ``members`` alike (DOMAIN 6.5)."""
    return FirstDay(
        enablement_spent=members * (after.enablement - before.enablement),
        value_of_hours=members * (before.labour - after.labour),
    )


def cost_for_margin(*, before: Served, increase: Fraction) -> Decimal:
    """Return the cost to serve at which the margin is larger by ``increase`` (DOMAIN 6.5)."""
    wanted = Fraction(before.margin) * (1 + increase)
    cost = Fraction(before.revenue) - wanted
    return Decimal(cost.numerator) / Decimal(cost.denominator)
