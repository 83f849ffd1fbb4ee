"""Small forms about one thing of a member: each works as a page of its own and in its place.

A thing has an address; what can be done with it are its acts, each a form. A script puts them
under the row they are about, and hears ``member-changed`` once one is done, whereupon every
panel that shows the member fetches itself anew. Without a script they are a page.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from config.kernel import clock
from config.kernel.fragments import is_fragment, render_page_or_fragment
from config.kernel.panels import day_asked, render_panel, shared
from config.kernel.permissions import has
from members.models import Member, User
from success.access import Permission
from success.queries.nights import last_live_day

# The name by which the panels of a page share the day of the last night.
LAST_NIGHT = "last night"


class Refused(Exception):
    """What was asked cannot be done; the words are for the page."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One thing that can be done: its form, and what a valid one does.

    ``make`` makes the form, with the data that was sent or without. ``run`` raises ``Refused``
    where the state of things forbids it.
    """

    do: str
    title: str
    button: str
    make: Callable[..., forms.Form]
    run: Callable[[Any], object]
    said: str
    lead: str = ""
    is_first: bool = False


def answer(  # noqa: PLR0913  # a page has that many parts
    request: HttpRequest,
    *,
    member: Member,
    title: str,
    acts: Sequence[Act],
    back: str,
    about: str = "",
    extra: str = "",
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    """Show the acts; on a POST, do the one that ``do`` names.

    ``back`` is the panel on the member's page that it is about, ``about`` a line on the thing,
    ``extra`` a template shown above the forms. What was typed stays where it was refused.
    """
    bound: dict[str, forms.Form] = {}
    status = 200
    if request.method == "POST":
        act = next((each for each in acts if each.do == request.POST.get("do")), None)
        status = 409
        if act is not None:
            form = act.make(request.POST, request.FILES, prefix=act.do)
            bound[act.do], status = form, 422
            if form.is_valid():
                try:
                    act.run(form)
                except Refused as refused:
                    form.add_error(None, str(refused))
                    status = 409
                else:
                    return done(request, member, back=back, said=act.said)
    page = {
        "member": member,
        "title": title,
        "about": about,
        "extra": extra,
        "address": request.path,
        "crumbs": [(member.name, f"{page_of(member)}#{back}")],
        "by_script": is_fragment(request),
        "acts": [
            {
                "act": each,
                "form": bound.get(each.do) or each.make(prefix=each.do),
                "open": each.do in bound or (not bound and (each.is_first or len(acts) == 1)),
            }
            for each in acts
        ],
        "gone": request.method == "POST" and not bound,
        "back": f"{page_of(member)}#{back}",
    }
    return render_page_or_fragment(
        request,
        "success/plan_acts.html",
        "success/_plan_acts.html",
        page | (context or {}),
        status=status,
    )


def vector_key(as_of: date) -> str:
    """The name by which the panels of a page share the vector of a day."""
    return f"vector {as_of}"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The day a panel shows, and whether that is a day gone by."""

    as_of: date
    looks_back: bool


def last_night(request: HttpRequest) -> date | None:
    """The day of the last finished live night; null before the first."""
    return shared(request, LAST_NIGHT, last_live_day)


def day_shown(request: HttpRequest) -> Shown:
    """Today, or the day that ``?as_of=`` looks back to."""
    latest = last_night(request) or clock.today()
    asked = day_asked(request, latest=latest)
    if asked < latest:
        return Shown(as_of=asked, looks_back=True)
    return Shown(as_of=clock.today(), looks_back=False)


def render_own_panel(  # noqa: PLR0913  # a panel has that many parts
    request: HttpRequest,
    member: Member,
    part: str,
    title: str,
    context: Mapping[str, Any],
    *,
    shown: Shown,
) -> HttpResponse:
    """A panel of the member's page that fetches itself once something changed."""
    own = {
        "member": member,
        "address": reverse(f"success:member_{part}", args=[member.public_id]),
        "as_of": shown.as_of,
        "today": shown.as_of,
        "looks_back": shown.looks_back,
        "may_edit": has(request.user, Permission.PLAN_EDIT) and not shown.looks_back,
    }
    return render_panel(
        request,
        f"success/_member_{part}.html",
        own | dict(context),
        title=title,
        name=member.name,
        subject=member.public_id,
    )


def done(request: HttpRequest, member: Member, *, back: str, said: str) -> HttpResponse:
    """It is done: tell the panels of the page to fetch themselves, or lead back to it."""
    if is_fragment(request):
        happened = {"member-changed": {"panel": back}, "toast": {"text": said}}
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(happened)})
    messages.success(request, said)
    return redirect(f"{page_of(member)}#{back}")


def page_of(member: Member) -> str:
    return reverse("success:member", args=[member.public_id])


def user_of(request: HttpRequest) -> User:
    return cast("User", request.user)
