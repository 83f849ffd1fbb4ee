import re
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory

from config.kernel.templatetags import ui
from config.kernel.views import SampleForm

TODAY = date(2026, 7, 29)
MINUS = "\u2212"


def render(source, **context):
    return Template("{% load ui %}" + source).render(Context(context))


def text(source, **context):
    return " ".join(re.sub(r"<[^>]+>", "", render(source, **context)).split())


def links(html):
    return re.findall(r'<a [^>]*href="([^"]*)"', html)


@pytest.mark.parametrize(
    "source",
    [
        '{% icon "today" colour="red" %}',
        '{% state "ahead" colour="red" %}',
        '{% page_header "Title" subtitle="no such argument" %}',
        "{% money 1 %}",
        '{% panel colour="red" %}{% endpanel %}',
    ],
)
def test_undeclared_argument_is_a_syntax_error(source):
    with pytest.raises((TemplateSyntaxError, TypeError)):
        render(source)


def test_undeclared_icon_is_a_syntax_error():
    with pytest.raises(TemplateSyntaxError):
        render('{% icon "no-such-icon" %}')


@pytest.mark.parametrize("key", sorted(ui.STATES))
def test_state_has_colour_shape_and_word(key):
    html = render("{% state value %}", value=key.upper())

    assert text("{% state value %}", value=key) == ui.STATES[key].word
    assert html.count(f"wm-state-{key.replace('_', '-')}") == 1
    assert html.count('class="wm-shape"') == 1


def test_every_state_has_its_own_shape_and_word():
    assert len({ui.SHAPES[key] for key in ui.STATES}) == len(ui.STATES)
    assert len({look.word for look in ui.STATES.values()}) == len(ui.STATES)


def test_state_of_nothing_is_not_enough_data():
    assert text("{% state value %}", value=None) == "not enough data"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (Decimal("45000.00"), "USD", "$45,000"),
        (Decimal("-1250.50"), "EUR", f"{MINUS}€1,250.50"),
        (Decimal(7), "CHF", "CHF 7"),
        (None, "USD", "not known yet"),
    ],
)
def test_money_shows_currency_and_only_the_cents_there_are(amount, currency, shown):
    assert text("{% money a c %}", a=amount, c=currency) == shown


def test_money_refuses_floats():
    with pytest.raises(TypeError):
        render("{% money a 'USD' %}", a=1.5)


def test_numbers_carry_their_denominator():
    assert text('{% number 12 of=30 noun="accounts" %}') == "12 of 30 accounts"
    assert text('{% share 12 30 "accounts" %}') == "40% 12 of 30 accounts"
    assert text('{% share 0 0 "accounts" %}') == "not known yet"
    assert text("{% percent r %}", r=Decimal("1.034")) == "103.4%"
    assert text('{% signed -15 "days" %}') == f"{MINUS}15 days"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (date(2026, 7, 29), "today"),
        (date(2026, 7, 28), "yesterday"),
        (date(2026, 7, 23), "6 days ago"),
        (date(2026, 8, 10), "in 12 days"),
        (date(2026, 3, 12), "12 March"),
        (date(2024, 3, 12), "12 March 2024"),
        (datetime(2026, 7, 28, 9, 30, tzinfo=UTC), "yesterday"),
        (None, "not known yet"),
    ],
)
def test_day_says_dates_as_people_do(value, shown):
    assert text("{% day value %}", value=value, today=TODAY) == shown


def test_day_keeps_the_exact_date():
    html = render("{% day value %}", value=TODAY, today=TODAY)

    assert html == '<time datetime="2026-07-29" title="Wednesday, 29 July 2026">today</time>'


def test_field_ties_error_and_help_to_the_control():
    form = SampleForm({"name": "", "email": "a@example.org"})
    html = render("{% field form.name %}", form=form)

    assert html.count('aria-describedby="id_name_helptext id_name_error"') == 1
    assert html.count('aria-invalid="true"') == 1
    assert (html.count('id="id_name_helptext"'), html.count('id="id_name_error"')) == (1, 1)


def test_error_summary_links_to_each_field():
    form = SampleForm({"name": "", "email": "nobody", "channel": "mail", "segment": "inbound"})
    html = render("{% error_summary form %}", form=form)

    assert links(html) == ["#id_name", "#id_email"]
    assert render("{% error_summary form %}", form=SampleForm()).strip() == ""


def test_sort_header_keeps_filters_and_leaves_the_page():
    request = RequestFactory().get("/members/?state=stalled&after=b2&sort=name")
    html = render('{% sort_header "Member" "name" %}', request=request)

    assert html.count('href="?state=stalled&amp;sort=-name"') == 1
    assert html.count('aria-sort="ascending"') == 1


def test_pager_keeps_filters_and_replaces_the_cursor():
    request = RequestFactory().get("/members/?state=stalled&after=b2")
    html = render('{% pager 25 "members" after="c3" before="a1" total=3412 %}', request=request)

    assert links(html) == [
        "?state=stalled&amp;before=a1",
        "?state=stalled&amp;after=c3",
    ]


def test_navigation_hides_what_the_role_may_not_open_and_what_is_not_there(monkeypatch):
    items = (
        ui.NavItem("Gallery", "today", "gallery", "may.see"),
        ui.NavItem("Hidden", "today", "gallery", "may.not"),
        ui.NavItem("Nowhere", "today", "no:such", "may.see"),
    )
    monkeypatch.setattr(ui, "NAVIGATION", items)
    monkeypatch.setattr(ui, "address", {"gallery": "/gallery/", "no:such": ""}.get)

    entries = ui.navigation(permissions={"may.see"}, path="/gallery/portal/")

    assert [(entry["label"], entry["current"]) for entry in entries] == [("Gallery", True)]


def test_can_denies_somebody_without_a_role():
    request = SimpleNamespace(user=SimpleNamespace(is_authenticated=False))

    assert text('{% can "x" as may %}{{ may }}', request=request) == "False"


def test_live_polls_only_while_on():
    source = '{% live url="/runs/1/" key="run" on=on %}x{% endlive %}'

    assert render(source, on=True).count('hx-trigger="every 3s"') == 1
    assert render(source, on=False).count("hx-get") == 0


def test_names_are_escaped_everywhere():
    bad = "<script>alert(1)</script>"
    source = (
        "{% segment bad reason=bad %}{% person bad bad %}{% row_link bad '/x' %}{% note bad %}"
        "{% define bad bad %}{% empty_state bad bad %}{% panel bad %}{{ bad }}{% endpanel %}"
    )

    assert render(source, bad=bad).count("<script>") == 0


def test_filters_in_words_say_what_is_set_and_nothing_else():
    class Filters(forms.Form):
        q = forms.CharField(label="Search")
        state = forms.MultipleChoiceField(
            label="State", choices=[("stalled", "Stalled"), ("ahead", "Ahead")]
        )
        tier = forms.CharField(label="Tier")

    def said(query):
        request = RequestFactory().get("/", query)
        return ui.filters_in_words(Context({"request": request}), Filters())

    assert said({"state": ["stalled", "ahead"], "tier": "", "q": "<b>", "other": "1"}) == (
        '<p class="wm-on-paper">Search: &lt;b&gt; · State: Stalled, Ahead</p>'
    )
    assert said({}) == ""
