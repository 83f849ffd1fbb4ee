"""The forms of a play that is being written: its words, its start, its conditions, its steps.

Every condition is rows of a fact, a comparison and a value, of which all or any hold, as in
the rules of segments; one that is deeper stays as it is until somebody says otherwise. Works
without a script: one more empty row is there whenever the page comes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from config.kernel.conditions import KNOWING, LISTING, OPERATORS, REACH, Fact, Kind, Op
from coverage.forms.segments import ALL, ANY, AS_IT_IS, OPS
from success.engine.facts import FACTS
from success.engine.play_linting import MONEY
from success.engine.playing import (
    HAPPENINGS,
    LONGEST,
    MOST_A_NIGHT,
    MOST_DAYS,
    MOST_HELD,
    MOST_STEPS,
    PERIODS,
    PlannedPlay,
    PlannedStep,
    condition_in_words,
)
from success.engine.spreading import MOST_SPREAD
from success.enums import (
    Blocker,
    Changes,
    Intent,
    QueueClass,
    Reentry,
    Standing,
    StartKind,
    State,
)

Words = Any  # a text, or one that is translated when it is shown
Choice = tuple[str, Words]
Condition = Mapping[str, Any]
NOTHING = "nothing"
EVERYBODY = "everybody"
MOST_ROWS = 12
SHORT = 9  # digits of a number that counts steps
DATED, EVERY, KNOWN, WHILE, EVENT = "dated", "every", "known", "while", "event"
AFTER, BEFORE = "after", "before"
NUMBER = _("Write a whole number, such as 30.")
WHOLE = {
    "required": NUMBER,
    "invalid": NUMBER,
    "min_value": _("Write a whole number, %(limit_value)s or more."),
    "max_value": _("Write a whole number, %(limit_value)s or less."),
}
MORE_OPS: Mapping[Op, Words] = {
    Op.OLDER_THAN_DAYS: _("is more days ago than"),
    Op.WITHIN_LAST_DAYS: _("is within the last days"),
    Op.WITHIN_NEXT_DAYS: _("is within the next days"),
    Op.LATER_THAN_DAYS: _("is more days ahead than"),
}
COMPARISONS: Mapping[Op, Words] = {**OPS, **MORE_OPS}
VALUES: Mapping[str, Mapping[str, Words]] = {
    "state": dict(State.choices),
    "standing": dict(Standing.choices),
    "blocker": dict(Blocker.choices),
}
YES_OR_NO: Mapping[str, bool] = {"yes": True, "true": True, "no": False, "false": False}
# Of our own rows: how a start that waits for them is written down.
STARTS_OF_OURS: Mapping[str, tuple[StartKind, Mapping[str, Any]]] = {
    "promise.late": (StartKind.DATA, {"kind": "promise.late", "fact": "we_owe_since"}),
    "answer.waiting": (StartKind.TRIGGER, {"kind": "answer.waiting"}),
    "ask.eligible": (StartKind.TRIGGER, {"kind": "ask.eligible"}),
}
OWN_WORDS = ("ended", "replaced")


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What a play may name: messages of ours, and what happens that a play can wait for."""

    templates: Sequence[Choice]
    kinds: Sequence[str]
    segments: Mapping[str, str]
    tiers: Sequence[str]

    @property
    def values(self) -> Mapping[str, Mapping[str, Words]]:
        return values_with(segments=self.segments, tiers=self.tiers)


def values_with(
    *, segments: Mapping[str, str], tiers: Sequence[str]
) -> Mapping[str, Mapping[str, Words]]:
    """What a fact may be, where that is a short list: as it is stored, and as it is called."""
    return {**VALUES, "segment": segments, "tier": {tier: tier for tier in tiers}}


def fact_choices() -> list[tuple[str, Any]]:
    """The facts to ask about, and those about money, which are refused in words."""
    return [
        ("", _("Ask nothing")),
        (str(_("What is known of the member")), [(fact.name, fact.title) for fact in FACTS]),
        (
            str(_("Money: never decides whom we help")),
            [(name, _(label)) for name, label in MONEY.items()],
        ),
    ]


def date_choices() -> list[Choice]:
    """The dates that are known of a member."""
    dates = [(fact.name, fact.title) for fact in FACTS if fact.kind is Kind.DATE]
    return [("", _("Choose a date")), *dates]


class RowForm(forms.Form):
    """One question of a condition; a row without a fact asks nothing.

    ``values`` are those of facts that have few, as they are stored and as they are called.
    """

    fact = forms.ChoiceField(label=_("Fact"), required=False, choices=fact_choices)
    op = forms.ChoiceField(
        label=_("Comparison"), required=False, choices=list(COMPARISONS.items())
    )
    value = forms.CharField(
        label=_("Value"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"list": "play-values", "autocomplete": "off"}),
    )

    def __init__(
        self, *args: Any, values: Mapping[str, Mapping[str, Words]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.values = values

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        name = said.get("fact")
        op = Op(said.get("op") or Op.EQ.value)
        self.leaf: dict[str, Any] | None = None
        fact = FACTS.get(name) if name else None
        if name and fact is None:
            # about money: kept as it is, and the linter says why it cannot be asked
            self.leaf = {"fact": name, "op": Op.NOT_NULL.value}
        elif fact is not None and op not in OPERATORS[fact.kind]:
            self.add_error("op", _("“%s” cannot be compared like this.") % fact.title)
        elif fact is not None:
            self.leaf = {"fact": name, "op": op.value}
            if op not in KNOWING:
                self._compare(fact, op, said.get("value", ""))
        return said

    def _compare(self, fact: Fact, op: Op, text: str) -> None:
        """Read what the fact is compared with into the leaf."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            self.add_error("value", _("Say with what to compare it."))
        elif len(parts) > 1 and op not in LISTING:
            self.add_error("value", _("One value, or choose “is one of”."))
        elif self.leaf is not None:
            kind = Kind.INTEGER if op in REACH else fact.kind
            read = [self._read(fact.name, kind, part) for part in parts]
            self.leaf["value"] = read if op in LISTING else read[0]

    def _read(self, name: str, kind: Kind, part: str) -> str | int | bool:
        if kind is Kind.BOOLEAN:
            if part.lower() not in YES_OR_NO:
                self.add_error("value", _("It is yes or no."))
            return YES_OR_NO.get(part.lower(), False)
        try:
            if kind is Kind.INTEGER:
                return int(part)
            if kind is Kind.DATE:
                return date.fromisoformat(part).isoformat()
        except ValueError:
            is_date = kind is Kind.DATE
            self.add_error("value", _("Write a day such as 2026-07-29.") if is_date else NUMBER)
            return part
        offered = self.values.get(name, {})
        for value, label in offered.items():
            if part.lower() in {value.lower(), str(label).lower()}:
                return value
        # a tier that nobody has today may be one of tomorrow
        if offered and name != "tier":
            self.add_error(
                "value", _("It is one of: %s.") % ", ".join(map(str, offered.values()))
            )
        return part


class MatchForm(forms.Form):
    """Which of the rows have to hold."""

    match = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(
        self, *args: Any, label: Words, choices: Sequence[Choice], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["match"].label = label
        self.fields["match"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField


class ConditionForms:
    """A condition's forms as one: from a stored one, or from what was sent.

    ``nothing`` are the words for asking nothing, which ``data`` then says as ``empty``.
    """

    def __init__(  # noqa: PLR0913  # what a condition is asked with
        self,
        prefix: str,
        *,
        stored: Condition | None,
        sent: QueryDict | None,
        label: Words,
        nothing: tuple[str, Words],
        empty: Condition | None,
        values: Mapping[str, Mapping[str, Words]],
    ) -> None:
        self.prefix = prefix
        self.stored = stored
        self.empty = empty
        self.nothing = nothing[0]
        read = _rows_of(stored) if stored is not None else (self.nothing, [])
        self.is_deeper = read is None
        match, leaves = read or (AS_IT_IS, [])
        if not leaves and not self.is_deeper:
            match = self.nothing
        choices: list[Choice] = [
            (ALL, _("all of these hold")),
            (ANY, _("at least one of these holds")),
            nothing,
        ]
        if self.is_deeper:
            choices.insert(0, (AS_IT_IS, _("the condition as it stands holds")))
        self.match = MatchForm(
            sent, prefix=prefix, label=label, choices=choices, initial={"match": match}
        )
        if sent is None:
            self.rows = [
                RowForm(
                    prefix=f"{prefix}-{at}", initial=_shown(leaf, values=values), values=values
                )
                for at, leaf in enumerate(leaves)
            ]
        else:
            said = [at for at in range(MOST_ROWS) if sent.get(f"{prefix}-{at}-fact")]
            count = max(said) + 1 if said else 0
            self.rows = [
                RowForm(sent, prefix=f"{prefix}-{at}", values=values) for at in range(count)
            ]
        blank = range(len(self.rows), min(len(self.rows) + 1, MOST_ROWS))
        self.blank = [RowForm(prefix=f"{prefix}-{at}", values=values) for at in blank]

    @property
    def in_words(self) -> str:
        return condition_in_words(self.stored)

    @property
    def all_rows(self) -> list[RowForm]:
        return [*self.rows, *self.blank]

    def is_valid(self) -> bool:
        """Whether every row can be read; asks each, so that each says what is wrong."""
        return all([self.match.is_valid(), *(row.is_valid() for row in self._asked())])

    @property
    def data(self) -> Condition | None:
        """The condition as data, once it is valid; ``empty`` where nothing is asked."""
        match = self.match.cleaned_data["match"]
        if match == AS_IT_IS and self.stored is not None:
            return self.stored
        # rows that do not count were not read
        leaves = [row.leaf for row in self.rows if row.leaf] if match in {ALL, ANY} else []
        if not leaves:
            return self.empty
        return leaves[0] if len(leaves) == 1 else {match: leaves}

    def _asked(self) -> list[RowForm]:
        # rows that do not count need not be right
        chosen = self.match.data.get(f"{self.prefix}-match") if self.match.is_bound else ""
        return self.rows if chosen in {ALL, ANY} else []


class AboutForm(forms.Form):
    """What a play is called, what it is for, and what it may not do."""

    title = forms.CharField(
        label=_("Name"),
        max_length=120,
        error_messages={"required": _("Give the play a name.")},
    )
    aim = forms.CharField(
        label=_("Aim"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What the member will have done when it has worked."),
    )
    aim_days = forms.IntegerField(
        label=_("Days within which it counts"),
        min_value=0,
        max_value=MOST_DAYS,
        help_text=_("After that, what they do is not an effect of this play."),
        error_messages=WHOLE,
    )
    reentry = forms.ChoiceField(
        label=_("Whoever was in it enters again"),
        choices=Reentry.choices,
        widget=forms.RadioSelect,
    )
    reentry_days = forms.IntegerField(
        label=_("Days after the last entry ended"),
        min_value=0,
        max_value=MOST_DAYS,
        error_messages=WHOLE,
    )
    queue_class = forms.TypedChoiceField(
        label=_("Place in the queue"), choices=QueueClass.choices, coerce=int
    )
    held_percent = forms.IntegerField(
        label=_("Of a hundred, left alone to compare with"),
        min_value=0,
        max_value=MOST_HELD,
        help_text=_("By a draw that does not change. Their aim is followed all the same."),
        error_messages=WHOLE,
    )
    never_withheld = forms.BooleanField(
        label=_("Promised, renewal or legal, a reply: nobody is left out"), required=False
    )
    most_a_night = forms.IntegerField(
        label=_("Most that may enter in a night"),
        required=False,
        min_value=1,
        max_value=MOST_A_NIGHT,
        help_text=_("Beyond it the play stops and asks a person. Blank: ten usual nights."),
        error_messages=WHOLE,
    )
    too_late_days = forms.IntegerField(
        label=_("Days after which a message is too late"),
        min_value=0,
        max_value=MOST_DAYS,
        error_messages=WHOLE,
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("never_withheld") and said.get("held_percent"):
            words = _("Nobody is left out of this play, so nobody can be left alone.")
            self.add_error("held_percent", words)
        return said


class StartForm(forms.Form):
    """When the play begins for a member; only what belongs to the choice counts."""

    begins = forms.ChoiceField(
        label=_("It begins"),
        widget=forms.RadioSelect,
        choices=(
            (DATED, _("So many days after or before a date")),
            (EVERY, _("On a day that comes again")),
            (KNOWN, _("When a date becomes known")),
            (WHILE, _("When something becomes true")),
            (EVENT, _("When something happens")),
        ),
    )
    dated_days = forms.IntegerField(
        label=_("Days"),
        required=False,
        min_value=0,
        max_value=MOST_DAYS,
        error_messages=WHOLE,
    )
    dated_side = forms.ChoiceField(
        label=_("After or before"),
        required=False,
        choices=((AFTER, _("after")), (BEFORE, _("before"))),
    )
    dated_fact = forms.ChoiceField(label=_("Date"), required=False, choices=date_choices)
    every = forms.ChoiceField(
        label=_("With every"),
        required=False,
        choices=[(period, period) for period in PERIODS],
    )
    over_days = forms.IntegerField(
        label=_("Spread over so many working days"),
        required=False,
        min_value=1,
        max_value=max(MOST_SPREAD.values()),
        error_messages=WHOLE,
        help_text=_("Everybody has a day of their own, always the same; 1: all on the first."),
    )
    known_fact = forms.ChoiceField(label=_("Date"), required=False, choices=date_choices)
    kind = forms.CharField(
        label=_("What happens"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"list": "play-kinds", "autocomplete": "off"}),
    )
    last = forms.BooleanField(label=_("Only where nobody is left who does it"), required=False)
    why = forms.CharField(
        label=_("Why now, for whoever gets the item"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_(
            "Names in braces are filled in: {day}, {milestone}, {expected}, {next}, {goal}, "
            "{joined}, {began}, {confirmed}, {ends}, {quiet}, {period}, {offset}, {subject}."
        ),
    )


class StepForm(forms.Form):
    """A rung of the ladder."""

    act = forms.CharField(
        label=_("What to do"),
        required=False,
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    intent = forms.ChoiceField(label=_("What for"), choices=Intent.choices)
    changes = forms.ChoiceField(
        label=_("What is different this time"), choices=Changes.choices, required=False
    )
    wait_days = forms.IntegerField(
        label=_("Days to wait"),
        required=False,
        min_value=0,
        max_value=MOST_DAYS,
        error_messages=WHOLE,
    )
    template = forms.ChoiceField(label=_("Message"), required=False)
    minutes = forms.IntegerField(
        label=_("Minutes of a person"),
        min_value=0,
        max_value=10_000,
        error_messages=WHOLE,
    )
    due_days = forms.IntegerField(
        label=_("Days in which a person does it"),
        min_value=0,
        max_value=MOST_DAYS,
        error_messages=WHOLE,
    )

    def __init__(self, *args: Any, templates: Sequence[Choice], **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [("", _("None: a person does it")), *templates]
        self.fields["template"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def planned(self) -> PlannedStep:
        said = self.cleaned_data
        return PlannedStep(
            act=said["act"].strip(),
            intent=said["intent"],
            changes=said["changes"] or Changes.CHANNEL.value,
            wait_days=said["wait_days"] or 0,
            minutes=said["minutes"],
            due_days=said["due_days"],
            template=said["template"],
        )


class PlayForms:
    """All that the editor's page asks, as one: from a play, or from what was sent."""

    def __init__(
        self,
        *,
        planned: PlannedPlay,
        title: str,
        offered: Offered,
        sent: QueryDict | None = None,
    ) -> None:
        self.was = planned
        about = {
            name: getattr(planned, name) for name in AboutForm.base_fields if name != "title"
        }
        self.about = AboutForm(sent, initial=about | {"title": title})
        self.start = StartForm(sent, initial=_start_shown(planned))
        asked = planned.start.get("while")
        self.becomes = ConditionForms(
            "becomes",
            stored=asked,
            sent=sent,
            label=_("It begins when"),
            values=offered.values,
            empty=None,
            nothing=(NOTHING, _("not said yet")),
        )
        self.audience = ConditionForms(
            "audience",
            stored=planned.audience,
            sent=sent,
            label=_("It is for members of whom"),
            values=offered.values,
            empty={"all": []},
            nothing=(EVERYBODY, _("nothing is asked: everybody")),
        )
        self.aim = ConditionForms(
            "reached",
            stored=planned.aim_condition,
            sent=sent,
            label=_("The aim is reached when"),
            values=offered.values,
            empty=None,
            nothing=(NOTHING, _("what started it is gone")),
        )
        self.stop = ConditionForms(
            "stop",
            stored=planned.stop,
            sent=sent,
            label=_("Beside that, it stops when"),
            values=offered.values,
            empty=None,
            nothing=(NOTHING, _("nothing else")),
        )
        if sent is None:
            self.steps = [
                StepForm(
                    prefix=f"step{at}",
                    templates=offered.templates,
                    initial={name: getattr(step, name) for name in StepForm.base_fields},
                )
                for at, step in enumerate(planned.steps)
            ]
        else:
            self.steps = [
                StepForm(sent, prefix=f"step{at}", templates=offered.templates)
                for at in range(steps_sent(sent))
            ]
        self.kinds = sorted({*HAPPENINGS, *offered.kinds})
        self.values = sorted(
            {str(word) for each in offered.values.values() for word in each.values()}
        )

    @property
    def conditions(self) -> list[ConditionForms]:
        """The conditions that count; what becomes true only where the play begins by that."""
        chosen = self.start["begins"].value()
        begins = [self.becomes] if chosen == WHILE else []
        return [*begins, self.audience, self.aim, self.stop]

    def is_valid(self) -> bool:
        """Whether all can be read; asks each form, so that each says what is wrong."""
        return all(
            [
                self.about.is_valid(),
                self.start.is_valid(),
                *(each.is_valid() for each in self.conditions),
                *(step.is_valid() for step in self.steps),
            ]
        )

    @property
    def errors(self) -> list[tuple[str, str]]:
        """What cannot be read: (the field's id, the words), in the order of the page."""
        rows = [row for each in self.conditions for row in each.rows]
        found: list[tuple[str, str]] = []
        for form in (self.about, self.start, *rows, *self.steps):
            for name, errors in form.errors.items():
                bound = form[name] if name in form.fields else None
                label = f"{bound.label}: " if bound is not None else ""
                where = bound.id_for_label if bound is not None else ""
                found.extend((where, f"{label}{error}") for error in errors)
        return found

    @property
    def title(self) -> str:
        return str(self.about.cleaned_data["title"])

    @property
    def planned(self) -> PlannedPlay:
        """What was said, as a play, once it is valid."""
        said = self.about.cleaned_data
        kind, start = self._start()
        fields = {
            name: said[name] for name in AboutForm.base_fields if name not in {"title", "aim"}
        }
        return PlannedPlay(
            aim=said["aim"].strip(),
            aim_condition=self.aim.data,
            start_kind=kind,
            start=start,
            audience=self.audience.data or {"all": []},
            stop=self.stop.data,
            steps=tuple(step.planned for step in self.steps),
            **fields,
        )

    def _start(self) -> tuple[str, dict[str, Any]]:
        said = self.start.cleaned_data
        kind, start = StartKind.TIMED.value, dict[str, Any]()
        match said["begins"]:
            case "dated":
                days = said["dated_days"] or 0
                start = {
                    "fact": said["dated_fact"],
                    "offset_days": -days if said["dated_side"] == BEFORE else days,
                }
            case "every":
                start = {"every": said["every"]}
                if (said["over_days"] or 1) > 1:
                    start["over_days"] = said["over_days"]
            case "known":
                kind, start = StartKind.DATA.value, {"fact": said["known_fact"]}
            case "while":
                kind = StartKind.DATA.value
                start = {} if self.becomes.data is None else {"while": dict(self.becomes.data)}
            case _:
                name = said["kind"].strip()
                kind, start = StartKind.TRIGGER.value, {"kind": name}
                if name in STARTS_OF_OURS:
                    of_ours = STARTS_OF_OURS[name]
                    kind, start = of_ours[0].value, dict(of_ours[1])
                elif said["last"]:
                    start["last"] = True
        if said["why"].strip():
            start["why"] = said["why"].strip()
        was = self.was.start
        if (was.get("fact"), was.get("kind")) == (start.get("fact"), start.get("kind")):
            start |= {name: was[name] for name in OWN_WORDS if name in was}
        return kind, start


def steps_sent(sent: QueryDict) -> int:
    """How many steps a page sent, at most as many as a play may have."""
    count = sent.get("steps", "")
    return min(int(count), MOST_STEPS) if _is_short(count) else 0


def _is_short(number: str) -> bool:
    return number.isascii() and number.isdecimal() and len(number) < SHORT


def change_steps(sent: QueryDict, act: str) -> QueryDict:
    """Return what was sent with its steps as ``act`` would have them; unknown acts change none.

    ``add-step``, or ``remove``, ``up`` and ``down`` with a colon and the number of the step.
    """
    verb, _sep, number = act.partition(":")
    at = int(number) if _is_short(number) else -1
    names = list(StepForm.base_fields)
    rows = [
        {name: sent.get(f"step{each}-{name}", "") for name in names}
        for each in range(steps_sent(sent))
    ]
    if verb == "add-step" and len(rows) < MOST_STEPS:
        fresh = PlannedStep(wait_days=7 if rows else 0)
        rows.append({name: str(getattr(fresh, name)) for name in names})
    elif verb == "remove" and 0 <= at < len(rows):
        del rows[at]
    elif verb == "up" and 0 < at < len(rows):
        rows[at - 1], rows[at] = rows[at], rows[at - 1]
    elif verb == "down" and 0 <= at < len(rows) - 1:
        rows[at], rows[at + 1] = rows[at + 1], rows[at]
    changed = sent.copy()
    for key in [key for key in changed if key.startswith("step")]:
        del changed[key]
    changed["steps"] = str(len(rows))
    for place, row in enumerate(rows):
        for name, value in row.items():
            changed[f"step{place}-{name}"] = value
    return changed


def _rows_of(condition: Condition) -> tuple[str, Sequence[Condition]] | None:
    """A stored condition as all or any of its leaves; null where it is deeper than that."""
    if "fact" in condition:
        return ALL, [condition]
    for match in (ALL, ANY):
        parts = condition.get(match)
        if isinstance(parts, list) and all("fact" in part for part in parts):
            return (match, parts) if len(parts) <= MOST_ROWS else None
    return None


def _shown(leaf: Condition, *, values: Mapping[str, Mapping[str, Words]]) -> dict[str, Any]:
    value = leaf.get("value", "")
    called = values.get(str(leaf.get("fact")), {})
    listed = value if isinstance(value, list) else [value]
    text = ", ".join(str(called.get(each, each)) for each in listed)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    return {"fact": leaf["fact"], "op": leaf.get("op"), "value": text}


def _start_shown(planned: PlannedPlay) -> dict[str, Any]:
    start = planned.start
    shown: dict[str, Any] = {"why": start.get("why", ""), "begins": DATED}
    offset = start.get("offset_days", 0)
    shown |= {"dated_days": abs(offset), "dated_side": BEFORE if offset < 0 else AFTER}
    kind = start.get("kind")
    if kind or planned.start_kind == StartKind.TRIGGER:
        return shown | {"begins": EVENT, "kind": kind or "", "last": bool(start.get("last"))}
    if planned.start_kind == StartKind.DATA:
        if "while" in start:
            return shown | {"begins": WHILE}
        return shown | {"begins": KNOWN, "known_fact": start.get("fact", "")}
    if "every" in start:
        over = start.get("over_days") or 1
        return shown | {"begins": EVERY, "every": start["every"], "over_days": over}
    return shown | {"dated_fact": start.get("fact", "")}


class NewPlayForm(forms.Form):
    """What a new play is called."""

    title = forms.CharField(
        label=_("Name"),
        max_length=120,
        help_text=_("What it acts upon, such as “Day 30 without first value”."),
        error_messages={"required": _("Give the play a name.")},
    )


class ReadyForm(forms.Form):
    """Which of the plays that are ready are taken up; ``fitting`` until somebody says."""

    plays = forms.MultipleChoiceField(
        label=_("Plays"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one play."),
            "invalid_choice": _(
                "One of these plays was taken up in the meantime. What is left is chosen below."
            ),
        },
    )

    def __init__(
        self, data: QueryDict | None, *, ready: Sequence[Choice], fitting: Sequence[str]
    ) -> None:
        super().__init__(data, initial={"plays": fitting})
        self.fields["plays"].choices = ready  # type: ignore[attr-defined]  # a ChoiceField


class SwitchForm(forms.Form):
    """Why a play is switched off, or on."""

    reason = forms.CharField(
        label=_("Why"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why, so that the others understand it.")},
    )


class PublishForm(forms.Form):
    """From when a version counts, what is new in it, and what becomes of those inside."""

    inside = forms.ChoiceField(
        label=_("Those who are inside the version before"),
        widget=forms.RadioSelect,
        choices=(
            ("stay", _("stay in it to its end")),
            ("move", _("move to the same step of the new one")),
            ("stop", _("stop: their open items close, and what waits is not sent")),
        ),
        error_messages={"required": _("Say what becomes of those who are inside.")},
    )
    effective_from = forms.DateField(
        label=_("From"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_(
            "Today, or a day to come: until then nobody enters. What happened before may "
            "become work for a person, never a message."
        ),
        error_messages={
            "required": _("Choose a day, such as today."),
            "invalid": _("Choose a day, such as today."),
        },
    )
    note = forms.CharField(
        label=_("What is different, and why"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, has_inside: bool, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.fields["effective_from"].initial = today
        self.fields["effective_from"].widget.attrs["min"] = today.isoformat()
        if not has_inside:
            del self.fields["inside"]

    def clean_effective_from(self) -> date:
        """Refuse a day that is over: who would enter tonight was counted as of today."""
        day: date = self.cleaned_data["effective_from"]
        if day < self.today:
            raise forms.ValidationError(_("Choose today, or a day to come."))
        return day
