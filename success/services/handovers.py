"""Members are told who looks after them now, where a rebalancing was applied to be told.

An hour after it was applied, so that what is undone at once is never said.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from communications.enums import Purpose
from communications.models import Message
from communications.services import templates
from communications.services.outbox import NewMessage, queue_messages
from coverage.enums import RebalancingStatus
from coverage.models import Assignment, Move, Rebalancing
from coverage.services.rebalancing import APPLIED
from members.models import Affiliation

DEDUPE: Final = "rebalancing"
WAITS: Final = timedelta(hours=1)
LATEST: Final = timedelta(days=7)
GAPS: Final = {
    "name": ("who is written to", "Kim Adeyemi"),
    "member": ("the member", "Harbour Works"),
    "owner": ("who looks after them from now on", "Mira Lindqvist"),
}
WORDS: Final = {
    "coverage-new-person": {
        "title": "Somebody else looks after them",
        "subject": "{{ owner }} looks after {{ member }} from now on",
        "body": (
            "Dear {{ name }},\n\n"
            "from now on {{ owner }} is there for {{ member }}, and knows your goal, your plan "
            "and what was agreed. Nothing else changes. To ask or to say something, answer "
            "this message.\n"
        ),
    },
    "coverage-pool": {
        "title": "The team as a whole looks after them",
        "subject": "How to reach us from now on",
        "body": (
            "Dear {{ name }},\n\n"
            "from now on our team as a whole is there for {{ member }} whenever you ask. Your "
            "goal, your plan and what was agreed stay as they are. To ask or to say something, "
            "answer this message.\n"
        ),
    },
}


@transaction.atomic
def tell_moved(*, at: datetime) -> int:
    """Queue a message to the main contact of each member that changed hands; return how many.

    Of rebalancings applied to be told, between an hour and a week before ``at``, and not undone
    since. Members without a main contact are told nothing. Said once, however often it is run.
    """
    due = Rebalancing.objects.filter(
        status=RebalancingStatus.APPLIED,
        tells_members=True,
        applied_at__lte=at - WAITS,
        applied_at__gt=at - LATEST,
    )
    moves = [
        move
        for move in Move.objects.filter(rebalancing__in=due, outcome=APPLIED)
        .select_related("rebalancing", "member", "to_owner")
        .order_by("pk")
        if move.from_owner_id != move.to_owner_id
    ]
    if not moves:
        return 0
    for key, words in WORDS.items():
        templates.ensure(key=key, words=words, gaps=GAPS)
    contacts = {
        contact.member_id: contact.person
        for contact in Affiliation.objects.filter(
            member__in=[move.member_id for move in moves],
            is_primary_contact=True,
            ends_on=None,
        ).select_related("person")
    }
    return queue_messages(
        NewMessage(
            member_id=move.member_id,
            person_id=contacts[move.member_id].pk,
            template_key="coverage-new-person" if move.to_owner else "coverage-pool",
            variables={
                "name": contacts[move.member_id].name,
                "member": move.member.name,
                **({"owner": str(move.to_owner)} if move.to_owner else {}),
            },
            purpose=Purpose.PROMISED,
            dedupe_key=f"{DEDUPE} {move.rebalancing.public_id} {move.member_id}",
            due_at=at,
        )
        for move in moves
        if move.member_id in contacts
    )


def objection(*, message: Message, at: datetime) -> str | None:  # noqa: ARG001  # asked so
    """Return why a member must not be told of new hands after all; None for other messages.

    Asked in the sending transaction: while the message waited for the morning, the rebalancing
    may have been undone, or somebody else have been given the member.
    """
    if message.member_id is None or not message.dedupe_key.startswith(f"{DEDUPE} "):
        return None
    _, public_id, member_id = message.dedupe_key.split(" ")
    whose = int(member_id)
    move = Move.objects.filter(
        rebalancing__public_id=public_id,
        rebalancing__status=RebalancingStatus.APPLIED,
        member=whose,
        outcome=APPLIED,
    ).first()
    if move is None:
        return "It was undone"
    now = Assignment.objects.filter(member=whose).values_list("owner_id", flat=True).first()
    return None if now == move.to_owner_id else "Somebody else looks after them by now"
