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

    def ready(self) -> None:
        from config.kernel.conditions import in_a_sentence  # noqa: PLC0415
        from config.kernel.panels import Panel, register_panel  # noqa: PLC0415
        from coverage.access import Permission  # noqa: PLC0415  # apps come first
        from coverage.engine.facts import FACTS  # noqa: PLC0415
        from coverage.enums import Expertise, Guidance, Resources  # noqa: PLC0415

        FACTS.name_values("expertise", lambda: in_a_sentence(Expertise.choices))
        FACTS.name_values("resources", lambda: in_a_sentence(Resources.choices))
        FACTS.name_values("guidance", lambda: in_a_sentence(Guidance.choices))

        register_panel(
            Panel(
                key="experience",
                title="Experience",
                order=12,
                url_name="coverage:member_experience",
                permission=Permission.COVERAGE_VIEW,
            )
        )
