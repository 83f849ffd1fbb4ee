"""A member's plan in versions: agreed, re-planned, evolved, paused and ended.

A version is never edited. What it comes to is that a day in the past reads the same whatever
is agreed later: the version that counted then is closed, its milestones stay, and evidence
that arrives late is written to it as to the one in force. Callers fetch the member and the
plan through ``visible_to``.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from members.enums import Role
from members.models import Affiliation, Association, Member, Person, User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.engine import accountability as engine
from success.engine.linting import Finding, lint
from success.engine.planning import (
    PlannedMilestone,
    PlannedPath,
    Promise,
    promises_of,
    to_data,
)
from success.enums import (
    Answer,
    AskKind,
    AskStatus,
    DraftPurpose,
    Succession,
)
from success.models import (
    Accountability,
    Ask,
    DesiredOutcome,
    GoalChange,
    Offer,
    Plan,
    PlanBatch,
    PlanPause,
    PlanTemplate,
)
from success.queries.plans import chain_of, is_achieved, missing_fits, stands
from success.services import asks, nights, outcomes, versions

EXPECTATIONS = ("first_30", "first_60", "first_90")
# What a milestone needs while it is ahead; behind us it needs no promises any more.
NEEDS_PROMISES = frozenset({"no_member_promise", "no_association_promise"})


class NotAgreeable(Exception):
    """The plan breaks a rule; ``findings`` say which, errors first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        errors = [finding.words for finding in findings if finding.is_error]
        super().__init__(" ".join(errors))


class AlreadyPlanned(Exception):
    """The member has a plan already; ``plan`` is that one."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        super().__init__(_("A plan has been agreed with this member already."))


class PlanOver(Exception):
    """The version is closed; ``newest`` is the member's newest one."""

    def __init__(self, newest: Plan) -> None:
        self.newest = newest
        super().__init__(_("This version of the plan is closed."))


class NotSaid(ValueError):
    """It is missing who said it, or why, or the day cannot be; the message says which."""


class AlreadyPaused(Exception):
    """Another pause of the plan covers some of those days."""


class NotPaused(Exception):
    """The plan is not paused on that day."""


# The plan as it is written down.


def path_of_plan(plan: Plan) -> PlannedPath:
    """Return what a version says, in the shape of an editor; days count from its anchor.

    With it go the promises that bind or were kept, this version's and those of the versions it
    came from, by the milestone's key, and what was announced and not withdrawn. A promise due
    before the anchor has a negative day; one whose owner has left us names nobody. Five
    queries.
    """
    chain = chain_of(plan)
    milestones = sorted(plan.milestones.all(), key=lambda row: row.position)
    promised: dict[str, list[Promise]] = defaultdict(list)
    keys = {row.key for row in milestones}
    for row in versions.promises_of_chain(chain):
        key = row.milestone.key if row.milestone is not None else ""
        if row.waived_on is None and (key in keys or row.plan_id == plan.pk):
            promised[key if key in keys else ""].append(_planned(row, anchor_on=plan.anchor_on))
    asked = {(ask.milestone.key, ask.kind): ask for ask in versions.asks_of_chain(chain)}
    outcome = plan.outcome
    return PlannedPath(
        goal=plan.goal,
        required_outcome=outcome.required_outcome if outcome is not None else "",
        measure=outcome.measure if outcome is not None else "",
        first_30=plan.first_30,
        first_60=plan.first_60,
        first_90=plan.first_90,
        milestones=tuple(
            PlannedMilestone(
                key=row.key,
                title=row.title,
                expected_day=row.expected_day,
                weight=row.weight,
                expected_basis=row.expected_basis,
                is_gating=row.is_gating,
                evidence_kind=row.evidence_kind,
                evidence_rule=row.evidence_rule,
                expectation=row.expectation,
                upsell=versions.offer_key(asked.get((row.key, AskKind.UPSELL))),
                advocacy=_advocacy(asked.get((row.key, AskKind.ADVOCACY))),
                promises=tuple(promised[row.key]),
            )
            for row in milestones
        ),
        promises=tuple(promised[""]),
    )


def findings_for(
    *, member: Member, path: PlannedPath, purpose: DraftPurpose, on: date
) -> tuple[Finding, ...]:
    """Return all that is to be said of ``path`` before it is agreed with ``member``.

    The linter's findings, the fits that are missing on that day, and people and offers that do
    not exist. Milestones that the plan in force has reached need no promises; for a new goal
    they are carried over and count no more (DOMAIN 2.5, 2.12).
    """
    plan = Plan.objects.filter(member=member, closed_on=None).first()
    reached: frozenset[str] = frozenset()
    if plan is not None and purpose != DraftPurpose.AGREE:
        reached = _reached(plan, on=on)
    if purpose == DraftPurpose.EVOLVE:
        path = _with_carried_over(path, reached)
    found = [
        finding
        for finding in lint(path, missing_fits=missing_fits(member, as_of=on))
        if not (finding.code in NEEDS_PROMISES and _key_at(path, finding.where) in reached)
    ]
    found += _unknown(member, path, plan=plan)
    if plan is not None and purpose == DraftPurpose.REPLAN and not _is_same_goal(plan, path):
        words = _("A changed goal is more than new days.")
        suggestion = _("Agree it as a new goal: what was reached is carried over.")
        found.append(_refusal("goal_changed", "goal", words, suggestion))
    return tuple(sorted(found, key=lambda finding: not finding.is_error))


# Agreeing, and what follows.


@transaction.atomic
def agree(  # noqa: PLR0913  # what an agreement is made of
    *,
    member: Member,
    path: PlannedPath,
    anchor_on: date,
    by: User | None,
    at: datetime,
    said_by: Person | None = None,
    consents: Collection[str] = (),
    template: PlanTemplate | None = None,
    batch: PlanBatch | None = None,
) -> Plan:
    """Agree a plan with a member who has none, and return it; its day 0 is ``anchor_on``.

    The anchor may lie ahead, or behind up to the first day of the membership; the plan counts
    from it, or from the end of an earlier plan. Writes the goal and its confirmation, the
    milestones, the promises with their dates (anchor and due day, adjusted for nothing) and
    what will be asked at which milestone; ``consents`` are ``"key:upsell"`` and
    ``"key:advocacy"``. ``said_by`` is one of the member's people, whose words these are; they
    may be left out by a member's own log-in, whose person it is then, and for many members in a
    batch.

    The same path from the same day, agreed again on the same day, is the same plan. Of two who
    agree at once one wins. Raises ``NotAgreeable``, ``AlreadyPlanned`` and ``NotSaid``
    (DOMAIN 2.2, 2.5, 2.7, 2.8).
    """
    held = _hold(member)
    word = versions.Word(by=by, at=at, said_by=_speaker(held, by, said_by), consents=consents)
    current = Plan.objects.filter(member=held, closed_on=None).first()
    if current is not None:
        if _is_agreed_so(current, path, anchor_on=anchor_on, on=word.today):
            return current
        raise AlreadyPlanned(current)
    if batch is None:
        _require_speaker(word)
    _require_anchor(held, anchor_on, on=word.today)
    _require_agreeable(
        findings_for(member=held, path=path, purpose=DraftPurpose.AGREE, on=word.today)
    )
    outcome = _outcome(held, path, on=word.today, word=word)
    ends = Plan.objects.filter(member=held).aggregate(newest=Max("closed_on"))["newest"]
    plan = Plan.objects.create(
        member=held,
        template=template,
        outcome=outcome,
        version=_next_version(held),
        succession=Succession.AGREED,
        anchor_on=anchor_on,
        counts_from=max(anchor_on, ends or anchor_on),
        batch=batch,
        **_said(path, word),
    )
    milestones = versions.write_milestones(plan, path)
    versions.write_promises(plan, path, milestones=milestones, word=word)
    asks.announce(plan=plan, consents=consents, said_by=word.said_by, on=word.today, path=path)
    _record("agreed", plan, on=plan.counts_from, word=word)
    return plan


@transaction.atomic
def replan(  # noqa: PLR0913  # what an agreement is made of
    *, plan: Plan, path: PlannedPath, on: date, reason: str, by: User, at: datetime
) -> Plan:
    """Agree new days towards the same goal; the version that counts from ``on`` is returned.

    The anchor stays, evidence, pauses, open promises and what was announced go on with it, and
    the first agreed version stays the baseline, so what the new days hide stays known. A
    promise in ``path`` that bears the words of one there is that one: moved, if neither day has
    passed, else left on its day. The same again is the same version. ``on`` lies between the
    day on which the version began to count and today; one that lies ahead is re-planned from
    its first day. Raises ``NotAgreeable``, ``PlanOver`` and
    ``NotSaid`` (DOMAIN 3.3, SV16).
    """
    word = versions.Word(by=by, at=at)
    held = _hold(plan.member)
    old = Plan.objects.get(pk=plan.pk)
    on = _not_before_it_begins(old, on, word=word)
    following = _followed(old, path, on=on, successions={Succession.REPLANNED})
    if following is not None:
        return following
    _require_day(old, on, reason=reason, word=word)
    _require_agreeable(findings_for(member=held, path=path, purpose=DraftPurpose.REPLAN, on=on))
    new = _follow(
        old,
        path,
        on=on,
        word=word,
        succession=Succession.REPLANNED,
        reason=reason.strip(),
        baseline=old.baseline or old,
        anchor_on=old.anchor_on,
        outcome=old.outcome or _outcome(held, path, on=min(on, word.today), word=word),
    )
    milestones = versions.write_milestones(new, path)
    versions.take_over_evidence(old, milestones, until=None)
    versions.take_over_pauses(old, new, since=None)
    versions.go_on(old, new, path, milestones=milestones, word=word, by=by)
    _record("replanned", new, on=on, word=word, before=old)
    return new


@transaction.atomic
def evolve(  # noqa: PLR0913  # what an agreement is made of
    *,
    plan: Plan,
    path: PlannedPath,
    on: date,
    reason: str,
    by: User,
    at: datetime,
    said_by: Person | None = None,
    consents: Collection[str] = (),
) -> Plan:
    """Agree a new goal, because the old one changed or is achieved; day 0 is ``on``.

    Milestones of both versions, by key, that stand on that day are carried over as reached,
    with their evidence; they do not gate, so the clock starts clean. The weights of the others
    sum to 100. Open promises and pauses go on, a goal change that waits is confirmed by it, and
    so is our promise to agree the next goal. The same again is the same version. Raises
    ``NotAgreeable``, ``PlanOver`` and ``NotSaid`` (DOMAIN 2.2, SV7).
    """
    held = _hold(plan.member)
    word = versions.Word(by=by, at=at, said_by=_speaker(held, by, said_by), consents=consents)
    old = Plan.objects.get(pk=plan.pk)
    on = _not_before_it_begins(old, on, word=word)
    successions = {Succession.GOAL_CHANGED, Succession.NEXT_GOAL}
    following = _followed(old, path, on=on, successions=successions)
    if following is not None:
        return following
    _require_speaker(word)
    _require_day(old, on, reason=reason, word=word)
    _require_agreeable(findings_for(member=held, path=path, purpose=DraftPurpose.EVOLVE, on=on))
    reached = _reached(old, on=on)
    path = _with_carried_over(path, reached)
    achieved = is_achieved(old, on=on)
    new = _follow(
        old,
        path,
        on=on,
        word=word,
        succession=Succession.NEXT_GOAL if achieved else Succession.GOAL_CHANGED,
        reason=reason.strip(),
        baseline=None,
        anchor_on=on,
        outcome=_outcome(held, path, on=min(on, word.today), word=word),
    )
    milestones = versions.write_milestones(new, path, carried_over=reached)
    carried = [row for row in milestones.values() if row.is_carried_over]
    versions.take_over_evidence(old, {row.key: row for row in carried}, until=on)
    versions.take_over_pauses(old, new, since=on)
    versions.go_on(old, new, path, milestones=milestones, word=word, by=by)
    for change in GoalChange.objects.filter(member=held, status=Answer.WAITING):
        outcomes.answer_goal_change(
            change=change, status=Answer.CONFIRMED, answer="", by=by, at=at
        )
    _record("evolved", new, on=on, word=word, before=old)
    return new


@transaction.atomic
def end(*, plan: Plan, on: date, reason: str, by: User, at: datetime) -> Plan:
    """Close a plan that nothing follows, because the member leaves; return it as it then is.

    It counts until ``on``, exclusive. Promises stay as they are; what was announced and not yet
    asked is withdrawn. Ended again on that day it stays ended. Raises ``PlanOver`` and
    ``NotSaid``.
    """
    _hold(plan.member)
    word = versions.Word(by=by, at=at)
    old = Plan.objects.get(pk=plan.pk)
    on = _not_before_it_begins(old, on, word=word)
    if old.closed_on == on and not _newer(old).exists():
        return old
    _require_day(old, on, reason=reason, word=word)
    old.closed_on = on
    old.save(update_fields=["closed_on"])
    for ask in old.asks.filter(status=AskStatus.ANNOUNCED):
        asks.withdraw(ask=ask, by=by, at=at)
    _record("ended", old, on=on, word=word, reason=reason.strip())
    return old


# Days that do not count.


@transaction.atomic
def pause(  # noqa: PLR0913  # what a pause is made of
    *,
    plan: Plan,
    starts_on: date,
    ends_on: date | None,
    reason: str,
    by: User,
    at: datetime,
) -> PlanPause:
    """Stop the plan's clock from a day until another, exclusive; null: until it is resumed.

    The days may lie behind, back to the first that this version counts. The same pause again is
    the same row. Raises ``AlreadyPaused`` where another one covers some of those days,
    ``PlanOver`` and ``NotSaid`` (DOMAIN 3.1).
    """
    _hold(plan.member)
    word = versions.Word(by=by, at=at)
    row = _require_open(Plan.objects.get(pk=plan.pk))
    words = reason.strip()
    if not words:
        raise NotSaid(_("Say why the plan is paused."))
    if ends_on is not None and ends_on <= starts_on:
        raise NotSaid(_("A pause ends after it begins."))
    if starts_on < row.counts_from:
        raise NotSaid(_("This version of the plan did not count yet on that day."))
    later = Q() if ends_on is None else Q(starts_on__lt=ends_on)
    others = row.pauses.filter(later, Q(ends_on=None) | Q(ends_on__gt=starts_on))
    for other in others:
        if (other.starts_on, other.ends_on, other.reason) == (starts_on, ends_on, words):
            return other
        raise AlreadyPaused(_("The plan is paused on some of those days already."))
    made = PlanPause.objects.create(
        plan=row, starts_on=starts_on, ends_on=ends_on, reason=words
    )
    _record("paused", row, on=starts_on, word=word, days=(starts_on, ends_on))
    return made


@transaction.atomic
def resume(*, plan: Plan, on: date, by: User, at: datetime) -> PlanPause | None:
    """Let the clock run again from ``on``, the first day that counts; the pause is returned.

    Null where the pause had not begun by then: it is taken back. Resumed again on that day
    nothing changes. Raises ``NotPaused`` and ``PlanOver``.
    """
    _hold(plan.member)
    word = versions.Word(by=by, at=at)
    row = _require_open(Plan.objects.get(pk=plan.pk))
    ended = row.pauses.filter(ends_on=on).first()
    if ended is not None:
        return ended
    running = Q(ends_on=None) | Q(ends_on__gt=on)
    held = row.pauses.filter(running).order_by("starts_on").first()
    if held is None:
        raise NotPaused(_("The plan is not paused on that day."))
    days = (held.starts_on, held.ends_on)
    if held.starts_on >= on:
        held.delete()
        _record("resumed", row, on=on, word=word, days=days)
        return None
    held.ends_on = on
    held.save(update_fields=["ends_on"])
    _record("resumed", row, on=on, word=word, days=days)
    return held


# What has to be so before anything is written.


def _hold(member: Member) -> Member:
    """Return the member, one writer of plans at a time; facts about them go on arriving."""
    held = Member.objects.select_for_update(no_key=True, of=("self",)).get(pk=member.pk)
    # whoever records evidence holds these
    list(Plan.objects.select_for_update(no_key=True).filter(member=held).order_by("pk"))
    return held


def _speaker(member: Member, by: User | None, said_by: Person | None) -> Person | None:
    if said_by is None and by is not None and by.member_id == member.pk:
        return by.person
    if (
        said_by is not None
        and not Affiliation.objects.filter(member=member, person=said_by).exists()
    ):
        raise NotSaid(_("That person does not belong to this member."))
    return said_by


def _require_speaker(word: versions.Word) -> None:
    is_ours = word.by is None or word.by.role != Role.MEMBER
    if is_ours and word.said_by is None:
        raise NotSaid(_("Say which of the member's people said it."))


def _require_agreeable(findings: tuple[Finding, ...]) -> None:
    if any(finding.is_error for finding in findings):
        raise NotAgreeable(findings)


def _require_anchor(member: Member, anchor_on: date, *, on: date) -> None:
    begin = _membership_began(member, on=on)
    if begin is not None and anchor_on < begin:
        words = _("The membership began on %(day)s; the plan cannot begin before.")
        raise NotSaid(words % {"day": begin.isoformat()})


def _membership_began(member: Member, *, on: date) -> date | None:
    """First day of the membership on a day, else of the last one, else of the one to come."""
    grace = timedelta(days=Association.current().grace_days)
    begins: list[date] = []
    covered_until: date | None = None
    terms = member.terms.order_by("starts_on", "ends_on").values_list("starts_on", "ends_on")
    for starts_on, ends_on in terms:
        if covered_until is None or starts_on >= covered_until + grace:
            begins.append(starts_on)
        covered_until = max(covered_until or ends_on, ends_on)
    begun = [day for day in begins if day <= on]
    return begun[-1] if begun else next(iter(begins), None)


def _require_open(plan: Plan) -> Plan:
    if plan.closed_on is not None:
        newest = Plan.objects.filter(member=plan.member_id).order_by("-version")[0]
        raise PlanOver(newest)
    return plan


def _not_before_it_begins(plan: Plan, on: date, *, word: versions.Word) -> date:
    """The day on which a version changes: one that lies ahead changes from its first day."""
    return max(on, plan.counts_from) if plan.counts_from > word.today else on


def _require_day(plan: Plan, on: date, *, reason: str, word: versions.Word) -> None:
    _require_open(plan)
    if not reason.strip():
        raise NotSaid(_("Say why the plan does not stay as it was."))
    if on > max(word.today, plan.counts_from):
        raise NotSaid(_("That day is still to come."))
    if on < plan.counts_from:
        raise NotSaid(_("This version of the plan did not count yet on that day."))


def _unknown(member: Member, path: PlannedPath, *, plan: Plan | None) -> list[Finding]:
    """People who are not of the side that promises, and offers that are not made.

    An offer of the plan in force that has been retired since stays what was announced.
    """
    found = []
    owners = versions.owners_named(promise.owner for _where, promise in promises_of(path))
    people = versions.people_named(
        member, (promise.person for _where, promise in promises_of(path))
    )
    for where, promise in promises_of(path):
        is_ours = promise.side is engine.Side.ASSOCIATION
        if promise.owner and not (is_ours and promise.owner in owners):
            words = _("A promise of ours is kept by one of us.")
            found.append(_refusal("owner_unknown", f"{where}.owner", words))
        if promise.person and (is_ours or promise.person not in people):
            words = _("A promise of the member is kept by one of their people.")
            found.append(_refusal("person_unknown", f"{where}.person", words))
    announced = [] if plan is None else versions.asks_of_chain(chain_of(plan))
    known = set(Offer.objects.filter(is_retired=False).values_list("key", flat=True))
    known |= {versions.offer_key(ask) for ask in announced}
    for index, milestone in enumerate(path.milestones):
        if milestone.upsell and milestone.upsell not in known:
            where = f"milestones.{index}.upsell"
            found.append(_refusal("offer_unknown", where, _("There is no such offer.")))
    return found


def _refusal(code: str, where: str, words: str, suggestion: str = "") -> Finding:
    return Finding(severity="error", code=code, where=where, words=words, suggestion=suggestion)


def _key_at(path: PlannedPath, where: str) -> str:
    """The key of the milestone that a finding is about; blank for the whole."""
    parts = where.split(".")
    if len(parts) > 1 and parts[0] == "milestones":
        return path.milestones[int(parts[1])].key
    return ""


def _is_same_goal(plan: Plan, path: PlannedPath) -> bool:
    if plan.goal.strip() != path.goal.strip():
        return False
    outcome = plan.outcome
    return outcome is None or (
        outcome.required_outcome.strip() == path.required_outcome.strip()
        and outcome.measure.strip() == path.measure.strip()
    )


# Safe to repeat: is what was asked for there already?


def _is_agreed_so(plan: Plan, path: PlannedPath, *, anchor_on: date, on: date) -> bool:
    return (
        plan.succession == Succession.AGREED
        and plan.anchor_on == anchor_on
        and plan.agreed_at is not None
        and local_date(plan.agreed_at, zone=association_zone()) == on
        and _essence(path_of_plan(plan)) == _essence(path)
    )


def _followed(
    plan: Plan, path: PlannedPath, *, on: date, successions: Collection[str]
) -> Plan | None:
    """The version after ``plan``, if it is what would be written now."""
    following = _newer(plan).order_by("version").first()
    if following is None or plan.closed_on != on or following.succession not in successions:
        return None
    keys = following.milestones.filter(is_carried_over=True).values_list("key", flat=True)
    there = _essence(_with_carried_over(path_of_plan(following), frozenset(keys)))
    asked_for = _essence(_with_carried_over(path, frozenset(keys)))
    return following if there == asked_for else None


def _essence(path: PlannedPath) -> dict[str, object]:
    """What makes two agreements one: all that is said, but for promises and asks.

    Those live on after the agreement; the milestones do not.
    """
    milestones = [
        replace(milestone, promises=(), upsell="", advocacy="") for milestone in path.milestones
    ]
    milestones.sort(key=lambda milestone: not milestone.is_gating)
    return to_data(replace(path, milestones=tuple(milestones), promises=()))


def _newer(plan: Plan) -> QuerySet[Plan]:
    return Plan.objects.filter(member=plan.member_id, version__gt=plan.version)


# Writing a version.


def _next_version(member: Member) -> int:
    newest: int | None = Plan.objects.filter(member=member).aggregate(v=Max("version"))["v"]
    return (newest or 0) + 1


def _said(path: PlannedPath, word: versions.Word) -> dict[str, object]:
    said: dict[str, object] = {name: getattr(path, name) for name in EXPECTATIONS}
    return said | {"goal": path.goal, "agreed_by": word.by, "agreed_at": word.at}


def _outcome(
    member: Member, path: PlannedPath, *, on: date, word: versions.Word
) -> DesiredOutcome:
    return outcomes.say_outcome(
        member=member,
        goal=path.goal,
        required_outcome=path.required_outcome,
        measure=path.measure,
        said_by=word.said_by,
        on=on,
        by=word.by,
        at=word.at,
    )


def _follow(  # noqa: PLR0913  # what a version is made of
    old: Plan,
    path: PlannedPath,
    *,
    on: date,
    word: versions.Word,
    succession: Succession,
    reason: str,
    baseline: Plan | None,
    anchor_on: date,
    outcome: DesiredOutcome | None,
) -> Plan:
    """Close ``old`` on a day and open the version that counts from it."""
    old.closed_on = on
    old.save(update_fields=["closed_on"])
    return Plan.objects.create(
        member_id=old.member_id,
        template=old.template if baseline is not None else None,
        outcome=outcome,
        version=_next_version(old.member),
        succession=succession,
        reason=reason,
        baseline=baseline,
        anchor_on=anchor_on,
        counts_from=on,
        is_simulated=old.is_simulated,
        **_said(path, word),
    )


def _reached(plan: Plan, *, on: date) -> frozenset[str]:
    return frozenset(row.key for row in plan.milestones.all() if stands(row, on=on))


def _with_carried_over(path: PlannedPath, reached: Collection[str]) -> PlannedPath:
    """The path with what was reached before behind it: it gates no more and asks nothing."""
    milestones = tuple(
        replace(milestone, is_gating=False, upsell="", advocacy="")
        if milestone.key in reached
        else milestone
        for milestone in path.milestones
    )
    return replace(path, milestones=milestones)


def _planned(row: Accountability, *, anchor_on: date) -> Promise:
    return Promise(
        side=engine.Side(row.side),
        title=row.title,
        due_day=(row.due_on - anchor_on).days,
        owner=str(row.owner.public_id) if row.owner is not None and row.owner.is_active else "",
        person=str(row.person.public_id) if row.person is not None else "",
        closes_fit=row.closes_fit,
    )


def _advocacy(ask: Ask | None) -> str:
    return ask.advocacy if ask is not None else ""


def _record(  # noqa: PLR0913  # an entry has that many parts
    verb: str,
    plan: Plan,
    *,
    on: date,
    word: versions.Word,
    before: Plan | None = None,
    reason: str = "",
    days: tuple[date, date | None] | None = None,
) -> None:
    """One entry of the trail, and the member is looked at anew from that day."""
    after: dict[str, object] = {"version": plan.version, "on": on}
    after |= {"anchor_on": plan.anchor_on, "succession": plan.succession}
    if reason:
        after["reason"] = reason
    if days is not None:
        after |= {"starts_on": days[0], "ends_on": days[1]}
    audit.record(
        verb=f"plan.{verb}",
        subject=plan,
        member_id=plan.member_id,
        summary=f"Version {plan.version} of the plan: {verb}, from {on}",
        by=word.by,
        at=word.at,
        before=None if before is None else {"version": before.version},
        after=after,
    )
    mark_dirty([(plan.member_id, min(on, word.today))])
    if plan.batch_id is None:  # a batch is many members, and the night has them all
        nights.refresh_member(member_id=plan.member_id, at=word.at)
