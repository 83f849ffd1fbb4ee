from django.db import models


class RenewalCount(models.Model):
    """Terms that ended in a month, of members alike, and what came of them. One row a kind.

    Rewritten by the night. A renewal starts before the grace after the end is over.
    """

    month = models.DateField(help_text="first day of the month in which the terms ended")
    state = models.TextField(
        blank=True, help_text="60 days before the end; blank where it is not known"
    )
    is_first_year = models.BooleanField(help_text="ended within a year of joining")
    tier = models.TextField(help_text="of the term that ended")
    renewed = models.PositiveIntegerField()
    lapsed = models.PositiveIntegerField()
    undecided = models.PositiveIntegerField(help_text="in grace")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["month", "state", "is_first_year", "tier"],
                name="renewals_are_counted_once_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.state} {self.tier}"


class RetentionEvent(models.Model):
    """A month of a survival curve: of a group, how many were seen to it, and who then left.

    Rewritten by the night. Every month from nought to the last one seen has a row, so that
    curves and the comparison of groups follow from these rows alone.
    """

    spell = models.PositiveSmallIntegerField(help_text="1: first memberships; 2: later ones")
    dimension = models.TextField(help_text="all, kind, segment, state, tier or cohort")
    value = models.TextField(blank=True, help_text="of the group; blank: everybody, or none")
    month = models.PositiveSmallIntegerField(help_text="of membership, completed")
    at_risk = models.PositiveIntegerField(help_text="just before")
    events = models.PositiveIntegerField(help_text="who left")
    censored = models.PositiveIntegerField(help_text="who are known no further")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["spell", "dimension", "value", "month"],
                name="a_curve_has_one_row_a_month",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value} month {self.month}"
