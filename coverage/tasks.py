"""What the workers do for coverage. What is due is found in the tables."""

from celery import shared_task

from config.kernel import clock
from coverage.services.rebalancing import work_out


@shared_task(name="coverage.work_out", acks_late=True, ignore_result=True)
def work_out_rebalancing(*, rebalancing_id: int, **_: object) -> None:
    """Answer who should look after whom, unless another worker is at it."""
    work_out(rebalancing_id=rebalancing_id, clock=clock.now)
