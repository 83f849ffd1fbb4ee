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

    def ready(self) -> None:
        from communications.services.gate import guards  # noqa: PLC0415  # models come first
        from success.services import plays  # noqa: PLC0415

        guards.register("success.play", plays.objection)
