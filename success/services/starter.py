"""The plays and the words that an association starts with; they are its own from then on."""

from collections.abc import Mapping
from typing import Any

from communications.enums import Purpose
from communications.models import MessageTemplate
from communications.services import templates
from success.engine.playing import PlannedPlay, PlannedStep
from success.engine.vector import PLAN_SLA_DAYS
from success.enums import Changes, Intent, QueueClass, Reentry, Standing, StartKind, State
from success.rollups.obligations import NEXT_GOAL_DAYS, NEXT_GOAL_PLAY

Condition = dict[str, Any]

# What a version and a step are where a play does not say otherwise.
VERSION: dict[str, Any] = {"reentry": Reentry.OCCURRENCE, "held_percent": 0}
STEP: dict[str, Any] = {"intent": Intent.ASK, "changes": Changes.CHANNEL, "wait_days": 7}
# Of what may be left undone, one member in ten is left alone to compare with.
DISCRETIONARY = {"held_percent": 10}
OWED = {"never_withheld": True}

GOAL_STALE_DAYS = 180
WELCOME_DAYS = 10
QUIET_DAYS = 180
STILL_AROUND_DAYS = 90
REVIEW_EVERY_DAYS = 75
RENEWED_DAYS = 150


def _is(fact: str, op: str, value: object = None) -> Condition:
    asked: Condition = {"fact": fact, "op": op}
    return asked if value is None else asked | {"value": value}


MEMBER = _is("standing", "in", [Standing.IN_FORCE.value, Standing.IN_GRACE.value])
MOVING = _is("state", "in", [State.ON_TRACK.value, State.AHEAD.value, State.ACHIEVED.value])
# A term to come is known, or the one that was to end ends no more.
RENEWED = {
    "any": [
        _is("next_term_on", "not_null"),
        _is("term_ends_on", "later_than_days", RENEWED_DAYS),
    ]
}


def _escalation(act: str, *, minutes: int = 30, due_days: int = 3, **more: Any) -> Condition:
    return {
        "intent": Intent.ESCALATE,
        "act": act,
        "minutes": minutes,
        "due_days": due_days,
        **more,
    }


def _renewal(  # noqa: PLR0913  # what differs from one to the next
    days: int,
    *,
    until: int,
    title: str,
    why: str,
    act: str,
    then: str,
    template: str,
    minutes: int,
) -> dict[str, Any]:
    """Return the play of so many days before the end of a term, until the next one's day."""
    return {
        "key": f"renewal-{days}",
        "title": title,
        "version": {
            "aim": "The member has decided to go on, knowing why",
            "aim_condition": RENEWED,
            "aim_days": days,
            "start_kind": StartKind.TIMED,
            "start": {
                "fact": "term_ends_on",
                "offset_days": -days,
                "why": why,
                "ended": "Its time has passed",
            },
            "audience": {"all": [
                _is("standing", "eq", Standing.IN_FORCE.value),
                _is("term_ends_on", "later_than_days", until),
            ]},
            "stop": _is("next_term_on", "not_null"),
            "queue_class": QueueClass.NEXT_GOAL,
            **OWED,
        },
        "steps": (
            {"act": act, "minutes": minutes, "due_days": 7, "template": template},
            _escalation(then, wait_days=14, minutes=minutes),
        ),
    }  # fmt: skip


# What the gaps of these messages are, and what they could say.
GAPS: Mapping[str, tuple[str, str]] = {
    "name": ("the name of their contact", "Kim Adeyemi"),
    "member": ("their name", "Harbour Works"),
    "goal": ("their goal", "Half of our engineers contribute to shared code by spring"),
    "next": ("their next milestone", "Two engineers have contributed a change"),
    "milestone": ("the milestone that is overdue", "Two engineers have contributed a change"),
    "days": ("days since their path began", "30"),
    "ends": ("the end of their term", "30 September 2026"),
}

DEFAULT_TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "key": "first-value",
        "title": "A hand with the first point",
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
        "title": "What would help now",
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
    {
        "key": "welcome",
        "title": "Welcome",
        "subject": "Welcome, {{ member }}: what would you like to achieve?",
        "purpose": Purpose.PROMISED,
        "body": (
            "Dear {{ name }},\n\n"
            "{{ member }} is with us now. Membership is worth what it helps you to do, so we "
            "begin with one question: what should be different for you in a year?\n\n"
            "Answer in your own words, a sentence is enough. Within two weeks we will agree "
            "the first points on the way with you, what you do for them and what we do.\n"
        ),
    },
    {
        "key": "goal-holds",
        "title": "Does the goal still hold",
        "subject": "Is this still what {{ member }} wants to achieve?",
        "body": (
            "Dear {{ name }},\n\n"
            "when we last spoke of it, this was the goal of {{ member }}: “{{ goal }}”.\n\n"
            "Does it still hold? If it does, reply with a yes. If something else matters more "
            "by now, tell us what, and we will plan for that instead.\n"
        ),
    },
    {
        "key": "review-invitation",
        "title": "A look at the plan together",
        "subject": "Half an hour for “{{ goal }}”?",
        "body": (
            "Dear {{ name }},\n\n"
            "a quarter has begun, and it is time to look at the plan of {{ member }} "
            "together: “{{ goal }}”. What has moved, what has not, and what each of us does "
            "next.\n\n"
            "Name two times that suit you, or choose one on your page.\n"
        ),
    },
    {
        "key": "renewal-look-back",
        "title": "Before the term ends: what it brought",
        "subject": "Before {{ ends }}: what {{ member }} has reached, and what comes next",
        "purpose": Purpose.RENEWAL,
        "body": (
            "Dear {{ name }},\n\n"
            "the present term of {{ member }} ends on {{ ends }}. Before anything is decided "
            "we would like to look at what it has brought you.\n\n"
            "Tell us what has helped and what has not, and what you want to reach next. "
            "Whether going on makes sense follows from that.\n"
        ),
    },
    {
        "key": "renewal-notice",
        "title": "Notice of the end of a term",
        "subject": "The term of {{ member }} ends on {{ ends }}",
        "purpose": Purpose.RENEWAL,
        "body": (
            "Dear {{ name }},\n\n"
            "the term of {{ member }} ends on {{ ends }}. To go on without a gap, confirm it "
            "before that day; if anything about your membership should change, now is the "
            "time to say so.\n\n"
            "Reply to this message with whatever you need for your decision.\n"
        ),
    },
    {
        "key": "renewal-open-question",
        "title": "What stands in the way of going on",
        "subject": "{{ ends }} is near: what do you need to decide?",
        "purpose": Purpose.RENEWAL,
        "body": (
            "Dear {{ name }},\n\n"
            "we have not heard yet whether {{ member }} goes on after {{ ends }}. If a "
            "question is open, or somebody else has to agree, tell us who and what: we will "
            "answer this week.\n"
        ),
    },
    {
        "key": "in-grace",
        "title": "The term has ended",
        "subject": "The term of {{ member }} has ended",
        "purpose": Purpose.RENEWAL,
        "body": (
            "Dear {{ name }},\n\n"
            "the term of {{ member }} ended on {{ ends }}. For a while everything stays as it "
            "is, so nothing is lost if you go on now.\n\n"
            "If you have decided to leave, tell us why in a line: it helps those who stay.\n"
        ),
    },
)

DEFAULT_PLAYS: tuple[dict[str, Any], ...] = (
    {
        "key": "day-30-without-first-value",
        "title": "Day 30 without first value",
        "version": {
            "aim": "The member reaches the first point of their path",
            "aim_condition": _is("first_value_on", "not_null"),
            "aim_days": 45,
            "start_kind": StartKind.TIMED,
            "start": {
                "fact": "anchor_on",
                "offset_days": 30,
                "why": "Day 30 of the path was {day}, and nothing on it has been reached yet: "
                "next is {next}.",
            },
            "audience": {"all": [MEMBER, _is("first_value_on", "is_null")]},
            "queue_class": QueueClass.SLIPPING,
            **DISCRETIONARY,
        },
        "steps": (
            {
                "act": "Ask what stands in the way, and offer a working session",
                "intent": Intent.HELP,
                "minutes": 20,
                "due_days": 5,
                "template": "first-value",
            },
            {
                "act": "Bring them together with a member who has done it",
                "intent": Intent.INVITE,
                "minutes": 30,
                "due_days": 5,
                "wait_days": 7,
            },
            _escalation("Sit down with them and take the first point together", minutes=60),
        ),
    },
    {
        "key": "welcome",
        "title": "Welcome and first value",
        "version": {
            "aim": "They know what to expect, and have reached something they came for",
            "aim_condition": _is("first_value_on", "not_null"),
            "aim_days": 60,
            "start_kind": StartKind.TIMED,
            "start": {
                "fact": "joined_on",
                "offset_days": 0,
                "why": "They joined on {joined}.",
                "ended": "The first days have passed",
            },
            "audience": {
                "all": [
                    MEMBER,
                    _is("joined_on", "within_last_days", WELCOME_DAYS),
                    _is("first_value_on", "is_null"),
                ]
            },
            "queue_class": QueueClass.NO_PLAN,
            "reentry": Reentry.NEVER,
            **OWED,
        },
        "steps": (
            {
                "act": "Welcome them, and ask what should be different in a year",
                "minutes": 20,
                "due_days": 2,
                "template": "welcome",
            },
            _escalation(
                "Ring them: who are they, and whom should they meet first",
                wait_days=4,
                changes=Changes.PERSON,
            ),
        ),
    },
    {
        "key": "milestone-overdue",
        "title": "A milestone is overdue",
        "version": {
            "aim": "The member reaches the milestone they are waiting at, or agrees another "
            "way",
            "aim_condition": MOVING,
            "aim_days": 30,
            "start_kind": StartKind.DATA,
            "start": {"fact": "behind_since"},
            "audience": {
                "all": [
                    MEMBER,
                    _is("state", "in", [State.STALLED.value, State.SLIPPING.value]),
                ]
            },
            "queue_class": QueueClass.SLIPPING,
            **DISCRETIONARY,
        },
        "steps": (
            {
                "act": "Find out what would help with this milestone, and who has solved it",
                "minutes": 30,
                "due_days": 5,
                "template": "next-point",
            },
            {
                "act": "Bring them together with a member who has solved it",
                "intent": Intent.INVITE,
                "minutes": 30,
                "due_days": 5,
                "wait_days": 10,
            },
            _escalation(
                "Look at the whole plan with them: another way, or another goal",
                minutes=60,
                wait_days=14,
                changes=Changes.PERSON,
            ),
        ),
    },
    {
        "key": "last-maintainer-left",
        "title": "The last maintainer has left",
        "version": {
            "aim": "Somebody at the member maintains a project again",
            "aim_days": 90,
            "start_kind": StartKind.TRIGGER,
            "start": {
                "kind": "maintainer.removed",
                "last": True,
                "why": "Since {day} nobody at this member maintains a project any more; the "
                "last was {subject}.",
            },
            "audience": MEMBER,
            "queue_class": QueueClass.REGRESSING,
        },
        "steps": (
            {
                "act": "Ask who takes over, and introduce them to the project",
                "minutes": 30,
                "due_days": 3,
            },
            _escalation("Speak with those who decide there", wait_days=14),
        ),
    },
    {
        "key": "promise-of-ours-late",
        "title": "A promise of ours is late",
        "version": {
            "aim": "We have done what we promised, or agreed with them that we shall not",
            "start_kind": StartKind.DATA,
            "start": {
                "kind": "promise.late",
                "fact": "we_owe_since",
                "why": "We promised “{subject}” for {day}, and it is not done.",
            },
            "audience": MEMBER,
            "queue_class": QueueClass.ASSOCIATION_PROMISE_OVERDUE,
            **OWED,
        },
        "steps": (
            {
                "act": "Do it, or tell them when; then mark it done",
                "intent": Intent.HELP,
                "minutes": 30,
                "due_days": 1,
            },
            _escalation(
                "It is still not done: take it over, and tell them who does it now",
                due_days=1,
                changes=Changes.PERSON,
            ),
        ),
    },
    {
        # They are kept waiting by us: it goes with what we owe them, late or not.
        "key": "declaration-waiting",
        "title": "A member waits for our answer",
        "version": {
            "aim": "The member knows where they stand",
            "start_kind": StartKind.TRIGGER,
            "start": {
                "kind": "answer.waiting",
                "why": "On {day} they told us that {subject}, and they wait for our answer.",
            },
            "audience": MEMBER,
            "queue_class": QueueClass.ASSOCIATION_PROMISE_OVERDUE,
            **OWED,
        },
        "steps": ({"act": "Confirm it, or say what is missing", "minutes": 10, "due_days": 2},),
    },
    {
        "key": "no-plan-by-day-14",
        "title": "No plan by day 14",
        "version": {
            "aim": "A goal in the member's own words, and a path to it that both sides have "
            "agreed",
            "aim_condition": _is("state", "ne", State.NO_PLAN.value),
            "start_kind": StartKind.TIMED,
            "start": {
                "fact": "joined_on",
                "offset_days": PLAN_SLA_DAYS,
                "why": "They joined on {joined}, and by {day} no plan was agreed.",
            },
            "audience": {"all": [MEMBER, _is("state", "eq", State.NO_PLAN.value)]},
            "queue_class": QueueClass.NO_PLAN,
            **OWED,
        },
        "steps": (
            {
                "act": "Ask what they want to achieve, and agree a plan",
                "minutes": 45,
                "due_days": 5,
            },
            {
                "act": "Offer a plan that members like them have followed",
                "intent": Intent.HELP,
                "minutes": 30,
                "due_days": 5,
            },
            _escalation("Ask whoever decided to join what it was for", changes=Changes.PERSON),
        ),
    },
    {
        "key": NEXT_GOAL_PLAY,
        "title": "The goal is achieved",
        "version": {
            "aim": "The next goal is agreed",
            "start_kind": StartKind.DATA,
            "start": {
                "fact": "achieved_on",
                "why": "{goal} was achieved on {day}: the next goal is ours to ask for.",
                "replaced": "The next goal is agreed",
            },
            "audience": MEMBER,
            "queue_class": QueueClass.NEXT_GOAL,
            **OWED,
        },
        "steps": (
            {
                "act": "Celebrate it with them, and agree the next goal",
                "minutes": 45,
                "due_days": NEXT_GOAL_DAYS,
            },
            _escalation("Show them what members who were there did next", minutes=45),
        ),
    },
    {
        "key": "goal-stale",
        "title": "The goal has not been confirmed for half a year",
        "version": {
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
                    _is("state", "not_in", [State.NO_PLAN.value, State.ACHIEVED.value]),
                ]
            },
            "queue_class": QueueClass.NEXT_GOAL,
            **DISCRETIONARY,
        },
        "steps": (
            {
                "act": "Ask whether this is still what they want to achieve",
                "minutes": 15,
                "due_days": 10,
                "template": "goal-holds",
            },
            _escalation("Ask by voice, and plan anew if it no longer holds", wait_days=14),
        ),
    },
    {
        "key": "ask-eligible",
        "title": "Ready to be asked",
        "version": {
            "aim": "They have been asked what they agreed to be asked, once",
            "start_kind": StartKind.TRIGGER,
            "start": {
                "kind": "ask.eligible",
                "why": "Since {day} they may be asked what they agreed to when “{subject}” was "
                "planned.",
            },
            "audience": MEMBER,
            "queue_class": QueueClass.ELIGIBLE_ASK,
        },
        "steps": (
            {
                "act": "Ask what was announced at this point, in their words",
                "minutes": 20,
                "due_days": 14,
            },
        ),
    },
    {
        "key": "decision-maker-quiet",
        "title": "The decision maker has gone quiet",
        "version": {
            "aim": "Whoever decides there takes part again, or has said who does in their "
            "place",
            "aim_condition": _is("decider_last_on", "within_last_days", 60),
            "aim_days": 90,
            "start_kind": StartKind.DATA,
            "start": {
                "while": {
                    "all": [
                        _is("decider_last_on", "older_than_days", QUIET_DAYS),
                        _is("last_fact_on", "within_last_days", STILL_AROUND_DAYS),
                    ]
                },
                "why": "Nobody who decides has been heard of since {quiet}, while others at "
                "the member have.",
                "ended": "They were heard of, or nobody there is any more",
            },
            "audience": MEMBER,
            "queue_class": QueueClass.SUBSTITUTION,
            **DISCRETIONARY,
        },
        "steps": (
            {
                "act": "Find out whether they still decide, and what they want from us",
                "minutes": 30,
                "due_days": 5,
            },
            {
                "act": "Bring them together with a decision maker of another member",
                "intent": Intent.INVITE,
                "minutes": 30,
                "due_days": 7,
                "wait_days": 14,
            },
            _escalation(
                "Have the director speak with them", wait_days=14, changes=Changes.PERSON
            ),
        ),
    },
    {
        "key": "quarterly-review",
        "title": "A quarter has begun",
        "version": {
            "aim": "A review is held, or agreed for a day",
            "aim_condition": {
                "any": [
                    _is("review_on", "within_last_days", 30),
                    _is("review_on", "later_than_days", 0),
                ]
            },
            "aim_days": 45,
            "start_kind": StartKind.TIMED,
            "start": {
                "every": "quarter",
                "over_days": 20,
                "why": "A quarter began on {period}, and the last review is long ago.",
            },
            "audience": {
                "all": [
                    MEMBER,
                    _is("state", "ne", State.NO_PLAN.value),
                    {
                        "any": [
                            _is("review_on", "is_null"),
                            _is("review_on", "older_than_days", REVIEW_EVERY_DAYS),
                        ]
                    },
                ]
            },
            "queue_class": QueueClass.NEXT_GOAL,
            **DISCRETIONARY,
        },
        "steps": (
            {
                "act": "Offer times for a review",
                "minutes": 15,
                "due_days": 14,
                "template": "review-invitation",
            },
            _escalation("Agree a day with them by voice", minutes=15, wait_days=10),
        ),
    },
    _renewal(
        120,
        until=90,
        title="120 days to the end of the term: what has it brought",
        why="Their term ends on {ends}. In time to change something: what has it brought them "
        "on the way to {goal}?",
        act="Look back with them on what they came for, and mend what is missing",
        then="Look back in a call, before anybody speaks of renewing",
        template="renewal-look-back",
        minutes=45,
    ),
    _renewal(
        90,
        until=60,
        title="90 days to the end of the term: notice",
        why="Their term ends on {ends}: they are to know, and to say what should change.",
        act="Tell them the day, and ask what should change",
        then="Make sure that whoever decides has heard of it",
        template="renewal-notice",
        minutes=20,
    ),
    _renewal(
        60,
        until=30,
        title="60 days to the end of the term: what is open",
        why="Their term ends on {ends}, and no decision is known: a question is open.",
        act="Ask what they need for their decision, and from whom",
        then="Answer what is open, in a call",
        template="renewal-open-question",
        minutes=30,
    ),
    _renewal(
        30,
        until=0,
        title="30 days to the end of the term: the decision",
        why="Their term ends on {ends}, in {offset} days, and no next one is known.",
        act="Speak with whoever decides",
        then="Have the director speak with whoever decides",
        template="",
        minutes=45,
    ),
    {
        "key": "lapsed-in-grace",
        "title": "The term has ended, and grace runs",
        "version": {
            "aim": "The member goes on, or has told us why not",
            "aim_condition": _is("standing", "eq", Standing.IN_FORCE.value),
            "aim_days": 60,
            "start_kind": StartKind.TIMED,
            "start": {
                "fact": "term_ends_on",
                "offset_days": 1,
                "why": "Their term ended on {ends}, and nothing has followed it.",
                "ended": "Grace is over",
            },
            "audience": _is("standing", "eq", Standing.IN_GRACE.value),
            "stop": _is("next_term_on", "not_null"),
            "queue_class": QueueClass.NEXT_GOAL,
            **OWED,
        },
        "steps": (
            {
                "act": "Ask whether they go on, and what has kept them",
                "minutes": 20,
                "due_days": 3,
                "template": "in-grace",
            },
            {
                "act": "Ring them: is it a decision, or has it been forgotten",
                "minutes": 20,
                "due_days": 3,
            },
            _escalation("Ask whoever decides for the reason", changes=Changes.PERSON),
        ),
    },
)


def planned(said: Mapping[str, Any]) -> PlannedPlay:
    """Return one of these plays in the shape of the editor."""
    return PlannedPlay(
        **(VERSION | said["version"]),
        steps=tuple(PlannedStep(**(STEP | step)) for step in said["steps"]),
    )


def ensure_templates() -> dict[str, MessageTemplate]:
    """Return the messages of these plays by their keys, made where missing; safe to repeat."""
    written = ({"purpose": Purpose.DISCRETIONARY} | words for words in DEFAULT_TEMPLATES)
    return {
        words["key"]: templates.ensure(key=words["key"], words=words, gaps=GAPS)
        for words in written
    }
