"""A task for the test of the broker: it answers into a list that the test waits on."""

import redis
from celery import shared_task
from django.conf import settings


@shared_task(name="frame.echo")
def echo(*, key: str, word: str) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as link:
        link.rpush(key, word)
        link.expire(key, 60)
