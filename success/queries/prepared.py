"""The written message of a step, as the member whom it is for would read it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from communications.models import MessageTemplate
from communications.services import preferences, templates
from coverage.enums import Channel
from members.models import Person
from success.engine.evidence import stands
from success.enums import Intent
from success.models import Intervention, MemberFacts, Milestone
from success.rollups.plays.entering import names_used

# Where a message leaves through the gate; elsewhere its words are there to be copied.
SENT_OVER = frozenset({"", Channel.EMAIL.value, Channel.PORTAL.value})
SPOKEN_OVER = frozenset({Channel.CALL.value, Channel.MEETING.value, Channel.GROUP.value})


# What the gaps that a night fills are called where a template does not say.
LABELS: Mapping[str, Any] = {
    "name": _("the name of their contact"),
    "member": _("their name"),
    "goal": _("their goal"),
    "next": _("their next milestone"),
    "milestone": _("the milestone that is overdue"),
    "day": _("the day"),
    "days": _("the day their path began"),
    "ends": _("the end of their term"),
    "reached": _("what they have reached"),
}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A message with its gaps filled; those in ``missing`` (by their labels) stop it.

    ``to`` is null where the member has no contact. ``variables`` are what the gate is given.
    """

    template: MessageTemplate
    to: Person | None
    subject: str
    body: str
    language: str
    persona: str
    missing: tuple[str, ...]
    variables: Mapping[str, Any]
    channel: str

    @property
    def leaves_here(self) -> bool:
        """Whether it would go over a way that the system sends on."""
        return self.channel in SENT_OVER

    @property
    def is_sendable(self) -> bool:
        """Whether nothing that can be seen from here speaks against it."""
        return self.leaves_here and self.to is not None and not self.missing


def prepared(item: Intervention, *, as_of: date) -> Prepared | None:
    """Return the message of an item's step as its contact would get it on a day.

    Null for a step without one, and where nothing is known of the member. The words are those
    for their sort of reader and language. Six statements at most; nothing is written.
    """
    template = item.step.template
    if template is None:
        return None
    known = (
        MemberFacts.objects.select_related(
            "member", "contact", "plan", "blocking", "next_milestone"
        )
        .filter(member=item.member_id)
        .first()
    )
    if known is None:
        return None
    wish = preferences.of(known.contact) if known.contact else None
    said = told(known, template=template, as_of=as_of, day=item.occurred_on)
    persona, language = (wish.persona, wish.language) if wish else ("", "")
    shown = templates.preview(template, variables=said, persona=persona, language=language)
    labels = {each.name: each.label for each in templates.variables_of(template)}
    return Prepared(
        template=template,
        to=known.contact,
        subject=shown.subject,
        body=shown.body,
        language=shown.words.language,
        persona=shown.words.persona,
        missing=tuple(
            str(labels.get(name) or LABELS.get(name, name)) for name in shown.missing
        ),
        variables=said,
        channel=item.channel,
    )


def is_spoken(item: Intervention) -> bool:
    """Say whether an item is a conversation, or the last step with the whole story."""
    by_default = not item.channel and item.step.template_id is None
    return item.channel in SPOKEN_OVER or (by_default and item.step.intent == Intent.ESCALATE)


def told(
    known: MemberFacts, *, template: MessageTemplate, as_of: date, day: date
) -> dict[str, Any]:
    """Return what a play's message tells a member: the names its night fills, as it does.

    ``day`` is that of the evidence. What is not known is left out.
    """
    used = names_used(template)
    reached = _reached(known, as_of=as_of) if "reached" in used else None
    return filled(known, used=used, as_of=as_of, day=day, reached=reached)


def filled(
    known: MemberFacts, *, used: Collection[str], as_of: date, day: date, reached: str | None
) -> dict[str, Any]:
    """Return what is known of a member for the names ``used``; what is not is left out.

    ``reached`` is as ``reached_in_words`` says it. No statement but for what ``known`` lacks.
    """
    values: dict[str, Any] = {
        "name": known.contact.name if known.contact else None,
        "member": known.member.name,
        "goal": known.plan.goal if known.plan else None,
        "next": known.next_milestone.title if known.next_milestone else None,
        "milestone": known.blocking.title if known.blocking else None,
        "day": _spelled(day),
        "days": (as_of - known.anchor_on).days if known.anchor_on else None,
    }
    if "ends" in used and known.term_ends_on:
        values["ends"] = _spelled(known.term_ends_on)
    if "reached" in used:
        values["reached"] = reached
    return {name: value for name, value in values.items() if value is not None}


def reached_in_words(rows: Iterable[Milestone], *, as_of: date) -> str | None:
    """Return the titles of those of ``rows`` that stand on a day; null: none does."""
    titles = [f"“{row.title}”" for row in rows if stands(row.evidence_dates, on=as_of)]
    return ", ".join(titles) or None


def _reached(known: MemberFacts, *, as_of: date) -> str | None:
    rows = Milestone.objects.filter(plan=known.plan_id).order_by("position")
    return reached_in_words(rows, as_of=as_of)


def _spelled(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
