"""Work goes through the embedded Valkey to a real worker; beat only ticks."""

import os
import uuid

import pytest
import redis
from django.conf import settings

from config.celery import app
from tests.frame.conftest import line_with
from tests.frame.echo import echo


@pytest.mark.slow
def test_a_worker_takes_a_task_from_the_embedded_broker(python):
    name = f"frame-{uuid.uuid4()}"
    answers = f"{name}-answers"
    worker = python(
        "-m", "celery", "--app", "config", "worker", "--pool", "solo", "--queues", name,
        "--include", "tests.frame.echo", "--without-mingle", "--without-gossip", "--loglevel", "INFO",
        WAYMARK_STATE=os.environ["WAYMARK_STATE"],
    )  # fmt: skip
    line_with(worker, "ready.")
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=None) as link:
        echo.apply_async(kwargs={"key": answers, "word": "heard"}, queue=name)
        answer = link.blpop([answers], timeout=60)
    worker.terminate()
    worker.communicate()

    assert answer == (answers.encode(), b"heard")
    assert worker.returncode == 0


def test_beat_only_ticks_each_minute_in_utc():
    schedule = {
        name: (entry["task"], entry["schedule"])
        for name, entry in app.conf.beat_schedule.items()
    }

    assert schedule == {"tick": ("success.tick", 60.0)}
    assert (app.conf.enable_utc, app.conf.timezone) == (True, "UTC")


def test_a_task_lost_with_its_worker_is_taken_again():
    assert (app.conf.task_acks_late, app.conf.task_reject_on_worker_lost) == (True, True)
