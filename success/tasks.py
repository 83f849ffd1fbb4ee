"""What the workers do for success. Beat only ticks; what is due is found in the tables."""

from collections.abc import Sequence
from typing import Any

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from communications import tasks as outbox
from config.kernel import clock
from coverage.queries.rebalancing import unfinished_rebalancing_ids
from coverage.services import absences
from coverage.tasks import work_out_rebalancing
from success.queries.backtests import unfinished_ids as unfinished_backtest_ids
from success.queries.batches import unfinished_batch_ids
from success.queries.nights import unfinished_night_ids
from success.queries.profiles import unfinished_import_ids
from success.services import (
    batches,
    bulk,
    digests,
    handovers,
    mailings,
    plays,
    replies,
    telling,
    trials,
)
from success.services.nights import start_due_night, work_night
from success.services.profiles import work_import


@shared_task(name="success.tick", ignore_result=True)
def tick(**_: object) -> None:
    """Each minute: begin the night if its day has come, and wake the workers for what is due.

    Missing a tick is harmless: the day is still due at the next.
    """
    absences.hand_over_due(on=clock.today(), at=clock.now())
    start_due_night(today=clock.today(), at=clock.now())
    for night_id in unfinished_night_ids():
        work.delay(night_id=night_id)
    for batch_id in unfinished_batch_ids():
        work_batch.delay(batch_id=batch_id)
    for bulk_id in bulk.unfinished_ids():
        work_bulk.delay(bulk_id=bulk_id)
    for batch_id in unfinished_import_ids():
        work_profiles.delay(batch_id=batch_id)
    for rebalancing_id in unfinished_rebalancing_ids():
        work_out_rebalancing.delay(rebalancing_id=rebalancing_id)
    for backtest_id in unfinished_backtest_ids():
        work_backtest.delay(backtest_id=backtest_id)
    hear_soon(member_ids=plays.unheard(on=clock.today()))
    handovers.tell_moved(at=clock.now())
    replies.handle_due(at=clock.now())
    digests.send_due(at=clock.now())
    mailings.send_due(at=clock.now())
    telling.tell_due(on=clock.today(), at=clock.now())
    outbox.release_stuck.delay()
    outbox.send_due.delay()


@shared_task(name="success.work_night", acks_late=True, ignore_result=True)
def work(*, night_id: int, **_: object) -> None:
    """Work the steps of a night that no other worker holds."""
    work_night(night_id=night_id, clock=clock.now)


@shared_task(name="success.work_batch", acks_late=True, ignore_result=True)
def work_batch(*, batch_id: int, **_: object) -> None:
    """Agree the plans of a batch, or take them back, unless another worker is at it."""
    batches.work(batch_id=batch_id, clock=clock.now)


@shared_task(name="success.work_bulk", acks_late=True, ignore_result=True)
def work_bulk(*, bulk_id: int, **_: object) -> None:
    """Do an act to many items of the queue, or put it back, unless another worker is at it."""
    bulk.work(bulk_id=bulk_id, clock=clock.now)


@shared_task(name="success.work_profiles", acks_late=True, ignore_result=True)
def work_profiles(*, batch_id: int, **_: object) -> None:
    """Apply or undo a sheet of success profiles, member by member, until none is left."""
    work_import(batch_id=batch_id, now=clock.now, on=clock.today())


@shared_task(name="success.work_backtest", acks_late=True, ignore_result=True)
def work_backtest(*, backtest_id: int, **_: object) -> None:
    """Walk a back-test through its nights, unless another worker is at it."""
    trials.work(backtest_id=backtest_id, clock=clock.now)


@shared_task(name="success.hear", acks_late=True, ignore_result=True)
def hear(*, member_ids: list[int], **_: object) -> None:
    """Bring members of whom something was recorded just now to the newest night."""
    plays.hear(member_ids=member_ids, at=clock.now())


def hear_soon(*, member_ids: Sequence[int]) -> None:
    """Wake a worker for members of whom something was recorded; without one, the tick does.

    More than are looked at between two nights are the night's.
    """
    if not member_ids:
        return
    try:
        hear.delay(member_ids=list(member_ids)[: plays.MOST_HEARD])
    except OperationalError:  # the facts are there, and each minute's tick looks for them
        return


def wake_imports(*, batch_id: int) -> None:
    """Wake a worker for a sheet once the request has committed; without one, the tick does."""
    _wake(work_profiles, batch_id=batch_id)


def wake_bulk(*, bulk_id: int) -> None:
    """Wake a worker for an act on many items in the same way."""
    _wake(work_bulk, bulk_id=bulk_id)


def wake_batch(*, batch_id: int) -> None:
    """Wake a worker for a batch of plans in the same way."""
    _wake(work_batch, batch_id=batch_id)


def wake_backtest(*, backtest_id: int) -> None:
    """Wake a worker for a back-test in the same way."""
    _wake(work_backtest, backtest_id=backtest_id)


def _wake(task: Any, **ids: int) -> None:
    def wake() -> None:
        try:
            task.delay(**ids)
        except OperationalError:  # the row is there, and each minute's tick looks for it
            return

    transaction.on_commit(wake)
