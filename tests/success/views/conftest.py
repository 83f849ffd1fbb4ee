import datetime as dt

import pytest

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _the_day_is_held(settings):
    settings.WAYMARK_TODAY = dt.date(2026, 7, 29)


@pytest.fixture
def sign_in():
    from django.test import Client

    def client_of(user):
        client = Client()
        client.force_login(user)
        return client

    return client_of


@pytest.fixture
def at_noon(monkeypatch):
    """The day is pinned and its hours run: before dawn what was made that morning is to come."""
    noon = dt.datetime(2026, 7, 29, 12, tzinfo=dt.UTC)
    monkeypatch.setattr("config.kernel.clock._system_time", lambda: noon)
