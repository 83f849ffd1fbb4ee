"""The member's own pages. Nothing here takes an identifier: a member sees themselves alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from engagement.models import Fact
from members.enums import MemberKind
from success.access import Permission
from success.queries.portal import my_path

NOON, EVENING = 12, 18

FACT_WORDS: Mapping[str, Any] = {
    "maintainer.added": gettext_lazy("Maintains %(subject)s"),
    "maintainer.removed": gettext_lazy("No longer maintains %(subject)s"),
    "certification.added": gettext_lazy("Certified: %(subject)s"),
    "certification.removed": gettext_lazy("No longer certified: %(subject)s"),
    "partner.added": gettext_lazy("Partner: %(subject)s"),
    "partner.removed": gettext_lazy("No longer a partner: %(subject)s"),
}


@dataclass(frozen=True, kw_only=True)
class FactLine:
    """A fact in words the member knows, and who it is about."""

    said: str
    who: str
    on: date


@requires(Permission.PATH_VIEW)
@require_safe
def path(request: HttpRequest) -> HttpResponse:
    """My goal, the way, what is next, and what each side has promised."""
    member = request.user.member  # type: ignore[union-attr]  # the permission is a member's
    if member is None:
        raise Http404
    mine = my_path(member, as_of=clock.today())
    return render(
        request,
        "success/path.html",
        {
            "mine": mine,
            "is_organisation": member.kind == MemberKind.ORGANISATION,
            "greeting": _greeting(request),
            "facts": [_fact_line(fact) for fact in mine.facts],
            "earlier_facts": mine.fact_count - len(mine.facts),
        },
    )


def _greeting(request: HttpRequest) -> str:
    """By the clock on the wall where this person is."""
    user = request.user
    hour = clock.now().astimezone(ZoneInfo(user.time_zone)).hour  # type: ignore[union-attr]
    name = (user.name.split() or [""])[0]  # type: ignore[union-attr]
    if hour < NOON:
        said = _("Good morning, %(name)s")
    elif hour < EVENING:
        said = _("Good afternoon, %(name)s")
    else:
        said = _("Good evening, %(name)s")
    return said % {"name": name}


def _fact_line(fact: Fact) -> FactLine:
    words = FACT_WORDS.get(fact.kind)
    subject = fact.subject or _("something we noted")
    said = str(words) % {"subject": subject} if words else f"{_in_words(fact.kind)}: {subject}"
    return FactLine(said=said, who=fact.person.name if fact.person else "", on=fact.occurred_on)


def _in_words(kind: str) -> str:
    """`talk.given` becomes `Talk given`, for facts of areas we have no sentence for."""
    return kind.replace(".", " ").replace("_", " ").capitalize()
