"""The four segments and the books of those who look after members."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.conditions import EVERYBODY, BadCondition, in_words, parse
from config.kernel.permissions import requires
from config.kernel.templatetags.ui import address
from coverage.access import Permission
from coverage.engine.facts import FACTS
from coverage.models import AxProfile, Segment
from coverage.queries.books import Book, SegmentCount, books, segment_counts
from members.models import Association

WEEKS_A_MONTH = Fraction(52, 12)
SIMULATED = "simulated"


@dataclass(frozen=True, kw_only=True)
class SegmentCard:
    segment: Segment
    members: int
    share: Decimal | None
    rule: str
    url: str


@dataclass(frozen=True, kw_only=True)
class BookRow:
    """What one person looks after, in hours a month; null is not known, as for the pool."""

    name: str
    is_pool: bool
    members: int
    minutes: int
    needed: Decimal
    weekly_hours: int | None
    available: Decimal | None
    url: str

    @property
    def load(self) -> Decimal | None:
        """Needed over available hours; null where none are available."""
        return self.needed / self.available if self.available else None


@requires(Permission.COVERAGE_VIEW)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Who gets which experience by which rule, and who gives it."""
    asked = _asked()
    counts = segment_counts(**asked)
    assigned = sum(count.members for count in counts)
    rows = [_book_row(book) for book in books(**asked)]
    people = [row for row in rows if not row.is_pool]
    current = AxProfile.objects.filter(superseded_on=None)
    available = sum((row.available or Decimal(0) for row in people), Decimal(0))
    needed = sum((row.needed for row in people), Decimal(0))
    return render(
        request,
        "coverage/overview.html",
        {
            "segments": [_card(count, assigned=assigned) for count in counts],
            "assigned": assigned,
            "books": rows,
            "people": len(people),
            "held": sum(row.members for row in people),
            "needed": needed,
            "available": available or None,
            "load": needed / available if available else None,
            "profiles": current.count(),
            "simulated": current.filter(source=SIMULATED).count(),
            "exports": (("profiles", _("Experience profiles")), ("segments", _("Segments"))),
        },
    )


def _asked() -> dict[str, Any]:
    return {"as_of": clock.today(), "grace_days": Association.current().grace_days}


@requires(Permission.COVERAGE_VIEW)
@require_safe
def hours_chart(_request: HttpRequest) -> JsonResponse:
    """Hours a month that each book asks for, beside the hours there are."""
    rows = [row for row in (_book_row(book) for book in books(**_asked())) if not row.is_pool]
    links = [row.url or None for row in rows]
    return JsonResponse(
        {
            "kind": "bar",
            "title": _("Hours a month"),
            "unit": _("h"),
            "x": [row.name for row in rows],
            "series": [
                {
                    "name": _("asked for"),
                    "data": [_tenth(row.needed) for row in rows],
                    "links": links,
                },
                {
                    "name": _("available"),
                    "data": [
                        None if row.available is None else _tenth(row.available) for row in rows
                    ],
                    "state": "no_plan",
                },
            ],
        }
    )


def _card(count: SegmentCount, *, assigned: int) -> SegmentCard:
    segment = count.segment
    return SegmentCard(
        segment=segment,
        members=count.members,
        share=Decimal(count.members) / assigned if assigned else None,
        rule=_rule_in_words(segment),
        url=_members_url(segment=segment.key),
    )


def _rule_in_words(segment: Segment) -> str:
    """The rule as a sentence; one that cannot be read says so instead of taking the page."""
    try:
        rule = parse(segment.rule, registry=FACTS)
    except BadCondition as error:
        return _("This rule cannot be used: %(reason)s") % {"reason": error}
    return _("Everybody whom no earlier rule takes") if rule == EVERYBODY else in_words(rule)


def _book_row(book: Book) -> BookRow:
    owner = book.owner
    hours = owner.weekly_hours if owner else 0
    return BookRow(
        name=owner.name if owner else _("The pool"),
        is_pool=owner is None,
        members=book.members,
        minutes=round(book.minutes_a_month),
        needed=_decimal(book.minutes_a_month / 60),
        weekly_hours=hours or None,
        available=_decimal(hours * WEEKS_A_MONTH) if hours else None,
        url=_members_url(owner=str(owner.public_id) if owner else "pool"),
    )


def _members_url(**query: Any) -> str:
    url = address("success:members")
    return f"{url}?{urlencode(query)}" if url else ""


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _tenth(value: Decimal) -> float:
    return round(float(value), 1)
