from django.apps import AppConfig
from django.db.models import Q


class CoverageConfig(AppConfig):
    name = "coverage"
    verbose_name = "Coverage"
    # Rows that hang on a member only because a night put them there: undoing an import may
    # delete such a member. What a person overrode, or moved later, stays and keeps them.
    remade_by_the_night = {
        "Assignment": Q(override_by=None),
        "AssignmentChange": Q(from_segment=None),
    }
