"""The plays an association starts with, and what stops a play's message at the last moment."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from communications.enums import Purpose
from communications.models import Message, MessageTemplate
from config.kernel.clock import association_zone, local_date
from success.engine.evidence import stands
from success.engine.vector import PLAN_SLA_DAYS
from success.enums import (
    QueueClass,
    Reentry,
    Side,
    Standing,
    StartKind,
    State,
    VersionStatus,
)
from success.models import (
    Accountability,
    Intervention,
    MemberFacts,
    Milestone,
    Play,
    PlayStep,
    PlayVersion,
)
from success.queries.effects import is_sleeping_dog
from success.rollups import plays
from success.rollups.obligations import NEXT_GOAL_DAYS, NEXT_GOAL_PLAY

MEMBER = {
    "fact": "standing",
    "op": "in",
    "value": [Standing.IN_FORCE.value, Standing.IN_GRACE.value],
}

GOAL_STALE_DAYS = 180

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

OF_A_VERSION = ("aim", "start_kind", "start", "audience", "queue_class")
OF_A_STEP = ("act", "minutes", "due_days")

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
    {
        "key": "promise-of-ours-late",
        "title": "A promise of ours is late",
        "aim": "We have done what we promised, or agreed with them that we shall not",
        "start_kind": StartKind.DATA,
        "start": {
            "kind": "promise.late",
            "fact": "we_owe_since",
            "why": "We promised “{subject}” for {day}, and it is not done.",
        },
        "audience": MEMBER,
        "queue_class": QueueClass.ASSOCIATION_PROMISE_OVERDUE,
        "act": "Do it, or tell them when; then mark it done",
        "minutes": 30,
        "due_days": 1,
        "template": None,
    },
    {
        # They are kept waiting by us: it goes with what we owe them, late or not.
        "key": "declaration-waiting",
        "title": "A member waits for our answer",
        "aim": "The member knows where they stand",
        "start_kind": StartKind.TRIGGER,
        "start": {
            "kind": "answer.waiting",
            "why": "On {day} they told us that {subject}, and they wait for our answer.",
        },
        "audience": MEMBER,
        "queue_class": QueueClass.ASSOCIATION_PROMISE_OVERDUE,
        "act": "Confirm it, or say what is missing",
        "minutes": 10,
        "due_days": 2,
        "template": None,
    },
    {
        "key": "no-plan-by-day-14",
        "title": "No plan by day 14",
        "aim": "A goal in the member's own words, and a path to it that both sides have agreed",
        "start_kind": StartKind.TIMED,
        "start": {
            "fact": "joined_on",
            "offset_days": PLAN_SLA_DAYS,
            "why": "They joined on {joined}, and by {day} no plan was agreed.",
        },
        "audience": {
            "all": [MEMBER, {"fact": "state", "op": "eq", "value": State.NO_PLAN.value}]
        },
        "queue_class": QueueClass.NO_PLAN,
        "act": "Ask what they want to achieve, and agree a plan",
        "minutes": 45,
        "due_days": 5,
        "template": None,
    },
    {
        "key": NEXT_GOAL_PLAY,
        "title": "The goal is achieved",
        "aim": "The next goal is agreed",
        "start_kind": StartKind.DATA,
        "start": {
            "fact": "achieved_on",
            "why": "{goal} was achieved on {day}: the next goal is ours to ask for.",
            "replaced": "The next goal is agreed",
        },
        "audience": MEMBER,
        "queue_class": QueueClass.NEXT_GOAL,
        "act": "Celebrate it with them, and agree the next goal",
        "minutes": 45,
        "due_days": NEXT_GOAL_DAYS,
        "template": None,
    },
    {
        "key": "goal-stale",
        "title": "The goal has not been confirmed for half a year",
        "aim": "We know that the goal still holds, or what has taken its place",
        "start_kind": StartKind.TIMED,
        "start": {
            "fact": "goal_confirmed_on",
            "offset_days": GOAL_STALE_DAYS,
            "why": "Since {confirmed} nobody has said that {goal} still holds.",
            "ended": "The goal was confirmed",
            "replaced": "The goal was agreed anew",
        },
        "audience": {
            "all": [
                MEMBER,
                {
                    "fact": "state",
                    "op": "not_in",
                    "value": [State.NO_PLAN.value, State.ACHIEVED.value],
                },
            ]
        },
        "queue_class": QueueClass.NEXT_GOAL,
        "act": "Ask whether this is still what they want to achieve",
        "minutes": 15,
        "due_days": 10,
        "template": None,
    },
    {
        "key": "ask-eligible",
        "title": "Ready to be asked",
        "aim": "They have been asked what they agreed to be asked, once",
        "start_kind": StartKind.TRIGGER,
        "start": {
            "kind": "ask.eligible",
            "why": "Since {day} they may be asked what they agreed to when “{subject}” was "
            "planned.",
        },
        "audience": MEMBER,
        "queue_class": QueueClass.ELIGIBLE_ASK,
        "act": "Ask what was announced at this point, in their words",
        "minutes": 20,
        "due_days": 14,
        "template": None,
    },
)


@transaction.atomic
def ensure_default_plays(*, effective_from: date) -> list[Play]:
    """Return the plays to start with, timed, data and trigger, made where missing.

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
    for said in DEFAULT_PLAYS:
        play, is_new = Play.objects.get_or_create(
            key=said["key"], defaults={"title": said["title"]}
        )
        if is_new:
            version = PlayVersion.objects.create(
                play=play,
                number=1,
                status=VersionStatus.PUBLISHED,
                salt=play.key,
                reentry=Reentry.OCCURRENCE,
                effective_from=effective_from,
                **{name: said[name] for name in OF_A_VERSION},
            )
            template = templates.get(said["template"] or "")
            step = {name: said[name] for name in OF_A_STEP}
            PlayStep.objects.create(version=version, position=1, template=template, **step)
            play.current = version
            play.save(update_fields=["current"])
        made.append(play)
    return made


def objection(*, message: Message, at: datetime) -> str | None:
    """Return why a play's message must not go after all; None where nothing is against it.

    Asked in the sending transaction: the reason may be gone since the night (the milestone is
    reached, the member has left, the play was switched off), or we may have come to owe them,
    which silences whatever is discretionary (DOMAIN 2.10, stop on success and blocker side).
    """
    intervention = (
        Intervention.objects.select_related("step__version__play", "member__known", "enrolment")
        .filter(message_id=message.pk)
        .first()
    )
    today = local_date(at, zone=association_zone())
    if intervention is not None:
        if not intervention.step.version.play.is_active:
            return "The play was switched off"
        if reached := _reached(intervention, on=today):
            return f"{reached} has been reached"
    if message.purpose == Purpose.DISCRETIONARY and _we_owe(message, on=today):
        return "A promise of ours to them is late"
    if intervention is None:
        return None
    if message.purpose == Purpose.DISCRETIONARY and is_sleeping_dog(
        enrolment=intervention.enrolment
    ):
        return "Members of this kind did worse where they were written to"
    return plays.why_gone(
        intervention_id=intervention.pk,
        version=intervention.step.version,
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
    return milestone.title if stands(milestone.evidence_dates, on=on) else None


def _we_owe(message: Message, *, on: date) -> bool:
    """Whether the member waits for us: a promise is late, or due where they are held up.

    Asked of the promises themselves: since the night one may have been made, moved or reopened,
    and one that was late then may have been kept (DOMAIN 2.8, SV9).
    """
    ours = Accountability.objects.filter(
        Q(plan__closed_on=None) | Q(plan__closed_on__gt=on),
        Q(done_on=None) | Q(done_on__gt=on),
        Q(waived_on=None) | Q(waived_on__gt=on),
        plan__member=message.member_id,
        plan__counts_from__lte=on,
        side=Side.ASSOCIATION,
    )
    blocking = MemberFacts.objects.filter(pk=message.member_id).values("blocking")
    return ours.filter(Q(due_on__lt=on) | Q(due_on=on, milestone__in=blocking)).exists()
