import datetime as dt

import pytest


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = dt.date(2026, 7, 29)


@pytest.fixture(autouse=True)
def unhurried():
    """Nobody's allowance is used up by an earlier test."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def api():
    """Return a client signed in as a user, or carrying a token."""
    from rest_framework.test import APIClient

    def sign_in(user=None, *, secret=None, **options):
        client = APIClient(**options)
        if user is not None:
            client.force_login(user)
        if secret is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return sign_in
