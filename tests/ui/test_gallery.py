import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from django.http import Http404
from django.test import RequestFactory, override_settings
from django.urls import include, path

from config.kernel import views
from config.kernel.templatetags import road, ui

urlpatterns = [path("", include("config.kernel.urls"))]
pytestmark = pytest.mark.urls(__name__)

BLOCK_TAGS = {"panel", "chart", "live"}
NOT_SHOWN = {"can"}  # answers a question, shows nothing


def ask(view, *args, role="director", **settings):
    request = RequestFactory().get("/gallery/")
    request.user = SimpleNamespace(
        role=role, is_authenticated=True, is_active=True, email="", get_full_name=lambda: "Ada L"
    )
    with override_settings(**{"DEBUG": False, **settings}):
        return view(request, *args)


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.ids, self.offences = [], []
        self.script = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "id" in given:
            self.ids.append(given["id"])
        self.offences += [(tag, name) for name in given if name == "style" or name[:2] == "on"]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.offences.append((tag, ""))
        self.offences += [(tag, v) for v in given.values() if (v or "").startswith("javascript:")]


def test_gallery_uses_every_component():
    source = views.render  # noqa: F841
    from django.template.loader import get_template

    text = get_template("gallery.html").template.source + "".join(
        get_template(f"components/{name}.html").template.source
        for name in ("page_header", "form_fields", "sort_header", "progress")
    )
    used = set(re.findall(r"{% (\w+)", text))
    declared = set(ui.register.tags) | set(road.register.tags)

    assert declared - used - NOT_SHOWN == set()


@pytest.mark.parametrize("view", [views.gallery, views.gallery_portal])
def test_gallery_has_no_inline_script_style_or_handler(view):
    page = Page(ask(view).content.decode())

    assert page.offences == []
    assert sorted({key for key in page.ids if page.ids.count(key) > 1}) == []


def test_gallery_shows_every_state_overlay_and_icon():
    html = ask(views.gallery).content.decode()

    assert [key for key in ui.STATES if f"wm-state-{key.replace('_', '-')}" not in html] == []
    assert [word for word, _ in ui.OVERLAYS.values() if word not in html] == []
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
