from django.db import models
from django.db.models import Q


class Association(models.Model):
    """The one association this installation serves, and the rules it has set for itself."""

    name = models.TextField()
    time_zone = models.TextField(default="UTC", help_text="IANA zone of the association's days")
    grace_days = models.PositiveSmallIntegerField(
        default=30,
        help_text="days after the last day of a term in which a renewal leaves no gap",
    )
    currency = models.CharField(max_length=3, default="USD", help_text="ISO 4217 code of dues")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_association"),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> "Association":
        """The association; before anybody has named it, one with the default rules, unsaved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1, name="")
