"""Pages that come by mail as a sheet, as regularly as somebody asked, and only with news.

Which pages there are is said by those who make them: ``pages.register(Page(...))``.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _

from communications.enums import NoticeKind, Purpose
from communications.services import notices, templates
from communications.services.outbox import TooLarge, attach, queue_message
from config.kernel.clock import association_zone, local_date, local_moment
from config.kernel.permissions import has
from config.kernel.sheets import WORKBOOK, XLSX, workbook
from members.models import User
from members.services import audit
from success.engine.mailing import fingerprint, latest_day, next_day
from success.enums import MailingCadence, MailingOutcome
from success.models import PageMailing
from success.queries.views import PLACES

logger = logging.getLogger(__name__)

TEMPLATE: Final = "page-mailing"
WORDS: Final = {
    "title": "A page that comes regularly",
    "subject": "{{ title }}, {{ day }}",
    "body": "Dear {{ name }},\n\nyou asked for this page regularly: {{ page_name }}."
    "\n{{ rows }} rows, as of {{ day }}, are enclosed as a sheet. It comes only if it "
    "changed.\n\nThe page: {{ page }}\nStop it or change it: {{ settings }}\n",
}
GAPS: Final = {
    "name": ("whose page it is", "Mira Lindqvist"),
    "title": ("what they called it", "My members who have stalled"),
    "page_name": ("the page", "Members"),
    "rows": ("how many rows", "17"),
    "day": ("the day it is as of", "29 July 2026"),
    "page": ("where it is", "https://members.example.org/members/?state=stalled"),
    "settings": ("where it is changed", "https://members.example.org/mailings/"),
}
TOO_LATE_AFTER: Final = timedelta(days=6)
TRY_AGAIN_AFTER: Final = timedelta(hours=1)
MOST_ROWS: Final = 50_000
MOST_OF_ONE: Final = 50
LONGEST_NAME: Final = 80
LONGEST_FILTERS: Final = 2000
HOURS_A_DAY: Final = 24


class NoSuchPage(LookupError):
    """There is no page by this name that can be mailed, or the owner may not see it."""


class NameTaken(ValueError):
    """The owner has another mailing of this name."""


class NotPossible(ValueError):
    """A day or an hour that there is not, no name, or more mailings than one may have."""


class CannotBeMade(Exception):
    """The page has nothing to say just now; why is said in words."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A page as a table; the columns of ``passing`` change by the day alone and are no news."""

    header: Sequence[str]
    rows: Iterable[Sequence[object]]
    passing: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page that can be mailed.

    ``make(user, filters, as_of)`` gives what that user may see of it, with the filters of its
    address, and raises ``CannotBeMade``. ``address`` is the name of the page's address, and
    ``permission`` the page's own.
    """

    key: str
    title: Any
    permission: str
    address: str
    make: Callable[[User, QueryDict, date], Sheet]

    def url(self, filters: str = "") -> str:
        """Return the path of the page with these filters."""
        return f"{reverse(self.address)}{f'?{filters}' if filters else ''}"


class Pages:
    """The pages that can be mailed, by key, in the order they were named."""

    def __init__(self) -> None:
        self._pages: dict[str, Page] = {}

    def register(self, page: Page) -> None:
        """Let ``page`` be mailed; the same key again replaces it."""
        self._pages[page.key] = page

    def get(self, key: str, *, user: User) -> Page:
        """Return the page by ``key``; raises ``NoSuchPage`` where ``user`` may not see it."""
        page = self._pages.get(key)
        if page is None or not has(user, page.permission):
            raise NoSuchPage(key)
        return page

    def title(self, key: str) -> str:
        """Return the page's title in words; its key where there is no such page any more."""
        page = self._pages.get(key)
        return str(page.title) if page else key

    def open_to(self, user: User) -> list[Page]:
        """Return the pages that ``user`` may see."""
        return [page for page in self._pages.values() if has(user, page.permission)]


pages = Pages()


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants of a mailing; ``day`` is a weekday (0: Monday) or of the month."""

    name: str
    cadence: MailingCadence
    day: int
    hour: int


@transaction.atomic
def save(  # noqa: PLR0913  # what is asked for, of what, by whom and when
    *,
    wish: Wish,
    by: User,
    at: datetime,
    page: str = "",
    filters: str = "",
    mailing: PageMailing | None = None,
) -> PageMailing:
    """Keep a new mailing of ``page`` to ``by``, or change one of theirs, and return it.

    The same again changes nothing. It comes first at its next hour after ``at``. Raises
    ``NoSuchPage``, ``NameTaken`` and ``NotPossible``.
    """
    wished: dict[str, Any] = {
        "name": " ".join(wish.name.split()),
        "cadence": MailingCadence(wish.cadence).value,
    }
    wished |= {"day": wish.day, "hour": wish.hour}
    _require_possible(wished)
    if mailing is None:
        return _make(wished, page=page, filters=filters, by=by, at=at)
    row = PageMailing.objects.select_for_update().get(pk=mailing.pk, owner=by)
    before = {field: getattr(row, field) for field in wished}
    if before == wished:
        return row
    for field, value in wished.items():
        setattr(row, field, value)
    row.next_due_at = _next_moment(row, after=at)
    _keep(row)
    _record(
        row,
        verb="mailing.changed",
        summary="A regular mailing was changed",
        by=by,
        at=at,
        before=before,
        after=wished,
    )
    return row


def _make(
    wished: dict[str, Any], *, page: str, filters: str, by: User, at: datetime
) -> PageMailing:
    known = pages.get(page, user=by)
    kept = plain_filters(filters)
    if len(kept) > LONGEST_FILTERS or by.mailings.count() >= MOST_OF_ONE:
        raise NotPossible
    same = PageMailing.objects.filter(owner=by, page=known.key, filters=kept, **wished)
    if found := same.first():
        return found
    row = PageMailing(owner=by, page=known.key, filters=kept, made_at=at, **wished)
    row.next_due_at = _next_moment(row, after=at)
    _keep(row)
    after = {"page": row.page, "cadence": row.cadence, "day": row.day, "hour": row.hour}
    _record(
        row,
        verb="mailing.made",
        summary="A page is to come by mail regularly",
        by=by,
        at=at,
        before={},
        after=after,
    )
    return row


@transaction.atomic
def pause(*, mailing: PageMailing, is_active: bool, by: User, at: datetime) -> PageMailing:
    """Stop a mailing of ``by``, or take it up again at its next hour; said twice, once.

    Raises ``NoSuchPage`` where its page may not be seen any more.
    """
    row = PageMailing.objects.select_for_update().get(pk=mailing.pk, owner=by)
    if row.is_active == is_active:
        return row
    if is_active:
        pages.get(row.page, user=by)
        row.next_due_at = _next_moment(row, after=at)
    row.is_active = is_active
    row.save(update_fields=["is_active", "next_due_at"])
    verb = "mailing.taken_up" if is_active else "mailing.paused"
    summary = "A mailing was taken up again" if is_active else "A mailing was paused"
    _record(
        row,
        verb=verb,
        summary=summary,
        by=by,
        at=at,
        before={"is_active": not is_active},
        after={"is_active": is_active},
    )
    return row


@transaction.atomic
def drop(*, mailing: PageMailing, by: User, at: datetime) -> None:
    """Delete a mailing of ``by``; one that is gone already is left at that."""
    row = PageMailing.objects.select_for_update().filter(pk=mailing.pk, owner=by).first()
    if row is None:
        return
    _record(
        row,
        verb="mailing.dropped",
        summary="A mailing was deleted",
        by=by,
        at=at,
        before={"page": row.page},
        after={},
    )
    row.delete()


def send_due(*, at: datetime, limit: int = 20) -> int:
    """Queue the mailings whose hour has come, and return how many were looked at.

    Each in a transaction of its own, claimed by its row, so that sweeps may run side by side.
    After an outage a mailing comes once, not once for every hour it missed; a message already
    queued for a period is not queued again. What fails is tried again an hour later, and holds
    up no other.
    """
    looked_at = 0
    while looked_at < limit and _look_at_one(at=at):
        looked_at += 1
    return looked_at


@transaction.atomic
def send_test(*, mailing: PageMailing, by: User, at: datetime) -> int:
    """Queue a mailing of ``by`` now, changed or not, and return how many rows it has.

    It counts for no period. Raises ``NoSuchPage`` and ``CannotBeMade``.
    """
    row = PageMailing.objects.select_for_update().get(pk=mailing.pk, owner=by)
    made = _made(row, on=local_date(at, zone=by.time_zone), at=at)
    key = f"mailing {row.public_id} test {at:%Y-%m-%d %H:%M}"
    _queue(row, made, key=key, at=at)
    _record(
        row,
        verb="mailing.tested",
        summary="A mailing was sent to try it",
        by=by,
        at=at,
        before={},
        after={},
    )
    return len(made.rows)


def plain_filters(query: str) -> str:
    """Return a query string without the place in the list, and without what was left empty."""
    kept = QueryDict(mutable=True)
    for name, values in QueryDict(query.removeprefix("?")).lists():
        if name not in PLACES and (said := [value for value in values if value]):
            kept.setlist(name, said)
    return kept.urlencode()


@dataclass(frozen=True, kw_only=True)
class _Made:
    page: Page
    on: date
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    digest: str


def _look_at_one(*, at: datetime) -> bool:
    """Deal with the mailing that has been due longest and nobody holds; False: there is none.

    What goes wrong undoes all but the claim, and is told by the row.
    """
    with transaction.atomic():
        row = (
            PageMailing.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(is_active=True, next_due_at__lte=at)
            .select_related("owner")
            .order_by("next_due_at", "pk")
            .first()
        )
        if row is None:
            return False
        due_at = row.next_due_at
        row.last_looked_at = at
        row.next_due_at = _next_moment(row, after=at)
        try:
            with transaction.atomic():
                row.last_outcome, row.last_words = _send(row, at=at), ""
        except NoSuchPage:
            _refuse(row, due_at=due_at, at=at)
        except (CannotBeMade, TooLarge) as error:
            row.last_outcome = MailingOutcome.FAILED
            row.last_words = str(error) if isinstance(error, CannotBeMade) else _too_much()
        except Exception:
            # one page that is broken must not keep the others from their readers
            logger.exception("A mailing could not be made", extra={"mailing_id": row.pk})
            row.last_outcome, row.last_words = MailingOutcome.FAILED, ""
            row.next_due_at = min(row.next_due_at, at + TRY_AGAIN_AFTER)
        row.save()
    return True


def _send(row: PageMailing, *, at: datetime) -> MailingOutcome:
    """Queue it if it says something that the last did not."""
    made = _made(row, on=local_date(at, zone=row.owner.time_zone), at=at)
    if made.digest == row.last_digest:
        return MailingOutcome.UNCHANGED
    period = f"{_newest_moment(row, until=at):%Y-%m-%d %H:%M}"
    _queue(row, made, key=f"mailing {row.public_id} {period}", at=at)
    row.last_digest, row.last_sent_on = made.digest, made.on
    logger.info(
        "A page is mailed",
        extra={"user_id": row.owner_id, "page": row.page, "asked": row.filters},
    )
    return MailingOutcome.SENT


def _made(row: PageMailing, *, on: date, at: datetime) -> _Made:
    """Make the page as its owner may see it at this moment, whatever they might when asking."""
    page = pages.get(row.page, user=row.owner)
    sheet = page.make(
        row.owner, QueryDict(row.filters), local_date(at, zone=association_zone())
    )
    rows = list(islice(sheet.rows, MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise CannotBeMade(_too_much())
    digest = fingerprint(header=sheet.header, rows=rows, passing=sheet.passing)
    return _Made(page=page, on=on, header=sheet.header, rows=rows, digest=digest)


def _queue(row: PageMailing, made: _Made, *, key: str, at: datetime) -> None:
    templates.ensure(key=TEMPLATE, words=WORDS, gaps=GAPS)
    name = slugify(str(made.page.key))
    message = queue_message(
        user=row.owner,
        template_key=TEMPLATE,
        variables={
            "name": row.owner.name,
            "title": row.name,
            "page_name": str(made.page.title),
            "rows": str(len(made.rows)),
            "day": f"{made.on:%d %B %Y}",
            "page": _full(made.page.url(row.filters)),
            "settings": _full(reverse("success:mailings")),
        },
        purpose=Purpose.PROMISED,
        dedupe_key=key,
        due_at=at,
        not_after=at + TOO_LATE_AFTER,
    )
    attach(
        message=message,
        name=f"{name}-{made.on}.{XLSX}",
        content_type=WORKBOOK,
        content=workbook(name=name, header=made.header, rows=made.rows),
    )


def _refuse(row: PageMailing, *, due_at: datetime, at: datetime) -> None:
    """Send nothing, stop it, and say so on the owner's own page, once."""
    row.is_active = False
    row.last_outcome, row.last_words = MailingOutcome.REFUSED, ""
    notices.tell(
        users=[row.owner],
        kind=NoticeKind.SYSTEM,
        title=_("A page no longer comes by mail: %(name)s") % {"name": row.name},
        body=_("You may not see the page any more, so nothing was sent and it is stopped."),
        address=reverse("success:mailings"),
        dedupe_key=f"mailing {row.public_id} refused {due_at:%Y-%m-%d}",
        at=at,
    )


def _next_moment(row: PageMailing, *, after: datetime) -> datetime:
    """Its first hour after a moment, by the owner's own clock."""
    zone = row.owner.time_zone
    today = local_date(after, zone=zone)
    day = latest_day(today, cadence=row.cadence, day=row.day)
    moment = local_moment(day, time(row.hour), zone=zone)
    while moment <= after:
        day = next_day(day, cadence=row.cadence, day=row.day)
        moment = local_moment(day, time(row.hour), zone=zone)
    return moment


def _newest_moment(row: PageMailing, *, until: datetime) -> datetime:
    """Its newest hour not after a moment: what it was due for, however late it is."""
    zone = row.owner.time_zone
    day = latest_day(local_date(until, zone=zone), cadence=row.cadence, day=row.day)
    moment = local_moment(day, time(row.hour), zone=zone)
    if moment <= until:
        return moment
    day = latest_day(day - timedelta(days=1), cadence=row.cadence, day=row.day)
    return local_moment(day, time(row.hour), zone=zone)


def _require_possible(wished: dict[str, Any]) -> None:
    is_weekly = wished["cadence"] == MailingCadence.WEEKLY
    days = range(7) if is_weekly else range(1, 29)
    named = 0 < len(wished["name"]) <= LONGEST_NAME
    if not named or wished["day"] not in days or not 0 <= wished["hour"] < HOURS_A_DAY:
        raise NotPossible


def _keep(row: PageMailing) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise NameTaken(row.name) from error


def _record(  # noqa: PLR0913  # an audit entry has that many parts
    row: PageMailing,
    *,
    verb: str,
    summary: str,
    by: User,
    at: datetime,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    audit.record(
        verb=verb,
        subject=row,
        member_id=None,
        summary=summary,
        by=by,
        at=at,
        before={key: value for key, value in before.items() if key != "name"},
        after={key: value for key, value in after.items() if key != "name"},
    )


def _too_much() -> str:
    return _("It is too long to be mailed. Narrow it by filters, or take it as a file.")


def _full(path: str) -> str:
    site = str(getattr(settings, "WAYMARK_SITE_URL", ""))
    return f"{site.rstrip('/')}{path}"
