"""My path: the goal, the way, the one next thing, and what each side has promised."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from engagement.models import Fact
from success.access import Permission
from success.queries.portal import my_path
from success.views.portal.pages import (
    for_members,
    member_of,
    reader,
    show,
    who_answers,
    who_speaks,
)

NOON, EVENING = 12, 18
DONE_SHOWN = 3

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


@for_members(Permission.PATH_VIEW)
@require_safe
def path(request: HttpRequest) -> HttpResponse:
    """My goal, the way, what is next, and what each side has promised."""
    member = member_of(request)
    mine = my_path(member, reader=reader(request), as_of=clock.today())
    return show(
        request,
        "success/path.html",
        {
            "mine": mine,
            "greeting": _greeting(request),
            "who_answers": who_answers(mine.people),
            "who_speaks": who_speaks(mine.people, member=member),
            "ours": _parted(mine.ours),
            "theirs": _parted(mine.theirs),
            "facts": [_fact_line(fact) for fact in mine.facts],
            "earlier_facts": mine.fact_count - len(mine.facts),
        },
    )


def _parted(rows: Any) -> dict[str, Any]:
    """The promises as they are shown: open ones, the last that were kept, and the rest."""
    done = [row for row in rows if row.done_on is not None]
    return {
        "open": [row for row in rows if row.done_on is None],
        "done": done[:DONE_SHOWN],
        "earlier": done[DONE_SHOWN:],
    }


def _greeting(request: HttpRequest) -> str:
    """By the clock on the wall where this person is."""
    user = reader(request)
    hour = clock.now().astimezone(ZoneInfo(user.time_zone)).hour
    name = (user.name.split() or [""])[0]
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
