"""Every address says who may, GET changes nothing, and pages carry no inline code."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction
from django.http import HttpResponse
from django.test import Client
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from config.kernel.permissions import HasPermission, public, requires
from members.enums import Role
from members.models import Member, User
from tests.architecture.addresses import (
    addresses,
    candidates,
    make_one_of_each,
    planted_root,
    refusing_writes,
    undeclared,
)
from tests.architecture.markup import inline_code

NOON = datetime(2026, 7, 29, 12, tzinfo=UTC)
GONE = {404, 410}


@public
def opened(_request, pk):
    return HttpResponse(pk)


@requires("members.member.view")
def guarded(_request, pk):
    return HttpResponse(pk)


def forgotten(_request, pk):
    return HttpResponse(pk)


class Things(ViewSet):
    permission_classes = (HasPermission,)
    permission_map = {"list": "members.member.view"}

    def list(self, _request):
        return Response([])

    def create(self, _request):
        return Response([])


class Unguarded(Things):
    permission_classes = ()


def test_every_address_declares_who_may():
    everything = list(addresses())

    assert {a.route: lack for a in everything if (lack := undeclared(a))} == {}
    assert [a.route for a in everything if not a.name and not a.decides_itself] == []


def test_an_address_that_declares_nothing_is_noticed():
    root = planted_root(
        opened,
        guarded,
        forgotten,
        Things.as_view({"get": "list"}),
        Things.as_view({"get": "list", "post": "create"}),
        Unguarded.as_view({"get": "list"}),
    )

    found = {address.name: undeclared(address) for address in addresses(root)}

    assert found == {
        "inner:v0": None,
        "inner:v1": None,
        "inner:v2": "neither @requires nor @public",
        "inner:v3": None,
        "inner:v4": "its permission_map lacks create",
        "inner:v5": "its permission_classes lack HasPermission",
    }


def make_people():
    """Make one user of each role; ``None`` at the end is a stranger."""
    own = Member.objects.create(name="Own", created_at=NOON)
    users = [
        User.objects.create_user(
            f"{role}@walk.example",
            name=role.label,
            role=role,
            member=own if role is Role.MEMBER else None,
        )
        for role in Role
    ]
    return [*users, None]


def client_of(user, settings, *, sessions):
    """Return a client that is signed in and whose session middleware is already made."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{sessions}"
    client = Client()
    client.handler.load_middleware()
    if user is not None:
        client.force_login(user)
    return client


def ask(client, method, url):
    """Return the response, if it came to one, with the writes tried and the page's inline code."""
    with refusing_writes() as tried:
        try:
            response = getattr(client, method)(url)
            content = b"".join(response) if response.streaming else response.content
        except Exception as error:
            if not tried:
                error.add_note(f"{method} {url}")
                raise
            return None, tried, []
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    return response, tried, inline_code(content.decode()) if is_page else []


def url_of(address, client):
    """Return a URL of ``address`` that leads somewhere, else the last one tried."""
    url = None
    for url in candidates(address):
        response, _, _ = ask(client, "get", url)
        if response is None or response.status_code not in GONE:
            break
    return url


def walk(everything, people, settings):
    """Ask every address as everybody; return who tried to write, inline code, and all asked."""
    # Pages of other packages may keep their own session; ours may not write even there.
    clients = {
        sessions: [client_of(user, settings, sessions=sessions) for user in people]
        for sessions in ("signed_cookies", "db")
    }
    written, inline, asked = {}, {}, []
    for address in everything:
        sessions = "signed_cookies" if address.decides_itself else "db"
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{sessions}"
        url = url_of(address, clients[sessions][0])
        if url is None:
            continue
        for user, client in zip(people, clients[sessions], strict=True):
            for method in ("get", "head"):
                who = f"{method} {url} as {user.role if user else 'a stranger'}"
                _, tried, code = ask(client, method, url)
                asked.append(who)
                if tried:
                    written[who] = tried
                if code and "admin" not in address.namespaces:
                    inline[who] = code
    return written, inline, asked


@pytest.mark.django_db
def test_get_and_head_never_write_and_pages_carry_no_inline_code(settings):
    make_one_of_each()
    everything = [address for address in addresses() if address.name]

    written, inline, asked = walk(everything, make_people(), settings)

    assert (written, inline) == ({}, {})
    assert bool(asked) == bool(everything)


@public
def counts(_request, pk):
    Member.objects.filter(pk=pk).update(name="Seen")
    return HttpResponse()


@public
def hides(_request, pk):
    with suppress(DatabaseError), transaction.atomic():
        Member.objects.filter(pk=pk).delete()
    return HttpResponse()


@public
def remembers(request, pk):
    request.session["seen"] = pk
    return HttpResponse()


@public
def decorates(_request, pk):
    return HttpResponse(f"<p style='color: red'>{pk}</p>")


class PlantedRoot:
    """Addresses for ``override_settings(ROOT_URLCONF=…)``."""

    urlpatterns = planted_root(opened, guarded, counts, hides, remembers, decorates)


@pytest.mark.django_db
def test_a_get_that_writes_and_a_page_with_inline_code_are_noticed(settings):
    people = make_people()
    settings.ROOT_URLCONF, settings.LOGIN_URL = PlantedRoot, "/log-in/"
    pk = Member.objects.get().pk

    written, inline, asked = walk(list(addresses()), [people[0], None], settings)

    def each(i):
        url = f"/inner/{i}/{pk}/"
        return [
            f"{m} {url} as {w}" for w in ("director", "a stranger") for m in ("get", "head")
        ]

    assert asked == [who for i in range(6) for who in each(i)]
    assert list(written) == [*each(2), *each(3), *each(4)]
    assert inline == {who: ["line 1: p style="] for who in each(5) if who.startswith("get")}
    assert Member.objects.get().name == "Own"
