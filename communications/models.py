"""What we say to members: the words, whom we must not write to, and the outbox."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from communications.enums import (
    Cadence,
    CalendarMethod,
    EventKind,
    Format,
    MessageChannel,
    MessageStatus,
    NoticeKind,
    Purpose,
    SuppressionKind,
)
from members.models import Member, Person
from members.models.fields import public_id as public_id_field

LARGEST_ATTACHMENT = 5 * 1024 * 1024  # bytes: what mail servers take, with room for its coding


class Topic(models.Model):
    """Something we write about, that a person may want to hear of or not."""

    key = models.SlugField(unique=True)
    title = models.TextField()
    description = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    is_retired = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.title


class MessageTemplate(models.Model):
    """The words of a message; ``{{ name }}`` is filled in, a name without a value blocks."""

    key = models.SlugField(unique=True)
    title = models.TextField(blank=True, default="", db_default="")
    subject = models.TextField()
    body = models.TextField(help_text="plain text")
    purpose = models.TextField(choices=Purpose, default=Purpose.DISCRETIONARY)
    topic = models.ForeignKey(
        Topic, null=True, blank=True, on_delete=models.PROTECT, related_name="templates"
    )
    variables = models.JSONField(
        default=list,
        blank=True,
        help_text="[{name, kind, label, example}]: the names that its words may use",
    )
    is_retired = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return self.title or self.key


class TemplateVariant(models.Model):
    """The same message for another sort of reader, or in another language."""

    template = models.ForeignKey(
        MessageTemplate, on_delete=models.CASCADE, related_name="variants"
    )
    persona = models.TextField(blank=True, help_text="blank: any")
    language = models.TextField(blank=True, help_text="IETF tag; blank: any")
    subject = models.TextField()
    body = models.TextField(help_text="plain text")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["template", "persona", "language"],
                name="a_template_says_it_once_to_each_sort_of_reader",
            ),
            models.CheckConstraint(
                condition=~Q(persona="", language=""), name="a_variant_is_for_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template}: {self.persona} {self.language}".rstrip()


class Preference(models.Model):
    """How and when a person wants to hear from us; what is not said is the usual."""

    person = models.OneToOneField(
        Person, on_delete=models.CASCADE, primary_key=True, related_name="preference"
    )
    no_discretionary = models.BooleanField(
        default=False, help_text="nothing but what is promised, owed, or an answer"
    )
    refused_channels = models.JSONField(
        default=list, blank=True, help_text="of coverage's channels, calls and meetings as well"
    )
    format = models.TextField(choices=Format, default=Format.PLAIN)
    cadence = models.TextField(choices=Cadence, default=Cadence.AT_ONCE)
    hour = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="of the day from which to write; null: any"
    )
    time_zone = models.TextField(blank=True, help_text="IANA zone; blank: the association's")
    language = models.TextField(blank=True, help_text="IETF tag; blank: the association's")
    persona = models.TextField(blank=True, help_text="which sort of reader they are to us")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(hour=None) | Q(hour__lte=23), name="a_day_has_24_hours"
            ),
        ]

    def __str__(self) -> str:
        return f"as {self.person} wants it"


class TopicChoice(models.Model):
    """Whether a person wants to hear of a topic; one row for each that they spoke about."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="topic_choices")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, related_name="choices")
    is_wanted = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "topic"], name="a_person_wants_a_topic_or_not"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.topic} {self.is_wanted}"


class Consent(models.Model):
    """What a person said of hearing from us, and where; kept for good, the last one holds."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="consents")
    topic = models.ForeignKey(
        Topic, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_given = models.BooleanField()
    said_in = models.TextField(help_text="preference page, one-click, import, portal, staff")
    words = models.TextField(blank=True, help_text="what they were asked, or said")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["person", "at"], name="consent_by_person")]

    def __str__(self) -> str:
        return f"{self.person} on {self.at:%Y-%m-%d}: {self.is_given}"


class Suppression(models.Model):
    """An address we must not write to; kept as a hash, so that it outlives an erasure."""

    address_hash = models.CharField(max_length=64, unique=True)
    kind = models.TextField(
        choices=SuppressionKind, default=SuppressionKind.STAFF, db_default=SuppressionKind.STAFF
    )
    reason = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reason


class Message(models.Model):
    """One message to one person. The row commits before anything is sent, and is sent once.

    ``sending`` left over from a crash becomes ``unknown`` and is never sent again by itself.
    """

    public_id = public_id_field()
    member = models.ForeignKey(
        Member, null=True, on_delete=models.CASCADE, related_name="messages"
    )
    person = models.ForeignKey(
        Person, null=True, on_delete=models.SET_NULL, related_name="messages"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="messages",
        help_text="a colleague, for what we tell ourselves",
    )
    channel = models.TextField(
        choices=MessageChannel, default=MessageChannel.EMAIL, db_default=MessageChannel.EMAIL
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
    returned_at = models.DateTimeField(
        null=True, help_text="when the provider said that it did not arrive"
    )
    outcome = models.TextField(
        blank=True, help_text="why it was not sent, or the provider's id"
    )
    provider_id = models.TextField(
        blank=True, default="", db_default="", help_text="by which its events name it"
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
            # events of the provider say it by its name for the message
            models.Index(
                fields=["provider_id"],
                condition=~Q(provider_id=""),
                name="message_by_provider_id",
            ),
            # the fatigue cap counts what a person was sent lately
            models.Index(fields=["person", "finished_at"], name="message_by_person"),
        ]

    def __str__(self) -> str:
        return self.dedupe_key


class MessageAttachment(models.Model):
    """A file that goes along with a message; its bytes are dropped once the message is through.

    A sheet is about many members: what leaves with the mail does not stay here beside it.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    name = models.TextField(help_text="of the file")
    content_type = models.TextField()
    content = models.BinaryField(default=b"", help_text="empty once the message is through")
    size = models.PositiveIntegerField(help_text="bytes, as it was enclosed")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "name"], name="a_file_goes_along_with_a_message_once"
            ),
            models.CheckConstraint(
                condition=Q(size__lte=LARGEST_ATTACHMENT), name="an_attachment_can_be_mailed"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DeliveryEvent(models.Model):
    """What a provider told us of a message; an opening counts for nothing."""

    message = models.ForeignKey(
        Message, null=True, on_delete=models.CASCADE, related_name="events"
    )
    provider = models.TextField()
    event_id = models.TextField(help_text="by which the provider says it once")
    kind = models.TextField(choices=EventKind)
    at = models.DateTimeField(help_text="when it happened, as the provider says")
    received_at = models.DateTimeField()
    code = models.TextField(blank=True, help_text="enhanced status code of a bounce, as 5.1.1")
    is_machine = models.BooleanField(
        default=False, help_text="an opening or a click that a program made, in all likelihood"
    )
    detail = models.TextField(blank=True, help_text="the address followed, or why it bounced")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "event_id"], name="a_provider_says_a_thing_once"
            ),
        ]
        indexes = [models.Index(fields=["message", "at"], name="event_by_message")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class Reply(models.Model):
    """What somebody wrote back to us."""

    public_id = public_id_field()
    message = models.ForeignKey(
        Message,
        null=True,
        on_delete=models.SET_NULL,
        related_name="replies",
        help_text="which it answers; null: not known",
    )
    member = models.ForeignKey(
        Member, null=True, on_delete=models.CASCADE, related_name="replies"
    )
    person = models.ForeignKey(
        Person, null=True, on_delete=models.SET_NULL, related_name="replies"
    )
    provider = models.TextField()
    event_id = models.TextField()
    received_at = models.DateTimeField()
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True)
    is_automatic = models.BooleanField(
        default=False, help_text="out of office and the like: it stops nothing"
    )
    handled_at = models.DateTimeField(
        null=True, help_text="when upper apps have drawn their conclusions"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="a_reply_comes_once"),
        ]
        indexes = [
            models.Index(fields=["member", "received_at"], name="reply_by_member"),
            models.Index(
                fields=["received_at"], condition=Q(handled_at=None), name="reply_to_handle"
            ),
        ]

    def __str__(self) -> str:
        return self.subject


class Notice(models.Model):
    """Something that a log-in is told inside the product: a colleague's, or a member's."""

    public_id = public_id_field()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    member = models.ForeignKey(
        Member, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    kind = models.TextField(choices=NoticeKind)
    title = models.TextField()
    body = models.TextField(blank=True)
    address = models.TextField(blank=True, help_text="of the page it is about, in this product")
    dedupe_key = models.TextField(help_text="what this is, said to a person once")
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "dedupe_key"], name="a_person_is_told_a_thing_once"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-at", "-id"], name="notice_newest_first"),
            models.Index(
                fields=["user"], condition=Q(read_at=None), name="notice_not_read_yet"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class DigestPreference(models.Model):
    """Whether a colleague wants the weekly digest, and of what; unsaid: yes, all of it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="digest_preference",
    )
    is_wanted = models.BooleanField(default=True)
    weekday = models.PositiveSmallIntegerField(default=0, help_text="0 is Monday")
    hour = models.PositiveSmallIntegerField(default=8, help_text="of the person's own day")

    def __str__(self) -> str:
        return f"digest for {self.user}"
