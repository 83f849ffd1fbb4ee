from django.conf import settings
from django.db import models
from django.db.models import Q

from members.models.fields import public_id as public_id_field
from success.enums import MailingCadence, MailingOutcome


class PageMailing(models.Model):
    """A page that somebody is sent regularly as a sheet, with the filters it had."""

    public_id = public_id_field()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mailings"
    )
    page = models.TextField(help_text="name of a page that can be mailed")
    filters = models.TextField(blank=True, help_text="the query string")
    name = models.TextField()
    cadence = models.TextField(choices=MailingCadence, default=MailingCadence.WEEKLY)
    day = models.PositiveSmallIntegerField(
        default=0, help_text="weekly: 0 is Monday; monthly: day of the month"
    )
    hour = models.PositiveSmallIntegerField(default=7, help_text="of the owner's own day")
    is_active = models.BooleanField(default=True)
    next_due_at = models.DateTimeField()
    last_looked_at = models.DateTimeField(null=True)
    last_outcome = models.TextField(choices=MailingOutcome, default="", blank=True)
    last_words = models.TextField(blank=True, help_text="why nothing was sent")
    last_sent_on = models.DateField(null=True, help_text="by the owner's own calendar")
    last_digest = models.CharField(
        max_length=64, blank=True, help_text="hash of the rows that were sent last"
    )
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="a_mailing_is_named_once"),
            models.CheckConstraint(
                condition=Q(cadence="weekly", day__lte=6)
                | Q(cadence="monthly", day__gte=1, day__lte=28),
                name="a_mailing_has_a_day_that_every_period_has",
            ),
            models.CheckConstraint(
                condition=Q(hour__lte=23), name="a_mailing_has_an_hour_of_the_day"
            ),
        ]
        indexes = [
            # the minute sweep looks for what is due
            models.Index(
                fields=["next_due_at"], condition=Q(is_active=True), name="mailing_due"
            ),
        ]

    def __str__(self) -> str:
        return self.name
