from django.db import models


class ForecastMonth(models.Model):
    """A closed month: what was to be expected of it, what came, and how late members were.

    Written by the night once the month has closed, and anew on full nights until nobody may
    still answer. ``starts_on`` is the day before the month, on which it is asked about.
    """

    starts_on = models.DateField()
    ends_on = models.DateField(unique=True)
    is_settled = models.BooleanField(help_text="nobody may answer any more; changes no more")
    covers_until = models.DateField(help_text="answers up to this day were known")
    said = models.JSONField(help_text="sums as exact fractions, and the tenths of the chance")
    lateness = models.JSONField(
        help_text="by path and milestone: days late at the end, reached, seen from, how many"
    )

    def __str__(self) -> str:
        return f"until {self.ends_on}"
