from django.conf import settings
from django.db import models

from members.models.fields import public_id as public_id_field
from success.enums import BulkVerb


class SavedView(models.Model):
    """A list as somebody wants to see it again: its filters, under a name."""

    public_id = public_id_field()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    page = models.TextField(help_text="name of the address of the list")
    name = models.TextField()
    filters = models.TextField(help_text="the query string")
    is_shared = models.BooleanField(default=False, help_text="with everybody on the staff")
    position = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "page", "name"], name="a_view_is_named_once"
            ),
        ]
        indexes = [models.Index(fields=["page", "is_shared"], name="view_by_page")]

    def __str__(self) -> str:
        return self.name


class BulkAct(models.Model):
    """One act on many items: those that were shown, frozen, and what became of each."""

    public_id = public_id_field()
    verb = models.TextField(choices=BulkVerb)
    details = models.JSONField(default=dict, help_text="until, to whom, outcome, note")
    ids = models.JSONField(
        help_text="of the items, in queue order, frozen when they were chosen"
    )
    done = models.JSONField(default=list, help_text="ids of the items it was done to")
    refused = models.JSONField(default=dict, help_text="{id: reason in words}")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.get_verb_display()}, {len(self.ids)} items"
