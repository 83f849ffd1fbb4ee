"""Offers and requests that were announced at the start: consent, when to ask, what came of it.

Nobody is asked before the milestone is confirmed: the database refuses it, whoever writes.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time

from django.db import transaction
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date, local_moment
from members.models import Member, Person, User
from members.services import audit
from success.engine.planning import PlannedPath
from success.enums import Advocacy, AskKind, AskStatus
from success.models import Ask, Milestone, Offer, Plan
from success.queries import asks as reads
from success.queries.asks import Eligibility
from success.services import nights


class NotEligible(Exception):
    """It may not be asked now; ``reasons`` say why, in words."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons
        super().__init__(" ".join(reasons))


class NotAnnounced(Exception):
    """It was asked, or withdrawn, before; consent is no longer the question."""


class NotAsked(Exception):
    """It waits for no answer."""


class BadAnswer(ValueError):
    """The answer is not one, or its day cannot be; the message says which."""


@transaction.atomic
def announce(
    *,
    plan: Plan,
    consents: Collection[str],
    said_by: Person | None,
    on: date,
    path: PlannedPath | None = None,
) -> list[Ask]:
    """Write down what we shall ask at which milestone, with the consents given by name.

    What is asked is read from ``path``, else from the plan's template by the milestones' keys.
    ``consents`` are ``"key:upsell"`` and ``"key:advocacy"``. Unknown and retired offers are
    left out. Safe to repeat: what is announced stays as it is. Recorded as done by whoever
    agreed the plan (DOMAIN 2.7).
    """
    offers = {offer.key: offer for offer in Offer.objects.filter(is_retired=False)}
    made: list[Ask] = []
    milestones = {milestone.key: milestone for milestone in plan.milestones.all()}
    for key, upsell, advocacy in _teed_up(plan, path):
        milestone = milestones.get(key)
        if milestone is None or milestone.is_carried_over:
            continue
        if upsell in offers:
            made += _announced(
                milestone, AskKind.UPSELL, offer=offers[upsell], consents=consents,
                said_by=said_by, on=on,
            )  # fmt: skip
        if advocacy:
            made += _announced(
                milestone, AskKind.ADVOCACY, advocacy=advocacy, consents=consents,
                said_by=said_by, on=on,
            )  # fmt: skip
    if made:
        audit.record(
            verb="ask.announced",
            subject=plan,
            member_id=plan.member_id,
            summary=f"{len(made)} asks were announced",
            by=plan.agreed_by,
            at=plan.agreed_at or local_moment(on, time(0), zone=association_zone()),
            after={"asks": [f"{ask.milestone.key}:{ask.kind}" for ask in made]},
        )
    return made


@transaction.atomic
def carry_on(*, from_plan: Plan, to_plan: Plan, by: User | None, at: datetime) -> int:
    """Move what was not yet asked to the version that follows, by the milestone's key.

    Consents stay. What the new version has no milestone for, or announces itself, is withdrawn;
    what was asked stays where it was asked. Returns how many went on. Safe to repeat.
    """
    milestones = {milestone.key: milestone for milestone in to_plan.milestones.all()}
    there = set(to_plan.asks.values_list("milestone__key", "kind"))
    gone_on = 0
    for ask in from_plan.asks.filter(status=AskStatus.ANNOUNCED).select_related("milestone"):
        milestone = milestones.get(ask.milestone.key)
        if milestone is None or (milestone.key, ask.kind) in there:
            ask.status = AskStatus.WITHDRAWN
            ask.save(update_fields=["status"])
            continue
        ask.plan, ask.milestone = to_plan, milestone
        ask.save(update_fields=["plan", "milestone"])
        gone_on += 1
    audit.record(
        verb="ask.went_on",
        subject=to_plan,
        member_id=to_plan.member_id,
        summary=f"{gone_on} asks went on with version {to_plan.version}",
        by=by,
        at=at,
    )
    return gone_on


@transaction.atomic
def consent(*, ask: Ask, person: Person | None, on: date, by: User, at: datetime) -> Ask:
    """Record that the member agreed to be asked; given anew, the newer day counts.

    Raises ``NotAnnounced``.
    """
    row = _held(ask)
    _require_announced(row)
    before = {"consented_on": row.consented_on}
    row.consented_on, row.consented_by = on, person
    row.save(update_fields=["consented_on", "consented_by"])
    return _done(
        row, verb="ask.consented", before=before, after={"consented_on": on}, by=by, at=at
    )


@transaction.atomic
def withdraw_consent(*, ask: Ask, by: User, at: datetime) -> Ask:
    """Record that the member would rather not be asked; it stays announced.

    Raises ``NotAnnounced`` once it was asked: then it is for them to refuse.
    """
    row = _held(ask)
    _require_announced(row)
    before = {"consented_on": row.consented_on}
    row.consented_on = row.consented_by = None
    row.save(update_fields=["consented_on", "consented_by"])
    return _done(
        row,
        verb="ask.consent_withdrawn",
        before=before,
        after={"consented_on": None},
        by=by,
        at=at,
    )


def eligibility(ask: Ask, *, as_of: date) -> Eligibility:
    """Return whether an ask may be made on a day, with all that stands against it in words."""
    return reads.eligibility(ask, as_of=as_of)


@transaction.atomic
def make_ask(*, ask: Ask, by: User, at: datetime, on: date) -> Ask:
    """Record that the member was asked, once, on a day; one open ask a member at a time.

    Raises ``NotEligible`` with the reasons, and ``BadAnswer`` for a day to come. The database
    refuses what this would let through.
    """
    if on > local_date(at, zone=association_zone()):
        raise BadAnswer(_("That day is still to come."))
    # one asker at a time for a member
    Member.objects.select_for_update(no_key=True).get(pk=ask.plan.member_id)
    row = _held(ask)
    found = reads.eligibility(row, as_of=on)
    if not found.is_eligible:
        raise NotEligible(found.reasons)
    row.status, row.asked_on, row.asked_by = AskStatus.ASKED, on, by
    row.save(update_fields=["status", "asked_on", "asked_by"])
    return _done(row, verb="ask.asked", before={}, after={"asked_on": on}, by=by, at=at)


@transaction.atomic
def answer(  # noqa: PLR0913  # what an answer says
    *,
    ask: Ask,
    status: AskStatus,
    words: str,
    record: str,
    on: date,
    by: User,
    at: datetime,
) -> Ask:
    """Record what they answered, in their words, and what came of it.

    Accepted or refused. ``record`` is the quotation, or where the case study is. A refusal
    silences asks for 180 days or until the next milestone. What came of an acceptance may be
    added later by the same answer again. Raises ``NotAsked`` and ``BadAnswer``.
    """
    if status not in {AskStatus.ACCEPTED, AskStatus.REFUSED}:
        raise BadAnswer(_("An answer is yes or no."))
    row = _held(ask)
    if row.status not in {AskStatus.ASKED, status}:
        raise NotAsked(_("It waits for no answer."))
    if row.asked_on is None or on < row.asked_on:
        raise BadAnswer(_("They cannot have answered before they were asked."))
    if on > local_date(at, zone=association_zone()):
        raise BadAnswer(_("That day is still to come."))
    before = {"status": row.status, "answered_on": row.answered_on}
    row.status, row.answered_on = status, on
    row.answer, row.record = words.strip(), record.strip()
    row.save(update_fields=["status", "answered_on", "answer", "record"])
    after = {"status": AskStatus(status).value, "answered_on": on}
    return _done(
        row, verb=f"ask.{AskStatus(status).value}", before=before, after=after, by=by, at=at
    )


@transaction.atomic
def withdraw(*, ask: Ask, by: User, at: datetime, reason: str = "") -> Ask:
    """Give an ask up for good, before or after it was made but not once it was answered.

    Raises ``NotAsked`` where it was answered or withdrawn before.
    """
    row = _held(ask)
    if row.status not in {AskStatus.ANNOUNCED, AskStatus.ASKED}:
        raise NotAsked(_("It was answered, or withdrawn, before."))
    before = {"status": row.status}
    row.status = AskStatus.WITHDRAWN
    row.record = reason.strip() or row.record
    row.save(update_fields=["status", "record"])
    after = {"status": AskStatus.WITHDRAWN.value}
    return _done(row, verb="ask.withdrawn", before=before, after=after, by=by, at=at)


def _teed_up(plan: Plan, path: PlannedPath | None) -> list[tuple[str, str, str]]:
    """(key of the milestone, key of an offer or blank, kind of request or blank)."""
    if path is not None:
        return [(each.key, each.upsell, each.advocacy) for each in path.milestones]
    if plan.template is None:
        return []
    rows = plan.template.milestones.select_related("upsell").order_by("position")
    return [(row.key, row.upsell.key if row.upsell else "", row.advocacy) for row in rows]


def _announced(  # noqa: PLR0913  # an ask has that many parts
    milestone: Milestone,
    kind: AskKind,
    *,
    consents: Collection[str],
    said_by: Person | None,
    on: date,
    offer: Offer | None = None,
    advocacy: str = "",
) -> list[Ask]:
    agreed = f"{milestone.key}:{kind.value}" in consents
    ask, is_new = Ask.objects.get_or_create(
        milestone=milestone,
        kind=kind,
        defaults={
            "plan_id": milestone.plan_id,
            "offer": offer,
            "advocacy": Advocacy(advocacy) if advocacy else "",
            "consented_on": on if agreed else None,
            "consented_by": said_by if agreed else None,
        },
    )
    return [ask] if is_new else []


def _held(ask: Ask) -> Ask:
    """Return the row, locked until the transaction ends."""
    return (
        Ask.objects.select_for_update(of=("self",))
        .select_related("plan", "milestone", "offer")
        .get(pk=ask.pk)
    )


def _require_announced(row: Ask) -> None:
    if row.status != AskStatus.ANNOUNCED:
        raise NotAnnounced(row.get_status_display())


def _done(  # noqa: PLR0913  # a step has that many parts
    row: Ask,
    *,
    verb: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
    by: User,
    at: datetime,
) -> Ask:
    audit.record(
        verb=verb,
        subject=row,
        member_id=row.plan.member_id,
        summary=f"The {row.kind} ask at milestone {row.milestone.key}: {verb.split('.')[1]}",
        by=by,
        at=at,
        before=before,
        after=after,
    )
    nights.refresh_member(member_id=row.plan.member_id, at=at)
    return row
