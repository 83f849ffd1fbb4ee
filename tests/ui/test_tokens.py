"""Colours are checked from the style sheet itself, in both themes (WCAG 2.2 AA)."""

import re

import pytest
from django.conf import settings

from config.kernel.templatetags.ui import STATES

SHEET = (settings.BASE_DIR / "static/css/tokens.css").read_text()
STATE_NAMES = [key.replace("_", "-") for key in STATES]


def block(selector):
    body = re.search(re.escape(selector) + r"[^{}]*\{([^}]*)\}", SHEET).group(1)
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", body))


THEMES = {
    "light": block(':root,\n[data-bs-theme="light"]'),
    "dark": block('[data-bs-theme="dark"]'),
}


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT = [
    *[(f"{name}-ink", f"{name}-tint") for name in STATE_NAMES],
    *[(f"{name}-ink", "surface") for name in STATE_NAMES],
    *[
        (ink, ground)
        for ink in ("ink", "ink-2", "ink-3", "brand")
        for ground in ("paper", "surface", "surface-2", "raised")
    ],
    ("on-brand", "brand"),
    ("on-brand", "brand-strong"),
    ("brand-strong", "brand-tint"),
    ("ink-2", "brand-tint"),
    ("ink-3", "brand-tint"),
]
SHAPES = [
    *[(f"{name}-mark", "surface") for name in STATE_NAMES],
    *[(f"{name}-mark", f"{name}-tint") for name in STATE_NAMES],
    ("line-strong", "surface"),
    ("line-strong", "paper"),
    ("focus", "surface"),
    ("focus", "paper"),
    ("road-done", "road-track"),
    ("road-feather", "road-done"),
]


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_text_has_contrast(theme):
    colours = THEMES[theme]
    weak = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in TEXT}

    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_shapes_have_contrast(theme):
    colours = THEMES[theme]
    weak = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in SHAPES}

    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}


def test_both_themes_name_the_same_tokens():
    assert sorted(THEMES["light"]) == sorted(THEMES["dark"])


def test_page_without_script_has_the_same_dark_colours():
    assert block("html:not(.js):not([data-bs-theme]):has(> .portal)") == THEMES["dark"]


def test_colours_are_written_only_in_the_tokens():
    sheets = sorted((settings.BASE_DIR / "static/css").glob("*.css"))
    found = {
        sheet.name: re.findall(r"#[0-9a-fA-F]{3,8}\b", sheet.read_text())
        for sheet in sheets
        if sheet.name not in {"tokens.css", "print.css"}
    }

    assert {name: set(colours) - {"#fff"} for name, colours in found.items()} == {
        name: set() for name in found
    }
