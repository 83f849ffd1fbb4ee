from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from config.kernel.panels import FETCHED, Panel, PanelRegistry, shared
from members.access import Permission
from members.enums import Role


def panel(key, *, order=10, permission=Permission.MEMBER_VIEW):
    return Panel(
        key=key, title=key.title(), order=order, url_name=f"x:{key}", permission=permission
    )


def user(role):
    return SimpleNamespace(role=role, is_active=True, is_authenticated=True)


def test_panels_stand_in_order_and_only_where_permitted():
    registry = PanelRegistry()
    for each in (
        panel("terms", order=30),
        panel("people", order=20),
        panel("facts", order=20),
        panel("dues", order=1, permission=Permission.DUES_VIEW),
    ):
        registry.register(each)

    seen = {role: [p.key for p in registry.panels_for(user(role))] for role in Role}

    assert seen == {
        Role.DIRECTOR: ["dues", "facts", "people", "terms"],
        Role.OPERATIONS: ["dues", "facts", "people", "terms"],
        Role.MSM: ["facts", "people", "terms"],
        Role.MEMBER: [],
    }


def test_register_takes_the_same_panel_twice_but_not_another_by_its_key():
    registry = PanelRegistry()
    registry.register(panel("terms"))
    registry.register(panel("terms"))

    with pytest.raises(ValueError, match="already is a panel 'terms'"):
        registry.register(panel("terms", order=99))


@pytest.mark.parametrize(("on_a_page", "times"), [(True, 1), (False, 2)])
def test_panels_of_a_page_fetch_once_and_one_alone_by_itself(on_a_page, times):
    request, made = RequestFactory().get("/"), []
    if on_a_page:
        request.__dict__[FETCHED] = {"of the page": None}

    def make():
        made.append("fetched")

    for _ in range(2):
        assert shared(request, "of a panel", make) is None

    assert len(made) == times
    if on_a_page:
        assert shared(request, "of the page", make) is None
        assert len(made) == times
