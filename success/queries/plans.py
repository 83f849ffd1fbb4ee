"""The versions of a member's plan, the position that re-planning hides, and the six fits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from members.models import Member
from success.engine import vector as engine
from success.engine import wording
from success.enums import EvidenceSource, Fit, FitStatus, Side, Succession
from success.models import Accountability, FitAssessment, Milestone, Plan, PlanPause


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A re-planned version seen against the first agreed one (DOMAIN 3.3, SV16).

    ``times`` is how often it was re-planned. ``position`` is days ahead of the first agreed
    days, negative behind; null before the anchor. ``hides_days`` is how much better the new
    days look, below zero where they ask for more; null with the position. ``first_days`` are
    the plan-days first agreed of what gated then, by key of the milestone, and ``gone`` those
    days on which nothing of the like is expected any more.
    """

    times: int
    hides_days: int | None
    position: int | None
    first_days: Mapping[str, int] = field(default_factory=dict)
    gone: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """Say how often the plan was moved and what that hides; blank where it was not."""
        if not self.times:
            return ""
        return wording.rebaselined(times=self.times, hidden_days=self.hides_days or 0)


@dataclass(frozen=True, kw_only=True)
class FitStanding:
    """A fit of success potential as last assessed; ``on`` is null where nobody has.

    ``closing`` are our open promises that close it where it is missing.
    """

    fit: Fit
    status: FitStatus
    reason: str
    on: date | None
    by: str
    closing: tuple[Accountability, ...]

    @property
    def is_missing(self) -> bool:
        return self.status == FitStatus.MISSING

    @property
    def is_open(self) -> bool:
        """Missing, and nothing promised that closes it: no plan may be agreed like that."""
        return self.is_missing and not self.closing


def open_plan(member: Member) -> Plan | None:
    """The version that nothing has followed yet; null where the member has none."""
    return Plan.objects.filter(member=member, closed_on=None).first()


def chain_of(plan: Plan) -> list[Plan]:
    """``plan`` and the versions it came from, newest first, back to the first that was agreed.

    A member who left and came back began anew: what was before is not in it.
    """
    chain: list[Plan] = []
    earlier = Plan.objects.filter(member=plan.member_id, version__lte=plan.version)
    for version in earlier.order_by("-version"):
        chain.append(version)
        if version.succession == Succession.AGREED:
            break
    return chain


def stands(milestone: Milestone, *, on: date) -> bool:
    """Tell whether a milestone is achieved on a day (DOMAIN 3.1)."""
    return sum(day <= on for day in milestone.evidence_dates or ()) % 2 == 1


def is_achieved(plan: Plan, *, on: date) -> bool:
    """Tell whether every milestone that gates has been reached on a day (DOMAIN 3.2)."""
    gating = [milestone for milestone in plan.milestones.all() if milestone.is_gating]
    return bool(gating) and all(stands(milestone, on=on) for milestone in gating)


def engine_plan(
    plan: Plan, *, evidence: Mapping[str, Iterable[date]] | None = None
) -> engine.Plan | None:
    """Return a version as the engine reads it; null where nothing in it gates.

    ``evidence`` by key of the milestone takes the place of the version's own. Two queries, or
    none where milestones and pauses have been fetched.
    """
    milestones = tuple(
        gating_milestone(milestone, evidence=evidence)
        for milestone in plan.milestones.all()
        if milestone.is_gating
    )
    if not milestones:
        return None
    return engine.Plan(
        anchor=plan.anchor_on, milestones=milestones, pauses=_pauses(plan.pauses.all())
    )


def gating_milestone(
    milestone: Milestone, *, evidence: Mapping[str, Iterable[date]] | None = None
) -> engine.GatingMilestone:
    """Return a milestone as the engine reads it; ``evidence`` as for ``engine_plan``."""
    return engine.GatingMilestone(
        position=milestone.position,
        expected_day=milestone.expected_day,
        weight=milestone.weight,
        evidence_dates=tuple(
            (evidence or {}).get(milestone.key, milestone.evidence_dates or ())
        ),
        key=milestone.key,
        is_declared=milestone.evidence_source == EvidenceSource.DECLARED,
    )


def baseline_position(plan: Plan, *, as_of: date) -> Baseline:
    """Return where the member is on the days first agreed, with today's evidence and pauses.

    For a version that re-plans nothing it is the version's own position, hiding nothing. The
    evidence of a milestone is that of the newest version, up to this one, that has its key; of
    one that the records show and this version does not have, it is the first version's own,
    which goes on being watched. Up to six queries (DOMAIN 3.3, SV16).
    """
    path = engine_plan(plan)
    now = _position(path, as_of=as_of)
    if plan.baseline_id is None:
        return Baseline(times=0, hides_days=None if now is None else 0, position=now)
    versions = list(
        Plan.objects.filter(baseline=plan.baseline_id, version__lte=plan.version)
        .order_by("version")
        .prefetch_related("milestones")
    )
    agreed = list(Milestone.objects.filter(plan=plan.baseline_id, is_gating=True))
    watched = {milestone.key for milestone in agreed if milestone.evidence_rule}
    evidence = {
        milestone.key: tuple(milestone.evidence_dates or ())
        for version in versions
        for milestone in version.milestones.all()
        if version.pk == plan.pk or milestone.key not in watched
    }
    then = None
    if path is not None:
        then = engine.position_on_baseline(
            path,
            first_agreed=[gating_milestone(milestone) for milestone in agreed],
            evidence=evidence,
            as_of=as_of,
        )
    still = {(m.key, m.expected_day) for m in path.milestones} if path else set()
    gone = {m.expected_day for m in agreed}
    gone -= {m.expected_day for m in agreed if (m.key, m.expected_day) in still}
    return Baseline(
        times=len(versions),
        hides_days=None if now is None or then is None else now - then,
        position=then,
        first_days={milestone.key: milestone.expected_day for milestone in agreed},
        gone=tuple(sorted(gone)),
    )


def fits_of(member: Member, *, as_of: date) -> tuple[FitStanding, ...]:
    """Return the six fits of success potential in their order, as of a day (DOMAIN 2.12).

    The newest assessment of each counts; one that nobody has made is unknown, not present. Two
    queries.
    """
    newest: dict[str, FitAssessment] = {}
    said = FitAssessment.objects.filter(member=member, on__lte=as_of).select_related("by")
    for assessment in said.order_by("on", "pk"):
        newest[assessment.fit] = assessment
    closing: dict[str, list[Accountability]] = {}
    promised = Accountability.objects.filter(
        plan__member=member,
        plan__closed_on=None,
        side=Side.ASSOCIATION,
        done_on=None,
        waived_on=None,
    ).exclude(closes_fit="")
    for promise in promised.select_related("owner").order_by("due_on", "pk"):
        closing.setdefault(promise.closes_fit, []).append(promise)
    return tuple(_standing(fit, newest.get(fit), tuple(closing.get(fit, ()))) for fit in Fit)


def missing_fits(member: Member, *, as_of: date) -> frozenset[str]:
    """Return the fits known to be missing on a day, as the linter asks for them."""
    standing = fits_of(member, as_of=as_of)
    return frozenset(each.fit.value for each in standing if each.is_missing)


def _standing(
    fit: Fit, said: FitAssessment | None, closing: tuple[Accountability, ...]
) -> FitStanding:
    if said is None:
        return FitStanding(
            fit=fit, status=FitStatus.UNKNOWN, reason="", on=None, by="", closing=()
        )
    status = FitStatus(said.status)
    return FitStanding(
        fit=fit,
        status=status,
        reason=said.reason,
        on=said.on,
        by=str(said.by or ""),
        closing=closing if status == FitStatus.MISSING else (),
    )


def _pauses(rows: Iterable[PlanPause]) -> tuple[engine.Pause, ...]:
    return tuple(engine.Pause(row.starts_on, row.ends_on) for row in rows)


def _position(plan: engine.Plan | None, *, as_of: date) -> int | None:
    vector = engine.compute(plan, as_of=as_of)
    return None if vector is None else vector.days_ahead
