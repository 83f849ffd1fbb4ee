"""The plays an association starts with, and what stops a play's message at the last moment."""

from datetime import date, datetime
from typing import Any

from django.db import transaction

from communications.enums import Purpose
from communications.models import Message, MessageTemplate
from config.kernel.clock import association_zone, local_date
from success.enums import QueueClass, Standing, StartKind, State
from success.models import Intervention, Milestone, Play
from success.rollups import plays

MEMBER = {
    "fact": "standing",
    "op": "in",
    "value": [Standing.IN_FORCE.value, Standing.IN_GRACE.value],
}

DEFAULT_TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "key": "first-value",
        "subject": "A hand with “{{ next }}”",
        "body": (
            "Dear {{ name }},\n\n"
            "{{ days }} days ago {{ member }} set out towards this goal: “{{ goal }}”."
            "\n\n"
            "The next point on the way is “{{ next }}”. If something stands between you and "
            "it, tell us what it is, and we will find the person or the page that helps. If "
            "you are there already, tell us too: a line is enough.\n\n"
            "Just reply to this message.\n"
        ),
    },
    {
        "key": "next-point",
        "subject": "What would help with “{{ milestone }}”?",
        "body": (
            "Dear {{ name }},\n\n"
            "the point that {{ member }} wanted to reach next is “{{ milestone }}”, on the "
            "way to this goal: “{{ goal }}”.\n\n"
            "What would help most now: an introduction to a member who has done it, an hour "
            "with one of us, or a different order of steps? Reply with a word, and we will "
            "arrange it. If the goal has changed, say so, and we will plan anew.\n"
        ),
    },
)

DEFAULT_PLAYS: tuple[dict[str, Any], ...] = (
    {
        "key": "day-30-without-first-value",
        "title": "Day 30 without first value",
        "aim": "The member reaches the first point of their path",
        "start_kind": StartKind.TIMED,
        "start": {
            "fact": "anchor_on",
            "offset_days": 30,
            "why": "Day 30 of the path was {day}, and nothing on it has been reached yet: "
            "next is {next}.",
        },
        "audience": {"all": [MEMBER, {"fact": "first_value_on", "op": "is_null"}]},
        "queue_class": QueueClass.SLIPPING,
        "act": "Ask what stands in the way, and offer a working session",
        "minutes": 20,
        "due_days": 5,
        "template": "first-value",
    },
    {
        "key": "milestone-overdue",
        "title": "A milestone is overdue",
        "aim": "The member reaches the milestone they are waiting at, or agrees another way",
        "start_kind": StartKind.DATA,
        "start": {"fact": "behind_since"},
        "audience": {
            "all": [
                MEMBER,
                {
                    "fact": "state",
                    "op": "in",
                    "value": [State.STALLED.value, State.SLIPPING.value],
                },
            ]
        },
        "queue_class": QueueClass.SLIPPING,
        "act": "Find out what would help with this milestone, and who has solved it",
        "minutes": 30,
        "due_days": 5,
        "template": "next-point",
    },
    {
        "key": "last-maintainer-left",
        "title": "The last maintainer has left",
        "aim": "Somebody at the member maintains a project again",
        "start_kind": StartKind.TRIGGER,
        "start": {
            "kind": "maintainer.removed",
            "last": True,
            "why": "Since {day} nobody at this member maintains a project any more; the last "
            "was {subject}.",
        },
        "audience": MEMBER,
        "queue_class": QueueClass.REGRESSING,
        "act": "Ask who takes over, and introduce them to the project",
        "minutes": 30,
        "due_days": 3,
        "template": None,
    },
)


@transaction.atomic
def ensure_default_plays(*, effective_from: date) -> list[Play]:
    """Return the three plays to start with, timed, data and trigger, made where missing.

    Idempotent: plays are fixed once published, so one that is there by its key stays as it is,
    its own ``effective_from`` included; so do the templates (DOMAIN 2.10).
    """
    templates: dict[str, MessageTemplate] = {}
    for words in DEFAULT_TEMPLATES:
        defaults = words | {"purpose": Purpose.DISCRETIONARY}
        templates[words["key"]], _ = MessageTemplate.objects.get_or_create(
            key=words["key"], defaults=defaults
        )
    made: list[Play] = []
    for fields in DEFAULT_PLAYS:
        template = templates.get(fields["template"] or "")
        defaults = fields | {"template": template, "effective_from": effective_from}
        play, _ = Play.objects.get_or_create(key=fields["key"], defaults=defaults)
        made.append(play)
    return made


def objection(*, message: Message, at: datetime) -> str | None:
    """Return why a play's message must not go after all; None for any other message.

    Asked in the sending transaction: the reason may be gone since the night (the milestone is
    reached, the member has left, the play was switched off), or we may have come to owe them
    (DOMAIN 2.10, stop on success and blocker side).
    """
    intervention = (
        Intervention.objects.select_related("play", "member__known")
        .filter(message_id=message.pk)
        .first()
    )
    if intervention is None:
        return None
    if not intervention.play.is_active:
        return "The play was switched off"
    today = local_date(at, zone=association_zone())
    if reached := _reached(intervention, on=today):
        return f"{reached} has been reached"
    known = getattr(intervention.member, "known", None)
    if known is not None and known.we_owe_since is not None:
        return "A promise of ours to them is late"
    return plays.why_gone(
        intervention_id=intervention.pk,
        play=intervention.play,
        member_id=intervention.member_id,
        as_of=today,
    )


def _reached(intervention: Intervention, *, on: date) -> str | None:
    """Return the title of the milestone it is about if that has been reached by now."""
    evidence = intervention.evidence
    key = evidence.get("milestone") or evidence.get("next_milestone")
    milestone = Milestone.objects.filter(pk=key).first()
    if milestone is None:
        return None
    turns = [day for day in milestone.evidence_dates or [] if day <= on]
    return milestone.title if len(turns) % 2 else None
