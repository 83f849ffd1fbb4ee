from types import SimpleNamespace

import pytest

from config.kernel.panels import Panel, PanelRegistry
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
