import pytest
from django.core.cache import cache


# Factories are imported where they are used: apps are not loaded yet when pytest reads this.
@pytest.fixture(autouse=True)
def _pinned(settings):
    from tests.factories import TODAY

    cache.clear()
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(db):
    from members.enums import Role
    from tests.factories import make_user

    return make_user(role=Role.DIRECTOR, name="Dora")


@pytest.fixture
def as_user():
    from rest_framework.test import APIClient

    def sign_in(user):
        client = APIClient()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def client(as_user, director):
    return as_user(director)
