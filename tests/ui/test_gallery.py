import re
from types import SimpleNamespace

import pytest
from django.http import Http404
from django.template.loader import get_template
from django.test import RequestFactory, override_settings
from django.urls import include, path

from config.kernel import views
from config.kernel.templatetags import road, ui
from tests.architecture.markup import inline_code

urlpatterns = [path("", include("config.kernel.urls"))]
pytestmark = pytest.mark.urls(__name__)

NOT_SHOWN = {"can"}  # answers a question, shows nothing


def ask(view, *args, role="director", **settings):
    request = RequestFactory().get("/gallery/")
    request.user = SimpleNamespace(
        role=role,
        is_authenticated=True,
        is_active=True,
        email="",
        get_full_name=lambda: "Ada L",
    )
    with override_settings(**{"DEBUG": False, **settings}):
        return view(request, *args)


def test_gallery_uses_every_component():
    text = get_template("gallery.html").template.source + "".join(
        get_template(f"components/{name}.html").template.source
        for name in ("page_header", "form_fields", "sort_header", "progress")
    )
    used = set(re.findall(r"{% (\w+)", text))
    declared = set(ui.register.tags) | set(road.register.tags)

    assert declared - used - NOT_SHOWN == set()


@pytest.mark.parametrize("view", [views.gallery, views.gallery_portal])
def test_gallery_has_no_inline_script_style_or_handler(view):
    html = ask(view).content.decode()
    ids = re.findall(r'\sid="([^"]+)"', html)

    assert inline_code(html) == []
    assert sorted({key for key in ids if ids.count(key) > 1}) == []


def test_gallery_shows_every_state_overlay_and_icon():
    html = ask(views.gallery).content.decode()

    assert [key for key in ui.STATES if f"wm-state-{key.replace('_', '-')}" not in html] == []
    assert [word for word, _ in ui.OVERLAYS.values() if str(word) not in html] == []
    assert [name for name in ui.ICONS if f"icons.svg#{name}" not in html] == []


@pytest.mark.parametrize(
    ("role", "debug", "open_"),
    [("director", False, True), ("member", False, False), ("", False, False), ("", True, True)],
)
def test_gallery_is_for_staff_or_while_developing(role, debug, open_):
    def answer():
        try:
            return ask(views.gallery_portal, role=role, DEBUG=debug).status_code
        except Http404:
            return 404

    assert answer() == (200 if open_ else 404)


def test_sample_charts_are_whole():
    kinds = views.chart_samples()

    assert {
        kind: {len(series["data"]) for series in sample["series"]} == {len(sample["x"])}
        for kind, sample in kinds.items()
    } == dict.fromkeys(("line", "step", "bar", "stacked", "waterfall"), True)
    assert ask(views.gallery_chart, "line").status_code == 200
