"""Members' log-ins, plans and words for the tests of their own pages."""

import re
from datetime import timedelta

from members.enums import PortalRole, Role
from success.models import Ask, Declaration
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_plan,
    make_user,
)

PARTS = tuple(PortalRole.values)
# what a member never reads of themselves; “state” and its like as words of their own
FORBIDDEN = (
    *("stalled", "slipping", "regressing", "regress", "achieved", "on track", "off track"),
    *("score", "tier", "risk", "health", "vector", "behind", "ahead", "pace", "overdue"),
    *("segment", "churn", "nudge", "intervention", "alignment", "assoc_blocked", "milli"),
    *("state", "accountability", "cohort", "gating", "outcome"),
)


def login(member, part="lead", **overrides):
    return make_user(role=Role.MEMBER, member=member, portal_role=part, **overrides)


def late_plan(member, **overrides):
    """Day 200 of a plan with one milestone reached out of four, two of them long expected."""
    plan = make_plan(
        member=member,
        expected_days=(30, 60, 90, 300),
        evidence=([TODAY - timedelta(days=180)],),
        anchor_on=TODAY - timedelta(days=200),
        **overrides,
    )
    make_accountability(
        plan=plan, title="The benchmark report", due_on=TODAY - timedelta(days=6)
    )
    make_accountability(
        plan=plan, side="member", title="Name a contact", due_on=TODAY - timedelta(days=1)
    )
    return plan


def declared(milestone, **overrides):
    fields = {"on": TODAY, "what_changed": "Releases take a day now.", "at": NOON}
    return Declaration.objects.create(milestone=milestone, **(fields | overrides))


def add_milestone(plan, position, **overrides):
    fields = {"title": f"Milestone {position}", "expected_day": 30 * position, "weight": 10}
    fields |= {"key": f"milestone-{position}"}
    return plan.milestones.create(position=position, **(fields | overrides))


def announced(milestone, **overrides):
    fields = {"plan": milestone.plan, "kind": "advocacy", "advocacy": "testimonial"}
    return Ask.objects.create(milestone=milestone, **(fields | overrides))


def words(html):
    within = re.sub(r"</?(?:time|strong|a)\b[^>]*>", "", html)
    return " ".join(re.sub(r"<[^>]+>", " ", within).split())


def judged(html):
    """The words on a page that a member is never to read; class names are for the painter."""
    read = re.sub(
        r'\s(?:class|content|href|src|action|id|for|aria-labelledby)="[^"]*"', "", html
    )
    return [word for word in FORBIDDEN if re.search(rf"\b{word}\b", read.lower())]
