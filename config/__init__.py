"""The composition root. Celery's app is named here so that tasks find it everywhere."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
