"""Celery entry points. Losing one is harmless: the rows are still due a minute later."""

from celery import shared_task

from communications.services import gate
from config.kernel import clock


@shared_task(name="communications.send_due", ignore_result=True)
def send_due(*, limit: int = 300, **_: object) -> None:
    """Send what is due."""
    gate.send_due(at=clock.now(), limit=limit)


@shared_task(name="communications.release_stuck", ignore_result=True)
def release_stuck(**_: object) -> None:
    """Give up on what a crash left half sent."""
    gate.release_stuck(at=clock.now())
