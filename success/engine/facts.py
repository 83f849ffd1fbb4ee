"""The facts of MemberFacts that the audiences of plays, filters and lists may ask about.

In their statements ``f`` is MemberFacts and ``s`` the coverage segment. None is about money.
"""

from config.kernel.conditions import Fact, FactRegistry, Kind
from config.kernel.words import gettext_noop as _

FACTS = FactRegistry()

for _name, _kind, _label, _explain, _column in (
    (
        "standing",
        Kind.TEXT,
        _("Standing of the membership"),
        _("Standing: {value}"),
        "f.standing",
    ),
    (
        "joined_on",
        Kind.DATE,
        _("Member since"),
        _("Member since {value}, {ago}"),
        "f.joined_on",
    ),
    (
        "term_ends_on",
        Kind.DATE,
        _("Term ends"),
        _("Term ends on {value}, {ago}"),
        "f.term_ends_on",
    ),
    ("tier", Kind.TEXT, _("Tier"), _("Tier: {value}"), "nullif(f.tier, '')"),
    ("segment", Kind.TEXT, _("Coverage segment"), _("Coverage segment: {value}"), "s.key"),
    (
        "anchor_on",
        Kind.DATE,
        _("Path began"),
        _("The path began on {value}, {ago}"),
        "f.anchor_on",
    ),
    ("state", Kind.TEXT, _("State of the Success Vector"), _("State: {value}"), "f.state"),
    (
        "held_on",
        Kind.DATE,
        _("Plan clock held at"),
        _("The plan clock is held at {value}, {ago}"),
        "f.held_on",
    ),
    (
        "pace_milli",
        Kind.INTEGER,
        _("Pace in thousandths"),
        _("Pace: {value} thousandths of a plan-day a day"),
        "f.pace_milli",
    ),
    ("direction", Kind.INTEGER, _("Direction"), _("Direction: {value}"), "f.direction"),
    (
        "achieved_weight",
        Kind.INTEGER,
        _("Achieved weight"),
        _("Achieved weight: {value}"),
        "f.achieved_weight",
    ),
    (
        "declared_weight",
        Kind.INTEGER,
        _("Achieved weight on one side's word"),
        _("Of the achieved weight, {value} rests on one side's word"),
        "f.declared_weight",
    ),
    (
        "evidence_thin",
        Kind.BOOLEAN,
        _("Thin evidence"),
        _("More than half of what is achieved rests on one side's word: {value}"),
        "(2 * f.declared_weight > f.achieved_weight)",
    ),
    (
        "expected_weight",
        Kind.INTEGER,
        _("Expected weight"),
        _("Expected weight: {value}"),
        "f.expected_weight",
    ),
    (
        "blocked_since",
        Kind.DATE,
        _("Milestone overdue since"),
        _("A milestone is overdue since {value}, {ago}"),
        "f.blocked_since",
    ),
    (
        "behind_since",
        Kind.DATE,
        _("Behind since"),
        _("Behind since {value}, {ago}"),
        "f.behind_since",
    ),
    (
        "blocker",
        Kind.TEXT,
        _("Who holds up the overdue milestone"),
        _("The overdue milestone is held up by: {value}"),
        "nullif(f.blocker, '')",
    ),
    (
        "is_rebaselined",
        Kind.BOOLEAN,
        _("Plan was moved"),
        _("The plan was moved after it was agreed: {value}"),
        "f.is_rebaselined",
    ),
    (
        "baseline_held_on",
        Kind.DATE,
        _("Plan clock held at, on the days first agreed"),
        _("On the days first agreed, the plan clock is held at {value}, {ago}"),
        "f.baseline_held_on",
    ),
    (
        "first_value_on",
        Kind.DATE,
        _("First value"),
        _("First value on {value}, {ago}"),
        "f.first_value_on",
    ),
    (
        "achieved_on",
        Kind.DATE,
        _("Goal achieved"),
        _("The goal was achieved on {value}, {ago}"),
        "f.achieved_on",
    ),
    (
        "goal_confirmed_on",
        Kind.DATE,
        _("Goal confirmed"),
        _("The goal was last confirmed on {value}, {ago}"),
        "f.goal_confirmed_on",
    ),
    (
        "we_owe_since",
        Kind.DATE,
        _("We owe them since"),
        _("A promise of ours is late since {value}, {ago}"),
        "f.we_owe_since",
    ),
    (
        "they_owe_since",
        Kind.DATE,
        _("They owe us since"),
        _("A promise of theirs is late since {value}, {ago}"),
        "f.they_owe_since",
    ),
    (
        "people_involved",
        Kind.INTEGER,
        _("People involved"),
        _("{value} people are involved"),
        "f.people_involved",
    ),
    (
        "subjects_involved",
        Kind.INTEGER,
        _("Subjects involved"),
        _("Involved in {value} subjects"),
        "f.subjects_involved",
    ),
    (
        "last_fact_on",
        Kind.DATE,
        _("Last heard of"),
        _("Last heard of on {value}, {ago}"),
        "f.last_fact_on",
    ),
    (
        "next_term_on",
        Kind.DATE,
        _("Next term begins"),
        _("They have renewed: the next term begins on {value}, {ago}"),
        "f.next_term_on",
    ),
    (
        "decider_last_on",
        Kind.DATE,
        _("Decision maker last heard of"),
        _("A decision maker was last heard of on {value}, {ago}"),
        "f.decider_last_on",
    ),
    (
        "review_on",
        Kind.DATE,
        _("Latest review"),
        _("The newest review was or is on {value}, {ago}"),
        "f.review_on",
    ),
):
    FACTS.register(Fact(name=_name, kind=_kind, label=_label, explain=_explain, column=_column))
