"""What we may ask of members, and what stands against it, in words."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from coverage.queries.experience import is_mismatched
from members.models import Member
from success.engine.asks import AskFacts, Barrier, barriers
from success.engine.evidence import FIRM, stands
from success.engine.vector import State
from success.enums import Advocacy, AskKind, AskStatus, Side
from success.models import Accountability, Ask, MemberFacts, Milestone

WORDS = {
    Barrier.WITHDRAWN: _("It was withdrawn."),
    Barrier.ASKED_BEFORE: _("It was asked before; we ask once."),
    Barrier.PLAN_REPLACED: _("The plan it belongs to is not the one in force."),
    Barrier.NO_CONSENT: _("They have not agreed to be asked."),
    Barrier.NOT_REACHED: _("The milestone has not been reached."),
    Barrier.NOT_CONFIRMED: _("The milestone rests on one side's word; confirm it first."),
    Barrier.STATE_UNKNOWN: _("It is not known yet how they are doing."),
    Barrier.NOT_MOVING: _("They are not moving: help first, ask later."),
    Barrier.AX_MISMATCH: _("The experience they get does not suit them yet."),
    Barrier.WE_OWE: _("A promise of ours at this milestone is late."),
    Barrier.OWNED: _("They have it already."),
    Barrier.RETIRED: _("We do not offer it any more."),
    Barrier.ANOTHER_OPEN: _("Another ask of theirs waits for its answer."),
    Barrier.COOLING_OFF: _("They refused something lately: 180 days, or the next milestone."),
    Barrier.SMALLER_FIRST: _("A smaller request of this plan comes first."),
}
SIZES = tuple(kind.value for kind in Advocacy)


@dataclass(frozen=True, kw_only=True)
class Eligibility:
    """Whether an ask may be made; ``reasons`` are all that stands against it, in words."""

    is_eligible: bool
    reasons: tuple[str, ...]
    barriers: tuple[Barrier, ...] = ()


def eligibility(ask: Ask, *, as_of: date) -> Eligibility:
    """Return whether an ask may be made on a day, with the reasons against (DOMAIN 2.7, 2.11).

    The state is that of MemberFacts. An experience of which nobody knows yet whether it suits
    the member stands against nothing. Some fourteen statements; over many members see
    ``success.rollups.asks``.
    """
    found = barriers(_facts(ask, as_of=as_of), on=as_of)
    return Eligibility(
        is_eligible=not found,
        reasons=tuple(str(WORDS[barrier]) for barrier in found),
        barriers=found,
    )


def of_member(member: Member) -> QuerySet[Ask]:
    """The asks of a member's plans, the path's order first, with all that a row shows."""
    return (
        Ask.objects.filter(plan__member=member)
        .select_related("milestone", "offer", "plan", "asked_by", "consented_by")
        .order_by("-plan__version", "milestone__position", "kind", "pk")
    )


def _facts(ask: Ask, *, as_of: date) -> AskFacts:
    plan, milestone, offer = ask.plan, ask.milestone, ask.offer
    known = MemberFacts.objects.filter(pk=plan.member_id).values("state", "tier").first()
    others = list(Ask.objects.filter(plan__member=plan.member_id).exclude(pk=ask.pk))
    refusals = [
        other.answered_on
        for other in others
        if other.status == AskStatus.REFUSED and other.answered_on is not None
    ]
    reached = Milestone.objects.filter(plan__member=plan.member_id).values_list(
        "evidence_dates", flat=True
    )
    turns = [day for dates in reached for day in (dates or ())[::2] if day <= as_of]
    accepted = {other.offer_id for other in others if other.status == AskStatus.ACCEPTED}
    owned = offer is not None and (
        offer.pk in accepted
        or bool(known and offer.owned_with_tier and offer.owned_with_tier == known["tier"])
    )
    return AskFacts(
        is_announced=ask.status == AskStatus.ANNOUNCED,
        is_withdrawn=ask.status == AskStatus.WITHDRAWN,
        is_plan_in_force=plan.counts_from <= as_of
        and (plan.closed_on is None or plan.closed_on > as_of),
        consented_on=ask.consented_on,
        is_reached=stands(milestone.evidence_dates, on=as_of),
        is_confirmed=milestone.evidence_source in FIRM,
        state=State(known["state"].upper()) if known else None,
        is_ax_mismatched=is_mismatched(plan.member, as_of=as_of),
        we_owe_there=_late_of_ours(milestone, as_of=as_of),
        is_owned=owned,
        is_retired=offer is not None and offer.is_retired,
        has_other_open=any(other.status == AskStatus.ASKED for other in others),
        refused_on=max(refusals, default=None),
        last_reached_on=max(turns, default=None),
        lacks_smaller=_lacks_smaller(ask, others),
    )


def _late_of_ours(milestone: Milestone, *, as_of: date) -> bool:
    return (
        Accountability.objects.filter(
            Q(done_on=None) | Q(done_on__gt=as_of),
            Q(waived_on=None) | Q(waived_on__gt=as_of),
            milestone=milestone,
            side=Side.ASSOCIATION,
            due_on__lt=as_of,
        )
    ).exists()


def _lacks_smaller(ask: Ask, others: list[Ask]) -> bool:
    """Whether a smaller request that they agreed to is still to come, or was refused since.

    A bigger one waits for the smaller ones of its plan. Refused, a smaller one stands against
    it until they agree anew to the bigger one, by name. A plan that announces none smaller
    rests on its own consent.
    """
    if ask.kind != AskKind.ADVOCACY:
        return False
    smaller = [
        other
        for other in others
        if other.plan_id == ask.plan_id
        and other.kind == AskKind.ADVOCACY
        and other.consented_on is not None
        and SIZES.index(other.advocacy) < SIZES.index(ask.advocacy)
    ]
    return any(
        other.status in {AskStatus.ANNOUNCED, AskStatus.ASKED}
        or (
            other.status == AskStatus.REFUSED
            and other.answered_on is not None
            and (ask.consented_on is None or other.answered_on >= ask.consented_on)
        )
        for other in smaller
    )
