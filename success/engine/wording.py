"""The vector in words an account manager can read aloud. Plain text, never markup."""

from fractions import Fraction

from config.kernel.words import gettext as _
from config.kernel.words import gettext_noop, listed, ngettext
from success.engine.overlays import Overlay
from success.engine.vector import Vector, thousandths

SPELLED = [
    gettext_noop("zero"),
    gettext_noop("one"),
    gettext_noop("two"),
    gettext_noop("three"),
    gettext_noop("four"),
    gettext_noop("five"),
    gettext_noop("six"),
    gettext_noop("seven"),
    gettext_noop("eight"),
    gettext_noop("nine"),
    gettext_noop("ten"),
    gettext_noop("eleven"),
    gettext_noop("twelve"),
    gettext_noop("thirteen"),
    gettext_noop("fourteen"),
    gettext_noop("fifteen"),
    gettext_noop("sixteen"),
    gettext_noop("seventeen"),
    gettext_noop("eighteen"),
    gettext_noop("nineteen"),
    gettext_noop("twenty"),
]


OFTEN = {1: gettext_noop("once"), 2: gettext_noop("twice")}

OVERLAYS = {
    Overlay.ASSOC_BLOCKED: gettext_noop(
        "the overdue milestone waits for us, so they are not nudged"
    ),
    Overlay.AX_MISMATCH: gettext_noop("what we deliver does not suit the way they work"),
    Overlay.GOAL_STALE: gettext_noop("the goal was not confirmed for more than 180 days"),
    Overlay.REBASELINED: gettext_noop("the plan was moved after it was agreed"),
    Overlay.EVIDENCE_THIN: gettext_noop(
        "more than half of what is achieved rests on one side's word"
    ),
}

NAMED_SPEEDS = {
    5: gettext_noop("moving at half speed"),
    10: gettext_noop("moving at full speed"),
    20: gettext_noop("moving at twice plan speed"),
}
ABOUT_SPEEDS = {
    5: gettext_noop("moving at about half speed"),
    10: gettext_noop("moving at about full speed"),
    20: gettext_noop("moving at about twice plan speed"),
}


def spelled(number: int) -> str:
    """Return a count as text: a word up to twenty, digits beyond (DOMAIN 1 #3)."""
    return _(SPELLED[number]) if 0 <= number < len(SPELLED) else str(number)


def days(number: int) -> str:
    """Return a number of days as text, "one day" or "fifteen days" (DOMAIN 1 #3)."""
    said = ngettext("%(count)s day", "%(count)s days", number)
    return said % {"count": spelled(number)}


def whereabouts(vector: Vector) -> str:
    """Return the plan clock against the calendar (DOMAIN 3.2 #1).

    Paused days are said aloud, since the calendar day leaves them out.
    """
    said = {"clock": vector.clock, "day": vector.plan_day}
    if not vector.paused_days:
        return _("on plan day %(clock)s on calendar day %(day)s") % said
    return _(
        "on plan day %(clock)s on calendar day %(day)s, with %(days)s of pause left out"
    ) % {**said, "days": days(vector.paused_days)}


def lead(vector: Vector) -> str:
    """Return the position as text: on plan, ahead or behind by days (DOMAIN 3.2 #2)."""
    if not vector.days_ahead:
        return _("on plan")
    count = abs(vector.days_ahead)
    said = (
        ngettext("%(count)s day ahead", "%(count)s days ahead", count)
        if vector.days_ahead > 0
        else ngettext("%(count)s day behind", "%(count)s days behind", count)
    )
    return said % {"count": spelled(count)}


def speed(pace: Fraction | None) -> str:
    """Return the pace as text; a null one is "too early to tell the speed" (DOMAIN 3.2 #3).

    Exact halves, full and twice have names; others are rounded to a tenth, and one that
    rounds to a name is "about" it.
    """
    if pace is None:
        return _("too early to tell the speed")
    if pace < 0:
        return _("moving backwards")
    if pace == 0:
        return _("not moving")
    tenths = (thousandths(pace) + 50) // 100
    if tenths == 0:
        return _("hardly moving")
    if tenths in NAMED_SPEEDS:
        names = NAMED_SPEEDS if pace == Fraction(tenths, 10) else ABOUT_SPEEDS
        return _(names[tenths])
    number = f"{tenths // 10}.{tenths % 10}"
    return (
        _("moving at %(number)s of plan speed")
        if tenths < 10
        else _("moving at %(number)s times plan speed")
    ) % {"number": number}


def waiting(vector: Vector) -> str | None:
    """Return what the member waits for; null while nothing is overdue (DOMAIN 3.2)."""
    if vector.reached == vector.milestones:
        return _("every milestone reached")
    if vector.blocking is None:
        return None
    return _("waiting on milestone %(number)s") % {"number": vector.blocking.position}


def clauses(vector: Vector | None) -> tuple[str, ...]:
    """Return the reading in order: place, lead, speed, blocker where there is one.

    Without a vector it says that there is no plan, never a zero (DOMAIN 1 #3).
    """
    if vector is None:
        return (_("no plan yet, so no vector"),)
    said = (whereabouts(vector), lead(vector), speed(vector.pace), waiting(vector))
    return tuple(clause for clause in said if clause is not None)


def sentence(vector: Vector | None) -> str:
    """Return the clauses as one lower-case line without a full stop (DOMAIN 1 #3)."""
    return listed(clauses(vector))


def rebaselined(*, times: int, hidden_days: int) -> str:
    """Return how often a plan was moved and what that hides, such as "hides 10 days" (SV16).

    ``hidden_days`` is the position on the new days minus the one on the days first agreed;
    below zero, the new days ask for more than the first did.
    """
    often = (
        _(OFTEN[times])
        if times in OFTEN
        else ngettext("%(count)s time", "%(count)s times", times) % {"count": spelled(times)}
    )
    if not hidden_days:
        return _("re-baselined %(often)s, hides nothing") % {"often": often}
    count = abs(hidden_days)
    said = (
        ngettext(
            "re-baselined %(often)s, hides %(count)s day",
            "re-baselined %(often)s, hides %(count)s days",
            count,
        )
        if hidden_days > 0
        else ngettext(
            "re-baselined %(often)s, now asks for %(count)s day more",
            "re-baselined %(often)s, now asks for %(count)s days more",
            count,
        )
    )
    return said % {"often": often, "count": count}
