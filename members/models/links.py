"""Accounts that are counted as one: whose dues go on under another member's name."""

from django.db import models
from django.db.models import F, Q

from members.enums import LinkKind
from members.models.accounts import User
from members.models.fields import public_id as public_id_field
from members.models.members import Member

OPEN = "9999-12-31"  # no end, in columns that compare with every day


class AccountLink(models.Model):
    """A member's dues are counted with the survivor's from a day until (exclusive) another."""

    public_id = public_id_field()
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="account_links")
    survivor = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="accounts_linked"
    )
    kind = models.TextField(choices=LinkKind)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    source = models.TextField(blank=True)
    note = models.TextField(blank=True)
    linked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    linked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gt=F("since")),
                name="a_link_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(member=F("survivor")), name="nobody_is_linked_to_themselves"
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(until=None),
                name="a_member_has_one_survivor",
            ),
            models.UniqueConstraint(
                fields=["member", "since"], name="a_member_is_linked_once_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} with {self.survivor_id} since {self.since}"


class AccountUnit(models.Model):
    """Under which account a member is counted where a period closes between two days.

    Derived from the links, chains followed, and made anew with each change of them; only
    members who are in a link at some time have rows, and theirs cover all days. Accounts of
    one ``unit`` add up. The end is exclusive.
    """

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    unit = models.BigIntegerField()
    counts_from = models.DateField()
    counts_until = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "counts_from"], name="a_member_is_counted_once"
            ),
        ]
        indexes = [models.Index(fields=["unit"], name="account_unit_by_unit")]

    def __str__(self) -> str:
        return f"{self.member_id} as {self.account_id} from {self.counts_from}"
