"""The weekly digest: at each colleague's own hour, once a week, silent where nothing was."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from communications.enums import MessageStatus, NoticeKind, Purpose
from communications.models import DigestPreference, Message, MessageTemplate
from communications.services import notices, templates
from communications.services.outbox import queue_message
from config.kernel.clock import local_date, local_moment
from members.enums import Role
from members.models import User
from members.services import audit
from success.engine.digest import Digest, as_text, latest_day, since_when, week_of
from success.queries.digests import digest_of

logger = logging.getLogger(__name__)

READERS: Final = (Role.DIRECTOR, Role.MSM, Role.OPERATIONS)
TEMPLATE: Final = "weekly-digest"
WORDS: Final = {
    "title": "The weekly digest",
    "subject": "Your week, {{ since }} to {{ until }}",
    "body": "Dear {{ name }},\n\n{{ digest }}\n\nThe same, with links: {{ page }}\n",
}
GAPS: Final = {
    "name": ("whose week it is", "Mira Lindqvist"),
    "since": ("its first day", "22 July"),
    "until": ("its last day", "29 July"),
    "digest": ("what there is to tell", "At risk (1)\n- 27 July: Harbour Works: Stalled"),
    "page": ("where it is", "https://members.example.org/digest/"),
}
SILENT: Final = "Nothing happened that is worth a digest"
TOO_LATE_AFTER: Final = timedelta(days=6)
HOURS_A_DAY: Final = 24
DAYS_A_WEEK: Final = 7


class NotPossible(ValueError):
    """A week has seven days, and a day 24 hours."""


@dataclass(frozen=True, kw_only=True)
class _Due:
    user: User
    at: datetime
    key: str


def send_due(*, at: datetime, limit: int = 50) -> int:
    """Queue the digests whose hour has come, and return how many were looked at.

    Each colleague's newest hour not after ``at``, in their own zone, is due unless its ISO week
    has a row: so after an outage there is one digest, about everything since the last, and
    running it again adds none. A digest with nothing in it leaves a row that says so, and
    nothing is sent. Each in a transaction of its own.
    """
    looked_at = 0
    for due in _due(at=at):
        if looked_at == limit:
            break
        looked_at += _write(due, at=at)
    return looked_at


@transaction.atomic
def prefer(
    *, user: User, is_wanted: bool, weekday: int, hour: int, at: datetime
) -> DigestPreference:
    """Keep whether and when a colleague wants the digest; the same again changes nothing.

    ``weekday`` is 0 for Monday; ``hour`` is by their own clock. Raises ``NotPossible``.
    """
    if not (0 <= weekday < DAYS_A_WEEK and 0 <= hour < HOURS_A_DAY):
        raise NotPossible
    said = preference_of(user)
    wished = {"is_wanted": is_wanted, "weekday": weekday, "hour": hour}
    before = {name: getattr(said, name) for name in wished}
    if before == wished:
        return said
    for name, value in wished.items():
        setattr(said, name, value)
    said.save()
    audit.record(
        verb="digest.preferred",
        subject=said,
        member_id=None,
        summary="Whether and when a colleague wants the weekly digest",
        by=user,
        at=at,
        before=before,
        after=wished,
    )
    return said


def preference_of(user: User) -> DigestPreference:
    """Return what a colleague said of the digest, or the usual: Mondays at eight."""
    said = DigestPreference.objects.filter(user=user).first()
    return said or DigestPreference(user=user)


def words_of(digest: Digest) -> str:
    """Return a digest as plain text, for mail."""
    titles = {
        "due": _("You promised, and it falls due or is late"),
        "given": _("Others gave you work"),
        "at_risk": _("At risk: going backwards, or stopped"),
        "changed": _("Changed"),
        "learned": _("Learned"),
        "earned": _("Earned"),
    }
    text = as_text(
        digest, titles=titles, more=_("and {number} more"), nothing=_("Nothing happened.")
    )
    if digest.unserved_items:
        text += "\n\n" + _(
            "%(hours)s hours of work (%(items)s items) do not fit into your week."
        ) % {"hours": _hours(digest), "items": digest.unserved_items}
    return text


def _due(*, at: datetime) -> Iterator[_Due]:
    said = {each.user_id: each for each in DigestPreference.objects.all()}
    found = []
    readers = User.objects.filter(role__in=READERS, is_active=True).order_by("pk")
    for user in readers:
        wish = said.get(user.pk) or DigestPreference(user=user)
        if wish.is_wanted:
            moment = _newest_moment(user, wish, at=at)
            day = local_date(moment, zone=user.time_zone)
            found.append(
                _Due(user=user, at=moment, key=f"digest {user.public_id} {week_of(day)}")
            )
    there = set(
        Message.objects.filter(dedupe_key__in=[due.key for due in found]).values_list(
            "dedupe_key", flat=True
        )
    )
    return (due for due in found if due.key not in there)


def _newest_moment(user: User, wish: DigestPreference, *, at: datetime) -> datetime:
    """Their hour this week, or last week's where it has not come yet."""
    zone = user.time_zone
    day = latest_day(local_date(at, zone=zone), weekday=wish.weekday)
    moment = local_moment(day, time(wish.hour), zone=zone)
    if moment > at:
        day -= timedelta(days=DAYS_A_WEEK)
        moment = local_moment(day, time(wish.hour), zone=zone)
    return moment


@transaction.atomic
def _write(due: _Due, *, at: datetime) -> bool:
    """Put one digest into the outbox, or a row that says there was none; False: it is there.

    Whoever else looks at the same moment waits for the row of the colleague, and then finds it.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=due.user.pk)
    if Message.objects.filter(dedupe_key=due.key).exists():
        return False
    last = (
        Message.objects.filter(user=user, dedupe_key__startswith=f"digest {user.public_id} ")
        .order_by("-due_at")
        .values_list("due_at", flat=True)
        .first()
    )
    since = since_when(last_until=last, due_at=due.at)
    on = local_date(due.at, zone=user.time_zone)
    digest = digest_of(user, since=since, until=due.at, as_of=on)
    template = templates.ensure(key=TEMPLATE, words=WORDS, gaps=GAPS)
    variables = {
        "name": user.name,
        "since": f"{digest.since:%d %B}",
        "until": f"{digest.until:%d %B}",
        "digest": words_of(digest),
        "page": _page(),
    }
    if digest.is_empty:
        _say_nothing(due, template=template, at=at)
        return True
    queue_message(
        user=user,
        template_key=TEMPLATE,
        variables=variables,
        purpose=Purpose.PROMISED,
        dedupe_key=due.key,
        due_at=due.at,
        not_after=due.at + TOO_LATE_AFTER,
    )
    if digest.unserved_items:
        _tell_overload(digest, user=user, key=due.key, at=at)
    return True


def _say_nothing(due: _Due, *, template: MessageTemplate, at: datetime) -> None:
    """Leave a row that says why this week's digest was not sent; it also makes it once."""
    message, is_new = Message.objects.get_or_create(
        dedupe_key=due.key,
        defaults={
            "user": due.user,
            "template": template,
            "purpose": Purpose.PROMISED,
            "due_at": due.at,
            "status": MessageStatus.SUPPRESSED,
            "finished_at": at,
            "outcome": SILENT,
        },
    )
    if is_new:
        logger.info("A digest has nothing to say", extra={"message_id": message.pk})


def _hours(digest: Digest) -> str:
    return f"{float(digest.unserved_hours or 0):.1f}"


def _tell_overload(digest: Digest, *, user: User, key: str, at: datetime) -> None:
    notices.tell(
        users=[user],
        kind=NoticeKind.WORK,
        title=_("%(hours)s hours of work do not fit into your week")
        % {"hours": _hours(digest)},
        body=_("Today lists them as unserved, in the order in which they wait."),
        address=reverse("success:today"),
        dedupe_key=f"overload {key}",
        at=at,
    )


def _page() -> str:
    site = str(getattr(settings, "WAYMARK_SITE_URL", ""))
    return f"{site.rstrip('/')}{reverse('success:digest')}"
