from django.apps import AppConfig
from django.db.models import Q
from django.db.models.signals import post_delete, post_save


class SuccessConfig(AppConfig):
    name = "success"
    verbose_name = "Success"
    # Rows that hang on a member only because a night put them there: undoing an import may
    # delete such a member.
    remade_by_the_night = {
        "MemberFacts": Q(pk__isnull=False),
        "VectorChange": Q(pk__isnull=False),
        "Heard": Q(pk__isnull=False),
    }

    def ready(self) -> None:
        from communications.services.gate import guards  # noqa: PLC0415  # models come first
        from communications.services.templates import audiences  # noqa: PLC0415
        from engagement.signals import facts_recorded  # noqa: PLC0415
        from members.models import AccountLink, Association, ExchangeRate  # noqa: PLC0415
        from success.queries.readers import readers  # noqa: PLC0415
        from success.receivers import hear_facts, reckon_anew, say_anew  # noqa: PLC0415
        from success.services import handovers, plays, reviews  # noqa: PLC0415
        from success.views.mailed import register_pages  # noqa: PLC0415

        audiences.register("success.play", readers)
        facts_recorded.connect(hear_facts, dispatch_uid="success.hear_facts")
        for model in (AccountLink, ExchangeRate):
            post_save.connect(reckon_anew, sender=model, dispatch_uid="success.reckon_anew")
            post_delete.connect(reckon_anew, sender=model, dispatch_uid="success.reckon_anew")
        post_save.connect(say_anew, sender=Association, dispatch_uid="success.say_anew")
        guards.register("success.handover", handovers.objection)
        guards.register("success.play", plays.objection)
        guards.register("success.review", reviews.objection)
        register_pages()
        _register_panels()
        _name_values()


def _name_values() -> None:
    """Conditions over these facts are said with the words that the pages use."""
    from config.kernel.conditions import in_a_sentence  # noqa: PLC0415  # apps come first
    from coverage.models import Segment  # noqa: PLC0415
    from success.engine.facts import FACTS  # noqa: PLC0415
    from success.enums import Blocker, Standing, State  # noqa: PLC0415

    FACTS.name_values("state", lambda: in_a_sentence(State.choices))
    FACTS.name_values("standing", lambda: in_a_sentence(Standing.choices))
    FACTS.name_values("blocker", lambda: in_a_sentence(Blocker.choices))
    FACTS.name_values("segment", lambda: dict(Segment.objects.values_list("key", "name")))


def _register_panels() -> None:
    from config.kernel.panels import Panel, register_panel  # noqa: PLC0415
    from members.access import Permission as MemberPermission  # noqa: PLC0415
    from success.access import Permission  # noqa: PLC0415  # apps come first

    for order, key, title, permission in (
        (1, "outcome", "Desired Outcome", Permission.PLAN_VIEW),
        (2, "promises", "Promises", Permission.PLAN_VIEW),
        (3, "milestones", "Milestones", Permission.PLAN_VIEW),
        (4, "asks", "Offers and requests", Permission.PLAN_VIEW),
        (10, "items", "Open items", Permission.QUEUE_VIEW),
        (15, "review", "Review", Permission.REVIEW_VIEW),
        (20, "people", "People", MemberPermission.MEMBER_VIEW),
        (30, "involvement", "Involved in", MemberPermission.MEMBER_VIEW),
        (45, "plan", "The plan", Permission.PLAN_VIEW),
        (46, "potential", "Success potential", Permission.PLAN_VIEW),
        (50, "terms", "Terms", MemberPermission.MEMBER_VIEW),
        (60, "facts", "Facts behind the vector", Permission.VECTOR_VIEW),
        (80, "timeline", "What happened", MemberPermission.MEMBER_VIEW),
        (90, "changes", "What was changed", Permission.PLAN_VIEW),
    ):
        url_name = f"success:member_{key}"
        register_panel(
            Panel(key=key, title=title, order=order, url_name=url_name, permission=permission)
        )
