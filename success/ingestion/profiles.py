"""Success profiles as a workbook: what its sheets and columns are, written and read.

A single sheet is also read as a delimited text, which other systems write more often.
A workbook holds many members: one sheet for each kind of row, each row naming its member.
What is written is read back as it was, whatever its letters are; what a program for sheets
might take for a formula is kept from being one. What may be changed is not decided here.
"""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import IO, Any, NamedTuple
from xml.etree.ElementTree import ParseError

from django.db.models import Choices
from django.utils.functional import Promise
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from coverage.enums import Expertise, Guidance, Level, Resources
from members.ingestion.tables import FileUnusable, Refusal, Table, table_of
from success.enums import (
    Advocacy,
    AskKind,
    AskStatus,
    ConfirmedIn,
    EvidenceSource,
    ExpectedBasis,
    Fit,
    Side,
)

LONGEST_CELL = 32_767  # what a cell of the format can hold
FIRST_YEAR = 1900  # the format knows no day before
MOST_ROWS = 200_000  # a sheet
LARGEST_UNPACKED = 500_000_000  # bytes
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
CUT = " […]"
HEADER_ROW = 1
PACKAGE = b"PK\x03\x04"  # what a workbook begins with
LEAST_COLUMNS = 2  # of ours, for a text to be one of our sheets
NEITHER = _(
    "This is neither a workbook (.xlsx) nor one of its sheets as CSV. Save it as one of them."
)
CHOICES_SHEET = "Choices"
CHECK = "check"
DATE_FORMAT = "yyyy-mm-dd"
WORDS_LONG = 60
MOST_SMALL, MOST = 32_767, 2_147_483_647

Text = str | Promise
Value = str | int | date | bool | None
_escaped = re.compile(r"_x([0-9A-Fa-f]{4})_")
_unwritable = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_line_ends = re.compile(r"\r\n?")


class WorkbookUnusable(Exception):
    """A file that cannot be read as a workbook of profiles at all; the message says why."""


class Fault(NamedTuple):
    """What is wrong with a cell: its address in the sheet, its column, value and the reason."""

    cell: str
    column: str
    value: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column; ``key`` is ours, ``title`` what its header says and ``words`` what it means.

    What ``is_shown_only`` may not be changed in the sheet.
    """

    key: str
    title: Text
    words: Text
    kind: str = "text"  # text, number, day, choice, yes_no, data
    choices: type[Choices] | None = None
    is_shown_only: bool = False
    width: int = 16
    most: int = MOST_SMALL

    @property
    def options(self) -> type[Choices]:
        """The choices of a column that has some; else a ``TypeError``."""
        if self.choices is None:
            raise TypeError(f"{self.key} is not chosen from a list.")
        return self.choices


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A kind of row: ``identity`` are the columns that say which row it is."""

    key: str
    title: Text
    words: Text
    identity: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, key: str) -> Column:
        """Return the column by its key; unknown keys are a ``KeyError``."""
        return next(column for column in self.columns if column.key == key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row as read. ``cells`` holds what is not blank and makes sense, by column.

    ``check`` is the digest of the row as it was written; blank in a row made by hand.
    """

    line: int
    cells: Mapping[str, Value]
    faults: tuple[Fault, ...] = ()
    check: str = ""


@dataclass(frozen=True, kw_only=True)
class Read:
    """A workbook as read: rows by sheet, faults of headers by sheet, and what was not read."""

    rows: Mapping[str, Sequence[Row]]
    faults: Mapping[str, Sequence[Fault]]
    passed_over: tuple[str, ...] = ()
    letters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def cell(self, sheet: str, column: str, line: int) -> str:
        """Return the address of a cell, such as ``C12``; the row's where it has no column."""
        return f"{self.letters.get(sheet, {}).get(column, 'A')}{line}"


MEMBER = (
    Column(
        key="member",
        title=_("Member"),
        words=_("The identifier of the member: ours, or the one another system knows."),
        width=38,
    ),
    Column(
        key="name",
        title=_("Name"),
        words=_("The member's name, to be read; it is not changed here."),
        is_shown_only=True,
        width=32,
    ),
)

SHEETS: tuple[Sheet, ...] = (
    Sheet(
        key="outcomes",
        title=_("Desired Outcome"),
        words=_(
            "What the member wants to achieve, in their own words, and what the first ninety "
            "days will bring. One row a member."
        ),
        identity=("member",),
        columns=(
            *MEMBER,
            Column(
                key="goal",
                title=_("Goal"),
                words=_("What they want to achieve, as they say it."),
                width=48,
            ),
            Column(
                key="required_outcome",
                title=_("Required outcome"),
                words=_("What has to be true then."),
                width=48,
            ),
            Column(
                key="measure",
                title=_("Measure"),
                words=_("How both sides will know."),
                width=40,
            ),
            Column(
                key="said_by",
                title=_("Said by"),
                words=_("Who of the member said it: their name, or their identifier."),
                width=24,
            ),
            Column(
                key="said_on",
                title=_("Said on"),
                words=_("The day they said it; today unless given."),
                kind="day",
            ),
            Column(
                key="confirmed_on",
                title=_("Confirmed on"),
                words=_("The last day somebody said that it still holds."),
                kind="day",
            ),
            Column(
                key="confirmed_in",
                title=_("Confirmed in"),
                words=_("The occasion on which they said so."),
                kind="choice",
                choices=ConfirmedIn,
                width=26,
            ),
            Column(
                key="anchor_on",
                title=_("Plan begins on"),
                words=_("Plan-day 0, for a first plan. It stays what it was afterwards."),
                kind="day",
            ),
            Column(
                key="first_30",
                title=_("By day 30"),
                words=_("What they can expect in the first thirty days."),
                width=36,
            ),
            Column(
                key="first_60",
                title=_("By day 60"),
                words=_("What they can expect in the first sixty days."),
                width=36,
            ),
            Column(
                key="first_90",
                title=_("By day 90"),
                words=_("What they can expect in the first ninety days."),
                width=36,
            ),
            Column(
                key="reason",
                title=_("Reason for a change"),
                words=_(
                    "Why the path is changed. Needed where the goal, a milestone or an "
                    "expectation of an agreed plan is another one than before: it becomes the "
                    "next version, and the one before is kept."
                ),
                width=40,
            ),
        ),
    ),
    Sheet(
        key="experience",
        title=_("Appropriate Experience"),
        words=_(
            "The experience that is right for the member: minutes a quarter by modality, and "
            "what speaks for them. A change becomes the next version."
        ),
        identity=("member",),
        columns=(
            *MEMBER,
            Column(
                key="inbound_minutes",
                title=_("Inbound minutes"),
                words=_("A quarter, at their own asking."),
                kind="number",
                most=MOST,
            ),
            Column(
                key="async_minutes",
                title=_("Asynchronous minutes"),
                words=_("A quarter, by message, mail or video."),
                kind="number",
                most=MOST,
            ),
            Column(
                key="sync_minutes",
                title=_("Synchronous minutes"),
                words=_("A quarter, at the same table or in a call."),
                kind="number",
                most=MOST,
            ),
            Column(
                key="taskforce_minutes",
                title=_("Task force minutes"),
                words=_("A quarter, by several contributors at once."),
                kind="number",
                most=MOST,
            ),
            Column(
                key="expertise",
                title=_("Expertise"),
                words=_("What they know themselves."),
                kind="choice",
                choices=Expertise,
            ),
            Column(
                key="resources",
                title=_("Resources"),
                words=_("Whether they have the people and the means."),
                kind="choice",
                choices=Resources,
            ),
            Column(
                key="guidance",
                title=_("Guidance"),
                words=_("How much guidance they need."),
                kind="choice",
                choices=Guidance,
                width=26,
            ),
            Column(
                key="skills_needed",
                title=_("Skills needed at once"),
                words=_("Different contributors needed at the same time."),
                kind="number",
            ),
            Column(
                key="escalation_severity",
                title=_("Gravest escalation"),
                words=_("Of the gravest open escalation, 1 being gravest; blank for none."),
                kind="number",
            ),
            Column(
                key="industry_experience",
                title=_("Industry experience"),
                words=_("How long they have been working in their field."),
                kind="choice",
                choices=Level,
            ),
            Column(
                key="sophistication",
                title=_("Technical sophistication"),
                words=_("How easily they take up new tools."),
                kind="choice",
                choices=Level,
            ),
            Column(
                key="complexity",
                title=_("Complexity"),
                words=_("Of what they aim at."),
                kind="choice",
                choices=Level,
            ),
            Column(
                key="risk",
                title=_("At stake"),
                words=_("For the member, if it does not happen."),
                kind="choice",
                choices=Level,
            ),
            Column(
                key="confidence",
                title=_("Confidence"),
                words=_("How sure whoever says so is."),
                kind="choice",
                choices=Level,
            ),
            Column(
                key="reasons",
                title=_("Reasons"),
                words=_("In words, for whoever reads it next."),
                width=40,
            ),
            Column(
                key="source",
                title=_("Who said so"),
                words=_("member, msm, or another word of yours."),
            ),
            Column(
                key="expires_on",
                title=_("To be asked again on"),
                words=_("A year after a change, unless it names a day to come."),
                kind="day",
            ),
            Column(
                key="valid_from",
                title=_("Holds from"),
                words=_("The day from which it holds, to be read; a change holds from today."),
                kind="day",
                is_shown_only=True,
            ),
        ),
    ),
    Sheet(
        key="milestones",
        title=_("Milestones"),
        words=_(
            "The points on the way to the goal. A changed or further milestone makes the next "
            "version of the plan, for which Desired Outcome asks the reason; a milestone that "
            "is not in the sheet stays."
        ),
        identity=("member", "key"),
        columns=(
            *MEMBER,
            Column(
                key="key",
                title=_("Milestone"),
                words=_(
                    "Its key, the same in every version; letters, digits and hyphens. Left "
                    "blank in a new row, one is made from the title."
                ),
                width=24,
            ),
            Column(
                key="position",
                title=_("Order"),
                words=_("Its place on the path. Two of the same place keep their order."),
                kind="number",
                width=8,
            ),
            Column(key="title", title=_("Title"), words=_("As the member reads it."), width=44),
            Column(
                key="expected_day",
                title=_("Expected day"),
                words=_("Plan-day by which it is expected; the plan begins on day 0."),
                kind="number",
                most=MOST,
            ),
            Column(
                key="expected_on",
                title=_("Expected on"),
                words=_("The same as a date, to be read; pauses are not counted in."),
                kind="day",
                is_shown_only=True,
            ),
            Column(
                key="expected_basis",
                title=_("Where the day is from"),
                words=_("Comparable members, or assumed."),
                kind="choice",
                choices=ExpectedBasis,
                width=26,
            ),
            Column(
                key="weight",
                title=_("Weight"),
                words=_("Of a hundred for all milestones together."),
                kind="number",
                width=9,
            ),
            Column(
                key="is_gating",
                title=_("The plan waits for it"),
                words=_("Yes, or no: then it is told and not timed."),
                kind="yes_no",
            ),
            Column(
                key="evidence_kind",
                title=_("Whose word counts"),
                words=_("The records, the other side's confirmation, or one side's word."),
                kind="choice",
                choices=EvidenceSource,
                width=26,
            ),
            Column(
                key="evidence_rule",
                title=_("Rule"),
                words=_("For what the records say: the rule, as JSON."),
                kind="data",
                width=30,
            ),
            Column(
                key="expectation",
                title=_("What it will be like"),
                words=_("Said before, so that nobody is surprised."),
                width=40,
            ),
            Column(
                key="upsell",
                title=_("Offer"),
                words=_("Key of the offer that is the next thing to need once it is reached."),
            ),
            Column(
                key="advocacy",
                title=_("Request"),
                words=_("What we may ask for once it is reached."),
                kind="choice",
                choices=Advocacy,
                width=26,
            ),
            Column(
                key="achieved_on",
                title=_("Reached on"),
                words=_("The day it was reached. It is taken back on the member's page only."),
                kind="day",
            ),
            Column(
                key="evidence_source",
                title=_("On whose word"),
                words=_("By whose word it counts as reached, to be read."),
                kind="choice",
                choices=EvidenceSource,
                is_shown_only=True,
                width=26,
            ),
            Column(
                key="what_changed",
                title=_("What changed"),
                words=_("What changed for the member; needed where it is newly reached."),
                width=40,
            ),
        ),
    ),
    Sheet(
        key="promises",
        title=_("Promises"),
        words=_(
            "What each side does for it, with its day. A row without an identifier is a new "
            "promise; nothing is taken away by leaving a row out."
        ),
        identity=("member", "promise"),
        columns=(
            *MEMBER,
            Column(
                key="promise",
                title=_("Promise"),
                words=_("Its identifier; blank for a new one."),
                width=38,
            ),
            Column(
                key="milestone",
                title=_("For milestone"),
                words=_("Key of the milestone it leads to; blank for none."),
                width=24,
            ),
            Column(
                key="side",
                title=_("Side"),
                words=_("Who made it: the member or the association."),
                kind="choice",
                choices=Side,
            ),
            Column(key="title", title=_("What"), words=_("What will be done."), width=48),
            Column(
                key="who",
                title=_("Who"),
                words=_(
                    "Of the association a colleague's name or address; of the member one of "
                    "their people's."
                ),
                width=24,
            ),
            Column(
                key="due_on",
                title=_("Due on"),
                words=_("The last day on which it is kept in time."),
                kind="day",
            ),
            Column(
                key="done_on",
                title=_("Done on"),
                words=_("The day it was kept. It is opened again on the member's page only."),
                kind="day",
            ),
            Column(
                key="evidence",
                title=_("How one can see it"),
                words=_("How the other side can see that it is done."),
                width=36,
            ),
            Column(
                key="waived_on",
                title=_("Waived on"),
                words=_("The day it was let go, to be read."),
                kind="day",
                is_shown_only=True,
            ),
            Column(
                key="waived_reason",
                title=_("Waived because"),
                words=_("A reason here lets an open promise go."),
                width=36,
            ),
            Column(
                key="closes_fit",
                title=_("Closes the fit"),
                words=_("The missing fit of success potential that keeping it closes."),
                kind="choice",
                choices=Fit,
                width=18,
            ),
            Column(
                key="reason",
                title=_("Reason for another day"),
                words=_("Why an open promise gets another day."),
                width=36,
            ),
        ),
    ),
    Sheet(
        key="asks",
        title=_("Asks"),
        words=_(
            "Offers and requests that were announced with the plan. They come from the "
            "milestones: no row is added here."
        ),
        identity=("member", "milestone", "kind"),
        columns=(
            *MEMBER,
            Column(
                key="milestone",
                title=_("At milestone"),
                words=_("Key of the milestone."),
                width=24,
            ),
            Column(
                key="kind",
                title=_("Kind"),
                words=_("An offer or a request."),
                kind="choice",
                choices=AskKind,
                width=12,
            ),
            Column(
                key="what",
                title=_("What for"),
                words=_("The offer's key or the kind of request, to be read."),
                is_shown_only=True,
                width=24,
            ),
            Column(
                key="consented_on",
                title=_("Agreed to be asked on"),
                words=_("The day they agreed to be asked. Nobody is asked without."),
                kind="day",
            ),
            Column(
                key="consented_by",
                title=_("Agreed by"),
                words=_("Who of the member agreed: their name, or their identifier."),
                width=24,
            ),
            Column(
                key="asked_on",
                title=_("Asked on"),
                words=_("The day we asked."),
                kind="day",
            ),
            Column(
                key="status",
                title=_("Status"),
                words=_("Accepted or refused, once they have answered."),
                kind="choice",
                choices=AskStatus,
            ),
            Column(
                key="answered_on",
                title=_("Answered on"),
                words=_("The day they answered."),
                kind="day",
            ),
            Column(
                key="answer",
                title=_("Answer"),
                words=_("What they said, in their words."),
                width=40,
            ),
            Column(
                key="record",
                title=_("What came of it"),
                words=_("The words we may quote, the address of the case study."),
                width=40,
            ),
        ),
    ),
)
SHEET = {sheet.key: sheet for sheet in SHEETS}


# Values and cells


def shown(column: Column, value: Value) -> Value:
    """Return ``value`` as the sheet holds it: what is too long for a cell is cut, and says so.

    Text that could be taken for a formula gets an apostrophe in front, text that the format
    cannot hold is escaped as the format says; ``read_cell`` undoes both. Null and blank are
    null.
    """
    if value is None or value == "":
        return None
    match column.kind:
        case "choice":
            return _label(column, str(value))
        case "yes_no":
            return gettext("Yes") if value else gettext("No")
        case "day":
            day = as_day(value)
            return day if day.year >= FIRST_YEAR else day.isoformat()
        case "number":
            return value
    return quoted(str(value))


def quoted(text: str) -> str:
    """Return ``text`` as a cell may hold it, never a formula; ``unquoted`` gives it back."""
    if text.lstrip("'").startswith(DANGEROUS):
        text = f"'{text}"
    written = _unwritable.sub(_escape, text) if _unwritable.search(text) else text
    if len(written) <= LONGEST_CELL:
        return written
    return written[: LONGEST_CELL - len(CUT)] + CUT


def unquoted(written: str) -> str:
    """Return the text that ``quoted`` wrote."""
    text = _escaped.sub(lambda found: chr(int(found[1], 16)), written)
    if text.startswith("'") and text.lstrip("'").startswith(DANGEROUS):
        return text[1:]
    return text


def read_cell(column: Column, said: Any) -> Value:
    """Return what a cell means; null for a blank one.

    Raises ``ValueError`` with the reason where it makes no sense in this column.
    """
    if said is None or (isinstance(said, str) and not said.strip()):
        return None
    read = _READERS[column.kind](column, said)
    # what a cell cannot hold was written otherwise, and may turn out to be blank
    return None if isinstance(read, str) and not read.strip() else read


def digest(sheet: Sheet, cells: Mapping[str, Value]) -> str:
    """Digest a row as the sheet shows it, by which it is known whether somebody changed it."""
    plain = [_plain(cells.get(column.key)) for column in sheet.columns]
    return hashlib.blake2b(json.dumps(plain).encode(), digest_size=9).hexdigest()


def alike(one: Value, other: Value) -> bool:
    """Say whether two values are the same but for how lines end; blank is null."""
    return bool(_plain(one) == _plain(other))


def as_shown(sheet: Sheet, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return a row's values as they would be read back from the sheet."""
    return {
        column.key: read
        for column in sheet.columns
        if (read := _back(column, values.get(column.key))) is not None
    }


def _back(column: Column, value: Value) -> Value:
    """As ``read_cell`` of ``shown``, without the way through words."""
    if value is None or value == "":
        return None
    if column.kind in {"text", "data"}:
        text = str(value)
        if not text.strip():
            return None
        if len(text) > LONGEST_CELL // 8:
            return unquoted(quoted(text))
        return text
    return value


def _plain(value: Value) -> Any:
    if isinstance(value, str):
        return _line_ends.sub("\n", value) or None
    if isinstance(value, date):
        return value.isoformat()
    return value


def _escape(found: re.Match[str]) -> str:
    if found[0].startswith("_"):
        return f"_x005F{found[0]}"
    return f"_x{ord(found[0]):04X}_"


def _label(column: Column, key: str) -> str:
    try:
        return str(column.options(key).label)
    except ValueError:
        return key


def _read_text(column: Column, said: Any) -> str:  # noqa: ARG001  # as all readers
    if isinstance(said, bool):
        return str(said).upper()
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    if isinstance(said, datetime):
        said = said.date() if said.time() == time() else said
    return unquoted(str(said))


def _read_data(column: Column, said: Any) -> str:
    text = _read_text(column, said)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(gettext("not JSON")) from error
    if not isinstance(data, dict):
        raise ValueError(gettext("not a rule: it begins with { and ends with }"))  # noqa: TRY004  # a reason, not a type
    return as_data(data)


def as_day(value: Value) -> date:
    """Return a value that is a date; raises ``TypeError`` for any other."""
    if not isinstance(value, date):
        raise TypeError(f"{value!r} is not a date.")
    return value


def as_data(data: Mapping[str, Any]) -> str:
    """Return a rule as its cell holds it; blank for none."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False) if data else ""


def _read_number(column: Column, said: Any) -> int:
    if isinstance(said, str):
        said = float(said) if said.strip().isascii() and said.strip().isdigit() else said
    if isinstance(said, bool) or not isinstance(said, int | float) or said != said // 1:
        raise ValueError(gettext("not a whole number"))
    if not 0 <= said <= column.most:
        raise ValueError(
            gettext("not a number from 0 to %(most)s") % {"most": f"{column.most:,}"}
        )
    return int(said)


def _read_day(column: Column, said: Any) -> date:  # noqa: ARG001  # as all readers
    if isinstance(said, datetime):
        return said.date()
    if isinstance(said, date):
        return said
    if isinstance(said, str):
        try:
            return date.fromisoformat(said.strip())
        except ValueError:
            pass
    raise ValueError(gettext("not a date, such as 2026-07-29"))


def _read_choice(column: Column, said: Any) -> str:
    word = _read_text(column, said).strip().casefold()
    for key, meant in _meanings(column.options):
        if word in meant:
            return key
    labels = "; ".join(str(label) for label in column.options.labels)
    raise ValueError(gettext("not one of: %(labels)s") % {"labels": labels})


def _meanings(choices: type[Choices]) -> Iterator[tuple[str, set[str]]]:
    """Yield each key with the words that mean it: itself, its label here and in English."""
    for key, label in choices.choices:
        with override("en"):
            english = str(label).casefold()
        yield str(key), {str(key), str(label).casefold(), english}


def _read_yes_no(column: Column, said: Any) -> bool:
    if isinstance(said, bool):
        return said
    word = _read_text(column, said).strip().casefold()
    if word in {"yes", "true", "1", gettext("Yes").casefold()}:
        return True
    if word in {"no", "false", "0", gettext("No").casefold()}:
        return False
    raise ValueError(gettext("neither yes nor no"))


_READERS: Mapping[str, Callable[[Column, Any], Value]] = {
    "text": _read_text,
    "data": _read_data,
    "number": _read_number,
    "day": _read_day,
    "choice": _read_choice,
    "yes_no": _read_yes_no,
}


# Writing


def write(
    file: IO[bytes], *, rows: Mapping[str, Iterable[Mapping[str, Value]]], about: Sequence[str]
) -> dict[str, int]:
    """Write a workbook and return how many rows each sheet has.

    ``rows`` are by sheet; ``about`` are lines for the first page, such as when it was made.
    """
    book = Workbook(write_only=True)
    _cover(book, about)
    counts = {}
    for sheet in SHEETS:
        page = book.create_sheet(str(sheet.title))
        page.freeze_panes = "C2"
        for number, column in enumerate(sheet.columns, start=1):
            page.column_dimensions[get_column_letter(number)].width = column.width
        last = get_column_letter(len(sheet.columns) + 1)
        page.column_dimensions[last].hidden = True
        page.append([*(_header(page, column) for column in sheet.columns), CHECK])
        count = 0
        for row in rows.get(sheet.key, ()):
            page.append(_line(page, sheet, row))
            count += 1
        _offer_choices(page, sheet, rows=count)
        page.auto_filter.ref = f"A1:{get_column_letter(len(sheet.columns))}{count + 1}"
        counts[sheet.key] = count
    _choices_sheet(book)
    book.save(file)
    return counts


def _line(page: Any, sheet: Sheet, row: Mapping[str, Value]) -> list[Any]:
    cells: list[Any] = []
    for column in sheet.columns:
        value = shown(column, row.get(column.key))
        if isinstance(value, date):
            day = WriteOnlyCell(page, value=value)  # type: ignore[arg-type]  # it takes dates, too
            day.number_format = DATE_FORMAT
            cells.append(day)
        else:
            cells.append(value)
    cells.append(digest(sheet, as_shown(sheet, row)))
    return cells


def _header(page: Any, column: Column) -> Any:
    cell = WriteOnlyCell(page, value=str(column.title))
    cell.font = Font(bold=True, color="FFFFFFFF")
    tone = "FF6B7280" if column.is_shown_only else "FF1F4E79"
    cell.fill = PatternFill("solid", fgColor=tone)
    cell.alignment = Alignment(wrap_text=True, vertical="center")
    return cell


def _cover(book: Any, about: Sequence[str]) -> None:
    page = book.create_sheet(gettext("Read me"))
    for letter, width in zip("ABCD", (26, 26, 70, 44), strict=True):
        page.column_dimensions[letter].width = width
    page.freeze_panes = "A2"
    page.append([_said(page, gettext("Success profiles"), size=16)])
    for line in about:
        page.append([quoted(line)])
    for line in (
        gettext("A blank cell, and a column or a row that is not there, leave all as it is."),
        gettext("Grey headers are to be read only. A plan is never overwritten: a changed path "
                "becomes its next version, with its reason."),
        gettext("An apostrophe before a text that begins with = + - or @ keeps it a text."),
    ):  # fmt: skip
        page.append([line])
    page.append([])
    page.append(
        [_said(page, each) for each in (gettext("Sheet"), gettext("Column"),
                                        gettext("What it means"), gettext("What it may say"))]
    )  # fmt: skip
    for sheet in SHEETS:
        page.append([_said(page, str(sheet.title)), None, _wrapped(page, str(sheet.words))])
        for column in sheet.columns:
            page.append(
                [
                    None,
                    quoted(str(column.title)),
                    _wrapped(page, str(column.words)),
                    _wrapped(page, _may_say(column)),
                ]
            )


def _said(page: Any, text: str, *, size: int = 11) -> Any:
    cell = WriteOnlyCell(page, value=text)
    cell.font = Font(bold=True, size=size)
    return cell


def _wrapped(page: Any, text: str) -> Any:
    cell = WriteOnlyCell(page, value=quoted(text))
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    return cell


def _may_say(column: Column) -> str:  # noqa: PLR0911  # one for each kind
    if column.is_shown_only:
        return gettext("to be read only")
    match column.kind:
        case "choice":
            return "; ".join(str(label) for label in column.options.labels)
        case "yes_no":
            return f"{gettext('Yes')}; {gettext('No')}"
        case "day":
            return gettext("a date")
        case "number":
            return gettext("a whole number")
        case "data":
            return gettext("JSON")
    return gettext("text")


def _lists() -> list[tuple[str, list[str | None]]]:
    """Every list that a cell may be chosen from, in the order of their columns in the book."""
    lists: list[tuple[str, list[str | None]]] = [("yes_no", [gettext("Yes"), gettext("No")])]
    for sheet in SHEETS:
        for column in sheet.columns:
            if column.choices is not None and column.choices.__name__ not in dict(lists):
                labels: list[str | None] = [str(label) for label in column.choices.labels]
                lists.append((column.choices.__name__, labels))
    return lists


def _choices_sheet(book: Any) -> None:
    page = book.create_sheet(CHOICES_SHEET)
    page.sheet_state = "hidden"
    lists = _lists()
    page.append([name for name, _labels in lists])
    for number in range(max(len(labels) for _name, labels in lists)):
        page.append(
            [labels[number] if number < len(labels) else None for _name, labels in lists]
        )


def _offer_choices(page: Any, sheet: Sheet, *, rows: int) -> None:
    """Let cells with choices be chosen from a list, also in rows that are still to come."""
    places = {name: (number, labels) for number, (name, labels) in enumerate(_lists(), start=1)}
    for number, column in enumerate(sheet.columns, start=1):
        letter = get_column_letter(number)
        reach = f"{letter}2:{letter}{rows + 1000}"
        if column.kind in {"choice", "yes_no"}:
            name = column.choices.__name__ if column.choices else "yes_no"
            place, labels = places[name]
            of = get_column_letter(place)
            rule = DataValidation(
                type="list",
                formula1=f"{CHOICES_SHEET}!${of}$2:${of}${len(labels) + 1}",
                allow_blank=True,
                showErrorMessage=True,
                errorTitle=str(column.title),
                error=gettext("Choose one from the list."),
            )
        elif column.kind == "day" and not column.is_shown_only:
            rule = DataValidation(
                type="date", operator="greaterThan", formula1="1", allow_blank=True,
                showErrorMessage=True, error=gettext("Say a date, such as 2026-07-29."),
            )  # fmt: skip
        elif column.kind == "number":
            rule = DataValidation(
                type="whole", operator="between", formula1="0", formula2=str(column.most),
                allow_blank=True, showErrorMessage=True,
                error=gettext("Say a whole number."),
            )  # fmt: skip
        else:
            continue
        rule.add(reach)
        page.data_validations.append(rule)


# Reading


def read(file: IO[bytes]) -> Read:
    """Read a workbook of profiles, or one sheet as CSV; else raises ``WorkbookUnusable``.

    Sheets are known by their title, ours or in English, and columns by their header, in any
    order. A sheet that is not ours is passed over and named; a column that is not ours and
    holds something is a fault, for what it says would be lost. A formula is a fault, too.
    """
    if not _is_package(file):
        return _read_text_table(file)
    _look_inside(file)
    try:
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        pages = {page.title.strip().casefold(): page for page in book.worksheets}
    except (
        InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, ParseError,
        OSError, AttributeError,
    ) as error:  # fmt: skip
        raise WorkbookUnusable(gettext("This file cannot be read as a workbook.")) from error
    known: dict[str, str] = {}
    rows: dict[str, list[Row]] = {}
    faults: dict[str, list[Fault]] = {}
    letters: dict[str, dict[str, str]] = {}
    for sheet in SHEETS:
        for name in _names(sheet.title) | {sheet.key}:
            known[name] = sheet.key
    try:
        for title, page in pages.items():
            if title not in known:
                continue
            sheet = SHEET[known[title]]
            reader = _PageReader(sheet)
            rows[sheet.key] = list(reader.read(_lines_of(page)))
            faults[sheet.key] = reader.faults
            letters[sheet.key] = reader.letters
    except (ParseError, ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise WorkbookUnusable(gettext("This workbook is damaged.")) from error
    finally:
        book.close()
    if not rows:
        titles = ", ".join(str(sheet.title) for sheet in SHEETS)
        raise WorkbookUnusable(
            gettext("No sheet of this workbook is called %(titles)s.") % {"titles": titles}
        )
    ours = _names(_("Read me")) | {CHOICES_SHEET.casefold()}
    return Read(
        rows=rows,
        faults=faults,
        passed_over=tuple(
            page.title
            for title, page in pages.items()
            if title not in known and title not in ours
        ),
        letters=letters,
    )


def _is_package(file: IO[bytes]) -> bool:
    file.seek(0)
    start = file.read(len(PACKAGE))
    file.seek(0)
    return start == PACKAGE


def _read_text_table(file: IO[bytes]) -> Read:
    """Read one sheet that came as CSV; which of them it is, its header says.

    It is in UTF-8, its delimiter is guessed. Cells mean what they do in a workbook; lines are
    counted as in a text, the header being 1.
    """
    content = file.read()
    if b"\0" in content or not content.strip():
        raise WorkbookUnusable(str(NEITHER))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorkbookUnusable(
            gettext("This file is not written in UTF-8. Save it as CSV UTF-8.")
        ) from error
    try:
        table = table_of(io.StringIO(text, newline=""), name=gettext("This file"))
        sheet = _sheet_of(table.header)
        reader = _PageReader(sheet)
        rows = list(reader.read(_text_lines(table)))
    except (FileUnusable, csv.Error) as error:
        raise WorkbookUnusable(str(error)) from error
    return Read(
        rows={sheet.key: rows},
        faults={sheet.key: reader.faults},
        letters={sheet.key: reader.letters},
    )


def _sheet_of(header: Sequence[str]) -> Sheet:
    """Return the sheet that has most of these columns; the first of several that do."""
    said = {each.casefold() for each in header}

    def known(sheet: Sheet) -> int:
        return sum(1 for each in sheet.columns if said & (_names(each.title) | {each.key}))

    best = max(SHEETS, key=known)
    if known(best) < LEAST_COLUMNS:
        raise WorkbookUnusable(str(NEITHER))
    return best


class _TextCell(NamedTuple):
    """A cell of a text, as one of a workbook looks."""

    value: str
    data_type: str


_Lines = Iterator[tuple[int, Sequence[Any], Refusal | None]]


def _text_lines(table: Table) -> _Lines:
    yield HEADER_ROW, [_TextCell(each, "s") for each in table.header], None
    for line in table.lines:
        cells = [_TextCell(each, "f" if each.startswith("=") else "s") for each in line.cells]
        yield line.number, cells, line.fault


def _lines_of(page: Any) -> _Lines:
    if hasattr(page, "reset_dimensions"):
        page.reset_dimensions()  # what the file says of its size may be wrong
    for number, cells in enumerate(page.iter_rows(), start=1):
        yield number, cells, None


def _look_inside(file: IO[bytes]) -> None:
    """Refuse a package that is none, or that would unpack to more than there is room for."""
    try:
        with zipfile.ZipFile(file) as package:
            size = sum(part.file_size for part in package.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise WorkbookUnusable(str(NEITHER)) from error
    if size > LARGEST_UNPACKED:
        raise WorkbookUnusable(gettext("This workbook is too large."))
    file.seek(0)


def _names(title: Text) -> set[str]:
    with override("en"):
        english = str(title).strip().casefold()
    return {str(title).strip().casefold(), english}


class _PageReader:
    """Reads one sheet; ``faults`` are those of its header."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.faults: list[Fault] = []
        self.letters: dict[str, str] = {}
        self._columns: dict[int, Column] = {}
        self._strange: dict[int, str] = {}
        self._check: int | None = None

    def read(self, lines: _Lines) -> Iterator[Row]:
        for line, cells, fault in lines:
            if line > MOST_ROWS:
                raise WorkbookUnusable(
                    gettext("%(sheet)s has more than %(rows)s rows.")
                    % {"sheet": self.sheet.title, "rows": f"{MOST_ROWS:,}"}
                )
            if line == HEADER_ROW:
                self._header(cells)
            elif fault is not None:
                yield Row(line=line, cells={}, faults=(Fault(f"A{line}", *fault),))
            elif row := self._row(line, cells):
                yield row

    def _header(self, cells: Sequence[Any]) -> None:
        known = {
            name: column
            for column in self.sheet.columns
            for name in _names(column.title) | {column.key}
        }
        for index, cell in enumerate(cells):
            said = str(cell.value).strip() if cell.value is not None else ""
            column = known.get(said.casefold())
            letter = get_column_letter(index + 1)
            if said.casefold() == CHECK:
                self._check = index
            elif column is None:
                self._strange[index] = said
            elif column.key in self.letters:
                reason = gettext("there is another column of this name")
                self.faults.append(Fault(f"{letter}1", said, said, reason))
            else:
                self._columns[index] = column
                self.letters[column.key] = letter
        if "member" not in self.letters:
            title = str(self.sheet.column("member").title)
            reason = gettext("there is no column of this name")
            self.faults.append(Fault("A1", title, "", reason))

    def _row(self, line: int, cells: Sequence[Any]) -> Row | None:
        values: dict[str, Value] = {}
        faults: list[Fault] = []
        check = ""
        for index, cell in enumerate(cells):
            said = cell.value
            if said is None or (isinstance(said, str) and not said.strip()):
                continue
            if index == self._check:
                check = str(said)
                continue
            column = self._columns.get(index)
            address = f"{get_column_letter(index + 1)}{line}"
            if column is None:
                self._stranger(index, said)
                continue
            try:
                if cell.data_type == "f":
                    raise ValueError(gettext("a formula; put its value there"))  # noqa: TRY301  # as any other reason
                value = read_cell(column, said)
            except (ValueError, OverflowError) as error:
                faults.append(Fault(address, str(column.title), str(said), str(error)))
                continue
            if value is not None:
                values[column.key] = value
        if not values and not faults:
            return None
        return Row(line=line, cells=values, faults=tuple(faults), check=check)

    def _stranger(self, index: int, said: Any) -> None:
        """Note, once a column, that what stands in it is not read."""
        if index not in self._strange:
            return
        header = self._strange.pop(index)
        reason = gettext("this column is not known, and what it says is not read")
        letter = get_column_letter(index + 1)
        self.faults.append(Fault(f"{letter}1", header, str(said)[:WORDS_LONG], reason))
