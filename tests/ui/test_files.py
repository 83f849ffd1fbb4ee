import gzip
import json
import re

import pytest
from django.conf import settings
from django.core.management import call_command
from django.template.loader import get_template

from config.kernel.management.commands import assets
from config.kernel.templatetags.ui import ICONS

ROOT = settings.BASE_DIR
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_compiles_and_holds_nothing_inline(template):
    source = template.read_text()

    get_template(str(template.relative_to(ROOT / "templates")))
    assert (
        re.findall(r"\sstyle=|<style|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", source) == []
    )


@pytest.mark.parametrize("name", ["403.html", "404.html", "500.html"])
def test_error_page_needs_no_context(name):
    html = get_template(name).render({})

    assert (html.count("<h1>"), html.count("</html>")) == (1, 1)


def test_lock_file_names_no_registry():
    text = (ROOT / "package-lock.json").read_text()

    assert re.findall(r'"resolved"|https?://[^"]*registry', text) == []
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text().split()


def test_packages_are_pinned_exactly_and_as_locked():
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]

    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_sprite_holds_the_drawing_of_each_icon(tmp_path):
    (tmp_path / "outline").mkdir()
    (tmp_path / "outline/sun.svg").write_text(
        '<svg viewBox="0 0 24 24">\n<path stroke="none" d="M0 0h24v24H0z" fill="none" />\n'
        '<path d="M3 3h1" />\n</svg>'
    )

    text = assets.sprite(icons={"sun": "outline/sun"}, folder=tmp_path)

    assert re.findall(r'<symbol id="([^"]+)"', text) == ["sun"]
    assert re.findall(r"<path [^>]*>", text) == ['<path d="M3 3h1" />']


def test_sprite_stops_at_a_misspelt_icon(tmp_path):
    with pytest.raises(FileNotFoundError):
        assets.sprite(icons={"sun": "outline/sunn"}, folder=tmp_path)


def test_fingerprint_follows_the_lock_file(tmp_path):
    (tmp_path / "package-lock.json").write_text("{}")
    before = assets.fingerprint(root=tmp_path)
    (tmp_path / "package-lock.json").write_text('{"a": 1}')

    assert (assets.fingerprint(root=tmp_path) == before) is False


def test_assets_twice_does_nothing_the_second_time(capsys):
    if not (ROOT / "static/vendor/.stamp").exists():
        pytest.skip("The front-end files are not set up here; fetching them needs a network.")
    call_command("assets")
    call_command("assets")

    assert capsys.readouterr().out.splitlines()[-1] == "Front-end files are up to date."
    sprite = (ROOT / "static/vendor/icons.svg").read_text()
    assert sorted(re.findall(r'<symbol id="([^"]+)"', sprite)) == sorted(ICONS)


def test_portal_first_view_is_under_a_hundred_kilobytes():
    base = get_template("base_portal.html").template.source
    names = re.findall(r"{% static '([^']+)' %}", base)
    paths = [ROOT / "static" / name for name in [*names, "vendor/icons.svg"]]
    sheet = [path.read_bytes() for path in paths if path.exists()]

    assert sum(len(content) for content in sheet) < 90_000
    assert sum(len(gzip.compress(content)) for content in sheet) < 30_000
