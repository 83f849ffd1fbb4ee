"""Back-tests: asked for as a row, walked in chunks of nights, left and found again.

A chunk is claimed with a lease, walks its nights over temporary tables and commits what it
found with how far it came, so that a killed worker loses that chunk only. Nothing is sent, no
entry is made and nothing is written but the row itself.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from config.kernel.clock import association_zone, local_date
from config.kernel.conditions import BadCondition
from members.models import Association, User
from members.services import audit
from success.engine import backtest as engine
from success.engine.backtest import BacktestResult, Share
from success.enums import BacktestStatus
from success.models import Backtest, PlanTemplate, PlayVersion
from success.rollups import trials
from success.rollups.trials import Found, NotTestable

CHUNK: Final = 60
LEASE: Final = timedelta(minutes=3)
MOST_ENTRIES: Final = 100_000
MOST_YEARS: Final = 20
LONGEST_HORIZON: Final = 1_100
UNFINISHED: Final = (BacktestStatus.WAITING, BacktestStatus.RUNNING)
CANCELLED: Final = "It was cancelled"

Clock = Callable[[], datetime]

__all__ = ["BadQuestion", "Finished", "NotTestable", "ask", "cancel", "work"]


class BadQuestion(Exception):
    """The years, the step or the horizon make no sense; in words a page can show."""


class Finished(Exception):
    """It has ended already, so there is nothing to cancel."""

    def __str__(self) -> str:
        return "It has ended already"


@transaction.atomic
def ask(  # noqa: PLR0913  # what a back-test is made of
    *,
    version: PlayVersion,
    first_on: date,
    last_on: date,
    every_days: int = 1,
    horizon_days: int = 365,
    path: PlanTemplate | None = None,
    by: User | None,
    at: datetime,
) -> Backtest:
    """Keep the question, with the version as it stands, and return it; a worker does the rest.

    With ``path`` every member has that path from the day they joined, also those who left
    before anybody planned; without, plans are those that were agreed. The same question while
    it is under way is the same back-test. Raises ``BadQuestion``, ``NotTestable`` and
    ``BadCondition``.
    """
    today = local_date(at, zone=association_zone())
    if last_on < first_on:
        raise BadQuestion("The last day comes before the first.")
    if last_on > today:
        raise BadQuestion("Nothing is known yet of a day to come.")
    if last_on - first_on > timedelta(days=MOST_YEARS * 366):
        raise BadQuestion(f"At most {MOST_YEARS} years at once.")
    if not 1 <= every_days <= 31:
        raise BadQuestion("Between nights are 1 to 31 days.")
    if not 1 <= horizon_days <= LONGEST_HORIZON:
        raise BadQuestion(f"The horizon is 1 to {LONGEST_HORIZON} days.")
    trials.check(version)
    # whoever presses twice waits here
    PlayVersion.objects.select_for_update(no_key=True, of=("self",)).get(pk=version.pk)
    definition = _definition(version) | {"path": path.key if path else ""}
    known = Backtest.objects.filter(
        version=version,
        definition=definition,
        first_on=first_on,
        last_on=last_on,
        every_days=every_days,
        horizon_days=horizon_days,
        status__in=UNFINISHED,
    ).first()
    if known is not None:
        return known
    asked = Backtest.objects.create(
        version=version,
        definition=definition,
        first_on=first_on,
        last_on=last_on,
        every_days=every_days,
        horizon_days=horizon_days,
        asked_by=by,
        asked_at=at,
    )
    _record("asked", asked, by=by, at=at)
    return asked


def work(
    *, backtest_id: int, clock: Clock, on_chunk: Callable[[Backtest], None] | None = None
) -> bool:
    """Walk a back-test to its end; False where another worker has it, or it has ended before.

    Killed half-way it goes on where it was; run twice it does nothing twice. What goes wrong is
    kept in the row, in words.
    """
    has_worked = False
    while (claimed := _claim(backtest_id, at=clock())) is not None:
        has_worked = True
        try:
            is_over = _chunk(claimed, clock=clock)
        except (NotTestable, BadCondition) as error:
            _end(claimed, BacktestStatus.FAILED, at=clock(), error=str(error))
            return True
        except Exception as error:
            _end(
                claimed,
                BacktestStatus.FAILED,
                at=clock(),
                error=f"{type(error).__name__}: {error}",
            )
            raise
        if on_chunk is not None:
            on_chunk(claimed)
        if is_over:
            return True
    return has_worked


@transaction.atomic
def cancel(*, backtest: Backtest, by: User | None, at: datetime) -> Backtest:
    """End a back-test that is under way; what it had found is dropped. Raises ``Finished``."""
    held = Backtest.objects.select_for_update(of=("self",)).get(pk=backtest.pk)
    if held.status not in UNFINISHED:
        raise Finished
    held.status, held.error = BacktestStatus.FAILED, CANCELLED
    held.finished_at, held.claimed_at, held.found = at, None, {}
    held.save(update_fields=["status", "error", "finished_at", "claimed_at", "found"])
    _record("cancelled", held, by=by, at=at)
    return held


def _claim(backtest_id: int, *, at: datetime) -> Backtest | None:
    """Take the next chunk of a back-test that nobody holds; None if there is none."""
    taken = (
        Backtest.objects.filter(pk=backtest_id, status__in=UNFINISHED)
        .filter(Q(claimed_at=None) | Q(claimed_at__lte=at - LEASE))
        .update(claimed_at=at, status=BacktestStatus.RUNNING)
    )
    if not taken:
        return None
    return Backtest.objects.select_related("version__play").filter(pk=backtest_id).first()


def _chunk(claimed: Backtest, *, clock: Clock) -> bool:
    """Walk some nights and let go of the claim; True once there are no more, or it was lost."""
    left = [
        night
        for night in trials.nights(
            first_on=claimed.first_on, last_on=claimed.last_on, every_days=claimed.every_days
        )
        if claimed.done_through is None or night > claimed.done_through
    ]
    over = left[:CHUNK]
    grace_days = Association.current().grace_days
    found = _found(claimed)
    if over:
        with transaction.atomic():
            found = trials.walk(
                version=_as_asked(claimed),
                path_id=_path_id(claimed),
                first_on=claimed.first_on,
                over=over,
                known=found,
                grace_days=grace_days,
            )
    if len(found) > MOST_ENTRIES:
        raise NotTestable(
            f"More than {MOST_ENTRIES:,} entries: ask for fewer years, or narrow whom it is for"
        )
    mine = Backtest.objects.filter(
        pk=claimed.pk, status=BacktestStatus.RUNNING, claimed_at=claimed.claimed_at
    )
    if len(left) > len(over):
        kept = {"entries": [_packed(one) for one in found]}
        return not mine.update(found=kept, done_through=over[-1], claimed_at=None)
    at = clock()
    with transaction.atomic():
        over_now = mine.update(
            status=BacktestStatus.DONE,
            result=_result(claimed, found, grace_days=grace_days, at=at),
            found={},
            done_through=claimed.last_on,
            claimed_at=None,
            finished_at=at,
        )
        if over_now:
            _record("done", claimed, by=None, at=at)
    return True


def _end(claimed: Backtest, status: BacktestStatus, *, at: datetime, error: str) -> None:
    with transaction.atomic():
        ended = Backtest.objects.filter(
            pk=claimed.pk, status=BacktestStatus.RUNNING, claimed_at=claimed.claimed_at
        ).update(status=status, error=error, finished_at=at, claimed_at=None, found={})
        if ended:
            _record("failed", claimed, by=None, at=at)


def _definition(version: PlayVersion) -> dict[str, Any]:
    return {
        "start_kind": str(version.start_kind),
        "start": version.start,
        "audience": version.audience,
        "aim": version.aim,
        "aim_condition": version.aim_condition,
        "aim_days": version.aim_days,
        "stop": version.stop,
        "reentry": str(version.reentry),
        "reentry_days": version.reentry_days,
    }


def _as_asked(asked: Backtest) -> PlayVersion:
    """The version as it stood when it was asked: a draft may have been written on since."""
    said = asked.definition
    return PlayVersion(
        play=asked.version.play,
        **{name: said[name] for name in _definition(asked.version)},
    )


def _path_id(asked: Backtest) -> int | None:
    key = asked.definition.get("path")
    if not key:
        return None
    path = PlanTemplate.objects.filter(key=key).first()
    if path is None:
        raise NotTestable(f"There is no path “{key}” any more")
    return path.pk


def _found(asked: Backtest) -> list[Found]:
    return [
        Found(
            member=member,
            occurrence=occurrence,
            entered_on=date.fromisoformat(entered_on),
            reached_on=date.fromisoformat(reached_on) if reached_on else None,
            holds=bool(holds),
        )
        for member, occurrence, entered_on, reached_on, holds in asked.found.get("entries", [])
    ]


def _packed(one: Found) -> list[Any]:
    reached_on = one.reached_on.isoformat() if one.reached_on else None
    return [one.member, one.occurrence, one.entered_on.isoformat(), reached_on, int(one.holds)]


def _result(
    asked: Backtest, found: list[Found], *, grace_days: int, at: datetime
) -> dict[str, Any]:
    as_of = local_date(at, zone=association_zone())
    version = _as_asked(asked)
    judged = engine.judge(
        [one.entry for one in found],
        engine.spells(trials.terms(), grace_days=grace_days, as_of=as_of),
        first_on=asked.first_on,
        last_on=asked.last_on,
        horizon_days=asked.horizon_days,
        aim_days=version.aim_days,
        decided_through=as_of - timedelta(days=grace_days),
    )
    at_once = sum(one.entered_on == asked.first_on for one in found)
    return _said(judged) | {
        "as_of": as_of.isoformat(),
        "grace_days": grace_days,
        "aim_days": version.aim_days,
        "at_once": at_once,
        "unknowable": sorted(trials.unknowable(version)),
    }


def _said(judged: BacktestResult) -> dict[str, Any]:
    """Return what came out as JSON; shares as plain floats, because they are for showing."""
    return {
        "entries": judged.entries,
        "members": judged.members,
        "too_late": judged.too_late,
        "unfollowed": judged.unfollowed,
        "precision": _share(judged.precision),
        "base": judged.base,
        "lift": judged.lift,
        "recall": _share(judged.recall),
        "reached": _share(judged.reached),
        "lead": {
            "lower_quartile": judged.lead_at(0.25),
            "median": judged.lead_at(0.5),
            "upper_quartile": judged.lead_at(0.75),
            "histogram": [list(span) for span in judged.histogram],
        },
        "years": [
            {
                "year": year.year,
                "entries": year.entries,
                "lapses": year.lapses,
                "foreseen": year.foreseen,
            }
            for year in judged.years
        ],
        "conclusion": judged.conclusion.value,
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "count": share.count,
        "of": share.of,
        "value": share.value,
        "interval": list(share.interval) if share.interval else None,
    }


def _record(verb: str, asked: Backtest, *, by: User | None, at: datetime) -> None:
    audit.record(
        verb=f"backtest.{verb}",
        subject=asked,
        member_id=None,
        summary=f"A back-test of the play “{asked.version.play.key}”, {asked.first_on} to "
        f"{asked.last_on}: {verb}",
        by=by,
        at=at,
    )
