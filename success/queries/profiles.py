"""Success profiles as sheets show them, many members at once, and the imports of sheets."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Q, QuerySet, When
from django.db.models import Value as Constant
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from coverage.models import AxProfile
from members.enums import RowAction
from members.models import Affiliation, Member, Person, User
from success.enums import AskKind, AskStatus, ProfileImportStatus
from success.ingestion.profiles import SHEETS, Value, as_data
from success.models import (
    Accountability,
    Ask,
    DesiredOutcome,
    Milestone,
    MilestoneEvent,
    OutcomeConfirmation,
    Plan,
    ProfileImport,
    ProfileImportRow,
)

MEMBERS_AT_ONCE = 500
ROW_ORDER = ("place", "line", "pk")
Cells = dict[str, Value]


@dataclass(frozen=True, kw_only=True)
class People:
    """People by what a sheet may call them: their name where it is one person's, else their id.

    ``find`` takes names in any case, addresses and identifiers.
    """

    labels: Mapping[int, str]
    known: Mapping[str, int]

    def label(self, pk: int | None) -> str:
        """Return how the sheet names somebody; blank for nobody."""
        return self.labels.get(pk, "") if pk is not None else ""

    def find(self, said: str) -> int | None:
        """Return the key of whom ``said`` names; null where it is nobody or not clear who."""
        return self.known.get(said.strip().casefold())


@dataclass(kw_only=True)
class Profile:
    """A member's profile: rows by sheet, each by the rest of its identity."""

    member: Member
    plan: Plan | None = None
    outcome: DesiredOutcome | None = None
    people: People
    asks: dict[tuple[str, str], Ask] = field(default_factory=dict)
    rows: dict[str, dict[tuple[Value, ...], Cells]] = field(
        default_factory=lambda: {sheet.key: {} for sheet in SHEETS}
    )


def colleagues() -> People:
    """Return everybody of the association who may keep a promise of ours. One statement."""
    return _people(
        User.objects.filter(member=None, is_active=True).values_list(
            "pk", "name", "email", "public_id"
        )
    )


def profiles(members: Collection[Member], *, staff: People) -> dict[int, Profile]:
    """Return the profile of each of ``members`` as it stands, by key; in their order.

    The plan that counts now with all its promises and asks, the primary Desired Outcome, and
    the current AX profile (DOMAIN 2.2, 2.3, 2.5, 2.8). Members without any of it have rows of
    their own with blank cells where a sheet has one row a member. A fixed number of statements.
    """
    keys = [member.pk for member in members]
    plans = {
        plan.member_id: plan for plan in Plan.objects.filter(member__in=keys, closed_on=None)
    }
    outcomes = {
        outcome.member_id: outcome
        for outcome in DesiredOutcome.objects.filter(
            member__in=keys, is_primary=True, ended_on=None
        )
    }
    versions = _versions(plans.values())
    promises = _by(
        Accountability.objects.filter(plan__in=versions, obligation="")
        .select_related("milestone")
        .order_by("due_on", "pk"),
        versions,
    )
    asks = _by(
        Ask.objects.filter(plan__in=versions)
        .select_related("milestone", "offer")
        .order_by("plan__version", "pk"),
        versions,
    )
    people = _people_of(
        keys,
        said={outcome.member_id: outcome.said_by_id for outcome in outcomes.values()},
        promised={
            plan.member_id: [promise.person_id for promise in promises[plan.pk]]
            + [ask.consented_by_id for ask in asks[plan.pk]]
            for plan in plans.values()
        },
    )
    found = {
        member.pk: Profile(
            member=member,
            plan=plans.get(member.pk),
            outcome=outcomes.get(member.pk),
            people=people[member.pk],
        )
        for member in members
    }
    said_in = _last_said_in(outcomes.values())
    milestones = _by(
        Milestone.objects.filter(plan__in=plans.values()).order_by("position"), versions
    )
    words = _what_changed(plans.values())
    experience = {
        profile.member_id: profile
        for profile in AxProfile.objects.filter(member__in=keys, superseded_on=None)
    }
    for profile in found.values():
        plan, key = profile.plan, profile.member.pk
        profile.rows["outcomes"][()] = _outcome_row(profile, said_in)
        profile.rows["experience"][()] = _experience_row(profile, experience.get(key))
        if plan is None:
            continue
        own = _asked(asks[plan.pk])
        for milestone in milestones[plan.pk]:
            profile.rows["milestones"][milestone.key,] = _milestone_row(
                profile, plan, milestone, own, words
            )
        for promise in promises[plan.pk]:
            profile.rows["promises"][str(promise.public_id),] = _promise_row(
                profile, promise, staff
            )
        for (point, kind), ask in sorted(own.items()):
            profile.asks[point, kind] = ask
            profile.rows["asks"][point, kind] = _ask_row(profile, ask)
    return found


def profile_rows(members: QuerySet[Member]) -> dict[str, list[Cells]]:
    """Return the rows of ``members``' profiles by sheet, in the order of their names."""
    staff = colleagues()
    rows: dict[str, list[Cells]] = {sheet.key: [] for sheet in SHEETS}
    for some in _chunks(list(members.order_by("name", "pk"))):
        for profile in profiles(some, staff=staff).values():
            for sheet, own in profile.rows.items():
                rows[sheet] += own.values()
    return rows


def _chunks(members: list[Member]) -> Iterator[list[Member]]:
    for start in range(0, len(members), MEMBERS_AT_ONCE):
        yield members[start : start + MEMBERS_AT_ONCE]


def _versions(plans: Iterable[Plan]) -> dict[int, int]:
    """Return the open plans, and those that they re-plan, each with the open one it led to."""
    versions = {plan.pk: plan.pk for plan in plans}
    led_to = {plan.baseline_id: plan.pk for plan in plans if plan.baseline_id is not None}
    earlier = Plan.objects.filter(Q(pk__in=led_to) | Q(baseline__in=led_to))
    for key, baseline in earlier.values_list("pk", "baseline_id"):
        versions.setdefault(key, led_to[baseline if baseline is not None else key])
    return versions


def _by(rows: Iterable[Any], versions: Mapping[int, int]) -> dict[int, list[Any]]:
    """Return rows of plans by the open plan their version led to."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[versions[row.plan_id]].append(row)
    return found


def _asked(asks: Iterable[Ask]) -> dict[tuple[str, str], Ask]:
    """Return the ask that counts at each milestone: the newest not withdrawn, if any."""
    found: dict[tuple[str, str], Ask] = {}
    for ask in asks:
        named = (ask.milestone.key, str(ask.kind))
        if ask.status != AskStatus.WITHDRAWN or named not in found:
            found[named] = ask
    return found


def _base(member: Member) -> Cells:
    return {"member": str(member.public_id), "name": member.name}


def _outcome_row(profile: Profile, said_in: Mapping[int, str]) -> Cells:
    outcome, plan = profile.outcome, profile.plan
    row = _base(profile.member)
    if outcome is not None:
        row |= {
            "goal": outcome.goal,
            "required_outcome": outcome.required_outcome,
            "measure": outcome.measure,
            "said_by": profile.people.label(outcome.said_by_id),
            "said_on": outcome.said_on,
            "confirmed_on": outcome.confirmed_on,
            "confirmed_in": said_in.get(outcome.pk, ""),
        }
    if plan is not None:
        row |= {
            "goal": plan.goal,
            "anchor_on": plan.anchor_on,
            "first_30": plan.first_30,
            "first_60": plan.first_60,
            "first_90": plan.first_90,
        }
    return row


def _experience_row(profile: Profile, experience: AxProfile | None) -> Cells:
    row = _base(profile.member)
    if experience is not None:
        row |= {
            "inbound_minutes": experience.inbound_minutes,
            "async_minutes": experience.async_minutes,
            "sync_minutes": experience.sync_minutes,
            "taskforce_minutes": experience.taskforce_minutes,
            "expertise": experience.expertise,
            "resources": experience.resources,
            "guidance": experience.guidance,
            "skills_needed": experience.skills_needed,
            "escalation_severity": experience.escalation_severity,
            "industry_experience": experience.industry_experience,
            "sophistication": experience.sophistication,
            "complexity": experience.complexity,
            "risk": experience.risk,
            "confidence": experience.confidence,
            "reasons": experience.reasons,
            "source": experience.source,
            "expires_on": experience.expires_on,
            "valid_from": experience.valid_from,
        }
    return row


def _milestone_row(
    profile: Profile,
    plan: Plan,
    milestone: Milestone,
    asks: Mapping[tuple[str, str], Ask],
    words: Mapping[int, str],
) -> Cells:
    turns = milestone.evidence_dates or []
    own = [
        ask
        for (key, _kind), ask in asks.items()
        if key == milestone.key and ask.status != AskStatus.WITHDRAWN
    ]
    return _base(profile.member) | {
        "key": milestone.key,
        "position": milestone.position,
        "title": milestone.title,
        "expected_day": milestone.expected_day,
        "expected_on": _day(plan.anchor_on, milestone.expected_day),
        "expected_basis": milestone.expected_basis,
        "weight": milestone.weight,
        "is_gating": milestone.is_gating,
        "evidence_kind": milestone.evidence_kind,
        "evidence_rule": as_data(milestone.evidence_rule),
        "expectation": milestone.expectation,
        "upsell": next((ask.offer.key for ask in own if ask.offer), ""),
        "advocacy": next((ask.advocacy for ask in own if ask.kind == AskKind.ADVOCACY), ""),
        "achieved_on": turns[-1] if len(turns) % 2 else None,
        "evidence_source": milestone.evidence_source if len(turns) % 2 else "",
        "what_changed": words.get(milestone.pk, "") if len(turns) % 2 else "",
    }


def _day(anchor: date, days: int) -> date | None:
    try:
        return anchor + timedelta(days=days)
    except OverflowError:
        return None


def _promise_row(profile: Profile, promise: Accountability, staff: People) -> Cells:
    return _base(profile.member) | {
        "promise": str(promise.public_id),
        "milestone": promise.milestone.key if promise.milestone else "",
        "side": promise.side,
        "title": promise.title,
        "who": profile.people.label(promise.person_id) or staff.label(promise.owner_id),
        "due_on": promise.due_on,
        "done_on": promise.done_on,
        "evidence": promise.evidence,
        "waived_on": promise.waived_on,
        "waived_reason": promise.waived_reason,
        "closes_fit": promise.closes_fit,
    }


def _ask_row(profile: Profile, ask: Ask) -> Cells:
    return _base(profile.member) | {
        "milestone": ask.milestone.key,
        "kind": ask.kind,
        "what": ask.offer.key if ask.offer else ask.advocacy,
        "consented_on": ask.consented_on,
        "consented_by": profile.people.label(ask.consented_by_id),
        "asked_on": ask.asked_on,
        "status": ask.status,
        "answered_on": ask.answered_on,
        "answer": ask.answer,
        "record": ask.record,
    }


def _last_said_in(outcomes: Iterable[DesiredOutcome]) -> dict[int, str]:
    """Return on which occasion each outcome was last confirmed."""
    rows = (
        OutcomeConfirmation.objects.filter(outcome__in=list(outcomes))
        .order_by("outcome_id", "-on", "-pk")
        .distinct("outcome_id")
    )
    return {row.outcome_id: row.said_in for row in rows}


def _what_changed(plans: Iterable[Plan]) -> dict[int, str]:
    """Return what people said of the last achievement of each milestone."""
    rows = (
        MilestoneEvent.objects.filter(milestone__plan__in=list(plans), achieved=True)
        .order_by("milestone_id", "-on", "-pk")
        .distinct("milestone_id")
    )
    return {row.milestone_id: row.what_changed for row in rows}


def _people_of(
    keys: Collection[int],
    *,
    said: Mapping[int, int | None],
    promised: Mapping[int, Collection[int | None]],
) -> dict[int, People]:
    """Return, by member, those who belong to them and those whom their rows name."""
    affiliated: dict[int, set[int]] = defaultdict(set)
    pairs = Affiliation.objects.filter(member__in=keys).values_list("member_id", "person_id")
    for member, person in pairs:
        affiliated[member].add(person)
    for member in keys:
        named = {said.get(member), *promised.get(member, ())}
        affiliated[member] |= {key for key in named if key is not None}
    every = {
        row[0]: row
        for row in Person.objects.filter(
            pk__in=set().union(*affiliated.values()) if affiliated else set()
        ).values_list("pk", "name", "email", "public_id")
    }
    return {
        member: _people([every[key] for key in sorted(affiliated[member]) if key in every])
        for member in keys
    }


def _people(rows: Iterable[tuple[int, str, str, UUID]]) -> People:
    found = list(rows)
    times = Counter(name.strip().casefold() for _, name, _, _ in found)
    mails = Counter(email.casefold() for _, _, email, _ in found)
    labels: dict[int, str] = {}
    known: dict[str, int] = {}
    for key, name, email, public_id in found:
        word = name.strip().casefold()
        is_clear = bool(word) and times[word] == 1
        labels[key] = name if is_clear else str(public_id)
        if is_clear:
            known.setdefault(word, key)
        if email and mails[email.casefold()] == 1:
            known[email.casefold()] = key
    # an identifier names one person, whatever others may be called
    known.update({str(public_id): key for key, _, _, public_id in found})
    return People(labels=labels, known=known)


def about(*, members: int, on: date, by: User) -> list[str]:
    """Return what the first page of a workbook says of it: of whom, of when, and by whom."""
    many = ngettext("%(count)s member", "%(count)s members", members) % {
        "count": f"{members:,}"
    }
    words = {"many": many, "day": date_format(on, "j F Y"), "who": by.name}
    return [_("%(many)s, as of %(day)s, made for %(who)s") % words]


# Imports


def profile_imports() -> "QuerySet[ProfileImport]":
    """Return the imports of sheets, newest first, each with who planned it."""
    return ProfileImport.objects.select_related(
        "planned_by", "applied_by", "undone_by"
    ).order_by("-planned_at", "-pk")


def unfinished_import_ids() -> list[int]:
    """Return the imports that are being applied or undone, oldest first."""
    rows = ProfileImport.objects.filter(
        status__in=[ProfileImportStatus.APPLYING, ProfileImportStatus.UNDOING]
    )
    return list(rows.order_by("pk").values_list("pk", flat=True))


def import_rows(batch: ProfileImport, *, action: str = "") -> "QuerySet[ProfileImportRow]":
    """Return the rows of an import, with their members; of one action if it is given.

    Annotates ``place``, the sheet's; to be paged by ``ROW_ORDER``.
    """
    place = Case(
        *(When(sheet=sheet.key, then=Constant(n)) for n, sheet in enumerate(SHEETS)),
        output_field=IntegerField(),
    )
    rows = batch.rows.select_related("member").annotate(place=place)
    return rows.filter(action=action) if action else rows


@dataclass(frozen=True, kw_only=True)
class ImportProgress:
    """How far an import is, in members; ``total`` are those it changes."""

    total: int
    waiting: int
    done: int
    left: int
    undone: int
    kept: int


def import_progress(batch: ProfileImport) -> ImportProgress:
    """Count the members of an import by what became of them. One statement."""
    counted = batch.members.aggregate(
        total=Count("pk"),
        **{
            outcome: Count("pk", filter=Q(outcome=outcome))
            for outcome in ("waiting", "done", "left", "undone", "kept")
        },
    )
    return ImportProgress(**counted)


def action_counts(batch: ProfileImport) -> dict[str, int]:
    """Return rows by action over all sheets, every action named."""
    return {
        action: sum(counts.get(action, 0) for counts in batch.counts.values())
        for action in RowAction.values
    }
