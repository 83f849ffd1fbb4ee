"""Back-tests as they go, and what they came to."""

from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from members.models import Term
from success.enums import BacktestStatus
from success.models import Backtest, Play, PlayVersion

UNFINISHED = (BacktestStatus.WAITING, BacktestStatus.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many nights were looked at, of how many."""

    done: int
    total: int


def recent(*, play: Play | None = None) -> "QuerySet[Backtest]":
    """Return back-tests with their play, the newest first."""
    found = Backtest.objects.select_related("version__play", "asked_by").order_by(
        "-asked_at", "-pk"
    )
    return found if play is None else found.filter(version__play=play)


def unfinished_ids() -> list[int]:
    """Return the back-tests that a worker has to do with, the oldest first."""
    waiting = Backtest.objects.filter(status__in=UNFINISHED).order_by("asked_at", "pk")
    return list(waiting.values_list("pk", flat=True))


def progress(asked: Backtest) -> Progress:
    """Return how far a back-test has come, in nights."""
    total = _nights(asked, asked.last_on)
    if asked.status == BacktestStatus.DONE:
        return Progress(done=total, total=total)
    done = _nights(asked, asked.done_through) if asked.done_through else 0
    return Progress(done=done, total=total)


def version_to_test(play: Play) -> PlayVersion | None:
    """Return the version a play would be tested in: its draft, else the published one."""
    return play.versions.filter(status="draft").first() or play.current


def first_day() -> date | None:
    """Return the day the oldest term began; null without terms."""
    return Term.objects.order_by("starts_on").values_list("starts_on", flat=True).first()


def _nights(asked: Backtest, through: date) -> int:
    return (through - asked.first_on).days // asked.every_days + 1
