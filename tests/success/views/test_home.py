import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import NoReverseMatch, reverse
from django.views.defaults import server_error

from members.enums import Role
from success.views.home import FIRST_PAGES
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def first_page(role):
    """The page of the role, or where its like falls back to while that is not there."""
    names = [FIRST_PAGES[role]] + (["success:today"] if role != Role.MEMBER else [])
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return None


@pytest.mark.parametrize("role", Role)
def test_home_leads_to_the_page_of_the_role(sign_in, role):
    response = sign_in(make_user(role=role)).get("/")

    assert response.headers.get("Location") == first_page(role)


def test_strangers_are_led_to_the_log_in(client):
    assert client.get("/").headers["Location"] == reverse("account_login")


@pytest.mark.parametrize("url", ["/nowhere/", "/members/00000000-0000-0000-0000-000000000000/"])
def test_staff_who_ask_for_what_is_not_there_get_a_page_that_says_so(sign_in, settings, url):
    settings.DEBUG = False

    response = sign_in(make_user()).get(url)

    assert (
        response.status_code,
        response.content.count(b"There is no such page here</h1>"),
    ) == (404, 1)


def test_strangers_get_the_same_page(client, settings):
    settings.DEBUG = False

    response = client.get("/nowhere/")

    assert (
        response.status_code,
        response.content.count(b"There is no such page here</h1>"),
    ) == (404, 1)


def test_the_wrong_role_is_told_so(sign_in, settings):
    settings.DEBUG = False
    member = sign_in(make_user(role=Role.MEMBER))

    response = member.get(reverse("success:today"))

    assert (
        response.status_code,
        response.content.count(b"This page is not for your role</h1>"),
    ) == (403, 1)


@pytest.mark.parametrize("user", [make_user, AnonymousUser])
def test_a_failure_is_told_to_anybody_without_details(rf, user):
    request = rf.get("/")
    request.user = user()

    response = server_error(request)

    assert (
        response.status_code,
        response.content.count(b"Something went wrong on our side</h1>"),
    ) == (500, 1)
