from django.apps import AppConfig
from django.db.models import Q


class EngagementConfig(AppConfig):
    name = "engagement"
    verbose_name = "Engagement"
    # Rows that hang on a member only because a night put them there: undoing an import may
    # delete such a member.
    remade_by_the_night = {"Involvement": Q(pk__isnull=False)}
