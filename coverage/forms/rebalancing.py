"""What somebody wants to know about who looks after whom, and why it is applied."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Final

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from coverage.engine import simulator
from coverage.engine.simulator import Asked, Cohort
from coverage.enums import LifecycleStage, Modality
from coverage.models import Segment
from coverage.queries.hours import STAGES, StaffHours
from coverage.services.rebalancing import HALF_A_DAY, MOST_PERCENT
from coverage.services.rebalancing import MOST_HOURS as MOST_HOURS_EACH
from members.models import User

MOST_ADDED: Final = 50
MOST_HOURS: Final = 400
LONGEST_REASON: Final = 500
HOURS_OF: Final = "hours_"
LEVERAGE_OF: Final = "leverage_"
CELL_OF: Final = "cell_"
PART_OF: Final = "part_"

Cell = tuple[LifecycleStage, forms.BoundField]


class AskForm(forms.Form):
    """The limits, and what would be different: a cohort's segment, people, hours, leverage."""

    most_moved_percent = forms.IntegerField(
        label=_("At most this part of relationships may change hands, in percent"),
        min_value=0,
        max_value=100,
        required=False,
        initial=simulator.MOST_MOVED_PERCENT,
        help_text=_("Empty sets no limit; nought leaves everybody where they are."),
    )
    hours_apart = forms.IntegerField(
        label=_("At most so many hours between the clocks of a member and who gets them"),
        min_value=0,
        max_value=HALF_A_DAY,
        required=False,
        help_text=_("Empty sets no limit. A member without a time zone may go to anybody."),
    )
    from_segment = forms.ChoiceField(label=_("Members of"), required=False)
    to_segment = forms.ChoiceField(label=_("would be in"), required=False)
    percent = forms.IntegerField(
        label=_("This part of them, in percent"),
        min_value=1,
        max_value=100,
        required=False,
        initial=simulator.COHORT_PERCENT,
        help_text=_("Those who were given most, beside what suits them, come first."),
    )
    only_over_served = forms.BooleanField(
        label=_("Only of members given more than one and a half times what suits them"),
        required=False,
    )
    until = forms.DateField(
        label=_("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("Choose a day.")},
        help_text=_("From this day on the rules decide again. Empty is half a year."),
    )
    added = forms.IntegerField(
        label=_("People who join"), min_value=0, max_value=MOST_ADDED, required=False, initial=0
    )
    added_hours = forms.IntegerField(
        label=_("Hours a month that each of them has for members"),
        min_value=1,
        max_value=MOST_HOURS,
        required=False,
        initial=simulator.ADDED_HOURS,
    )
    away = forms.TypedMultipleChoiceField(
        label=_("People who are not there"),
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self,
        *args: Any,
        segments: Sequence[Segment],
        people: Sequence[User],
        today: date,
        staff: StaffHours,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.people = people
        self.given = [each for each in segments if not each.is_retired]
        for segment in self.given:
            for stage in STAGES:
                self.fields[_cell(segment, stage)] = _staff_hours(
                    segment, stage, now=staff.get((segment.pk, stage.value))
                )
            self.fields[f"{PART_OF}{segment.key}"] = forms.IntegerField(
                label=gettext("%(segment)s: this part of its hours, in percent")
                % {"segment": segment.name},
                min_value=0,
                max_value=MOST_PERCENT,
                required=False,
                widget=forms.NumberInput(attrs={"placeholder": "100"}),
            )
        names = [(segment.key, segment.name) for segment in segments]
        given = [(each.key, each.name) for each in segments if not each.is_retired]
        self.fields["from_segment"].choices = [("", _("nobody")), *names]  # type: ignore[attr-defined]  # a choice field
        self.fields["to_segment"].choices = [("", _("choose one")), *given]  # type: ignore[attr-defined]  # a choice field
        self.fields["away"].choices = [(each.pk, str(each)) for each in people]  # type: ignore[attr-defined]  # a choice field
        for each in people:
            self.fields[f"{HOURS_OF}{each.pk}"] = forms.IntegerField(
                label=str(each), min_value=0, max_value=MOST_HOURS, required=False
            )
        for modality in Modality:
            self.fields[f"{LEVERAGE_OF}{modality.value}"] = forms.DecimalField(
                label=modality.label,
                min_value=0,
                max_value=500,
                decimal_places=2,
                required=False,
            )

    def hours(self) -> Iterator[forms.BoundField]:
        return (self[f"{HOURS_OF}{each.pk}"] for each in self.people)

    def leverage(self) -> Iterator[forms.BoundField]:
        return (self[f"{LEVERAGE_OF}{modality.value}"] for modality in Modality)

    def experience(self) -> Iterator[tuple[Segment, list[Cell], forms.BoundField]]:
        """Each segment with a field for every stage, and one for all of its hours."""
        for segment in self.given:
            cells = [(stage, self[_cell(segment, stage)]) for stage in STAGES]
            yield segment, cells, self[f"{PART_OF}{segment.key}"]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("from_segment") and not said.get("to_segment"):
            self.add_error("to_segment", _("Choose the segment they would be in."))
        until = said.get("until")
        if until is not None and until <= self.today:
            self.add_error("until", _("Choose a day after today."))
        return said

    def asked(self) -> Asked:
        """The question as it was said; ask a valid form."""
        said = self.cleaned_data
        cohort = None
        if said["from_segment"]:
            cohort = Cohort(
                from_segment=said["from_segment"],
                to_segment=said["to_segment"],
                percent=said["percent"] or simulator.COHORT_PERCENT,
                only_over_served=said["only_over_served"],
                until=said["until"],
            )
        return Asked(
            most_moved_percent=said["most_moved_percent"],
            added=said["added"] or 0,
            added_hours=said["added_hours"] or simulator.ADDED_HOURS,
            away=frozenset(said["away"]),
            hours={
                each.pk: said[f"{HOURS_OF}{each.pk}"]
                for each in self.people
                if said[f"{HOURS_OF}{each.pk}"] is not None
            },
            leverage={
                modality.value: Fraction(said[f"{LEVERAGE_OF}{modality.value}"])
                for modality in Modality
                if said[f"{LEVERAGE_OF}{modality.value}"] is not None
            },
            cells={
                (segment.key, stage.value): Fraction(said[_cell(segment, stage)])
                for segment in self.given
                for stage in STAGES
                if said[_cell(segment, stage)] is not None
            },
            parts={
                segment.key: said[f"{PART_OF}{segment.key}"]
                for segment in self.given
                if said[f"{PART_OF}{segment.key}"] is not None
            },
            hours_apart=said["hours_apart"],
            cohort=cohort,
        )


def _cell(segment: Segment, stage: str) -> str:
    return f"{CELL_OF}{segment.key}_{stage}"


def _staff_hours(
    segment: Segment, stage: LifecycleStage, *, now: Fraction | None
) -> forms.DecimalField:
    """A field for other hours of staff; what it is today stands in it, faintly."""
    return forms.DecimalField(
        label=gettext("%(segment)s, %(stage)s: hours of staff, a member and month")
        % {"segment": segment.name, "stage": stage.label.lower()},
        min_value=0,
        max_value=MOST_HOURS_EACH,
        max_digits=7,
        decimal_places=3,
        required=False,
        widget=forms.NumberInput(
            attrs={"step": "any", "placeholder": "" if now is None else f"{float(now):g}"}
        ),
    )


def initial_of(asked: Asked) -> Mapping[str, Any]:
    """Return what the form shows to ask the same again."""
    said: dict[str, Any] = {
        "most_moved_percent": asked.most_moved_percent,
        "added": asked.added,
        "added_hours": asked.added_hours,
        "away": sorted(asked.away),
        **{f"{HOURS_OF}{key}": hours for key, hours in asked.hours.items()},
        **{f"{LEVERAGE_OF}{key}": float(factor) for key, factor in asked.leverage.items()},
        **{
            f"{CELL_OF}{segment}_{stage}": float(hours)
            for (segment, stage), hours in asked.cells.items()
        },
        **{f"{PART_OF}{key}": percent for key, percent in asked.parts.items()},
        "hours_apart": asked.hours_apart,
    }
    if asked.cohort is not None:
        said |= {
            "from_segment": asked.cohort.from_segment,
            "to_segment": asked.cohort.to_segment,
            "percent": asked.cohort.percent,
            "only_over_served": asked.cohort.only_over_served,
            "until": asked.cohort.until,
        }
    return said


def segments_to_choose(segments: Iterable[Segment]) -> list[Segment]:
    """Return the segments by their order, those not given any more last."""
    return sorted(segments, key=lambda each: (each.is_retired, each.position, each.pk))


class ApplyForm(forms.Form):
    """Why the members move, and whether they are to be told."""

    reason = forms.CharField(
        label=_("Why they move"),
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("It is kept with each member who moves."),
        error_messages={"required": _("Say why the members move.")},
    )
    tells_members = forms.BooleanField(
        label=_("Tell their main contacts who is there for them now"),
        required=False,
        help_text=_("In an hour, unless it is undone before."),
    )
