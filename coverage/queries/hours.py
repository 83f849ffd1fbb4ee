"""Hours that an experience takes, by the version of the coverage model that counts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db import connection

from coverage.engine import capacity as engine
from coverage.enums import LifecycleStage, Modality
from coverage.models import CoverageHours, CoverageModel, Leverage, Segment
from coverage.querysets import CoverageModelQuerySet

# (segment key, stage, modality) → hours that one member gets in a month
HoursOf = Mapping[tuple[str, str, str], Decimal]
# (segment key, modality) → member-hours that an hour of staff gives
LeverageOf = Mapping[tuple[str, str], Decimal]
# (segment id, stage) → staff hours of one member in a month
StaffHours = dict[tuple[int, str], Fraction]

# As a member comes to them; at risk is told last, since it may come at any time.
STAGES = (
    LifecycleStage.ONBOARDING,
    LifecycleStage.ADOPTION,
    LifecycleStage.GROWTH,
    LifecycleStage.RENEWAL,
    LifecycleStage.AT_RISK,
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one version says, or one would that is not kept yet; by the keys of segments."""

    hours: HoursOf
    leverage: LeverageOf

    def staff_by_key(self) -> dict[tuple[str, str], Fraction]:
        """Staff hours a member and month by segment's key and stage, leverage applied (6.2)."""
        asked: dict[tuple[str, str], dict[str, Fraction]] = defaultdict(dict)
        for (key, stage, modality), amount in self.hours.items():
            asked[key, stage][modality] = Fraction(amount)
        factors: dict[str, dict[str, Fraction]] = defaultdict(dict)
        for (key, modality), factor in self.leverage.items():
            factors[key][modality] = Fraction(factor)
        return {
            (key, stage): engine.staff_hours(hours, leverage=factors[key])
            for (key, stage), hours in asked.items()
        }

    def staff(self, segments: Iterable[Segment]) -> StaffHours:
        """The same by the ids of ``segments``; what is said of others is left out."""
        ids = {segment.key: segment.pk for segment in segments}
        return {
            (ids[key], stage): hours
            for (key, stage), hours in self.staff_by_key().items()
            if key in ids
        }


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One cell that two versions say differently; null where one of them says nothing.

    ``stage`` is blank for leverage: then both are member-hours for an hour of staff.
    """

    segment: str
    stage: str
    modality: str
    before: Decimal | None
    after: Decimal | None


def versions() -> CoverageModelQuerySet:
    """Return every version with who made it, the newest first; also withdrawn ones."""
    return CoverageModel.objects.select_related("made_by").order_by("-version")


def version_before(model: CoverageModel) -> CoverageModel | None:
    """Return the version before one that was not withdrawn; null for the first."""
    return versions().standing().filter(version__lt=model.version).first()


def said(model: CoverageModel) -> Said:
    """Return what a version says. Two statements."""
    return Said(
        hours={
            (key, stage, modality): hours
            for key, stage, modality, hours in CoverageHours.objects.filter(
                model=model
            ).values_list("segment__key", "stage", "modality", "hours")
        },
        leverage={
            (key, modality): factor
            for key, modality, factor in Leverage.objects.filter(model=model).values_list(
                "segment__key", "modality", "factor"
            )
        },
    )


def differences(before: Said, after: Said) -> tuple[Difference, ...]:
    """Return every cell that two versions say differently: by segment, stage and modality.

    A factor that is not said is 1, and one of a modality without hours says nothing.
    """
    stages = {stage.value: place for place, stage in enumerate(STAGES)}
    modalities = {each.value: place for place, each in enumerate(Modality)}
    found = [
        Difference(
            segment=key,
            stage=stage,
            modality=modality,
            before=before.hours.get((key, stage, modality)),
            after=after.hours.get((key, stage, modality)),
        )
        for key, stage, modality in {*before.hours, *after.hours}
    ]
    one = Decimal(1)
    used = {(key, modality) for key, _stage, modality in {*before.hours, *after.hours}}
    found += [
        Difference(
            segment=key,
            stage="",
            modality=modality,
            before=before.leverage.get((key, modality), one),
            after=after.leverage.get((key, modality), one),
        )
        for key, modality in used
    ]
    return tuple(
        sorted(
            (each for each in found if each.before != each.after),
            key=lambda each: (
                each.segment,
                stages.get(each.stage, len(stages)),
                modalities[each.modality],
            ),
        )
    )


HELD = """
    SELECT a.segment_id, coalesce(c.stage, ''), count(*)
      FROM coverage_assignment a
      LEFT JOIN coverage_circumstance c ON c.member_id = a.member_id
     WHERE EXISTS (SELECT FROM members_term t
                    WHERE t.member_id = a.member_id AND t.starts_on <= %(as_of)s
                      AND t.ends_on > %(grace_from)s)
     GROUP BY 1, 2
"""


def members_by_stage(*, as_of: date, grace_days: int) -> dict[tuple[int, str], int]:
    """Count members in membership on a day by segment and stage; a blank one is not known yet.

    One statement.
    """
    asked = {"as_of": as_of, "grace_from": as_of - timedelta(days=grace_days)}
    with connection.cursor() as cursor:
        cursor.execute(HELD, asked)
        return {(segment, stage): count for segment, stage, count in cursor.fetchall()}


def current_model(*, as_of: date) -> CoverageModel | None:
    """Return the version that counts on a day, the last one begun; null before the first."""
    return CoverageModel.objects.begun(on=as_of).first()


def staff_hours(*, as_of: date, what_if: Mapping[str, Fraction] | None = None) -> StaffHours:
    """Return staff hours a member and month by segment and stage, leverage applied (6.2).

    What the version that counts does not name is not known, and is left out. ``what_if`` takes
    the place of its leverage, by modality. Two statements.
    """
    counting = CoverageModel.objects.begun(on=as_of)[:1]
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
