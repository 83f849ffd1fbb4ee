from django.conf import settings
from django.db import models
from django.db.models import Q

from members.models import Person
from members.models.fields import public_id as public_id_field
from success.enums import Fit, Obligation, Side
from success.models.plans import Milestone, Plan


class Accountability(models.Model):
    """A promise, theirs or ours, with its day.

    While it is open it goes on with the next version of the plan.
    """

    public_id = public_id_field()
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="accountabilities")
    milestone = models.ForeignKey(
        Milestone,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="accountabilities",
    )
    side = models.TextField(choices=Side)
    title = models.TextField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    person = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    closes_fit = models.TextField(
        choices=Fit, blank=True, help_text="the missing fit that keeping it closes"
    )
    obligation = models.TextField(
        choices=Obligation, blank=True, help_text="made by a rule of ours, once a plan"
    )
    due_on = models.DateField()
    done_on = models.DateField(null=True, blank=True)
    evidence = models.TextField(blank=True, help_text="how the other side can see it")
    waived_on = models.DateField(null=True, blank=True)
    waived_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    waived_reason = models.TextField(blank=True)
    is_simulated = models.BooleanField(default=False, help_text="made for a demonstration")

    class Meta:
        verbose_name_plural = "accountabilities"
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "obligation"],
                condition=~Q(obligation=""),
                name="an_obligation_arises_once_a_plan",
            ),
        ]
        indexes = [
            # who owes what: the promises still open on a plan
            models.Index(
                fields=["plan", "side", "due_on"],
                condition=Q(done_on=None, waived_on=None),
                name="accountability_open",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class AccountabilityEvent(models.Model):
    """What became of a promise, step by step; kept for good."""

    accountability = models.ForeignKey(
        Accountability, on_delete=models.CASCADE, related_name="events"
    )
    verb = models.TextField(
        help_text="made, done, reopened, waived, handed_over, moved, reworded, went_on"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    note = models.TextField(blank=True)
    before = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.verb} {self.at:%Y-%m-%d %H:%M}"


class Helpfulness(models.Model):
    """Whether something we did for a member helped them, as they said it themselves."""

    accountability = models.ForeignKey(
        Accountability, on_delete=models.CASCADE, related_name="helpfulness"
    )
    helped = models.BooleanField()
    words = models.TextField(blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "helpfulness"
        constraints = [
            models.UniqueConstraint(
                fields=["accountability", "by"], name="a_person_judges_a_promise_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.accountability}: {'helped' if self.helped else 'did not help'}"
