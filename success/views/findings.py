"""What the linter says, and what two editors wrote, in the words and places of the editor.

The editor of a plan and that of a template share it.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from success.engine import drafting
from success.engine.linting import Finding
from success.engine.planning import BadPlan, PlannedPath, from_data
from success.forms.plans import PlanForms, WordsForm

LABELS: Mapping[str, Any] = {
    "goal": gettext_lazy("The goal"),
    "required_outcome": gettext_lazy("What has to be true then"),
    "measure": gettext_lazy("How both sides will know"),
    "said_by": gettext_lazy("Who said it"),
    "first_30": gettext_lazy("By day 30"),
    "first_60": gettext_lazy("By day 60"),
    "first_90": gettext_lazy("By day 90"),
    "reason": gettext_lazy("Why the plan is changed"),
    "anchor_on": gettext_lazy("Day 0"),
    "consents": gettext_lazy("What they agreed to be asked"),
    "template_title": gettext_lazy("What the template is called"),
    "audience": gettext_lazy("For whom"),
    "persona": gettext_lazy("Persona"),
    "segment": gettext_lazy("Segment"),
    "milestones": gettext_lazy("The order of the milestones"),
    "promises": gettext_lazy("Promises"),
    "title": gettext_lazy("what it is"),
    "expected_day": gettext_lazy("expected day"),
    "due_day": gettext_lazy("due day"),
    "weight": gettext_lazy("weight"),
    "evidence_kind": gettext_lazy("how both sides will know"),
    "evidence_rule": gettext_lazy("how both sides will know"),
    "expectation": gettext_lazy("what it will be like"),
    "upsell": gettext_lazy("what they may need next"),
    "advocacy": gettext_lazy("what we would ask for"),
    "is_gating": gettext_lazy("whether the plan waits for it"),
    "expected_basis": gettext_lazy("where its day comes from"),
    "closes_fit": gettext_lazy("what it closes"),
    "owner": gettext_lazy("who does it"),
    "person": gettext_lazy("who does it"),
}
SHAPES: Mapping[str, Any] = {
    "must be a whole number": gettext_lazy("Write a whole number, such as 30."),
}


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the linter says, with the words of the place it is about and its address."""

    is_error: bool
    about: str
    words: str
    suggestion: str
    field: str
    key: str
    href: str


def read(content: Mapping[str, Any]) -> tuple[PlannedPath | None, list[Finding]]:
    """The path that a content says and what is wrong with its form.

    Where a number is missing the path has one in its place, so that the rest can be judged; it
    is null where nothing helps.
    """
    try:
        return from_data(drafting.plain(content)), []
    except BadPlan as bad:
        found = [
            Finding(severity="error", code="form", where=where, words=words, suggestion="")
            for where, words in bad.problems
        ]
    path = None
    with suppress(BadPlan):
        path = from_data(drafting.mended(content))
    return path, found


def own_note(name: str, words: str, *, error: bool) -> Note:
    return Note(
        is_error=error,
        about=str(LABELS[name]),
        words=words,
        suggestion="",
        field=name,
        key="",
        href=f"#id_{name}",
    )


def note_of(finding: Finding, *, keys: list[str]) -> Note:
    """Where a finding belongs on the page: its milestone, its field, and the words for both."""
    parts = finding.where.split(".") if finding.where else []
    key = about = ""
    rest = parts
    if len(parts) > 1 and parts[0] == "milestones" and parts[1].isdecimal():
        number = int(parts[1])
        key = keys[number] if number < len(keys) else ""
        about = _("Milestone %(number)s") % {"number": number + 1}
        rest = parts[2:]
    name = rest[-1] if rest and not rest[-1].isdecimal() else ""
    field_name = rest[0] if rest else ""
    if field_name == "promises":
        about = f"{about}, {_('promises')}" if about else _("Promises")
    if name and name != "promises":
        label = str(LABELS.get(name, name.replace("_", " ")))
        about = f"{about}, {label}" if about else label
    return Note(
        is_error=finding.severity == "error",
        about=about or _("The plan"),
        words=str(SHAPES.get(finding.words, finding.words)),
        suggestion=finding.suggestion,
        field=field_name,
        key=key,
        href=_href(key, rest),
    )


def _href(key: str, rest: list[str]) -> str:
    if rest[:1] == ["promises"]:
        owner = key or drafting.NO_MILESTONE
        if len(rest) > 2 and rest[1].isdecimal():
            field_name = {"owner": "who", "person": "who"}.get(rest[2], rest[2])
            return f"#id_{owner}-p{rest[1]}-{field_name}"
        return f"#promises-{owner}"
    if key:
        names = {"evidence_kind": "evidence", "evidence_rule": "evidence"}
        return f"#id_{key}-{names.get(rest[0], rest[0])}" if rest else f"#milestone-{key}"
    if rest and rest[0] in WordsForm.base_fields:
        return f"#id_{rest[0]}"
    return "#milestones"


def attach(forms: PlanForms, notes: Iterable[Note]) -> None:
    """Put each note beside what it is about."""
    rows = {row.key: row for row in forms.milestones}
    names = {"evidence_kind": "evidence", "evidence_rule": "evidence"}
    for note in notes:
        held = rows[note.key].notes if note.key in rows else forms.notes
        held.setdefault(names.get(note.field, note.field) or "whole", []).append(note)


def differences_shown(
    mine: Mapping[str, Any], theirs: Mapping[str, Any]
) -> list[dict[str, Any]]:
    titles = {
        each["key"]: each["title"] or _("a milestone without a title")
        for content in (theirs, mine)
        for each in content.get("milestones", ())
    }
    shown = []
    for path, ours, others in drafting.differences(mine, theirs):
        parts = path.split(".")
        about = ""
        if parts[0] == "milestones" and len(parts) > 1:
            about = titles.get(parts[1], parts[1])
            parts = parts[2:]
        label = str(LABELS.get(parts[0], parts[0])) if parts else ""
        shown.append(
            {
                "about": ", ".join(filter(None, (about, label))),
                "mine": _in_words(ours, titles),
                "theirs": _in_words(others, titles),
            }
        )
    return shown


def _in_words(value: object, titles: Mapping[str, str]) -> str:
    match value:
        case None | "" | [] | {}:
            return _("nothing")
        case bool():
            return _("yes") if value else _("no")
        case list():
            return ", ".join(titles.get(str(each), str(each)) for each in value)
        case tuple():
            return ", ".join(str(each) for each in value if each != "")
        case _:
            return str(value)
