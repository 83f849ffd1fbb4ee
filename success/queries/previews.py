"""A plan that is being written, as the member will see it on their own page."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from config.kernel.road import Road, Station
from members.models import Member, Person, User
from success.engine import drafting
from success.enums import DraftPurpose, EvidenceSource, ExpectedBasis, Side
from success.models import Ask, DesiredOutcome, Milestone, Offer, Plan, PlanDraft
from success.queries.portal import (
    FIRST_DAYS,
    SOON,
    FirstDays,
    MyMilestone,
    MyPath,
    MyPromise,
    NextThing,
    Speakers,
    speakers,
)

FARTHEST = 36_500


def path_of_template_as_seen(
    content: Mapping[str, Any], *, audience: str, as_of: date
) -> MyPath:
    """The page of some member, were a template agreed with them on a day; nothing is written.

    ``content`` is that of a draft, however unfinished.
    """
    somebody = Member(name="", kind=audience)
    draft = PlanDraft(
        member=somebody,
        content=dict(content),
        anchor_on=as_of,
        purpose=DraftPurpose.AGREE.value,
    )
    return _as_seen(draft, people=Speakers(owner=None, leads=()), as_of=as_of)


def path_of_draft_as_seen(draft: PlanDraft, *, as_of: date) -> MyPath:
    """The member's page as it would be on a day, were the draft agreed; nothing is written.

    Milestones and promises without a title or a day are left out: there is nothing to see yet.
    What the plan in force has reached stands as reached where the draft has it, too. A fixed
    number of queries.
    """
    return _as_seen(draft, people=speakers(draft.member), as_of=as_of)


def _as_seen(draft: PlanDraft, *, people: Speakers, as_of: date) -> MyPath:
    member, anchor_on = draft.member, draft.anchor_on
    content = _seen(draft.content)
    reached = _reached(draft, as_of=as_of)
    milestones = _milestones(
        content, reached=reached, anchor_on=anchor_on, as_of=as_of, purpose=draft.purpose
    )
    promises = _promises(content, draft=draft)
    ours = tuple(row for row in promises if row.is_ours)
    theirs = tuple(row for row in promises if not row.is_ours)
    plan = Plan(
        member=member,
        goal=content["goal"],
        anchor_on=anchor_on,
        counts_from=anchor_on,
        first_30=content["first_30"],
        first_60=content["first_60"],
        first_90=content["first_90"],
    )
    return MyPath(
        member=member,
        as_of=as_of,
        plan=plan,
        outcome=_outcome(content, as_of=as_of),
        other_goals=(),
        goal_change=None,
        road=_road(milestones, reached=reached, anchor_on=anchor_on, as_of=as_of),
        milestones=milestones,
        next=_next(milestones, theirs=theirs, as_of=as_of),
        pause=None,
        finished_on=None,
        talk=None,
        ours=ours,
        theirs=theirs,
        asks=_asks(content, as_of=as_of),
        review=None,
        is_time_to_ask=False,
        people=people,
        first_days=_first_days(
            plan, milestones=milestones, ours=ours, theirs=theirs, as_of=as_of
        ),
    )


def _seen(content: Mapping[str, Any]) -> drafting.Content:
    """What of a draft can be shown already."""
    shown = drafting.arranged(content)
    shown["promises"] = _sayable(content["promises"])
    shown["milestones"] = [
        each | {"promises": _sayable(each["promises"])}
        for each in shown["milestones"]
        if each["title"] and _is_day(each["expected_day"])
    ]
    return shown


def _sayable(promises: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in promises if each["title"] and isinstance(each["due_day"], int)]


def _is_day(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= FARTHEST


def _reached(draft: PlanDraft, *, as_of: date) -> dict[str, tuple[date, str]]:
    """The milestones that stand in the plan in force, by key: since when, and by whose word."""
    if draft.purpose == DraftPurpose.AGREE:
        return {}
    rows = Milestone.objects.filter(plan__member=draft.member_id, plan__closed_on=None)
    reached = {}
    for row in rows:
        turns = [day for day in row.evidence_dates or () if day <= as_of]
        if len(turns) % 2:
            reached[row.key] = (turns[-1], row.evidence_source)
    return reached


def _milestones(
    content: Mapping[str, Any],
    *,
    reached: Mapping[str, tuple[date, str]],
    anchor_on: date,
    as_of: date,
    purpose: str,
) -> tuple[MyMilestone, ...]:
    rows = []
    following = True
    for each in content["milestones"]:
        since = reached.get(each["key"])
        is_next = following and each["is_gating"] and since is None
        following = following and not is_next
        by = anchor_on + timedelta(days=each["expected_day"])
        rows.append(
            MyMilestone(
                key=each["key"],
                title=each["title"],
                expectation=each["expectation"],
                is_gating=each["is_gating"] and not (since and purpose == DraftPurpose.EVOLVE),
                is_next=is_next,
                is_seen_in_records=each["evidence_kind"] == EvidenceSource.DERIVED,
                is_from_members=each["expected_basis"] == ExpectedBasis.COHORT,
                usually_by=by,
                usually_after=each["expected_day"],
                is_past=by < as_of,
                reached_on=since[0] if since else None,
                what_changed="",
                said=None,
            )
        )
    return tuple(rows)


def _promises(content: Mapping[str, Any], *, draft: PlanDraft) -> tuple[MyPromise, ...]:
    made = [(each, "") for each in content["promises"]]
    for milestone in content["milestones"]:
        made += [(each, milestone["title"]) for each in milestone["promises"]]
    names = _names([each["owner"] or each["person"] for each, _title in made])
    rows = [
        MyPromise(
            public_id=draft.public_id,
            is_ours=each["side"] == Side.ASSOCIATION,
            title=each["title"],
            who=names.get(each["owner"] or each["person"], ""),
            leads_to=title,
            due_on=draft.anchor_on + timedelta(days=each["due_day"]),
            done_on=None,
            evidence="",
            days_late=0,
            helped=None,
            words="",
            is_simulated=False,
        )
        for each, title in made
        if abs(each["due_day"]) <= FARTHEST
    ]
    return tuple(sorted(rows, key=lambda row: row.due_on))


def _names(public_ids: Iterable[str]) -> dict[str, str]:
    named = {each for each in public_ids if _is_id(each)}
    found: dict[str, str] = {}
    for public_id, name in User.objects.filter(public_id__in=named).values_list(
        "public_id", "name"
    ):
        found[str(public_id)] = name
    for public_id, name in Person.objects.filter(public_id__in=named).values_list(
        "public_id", "name"
    ):
        found[str(public_id)] = name
    return found


def _is_id(written: str) -> bool:
    try:
        UUID(written)
    except ValueError:
        return False
    return True


def _outcome(content: Mapping[str, Any], *, as_of: date) -> DesiredOutcome:
    said_by = content.get("said_by", "")
    return DesiredOutcome(
        goal=content["goal"],
        required_outcome=content["required_outcome"],
        measure=content["measure"],
        said_by=Person.objects.filter(public_id=said_by).first() if _is_id(said_by) else None,
        said_on=as_of,
        confirmed_on=as_of,
    )


def _road(
    milestones: tuple[MyMilestone, ...],
    *,
    reached: Mapping[str, tuple[date, str]],
    anchor_on: date,
    as_of: date,
) -> Road | None:
    """The road without days, the member standing where the plan would have them stand."""
    way = [each for each in milestones if each.is_gating]
    if not way:
        return None
    stations: list[Station] = []
    last = -1
    for each in sorted(way, key=lambda one: one.usually_after):
        last = max(each.usually_after, last + 1)
        evidence = reached[each.key][1] if each.key in reached else ""
        stations.append(
            Station(
                title=each.title,
                expected_day=last,
                achieved=each.is_reached,
                evidence=evidence or EvidenceSource.DERIVED.value,
            )
        )
    day = max((as_of - anchor_on).days, 0)
    ahead = next((each.expected_day for each in stations if not each.achieved), last)
    return Road(
        stations=tuple(stations),
        day=day,
        plan_clock=min(day, ahead),
        clock_30_days_ago=None,
        horizon=last,
    )


def _next(
    milestones: tuple[MyMilestone, ...], *, theirs: tuple[MyPromise, ...], as_of: date
) -> NextThing:
    upcoming = next((each for each in milestones if each.is_next), None)
    due = theirs[0] if theirs and theirs[0].due_on <= as_of + SOON else None
    return NextThing(promise=due, milestone=upcoming)


def _asks(content: Mapping[str, Any], *, as_of: date) -> tuple[Ask, ...]:
    offers = {offer.key: offer for offer in Offer.objects.filter(is_retired=False)}
    asks = []
    for each in content["milestones"]:
        milestone = Milestone(key=each["key"], title=each["title"])
        for kind in ("upsell", "advocacy"):
            offer = offers.get(each["upsell"]) if kind == "upsell" else None
            if offer is None and not (kind == "advocacy" and each["advocacy"]):
                continue
            agreed = f"{each['key']}:{kind}" in content.get("consents", ())
            asks.append(
                Ask(
                    milestone=milestone,
                    kind=kind,
                    offer=offer,
                    advocacy=each["advocacy"] if kind == "advocacy" else "",
                    consented_on=as_of if agreed else None,
                )
            )
    return tuple(asks)


def _first_days(
    plan: Plan,
    *,
    milestones: tuple[MyMilestone, ...],
    ours: tuple[MyPromise, ...],
    theirs: tuple[MyPromise, ...],
    as_of: date,
) -> tuple[FirstDays, ...]:
    if (as_of - plan.anchor_on).days >= FIRST_DAYS[-1]:
        return ()
    months = []
    begin = -1
    for days in FIRST_DAYS:
        first = plan.anchor_on + timedelta(days=begin + 1)
        until = plan.anchor_on + timedelta(days=days)
        months.append(
            FirstDays(
                days=days,
                until=until,
                words=getattr(plan, f"first_{days}"),
                milestones=tuple(
                    each.title for each in milestones if begin < each.usually_after <= days
                ),
                ours=tuple(row for row in ours if first <= row.due_on <= until),
                theirs=tuple(row for row in theirs if first <= row.due_on <= until),
            )
        )
        begin = days
    return tuple(months)
