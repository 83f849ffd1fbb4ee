"""Tokens, scopes, CSRF and pace, on the real API."""

from datetime import date, timedelta

import pytest
from django.urls import get_resolver

from members.enums import Role
from members.services.api_access import revoke_token
from tests.architecture.addresses import addresses
from tests.factories import (
    NOON,
    make_intervention,
    make_member,
    make_term,
    make_token,
    make_user,
)

MEMBERS = "/api/v1/members/"
QUEUE = "/api/v1/interventions/"


@pytest.mark.django_db
def test_token_opens_what_its_scopes_name_and_nothing_else(api):
    make_member(name="Acme")
    _, secret = make_token(scopes=["members.member.view"])
    client = api(secret=secret)

    assert [row["name"] for row in client.get(MEMBERS).json()["results"]] == ["Acme"]
    assert client.get(QUEUE).status_code == 403


@pytest.mark.django_db
def test_token_never_does_more_than_its_users_role(api):
    user = make_user(role=Role.DIRECTOR)
    _, secret = make_token(user=user, scopes=["success.queue.view", "success.queue.work"])
    item = make_intervention()
    user.role = Role.OPERATIONS
    user.save()
    client = api(secret=secret)

    assert client.get(QUEUE).status_code == 200
    assert client.post(f"{QUEUE}{item.public_id}/claim/").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scopes", "amount"),
    [
        (["members.member.view"], None),
        (["members.member.view", "members.dues.view"], "1000.00"),
    ],
)
def test_token_shows_dues_only_where_its_scopes_name_them(api, scopes, amount):
    term = make_term()
    _, secret = make_token(user=make_user(role=Role.DIRECTOR), scopes=scopes)

    shown = api(secret=secret).get(f"{MEMBERS}{term.member.public_id}/").json()

    assert [t["annual_amount"] for t in shown["terms"]] == [amount]


@pytest.mark.django_db
@pytest.mark.parametrize("said", ["Bearer wm_guess", "Bearer", "Bearer a b", "Bearer \xff"])
def test_bad_token_is_401_in_words(api, said):
    client = api()
    client.credentials(HTTP_AUTHORIZATION=said)

    response = client.get(MEMBERS)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "authentication_failed"


@pytest.mark.django_db
def test_expired_and_revoked_tokens_are_401_and_tell_no_more(api, settings):
    _, expired_secret = make_token(expires_at=NOON + timedelta(seconds=1))
    revoked, revoked_secret = make_token()
    revoke_token(token=revoked, at=NOON)
    settings.WAYMARK_TODAY = date(2026, 7, 30)

    answers = [api(secret=s).get(MEMBERS) for s in (expired_secret, revoked_secret, "wm_x")]

    assert [a.status_code for a in answers] == [401] * 3
    assert len({a.json()["detail"] for a in answers}) == 1


@pytest.mark.django_db
def test_token_needs_no_csrf_and_a_session_does(api):
    user, item = make_user(), make_intervention()
    _, secret = make_token(user=user, scopes=["success.queue.work"])
    address = f"{QUEUE}{item.public_id}/claim/"

    by_session = api(user, enforce_csrf_checks=True).post(address)
    by_token = api(secret=secret, enforce_csrf_checks=True).post(address)

    assert (by_session.status_code, by_token.status_code) == (403, 200)
    assert by_session.json()["detail"].startswith("CSRF Failed")


@pytest.mark.django_db
def test_token_costs_one_query(api, django_assert_num_queries):
    _, secret = make_token()

    with django_assert_num_queries(3):  # token with user, night, members
        api(secret=secret).get(MEMBERS)


@pytest.mark.django_db
def test_each_token_has_an_allowance_of_its_own_and_is_told(api, settings):
    settings.WAYMARK_API_RATE = 2
    user = make_user()
    (_, one), (_, two) = make_token(user=user), make_token(user=user)

    answers = [api(secret=one).get(MEMBERS) for _ in range(3)]
    other = api(secret=two).get(MEMBERS)

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert [a["X-RateLimit-Remaining"] for a in answers] == ["1", "0", "0"]
    assert {a["X-RateLimit-Limit"] for a in answers} == {"2"}
    assert 1 <= int(answers[2]["X-RateLimit-Reset"]) <= 60
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert answers[2]["Content-Type"] == "application/problem+json"
    assert other.status_code == 200


def test_every_post_of_the_api_honours_idempotency_keys():
    unguarded = []
    for address in addresses(get_resolver().url_patterns):
        actions = getattr(address.callback, "actions", None) or {}
        view = getattr(address.callback, "cls", None)
        action = actions.get("post")
        if action and not hasattr(getattr(view, action), "is_idempotent"):
            unguarded.append(address.name)
        if view is not None and not actions and hasattr(view, "post"):
            unguarded.append(address.name)

    assert unguarded == []
