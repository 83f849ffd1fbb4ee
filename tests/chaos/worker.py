"""The product's own Celery application, living in the time of the trials."""

import os
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_prerun, worker_init, worker_process_init

from config.celery import app
from tests.chaos import shared as sharing

__all__ = ["app"]

shared = sharing.Shared(Path(os.environ["WAYMARK_CHAOS"]))
# How long a child that died is waited for before its task goes to another; ten seconds as
# Celery has it, and trials are short.
app.conf.worker_lost_wait = 0.5


@worker_init.connect
@worker_process_init.connect
def live_in_shared_time(**_: Any) -> None:
    from tests.chaos import broken

    sharing.install(shared)
    broken.install(shared)


@task_prerun.connect
def begin(task: Any = None, **_: Any) -> None:
    from django.conf import settings

    settings.WAYMARK_TIME_ZONE = shared.zone
    shared.begin(task.name)


@task_postrun.connect
def end(**_: Any) -> None:
    shared.end()
