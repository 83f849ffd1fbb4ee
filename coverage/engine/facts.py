"""The facts that segment rules may ask about: what is known of a member's experience.

Money is not among them and cannot be registered by a rule, so that what a member pays never
decides what they get. ``p`` is the AX profile in the statements of the rollup.
"""

from config.kernel.conditions import Fact, FactRegistry, Kind
from config.kernel.words import gettext_noop as _

TOTAL_MINUTES = "(p.inbound_minutes + p.async_minutes + p.sync_minutes + p.taskforce_minutes)"

FACTS = FactRegistry()

EXPERTISE = FACTS.register(
    Fact(
        name="expertise",
        kind=Kind.TEXT,
        label=_("Expertise in the field"),
        explain=_("Expertise in the field: {value}"),
        column="p.expertise",
    )
)
RESOURCES = FACTS.register(
    Fact(
        name="resources",
        kind=Kind.TEXT,
        label=_("Resources of their own"),
        explain=_("Resources of their own: {value}"),
        column="p.resources",
    )
)
GUIDANCE = FACTS.register(
    Fact(
        name="guidance",
        kind=Kind.TEXT,
        label=_("Guidance needed"),
        explain=_("Guidance needed: {value}"),
        column="p.guidance",
    )
)
# Rounded down, so that "at least 40" is asked of the exact share and not of a rounded one.
SYNC_SHARE_PERCENT = FACTS.register(
    Fact(
        name="sync_share_percent",
        kind=Kind.INTEGER,
        label=_("Share of the time in real time"),
        explain=_("{value}% of the time asked for is in real time"),
        column=f"(100 * p.sync_minutes / nullif({TOTAL_MINUTES}, 0))",
    )
)
SKILLS_NEEDED = FACTS.register(
    Fact(
        name="skills_needed",
        kind=Kind.INTEGER,
        label=_("Skills needed at once"),
        explain=_("{value} skills are needed at once"),
        column="p.skills_needed",
    )
)
ESCALATION_SEVERITY = FACTS.register(
    Fact(
        name="escalation_severity",
        kind=Kind.INTEGER,
        label=_("Severity of the gravest open escalation"),
        explain=_("An escalation of severity {value} is open"),
        column="p.escalation_severity",
    )
)


def with_money() -> FactRegistry:
    """Return the facts, and beside them those about money, which reading a rule refuses.

    So that somebody who asks for them is told why they cannot be had, rather than that there is
    no such fact. The night reads rules with ``FACTS`` alone (DOMAIN 2.4).
    """
    registry = FactRegistry()
    for fact in FACTS:
        registry.register(fact)
    for name, label in MONEY.items():
        registry.register(
            Fact(
                name=name,
                kind=Kind.DECIMAL,
                label=label,
                explain="{value}",
                column="NULL::numeric",
                financial=True,
            )
        )
    return registry


MONEY = {
    "paid_a_year": _("What they pay a year"),
    "paid_so_far": _("What they have paid so far"),
    "margin": _("Margin"),
}
