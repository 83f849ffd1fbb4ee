"""What somebody wants to know about who looks after whom, and why it is applied."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from coverage.engine import simulator
from coverage.engine.simulator import Asked, Cohort
from coverage.enums import Modality
from coverage.models import Segment
from members.models import User

MOST_ADDED: Final = 50
MOST_HOURS: Final = 400
LONGEST_REASON: Final = 500
HOURS_OF: Final = "hours_"
LEVERAGE_OF: Final = "leverage_"


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
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.people = people
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
            cohort=cohort,
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
