"""What was said to members, and what is about to be."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from communications.engine.replies import shown
from communications.enums import MessageStatus
from communications.models import DeliveryEvent, Message, Notice, Reply
from members.models import User

MOST_COUNTED = 100


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


def events_of(message: Message) -> QuerySet[DeliveryEvent]:
    """Return what the provider said of a message, oldest first; for showing only."""
    return DeliveryEvent.objects.filter(message=message).order_by("at", "pk")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What somebody wrote back; ``words`` are the new ones, without what they quote."""

    reply: Reply
    words: str


def answers_to(message: Message) -> list[Answer]:
    """Return what was answered to a message, with who wrote it, oldest first."""
    replies = Reply.objects.filter(message=message).select_related("person")
    return [
        Answer(reply=reply, words=shown(reply.body))
        for reply in replies.order_by("received_at", "pk")
    ]


def notices_of(user: User, *, unread: bool = False) -> QuerySet[Notice]:
    """Return what a log-in was told, with its member, newest first; to be paged by (at, id)."""
    found = Notice.objects.filter(user=user).select_related("member")
    if unread:
        found = found.filter(read_at=None)
    return found.order_by("-at", "-pk")


def unread_count(user: User) -> int:
    """Return how many notices a log-in has not read, a hundred at most; one indexed query."""
    return Notice.objects.filter(user=user, read_at=None).order_by()[:MOST_COUNTED].count()
