"""What was said to members, and what is about to be."""

from django.db.models import Count, QuerySet

from communications.enums import MessageStatus
from communications.models import Message


def messages_of(*, member_id: int) -> QuerySet[Message]:
    """Return the messages of one member with person and template, the newest first.

    The caller has made sure that the reader may see the member.
    """
    return (
        Message.objects.filter(member_id=member_id)
        .select_related("person", "template")
        .order_by("-due_at", "-pk")
    )


def recent_outbox() -> QuerySet[Message]:
    """Return all messages with member, person and template, the newest first.

    For readers with ``Permission.MESSAGE_VIEW``; to be paged by (due_at, id).
    """
    return Message.objects.select_related("member", "person", "template").order_by(
        "-due_at", "-pk"
    )


def outbox_counts() -> dict[MessageStatus, int]:
    """Return how many messages are in each state; every state is there, nought included."""
    rows = Message.objects.order_by().values_list("status").annotate(Count("pk"))
    counted = {MessageStatus(status): number for status, number in rows}
    return {status: counted.get(status, 0) for status in MessageStatus}
