"""What a version of a plan is made of, and what goes on from one to the next.

``services.plans`` says when a version is written; here is how. Everything is written in the
caller's transaction, which holds the member.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from config.kernel.clock import association_zone, local_date
from members.models import Member, Person, User
from success.engine.planning import PlannedPath, Promise, promises_of
from success.enums import Answer, AskKind, AskStatus
from success.models import (
    Accountability,
    AccountabilityEvent,
    Ask,
    Declaration,
    Milestone,
    MilestoneEvent,
    Plan,
    PlanPause,
)
from success.queries.plans import chain_of
from success.services import asks, promises


@dataclass(frozen=True, kw_only=True)
class Word:
    """Who agrees what, with whose words, and when."""

    by: User | None
    at: datetime
    said_by: Person | None = None
    consents: Collection[str] = ()

    @property
    def today(self) -> date:
        return local_date(self.at, zone=association_zone())


def write_milestones(
    plan: Plan, path: PlannedPath, *, carried_over: Collection[str] = ()
) -> dict[str, Milestone]:
    """The milestones as rows by key: those that gate count from 1, the others come after."""
    ordered = sorted(path.milestones, key=lambda milestone: not milestone.is_gating)
    rows = Milestone.objects.bulk_create(
        Milestone(
            plan=plan,
            key=milestone.key,
            position=position,
            title=milestone.title,
            expected_day=milestone.expected_day,
            expected_basis=milestone.expected_basis,
            weight=milestone.weight,
            is_gating=milestone.is_gating,
            evidence_kind=milestone.evidence_kind,
            evidence_rule=dict(milestone.evidence_rule),
            expectation=milestone.expectation,
            is_carried_over=milestone.key in carried_over,
        )
        for position, milestone in enumerate(ordered, start=1)
    )
    return {row.key: row for row in rows}


def take_over_evidence(
    old: Plan, milestones: Mapping[str, Milestone], *, until: date | None
) -> None:
    """Give the milestones of the new version the evidence of the old, with every word of it.

    ``until`` leaves out what is dated later.
    """
    for before in old.milestones.prefetch_related("events"):
        row = milestones.get(before.key)
        if row is None:
            continue
        dates = [day for day in before.evidence_dates or () if until is None or day <= until]
        row.evidence_dates = dates or None
        row.evidence_source = before.evidence_source if dates else ""
        row.save(update_fields=["evidence_dates", "evidence_source"])
        MilestoneEvent.objects.bulk_create(
            MilestoneEvent(
                milestone=row,
                achieved=event.achieved,
                on=event.on,
                source=event.source,
                fact_id=event.fact_id,
                by_id=event.by_id,
                what_changed=event.what_changed,
                recorded_at=event.recorded_at,
            )
            for event in before.events.all()
            if until is None or event.on <= until
        )


def take_over_pauses(old: Plan, new: Plan, *, since: date | None) -> None:
    """Give the new version the pauses of the old: all, or those that reach beyond a day.

    Where the anchor stays all of them count: the plan day is that of the calendar without them.
    """
    reaching = Q() if since is None else Q(ends_on=None) | Q(ends_on__gt=since)
    PlanPause.objects.bulk_create(
        PlanPause(
            plan=new,
            starts_on=row.starts_on if since is None else max(row.starts_on, since),
            ends_on=row.ends_on,
            reason=row.reason,
        )
        for row in old.pauses.filter(reaching).order_by("starts_on")
    )


def write_promises(
    plan: Plan,
    path: PlannedPath,
    *,
    milestones: Mapping[str, Milestone],
    word: Word,
    there: Collection[Accountability] = (),
) -> None:
    """Write down what ``path`` promises and is not ``there`` yet.

    The same words of the same side for the same milestone are the same promise, kept or open;
    an open one may have come to another milestone, or to none.
    """
    owners = owners_named(promise.owner for _where, promise in promises_of(path))
    people = people_named(
        plan.member, (promise.person for _where, promise in promises_of(path))
    )
    promised = [("", promise) for promise in path.promises]
    promised += [(each.key, promise) for each in path.milestones for promise in each.promises]
    made = []
    for row, key, promise in _matched(promised, there):
        due_on = plan.anchor_on + timedelta(days=promise.due_day)
        owner, person = owners.get(promise.owner), people.get(promise.person)
        if row is not None:
            if row.done_on is None:
                row.refresh_from_db()
                row.milestone = milestones.get(key)
                row.closes_fit = promise.closes_fit or row.closes_fit
                row.save(update_fields=["milestone", "closes_fit"])
                _agree_anew(row, due_on=due_on, owner=owner, person=person, word=word)
            continue
        made.append(
            Accountability(
                plan=plan,
                milestone=milestones.get(key),
                side=promise.side.value,
                title=promise.title.strip(),
                owner=owner,
                person=person,
                closes_fit=promise.closes_fit,
                due_on=due_on,
                is_simulated=plan.is_simulated,
            )
        )
    rows = Accountability.objects.bulk_create(made)
    AccountabilityEvent.objects.bulk_create(
        AccountabilityEvent(accountability=row, verb="made", by=word.by, at=word.at)
        for row in rows
    )


def go_on(  # noqa: PLR0913  # what goes on, from where to where
    old: Plan,
    new: Plan,
    path: PlannedPath,
    *,
    milestones: Mapping[str, Milestone],
    word: Word,
    by: User,
) -> None:
    """Carry on what is open, and write what the new version adds to it."""
    there = promises_of_chain(chain_of(new))
    promises.carry_on(from_plan=old, to_plan=new, by=by, at=word.at)
    write_promises(new, path, milestones=milestones, there=there, word=word)
    for declaration in Declaration.objects.filter(
        milestone__plan=old, status=Answer.WAITING
    ).select_related("milestone"):
        row = milestones.get(declaration.milestone.key)
        if row is not None:
            declaration.milestone = row
            declaration.save(update_fields=["milestone"])
    _ask_on(old, new, path, word=word, by=by)


def promises_of_chain(chain: Collection[Plan]) -> list[Accountability]:
    """The promises of these versions that bind or were kept, by their days."""
    rows = Accountability.objects.filter(plan__in=chain, waived_on=None, obligation="")
    return list(rows.select_related("milestone", "owner", "person").order_by("due_on", "pk"))


def asks_of_chain(chain: Collection[Plan]) -> list[Ask]:
    """What was announced in these versions and not withdrawn, the oldest version first."""
    rows = Ask.objects.filter(plan__in=chain).exclude(status=AskStatus.WITHDRAWN)
    return list(rows.select_related("milestone", "offer").order_by("plan__version", "pk"))


def offer_key(ask: Ask | None) -> str:
    """The key of what is offered; blank for a request, and for no ask."""
    return ask.offer.key if ask is not None and ask.offer is not None else ""


def owners_named(public_ids: Iterable[str]) -> dict[str, User]:
    """Those of us who may keep a promise, by public id; whoever is not of us is not there."""
    staff = User.objects.filter(member=None, is_active=True)
    return {str(user.public_id): user for user in staff.filter(_named(public_ids))}


def people_named(member: Member, public_ids: Iterable[str]) -> dict[str, Person]:
    """The member's people, past ones too, by public id; whoever is not theirs is not there."""
    theirs = Person.objects.filter(affiliations__member=member)
    return {str(person.public_id): person for person in theirs.filter(_named(public_ids))}


def _matched(
    promised: Collection[tuple[str, Promise]], there: Collection[Accountability]
) -> list[tuple[Accountability | None, str, Promise]]:
    """Each promise with the row that it is, if any, and its milestone's key."""
    left = sorted(there, key=lambda row: (row.done_on is not None, row.due_on, row.pk))
    exact: dict[int, Accountability] = {}
    for is_exact in (True, False):
        for index, (key, promise) in enumerate(promised):
            if index in exact:
                continue
            row = next(
                (each for each in left if _is_it(each, key, promise, is_exact=is_exact)), None
            )
            if row is not None:
                exact[index] = row
                left.remove(row)
    return [(exact.get(index), *each) for index, each in enumerate(promised)]


def _is_it(row: Accountability, key: str, promise: Promise, *, is_exact: bool) -> bool:
    same_words = row.side == promise.side.value and _plainly(row.title) == _plainly(
        promise.title
    )
    if not is_exact:
        return same_words and row.done_on is None
    return same_words and key == (row.milestone.key if row.milestone is not None else "")


def _agree_anew(
    row: Accountability,
    *,
    due_on: date,
    owner: User | None,
    person: Person | None,
    word: Word,
) -> None:
    """Give an open promise the day and the name that the new version says, if it may.

    A day that has passed stays. A new goal counts its days from another anchor, and moves none.
    """
    by = word.by
    if by is None:
        return
    if row.plan.baseline_id is not None and min(row.due_on, due_on) >= word.today:
        reason = row.plan.reason
        promises.move(promise=row, due_on=due_on, reason=reason, by=by, at=word.at)
    if (owner, person) not in {(None, None), (row.owner, row.person)}:
        promises.hand_over(promise=row, owner=owner, person=person, by=by, at=word.at)


def _plainly(title: str) -> str:
    return " ".join(title.split()).casefold()


def _ask_on(old: Plan, new: Plan, path: PlannedPath, *, word: Word, by: User) -> None:
    """Let what was announced go on where ``path`` still wants it, and announce what is new.

    What an earlier version asked for the same milestone is not announced again.
    """
    wanted = {
        (milestone.key, kind): what
        for milestone in path.milestones
        for kind, what in (
            (AskKind.UPSELL, milestone.upsell),
            (AskKind.ADVOCACY, milestone.advocacy),
        )
    }
    settled = set()
    for ask in asks_of_chain(chain_of(new)):
        named = (ask.milestone.key, AskKind(ask.kind))
        is_wanted = wanted.get(named) == (offer_key(ask) or ask.advocacy)
        if ask.status != AskStatus.ANNOUNCED:
            settled |= {named} if is_wanted else set()
        elif not is_wanted:
            asks.withdraw(ask=ask, by=by, at=word.at)
        elif ask.consented_on is None and _has_consent(word, named):
            on = new.counts_from
            asks.consent(ask=ask, person=word.said_by, on=on, by=by, at=word.at)
    asks.carry_on(from_plan=old, to_plan=new, by=by, at=word.at)
    milestones = tuple(
        replace(
            each,
            upsell="" if (each.key, AskKind.UPSELL) in settled else each.upsell,
            advocacy="" if (each.key, AskKind.ADVOCACY) in settled else each.advocacy,
        )
        for each in path.milestones
    )
    asks.announce(
        plan=new,
        consents=word.consents,
        said_by=word.said_by,
        on=new.counts_from,
        path=replace(path, milestones=milestones),
    )


def _has_consent(word: Word, named: tuple[str, AskKind]) -> bool:
    key, kind = named
    return f"{key}:{kind.value}" in word.consents


def _named(public_ids: Iterable[str]) -> Q:
    # a public id that is none names nobody
    return Q(public_id__in=[name for name in public_ids if _is_uuid(name)])


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
