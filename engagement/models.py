"""What members do: facts as they arrived, and the involvement derived from them."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from members.enums import Origin
from members.models import Member, Person


class Fact(models.Model):
    """Something that happened, once. Append-only: corrected by a further fact, never edited."""

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="facts"
    )
    person = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="facts"
    )
    kind = models.TextField(help_text="area and event, such as maintainer.added")
    subject = models.TextField(
        blank=True, help_text="the project, product or occasion it is about"
    )
    occurred_on = models.DateField()
    source = models.TextField()
    external_id = models.TextField()
    origin = models.TextField(choices=Origin)
    recorded_at = models.DateTimeField()
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="a_fact_is_recorded_once"
            ),
        ]
        indexes = [
            # the timeline of a member, and the evidence of a range of members
            models.Index(fields=["member", "occurred_on"], name="fact_by_member_day"),
            # a night that catches up looks for facts of the days since the last
            BrinIndex(fields=["occurred_on"], name="fact_by_day"),
            # triggers look for what has arrived since they last looked
            models.Index(fields=["kind", "occurred_on"], name="fact_by_kind_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.occurred_on}"


class Involvement(models.Model):
    """A stretch in which a member (by a person, or as a whole) was involved in a subject.

    Derived from facts ``<area>.added`` and ``<area>.removed``; replaced whenever those change.
    ``ends_on`` is the first day without it, null while it lasts.
    """

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="involvements"
    )
    person = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="involvements"
    )
    area = models.TextField(help_text="such as maintainer or certification")
    subject = models.TextField()
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gt=F("starts_on")),
                name="an_involvement_ends_after_it_starts",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "area"], name="involvement_by_member"),
            # who shares a subject with whom
            models.Index(fields=["area", "subject", "member"], name="involvement_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.area} {self.subject} from {self.starts_on}"


class InvolvementPrint(models.Model):
    """What a member's facts and stretches said when a full night last derived the stretches.

    One number, the same while all of them say the same and the rule that derives them does.
    """

    member = models.OneToOneField(
        Member, on_delete=models.CASCADE, primary_key=True, related_name="involvement_print"
    )
    said = models.BigIntegerField()

    def __str__(self) -> str:
        return f"member {self.member_id}"
