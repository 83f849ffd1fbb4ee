"""What all pages of a member share: who may, what is on each, and words that are not lost."""

from collections.abc import Callable, Mapping
from email.utils import parseaddr
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.kernel.permissions import has, requires
from members.enums import MemberKind
from members.models import Member, User
from success.access import Permission
from success.queries.portal import Speakers, speakers

View = Callable[..., HttpResponseBase]

KEPT = "portal_words"
MOST_FIELDS = 12
LONGEST_KEPT = 4000
PAGES = (
    ("success:path", gettext_lazy("My path")),
    ("success:path_review", gettext_lazy("Review")),
    ("success:path_messages", gettext_lazy("Messages")),
    ("success:path_people", gettext_lazy("People")),
    ("success:path_data", gettext_lazy("My data")),
)


def for_members(permission: str, *, page: str = "") -> Callable[[View], View]:
    """Let a member's page be used by those whose part at their member grants ``permission``.

    Others of the member get 403 and are told who may. Somebody whose session has ended is sent
    to log in, and then back to ``page`` (or the same address), where the words they had just
    sent stand in the form again.
    """

    def decorate(view: View) -> View:
        members_only = requires(Permission.PATH_VIEW)(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "POST" and not request.user.is_authenticated:
                back = _address(page, kwargs) if page else request.path
                _keep_words(request, page=back)
                return redirect_to_login(back)
            if has(request.user, Permission.PATH_VIEW) and not has(request.user, permission):
                return _refuse(request)
            return members_only(request, *args, **kwargs)

        guarded.required_permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def reader(request: HttpRequest) -> User:
    return cast("User", request.user)


def member_of(request: HttpRequest) -> Member:
    """The member whose pages these are; the database sees to it that there is one."""
    return cast("Member", reader(request).member)


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """A page with what all of them have: the ways to the others, and what the reader may."""
    user = reader(request)
    shared = {
        "portal_links": links(request),
        "write_to": parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
        "member": member_of(request),
        "is_organisation": member_of(request).kind == MemberKind.ORGANISATION,
        "may_work": has(user, Permission.PATH_WORK),
        "may_speak": has(user, Permission.PATH_SPEAK),
    }
    return render(request, template, shared | dict(context), status=status)


def links(request: HttpRequest) -> list[dict[str, Any]]:
    """The ways to a member's pages, the open one marked."""
    addresses = [(reverse(name), label) for name, label in PAGES]
    return [
        {"label": label, "url": url, "current": request.path == url} for url, label in addresses
    ]


def who_speaks(people: Speakers, *, member: Member) -> str:
    """Who may do what the reader may not, as a sentence."""
    names = list(people.lead_names)
    words = {"names": get_text_list(names, _("and")), "member": member.name}
    if not names:
        return (
            _("Nobody speaks for %(member)s here yet. Write to us, and we set it up.") % words
        )
    if len(names) > 1:
        return _("%(names)s speak for %(member)s here.") % words
    return _("%(names)s speaks for %(member)s here.") % words


def who_answers(people: Speakers) -> str:
    """Whose turn it is with us, by name."""
    return people.owner.name if people.owner else _("our team")


def kept_words(request: HttpRequest) -> dict[str, str]:
    """What this person had sent from this page when their session had ended; else nothing."""
    kept = request.session.get(KEPT)
    if not isinstance(kept, dict):
        return {}
    mine = kept.get("for") == str(reader(request).public_id)
    if not mine or kept.get("page") != request.path:
        return {}
    return dict(kept["words"])


def forget_words(request: HttpRequest) -> None:
    """They have arrived; call it in a POST only."""
    request.session.pop(KEPT, None)


def _keep_words(request: HttpRequest, *, page: str) -> None:
    """Keep the text of a form, without its files, for the person whose form it was."""
    said = [
        (name, str(value)[:LONGEST_KEPT])
        for name, value in request.POST.items()
        if name not in {"csrfmiddlewaretoken", "reader"}
    ]
    request.session[KEPT] = {
        "page": page,
        "for": request.POST.get("reader", ""),
        "words": dict(said[:MOST_FIELDS]),
    }


def _address(name: str, kwargs: Mapping[str, Any]) -> str:
    try:
        return reverse(name, kwargs=dict(kwargs))
    except NoReverseMatch:
        return reverse(name)


def _refuse(request: HttpRequest) -> HttpResponse:
    member = member_of(request)
    said = who_speaks(speakers(member), member=member)
    return show(request, "success/portal/refused.html", {"who_speaks": said}, status=403)
