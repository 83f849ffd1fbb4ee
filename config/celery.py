"""The Celery application: tasks of the apps, and a beat that only ticks."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init

from config import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("waymark")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def use_embedded_servers(**_: object) -> None:
    embedded.ensure()
