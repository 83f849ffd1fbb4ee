"""What was said to members, and what is about to be."""

from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from communications.engine.replies import shown
from communications.enums import MessageStatus
from communications.models import (
    DeliveryEvent,
    Message,
    MessageTemplate,
    Notice,
    Reply,
    Topic,
)
from members.models import AuditEntry, User

HISTORY = 10
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
    """Return all messages with whom they are for and template, the newest first.

    For readers with ``Permission.MESSAGE_VIEW``; to be paged by (due_at, id).
    """
    return Message.objects.select_related("member", "person", "user", "template").order_by(
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


def templates_with_counts() -> QuerySet[MessageTemplate]:
    """Return every template with its topic, those that are retired last, by title.

    ``variant_count`` says in how many further ways it is written.
    """
    return (
        MessageTemplate.objects.select_related("topic")
        .annotate(variant_count=Count("variants"))
        .order_by("is_retired", "title", "key")
    )


def topics_with_counts() -> QuerySet[Topic]:
    """Return every topic in its place, those that are retired last.

    ``refused`` counts people who said that they do not want to hear of it, ``written`` the
    templates about it.
    """
    return Topic.objects.annotate(
        refused=Count("choices", filter=Q(choices__is_wanted=False), distinct=True),
        written=Count("templates", distinct=True),
    ).order_by("is_retired", "position", "title")


def history_of(template: MessageTemplate) -> QuerySet[AuditEntry]:
    """Return the latest of what was done to a template, and by whom, the newest first."""
    return (
        AuditEntry.objects.filter(
            subject_type=MessageTemplate._meta.label_lower,  # noqa: SLF001  # Django's own name
            subject_id=str(template.pk),
        )
        .annotate(who=F("by__name"))
        .order_by("-at", "-pk")[:HISTORY]
    )
