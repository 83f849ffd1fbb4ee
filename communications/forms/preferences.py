"""What somebody is asked about how they want to hear from us."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from communications.engine.timing import is_quiet_hour
from communications.enums import Cadence, Format
from communications.models import TemplateVariant, Topic
from communications.services.preferences import Wish, quiet_hours
from coverage.enums import Channel

# As we would say it to the one who is asked.
CHANNELS = {
    Channel.EMAIL: _("By e-mail"),
    Channel.PORTAL: _("By a notice on my own page"),
    Channel.CHAT: _("By a chat message"),
    Channel.VIDEO: _("By a recorded video"),
    Channel.GROUP: _("In a group session"),
    Channel.CALL: _("By a call"),
    Channel.MEETING: _("In a meeting"),
}


class PreferenceForm(forms.Form):
    """Topics, ways, format, how often, hour, zone and language, each with a usual answer."""

    topics = forms.MultipleChoiceField(
        label=_("What I want to hear of"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    channels = forms.MultipleChoiceField(
        label=_("How I may be reached"),
        choices=list(CHANNELS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    cadence = forms.ChoiceField(
        label=_("How often"), choices=Cadence.choices, widget=forms.RadioSelect
    )
    format = forms.ChoiceField(
        label=_("How mail looks"), choices=Format.choices, widget=forms.RadioSelect
    )
    hour = forms.TypedChoiceField(
        label=_("From which hour of the day"),
        coerce=int,
        empty_value=None,
        required=False,
    )
    time_zone = forms.ChoiceField(label=_("By the clocks of"), required=False)
    language = forms.ChoiceField(label=_("In which language"), required=False)
    no_discretionary = forms.BooleanField(
        label=_("Only what I was promised, what concerns my membership, and answers to me"),
        required=False,
    )

    def __init__(self, *args: Any, wish: Wish, **options: Any) -> None:
        topics = list(Topic.objects.filter(is_retired=False).order_by("position", "title"))
        options["initial"] = {
            "topics": [each.key for each in topics if each.key not in wish.unwanted],
            "channels": [each for each in CHANNELS if each not in wish.refused_channels],
            "cadence": wish.cadence,
            "format": wish.format,
            "hour": wish.hour,
            "time_zone": wish.zone,
            "language": wish.language,
            "no_discretionary": wish.no_discretionary,
        }
        super().__init__(*args, **options)
        self._offer("topics", [(each.key, each.title) for each in topics])
        self._offer("hour", [("", _("At any hour of the day")), *_hours()])
        self._offer("time_zone", [(zone, zone.replace("_", " ")) for zone in _zones(wish.zone)])
        self._offer("language", _languages(wish.language))
        if not topics:
            del self.fields["topics"]

    @property
    def given(self) -> dict[str, Any]:
        """What was said, as the service takes it."""
        said = self.cleaned_data
        asked = self.fields.get("topics")
        offered = [key for key, _label in asked.choices] if asked else []  # type: ignore[attr-defined]  # a choice field
        names = ("cadence", "format", "hour", "time_zone", "language", "no_discretionary")
        return {name: said[name] for name in names} | {
            "topics": {key: key in said["topics"] for key in offered},
            "refused_channels": [each for each in CHANNELS if each not in said["channels"]],
        }

    def _offer(self, name: str, choices: Iterable[tuple[Any, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type checker
        field.choices = list(choices)


def _hours() -> list[tuple[int, str]]:
    """The hours at which somebody is written to at all."""
    quiet = quiet_hours()
    return [(hour, f"{hour}:00") for hour in range(24) if not is_quiet_hour(hour, quiet)]


def _zones(current: str) -> list[str]:
    places = {zone for zone in available_timezones() if "/" in zone and zone[:3] != "Etc"}
    return sorted({*places, "UTC", current})


def _languages(current: str) -> list[tuple[str, str]]:
    """The languages in which there are words, each by its own name."""
    written = TemplateVariant.objects.exclude(language="").values_list("language", flat=True)
    tags = {*written.distinct(), settings.LANGUAGE_CODE, current}
    return sorted(((tag, _name(tag)) for tag in tags), key=lambda choice: choice[1])


def _name(tag: str) -> str:
    try:
        return str(get_language_info(tag)["name_local"]).capitalize()
    except KeyError:
        return tag
