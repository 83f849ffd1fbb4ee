from django.apps import AppConfig
from django.db.models import Q


class SuccessConfig(AppConfig):
    name = "success"
    verbose_name = "Success"
    # Rows that hang on a member only because a night put them there: undoing an import may
    # delete such a member.
    remade_by_the_night = {
        "MemberFacts": Q(pk__isnull=False),
        "VectorChange": Q(pk__isnull=False),
    }
