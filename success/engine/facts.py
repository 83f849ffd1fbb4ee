"""The facts of MemberFacts that the audiences of plays, filters and lists may ask about.

In their statements ``f`` is MemberFacts and ``s`` the coverage segment. None is about money.
"""

from config.kernel.conditions import Fact, FactRegistry, Kind

FACTS = FactRegistry()

for _name, _kind, _label, _explain, _column in (
    ("standing", Kind.TEXT, "Standing of the membership", "Standing: {value}", "f.standing"),
    ("joined_on", Kind.DATE, "Member since", "Member since {value}, {ago}", "f.joined_on"),
    ("term_ends_on", Kind.DATE, "Term ends", "Term ends on {value}, {ago}", "f.term_ends_on"),
    ("tier", Kind.TEXT, "Tier", "Tier: {value}", "nullif(f.tier, '')"),
    ("segment", Kind.TEXT, "Coverage segment", "Coverage segment: {value}", "s.key"),
    ("anchor_on", Kind.DATE, "Path began", "The path began on {value}, {ago}", "f.anchor_on"),
    ("state", Kind.TEXT, "State of the Success Vector", "State: {value}", "f.state"),
    (
        "held_on",
        Kind.DATE,
        "Plan clock held at",
        "The plan clock is held at {value}, {ago}",
        "f.held_on",
    ),
    (
        "pace_milli",
        Kind.INTEGER,
        "Pace in thousandths",
        "Pace: {value} thousandths of a plan-day a day",
        "f.pace_milli",
    ),
    ("direction", Kind.INTEGER, "Direction", "Direction: {value}", "f.direction"),
    (
        "achieved_weight",
        Kind.INTEGER,
        "Achieved weight",
        "Achieved weight: {value}",
        "f.achieved_weight",
    ),
    (
        "declared_weight",
        Kind.INTEGER,
        "Achieved weight on one side's word",
        "Of the achieved weight, {value} rests on one side's word",
        "f.declared_weight",
    ),
    (
        "evidence_thin",
        Kind.BOOLEAN,
        "Thin evidence",
        "More than half of what is achieved rests on one side's word: {value}",
        "(2 * f.declared_weight > f.achieved_weight)",
    ),
    (
        "expected_weight",
        Kind.INTEGER,
        "Expected weight",
        "Expected weight: {value}",
        "f.expected_weight",
    ),
    (
        "blocked_since",
        Kind.DATE,
        "Milestone overdue since",
        "A milestone is overdue since {value}, {ago}",
        "f.blocked_since",
    ),
    (
        "behind_since",
        Kind.DATE,
        "Behind since",
        "Behind since {value}, {ago}",
        "f.behind_since",
    ),
    (
        "blocker",
        Kind.TEXT,
        "Who holds up the overdue milestone",
        "The overdue milestone is held up by: {value}",
        "nullif(f.blocker, '')",
    ),
    (
        "is_rebaselined",
        Kind.BOOLEAN,
        "Plan was moved",
        "The plan was moved after it was agreed: {value}",
        "f.is_rebaselined",
    ),
    (
        "baseline_held_on",
        Kind.DATE,
        "Plan clock held at, on the days first agreed",
        "On the days first agreed, the plan clock is held at {value}, {ago}",
        "f.baseline_held_on",
    ),
    (
        "first_value_on",
        Kind.DATE,
        "First value",
        "First value on {value}, {ago}",
        "f.first_value_on",
    ),
    (
        "achieved_on",
        Kind.DATE,
        "Goal achieved",
        "The goal was achieved on {value}, {ago}",
        "f.achieved_on",
    ),
    (
        "goal_confirmed_on",
        Kind.DATE,
        "Goal confirmed",
        "The goal was last confirmed on {value}, {ago}",
        "f.goal_confirmed_on",
    ),
    (
        "we_owe_since",
        Kind.DATE,
        "We owe them since",
        "A promise of ours is late since {value}, {ago}",
        "f.we_owe_since",
    ),
    (
        "they_owe_since",
        Kind.DATE,
        "They owe us since",
        "A promise of theirs is late since {value}, {ago}",
        "f.they_owe_since",
    ),
    (
        "people_involved",
        Kind.INTEGER,
        "People involved",
        "{value} people are involved",
        "f.people_involved",
    ),
    (
        "subjects_involved",
        Kind.INTEGER,
        "Subjects involved",
        "Involved in {value} subjects",
        "f.subjects_involved",
    ),
    (
        "last_fact_on",
        Kind.DATE,
        "Last heard of",
        "Last heard of on {value}, {ago}",
        "f.last_fact_on",
    ),
    (
        "next_term_on",
        Kind.DATE,
        "Next term begins",
        "They have renewed: the next term begins on {value}, {ago}",
        "f.next_term_on",
    ),
    (
        "decider_last_on",
        Kind.DATE,
        "Decision maker last heard of",
        "A decision maker was last heard of on {value}, {ago}",
        "f.decider_last_on",
    ),
    (
        "review_on",
        Kind.DATE,
        "Latest review",
        "The newest review was or is on {value}, {ago}",
        "f.review_on",
    ),
):
    FACTS.register(Fact(name=_name, kind=_kind, label=_label, explain=_explain, column=_column))
