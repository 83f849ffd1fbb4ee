from django.db import models

from coverage.enums import LifecycleStage
from members.models import Member


class Circumstance(models.Model):
    """What coverage has to know of a member's way; success writes it down here each night.

    Coverage never asks success, and nothing here is about money.
    """

    member = models.OneToOneField(
        Member, on_delete=models.CASCADE, primary_key=True, related_name="circumstance"
    )
    stage = models.TextField(choices=LifecycleStage)
    stage_since = models.DateField(help_text="first night on which it was this one")
    first_value_expected_on = models.DateField(
        null=True, help_text="of those on their way to it: the day their plan says"
    )
    term_ends_on = models.DateField(null=True, help_text="first day after the last known term")
    is_protected = models.BooleanField(
        help_text="regressing: this relationship is not moved to other hands"
    )
    written_on = models.DateField(help_text="night that last wrote this row")

    class Meta:
        indexes = [
            models.Index(fields=["stage", "term_ends_on"], name="circumstance_by_stage"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.stage}"
