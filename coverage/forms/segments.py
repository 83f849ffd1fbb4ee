"""A segment and its rule: rows of a fact, a comparison and a value, of which all or any hold.

Works without a script: one more empty row is there whenever the page comes back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from config.kernel.conditions import KNOWING, LISTING, Kind, Op
from coverage.engine.facts import FACTS, MONEY
from coverage.enums import Delivery, Expertise, Guidance, Resources

Words = Any  # a text, or one that is translated when it is shown
ALL, ANY, EVERYBODY, AS_IT_IS = "all", "any", "everybody", "as_it_is"
MOST_ROWS = 12
OPS: Mapping[Op, Words] = {
    Op.EQ: _("is"),
    Op.NE: _("is anything but"),
    Op.GE: _("is at least"),
    Op.GT: _("is more than"),
    Op.LE: _("is at most"),
    Op.LT: _("is less than"),
    Op.IN: _("is one of"),
    Op.NOT_IN: _("is none of"),
    Op.NOT_NULL: _("is known"),
    Op.IS_NULL: _("is not known"),
}
VALUES: Mapping[str, Mapping[str, Words]] = {
    "expertise": dict(Expertise.choices),
    "resources": dict(Resources.choices),
    "guidance": dict(Guidance.choices),
}


def fact_choices() -> list[tuple[str, Any]]:
    """The facts to ask about, and those about money, which are refused in words."""
    known = [(fact.name, fact.title) for fact in FACTS]
    return [
        ("", _("Ask nothing")),
        (str(_("What suits the member")), known),
        (
            str(_("Money: never decides coverage")),
            [(name, _(label)) for name, label in MONEY.items()],
        ),
    ]


class SegmentForm(forms.Form):
    """What a segment is called, and how its members are looked after."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        error_messages={"required": _("Give it a name.")},
    )
    reason = forms.CharField(
        label=_("Why a member who meets the rule belongs here"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_(
            "It stands beside every member placed here. A fact in braces, such as {expertise}, "
            "becomes the member's own."
        ),
        error_messages={"required": _("Say why, so that everybody can understand it.")},
    )
    delivery = forms.ChoiceField(
        label=_("What reaches them first"), choices=Delivery.choices, widget=forms.RadioSelect
    )
    is_pooled = forms.BooleanField(
        label=_("Served by the pool, without a named person"), required=False
    )
    skills = forms.CharField(
        label=_("What whoever looks after them has to know"),
        required=False,
        help_text=_("Several with commas between."),
    )

    @property
    def fields_of_segment(self) -> dict[str, Any]:
        """What was said, as the service takes it."""
        said = self.cleaned_data
        skills = [each.strip() for each in said["skills"].split(",") if each.strip()]
        return {name: said[name] for name in ("name", "reason", "delivery", "is_pooled")} | {
            "skills": skills
        }


class RowForm(forms.Form):
    """One question of a rule; a row without a fact asks nothing."""

    fact = forms.ChoiceField(label=_("Fact"), required=False, choices=fact_choices)
    op = forms.ChoiceField(label=_("Comparison"), required=False, choices=list(OPS.items()))
    value = forms.CharField(
        label=_("Value"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"list": "rule-values", "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        fact, op, text = said.get("fact"), said.get("op") or Op.EQ.value, said.get("value", "")
        self.leaf: dict[str, Any] | None = None
        if not fact:
            return said
        self.leaf = {"fact": fact, "op": op}
        if op in KNOWING or fact in MONEY:
            return said
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            self.add_error("value", _("Say with what to compare it."))
            return said
        listed = op in LISTING
        if len(parts) > 1 and not listed:
            self.add_error("value", _("One value, or choose “is one of”."))
            return said
        read = [self._read(fact, part) for part in parts]
        self.leaf["value"] = read if listed else read[0]
        return said

    def _read(self, fact: str, part: str) -> str | int:
        known = FACTS.get(fact)
        if known is not None and known.kind is Kind.INTEGER:
            try:
                return int(part)
            except ValueError:
                self.add_error("value", _("This fact is compared with a whole number."))
                return 0
        offered = VALUES.get(fact, {})
        for value, label in offered.items():
            if part.lower() in {value, str(label).lower()}:
                return value
        self.add_error("value", _("It is one of: %s.") % ", ".join(map(str, offered.values())))
        return part


class RuleForm(forms.Form):
    """Which of the rows have to hold."""

    match = forms.ChoiceField(
        label=_("A member belongs here when"),
        choices=(
            (ALL, _("all of these hold")),
            (ANY, _("at least one of these holds")),
            (EVERYBODY, _("no earlier rule takes them")),
        ),
        widget=forms.RadioSelect,
        initial=ALL,
    )

    def __init__(self, *args: Any, nested: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        if nested:
            field = self.fields["match"]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type checker
            field.choices = [(AS_IT_IS, _("the rule as it stands holds")), *field.choices]  # type: ignore[misc]  # pairs here


class Builder:
    """The rule's forms as one: from a stored rule, or from what was sent."""

    def __init__(
        self, *, stored: Mapping[str, Any] | None, sent: QueryDict | None, extra: int = 2
    ) -> None:
        self.stored = stored
        self.nested = stored is not None and _rows_of(stored) is None
        match, leaves = _rows_of(stored or {"all": []}) or (AS_IT_IS, [])
        if stored is not None and not leaves and not self.nested:
            match = EVERYBODY
        self.rule = RuleForm(sent, nested=self.nested, initial={"match": match})
        if sent is None:
            self.rows = [
                RowForm(prefix=f"row{i}", initial=_shown(leaf)) for i, leaf in enumerate(leaves)
            ]
        else:
            self.rows = [RowForm(sent, prefix=f"row{i}") for i in range(_sent_rows(sent))]
        blank = range(len(self.rows), min(len(self.rows) + extra, MOST_ROWS))
        self.blank = [RowForm(prefix=f"row{i}") for i in blank]

    @property
    def all_rows(self) -> list[RowForm]:
        return [*self.rows, *self.blank]

    def is_valid(self) -> bool:
        """Whether every row can be read; asks each, so that each says what is wrong."""
        return all([self.rule.is_valid(), *(row.is_valid() for row in self.rows)])

    @property
    def data(self) -> dict[str, Any]:
        """The rule as data, once it is valid. Without a question, nobody is left out."""
        match = self.rule.cleaned_data["match"]
        if match == AS_IT_IS and self.stored is not None:
            return dict(self.stored)
        leaves = [row.leaf for row in self.rows if row.leaf]
        if match == EVERYBODY or not leaves:
            return {"all": []}
        return {match: leaves}

    @property
    def asks_nothing(self) -> bool:
        """Whether somebody chose to ask, and then asked nothing."""
        match = self.rule.cleaned_data["match"]
        return match in {ALL, ANY} and not any(row.leaf for row in self.rows)


def _rows_of(rule: Mapping[str, Any]) -> tuple[str, Sequence[Mapping[str, Any]]] | None:
    """A stored rule as all or any of its leaves; null where it is deeper than that."""
    if "fact" in rule:
        return ALL, [rule]
    for match in (ALL, ANY):
        parts = rule.get(match)
        if isinstance(parts, list) and all("fact" in part for part in parts):
            return match, parts
    return None


def _shown(leaf: Mapping[str, Any]) -> dict[str, Any]:
    value = leaf.get("value", "")
    called = VALUES.get(leaf["fact"], {})
    values = value if isinstance(value, list) else [value]
    text = ", ".join(str(called.get(each, each)) for each in values)
    return {"fact": leaf["fact"], "op": leaf["op"], "value": text}


def _sent_rows(sent: QueryDict) -> int:
    """How many rows were sent; the rows after the last that says something are left out."""
    said = [i for i in range(MOST_ROWS) if sent.get(f"row{i}-fact")]
    return max(said) + 1 if said else 0
