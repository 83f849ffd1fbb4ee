"""The forms of a plan that is being written.

A draft is many small forms over one flat set of names: the words at the top, one form a
milestone (prefix: its key) and one a promise (prefix: the milestone's key and a number). The
order of the milestones is that of the hidden ``milestone`` inputs on the page, so it is the
same whether a button or a hand moved them. What is typed goes into the draft as it is; whether
it may be agreed is for the linter to say, not for a form.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from success.engine import drafting
from success.enums import Advocacy, EvidenceSource, Fit, Side

LAST_DAY = 3650
NUMBER = _("Write a whole number, such as 30.")
DAY = _("Choose a day, such as 1 August 2026.")
# The places of the page that show what the linter says of them.
NOTED = (
    "whole", "title", "expected_day", "weight", "evidence", "promises", "expectation", "upsell",
    "advocacy",
)  # fmt: skip
NOTED_WORDS = (
    "reason", "goal", "required_outcome", "measure", "said_by", "milestones", "whole",
    "promises",
)  # fmt: skip
Choice = tuple[str, Any]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a plan for one member may name; a template ``names_nobody``."""

    offers: Sequence[Choice]
    rules: Sequence[Choice]
    people: Sequence[Choice] = ()
    team: Sequence[Choice] = ()
    missing_fits: Sequence[Choice] = ()
    names_nobody: bool = False


class StartForm(forms.Form):
    """What a plan is written for, what it begins with, and its day 0."""

    purpose = forms.ChoiceField(label=_("What it is for"), widget=forms.RadioSelect)
    begin_with = forms.ChoiceField(
        label=_("Begin with"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what to begin with.")},
    )
    anchor_on = forms.DateField(
        label=_("Day 0"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Every day of the plan is counted from here. New days keep their day 0."),
        error_messages={"required": DAY, "invalid": DAY},
    )

    def __init__(
        self,
        *args: Any,
        begin_with: Iterable[Choice],
        purposes: Iterable[Choice],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        _choose(self, "begin_with", begin_with)
        _choose(self, "purpose", purposes)


class WordsForm(forms.Form):
    """The goal, who said it, day 0, and what the first ninety days will bring."""

    goal = forms.CharField(
        label=_("The goal, in the member's words"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    said_by = forms.ChoiceField(
        label=_("Who said it"),
        required=False,
        help_text=_("A person of the member. Whoever says the goal agrees the plan with you."),
    )
    required_outcome = forms.CharField(
        label=_("What has to be true then"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    measure = forms.CharField(
        label=_("How both sides will know"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    anchor_on = forms.DateField(
        label=_("Day 0"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Every day of the plan is counted from here."),
        error_messages={"required": DAY, "invalid": DAY},
    )
    reason = forms.CharField(
        label=_("Why the plan is changed"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    first_30 = forms.CharField(
        label=_("By day 30"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    first_60 = forms.CharField(
        label=_("By day 60"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    first_90 = forms.CharField(
        label=_("By day 90"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, choices: Choices, **options: Any) -> None:
        super().__init__(*args, **options)
        if choices.names_nobody:
            self.fields["goal"].label = _("The goal to start the conversation with")
            for name in ("said_by", "anchor_on", "reason"):
                del self.fields[name]
            return
        _choose(self, "said_by", choices.people, nobody=_("Nobody named yet"))


class MilestoneForm(forms.Form):
    """A point on the way, with what it opens once it is reached."""

    title = forms.CharField(
        label=_("What the member will have reached"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    expected_day = forms.IntegerField(
        label=_("Expected on day"),
        required=False,
        min_value=0,
        max_value=LAST_DAY,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": NUMBER},
    )
    weight = forms.IntegerField(
        label=_("Weight of 100"),
        required=False,
        min_value=1,
        max_value=drafting.WHOLE,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": NUMBER},
    )
    is_gating = forms.BooleanField(
        label=_("The plan waits for it"),
        required=False,
        help_text=_("Others are told to the member, and neither timed nor weighed."),
    )
    evidence = forms.ChoiceField(label=_("How both sides will know"), required=False)
    expectation = forms.CharField(
        label=_("What it will be like, said before"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    upsell = forms.ChoiceField(label=_("What they may need next"), required=False)
    consent_upsell = forms.BooleanField(
        label=_("They agreed to hear of it then"), required=False
    )
    advocacy = forms.ChoiceField(label=_("What we would ask for"), required=False)
    consent_advocacy = forms.BooleanField(
        label=_("They agreed to be asked then"), required=False
    )

    def __init__(self, *args: Any, choices: Choices, **options: Any) -> None:
        super().__init__(*args, **options)
        people_say = [
            (EvidenceSource.CONFIRMED.value, _("One side says so, the other confirms")),
            (EvidenceSource.DECLARED.value, _("One side says so, and that is enough")),
        ]
        _choose(self, "evidence", [*people_say, *choices.rules])
        _choose(self, "upsell", choices.offers, nobody=_("Nothing is offered"))
        _choose(self, "advocacy", Advocacy.choices, nobody=_("Nothing is asked"))
        if choices.names_nobody:
            del self.fields["consent_upsell"], self.fields["consent_advocacy"]


class PromiseForm(forms.Form):
    """What one side will do, by when, and who does it."""

    title = forms.CharField(
        label=_("What will be done"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    due_day = forms.IntegerField(
        label=_("Due on day"),
        required=False,
        min_value=-LAST_DAY,
        max_value=LAST_DAY,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": NUMBER},
    )
    who = forms.ChoiceField(label=_("Who does it"), required=False)
    closes_fit = forms.ChoiceField(label=_("Closes what is missing"), required=False)

    def __init__(self, *args: Any, side: str, choices: Choices, **options: Any) -> None:
        super().__init__(*args, **options)
        if choices.names_nobody:
            del self.fields["who"], self.fields["closes_fit"]
            return
        named = choices.team if side == Side.ASSOCIATION else choices.people
        _choose(self, "who", named, nobody=_("Nobody named yet"))
        kept = str(self.data.get(f"{self.prefix}-closes_fit", ""))
        fits = list(choices.missing_fits)
        if kept and kept not in dict(fits):
            fits.append((kept, Fit(kept).label if kept in Fit.values else kept))
        if side == Side.ASSOCIATION and fits:
            _choose(self, "closes_fit", fits, nobody=_("None of the fits"))
        else:
            del self.fields["closes_fit"]


@dataclass(frozen=True, kw_only=True)
class PromiseRow:
    """A promise on the editor's page; ``number`` counts within its milestone."""

    form: PromiseForm
    side: Side
    number: int
    on: date | None


@dataclass(kw_only=True)
class MilestoneRow:
    """A milestone on the editor's page.

    ``on`` is its date, null where the day is none, or a template's; ``has_day`` whether it is
    said where the day comes from.
    """

    key: str
    number: int
    form: MilestoneForm
    is_gating: bool
    is_first: bool
    is_last: bool
    from_members: bool
    is_reached: bool
    on: date | None
    has_day: bool
    promises: list[PromiseRow]
    notes: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def theirs(self) -> list[PromiseRow]:
        return [each for each in self.promises if each.side == Side.MEMBER]

    @property
    def ours(self) -> list[PromiseRow]:
        return [each for each in self.promises if each.side == Side.ASSOCIATION]

    @property
    def says_more(self) -> bool:
        """Whether something stands in the fold, which then is open."""
        names = ("expectation", "upsell", "advocacy")
        return not self.is_gating or any(self.form[name].value() for name in names)

    @property
    def said(self) -> list[tuple[str, list[Any]]]:
        """The notes of each place that shows some, by the place's name on the page."""
        names = [name for name in NOTED if self.is_gating or name != "weight"]
        return [(f"{self.key}-{name}", self.notes.get(name, [])) for name in names]


@dataclass(kw_only=True)
class PlanForms:
    """Every form of a draft, in the order of the page."""

    words: WordsForm
    milestones: list[MilestoneRow]
    promises: list[PromiseRow]
    notes: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def said(self) -> list[tuple[str, list[Any]]]:
        """The notes of each place at the top that shows some, by its name on the page."""
        names = [
            name
            for name in NOTED_WORDS
            if name not in {"reason", "said_by"} or name in self.words.fields
        ]
        return [(name, self.notes.get(name, [])) for name in names]

    @property
    def theirs(self) -> list[PromiseRow]:
        return [each for each in self.promises if each.side == Side.MEMBER]

    @property
    def ours(self) -> list[PromiseRow]:
        return [each for each in self.promises if each.side == Side.ASSOCIATION]

    @property
    def way(self) -> list[MilestoneRow]:
        return [each for each in self.milestones if each.is_gating]

    @property
    def beside(self) -> list[MilestoneRow]:
        return [each for each in self.milestones if not each.is_gating]


def plan_forms(
    content: Mapping[str, Any],
    *,
    anchor_on: date | None,
    typed: Mapping[str, str],
    choices: Choices,
    reached: Collection[str] = (),
) -> PlanForms:
    """The forms that show a draft's content.

    ``anchor_on`` is null for a template, whose days have no dates yet. ``typed`` are the day 0
    and the reason as they were typed last, which may be no day; ``reached`` the keys of the
    milestones that stand in the plan in force.
    """
    content = drafting.arranged(content)
    flat = _flat(content) | dict(typed)
    way = drafting.gating(content)
    rows = []
    for number, each in enumerate(content["milestones"], start=1):
        key = each["key"]
        on = _date_of(each["expected_day"], anchor_on=anchor_on)
        among = way if each["is_gating"] else content["milestones"][len(way) :]
        form = MilestoneForm(flat, prefix=key, choices=choices)
        _describe(form, NOTED)
        if not each["is_gating"]:
            form.fields["expected_day"].label = _("About day")
        rows.append(
            MilestoneRow(
                key=key,
                number=number,
                form=form,
                is_gating=each["is_gating"],
                is_first=each is among[0],
                is_last=each is among[-1],
                from_members=each["expected_basis"] == "cohort",
                is_reached=key in reached,
                on=on,
                has_day=on is not None
                or (anchor_on is None and isinstance(each["expected_day"], int)),
                promises=_promise_rows(
                    each["promises"], key, flat, anchor_on=anchor_on, choices=choices
                ),
            )
        )
    words = WordsForm(flat, choices=choices)
    _describe(words, NOTED_WORDS)
    return PlanForms(
        words=words,
        milestones=rows,
        promises=_promise_rows(
            content["promises"],
            drafting.NO_MILESTONE,
            flat,
            anchor_on=anchor_on,
            choices=choices,
        ),
    )


def content_of(data: QueryDict, *, was: Mapping[str, Any]) -> drafting.Content:
    """What was typed on the editor's page, as a draft's content.

    ``was`` is the content of the draft before: it knows the days of the cohort and what was
    removed. A name that the page did not send says what ``was`` says.
    """
    known = {each["key"]: each for each in was["milestones"]}
    days = was.get("cohort_days", {})
    content: drafting.Content = {
        name: _words(data.get(name, was.get(name, ""))) for name in drafting.WORDS
    }
    milestones, consents = [], []
    for key in dict.fromkeys(data.getlist("milestone")):
        base = known.get(key) or drafting.new_milestone(key)
        each = _milestone_of(data, key, base=base, cohort_day=days.get(key))
        milestones.append(each)
        consents += [
            f"{key}:{kind}"
            for kind in ("upsell", "advocacy")
            if each[kind] and data.get(f"{key}-consent_{kind}")
        ]
    content |= {
        "milestones": milestones,
        "promises": _promises_of(data, drafting.NO_MILESTONE),
        "said_by": data.get("said_by", was.get("said_by", "")),
        "consents": consents,
        "cohort_days": days,
        "removed": was.get("removed"),
        "replaced": was.get("replaced"),
    }
    return drafting.arranged(content)


def rule_choice(rule: Mapping[str, Any], words: str) -> Choice:
    """An evidence rule as one choice of a milestone's evidence."""
    return _rule_value(rule), words


def _rule_value(rule: Mapping[str, Any]) -> str:
    return f"{EvidenceSource.DERIVED.value} {json.dumps(rule, sort_keys=True)}"


def _milestone_of(
    data: QueryDict, key: str, *, base: Mapping[str, Any], cohort_day: object
) -> drafting.Content:
    kind, _sep, rule = data.get(f"{key}-evidence", "").partition(" ")
    expected = _number(data.get(f"{key}-expected_day", ""))
    is_gating = bool(data.get(f"{key}-is_gating"))
    weight = _number(data.get(f"{key}-weight", ""))
    return {
        "key": key,
        "title": data.get(f"{key}-title", "").strip(),
        "expected_day": expected,
        "weight": weight if is_gating else 1,
        "expected_basis": "cohort"
        if cohort_day is not None and cohort_day == expected
        else "assumed",
        "is_gating": is_gating,
        "evidence_kind": kind or base["evidence_kind"],
        "evidence_rule": _rule(rule),
        "expectation": _words(data.get(f"{key}-expectation", "")),
        "upsell": data.get(f"{key}-upsell", ""),
        "advocacy": data.get(f"{key}-advocacy", ""),
        "promises": _promises_of(data, key),
    }


def _rule(written: str) -> Any:
    try:
        return json.loads(written) if written else {}
    except ValueError:
        return {}


def _promises_of(data: QueryDict, key: str) -> list[drafting.Content]:
    promises = []
    for prefix in dict.fromkeys(data.getlist(f"{key}-promise")):
        side = data.get(f"{prefix}-side", "")
        if side not in Side.values:
            continue
        who = data.get(f"{prefix}-who", "")
        promises.append(
            {
                "side": side,
                "title": data.get(f"{prefix}-title", "").strip(),
                "due_day": _number(data.get(f"{prefix}-due_day", "")),
                "owner": who if side == Side.ASSOCIATION else "",
                "person": who if side == Side.MEMBER else "",
                "closes_fit": data.get(f"{prefix}-closes_fit", ""),
            }
        )
    return promises


def _promise_rows(
    promises: Iterable[Mapping[str, Any]],
    key: str,
    flat: Mapping[str, Any],
    *,
    anchor_on: date | None,
    choices: Choices,
) -> list[PromiseRow]:
    return [
        PromiseRow(
            form=PromiseForm(
                flat, prefix=f"{key}-p{number}", side=each["side"], choices=choices
            ),
            side=Side(each["side"]),
            number=number,
            on=_date_of(each["due_day"], anchor_on=anchor_on),
        )
        for number, each in enumerate(promises)
    ]


def _date_of(day: object, *, anchor_on: date | None) -> date | None:
    return None if anchor_on is None else drafting.date_of(day, anchor_on=anchor_on)


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content under the names of the forms' fields."""
    flat: dict[str, Any] = {name: content.get(name, "") for name in drafting.WORDS}
    flat["said_by"] = content.get("said_by", "")
    agreed = set(content.get("consents", ()))
    for each in content["milestones"]:
        key = each["key"]
        for name in ("title", "expected_day", "weight", "expectation", "upsell", "advocacy"):
            flat[f"{key}-{name}"] = each[name]
        flat[f"{key}-is_gating"] = "on" if each["is_gating"] else ""
        flat[f"{key}-evidence"] = (
            _rule_value(each["evidence_rule"])
            if each["evidence_kind"] == EvidenceSource.DERIVED
            else each["evidence_kind"]
        )
        for kind in ("upsell", "advocacy"):
            flat[f"{key}-consent_{kind}"] = "on" if f"{key}:{kind}" in agreed else ""
        flat |= _flat_promises(each["promises"], key)
    return flat | _flat_promises(content["promises"], drafting.NO_MILESTONE)


def _flat_promises(promises: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for number, each in enumerate(promises):
        prefix = f"{key}-p{number}"
        flat |= {
            f"{prefix}-title": each["title"],
            f"{prefix}-due_day": each["due_day"],
            f"{prefix}-who": each["owner"] or each["person"],
            f"{prefix}-closes_fit": each["closes_fit"],
        }
    return flat


def _choose(
    form: forms.Form, name: str, choices: Iterable[Choice], *, nobody: Any = None
) -> None:
    """Offer ``choices``, and whatever the draft names although it is offered no more."""
    offered: list[Choice] = [] if nobody is None else [("", nobody)]
    offered += choices
    kept = str(form.data.get(form.add_prefix(name), ""))
    if kept and kept not in {str(value) for value, _label in offered}:
        offered.append((kept, _("As it was written (offered no more)")))
    chooser = form.fields[name]
    assert isinstance(chooser, forms.ChoiceField)  # noqa: S101  # narrows the type
    chooser.choices = offered


def _describe(form: forms.Form, names: Iterable[str]) -> None:
    """Tie the notes beside a field to it, for those who hear the page."""
    for name in names:
        if name in form.fields:
            place = f"notes-{form.add_prefix(name)}"
            form.fields[name].widget.attrs["aria-describedby"] = place


def _number(typed: str) -> int | str:
    typed = typed.strip()
    digits = typed.removeprefix("-")
    return int(typed) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else typed


def _words(typed: str) -> str:
    return typed.replace("\r\n", "\n").strip()
