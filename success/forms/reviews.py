"""What people say when they agree, move, cancel and hold a review."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from config.kernel.clock import local_moment
from members.enums import Role
from members.models import Person, User
from success.enums import GapAnswerChoice
from success.models import Review
from success.queries.reviews import MINUTES, proposed_next
from success.services.reviews import LONGEST, SHORTEST

LONGEST_WORDS = 4000
LONGEST_PLACE = 300
UNSAID = ""
GOAL_WORDS = (
    ("yes", _("Yes, it still holds")),
    ("no", _("No, it has changed")),
    (UNSAID, _("We did not speak about it")),
)
GOAL_CONFIRMED = {"yes": True, "no": False, UNSAID: None}


def zones() -> list[str]:
    """The names that people may choose from: places, and UTC."""
    places = (name for name in available_timezones() if "/" in name)
    return ["UTC", *sorted(name for name in places if not name.startswith("Etc/"))]


def _day(label: Any, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("Choose a day."), "invalid": _("Choose a day.")},
        **options,
    )


def _hour(label: Any, **options: Any) -> forms.TimeField:
    return forms.TimeField(
        label=label,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={
            "required": _("Choose a time, such as 10:00."),
            "invalid": _("Choose a time, such as 10:00."),
        },
        **options,
    )


def _minutes() -> forms.IntegerField:
    return forms.IntegerField(
        label=_("Minutes"), min_value=SHORTEST, max_value=LONGEST, initial=MINUTES
    )


def _place() -> forms.CharField:
    return forms.CharField(
        label=_("Where"),
        max_length=LONGEST_PLACE,
        required=False,
        help_text=_("A room, a number, or an address to click. The guests read it."),
    )


def _words(label: Any, *, rows: int, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=LONGEST_WORDS,
        widget=forms.Textarea(attrs={"rows": rows}),
        **options,
    )


class _PersonField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not at run time
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} · {obj.email}"


class ScheduleForm(forms.Form):
    """When, where, with whom; ``guests`` are those of the member who can be written to."""

    def __init__(
        self, *args: Any, people: "QuerySet[Person]", by: User, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        staff = User.objects.filter(is_active=True, role__in=[Role.MSM, Role.DIRECTOR])
        self.fields = {
            "day": _day(_("Day")),
            "hour": _hour(_("Time")),
            "zone": forms.CharField(
                label=_("On the clock of"),
                widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
                help_text=_("The time stays at this hour on that clock, in summer and winter."),
            ),
            "minutes": _minutes(),
            "place": _place(),
            "guests": _PersonField(
                label=_("Invited"),
                queryset=people,
                required=False,
                widget=forms.CheckboxSelectMultiple,
                help_text=_("Each gets an invitation for their calendar."),
            ),
            "organiser": forms.ModelChoiceField(
                label=_("Held by"),
                queryset=(staff | User.objects.filter(pk=by.pk)).order_by("name", "pk"),
                empty_label=None,
                help_text=_("It stands in their calendar feed, and nothing else may overlap."),
            ),
            "note": _words(_("What the member wants to talk about"), rows=3, required=False),
        }

        if not people.exists():
            del self.fields["guests"]

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"]).strip().replace(" ", "_")
        if zone not in available_timezones():
            raise forms.ValidationError(_("Choose one from the list, such as Europe/London."))
        return zone

    @property
    def starts_at(self) -> datetime:
        """The moment meant, once the form is valid."""
        said = self.cleaned_data
        return local_moment(said["day"], said["hour"], zone=said["zone"])


class MoveForm(forms.Form):
    """Another time, length or place, for the review as it was shown (``sequence``)."""

    sequence = forms.IntegerField(widget=forms.HiddenInput)
    day = _day(_("Day"))
    hour = _hour(_("Time"))
    minutes = _minutes()
    place = _place()

    def __init__(self, *args: Any, review: Review, **options: Any) -> None:
        local = review.starts_at.astimezone(ZoneInfo(review.time_zone))
        now = {
            "sequence": review.sequence,
            "day": local.date(),
            "hour": local.time(),
            "minutes": review.minutes,
            "place": review.place,
        }
        super().__init__(*args, **({"initial": now} | options))
        self.zone = review.time_zone

    @property
    def starts_at(self) -> datetime:
        """The moment meant, once the form is valid."""
        said = self.cleaned_data
        return local_moment(said["day"], said["hour"], zone=self.zone)


class CancelForm(forms.Form):
    """Why it does not take place; the guests are told so."""

    sequence = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Why it does not take place"),
        max_length=LONGEST_PLACE,
        help_text=_("Those who were invited read this."),
        error_messages={"required": _("Say in a line why. Those who were invited read it.")},
    )


class HoldForm(forms.Form):
    """What came of a review, and when the next one is, on one screen."""

    sequence = forms.IntegerField(widget=forms.HiddenInput)
    on = _day(_("Held on"))
    outcome = _words(
        _("What was agreed"),
        rows=5,
        error_messages={"required": _("Say what was agreed, even if it is that all goes on.")},
    )
    goal = forms.ChoiceField(
        label=_("Does the goal still hold?"),
        choices=GOAL_WORDS,
        required=False,
        widget=forms.RadioSelect,
    )
    gap = forms.ChoiceField(
        label=_("“Are you getting closer to your goal?”"),
        choices=[*GapAnswerChoice.choices, (UNSAID, _("We did not ask"))],
        required=False,
        widget=forms.RadioSelect,
    )
    gap_words = _words(_("In their words"), rows=2, required=False)
    next_day = _day(
        _("Next review on"),
        required=False,
        help_text=_("Left empty, no next review is agreed."),
    )
    next_hour = _hour(_("At"), required=False)

    def __init__(self, *args: Any, review: Review, today: date, **options: Any) -> None:
        place = ZoneInfo(review.time_zone)
        following = proposed_next(review).astimezone(place)
        # A review that is closed late proposes a day to come, in whole weeks.
        while following.date() <= today:
            day = following.date() + timedelta(weeks=1)
            following = local_moment(day, following.time(), zone=review.time_zone).astimezone(
                place
            )
        now = {
            "sequence": review.sequence,
            "on": min(review.starts_at.astimezone(place).date(), today),
            "goal": UNSAID,
            "gap": UNSAID,
            "next_day": following.date(),
            "next_hour": following.time(),
        }
        super().__init__(*args, **({"initial": now} | options))
        self.today = today
        self.zone = review.time_zone
        self.fields["on"].widget.attrs["max"] = today.isoformat()

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        if on > self.today:
            raise forms.ValidationError(_("This day is still to come."))
        return on

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        for name, other in (("next_hour", "next_day"), ("next_day", "next_hour")):
            if said.get(other) and not said.get(name) and name not in self.errors:
                self.add_error(name, _("A next review has a day and a time."))
        return said

    @property
    def goal_confirmed(self) -> bool | None:
        """Whether the goal was confirmed; null: not spoken about."""
        return GOAL_CONFIRMED[self.cleaned_data["goal"]]

    @property
    def next_starts_at(self) -> datetime | None:
        """When the next one is, once the form is valid; null for none."""
        day: date | None = self.cleaned_data["next_day"]
        hour: time | None = self.cleaned_data["next_hour"]
        if day is None or hour is None:
            return None
        return local_moment(day, hour, zone=self.zone)
