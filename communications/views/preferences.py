"""How somebody wants to hear from us: by the link of a mail, without a log-in, or signed in.

Looking changes nothing. What is sent here takes effect at once, and may be sent again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from communications.forms.preferences import PreferenceForm
from communications.models import Topic
from communications.services import preferences as service
from config.kernel import clock
from config.kernel.permissions import public, requires
from members.access import Permission
from members.models import Person, User

View = Callable[..., HttpResponse]
page_and_form = require_http_methods(["GET", "HEAD", "POST"])

MINUTE = 60
MOST_A_MINUTE = 20
ONE_CLICK = ("List-Unsubscribe", "One-Click")


def for_the_holder(view: View) -> View:
    """Hand ``view`` the person whom the token of a link names; any other token is a 404.

    Whoever holds a link that was cut is told what to do: to stop our mail is their right.

    What one token may send in a minute is limited: providers unsubscribe for thousands of
    people from few addresses, so it is not counted by address.
    """

    @wraps(view)
    def held(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponse:
        try:
            person = service.person_of(token)
        except service.UnknownToken:
            answer = render(request, "communications/link_unknown.html", status=404)
            answer["X-Robots-Tag"] = "noindex"
            return answer
        if request.method == "POST" and _is_too_often(person):
            answer = render(request, "communications/too_often.html", status=429)
            answer["Retry-After"] = str(MINUTE)
        else:
            answer = view(request, person, **kwargs)
        answer["X-Robots-Tag"] = "noindex"
        return answer

    return held


@public
@never_cache
@page_and_form
@for_the_holder
def preferences(request: HttpRequest, person: Person) -> HttpResponse:
    """The page behind the link in each mail."""
    here = reverse("communications:preferences", args=[service.token(person)])
    return _page(request, person, said_in="preference page", here=here, shared={})


@csrf_exempt
@public
@never_cache
@page_and_form
@for_the_holder
def unsubscribe(request: HttpRequest, person: Person, topic: str = "") -> HttpResponse:
    """Stop at one click (RFC 8058): a mail program, or the one button of this page, sends it.

    The token is all the right there is to it, so a form of another site gains nothing here,
    and the mail program has no cookie to show.
    """
    chosen = get_object_or_404(Topic, key=topic) if topic else None
    if request.method == "POST":
        name, value = ONE_CLICK
        if request.POST.get(name) != value:
            return HttpResponseBadRequest(f"{name}={value}")
        service.unsubscribe(person=person, topic=chosen, said_in="one-click", at=clock.now())
    wants = service.of(person).wants(chosen.key if chosen else None)
    return render(
        request,
        "communications/unsubscribe.html",
        {
            "topic": chosen,
            "is_done": not wants,
            "address": _masked(person.email),
            "preferences_url": reverse(
                "communications:preferences", args=[service.token(person)]
            ),
        },
    )


@requires(Permission.PORTAL_VIEW)
@never_cache
@page_and_form
def mine(request: HttpRequest) -> HttpResponse:
    """The same for somebody of a member who is signed in."""
    person = cast("User", request.user).person
    shared = {"back_url": reverse("home")}
    if person is None:
        return render(request, "communications/preferences_nobody.html", shared)
    here = reverse("communications:my_preferences")
    return _page(request, person, said_in="portal", here=here, shared=shared)


def _page(
    request: HttpRequest, person: Person, *, said_in: str, here: str, shared: dict[str, Any]
) -> HttpResponse:
    form = PreferenceForm(request.POST or None, wish=service.of(person))
    status = 200
    if request.method == "POST":
        if request.POST.get("do") == "stop":
            service.unsubscribe(person=person, said_in=said_in, at=clock.now())
            messages.success(
                request, _("It is done: you get nothing more from us that can wait.")
            )
            return redirect(here)
        if form.is_valid():
            service.save(person=person, said_in=said_in, at=clock.now(), **form.given)
            messages.success(request, _("It is kept, and holds from now on."))
            return redirect(here)
        status = 422
    return render(
        request,
        "communications/preferences.html",
        {
            "form": form,
            "address": _masked(person.email),
            "is_stopped": service.of(person).no_discretionary,
            **shared,
        },
        status=status,
    )


def _masked(address: str) -> str:
    """Enough of an address for its owner to know it, for links get forwarded."""
    name, at_sign, domain = address.rpartition("@")
    return f"{name[:1]}…{at_sign}{domain}" if at_sign else ""


def _is_too_often(person: Person) -> bool:
    key = f"preferences:{person.pk}:{int(clock.now().timestamp()) // MINUTE}"
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        return cache.incr(key) > MOST_A_MINUTE
    except ValueError:  # the cache was emptied in between
        return False
