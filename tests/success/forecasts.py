"""An association whose forecast is known: one path, one offer, and who is where on it."""

from datetime import date, timedelta
from decimal import Decimal

from success.models import Milestone, PlanTemplate, VectorChange
from success.services.worth import set_worth
from tests.factories import (
    NOON,
    TODAY,
    make_ask,
    make_member,
    make_member_facts,
    make_offer,
    make_plan,
    make_term,
)


def make_path():
    """A template whose plans share their milestones."""
    number = PlanTemplate.objects.count() + 1
    return PlanTemplate.objects.create(
        key=f"path-{number}", title=f"Path {number}", audience="organisation", goal="A goal"
    )


def make_path_with_offer(*, value="500"):
    """A template whose second milestone has an offer, worth something from the year's start."""
    template, offer = make_path(), make_offer(title="A training")
    if value is not None:
        set_worth(
            offer=offer,
            effective_from=date(2026, 1, 1),
            annual_value=Decimal(value),
            by=None,
            at=NOON,
        )
    return template, offer


def make_traveller(template, offer, *, reached=(), anchor_on=None, expected_day=60, **facts):
    """A member on the path, with facts as a night would have written them.

    ``reached`` are plan-days of the milestones reached so far, by position.
    """
    anchor_on = anchor_on or TODAY - timedelta(days=40)
    member = make_member()
    make_term(member=member, starts_on=date(2024, 1, 1), ends_on=date(2027, 1, 1))
    evidence = [[anchor_on + timedelta(days=day)] for day in reached]
    plan = make_plan(
        member=member,
        template=template,
        anchor_on=anchor_on,
        expected_days=(30, expected_day),
        evidence=evidence,
    )
    milestones = {row.position: row for row in plan.milestones.all()}
    ask = make_ask(milestone=milestones[2], offer=offer)
    told = {
        "plan": plan,
        "state": "on_track",
        "next_milestone": milestones.get(len(reached) + 1),
        "goal_confirmed_on": TODAY,
        "tier": "Silver",
    }
    make_member_facts(member=member, **(told | facts))
    return ask


def make_history(template, offer, *, lateness=range(-10, 15), took=0, refused=0):
    """Members who reached the second milestone so many days late; some answered since."""
    asks = []
    for late in lateness:
        anchor_on = date(2025, 6, 1)
        ask = make_traveller(
            template, offer, reached=(20, 60 + late), anchor_on=anchor_on, state="achieved"
        )
        asks.append(ask)
    for number, ask in enumerate(asks[: took + refused]):
        reached_on = Milestone.objects.get(pk=ask.milestone_id).evidence_dates[0]
        VectorChange.objects.create(
            member=ask.plan.member, on=reached_on, plan=ask.plan, state="on_track"
        )
        ask.status = "accepted" if number < took else "refused"
        ask.asked_on, ask.answered_on = reached_on, reached_on + timedelta(days=5)
        Milestone.objects.filter(pk=ask.milestone_id).update(evidence_source="confirmed")
        ask.save()
    return asks
