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
