"""What is kept about somebody of a member, for themselves to read and to take along."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from communications.enums import MessageStatus
from communications.models import Consent, Message, Reply
from members.enums import PortalRole
from members.models import Affiliation, User
from success.models import (
    Ask,
    Declaration,
    GapAnswer,
    GoalChange,
    Helpfulness,
    OutcomeConfirmation,
    Plan,
)
from success.queries.portal import my_path, next_review


@dataclass(frozen=True, kw_only=True)
class Said:
    """Something they told us: when, on what, and in which words (blank: by pressing only)."""

    on: date
    about: str
    words: str


@dataclass(frozen=True, kw_only=True)
class MyData:
    """What we keep about the person behind a log-in; nothing of anybody else."""

    user: User
    affiliations: tuple[Affiliation, ...]
    said: tuple[Said, ...]
    messages: tuple[Message, ...]


def my_data(user: User) -> MyData:
    """What is kept about ``user``: their places, what they said, what was sent to them.

    ``said`` and ``messages`` are the newest first. A fixed number of queries.
    """
    person = user.person
    places: tuple[Affiliation, ...] = ()
    sent: tuple[Message, ...] = ()
    if person is not None:
        places = tuple(person.affiliations.filter(member=user.member).select_related("member"))
        # what went to a former employer's plan is that member's, not this one's
        messages = person.messages.filter(member=user.member, status=MessageStatus.SENT)
        sent = tuple(messages.order_by("-finished_at", "-pk"))
    return MyData(
        user=user,
        affiliations=places,
        said=_said(user),
        messages=sent,
    )


def as_export(user: User, *, as_of: date) -> dict[str, Any]:
    """The same as one document; with the plan of the member for those who speak for it.

    Dates and moments are left for the JSON encoder; file contents are not in it, their names
    are.
    """
    mine = my_data(user)
    person = user.person
    found: dict[str, Any] = {
        "as_of": as_of,
        "log_in": {
            "email": user.email,
            "name": user.name,
            "may": user.portal_role,
            "time_zone": user.time_zone,
            "last_log_in": user.last_login,
        },
        "person": {"name": person.name, "email": person.email} if person else None,
        "places": [
            {
                "member": place.member.name,
                "title": place.title,
                "is_main_contact": place.is_primary_contact,
                "from": place.starts_on,
                "until": place.ends_on,
            }
            for place in mine.affiliations
        ],
        "what_i_said": [
            {"on": one.on, "about": one.about, "words": one.words} for one in mine.said
        ],
        "messages_to_me": [
            {"sent_at": one.finished_at, "subject": one.subject, "text": one.body}
            for one in mine.messages
        ],
    }
    if user.portal_role == PortalRole.LEAD:
        found["plan"] = _plan(user, as_of=as_of)
    return found


def _said(user: User) -> tuple[Said, ...]:
    """Everything told by this log-in, the newest first; eight queries.

    What they wrote back by mail is of the member they now speak for, as what was sent to them.
    """
    told = [
        Said(on=one.on, about=f"The goal is still right: {one.outcome.goal}", words="")
        for one in OutcomeConfirmation.objects.filter(by=user).select_related("outcome")
    ]
    told += [
        Said(on=one.at.date(), about="My goal has changed", words=one.words)
        for one in GoalChange.objects.filter(by=user)
    ]
    told += [
        Said(
            on=one.at.date(),
            about=f"Done: {one.milestone.title}"
            + (f" (with the file {one.attachment_name})" if one.attachment_name else ""),
            words=one.what_changed,
        )
        for one in Declaration.objects.filter(by=user).select_related("milestone")
    ]
    told += [
        Said(
            on=one.at.date(),
            about=("It helped: " if one.helped else "It did not help: ")
            + one.accountability.title,
            words=one.words,
        )
        for one in Helpfulness.objects.filter(by=user).select_related("accountability")
    ]
    told += [
        Said(
            on=one.on,
            about=f"Getting closer to the goal? {one.get_answer_display()}",
            words=one.words,
        )
        for one in GapAnswer.objects.filter(by=user)
    ]
    if user.person_id:
        told += [
            Said(on=one.consented_on, about=f"You may ask us: {what_for(one)}", words="")
            for one in Ask.objects.filter(consented_by=user.person_id).select_related("offer")
            if one.consented_on is not None
        ]
        told += [
            Said(
                on=one.received_at.date(),
                about=f"An answer by mail: {one.subject or 'without a subject'}",
                words=one.body,
            )
            for one in Reply.objects.filter(person=user.person_id, member=user.member_id)
        ]
        told += [
            Said(
                on=one.at.date(),
                about=("I want to hear of: " if one.is_given else "I do not want to hear of: ")
                + (one.topic.title if one.topic else "anything that can wait"),
                words=one.words,
            )
            for one in Consent.objects.filter(person=user.person_id).select_related("topic")
        ]
    return tuple(sorted(told, key=lambda one: one.on, reverse=True))


def what_for(ask: Ask) -> str:
    """What an ask is about, as the member reads it."""
    return ask.offer.title if ask.offer else str(ask.get_advocacy_display())


def _plan(user: User, *, as_of: date) -> dict[str, Any] | None:
    member = user.member
    if member is None:
        return None
    mine = my_path(member, reader=user, as_of=as_of)
    plan: Plan | None = mine.plan
    if plan is None:
        return None
    review = next_review(member)
    return {
        "member": member.name,
        "goal": mine.goal,
        "how_we_will_know": mine.outcome.measure if mine.outcome else "",
        "since": plan.anchor_on,
        "further_goals": [one.goal for one in mine.other_goals],
        "milestones": [
            {
                "title": one.title,
                "usually_by": one.usually_by,
                "reached_on": one.reached_on,
                "what_changed": one.what_changed,
            }
            for one in mine.milestones
        ],
        "promises": [
            {
                "from": "the association" if one.is_ours else "us",
                "title": one.title,
                "by_whom": one.who,
                "due_on": one.due_on,
                "done_on": one.done_on,
                "evidence": one.evidence,
            }
            for one in (*mine.ours, *mine.theirs)
        ],
        "next_review": {"starts_at": review.starts_at, "place": review.place}
        if review
        else None,
    }
