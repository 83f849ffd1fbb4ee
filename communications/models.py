"""What we say to members: the words, whom we must not write to, and the outbox."""

from django.db import models
from django.db.models import Q

from communications.enums import CalendarMethod, MessageStatus, Purpose
from members.models import Member, Person
from members.models.fields import public_id as public_id_field


class MessageTemplate(models.Model):
    """The words of a message; ``{{ name }}`` is filled in, a name without a value blocks."""

    key = models.SlugField(unique=True)
    subject = models.TextField()
    body = models.TextField(help_text="plain text")
    purpose = models.TextField(choices=Purpose, default=Purpose.DISCRETIONARY)

    def __str__(self) -> str:
        return self.key


class Suppression(models.Model):
    """An address we must not write to; kept as a hash, so that it outlives an erasure."""

    address_hash = models.CharField(max_length=64, unique=True)
    reason = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reason


class Message(models.Model):
    """One message to one person. The row commits before anything is sent, and is sent once.

    ``sending`` left over from a crash becomes ``unknown`` and is never sent again by itself.
    """

    public_id = public_id_field()
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="messages")
    person = models.ForeignKey(
        Person, null=True, on_delete=models.SET_NULL, related_name="messages"
    )
    template = models.ForeignKey(MessageTemplate, on_delete=models.PROTECT, related_name="+")
    purpose = models.TextField(choices=Purpose)
    dedupe_key = models.TextField(unique=True, help_text="what this message is, said once")
    variables = models.JSONField(default=dict)
    status = models.TextField(choices=MessageStatus, default=MessageStatus.QUEUED)
    due_at = models.DateTimeField()
    not_after = models.DateTimeField(null=True, help_text="too late from then on")
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    outcome = models.TextField(
        blank=True, help_text="why it was not sent, or the provider's id"
    )
    subject = models.TextField(blank=True, help_text="as it was sent")
    body = models.TextField(blank=True, help_text="as it was sent")
    calendar = models.TextField(
        default="",
        db_default="",
        blank=True,
        help_text="an iCalendar object that goes along; blank: none",
    )
    calendar_method = models.TextField(
        choices=CalendarMethod, default="", db_default="", blank=True
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(calendar="", calendar_method="")
                | (~Q(calendar="") & ~Q(calendar_method="")),
                name="a_calendar_says_what_it_is_for",
            ),
        ]
        indexes = [
            # the minute sweep looks for what is due
            models.Index(
                fields=["due_at", "id"], condition=Q(status="queued"), name="message_due"
            ),
            models.Index(fields=["member", "due_at"], name="message_by_member"),
            # the fatigue cap counts what a person was sent lately
            models.Index(fields=["person", "finished_at"], name="message_by_person"),
        ]

    def __str__(self) -> str:
        return self.dedupe_key
