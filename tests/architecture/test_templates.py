"""No template carries inline script, style or handlers, nor a word that gettext never sees."""

import re

import pytest
from django.urls import get_resolver

from tests.architecture.markup import inline_code
from tests.architecture.source import ROOT, templates

COMMENT = re.compile(r"\{#.*?#\}|\{%\s*comment\b.*?endcomment\s*%\}", re.DOTALL)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
BLOCK = re.compile(r"\{%\s*blocktranslate\b.*?endblocktranslate\s*%\}", re.DOTALL)
ELEMENT = re.compile(r"<(?:\"[^\"]*\"|'[^']*'|[^>\"'])*>", re.DOTALL)
SAID = re.compile(r"\b(?:aria-label|title|alt|placeholder)=\"([^\"]*)\"")
WORD = re.compile(r"[A-Za-z]{3,}")
# Names and signs that are the same in every language; a page of the API; samples of components.
NAMES = {"Waymark", "UTC", "CSV", "XLSX", "API", "docs", "measures"}
NOT_SAID = ("templates/gallery", "templates/api/docs.html", "templates/allauth/")


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


def untranslated(template):
    """Return the words of a template that stand outside what gettext sees."""
    text = TAG.sub("\n", BLOCK.sub("\n", COMMENT.sub("\n", template)))
    said = [*SAID.findall(text), ELEMENT.sub("\n", text)]
    return sorted({word for part in said for word in WORD.findall(part)} - NAMES)


def test_templates_say_nothing_that_cannot_be_translated():
    assert {
        name: words
        for path in templates()
        if not (name := path.relative_to(ROOT).as_posix()).startswith(NOT_SAID)
        and (words := untranslated(path.read_text()))
    } == {}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("<p>Good day</p>", ["Good", "day"]),
        ('<a title="Whole">{{ name }}</a>', ["Whole"]),
        ("{% translate 'Good day' %}<p class='plain'>{{ day }}</p>", []),
        ("{% blocktranslate %}Good {{ part }}{% endblocktranslate %} Waymark", []),
        ("<a aria-label=\"{% translate 'Main' %}\">{# Good #}</a>", []),
    ],
)
def test_a_word_outside_the_catalogue_is_noticed(template, expected):
    assert untranslated(template) == expected
