"""No template carries inline script, style or handlers; rendered pages are looked at, too."""

import re

import pytest
from django.urls import get_resolver

from tests.architecture.markup import inline_code
from tests.architecture.source import ROOT, templates

COMMENT = re.compile(r"\{#.*?#\}|\{%\s*comment\b.*?endcomment\s*%\}", re.DOTALL)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def markup_of(template):
    """Return a template's own markup, its lines kept and its tags made harmless."""
    text = COMMENT.sub(_lines, template)
    return TAG.sub(lambda found: " " + _lines(found), text)


def _lines(found):
    return "\n" * found.group().count("\n")


def test_templates_contain_no_inline_code():
    found = templates()

    assert found or not get_resolver().url_patterns
    assert {
        path.relative_to(ROOT).as_posix(): bad
        for path in found
        if (bad := inline_code(markup_of(path.read_text())))
    } == {}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("<script>go()</script>", ["line 1: <script> without src"]),
        ("\n<style>p {}</style>", ["line 2: <style>"]),
        ("<p style='color: red'>", ["line 1: p style="]),
        ("{# two\nlines #}<a onclick='go()'>", ["line 2: a onclick="]),
        ("<p {% if a %}style='{{ b }}'{% endif %}>", ["line 1: p style="]),
        ('<a href="javascript:go()">', ["line 1: a href=javascript:"]),
        ('<br hx-on:click="go()"/>', ["line 1: br hx-on:click="]),
        ("{# <style> #}{% comment %}<p style=''>{% endcomment %}", []),
        ('<script src="{% static "a.js" %}"></script>', []),
        ('<script type="application/json">{}</script>', []),
        ('<path stroke="red" class="one"/>', []),
    ],
)
def test_inline_code_is_noticed(template, expected):
    assert inline_code(markup_of(template)) == expected
