from django.db import models
from django.db.models import Q


class Association(models.Model):
    """The rules that the one association of this installation has set for itself.

    Its name and the zone of its days are settings: the clock and the page frame need them.
    """

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
        return f"grace {self.grace_days} days, dues in {self.currency}"

    @classmethod
    def current(cls) -> "Association":
        """The rules in force; before anybody has set any, the default ones, unsaved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)
