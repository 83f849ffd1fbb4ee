"""What a sheet of success profiles would do: each row compared with the profile as it is."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from coverage.enums import Level
from coverage.services import experience
from members.enums import RowAction
from members.models import Member, MemberIdentity, Person, User
from success.engine import planning
from success.engine.accountability import Side as PromiseSide
from success.engine.planning import PlannedMilestone, PlannedPath
from success.enums import AskStatus, DraftPurpose, ExpectedBasis, Side
from success.ingestion.profiles import (
    SHEETS,
    Fault,
    Read,
    Row,
    Sheet,
    Value,
    alike,
    as_day,
    as_shown,
    digest,
)
from success.models import Offer
from success.queries.profiles import People, Profile, colleagues, profiles
from success.services.plans import findings_for, path_of_plan

MEMBERS_AT_ONCE = 500
NAMES_AT_ONCE = 2_000
LONGEST_KEY = 50
GOAL = ("goal", "required_outcome", "measure")
EXPECTATIONS = ("first_30", "first_60", "first_90")
POINT = (
    "position", "title", "expected_day", "expected_basis", "weight", "is_gating",
    "evidence_kind", "evidence_rule", "expectation", "upsell", "advocacy",
)  # fmt: skip
NEEDED_OF_POINT = ("title", "expected_day", "weight")
NEEDED_OF_PROMISE = ("side", "title", "due_on")
REASON = "reason"
Cells = Mapping[str, Value]


@dataclass(kw_only=True)
class Judged:
    """A row of a sheet and what is thought of it.

    ``current`` is the row as it is, null for a new one; ``changes`` the cells that differ.
    """

    sheet: Sheet
    row: Row
    member: Member | None = None
    key: tuple[Value, ...] = ()
    current: Cells | None = None
    changes: dict[str, Value] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    is_overtaken: bool = False

    @property
    def said(self) -> str:
        """How the sheet calls the member."""
        return str(self.row.cells.get("member", "")).strip()

    @property
    def reason(self) -> str:
        return str(self.row.cells.get(REASON, "")).strip()

    @property
    def action(self) -> RowAction:
        if self.faults:
            return RowAction.REFUSE
        if not self.changes:
            return RowAction.LEAVE
        return RowAction.CHANGE if self.current else RowAction.CREATE

    def key_column(self, column: str) -> str:
        """``column`` where the sheet has it, else what the row is mostly about."""
        known = {each.key for each in self.sheet.columns}
        return next(each for each in (column, "goal", "title", "member") if each in known)

    def was(self, column: str) -> Value:
        return (self.current or {}).get(column)

    def changes_any(self, columns: Collection[str]) -> bool:
        return any(column in self.changes for column in columns)


def judge(found: Read, *, members: "QuerySet[Member]", on: date) -> list[Judged]:
    """Return every row with what is thought of it, in the order of the sheets.

    ``members`` are those who may be seen; ``on`` is the day on which it would be done. Only
    members of whom somebody changed a row are read: the rest is as it was written, and left.
    """
    judged = [each for sheet in SHEETS for each in _rows(found, sheet)]
    _find_members(judged, found=found, members=members)
    by_member: dict[int, list[Judged]] = defaultdict(list)
    whom: dict[int, Member] = {}
    for each in judged:
        if each.member is not None:
            by_member[each.member.pk].append(each)
            whom[each.member.pk] = each.member
    touched = [whom[key] for key, rows in by_member.items() if any(map(_is_touched, rows))]
    staff = colleagues()
    offers = set(Offer.objects.filter(is_retired=False).values_list("key", flat=True))
    for some in _chunks(touched, MEMBERS_AT_ONCE):
        for key, profile in profiles(some, staff=staff).items():
            _Judge(
                profile=profile,
                rows=by_member[key],
                found=found,
                staff=staff,
                offers=offers,
                on=on,
            ).judge()
    return judged


def _rows(found: Read, sheet: Sheet) -> Iterator[Judged]:
    for fault in found.faults.get(sheet.key, ()):
        yield Judged(sheet=sheet, row=Row(line=1, cells={}), faults=[fault])
    for row in found.rows.get(sheet.key, ()):
        yield Judged(sheet=sheet, row=row, faults=list(row.faults))


def _is_touched(each: Judged) -> bool:
    """Whether somebody may have changed a row since it was written."""
    if each.faults:
        return True
    return not each.row.check or each.row.check != digest(each.sheet, each.row.cells)


def _find_members(
    judged: Iterable[Judged], *, found: Read, members: "QuerySet[Member]"
) -> None:
    rows = [each for each in judged if each.row.line > 1]
    said = {each.said for each in rows if each.said}
    ids = {word: as_id for word in said if (as_id := _as_id(word)) is not None}
    by_id = {
        member.public_id: member
        for some in _chunks(ids.values(), NAMES_AT_ONCE)
        for member in members.filter(public_id__in=some)
    }
    others: dict[str, dict[int, Member]] = defaultdict(dict)
    for some in _chunks(said - set(ids), NAMES_AT_ONCE):
        known = MemberIdentity.objects.filter(external_id__in=some, member__in=members)
        for identity in known.select_related("member"):
            others[identity.external_id][identity.member_id] = identity.member
    for each in rows:
        word = each.said
        if word in ids:
            each.member = by_id.get(ids[word])
        elif len(others.get(word, ())) == 1:
            [each.member] = others[word].values()
        if each.member is not None:
            continue
        if len(others.get(word, ())) > 1:
            reason = _("several members bear this identifier; use ours")
        else:
            reason = _("there is no such member") if word else _("say which member")
        each.faults.append(fault_at(found, each, "member", reason))


def _as_id(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None


def _chunks(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


def fault_at(found: Read, each: Judged, column: str, reason: str) -> Fault:
    """Return a fault of a row at one of its cells."""
    value = each.row.cells.get(column)
    if isinstance(value, date):
        value = value.isoformat()
    return Fault(
        cell=found.cell(each.sheet.key, column, each.row.line),
        column=str(each.sheet.column(column).title),
        value="" if value is None else str(value),
        reason=reason,
    )


def path_with(
    base: PlannedPath | None,
    *,
    outcome: Cells,
    points: Mapping[str, Cells],
    promises: Iterable[tuple[str, planning.Promise]] = (),
) -> PlannedPath:
    """Return ``base`` with what the sheet changes: words, points by key, and new promises.

    Points stand in the order of their places, those that do not gate last. A day that is said
    anew is nobody's median, so it is assumed unless the sheet says otherwise.
    """
    path = base or PlannedPath(goal="")
    words = {name: str(outcome[name]) for name in (*GOAL, *EXPECTATIONS) if name in outcome}
    placed: list[tuple[bool, int, int, PlannedMilestone]] = []
    known = {point.key: point for point in path.milestones}
    places = {point.key: place for place, point in enumerate(path.milestones, start=1)}
    for number, key in enumerate([*known, *(key for key in points if key not in known)]):
        changes = points.get(key, {})
        point = _point(known.get(key), key=key, changes=changes)
        place = changes.get("position", places.get(key, len(known) + number + 1))
        placed.append((not point.is_gating, int(str(place or 0)), number, point))
    placed.sort(key=lambda each: each[:3])
    added: dict[str, list[planning.Promise]] = defaultdict(list)
    for key, promise in promises:
        added[key].append(promise)
    return replace(
        path,
        **words,
        milestones=tuple(
            replace(point, promises=(*point.promises, *added.get(point.key, ())))
            for *_place, point in placed
        ),
        promises=(*path.promises, *added.get("", ())),
    )


def _point(known: PlannedMilestone | None, *, key: str, changes: Cells) -> PlannedMilestone:
    said: dict[str, Any] = {
        name: changes[name] for name in POINT if name in changes and name != "position"
    }
    if "evidence_rule" in said:
        said["evidence_rule"] = json.loads(said["evidence_rule"])
    if known is None:
        return PlannedMilestone(
            key=key, **{"title": "", "expected_day": 0, "weight": 0, **said}
        )
    if "expected_day" in said:
        said.setdefault("expected_basis", ExpectedBasis.ASSUMED.value)
    return replace(known, **said)


def planned_promise(
    cells: Cells, *, anchor_on: date, owner: User | None, person: Person | None
) -> planning.Promise:
    """Return a new promise of the sheet as a path has it, due on a plan-day."""
    return planning.Promise(
        side=PromiseSide(str(cells["side"])),
        title=str(cells["title"]).strip(),
        due_day=(as_day(cells["due_on"]) - anchor_on).days,
        owner=str(owner.public_id) if owner else "",
        person=str(person.public_id) if person else "",
        closes_fit=str(cells.get("closes_fit") or ""),
    )


class _Judge:
    """Judges the rows of one member."""

    def __init__(  # noqa: PLR0913  # what there is to know
        self,
        *,
        profile: Profile,
        rows: list[Judged],
        found: Read,
        staff: People,
        offers: Collection[str],
        on: date,
    ) -> None:
        self.profile = profile
        self.found = found
        self.staff = staff
        self.offers = offers
        self.on = on
        self.by_sheet: dict[str, list[Judged]] = defaultdict(list)
        for each in rows:
            self.by_sheet[each.sheet.key].append(each)

    def judge(self) -> None:
        for rows in self.by_sheet.values():
            self._match(rows)
        for sheet, check in (
            ("outcomes", self._outcome),
            ("experience", self._experience),
            ("milestones", self._milestone),
            ("promises", self._promise),
            ("asks", self._ask),
        ):
            for each in self.by_sheet.get(sheet, ()):
                if each.changes and not each.is_overtaken:
                    check(each)
        self._path()

    # which row it is, and what differs

    def _match(self, rows: list[Judged]) -> None:
        lines: dict[tuple[Value, ...], int] = {}
        for each in rows:
            key = self._key(each, taken=lines)
            if key is None:
                continue
            each.key = key
            if key in lines and key != ("",):
                reason = _("row %(line)s is about the same") % {"line": lines[key]}
                self._refuse(each, each.sheet.identity[-1], reason)
                continue
            lines[key] = each.row.line
            self._compare(each)

    def _key(  # noqa: PLR0911  # one for each sheet
        self, each: Judged, *, taken: Mapping[Any, int]
    ) -> tuple[Value, ...] | None:
        """Which of the member's rows it is; null where it is none and cannot become one."""
        cells, own = each.row.cells, self.profile.rows[each.sheet.key]
        match each.sheet.key:
            case "milestones":
                return (self._key_of_point(each, taken),)
            case "promises":
                if said := str(cells.get("promise", "")).strip().lower():
                    if (said,) not in own:
                        reason = _("they have no promise of this identifier")
                        self._refuse(each, "promise", reason)
                        return None
                    return (said,)
                return self._same_promise(each)
            case "asks":
                key = (cells.get("milestone", ""), cells.get("kind", ""))
                if key not in own:
                    self._refuse(each, "milestone", _("nothing of this kind was announced"))
                    return None
                return key
        return ()

    def _key_of_point(self, each: Judged, taken: Mapping[Any, int]) -> str:
        """The key said, else one made of the title: that of a milestone of the same title."""
        cells, own = each.row.cells, self.profile.rows["milestones"]
        if said := str(cells.get("key", "")).strip():
            if said != slugify(said, allow_unicode=False) and (said,) not in own:
                reason = _("a key has small letters, digits and hyphens only")
                self._refuse(each, "key", reason)
            elif len(said) > LONGEST_KEY:
                self._refuse(each, "key", _("a key has at most 50 characters"))
            return said
        title = str(cells.get("title", ""))
        base = slugify(title)[: LONGEST_KEY - 3] or "milestone"
        key, number = base, 1
        while ((key,) in own and not alike(own[key,].get("title"), title)) or (key,) in taken:
            number += 1
            key = f"{base}-{number}"
        return key

    def _same_promise(self, each: Judged) -> tuple[Value, ...]:
        """A row without an identifier is the promise of the same words and day, else new."""
        cells = each.row.cells
        for key, row in self.profile.rows["promises"].items():
            if all(
                alike(row.get(column), cells.get(column))
                for column in ("side", "title", "due_on", "milestone")
            ):
                return key
        return ("", *(cells.get(c) for c in ("side", "title", "due_on", "milestone")))

    def _compare(self, each: Judged) -> None:
        sheet, cells = each.sheet, each.row.cells
        if each.row.check and each.row.check == digest(sheet, cells):
            return  # as it was written: nobody here wants anything
        row = self.profile.rows[sheet.key].get(each.key)
        current = as_shown(sheet, row or {})
        is_there = bool(current.keys() - {"member", "name"})
        each.current = current if is_there else None
        current.setdefault("name", self.profile.member.name)
        for column in sheet.columns:
            if column.key not in cells or column.key in {*sheet.identity, REASON}:
                continue
            if alike(cells[column.key], current.get(column.key)):
                continue
            if column.is_shown_only:
                self._refuse(each, column.key, _("to be read only; it is not changed here"))
            else:
                each.changes[column.key] = cells[column.key]
        if is_there and each.changes and each.row.check not in {"", digest(sheet, current)}:
            each.is_overtaken = True
            reason = _("it was changed here, too, since the sheet was made; make it anew")
            self._refuse(each, next(iter(each.changes)), reason)

    def _refuse(self, each: Judged, column: str, reason: str) -> None:
        each.faults.append(fault_at(self.found, each, column, reason))

    def _need_past(self, each: Judged, column: str) -> bool:
        day = each.changes.get(column)
        if isinstance(day, date) and day > self.on:
            self._refuse(each, column, _("a day to come"))
            return False
        return True

    def _need_person(self, each: Judged, column: str) -> None:
        said = each.changes.get(column)
        if said is not None and self.profile.people.find(str(said)) is None:
            reason = _("nobody of the member is called so, or more than one")
            self._refuse(each, column, reason)

    # one row by itself

    def _outcome(self, each: Judged) -> None:
        plan = self.profile.plan
        self._need_person(each, "said_by")
        self._need_past(each, "said_on")
        self._confirmation(each)
        if plan is None:
            if not self.by_sheet.get("milestones"):
                reason = _("a goal becomes a plan with its milestones; none are in the sheet")
                self._refuse(each, next(iter(each.changes)), reason)
            return
        if "anchor_on" in each.changes:
            self._refuse(each, "anchor_on", _("an agreed plan keeps the day it began"))
        if not each.changes_any(GOAL):
            for column in ("said_by", "said_on"):
                if column in each.changes:
                    reason = _("who said it, and when, changes with the goal only")
                    self._refuse(each, column, reason)
        said_on = each.changes.get("said_on")
        if isinstance(said_on, date) and said_on < plan.counts_from:
            self._refuse(each, "said_on", _("before the plan that it would end"))

    def _confirmation(self, each: Judged) -> None:
        if self._need_past(each, "confirmed_on"):
            confirmed, was = each.changes.get("confirmed_on"), each.was("confirmed_on")
            if isinstance(confirmed, date) and isinstance(was, date) and confirmed < was:
                self._refuse(each, "confirmed_on", _("it was confirmed later than that"))
        if "confirmed_in" in each.changes and "confirmed_on" not in each.changes:
            self._refuse(each, "confirmed_in", _("say the day as well"))

    def _experience(self, each: Judged) -> None:
        values = {
            column: each.changes.get(column, each.was(column)) for column in experience.FIELDS
        }
        values["source"] = values["source"] or experience.FROM_STAFF
        values["confidence"] = values["confidence"] or Level.MEDIUM.value
        expires_on = each.changes.get("expires_on")
        if isinstance(expires_on, date) and expires_on <= self.on:
            self._refuse(each, "expires_on", _("choose a day that is still to come"))
        try:
            experience.check(values)
        except experience.NotAnExperience as error:
            self._refuse(each, error.field or "expertise", str(error))

    def _milestone(self, each: Judged) -> None:
        cells = each.changes
        if each.current is None:
            for column in NEEDED_OF_POINT:
                if column not in each.row.cells:
                    self._refuse(each, column, _("a new milestone says this"))
        upsell = cells.get("upsell")
        if upsell is not None and upsell not in self.offers:
            self._refuse(each, "upsell", _("there is no offer of this key"))
        if "achieved_on" in cells:
            if each.was("achieved_on") is not None:
                reason = _("it was reached on another day; take that back on the member's page")
                self._refuse(each, "achieved_on", reason)
            elif self._need_past(each, "achieved_on") and not cells.get("what_changed"):
                reason = _("say what changed for the member")
                self._refuse(each, "what_changed", reason)
        elif "what_changed" in cells:
            reason = _("it is said on the day the milestone is reached, and kept")
            self._refuse(each, "what_changed", reason)

    def _promise(self, each: Judged) -> None:
        changes = each.changes
        if self.profile.plan is None and not self.by_sheet.get("milestones"):
            self._refuse(each, "title", _("a promise belongs to a plan; there is none"))
        if each.current is None:
            self._new_promise(each)
        else:
            self._old_promise(each)
        side = each.row.cells.get("side") or each.was("side")
        if (said := changes.get("who")) is not None:
            people = self.profile.people if side == Side.MEMBER else self.staff
            if people.find(str(said)) is None:
                reason = _("nobody of that side is called so, or more than one")
                self._refuse(each, "who", reason)
        self._need_past(each, "done_on")
        if "done_on" not in changes and "evidence" in changes:
            self._refuse(each, "evidence", _("it is said together with the day it was done"))
        if "waived_reason" in changes and (
            "done_on" in changes or each.was("done_on") is not None
        ):
            self._refuse(each, "waived_reason", _("it is done; there is nothing to let go"))

    def _new_promise(self, each: Judged) -> None:
        for column in NEEDED_OF_PROMISE:
            if column not in each.row.cells:
                self._refuse(each, column, _("a new promise says this"))
        if (key := each.row.cells.get("milestone")) is not None:
            named = {row.key[0] for row in self.by_sheet.get("milestones", ()) if row.key}
            if (key,) not in self.profile.rows["milestones"] and key not in named:
                self._refuse(each, "milestone", _("the plan has no milestone of this key"))
        if "waived_reason" in each.changes:
            self._refuse(each, "waived_reason", _("a new promise is not let go at once"))

    def _old_promise(self, each: Judged) -> None:
        for column in ("side", "title", "milestone", "closes_fit"):
            if column in each.changes:
                reason = _("a promise keeps its words; let it go, and make another")
                self._refuse(each, column, reason)
        settled = each.was("done_on") is not None or each.was("waived_on") is not None
        for column in ("done_on", "due_on", "who", "waived_reason"):
            if settled and column in each.changes:
                reason = _("it was kept or let go; open it again on the member's page")
                self._refuse(each, column, reason)
        due_on = each.was("due_on")
        if settled or "due_on" not in each.changes or not isinstance(due_on, date):
            return
        moved = each.changes["due_on"]
        if due_on < self.on:
            reason = _("its day has passed: it is done late, or let go with a reason")
            self._refuse(each, "due_on", reason)
        elif isinstance(moved, date) and moved < self.on:
            self._refuse(each, "due_on", _("choose a day to come"))
        elif not each.reason:
            self._refuse(each, REASON, _("say why it gets another day"))

    def _ask(self, each: Judged) -> None:
        changes = each.changes
        self._need_person(each, "consented_by")
        for column in ("consented_on", "asked_on", "answered_on"):
            self._need_past(each, column)
        if each.was("status") != AskStatus.ANNOUNCED and each.changes_any(
            ("consented_on", "consented_by", "asked_on")
        ):
            column = next(iter(changes))
            self._refuse(each, column, _("it was asked, or given up, before"))
        if "consented_by" in changes and "consented_on" not in changes:
            self._refuse(each, "consented_on", _("say the day as well"))
        if "asked_on" in changes and not (
            changes.get("consented_on") or each.was("consented_on")
        ):
            self._refuse(each, "asked_on", _("nobody is asked who has not agreed to it"))
        status = changes.get("status")
        if status in {AskStatus.ANNOUNCED, AskStatus.WITHDRAWN}:
            self._refuse(each, "status", _("it is given up on the member's page only"))
        if status == AskStatus.ASKED and "asked_on" not in changes:
            self._refuse(each, "asked_on", _("say the day as well"))
        answered = status in {AskStatus.ACCEPTED, AskStatus.REFUSED}
        if answered and each.was("status") in {AskStatus.ACCEPTED, AskStatus.REFUSED}:
            self._refuse(each, "status", _("they have answered otherwise"))
        elif answered and not (changes.get("asked_on") or each.was("asked_on")):
            self._refuse(each, "status", _("they were not asked"))
        if not answered and each.changes_any(("answered_on", "answer", "record")):
            column = next(c for c in ("answered_on", "answer", "record") if c in changes)
            self._refuse(each, column, _("say accepted or refused as well"))

    # the whole path

    def _path(self) -> None:
        outcome = next(iter(self.by_sheet.get("outcomes", ())), None)
        columns = (*GOAL, *EXPECTATIONS, "anchor_on")
        rows = [
            each
            for each in self.by_sheet.get("milestones", ())
            if (each.current is None and each.changes) or each.changes_any(POINT)
        ]
        if outcome is not None and outcome.changes_any(columns):
            rows.insert(0, outcome)
        if not rows:
            return
        fresh = [
            each
            for each in self.by_sheet.get("promises", ())
            if each.current is None and each.changes
        ]
        if any(each.faults for each in [*rows, *fresh]):
            self._refuse_together([*rows, *fresh])
            return
        if self.profile.plan is not None and (outcome is None or not outcome.reason):
            words = _("say why on the sheet Desired Outcome: an agreed plan is not edited")
            if outcome is not None and outcome in rows:
                self._refuse(outcome, REASON, words)
            else:
                self._refuse(rows[0], "title", words)
            self._refuse_together([*rows, *fresh])
            return
        self._lint(rows, fresh, outcome)

    def _lint(self, rows: list[Judged], fresh: list[Judged], outcome: Judged | None) -> None:
        plan = self.profile.plan
        anchor_on = plan.anchor_on if plan is not None else self.on
        if plan is None and outcome is not None:
            said = outcome.changes.get("anchor_on")
            anchor_on = said if isinstance(said, date) else self.on
        path = path_with(
            path_of_plan(plan) if plan is not None else None,
            outcome=outcome.changes if outcome is not None else {},
            points={str(each.key[0]): each.changes for each in rows if each.key},
            promises=[
                (
                    str(each.row.cells.get("milestone", "")),
                    planned_promise(
                        each.row.cells, anchor_on=anchor_on, owner=None, person=None
                    ),
                )
                for each in fresh
            ],
        )
        by_key = {each.key[0]: each for each in rows if each.key}
        purpose, on = DraftPurpose.AGREE, self.on
        if plan is not None:
            changed = outcome is not None and outcome.changes_any(GOAL)
            purpose = DraftPurpose.EVOLVE if changed else DraftPurpose.REPLAN
            on = max(self.on, plan.counts_from)
        if purpose != DraftPurpose.REPLAN and not self._is_said_by_somebody(outcome):
            self._refuse(
                rows[0], rows[0].key_column("said_by"), _("say who of the member said it")
            )
            self._refuse_together([*rows, *fresh])
            return
        findings = findings_for(member=self.profile.member, path=path, purpose=purpose, on=on)
        errors = [each for each in findings if each.is_error]
        for finding in errors:
            parts = finding.where.split(".")
            row, column = rows[0], parts[-1]
            if parts[0] == "milestones" and len(parts) > 1:
                row = by_key.get(path.milestones[int(parts[1])].key, row)
            column = row.key_column(column)
            words = " ".join(filter(None, [finding.words, finding.suggestion]))
            self._refuse(row, column, words)
        if errors:
            self._refuse_together([*rows, *fresh])
        elif plan is not None and outcome is not None:
            # the reason is what the row says, though nothing else of it may be another
            outcome.changes[REASON] = outcome.reason

    def _is_said_by_somebody(self, outcome: Judged | None) -> bool:
        if outcome is not None and "said_by" in outcome.changes:
            return True
        return self.profile.outcome is not None and self.profile.outcome.said_by_id is not None

    def _refuse_together(self, rows: Iterable[Judged]) -> None:
        """A path is changed as a whole or not at all."""
        for each in rows:
            if not each.faults:
                reason = _("another row of this plan is refused, and it changes as a whole")
                column = next(iter(each.changes), each.sheet.identity[-1])
                self._refuse(each, column, reason)
