"""My week as the digest tells it, at any moment, and when it comes by mail."""

from datetime import timedelta
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import User
from success.access import Permission
from success.engine.digest import USUAL
from success.forms.digests import DigestForm
from success.queries.digests import digest_of
from success.services import digests

MOST_DAYS = 28


@requires(Permission.DIGEST_VIEW)
@require_safe
def digest(request: HttpRequest) -> HttpResponse:
    """The digest of the seven days up to now, or of ``?days=``; with ``?all=`` a part whole."""
    now = clock.now()
    asked = request.GET.get("days", "")
    days = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 3 else USUAL.days
    since = now - timedelta(days=min(max(days, 1), MOST_DAYS))
    user = _me(request)
    whole = request.GET.get("all", "")
    context = {
        "digest": digest_of(user, since=since, until=now, as_of=clock.today(), whole=whole),
        "whole": whole,
        "days": asked,
        "wish": digests.preference_of(user),
        "me": user,
    }
    return render(request, "success/digest.html", context)


@requires(Permission.DIGEST_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """When the digest comes by mail."""
    user = _me(request)
    said = digests.preference_of(user)
    form = DigestForm(
        request.POST or None,
        initial={"is_wanted": said.is_wanted, "weekday": said.weekday, "hour": said.hour},
    )
    if request.method == "POST" and form.is_valid():
        digests.prefer(user=user, **form.cleaned_data, at=clock.now())
        messages.success(request, _("Kept."))
        return redirect("success:digest")
    status = 400 if form.is_bound and form.errors else 200
    context = {"form": form, "me": user}
    return render(request, "success/digest_preferences.html", context, status=status)


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)
