"""What the terms that end are worth; apart from the likelihood, which money has no part in.

Who may see it is ``Permission.REVENUE_VIEW``.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import TruncWeek

from members.models.dues import Dues
from success.models import MemberFacts
from success.queries.revenue import check_currency


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
