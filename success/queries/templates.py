"""What the pages of templates show: what there is, who uses it, and who changed it."""

from dataclasses import dataclass

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from members.models import AuditEntry
from success.enums import ExpectedBasis
from success.models import Offer, Plan, PlanTemplate, TemplateMilestone


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A template in the list.

    ``milestones`` are those that gate, ``from_members`` those of them whose day comes from
    members; ``last_day`` is the plan-day of the last one, 0 without any. ``plans`` were agreed
    from it, by whichever member and however they ended; later versions are not counted again.
    """

    template: PlanTemplate
    milestones: int
    from_members: int
    last_day: int
    plans: int


def listed() -> list[Listed]:
    """Every template, those that are retired among them, by title; three queries."""
    agreed = (
        Plan.objects.filter(template=OuterRef("pk"), baseline=None)
        .order_by()
        .values("template")
        .annotate(plans=Count("pk"))
        .values("plans")
    )
    rows = (
        PlanTemplate.objects.select_related("segment")
        .prefetch_related("milestones")
        .annotate(plan_count=Coalesce(Subquery(agreed), 0))
        .order_by("title", "pk")
    )
    found = []
    for template in rows:
        way = [each for each in template.milestones.all() if each.is_gating]
        found.append(
            Listed(
                template=template,
                milestones=len(way),
                from_members=sum(_is_from_members(each) for each in way),
                last_day=max((each.expected_day for each in way), default=0),
                plans=template.plan_count,
            )
        )
    return found


def plans_agreed_from(template: PlanTemplate) -> int:
    """How many plans were agreed from a template, later versions not counted again."""
    return Plan.objects.filter(template=template, baseline=None).count()


def history(template: PlanTemplate) -> "QuerySet[AuditEntry]":
    """Who changed a template, newest first."""
    return (
        AuditEntry.objects.filter(
            subject_type=PlanTemplate._meta.label_lower,  # noqa: SLF001  # as the trail names it
            subject_id=str(template.pk),
        )
        .select_related("by")
        .order_by("-at", "-pk")
    )


def offers_in_use() -> "QuerySet[Offer]":
    """Every offer by title, with ``template_count``: the templates offered that open it."""
    used = (
        TemplateMilestone.objects.filter(upsell=OuterRef("pk"), template__retired_on=None)
        .order_by()
        .values("upsell")
        .annotate(templates=Count("template", distinct=True))
        .values("templates")
    )
    return Offer.objects.annotate(template_count=Coalesce(Subquery(used), 0)).order_by(
        "is_retired", "title", "pk"
    )


def _is_from_members(milestone: TemplateMilestone) -> bool:
    return milestone.expected_basis == ExpectedBasis.COHORT
