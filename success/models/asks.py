from django.conf import settings
from django.db import models
from django.db.models import Q

from members.models import Person
from members.models.fields import public_id as public_id_field
from success.enums import Advocacy, AskKind, AskStatus
from success.models.offers import Offer
from success.models.plans import Milestone, Plan


class Ask(models.Model):
    """An offer or a request that was announced when the plan was agreed.

    It may be made once the milestone stands on more than one side's word, and not before: a
    trigger of the database refuses it.
    """

    public_id = public_id_field()
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="asks")
    milestone = models.ForeignKey(Milestone, on_delete=models.CASCADE, related_name="asks")
    kind = models.TextField(choices=AskKind)
    advocacy = models.TextField(choices=Advocacy, blank=True)
    offer = models.ForeignKey(
        Offer, null=True, blank=True, on_delete=models.PROTECT, related_name="asks"
    )
    status = models.TextField(choices=AskStatus, default=AskStatus.ANNOUNCED)
    consented_on = models.DateField(
        null=True, blank=True, help_text="day they agreed to be asked; blank: they did not"
    )
    consented_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_on = models.DateField(null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    answered_on = models.DateField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="in their words")
    record = models.TextField(
        blank=True, help_text="what came of it: the words, the address of the case study"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["milestone", "kind"], name="a_milestone_has_one_ask_of_a_kind"
            ),
            models.CheckConstraint(
                condition=(Q(kind="upsell", offer__isnull=False, advocacy=""))
                | (Q(kind="advocacy", offer=None) & ~Q(advocacy="")),
                name="an_ask_says_what_for",
            ),
            models.CheckConstraint(
                condition=Q(asked_on=None) | Q(consented_on__isnull=False),
                name="nobody_is_asked_without_consent",
            ),
            models.CheckConstraint(
                condition=Q(status="announced", asked_on=None)
                | Q(status="withdrawn")
                | (~Q(status="announced") & Q(asked_on__isnull=False)),
                name="what_was_asked_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.milestone}"
