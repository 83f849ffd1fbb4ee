"""Lines of plan versions for tests: rows as the services leave them."""

from datetime import date

from success.models import DesiredOutcome, Milestone, Plan, PlanPause
from tests.factories import NOON, make_member

CARRIED = ("evidence_dates", "evidence_source", "evidence_kind", "evidence_rule", "weight")


def next_version(plan, *, on, anchor_on, **fields):
    Plan.objects.filter(pk=plan.pk).update(closed_on=on)
    made = {"goal": plan.goal, "reason": "for a test"} | fields
    return Plan.objects.create(
        member=plan.member,
        version=plan.version + 1,
        anchor_on=anchor_on,
        counts_from=on,
        **made,
    )


def replan(plan, *, on, moved=None, dropped=()):
    """The same anchor, pauses and evidence on new days: ``moved`` has them by key."""
    version = next_version(
        plan,
        on=on,
        anchor_on=plan.anchor_on,
        succession="replanned",
        baseline=plan.baseline or plan,
    )
    for pause in plan.pauses.all():
        PlanPause.objects.create(
            plan=version, starts_on=pause.starts_on, ends_on=pause.ends_on, reason=pause.reason
        )
    kept = [one for one in plan.milestones.order_by("position") if one.key not in dropped]
    gating = [one for one in kept if one.is_gating]
    days = sorted((moved or {}).get(one.key, one.expected_day) for one in gating)
    placed = [*zip(gating, days, strict=True)]
    placed += [(one, one.expected_day) for one in kept if not one.is_gating]
    for position, (one, expected_day) in enumerate(placed, start=1):
        Milestone.objects.create(
            plan=version,
            key=one.key,
            position=position,
            title=one.title,
            expected_day=expected_day,
            is_gating=one.is_gating,
            is_carried_over=one.is_carried_over,
            **{name: getattr(one, name) for name in CARRIED},
        )
    return version


def evolve(plan, *, on, expected_days):
    """A new goal from that day: what was reached is carried over and gates no more."""
    version = next_version(plan, on=on, anchor_on=on, succession="goal_changed")
    for position, expected_day in enumerate(expected_days, start=1):
        Milestone.objects.create(
            plan=version,
            key=f"new-{position}",
            position=position,
            title=f"New {position}",
            expected_day=expected_day,
            weight=10,
        )
    reached = [
        one
        for one in plan.milestones.order_by("position")
        if sum(day <= on for day in one.evidence_dates or ()) % 2
    ]
    for position, one in enumerate(reached, start=len(expected_days) + 1):
        Milestone.objects.create(
            plan=version,
            key=one.key,
            position=position,
            title=one.title,
            expected_day=one.expected_day,
            is_gating=False,
            is_carried_over=True,
            **{name: getattr(one, name) for name in CARRIED},
        )
    return version


def ungated(plan, **overrides):
    """A milestone beside the path: told, not timed."""
    fields = {
        "key": "beside",
        "position": plan.milestones.count() + 1,
        "title": "Beside the path",
        "expected_day": 1,
        "weight": 50,
        "is_gating": False,
    }
    return Milestone.objects.create(plan=plan, **(fields | overrides))


def outcome(*, member=None, said_on=date(2026, 1, 1), **overrides):
    fields = {
        "goal": "Fewer surprises",
        "said_on": said_on,
        "confirmed_on": said_on,
        "recorded_at": NOON,
    }
    return DesiredOutcome.objects.create(member=member or make_member(), **(fields | overrides))
