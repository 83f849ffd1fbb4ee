"""The components: template tags with declared arguments; ``/gallery/`` shows every one.

Load with ``{% load ui %}``. A misspelt or unknown argument is a ``TemplateSyntaxError`` when
the template is compiled. Unknown values (None) are shown as *not known yet*, never as zero. No
tag writes inline style, script or handlers. No tag asks the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from django import template
from django.forms import BaseForm, BoundField, CheckboxInput, RadioSelect, Select
from django.forms.widgets import CheckboxSelectMultiple, ClearableFileInput
from django.template.context import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from config.kernel.permissions import permissions_of

register = template.Library()

Words = Any  # a text, or one that is translated when it is shown
UNKNOWN = gettext_lazy("not known yet")

# --- navigation -------------------------------------------------------------------------------


@dataclass(frozen=True)
class NavItem:
    """An entry of the left rail: shown if its address exists and the role may open it."""

    label: Words
    icon: str
    url_name: str
    permission: str
    count_url_name: str = ""


NAVIGATION = (
    NavItem(
        gettext_lazy("Today"),
        "today",
        "success:today",
        "success.queue.view",
        "success:today_count",
    ),
    NavItem(gettext_lazy("Members"), "members", "success:members", "members.member.view"),
    NavItem(gettext_lazy("Plans"), "road", "success:plans", "success.plan.view"),
    NavItem(gettext_lazy("Plays"), "plays", "success:plays", "success.play.view"),
    NavItem(gettext_lazy("Reviews"), "calendar", "success:reviews", "success.review.view"),
    NavItem(gettext_lazy("Measures"), "measures", "success:measures", "success.vector.view"),
    NavItem(gettext_lazy("Coverage"), "coverage", "coverage:overview", "coverage.view"),
    NavItem(
        gettext_lazy("Messages"),
        "messages",
        "communications:outbox",
        "communications.message.view",
    ),
    NavItem(gettext_lazy("Runs"), "runs", "success:runs", "success.night.view"),
)
SEARCH = NavItem(gettext_lazy("Search"), "search", "success:members", "members.member.view")
NOTICES = NavItem(gettext_lazy("Notices"), "bell", "notices", "communications.notice.view")
LOG = NavItem(gettext_lazy("Log time"), "clock", "coverage:effort_log", "coverage.effort.log")


def address(url_name: str) -> str:
    """The address of ``url_name``, or nothing where the project has no such page."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""


def navigation(*, permissions: Iterable[str], path: str) -> list[dict[str, Any]]:
    """The rail's entries for someone with ``permissions``, the open one marked current."""
    held = frozenset(permissions)
    entries = []
    for item in NAVIGATION:
        url = address(item.url_name)
        if url and item.permission in held:
            current = path == url or (url != "/" and path.startswith(url))
            entries.append(
                {
                    "label": str(item.label),
                    "icon": item.icon,
                    "url": url,
                    "current": current,
                    "count_url": address(item.count_url_name) if item.count_url_name else "",
                }
            )
    return entries


@register.simple_tag(takes_context=True)
def can(context: Context, permission: str) -> bool:
    """Say whether the person at the screen holds it: ``{% can "coverage.view" as may %}``."""
    request = context.get("request")
    user = getattr(request, "user", None)
    return user is not None and permission in permissions_of(user)


# --- icons ------------------------------------------------------------------------------------

ICONS = {
    "today": "outline/calendar-week",
    "members": "outline/users",
    "measures": "outline/chart-histogram",
    "coverage": "outline/scale",
    "plays": "outline/route-2",
    "community": "outline/users-group",
    "messages": "outline/messages",
    "runs": "outline/player-play",
    "settings": "outline/settings",
    "search": "outline/search",
    "sun": "outline/sun",
    "moon": "outline/moon",
    "system": "outline/device-desktop",
    "key": "outline/key",
    "sign-out": "outline/logout",
    "help": "outline/help-circle",
    "info": "outline/info-circle",
    "warning": "outline/alert-triangle",
    "done": "outline/circle-check",
    "failed": "outline/circle-x",
    "close": "outline/x",
    "check": "outline/check",
    "clock": "outline/clock",
    "snooze": "outline/clock-pause",
    "claim": "outline/hand-stop",
    "undo": "outline/arrow-back-up",
    "next": "outline/chevron-right",
    "previous": "outline/chevron-left",
    "up": "outline/arrow-up",
    "down": "outline/arrow-down",
    "sort": "outline/arrows-sort",
    "filter": "outline/filter",
    "download": "outline/download",
    "external": "outline/external-link",
    "call": "outline/phone",
    "mail": "outline/mail",
    "meeting": "outline/video",
    "chat": "outline/message-circle",
    "group": "outline/users-group",
    "keyboard": "outline/keyboard",
    "more": "outline/dots",
    "add": "outline/plus",
    "calendar": "outline/calendar",
    "place": "outline/map-pin",
    "goal": "outline/flag",
    "building": "outline/building",
    "person": "outline/user",
    "history": "outline/history",
    "table": "outline/table",
    "edit": "outline/pencil",
    "trigger": "outline/bolt",
    "inbox": "outline/inbox",
    "care": "outline/lifebuoy",
    "import": "outline/file-import",
    "ghost": "outline/ghost-2",
    "simulated": "outline/flask",
    "assumed": "outline/ruler-measure",
    "road": "outline/route",
    "segment": "outline/user-heart",
    "bell": "outline/bell",
}
"""Our name to the file in @tabler/icons; ``manage.py assets`` builds the sprite from it."""


@register.simple_tag
def icon(name: str, label: str = "", size: str = "md") -> SafeString:
    """A Tabler icon of ``ICONS``. Decorative unless ``label`` says what it means.

    ``size``: ``sm``, ``md`` or ``lg``.
    """
    if name not in ICONS:
        raise template.TemplateSyntaxError(f"No icon is called {name!r}; add it to ui.ICONS.")
    if size not in {"sm", "md", "lg"}:
        raise template.TemplateSyntaxError(f"icon size is sm, md or lg, not {size!r}")
    spoken: SafeString = mark_safe('aria-hidden="true"')
    if label:
        spoken = format_html('role="img" aria-label="{}"', label)
    return format_html(
        '<svg class="wm-icon wm-icon-{}" width="24" height="24" focusable="false" {}>'
        '<use href="{}#{}"></use></svg>',
        size,
        spoken,
        static("vendor/icons.svg"),
        name,
    )


# --- states and tags --------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """How a state looks: its word, its shape, and the sentence that explains it."""

    word: Words
    shape: str
    meaning: Words


STATES = {
    "ahead": Look(
        gettext_lazy("ahead"),
        "▲",
        gettext_lazy("has reached more of the plan than the calendar asks for"),
    ),
    "on_track": Look(
        gettext_lazy("on track"), "●", gettext_lazy("owes the plan nothing today")
    ),
    "slipping": Look(
        gettext_lazy("slipping"), "◐", gettext_lazy("more than a week behind, but still moving")
    ),
    "stalled": Look(
        gettext_lazy("stalled"),
        "■",
        gettext_lazy("more than a week behind and not moving for 30 days"),
    ),
    "regressing": Look(
        gettext_lazy("regressing"), "▼", gettext_lazy("a milestone was reached and then lost")
    ),
    "no_plan": Look(
        gettext_lazy("no plan"),
        "○",
        gettext_lazy("no goal with milestones has been agreed yet"),
    ),
    "achieved": Look(
        gettext_lazy("achieved"), "★", gettext_lazy("every milestone of the plan is reached")
    ),
    "not_enough_data": Look(
        gettext_lazy("not enough data"),
        "◌",
        gettext_lazy("too new to say; known after seven days"),
    ),
}
SHAPES = {
    "ahead": '<path d="M8 2.5L14.5 13.5H1.5Z"/>',
    "on_track": '<circle cx="8" cy="8" r="5.5"/>',
    "slipping": '<circle cx="8" cy="8" r="5.2" class="hollow"/>'
    '<path d="M8 2.5a5.5 5.5 0 0 0 0 11Z"/>',
    "stalled": '<rect x="3" y="3" width="10" height="10" rx="1"/>',
    "regressing": '<path d="M8 13.5L1.5 2.5H14.5Z"/>',
    "no_plan": '<circle cx="8" cy="8" r="5.2" class="hollow dashed"/>',
    "achieved": '<path d="M8 1.4l2 4.3 4.7.6-3.5 3.2.9 4.7'
    'L8 11.9l-4.1 2.3.9-4.7L1.3 6.3 6 5.7Z"/>',
    "not_enough_data": '<circle cx="8" cy="8" r="5.2" class="hollow dotted"/>'
    '<circle cx="8" cy="8" r="1.4"/>',
}
OVERLAYS = {
    "we_owe": (
        gettext_lazy("we owe them"),
        gettext_lazy("A promise of ours is late; no nudge goes to this member."),
    ),
    "assoc_blocked": (
        gettext_lazy("waiting for us"),
        gettext_lazy(
            "The overdue milestone waits for a promise of ours; no nudge goes to this member."
        ),
    ),
    "ax_mismatch": (
        gettext_lazy("experience mismatch"),
        gettext_lazy("What we deliver does not suit the way this member works."),
    ),
    "over_delivery": (
        gettext_lazy("over-delivery"),
        gettext_lazy("We spend more on this member than suits them."),
    ),
    "goal_stale": (
        gettext_lazy("goal stale"),
        gettext_lazy("The goal has not been looked at together for too long."),
    ),
    "dm_substitution": (
        gettext_lazy("decision maker gone quiet"),
        gettext_lazy("Others come in place of the person who decides."),
    ),
    "evidence_thin": (
        gettext_lazy("thin evidence"),
        gettext_lazy("More than half of what is achieved rests on one side's word."),
    ),
    "rebaselined": (
        gettext_lazy("plan was moved"),
        gettext_lazy("Expected days were changed after they were agreed."),
    ),
}
SEGMENT_ICONS = {
    "inbound": "inbox",
    "asynchronized": "mail",
    "synchronous": "meeting",
    "task_force": "care",
}
MODALITIES = {
    "call": ("call", gettext_lazy("call")),
    "meeting": ("meeting", gettext_lazy("meeting")),
    "mail": ("mail", gettext_lazy("e-mail")),
    "email": ("mail", gettext_lazy("e-mail")),
    "message": ("chat", gettext_lazy("message")),
    "chat": ("chat", gettext_lazy("chat")),
    "group": ("group", gettext_lazy("group")),
    "video": ("meeting", gettext_lazy("video")),
    "sync": ("meeting", gettext_lazy("in person or live")),
    "async": ("mail", gettext_lazy("in writing")),
    "automated": ("mail", gettext_lazy("automatic message")),
    "human": ("person", gettext_lazy("a person")),
}
MARKERS = {
    "simulated": (
        gettext_lazy("simulated"),
        gettext_lazy("Made up for the demonstration; not from a real record."),
    ),
    "assumed": (
        gettext_lazy("assumed"),
        gettext_lazy("Set by assumption, because too little is known to work it out."),
    ),
    "estimated": (
        gettext_lazy("estimated"),
        gettext_lazy("Worked out from published rates, not from invoices."),
    ),
    "provisional": (
        gettext_lazy("provisional"),
        gettext_lazy("May still change until the grace period has ended."),
    ),
}


def slug(value: object) -> str:
    """`ON_TRACK`, `On track` and an enum member with either value all become `on_track`."""
    text = str(getattr(value, "value", value))
    return text.strip().lower().replace(" ", "_").replace("-", "_")


def shape_svg(key: str) -> SafeString:
    drawing = mark_safe(SHAPES[key])  # noqa: S308  # constants above
    return format_html(
        '<svg class="wm-shape" viewBox="0 0 16 16" width="16" height="16" '
        'aria-hidden="true" focusable="false">{}</svg>',
        drawing,
    )


@register.simple_tag
def state(value: Any, bare: bool = False, note: str = "") -> SafeString:
    """A Success Vector state with its colour, shape and word.

    ``value`` is a key of ``STATES`` in any case (or an enum member); None or nothing means not
    enough data. ``bare`` keeps the word for screen readers only (dense tables); ``note`` adds
    words of yours, such as *12 days*.
    """
    key = slug(value) if value else "not_enough_data"
    if key not in STATES:
        raise ValueError(f"No state is called {value!r}.")
    look = STATES[key]
    word_class = "visually-hidden" if bare else "wm-state-word"
    extra = format_html(' <span class="wm-state-note">{}</span>', note) if note else ""
    return format_html(
        '<span class="wm-state wm-state-{}{}" title="{}">{}<span class="{}">{}</span>{}</span>',
        key.replace("_", "-"),
        " is-bare" if bare else "",
        look.meaning,
        shape_svg(key),
        word_class,
        look.word,
        extra,
    )


@register.simple_tag
def overlay(value: Any) -> SafeString:
    """A small tag with words that stands beside a state (keys of ``OVERLAYS``)."""
    key = slug(value)
    if key not in OVERLAYS:
        raise ValueError(f"No overlay is called {value!r}.")
    word, meaning = OVERLAYS[key]
    return format_html(
        '<span class="wm-overlay wm-overlay-{}" title="{}">{}</span>',
        key.replace("_", "-"),
        meaning,
        word,
    )


@register.simple_tag
def segment(label: str, reason: str = "") -> SafeString:
    """A coverage segment's chip; with ``reason`` a button beside it opens why."""
    if not label:
        return format_html('<span class="wm-chip is-unknown">{}</span>', _("no segment yet"))
    name = SEGMENT_ICONS.get(slug(label), "segment")
    chip = format_html(
        '<span class="wm-chip">{}<span>{}</span></span>', icon(name, size="sm"), label
    )
    if not reason:
        return chip
    return format_html(
        '<span class="wm-joined">{}{}</span>',
        chip,
        define(_("Why %(name)s") % {"name": label}, reason),
    )


@register.simple_tag
def modality(value: str, bare: bool = False) -> SafeString:
    """How an act is done (call, meeting, mail, chat, group …): icon and word."""
    name, word = MODALITIES.get(slug(value), ("chat", str(value).replace("_", " ").lower()))
    if bare:
        return format_html('<span class="wm-modality">{}</span>', icon(name, label=str(word)))
    return format_html(
        '<span class="wm-modality">{}<span>{}</span></span>', icon(name, size="sm"), word
    )


@register.simple_tag
def marker(kind: str, note: str = "") -> SafeString:
    """Says of a number or row that it is simulated, assumed, estimated or provisional."""
    if kind not in MARKERS:
        raise template.TemplateSyntaxError(f"marker is one of {', '.join(MARKERS)}")
    word, meaning = MARKERS[kind]
    return format_html(
        '<span class="wm-marker wm-marker-{}" title="{}">{}</span>', kind, note or meaning, word
    )


# --- numbers, money, dates --------------------------------------------------------------------

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
NBSP = "\u00a0"
MINUS = "\u2212"


def unknown(why: str = "") -> SafeString:
    return format_html('<span class="wm-unknown" title="{}">{}</span>', why, UNKNOWN)


def grouped(value: Decimal | Fraction | float, *, places: int = 0) -> str:
    """`1234.5` becomes `1,234.5`; a negative number gets a real minus sign."""
    if isinstance(value, Fraction):  # has no format of its own before Python 3.12
        value = Decimal(value.numerator) / value.denominator
    return f"{value:,.{places}f}".replace("-", MINUS)


@register.simple_tag
def money(amount: Decimal | None, currency: str, cents: bool = False) -> SafeString:
    """``amount`` with its currency; cents only where asked or where there are any.

    Never a float: that raises ``TypeError``. None is not known yet.
    """
    if amount is None:
        return unknown()
    if isinstance(amount, float):
        raise TypeError("Money is Decimal, never float.")
    value = Decimal(amount)
    places = 2 if cents or value != value.to_integral_value() else 0
    sign = MINUS if value < 0 else ""
    figure = grouped(abs(value), places=places)
    symbol = SYMBOLS.get(currency, f"{currency}{NBSP}")
    return format_html('<span class="wm-num wm-money">{}{}{}</span>', sign, symbol, figure)


@register.simple_tag
def number(
    value: Decimal | float | None, of: int | None = None, noun: str = "", places: int = 0
) -> SafeString:
    """`12 of 30 accounts`: a number with its denominator and what it counts."""
    if value is None:
        return unknown()
    figure = format_html('<span class="wm-num">{}</span>', grouped(value, places=places))
    if of is None and not noun:
        return figure
    rest = noun
    if of is not None:
        whole = _("of %(total)s %(noun)s") if noun else _("of %(total)s")
        rest = whole % {"total": grouped(of), "noun": noun}
    return format_html('{}<span class="wm-of"> {}</span>', figure, rest)


@register.simple_tag
def share(part: int | None, whole: int | None, noun: str = "", places: int = 0) -> SafeString:
    """`40% · 12 of 30 accounts`. Without a denominator it is not known, never 0%."""
    if part is None or not whole:
        none = _("There are no %(noun)s to count.") % {"noun": noun}
        why = none if noun and whole == 0 else ""
        return unknown(why)
    percent = grouped(Decimal(100 * part) / Decimal(whole), places=places)
    said = _("%(part)s of %(whole)s %(noun)s") if noun else _("%(part)s of %(whole)s")
    return format_html(
        '<span class="wm-num">{}%</span> <span class="wm-of">{}</span>',
        percent,
        said % {"part": grouped(part), "whole": grouped(whole), "noun": noun},
    )


@register.simple_tag
def percent(value: Decimal | float | None, places: int = 1) -> SafeString:
    """A rate such as NRR, given as a ratio (1.034 is 103.4%)."""
    if value is None:
        return unknown()
    return format_html('<span class="wm-num">{}%</span>', grouped(value * 100, places=places))


@register.simple_tag
def signed(value: Decimal | float | None, unit: str = "", places: int = 0) -> SafeString:
    """A change with its sign and direction in words for screen readers: `+12 days`."""
    if value is None:
        return unknown()
    sign = "+" if value > 0 else (MINUS if value < 0 else "±")
    tone = "is-up" if value > 0 else ("is-down" if value < 0 else "is-even")
    figure = grouped(value if value > 0 else -value, places=places)
    tail = f"{NBSP}{unit}" if unit else ""
    return format_html(
        '<span class="wm-num wm-signed {}">{}{}{}</span>', tone, sign, figure, tail
    )


def days_apart(value: date, reference: date) -> str:
    """The date as people say it, seen from ``reference``; beyond a fortnight, the date."""
    gap = (value - reference).days
    near = {0: _("today"), 1: _("tomorrow"), -1: _("yesterday")}
    if gap in near:
        return near[gap]
    if 1 < gap <= 14:
        return ngettext("in %(count)s day", "in %(count)s days", gap) % {"count": gap}
    if -14 <= gap < -1:
        return ngettext("%(count)s day ago", "%(count)s days ago", -gap) % {"count": -gap}
    return date_format(value, "j F" if value.year == reference.year else "j F Y")


@register.simple_tag(takes_context=True)
def day(
    context: Context, value: date | datetime | None, plain: bool = True, clock: bool = False
) -> SafeString:
    """A date in plain words with the exact one in ``<time>`` and on hover.

    Words are relative to ``today`` of the context (the association's, held still in a
    demonstration), or the full date where there is none. ``plain=False`` always gives the
    full date; ``clock`` adds the time of day to a datetime.
    """
    if value is None:
        return unknown()
    moment = timezone.localtime(value) if isinstance(value, datetime) else None
    calendar = moment.date() if moment else value
    assert not isinstance(calendar, datetime)  # noqa: S101  # narrows the type
    reference = context.get("today")
    words = date_format(calendar, "j F Y")
    exact = date_format(calendar, "l, j F Y")
    if plain and isinstance(reference, date):
        words = days_apart(calendar, reference)
    if moment:
        exact = f"{exact}, {moment:%H:%M} {moment.tzname()}"
        if clock:
            words = f"{words}, {moment:%H:%M}"
    stamp = value.isoformat()
    return format_html('<time datetime="{}" title="{}">{}</time>', stamp, exact, words)


@register.simple_tag
def define(term: str, text: str) -> SafeString:
    """A button that opens what ``term`` means; works by mouse, touch, keyboard, no script."""
    key = f"def-{slugify(term)}-{crc32(text.encode()):x}"
    return format_html(
        '<button type="button" class="wm-define" popovertarget="{}" '
        'aria-label="{}">{}</button>'
        '<span popover id="{}" class="wm-definition" role="note">'
        "<strong>{}</strong> {}</span>",
        key,
        _("What is this: %(term)s") % {"term": term},
        icon("help", size="sm"),
        key,
        term,
        text,
    )


@register.simple_tag
def how_made(  # noqa: PLR0913, PLR0917  # a tag declares its arguments
    figure: str,
    measure: str,
    opening: date | str = "",
    closing: date | str = "",
    basis: str = "",
    by: str = "",
    value: str = "",
    member: object = "",
    on: date | str = "",
    url_name: str = "success:explain",
) -> SafeString:
    """A small link from a figure to its facts, its definition and it made anew.

    ``figure`` names it to those who do not see where the link stands. ``measure`` is one that
    the page explains; ``opening``, ``closing``, ``basis`` tell a period of dues, ``by`` and
    ``value`` its group, ``member`` and ``on`` a member's day. Nothing where there is no page.
    """
    url = address(url_name)
    if not url:
        return SafeString("")
    given: dict[str, object] = {"measure": measure, "from": opening, "to": closing}
    given |= {"basis": basis, "by": by, "value": value, "member": member, "on": on}
    query = urlencode({name: str(said) for name, said in given.items() if said})
    return format_html(
        '<a class="wm-how" href="{}?{}">{}<span class="visually-hidden"> {}</span></a>',
        url,
        query,
        _("How was this made?"),
        figure,
    )


@register.simple_tag
def kbd(keys: str) -> SafeString:
    """Keys of a shortcut, several parted by spaces; hidden on touch screens."""
    parts = format_html_join("", "<kbd>{}</kbd>", ((key,) for key in keys.split()))
    return format_html('<span class="wm-kbd" aria-hidden="true">{}</span>', parts)


@register.simple_tag
def person(name: str, detail: str = "", url: str = "") -> SafeString:
    """A person with initials; ``detail`` is a second line such as the role."""
    initials = "".join(word[0] for word in name.split()[:2]).upper() or "?"
    shown: SafeString | str = format_html('<a href="{}">{}</a>', url, name) if url else name
    second = format_html('<span class="wm-person-detail">{}</span>', detail) if detail else ""
    return format_html(
        '<span class="wm-person"><span class="wm-initials" aria-hidden="true">{}</span>'
        "<span><span>{}</span>{}</span></span>",
        initials,
        shown,
        second,
    )


# --- page parts -------------------------------------------------------------------------------


@register.inclusion_tag("components/page_header.html", takes_context=True)
def page_header(  # noqa: PLR0913, PLR0917  # a tag declares its arguments
    context: Context,
    title: str,
    lead: str = "",
    as_of: date | datetime | None = None,
    action_label: str = "",
    action_url: str = "",
    action_icon: str = "",
    crumbs: Sequence[tuple[str, str]] = (),
) -> Any:
    """The page's one title, at most one primary action, and since when its numbers hold.

    ``crumbs``: (label, address) pairs from the top; the page itself is not among them.
    """
    return {
        "title": title,
        "lead": lead,
        "as_of": as_of,
        "action_label": action_label,
        "action_url": action_url,
        "action_icon": action_icon,
        "crumbs": crumbs,
        "today": context.get("today"),
    }


@register.inclusion_tag("components/as_of.html", takes_context=True)
def as_of(
    context: Context, value: date | datetime | None, source: str = "", stale: bool = False
) -> Any:
    """`As of 29 July 2026`, with where the numbers come from; ``stale`` warns in words."""
    return {"value": value, "source": source, "stale": stale, "today": context.get("today")}


@register.inclusion_tag("components/empty_state.html")
def empty_state(  # a tag declares its arguments
    title: str,
    body: str = "",
    icon_name: str = "inbox",
    action_label: str = "",
    action_url: str = "",
) -> Any:
    """What would be here and how to get it there."""
    return {
        "title": title,
        "body": body,
        "icon_name": icon_name,
        "action_label": action_label,
        "action_url": action_url,
    }


@register.inclusion_tag("components/note.html")
def note(text: str, tone: str = "info", title: str = "") -> Any:
    """A message in the page. ``tone``: info, success, warning or danger."""
    icons = {"info": "info", "success": "done", "warning": "warning", "danger": "failed"}
    if tone not in icons:
        raise template.TemplateSyntaxError(f"note tone is one of {', '.join(icons)}")
    return {"text": text, "tone": tone, "title": title, "icon_name": icons[tone]}


@register.inclusion_tag("components/stat.html")
def stat(  # noqa: PLR0913, PLR0917  # a tag declares its arguments
    label: str,
    value: Any,
    detail: Any = "",
    definition: str = "",
    url: str = "",
    made: Any = "",
) -> Any:
    """A figure with its label, its denominator (``detail``), its definition and its rows.

    Build ``value`` and ``detail`` with the tags above: ``{% share 12 30 "members" as part %}``;
    ``made`` is the link of ``how_made``.
    """
    return {
        "made": made,
        "label": label,
        "value": value,
        "detail": detail,
        "definition": definition,
        "url": url,
    }


@register.simple_block_tag
def panel(  # noqa: PLR0913, PLR0917  # a tag declares its arguments
    content: SafeString,
    title: str = "",
    count: int | None = None,
    flush: bool = False,
    level: int = 2,
    id: str = "",  # noqa: A002  # the attribute's own name
) -> SafeString:
    """``{% panel "Promises" count=3 %}…{% endpanel %}``: a card with a heading.

    ``flush`` lets a table reach the card's edges; ``level`` is the heading's level.
    """
    return SafeString(
        render_to_string(
            "components/panel.html",
            {
                "content": content,
                "title": title,
                "count": count,
                "flush": flush,
                "heading": f"h{level}",
                "id": id,
            },
        )
    )


@register.simple_block_tag
def chart(
    content: SafeString, title: str, src: str, caption: str = "", height: str = "md"
) -> SafeString:
    """A chart of the JSON at ``src`` whose body is its table twin.

    ``{% chart "NRR by month" src=url caption="…" %}<table>…</table>{% endchart %}``. Without
    script the table is what is seen; with it, a button shows the table. ``height``: sm, md,
    lg. The JSON: ``{kind, title, unit, x, series, note}``, see ``static/js/chart.js``.
    """
    if height not in {"sm", "md", "lg"}:
        raise template.TemplateSyntaxError("chart height is sm, md or lg")
    return SafeString(
        render_to_string(
            "components/chart.html",
            {
                "content": content,
                "title": title,
                "src": src,
                "caption": caption,
                "height": height,
                "key": f"chart-{slugify(title)}",
            },
        )
    )


@register.simple_block_tag
def live(
    content: SafeString, url: str, key: str, every: int = 3, on: bool = True
) -> SafeString:
    """A fragment that fetches itself from ``url`` every ``every`` seconds while ``on``.

    The view answers with the same fragment; ``on=False`` in it ends the polling. ``key``
    names the element. Without script the page simply does not refresh.
    """
    poll = format_html(' hx-get="{}" hx-trigger="every {}s" hx-swap="outerHTML"', url, every)
    return format_html(
        '<div id="{}" class="wm-live" aria-live="polite" aria-busy="false"{}>{}</div>',
        key,
        poll if on else "",
        content,
    )


PROGRESS: Mapping[str, Words] = {
    "waiting": gettext_lazy("waiting"),
    "running": gettext_lazy("running"),
    "done": gettext_lazy("done"),
    "failed": gettext_lazy("failed"),
}


@register.inclusion_tag("components/progress.html")
def progress(
    done: int, total: int | None, label: str, status: str = "running", detail: str = ""
) -> Any:
    """A stage of long work: ``status`` is waiting, running, done or failed.

    ``total`` None means the amount is not known yet; the bar then says so.
    """
    if status not in PROGRESS:
        raise ValueError(f"progress status is one of {', '.join(PROGRESS)}, not {status!r}")
    share_done = (100 * done // total) if total else None
    return {
        "done": done,
        "total": total,
        "label": label,
        "status": status,
        "word": PROGRESS[status],
        "detail": detail,
        "percent": share_done,
        "key": f"progress-{slugify(label)}",
    }


# --- tables -----------------------------------------------------------------------------------


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(  # noqa: PLR0913, PLR0917  # a tag declares its arguments
    context: Context,
    label: str,
    by: str,
    numeric: bool = False,
    definition: str = "",
    parameter: str = "sort",
) -> Any:
    """A `<th>` that sorts by ``by`` (`?sort=by`, then `?sort=-by`), keeping the filters.

    Paging starts again at the first page. ``definition`` explains the column.
    """
    query = context["request"].GET.copy()
    now = query.get(parameter, "")
    for name in ("after", "before", "cursor"):
        query.pop(name, None)
    query[parameter] = f"-{by}" if now == by else by
    return {
        "label": label,
        "url": f"?{query.urlencode()}",
        "aria": {by: "ascending", f"-{by}": "descending"}.get(now, "none"),
        "numeric": numeric,
        "definition": definition,
    }


@register.simple_tag
def row_link(label: str, url: str) -> SafeString:
    """The link that makes its whole table row clickable (the row needs class ``wm-row``)."""
    return format_html('<a class="wm-row-link" href="{}">{}</a>', url, label)


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(  # noqa: PLR0913, PLR0917  # a tag declares its arguments
    context: Context,
    shown: int,
    noun: str,
    after: str | None = None,
    before: str | None = None,
    total: int | None = None,
) -> Any:
    """Keyset paging: ``after`` and ``before`` are cursors, None where there is no page."""
    links = {}
    for name, cursor in (("after", after), ("before", before)):
        query = context["request"].GET.copy()
        for parameter in ("after", "before"):
            query.pop(parameter, None)
        if cursor:
            query[name] = cursor
            links[name] = f"?{query.urlencode()}"
    return {
        "shown": shown,
        "noun": noun,
        "total": total,
        "after": links.get("after"),
        "before": links.get("before"),
    }


@register.inclusion_tag("components/filter_bar.html", takes_context=True)
def filter_bar(
    context: Context, form: BaseForm, target: str = "", found: int | None = None, noun: str = ""
) -> Any:
    """The filters of a list (``filterset.form``) as a GET form that works without script.

    With ``target`` (a CSS selector of the list) it is swapped by htmx as the filters change.
    ``found`` and ``noun`` say how many rows matched.
    """
    request = context["request"]
    active = [
        (field.label, request.GET.get(field.html_name))
        for field in form.visible_fields()
        if request.GET.get(field.html_name)
    ]
    return {
        "form": form,
        "target": target,
        "path": request.path,
        "active": len(active),
        "sort": request.GET.get("sort", ""),
        "found": found,
        "noun": noun,
        "request": request,
    }


@register.simple_tag(takes_context=True)
def filters_in_words(context: Context, form: BaseForm) -> SafeString:
    """On paper, where filters cannot be pressed: which are set, as *State: stalled*."""
    query = context["request"].GET
    said = []
    for bound in form.visible_fields():
        values = [value for value in query.getlist(bound.html_name) if value]
        if values:
            choices = getattr(bound.field.widget, "choices", ())
            words = {str(value): str(label) for value, label in choices}
            said.append((bound.label, ", ".join(words.get(value, value) for value in values)))
    if not said:
        return SafeString()
    return format_html('<p class="wm-on-paper">{}</p>', format_html_join(" · ", "{}: {}", said))


@register.inclusion_tag("components/bulk_bar.html")
def bulk_bar(total: int, noun: str, url: str = "", action_label: str = "") -> Any:
    """For a form with ``data-bulk``: *these 25* and *all 3,412 matching* as two choices.

    Posts ``scope`` (``selected`` or ``matching``) and ``expected`` (the count shown).
    """
    return {
        "total": total,
        "noun": noun,
        "url": url,
        "action_label": action_label or _("Continue"),
    }


# --- forms ------------------------------------------------------------------------------------


def control_class(widget: Any) -> str:
    if isinstance(widget, CheckboxSelectMultiple | RadioSelect | CheckboxInput):
        return "form-check-input"
    if isinstance(widget, Select):
        return "form-select"
    if isinstance(widget, ClearableFileInput):
        return "form-control wm-file"
    return "form-control"


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField, label: str = "", help_text: str = "", autofocus: bool = False
) -> Any:
    """A form field: label above, help below, the error in words beside it.

    ``label`` and ``help_text`` replace the form's own. Error and help are tied to the
    control for screen readers.
    """
    widget = bound.field.widget
    attributes: dict[str, Any] = {
        "class": f"{widget.attrs.get('class', '')} {control_class(widget)}".strip()
    }
    described = []
    key = bound.auto_id
    if help_text or bound.help_text:
        described.append(f"{key}_helptext")
    if bound.errors:
        described.append(f"{key}_error")
        attributes["aria-invalid"] = "true"
        attributes["class"] += " is-invalid"
    if described:
        attributes["aria-describedby"] = " ".join(described)
    if autofocus:
        attributes["autofocus"] = True
    grouped_controls = isinstance(widget, CheckboxSelectMultiple | RadioSelect)
    if grouped_controls:  # the widget wraps its inputs: name and description go to the fieldset
        attributes = {}
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attributes),
        "label": label or bound.label,
        "help_text": help_text or bound.help_text,
        "errors": list(bound.errors),
        "key": key,
        "for": bound.id_for_label,
        "checkbox": isinstance(widget, CheckboxInput),
        "grouped": grouped_controls,
        "described": " ".join(described),
        "required": bound.field.required,
    }


@register.inclusion_tag("components/error_summary.html")
def error_summary(form: BaseForm, title: str = "") -> Any:
    """All errors of ``form`` at the top, each a link to its field; nothing without errors."""
    errors: list[Mapping[str, Any]] = []
    if form.is_bound:
        errors = [
            {"field": bound, "text": text}
            for bound in form
            for text in bound.errors
            if not bound.is_hidden
        ]
        errors += [{"field": None, "text": text} for text in form.non_field_errors()]
        errors += [
            {"field": None, "text": text}
            for bound in form.hidden_fields()
            for text in bound.errors
        ]
    count = len(errors)
    words = ngettext(
        "One thing needs your attention", "%(count)s things need your attention", count
    ) % {"count": count}
    return {"errors": errors, "title": title or words}


@register.inclusion_tag("components/form_fields.html")
def form_fields(form: BaseForm) -> Any:
    """The error summary, then every field in the form's order."""
    return {"form": form}


@register.inclusion_tag("components/key_button.html")
def key_button(  # noqa: PLR0913, PLR0917  # a tag declares its arguments
    label: str,
    key: str,
    icon_name: str = "",
    tone: str = "",
    type: str = "submit",  # noqa: A002  # the attribute's own name
    name: str = "",
    value: str = "",
    form: str = "",
) -> Any:
    """A button of the queue that its ``key`` presses too; ``tone`` is primary or empty."""
    return {
        "label": label,
        "key": key,
        "icon_name": icon_name,
        "tone": tone,
        "type": type,
        "name": name,
        "value": value,
        "form": form,
    }
