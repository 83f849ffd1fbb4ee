"""Sheets of success profiles brought in: planned row by row, applied as planned, and undone.

A sheet says what somebody wants to be so; it is done through the services that anybody else
uses, so that a plan is never edited, a promise keeps its history, and every step is in the
audit trail. Callers pass the members whom the user may see; others do not exist here.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import IO, Any

import structlog
from django.db import models, transaction
from django.utils.translation import gettext as _

from coverage.models import AxProfile
from coverage.services import experience
from members.enums import RowAction
from members.models import AuditEntry, Member, Person, User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.enums import (
    AskStatus,
    ConfirmedIn,
    EvidenceSource,
    ProfileImportStatus,
    ProfileOutcome,
    Side,
)
from success.ingestion.profiles import SHEET, Value, alike, as_day, as_shown, read
from success.models import (
    Accountability,
    AccountabilityEvent,
    Ask,
    Declaration,
    DesiredOutcome,
    GoalChange,
    Milestone,
    MilestoneEvent,
    OutcomeConfirmation,
    Plan,
    ProfileImport,
    ProfileImportMember,
    ProfileImportRow,
    Review,
)
from success.queries.profiles import People, Profile, colleagues, profiles
from success.services import asks, milestones, nights, outcomes, plans, promises
from success.services.profile_sheets import (
    EXPECTATIONS,
    GOAL,
    POINT,
    REASON,
    Cells,
    Judged,
    judge,
    path_with,
    planned_promise,
)

log = structlog.get_logger(__name__)
ROWS_AT_ONCE = 2_000
# What an undo looks at: anything else of a member has nothing to do with a profile.
EDITED = (
    "success.plan", "success.milestone", "success.declaration", "success.accountability",
    "success.desiredoutcome", "success.outcomeconfirmation", "success.goalchange",
    "success.ask", "success.planpause", "coverage.axprofile",
)  # fmt: skip

_Rows = dict[str, dict[tuple[Value, ...], dict[str, Value]]]


class NotPlanned(Exception):
    """The import was applied, or undone, before."""


class NotApplied(Exception):
    """The import has not been applied, so there is nothing to undo."""


class RefusalsWait(Exception):
    """Rows are refused; the good ones wait for somebody to say that they may go in."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        super().__init__(
            _("%(rows)s rows are refused. Put them right and read the sheet again, or say "
              "that the others may go in.") % {"rows": f"{rows:,}"}
        )  # fmt: skip


class _Stale(Exception):
    """The member's profile is no longer as it was when the import was planned."""


@transaction.atomic
def plan_import(  # noqa: PLR0913  # a file, for whom, by whom, when
    *,
    file: IO[bytes],
    name: str,
    members: "models.QuerySet[Member]",
    by: User | None,
    at: datetime,
    on: date,
) -> ProfileImport:
    """Store what a workbook would do, row by row, and return the import; change nothing else.

    ``members`` are those the caller may see. A blank cell, an absent column and an absent row
    leave things as they are. A row that nobody changed since it was written is left, whatever
    has happened here meanwhile; one that was changed in both places is refused. Raises
    ``WorkbookUnusable``.
    """
    found = read(file)
    file.seek(0)
    judged = judge(found, members=members, on=on)
    counts: dict[str, dict[str, int]] = {}
    for each in judged:
        counted = counts.setdefault(each.sheet.key, dict.fromkeys(RowAction.values, 0))
        counted[each.action.value] += 1
    batch = ProfileImport.objects.create(
        file_name=name,
        sha256=hashlib.file_digest(file, "sha256").hexdigest(),  # type: ignore[arg-type]  # a readable file is enough
        counts=counts,
        passed_over=list(found.passed_over),
        planned_by=by,
        planned_at=at,
        planned_on=on,
    )
    ProfileImportRow.objects.bulk_create(
        [_stored(each, batch=batch) for each in judged], batch_size=ROWS_AT_ONCE
    )
    touched = {
        each.member.pk: each.member
        for each in judged
        if each.member and each.action in {RowAction.CREATE, RowAction.CHANGE}
    }
    ProfileImportMember.objects.bulk_create(
        [ProfileImportMember(batch=batch, member=member) for member in touched.values()],
        batch_size=ROWS_AT_ONCE,
    )
    audit.record(
        verb="profiles.planned",
        subject=batch,
        member_id=None,
        summary=f"A sheet of success profiles was read: {len(judged)} rows",
        by=by,
        at=at,
        after={"rows": len(judged), "members": len(touched)},
    )
    return batch


def _stored(judged: Judged, *, batch: ProfileImport) -> ProfileImportRow:
    before = {column: judged.was(column) for column in judged.changes}
    after = dict(judged.changes)
    if after and judged.reason:
        after[REASON] = judged.reason
    if judged.changes and judged.key[:1] == ("",):  # a new promise: what names it goes along
        after |= {c: v for c in ("milestone",) if (v := judged.row.cells.get(c)) is not None}
    return ProfileImportRow(
        batch=batch,
        sheet=judged.sheet.key,
        line=judged.row.line,
        member=judged.member,
        said=judged.said,
        key=[_plain(part) for part in judged.key],
        action=judged.action,
        before=_plain_all(before) if judged.changes and judged.current else None,
        after=_plain_all(after) if after else None,
        faults=[fault._asdict() for fault in judged.faults],
    )


@transaction.atomic
def ask_to_apply(
    *, batch: ProfileImport, accept_refusals: bool, by: User, at: datetime
) -> ProfileImport:
    """Ask for a planned import to be done; the workers do it, member by member.

    Raises ``RefusalsWait`` where rows are refused and nobody accepted that, and ``NotPlanned``
    where it was asked for before.
    """
    refused = sum(counts.get(RowAction.REFUSE, 0) for counts in batch.counts.values())
    if refused and not accept_refusals and batch.status == ProfileImportStatus.PLANNED:
        raise RefusalsWait(refused)
    asked = ProfileImport.objects.filter(
        pk=batch.pk, status=ProfileImportStatus.PLANNED
    ).update(status=ProfileImportStatus.APPLYING, applied_by=by, applied_at=at)
    if not asked:
        raise NotPlanned(_("This sheet was applied before."))
    batch.refresh_from_db()
    audit.record(
        verb="profiles.asked",
        subject=batch,
        member_id=None,
        summary="A sheet of success profiles is to be applied",
        by=by,
        at=at,
    )
    return batch


@transaction.atomic
def ask_to_undo(*, batch: ProfileImport, by: User, at: datetime) -> ProfileImport:
    """Ask for an applied import to be undone, wherever nobody has edited since.

    Raises ``NotApplied`` where it was not applied to the end, or was undone before.
    """
    asked = ProfileImport.objects.filter(
        pk=batch.pk, status=ProfileImportStatus.APPLIED
    ).update(status=ProfileImportStatus.UNDOING, undone_by=by, undone_at=at)
    if not asked:
        raise NotApplied(_("This sheet is not applied, so there is nothing to undo."))
    batch.refresh_from_db()
    audit.record(
        verb="profiles.undo_asked",
        subject=batch,
        member_id=None,
        summary="A sheet of success profiles is to be undone",
        by=by,
        at=at,
    )
    return batch


def work_import(*, batch_id: int, now: Callable[[], datetime], on: date) -> int:
    """Apply, or undo, an import member by member until none is left; return how many it did.

    Each member is a transaction of its own, so a worker that dies leaves the others to be done
    by the next. What cannot be done for one member says why and stops nobody else. Several
    workers may do it at once; one that finds nothing to do changes nothing.
    """
    done = 0
    staff = colleagues()
    while _work_one(batch_id, now=now, on=on, staff=staff):
        done += 1
    _finish(batch_id, at=now())
    return done


_STAGES = {
    ProfileImportStatus.APPLYING: (ProfileOutcome.WAITING, ProfileImportStatus.APPLIED),
    ProfileImportStatus.UNDOING: (ProfileOutcome.DONE, ProfileImportStatus.UNDONE),
}


@transaction.atomic
def _work_one(batch_id: int, *, now: Callable[[], datetime], on: date, staff: People) -> bool:
    batch = ProfileImport.objects.select_related("applied_by", "undone_by").get(pk=batch_id)
    stage = _STAGES.get(ProfileImportStatus(batch.status))
    if stage is None:
        return False
    work = (
        ProfileImportMember.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("member")
        .filter(batch=batch, outcome=stage[0])
        .order_by("pk")
        .first()
    )
    if work is None:
        return False
    act = _apply if batch.status == ProfileImportStatus.APPLYING else _undo
    at = now()
    try:
        with transaction.atomic():
            act(work, batch=batch, on=on, at=at, staff=staff)
    except Exception as error:  # whatever stops one member stops no other
        if not isinstance(error, ValueError | _Stale) and not _is_refusal(error):
            log.exception("profiles.failed", batch=batch.pk, member=work.member_id)
        undoing = act is _undo
        work.outcome = ProfileOutcome.KEPT if undoing else ProfileOutcome.LEFT
        work.reason = str(error) or type(error).__name__
        work.made, work.trail = (work.made, work.trail) if undoing else ({}, None)
    work.save(update_fields=["outcome", "reason", "made", "trail"])
    return True


def _is_refusal(error: Exception) -> bool:
    """Whether one of our own services refused it in words."""
    return type(error).__module__.partition(".")[0] in {"success", "coverage", "members"}


def _finish(batch_id: int, *, at: datetime) -> None:
    batch = ProfileImport.objects.get(pk=batch_id)
    stage = _STAGES.get(ProfileImportStatus(batch.status))
    if stage is None or batch.members.filter(outcome=stage[0]).exists():
        return
    ProfileImport.objects.filter(pk=batch_id, status=batch.status).update(
        status=stage[1], finished_at=at
    )


# Applying to one member


def _apply(
    work: ProfileImportMember, *, batch: ProfileImport, on: date, at: datetime, staff: People
) -> None:
    """Do what the rows of a member say, and keep what came of it, by which it is undone."""
    member = Member.objects.select_for_update(no_key=True).get(pk=work.member_id)
    rows = batch.rows.filter(
        member=member, action__in=[RowAction.CREATE, RowAction.CHANGE]
    ).order_by("sheet", "line")
    before = _snapshot(member)
    profile = profiles([member], staff=staff)[member.pk]
    wanted = _wanted(list(rows), profile=profile)
    _Application(
        profile=profile, wanted=wanted, staff=staff, by=batch.applied_by, on=on, at=at
    ).run()
    work.made = _difference(before, _snapshot(member))
    work.outcome, work.reason = ProfileOutcome.DONE, ""
    work.trail = _last_entry(member.pk)


def _wanted(rows: list[ProfileImportRow], *, profile: Profile) -> _Rows:
    """Return the cells to be, by sheet and row; raises ``_Stale`` where others are by now."""
    wanted: _Rows = defaultdict(dict)
    for row in rows:
        sheet = SHEET[row.sheet]
        after = {
            column.key: _typed(column.kind, row.after[column.key])
            for column in sheet.columns
            if row.after and column.key in row.after
        }
        key = tuple(
            date.fromisoformat(part) if index == 3 and part else part
            for index, part in enumerate(row.key)
        )
        current = as_shown(sheet, profile.rows[row.sheet].get(key, {}))
        before = row.before or {}
        for column in sheet.columns:
            if column.key not in after or column.key in {REASON, *sheet.identity}:
                continue
            was = _typed(column.kind, before.get(column.key))
            if not alike(current.get(column.key), was) and column.key in (row.after or {}):
                if row.before is None and column.key == "milestone":
                    continue
                raise _Stale(
                    _("%(sheet)s, row %(line)s: it has been changed since the sheet was read")
                    % {"sheet": sheet.title, "line": row.line}
                )
        wanted[row.sheet][key] = after
    return wanted


def _typed(kind: str, value: Any) -> Value:
    if kind == "day" and isinstance(value, str):
        return date.fromisoformat(value)
    said: Value = value
    return said


class _Application:
    """Does what a sheet says of one member, each thing after those it rests on."""

    def __init__(  # noqa: PLR0913  # for whom, what, by whom, when
        self,
        *,
        profile: Profile,
        wanted: _Rows,
        staff: People,
        by: User | None,
        on: date,
        at: datetime,
    ) -> None:
        if by is None:
            raise _Stale(_("whoever applied this sheet has no account any more"))
        self.profile = profile
        self.wanted = wanted
        self.staff = staff
        self.by = by
        self.on = on
        self.at = at
        self.plan = profile.plan

    def run(self) -> None:
        self._path()
        self._confirm()
        self._experience()
        for key, cells in self.wanted["promises"].items():
            self._promise(key, cells)
        for key, cells in self.wanted["milestones"].items():
            if "achieved_on" in cells:
                self._achieve(str(key[0]), cells)
        for key, cells in self.wanted["asks"].items():
            self._ask(key, cells)

    def _path(self) -> None:
        outcome = self.wanted["outcomes"].get((), {})
        points = {
            str(key[0]): cells
            for key, cells in self.wanted["milestones"].items()
            if cells.keys() & set(POINT)
        }
        words = {name: outcome[name] for name in (*GOAL, *EXPECTATIONS) if name in outcome}
        if not words and not points:
            return
        plan = self.plan
        said = outcome.get("anchor_on")
        anchor_on = plan.anchor_on if plan else said if isinstance(said, date) else self.on
        path = path_with(
            plans.path_of_plan(plan) if plan else None,
            outcome=words,
            points=points,
            promises=[
                (
                    str(cells.get("milestone") or ""),
                    planned_promise(
                        cells,
                        anchor_on=anchor_on,
                        owner=self._owner(cells),
                        person=self._person(cells.get("who"), cells=cells),
                    ),
                )
                for key, cells in self.wanted["promises"].items()
                if key[0] == ""
            ],
        )
        reason = str(outcome.get(REASON) or "")
        if plan is None:
            self.plan = plans.agree(
                member=self.profile.member,
                path=path,
                anchor_on=anchor_on,
                said_by=self._speaker(outcome),
                by=self.by,
                at=self.at,
            )
        elif words.keys() & set(GOAL):
            told = outcome.get("said_on")
            asked = plan.asks.filter(consented_on__isnull=False).select_related("milestone")
            self.plan = plans.evolve(
                plan=plan,
                path=path,
                on=max(told if isinstance(told, date) else self.on, plan.counts_from),
                reason=reason,
                said_by=self._speaker(outcome),
                consents=[f"{ask.milestone.key}:{ask.kind}" for ask in asked],
                by=self.by,
                at=self.at,
            )
        else:
            self.plan = plans.replan(
                plan=plan,
                path=path,
                on=max(self.on, plan.counts_from),
                reason=reason,
                by=self.by,
                at=self.at,
            )

    def _speaker(self, cells: Mapping[str, Value]) -> Person | None:
        """Who said the new goal: whom the sheet names, else who said the one before."""
        if "said_by" in cells:
            return self._person(cells["said_by"])
        return self.profile.outcome.said_by if self.profile.outcome else None

    def _confirm(self) -> None:
        cells = self.wanted["outcomes"].get((), {})
        day = cells.get("confirmed_on")
        outcome = DesiredOutcome.objects.filter(
            member=self.profile.member, is_primary=True, ended_on=None
        ).first()
        if outcome is None or not isinstance(day, date) or day <= outcome.confirmed_on:
            return
        outcomes.confirm_outcome(
            outcome=outcome,
            on=day,
            said_in=ConfirmedIn(str(cells.get("confirmed_in") or ConfirmedIn.CALL)),
            by=self.by,
            at=self.at,
        )

    def _experience(self) -> None:
        if cells := self.wanted["experience"].get(()):
            current = self.profile.rows["experience"][()]
            source = cells.get("source") or current.get("source") or experience.FROM_STAFF
            experience.record_experience(
                member=self.profile.member,
                changes={**cells, "source": source},
                on=self.on,
                by=self.by,
                at=self.at,
            )

    def _promise(self, key: tuple[Value, ...], cells: Mapping[str, Value]) -> None:
        who: dict[str, Any] = {"by": self.by, "at": self.at}
        promise = self._made(cells) if key[0] == "" else self._promise_of(str(key[0]))
        if promise is None:
            promise = self._make(cells)
        elif key[0] != "" and "who" in cells:
            promise = promises.hand_over(
                promise=promise,
                owner=self._owner(cells, side=promise.side),
                person=self._person(cells["who"], cells=cells, side=promise.side),
                **who,
            )
        day = cells.get("due_on")
        if key[0] != "" and isinstance(day, date):
            promise = promises.move(
                promise=promise, due_on=day, reason=str(cells.get(REASON) or ""), **who
            )
        done_on = cells.get("done_on")
        if isinstance(done_on, date):
            evidence = str(cells.get("evidence") or "")
            promises.keep(promise=promise, on=done_on, evidence=evidence, **who)
        elif reason := cells.get("waived_reason"):
            promises.waive(promise=promise, reason=str(reason), **who)

    def _promise_of(self, public_id: str) -> Accountability:
        return Accountability.objects.get(public_id=public_id, plan__member=self.profile.member)

    def _made(self, cells: Mapping[str, Value]) -> Accountability | None:
        """The promise of a row without an identifier, if the new version brought it along."""
        same = Accountability.objects.filter(
            plan=self.plan,
            side=cells["side"],
            title=str(cells["title"]).strip(),
            due_on=as_day(cells["due_on"]),
        )
        key = cells.get("milestone")
        at = same.filter(milestone__key=key) if key else same.filter(milestone=None)
        return at.order_by("-pk").first()

    def _make(self, cells: Mapping[str, Value]) -> Accountability:
        if self.plan is None:
            raise _Stale(_("there is no plan to which the promise could belong"))
        key = cells.get("milestone")
        return promises.make(
            plan=self.plan,
            side=Side(str(cells["side"])),
            title=str(cells["title"]),
            due_on=as_day(cells["due_on"]),
            milestone=self.plan.milestones.get(key=key) if key else None,
            owner=self._owner(cells),
            person=self._person(cells.get("who"), cells=cells),
            closes_fit=str(cells.get("closes_fit") or ""),
            by=self.by,
            at=self.at,
        )

    def _owner(self, cells: Mapping[str, Value], *, side: str = "") -> User | None:
        said, of = cells.get("who"), side or cells.get("side")
        if said is None or of != Side.ASSOCIATION:
            return None
        return User.objects.filter(pk=self.staff.find(str(said)) or 0).first()

    def _person(
        self, said: Value, *, cells: Mapping[str, Value] | None = None, side: str = ""
    ) -> Person | None:
        if said is None or (cells is not None and (side or cells.get("side")) != Side.MEMBER):
            return None
        return Person.objects.filter(pk=self.profile.people.find(str(said)) or 0).first()

    def _achieve(self, key: str, cells: Mapping[str, Value]) -> None:
        if self.plan is None:
            raise _Stale(_("there is no plan with this milestone"))
        milestones.achieve(
            milestone=self.plan.milestones.get(key=key),
            on=as_day(cells["achieved_on"]),
            source=EvidenceSource.CONFIRMED,
            by=self.by,
            what_changed=str(cells.get("what_changed") or ""),
            at=self.at,
        )

    def _ask(self, key: tuple[Value, ...], cells: Mapping[str, Value]) -> None:
        ask = Ask.objects.get(pk=self.profile.asks[str(key[0]), str(key[1])].pk)
        # a version that was just agreed may have announced it anew
        anew = Ask.objects.filter(
            plan=self.plan, milestone__key=key[0], kind=key[1], status=AskStatus.ANNOUNCED
        ).first()
        if ask.status == AskStatus.WITHDRAWN and anew is not None:
            ask = anew
        who: dict[str, Any] = {"by": self.by, "at": self.at}
        day = cells.get("consented_on")
        if isinstance(day, date):
            person = self._person(cells.get("consented_by"))
            ask = asks.consent(ask=ask, person=person, on=day, **who)
        day = cells.get("asked_on")
        if isinstance(day, date):
            ask = asks.make_ask(ask=ask, on=day, **who)
        status = cells.get("status")
        if status in {AskStatus.ACCEPTED, AskStatus.REFUSED}:
            day = cells.get("answered_on")
            asks.answer(
                ask=ask,
                status=AskStatus(str(status)),
                words=str(cells.get("answer") or ""),
                record=str(cells.get("record") or ""),
                on=day if isinstance(day, date) else self.on,
                **who,
            )


# Undoing for one member

# What an import may touch, in the order in which what it made is taken away.
_TABLES: Mapping[str, tuple[type[models.Model], str, tuple[str, ...]]] = {
    "event": (
        MilestoneEvent,
        "milestone__plan__member",
        ("source", "by_id", "what_changed", "recorded_at"),
    ),
    "ask": (
        Ask,
        "plan__member",
        ("plan_id", "milestone_id", "status", "consented_on", "consented_by_id", "asked_on",
         "asked_by_id", "answered_on", "answer", "record"),
    ),
    "promise": (
        Accountability,
        "plan__member",
        ("plan_id", "milestone_id", "owner_id", "person_id", "due_on", "done_on", "evidence",
         "waived_on", "waived_by_id", "waived_reason"),
    ),
    "declaration": (
        Declaration,
        "milestone__plan__member",
        ("milestone_id", "status", "answered_by_id", "answered_at", "answer"),
    ),
    "change": (
        GoalChange,
        "member",
        ("status", "answered_by_id", "answered_at", "answer"),
    ),
    "review": (Review, "member", ("plan_id",)),
    "plan": (Plan, "member", ("closed_on", "outcome_id")),
    "confirmation": (OutcomeConfirmation, "outcome__member", ()),
    "outcome": (DesiredOutcome, "member", ("ended_on", "confirmed_on")),
    "experience": (AxProfile, "member", ("superseded_on",)),
    "milestone": (Milestone, "plan__member", ("evidence_dates", "evidence_source")),
}  # fmt: skip
_MOVED_FIRST = ("ask", "promise", "declaration", "change", "review", "event")
_PUT_BACK_LAST = ("outcome", "plan", "experience", "milestone")
_Snapshot = dict[str, dict[int, dict[str, Any]]]


def _snapshot(member: Member) -> _Snapshot:
    return {
        name: {
            row.pop("pk"): row
            for row in model._default_manager.filter(**{path: member}).values("pk", *columns)  # noqa: SLF001  # Django's documented API
        }
        for name, (model, path, columns) in _TABLES.items()
    }


def _difference(before: _Snapshot, after: _Snapshot) -> dict[str, Any]:
    """Return what was made, and what changed as it was before, for JSON."""
    made = {
        name: sorted(after[name].keys() - before[name].keys())
        for name in _TABLES
        if name != "milestone"  # they go with their plan
    }
    changed = {
        name: {
            str(key): {
                column: _plain_deep(value)
                for column, value in row.items()
                if after[name][key][column] != value
            }
            for key, row in before[name].items()
            if key in after[name] and after[name][key] != row
        }
        for name in _TABLES
    }
    return {
        "made": {name: keys for name, keys in made.items() if keys},
        "changed": {name: rows for name, rows in changed.items() if rows},
    }


def _undo(
    work: ProfileImportMember, *, batch: ProfileImport, on: date, at: datetime, staff: People
) -> None:
    """Put a member back as they were, unless somebody has done anything since."""
    del staff  # nobody is looked up by name here
    member = Member.objects.select_for_update(no_key=True).get(pk=work.member_id)
    since = AuditEntry.objects.filter(
        member=member, pk__gt=work.trail or 0, subject_type__in=EDITED
    )
    if since.exists():
        raise _Stale(_("something was done for this member since"))
    made, changed = work.made.get("made", {}), work.made.get("changed", {})
    by = batch.undone_by
    for name in _MOVED_FIRST:
        _put_back(name, changed.get(name, {}), by=by, at=at)
    for name in _TABLES:
        if name in made:
            _TABLES[name][0]._default_manager.filter(pk__in=made[name]).delete()  # noqa: SLF001  # Django's documented API
    for name in _PUT_BACK_LAST:
        _put_back(name, changed.get(name, {}), by=by, at=at)
    audit.record(
        verb="profiles.undone",
        subject=batch,
        member_id=member.pk,
        summary="What a sheet of success profiles did was undone",
        by=by,
        at=at,
        before={"made": {name: len(keys) for name, keys in made.items()}},
        after={"put_back": {name: len(rows) for name, rows in changed.items()}},
    )
    work.outcome, work.reason = ProfileOutcome.UNDONE, ""
    anchors = member.plans.aggregate(first=models.Min("anchor_on"))
    mark_dirty([(member.pk, min(anchors["first"] or on, on))])
    nights.refresh_member(member_id=member.pk, at=at)


def _put_back(
    name: str, rows: Mapping[str, Mapping[str, Any]], *, by: User | None, at: datetime
) -> None:
    model = _TABLES[name][0]
    for key, values in rows.items():
        model._default_manager.filter(pk=int(key)).update(**values)  # noqa: SLF001  # Django's documented API
        if name == "promise":
            AccountabilityEvent.objects.create(
                accountability_id=int(key),
                verb=_verb(values),
                by=by,
                at=at,
                note=_("A sheet was undone."),
                before={},
            )


def _verb(values: Mapping[str, Any]) -> str:
    """Which step of a promise's history putting these columns back is."""
    for columns, verb in (
        ({"done_on", "waived_on"}, "reopened"),
        ({"due_on"}, "moved"),
        ({"owner_id", "person_id"}, "handed_over"),
    ):
        if columns & values.keys():
            return verb
    return "went_on"


def _last_entry(member_id: int) -> int:
    newest = AuditEntry.objects.filter(member=member_id).aggregate(last=models.Max("pk"))
    return newest["last"] or 0


def _plain(value: Value) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _plain_all(values: Cells) -> dict[str, Any]:
    return {column: _plain(value) for column, value in values.items()}


def _plain_deep(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain_deep(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
