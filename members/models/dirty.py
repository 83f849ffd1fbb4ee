from django.db import models

from members.models.members import Member


class DirtyMember(models.Model):
    """A member whose facts changed since the last night; written with the change itself.

    ``since`` is the earliest day that the change may bear upon.
    """

    member = models.OneToOneField(
        Member, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    since = models.DateField()
    taken_by = models.BigIntegerField(
        null=True, help_text="the night that is working on it; a further change takes it back"
    )

    def __str__(self) -> str:
        return f"{self.member_id} since {self.since}"
