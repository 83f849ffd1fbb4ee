from django.db import models
from django.db.models import F, Q

from members.models.members import Member


class Term(models.Model):
    """One agreed stretch of membership. ``ends_on`` is the first day no longer covered.

    A term is a dated fact; whether a member is in force is derived from terms and the grace
    rule, and typed nowhere.
    """

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="terms"
    )
    tier = models.TextField()
    starts_on = models.DateField()
    ends_on = models.DateField()
    source = models.TextField()
    external_id = models.TextField()
    details = models.JSONField(default=dict, blank=True)
    is_provisional = models.BooleanField(
        default=False,
        db_default=False,
        help_text="a trial: counted as free until a term that is none follows",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gt=F("starts_on")), name="a_term_ends_after_it_starts"
            ),
            models.UniqueConstraint(
                fields=["source", "external_id"], name="an_external_id_names_one_term"
            ),
        ]
        indexes = [
            # standing, spells and the term history of one member, or of a range of members
            models.Index(fields=["member", "starts_on"], name="term_by_member"),
            # what ended last, and before that
            models.Index(fields=["ends_on", "member"], name="term_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.tier} {self.starts_on}-{self.ends_on}"
