"""The tables of coverage as files, each with what its page shows to whoever asks."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import has, requires
from config.kernel.sheets import KINDS, Row, as_file
from coverage.access import Permission
from coverage.models import AxProfile
from coverage.queries.books import segment_counts
from coverage.queries.experience import profiles_in_force
from coverage.queries.rebalancing import over_delivery
from coverage.queries.unserved import Unserved, unserved
from coverage.views.capacity import shown_to
from coverage.views.pages import user_of
from coverage.views.segments import said_of
from members.models import Association, User

logger = logging.getLogger(__name__)
EVERY = 1_000_000
MINUTES_AN_HOUR, MONTHS = 60, 3
PROFILE_FIELDS = (
    *("inbound_minutes", "async_minutes", "sync_minutes", "taskforce_minutes"),
    *("expertise", "resources", "guidance", "skills_needed", "escalation_severity"),
    *("industry_experience", "sophistication", "complexity", "risk"),
    *("confidence", "reasons", "source", "valid_from", "expires_on"),
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table by its columns; ``permission`` is that of the page it stands on."""

    header: Sequence[str]
    rows: Callable[[User, date], Iterator[Row]]
    permission: str = Permission.COVERAGE_VIEW


@requires(Permission.COVERAGE_VIEW)
@require_safe
def export(request: HttpRequest, table: str, kind: str) -> HttpResponse | StreamingHttpResponse:
    """A table as CSV or XLSX, whole; who took it is logged."""
    found = TABLES.get(table)
    if found is None or kind not in KINDS:
        raise Http404
    if not has(request.user, found.permission):
        raise PermissionDenied
    rows = list(found.rows(user_of(request), clock.today()))
    logger.info(
        "Coverage exported",
        extra={"user_id": request.user.pk, "table": table, "rows": len(rows)},
    )
    name = f"{table}-{clock.today().isoformat()}"
    return as_file(kind, name=name, header=found.header, rows=rows)


def _people(user: User, as_of: date) -> Iterator[Row]:
    for row in shown_to(user, as_of=as_of).rows:
        away = "; ".join(f"{each.starts_on}/{each.ends_on}" for each in row.away)
        yield (
            row.name,
            row.band or "",
            _to(row.load, 4),
            _to(row.needed),
            _to(row.given),
            _to(row.available),
            row.members,
            row.helped,
            row.unknown,
            _to(row.supportable),
            away,
        )


def _segments(_user: User, as_of: date) -> Iterator[Row]:
    counts = segment_counts(as_of=as_of, grace_days=Association.current().grace_days)
    for count in counts:
        each = count.segment
        rule = said_of(each)
        told = (each.reason, "yes" if each.is_pooled else "no", count.members)
        yield each.key, each.name, each.position, rule, *told


def _pools(user: User, as_of: date) -> Iterator[Row]:
    pool = shown_to(user, as_of=as_of).picture.team.pool
    need = pool.need
    yield (
        pool.members,
        pool.unknown,
        _to(_decimal(pool.needed)),
        _to(_decimal(pool.capacity)),
        _to(_decimal(pool.load), 4),
        pool.people,
        _to(_decimal(need.hours if need else None)),
        _to(_decimal(need.people if need else None)),
    )


def _weeks(user: User, as_of: date) -> Iterator[Row]:
    page = shown_to(user, as_of=as_of)
    for row in page.heat:
        for week, cell in zip(page.weeks, row.cells, strict=True):
            available = None if cell.available is None else round(cell.available, 2)
            load = _to(cell.load, 4)
            yield row.name, week, round(cell.needed, 2), available, load, cell.band or ""


def _over(_user: User, as_of: date) -> Iterator[Row]:
    found = over_delivery(as_of=as_of, grace_days=Association.current().grace_days, most=EVERY)
    for each in found.rows:
        owner = each.owner or _("the pool")
        freed = round(Decimal(each.freed) / MINUTES_AN_HOUR / MONTHS, 2)
        who = (each.public_id, each.name, each.segment, owner)
        ratio = None if each.ratio is None else round(float(each.ratio), 4)
        yield *_texts(who), each.due, each.given, ratio, freed


def _under(_user: User, as_of: date) -> Iterator[Row]:
    found = over_delivery(as_of=as_of, grace_days=Association.current().grace_days)
    for each in found.lacking:
        hours = round(Decimal(each.minutes) / MINUTES_AN_HOUR / MONTHS, 2)
        yield each.segment_key, each.segment, each.members, hours


def _unserved(user: User, as_of: date) -> Iterator[Row]:
    found = unserved(
        as_of=as_of,
        grace_days=Association.current().grace_days,
        holder=None if has(user, Permission.CAPACITY_VIEW_ALL) else user,
    )
    for each in found.rows:
        yield (
            str(each.public_id),
            each.name,
            each.segment,
            each.stage,
            held_by(each),
            round(each.needed, 2),
            round(each.lacking, 4),
        )


def held_by(row: Unserved) -> str:
    """Who should give these hours, in words."""
    return row.holder or (_("the pool") if row.is_pooled else _("nobody"))


def _profiles(user: User, as_of: date) -> Iterator[Row]:
    rows: QuerySet[AxProfile] = profiles_in_force(user, as_of=as_of)
    rows = rows.select_related("member__assignment__segment", "member__assignment__owner")
    for profile in rows.order_by("member__name", "member_id").iterator():
        member = profile.member
        placed = getattr(member, "assignment", None)
        owner = placed.owner if placed else None
        yield (
            str(member.public_id),
            member.name,
            placed.segment.key if placed else "",
            owner.name if owner else "",
            *(getattr(profile, name) for name in PROFILE_FIELDS),
        )


def _texts(cells: Row) -> tuple[str, ...]:
    return tuple(str(cell) for cell in cells)


def _decimal(value: object) -> Decimal | None:
    if value is None:
        return None
    return Decimal(value.numerator) / Decimal(value.denominator)  # type: ignore[attr-defined]  # a fraction


def _to(value: Decimal | None, places: int = 2) -> Decimal | None:
    return None if value is None else round(value, places)


TABLES: dict[str, Table] = {
    "people": Table(
        header=(
            *("person", "band", "load", "needed_hours", "given_hours", "available_hours"),
            *("members", "shared", "unknown", "could_carry", "away"),
        ),
        rows=_people,
    ),
    "segments": Table(
        header=("key", "name", "position", "rule", "reason", "is_pooled", "members"),
        rows=_segments,
    ),
    "pools": Table(
        header=(
            *("members", "unknown", "needed_hours", "available_hours", "load", "people"),
            *("hours_by_requests", "people_by_requests"),
        ),
        rows=_pools,
    ),
    "weeks": Table(
        header=("person", "week", "needed_hours", "available_hours", "load", "band"),
        rows=_weeks,
    ),
    "over-delivery": Table(
        header=(
            *("member", "name", "segment", "owner", "due_minutes", "given_minutes", "ratio"),
            "freed_hours_a_month",
        ),
        rows=_over,
        permission=Permission.COVERAGE_EDIT,
    ),
    "under-delivery": Table(
        header=("key", "segment", "members", "lacking_hours_a_month"),
        rows=_under,
        permission=Permission.COVERAGE_EDIT,
    ),
    "unserved": Table(
        header=(
            *("member", "name", "segment", "stage", "owner", "needed_hours"),
            "unserved_hours",
        ),
        rows=_unserved,
    ),
    "profiles": Table(
        header=("member", "name", "segment", "owner", *PROFILE_FIELDS), rows=_profiles
    ),
}
