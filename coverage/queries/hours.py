"""Hours that an experience takes, by the version of the coverage model that counts."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from coverage.engine import capacity as engine
from coverage.models import CoverageHours, CoverageModel, Leverage

# (segment id, stage) → staff hours of one member in a month
StaffHours = dict[tuple[int, str], Fraction]


def current_model(*, as_of: date) -> CoverageModel | None:
    """Return the version that counts on a day, the last one begun; null before the first."""
    begun = CoverageModel.objects.filter(effective_from__lte=as_of)
    return begun.order_by("-effective_from", "-version").first()


def staff_hours(*, as_of: date, what_if: Mapping[str, Fraction] | None = None) -> StaffHours:
    """Return staff hours a member and month by segment and stage, leverage applied (6.2).

    What the version that counts does not name is not known, and is left out. ``what_if`` takes
    the place of its leverage, by modality. Two statements.
    """
    counting = CoverageModel.objects.filter(effective_from__lte=as_of).order_by(
        "-effective_from", "-version"
    )[:1]
    leverage: dict[int, dict[str, Fraction]] = defaultdict(dict)
    for segment, modality, factor in Leverage.objects.filter(model__in=counting).values_list(
        "segment_id", "modality", "factor"
    ):
        leverage[segment][modality] = Fraction(factor)
    asked: dict[tuple[int, str], dict[str, Fraction]] = defaultdict(dict)
    for segment, stage, modality, hours in CoverageHours.objects.filter(
        model__in=counting
    ).values_list("segment_id", "stage", "modality", "hours"):
        asked[segment, stage][modality] = Fraction(hours)
    return {
        key: engine.staff_hours(hours, leverage={**leverage[key[0]], **(what_if or {})})
        for key, hours in asked.items()
    }
