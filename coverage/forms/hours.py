"""What an experience takes, as somebody says it anew: hours by stage and kind, and leverage."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from coverage.enums import LifecycleStage, Modality
from coverage.models import Segment
from coverage.queries.hours import STAGES, HoursOf, LeverageOf, Said
from coverage.services.hours import MOST_HOURS, MOST_LEVERAGE, NotAModel, check

LONGEST_NOTE: Final = 2000


class WithdrawForm(forms.Form):
    """Why a version is not to count."""

    reason = forms.CharField(
        label=gettext_lazy("Why is it not to count?"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": gettext_lazy("Say why in a few words.")},
    )


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of time in a segment: a field for each stage, and one for its leverage."""

    modality: Modality
    cells: tuple[tuple[LifecycleStage, forms.BoundField], ...]
    leverage: forms.BoundField


@dataclass(frozen=True, kw_only=True)
class Block:
    """One segment: the kinds of time that it has hours of, and the others."""

    segment: Segment
    rows: tuple[Row, ...]
    others: tuple[Row, ...]

    @property
    def others_are_wrong(self) -> bool:
        return any(bound.errors for row in self.others for _stage, bound in row.cells) or any(
            row.leverage.errors for row in self.others
        )


class HoursForm(forms.Form):
    """A whole version: what is left blank is not said.

    ``looked_at`` is the mark of what the preview was of, so that nothing is kept unseen.
    """

    effective_from = forms.DateField(
        label=gettext_lazy("It counts from"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={
            "invalid": gettext_lazy("Choose a day."),
            "required": gettext_lazy("Choose a day."),
        },
        help_text=gettext_lazy("Today or later: what was counted before stays."),
    )
    note = forms.CharField(
        label=gettext_lazy("What is different, and why"),
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": gettext_lazy("Say what is different, and why.")},
        help_text=gettext_lazy("It is kept with the version."),
    )
    looked_at = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        segments: Sequence[Segment],
        said: Said,
        effective_from: date,
        today: date,
    ) -> None:
        super().__init__(data, initial=_initial(said) | {"effective_from": effective_from})
        self.segments, self.said, self.today = segments, said, today
        for segment in segments:
            for modality in Modality:
                for stage in STAGES:
                    self.fields[cell(segment.key, stage, modality)] = _hours(
                        _("%(segment)s, %(stage)s, %(modality)s: hours a month")
                        % {
                            "segment": segment.name,
                            "stage": stage.label.lower(),
                            "modality": modality.label.lower(),
                        }
                    )
                self.fields[factor(segment.key, modality)] = _leverage(
                    _("%(segment)s, %(modality)s: what an hour of ours gives")
                    % {"segment": segment.name, "modality": modality.label.lower()}
                )

    def blocks(self) -> Iterator[Block]:
        """The fields as the page shows them, segment by segment."""
        for segment in self.segments:
            rows = [self._row(segment, modality) for modality in Modality]
            used = {
                modality for key, _stage, modality in self.said.hours if key == segment.key
            } | {
                row.modality
                for row in rows
                if self.is_bound and any(bound.value() for _stage, bound in row.cells)
            }
            yield Block(
                segment=segment,
                rows=tuple(row for row in rows if row.modality in used),
                others=tuple(row for row in rows if row.modality not in used),
            )

    def _row(self, segment: Segment, modality: Modality) -> Row:
        return Row(
            modality=modality,
            cells=tuple((stage, self[cell(segment.key, stage, modality)]) for stage in STAGES),
            leverage=self[factor(segment.key, modality)],
        )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            said = self.proposed()
            try:
                check(
                    hours=said.hours,
                    leverage=said.leverage,
                    effective_from=given["effective_from"],
                    note=given["note"],
                    today=self.today,
                )
            except NotAModel as refused:
                self.add_error(None, str(refused))
        return given

    def proposed(self) -> Said:
        """What was said; leverage only of kinds that have hours, or it would say nothing."""
        given = self.cleaned_data
        hours: HoursOf = {
            (segment.key, stage.value, modality.value): given[name]
            for segment in self.segments
            for modality in Modality
            for stage in STAGES
            for name in [cell(segment.key, stage, modality)]
            if given.get(name) is not None
        }
        used = {(key, modality) for key, _stage, modality in hours}
        leverage: LeverageOf = {
            (segment.key, modality.value): given[name]
            for segment in self.segments
            for modality in Modality
            for name in [factor(segment.key, modality)]
            if given.get(name) is not None and (segment.key, modality.value) in used
        }
        return Said(hours=hours, leverage=leverage)

    def mark(self) -> str:
        """What stands for the figures and the day of this version; equal for equal ones."""
        said = self.proposed()
        whole = [
            self.cleaned_data["effective_from"].isoformat(),
            sorted((*key, plain(amount)) for key, amount in said.hours.items()),
            sorted((*key, plain(amount)) for key, amount in said.leverage.items()),
        ]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:32]

    def was_looked_at(self) -> bool:
        """Whether the preview was of these very figures."""
        return bool(self.cleaned_data.get("looked_at") == self.mark())


def cell(key: str, stage: str, modality: str) -> str:
    return f"hours-{key}-{stage}-{modality}"


def factor(key: str, modality: str) -> str:
    return f"leverage-{key}-{modality}"


def plain(amount: Decimal) -> str:
    """`4.500` as `4.5`, without an exponent."""
    return f"{amount.normalize():f}"


def _initial(said: Said) -> dict[str, Any]:
    return {
        **{cell(*key): plain(amount) for key, amount in said.hours.items()},
        **{factor(*key): plain(amount) for key, amount in said.leverage.items()},
    }


def _hours(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=0,
        max_value=MOST_HOURS,
        max_digits=7,
        decimal_places=3,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )


def _leverage(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=Decimal("0.01"),
        max_value=MOST_LEVERAGE,
        max_digits=6,
        decimal_places=2,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
