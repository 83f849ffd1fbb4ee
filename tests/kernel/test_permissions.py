from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.viewsets import ViewSet

from config.kernel import permissions
from config.kernel.permissions import HasPermission, has, permissions_of, public, requires
from members.access import GRANTS, Permission
from members.enums import Role


@dataclass
class Person:
    """As much of a user as a permission looks at."""

    role: str
    is_active: bool = True
    is_authenticated: bool = True
    pk: int = 1


DIRECTOR = Person(role=Role.DIRECTOR)
MEMBER = Person(role=Role.MEMBER)


@requires(Permission.MEMBER_VIEW)
def guarded(_request):
    return HttpResponse("inside")


def test_permissions_of_a_role_are_those_of_every_app_together():
    expected = {str(p) for p in GRANTS[Role.DIRECTOR]}

    held = permissions_of(DIRECTOR)

    assert held >= expected
    assert {name.split(".")[0] for name in held} > {"members"}


def test_permissions_of_several_roles_add_up():
    @dataclass
    class Several(Person):
        roles: tuple[str, ...] = ("member", "member.lead", "nobody")

    member, lead = permissions_of(MEMBER), permissions_of(Several(role=Role.MEMBER))

    assert lead - member == {"success.path.work", "success.path.speak"}
    assert member < lead


@pytest.mark.parametrize(
    "user",
    [
        AnonymousUser(),
        None,
        Person(role=""),
        Person(role="nobody"),
        Person(role=Role.DIRECTOR, is_active=False),
        Person(role=Role.DIRECTOR, is_authenticated=False),
    ],
)
def test_permissions_of_somebody_without_a_known_role_are_none(user):
    assert permissions_of(user) == frozenset()


def test_has_is_denied_by_default():
    answers = [
        has(DIRECTOR, Permission.MEMBER_VIEW),
        has(MEMBER, Permission.MEMBER_VIEW),
        has(DIRECTOR, "members.nothing"),
    ]

    assert answers == [True, False, False]


def test_requires_lets_in_whom_the_role_allows(rf):
    request = rf.get("/members/")
    request.user = DIRECTOR

    assert guarded(request).content == b"inside"


def test_requires_raises_403_for_somebody_signed_in_without_it(rf):
    request = rf.get("/members/")
    request.user = MEMBER

    with pytest.raises(PermissionDenied):
        guarded(request)


def test_requires_sends_a_stranger_to_log_in_and_back(rf, settings):
    settings.LOGIN_URL = "/accounts/login/"
    request = rf.get("/members/?kind=individual")
    request.user = AnonymousUser()

    response = guarded(request)

    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/members/%3Fkind%3Dindividual"


def test_requires_moves_the_whole_page_where_a_fragment_was_asked_for(rf, settings):
    settings.LOGIN_URL = "/accounts/login/"
    request = rf.get(
        "/members/rows/",
        headers={"HX-Request": "true", "HX-Current-URL": "https://example.org/members/?a=1"},
    )
    request.user = AnonymousUser()

    response = guarded(request)

    assert response.status_code == 200
    assert response["HX-Redirect"] == "/accounts/login/?next=/members/%3Fa%3D1"


def test_requires_leaves_a_page_where_it_is_whose_words_it_refuses(rf):
    request = rf.post("/members/rows/", headers={"HX-Request": "true"})
    request.user = AnonymousUser()

    response = guarded(request)

    assert (response.status_code, "HX-Redirect" in response) == (401, False)


def test_requires_and_public_leave_marks_on_the_view():
    @public
    def door(_request):
        return HttpResponse()

    assert guarded.required_permission == Permission.MEMBER_VIEW
    assert door.is_public is True


class Things(ViewSet):
    authentication_classes = ()
    permission_classes = (HasPermission,)
    permission_map = {"list": Permission.MEMBER_VIEW}

    def list(self, request):
        return Response([])

    def create(self, request):
        return Response(status=201)


@pytest.mark.parametrize(
    ("method", "user", "status"),
    [
        ("get", DIRECTOR, 200),
        ("get", MEMBER, 403),
        ("get", None, 403),
        ("post", DIRECTOR, 403),  # offered by the view, missing from its map
        ("delete", DIRECTOR, 405),  # not offered
        ("options", DIRECTOR, 403),
    ],
)
def test_has_permission_reads_the_map_and_denies_what_it_does_not_name(method, user, status):
    request = getattr(APIRequestFactory(), method)("/things/")
    if user is not None:
        force_authenticate(request, user=user)
    view = Things.as_view({"get": "list", "post": "create"})

    assert view(request).status_code == status


class OwnPermission(StrEnum):
    SEE = "own.see"


def access_module(name, grants):
    module = ModuleType(name)
    module.Permission = OwnPermission
    module.GRANTS = grants
    return module


@pytest.fixture
def collect(monkeypatch):
    """Collect grants from given modules, and leave the real ones collected afterwards."""

    def from_modules(*modules):
        monkeypatch.setattr(permissions, "_access_modules", lambda: list(modules))
        permissions.grants.cache_clear()
        return permissions.grants()

    yield from_modules
    permissions.grants.cache_clear()


def test_grants_of_two_apps_add_up(collect):
    class Other(StrEnum):
        DO = "other.do"

    other = access_module("other.access", {"msm": frozenset({Other.DO})})
    other.Permission = Other
    own = access_module("own.access", {"msm": frozenset({OwnPermission.SEE})})

    assert collect(own, other) == {"msm": frozenset({"own.see", "other.do"})}


def test_grants_refuse_a_permission_declared_twice(collect):
    with pytest.raises(ImproperlyConfigured, match=r"b\.access and a\.access both declare"):
        collect(access_module("a.access", {}), access_module("b.access", {}))


def test_grants_refuse_what_the_app_does_not_declare(collect):
    with pytest.raises(ImproperlyConfigured, match="grants strange to msm"):
        collect(access_module("a.access", {"msm": frozenset({"strange"})}))
