from django.db import models


class Offer(models.Model):
    """Something a member may take up next: the logical next need at a milestone.

    What it costs is not kept here; nothing that decides when to ask may know it.
    """

    key = models.SlugField(unique=True)
    title = models.TextField(help_text="as the member reads it")
    words = models.TextField(blank=True, help_text="why it is the next thing to need")
    owned_with_tier = models.TextField(
        blank=True, help_text="members of this tier have it already"
    )
    is_retired = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.title
