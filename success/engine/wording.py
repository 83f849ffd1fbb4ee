"""The vector in words an account manager can read aloud. Plain text, never markup."""

from fractions import Fraction

from success.engine.overlays import Overlay
from success.engine.vector import Vector, thousandths

SPELLED = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]

TIMES = {1: "once", 2: "twice"}

OVERLAYS = {
    Overlay.ASSOC_BLOCKED: "the overdue milestone waits for us, so they are not nudged",
    Overlay.AX_MISMATCH: "what we deliver does not suit the way they work",
    Overlay.GOAL_STALE: "the goal was not confirmed for more than 180 days",
    Overlay.REBASELINED: "the plan was moved after it was agreed",
    Overlay.EVIDENCE_THIN: "more than half of what is achieved rests on one side's word",
}

NAMED_SPEEDS = {5: "half speed", 10: "full speed", 20: "twice plan speed"}


def spelled(number: int) -> str:
    """Return a count as text: a word up to twenty, digits beyond (DOMAIN 1 #3)."""
    return SPELLED[number] if 0 <= number < len(SPELLED) else str(number)


def days(number: int) -> str:
    """Return a number of days as text, "one day" or "fifteen days" (DOMAIN 1 #3)."""
    return f"{spelled(number)} {'day' if number == 1 else 'days'}"


def whereabouts(vector: Vector) -> str:
    """Return the plan clock against the calendar (DOMAIN 3.2 #1).

    Paused days are said aloud, since the calendar day leaves them out.
    """
    text = f"on plan day {vector.clock} on calendar day {vector.plan_day}"
    if vector.paused_days:
        text += f", with {days(vector.paused_days)} of pause left out"
    return text


def lead(vector: Vector) -> str:
    """Return the position as text: on plan, ahead or behind by days (DOMAIN 3.2 #2)."""
    if not vector.days_ahead:
        return "on plan"
    side = "ahead" if vector.days_ahead > 0 else "behind"
    return f"{days(abs(vector.days_ahead))} {side}"


def speed(pace: Fraction | None) -> str:
    """Return the pace as text; a null one is "too early to tell the speed" (DOMAIN 3.2 #3).

    Exact halves, full and twice have names; others are rounded to a tenth, and one that
    rounds to a name is "about" it.
    """
    if pace is None:
        return "too early to tell the speed"
    if pace < 0:
        return "moving backwards"
    if pace == 0:
        return "not moving"
    tenths = (thousandths(pace) + 50) // 100
    if tenths == 0:
        return "hardly moving"
    if name := NAMED_SPEEDS.get(tenths):
        return (
            f"moving at {name}" if pace == Fraction(tenths, 10) else f"moving at about {name}"
        )
    number = f"{tenths // 10}.{tenths % 10}"
    return f"moving at {number} {'of' if tenths < 10 else 'times'} plan speed"


def waiting(vector: Vector) -> str | None:
    """Return what the member waits for; null while nothing is overdue (DOMAIN 3.2)."""
    if vector.reached == vector.milestones:
        return "every milestone reached"
    return (
        None if vector.blocking is None else f"waiting on milestone {vector.blocking.position}"
    )


def clauses(vector: Vector | None) -> tuple[str, ...]:
    """Return the reading in order: place, lead, speed, blocker where there is one.

    Without a vector it says that there is no plan, never a zero (DOMAIN 1 #3).
    """
    if vector is None:
        return ("no plan yet, so no vector",)
    said = (whereabouts(vector), lead(vector), speed(vector.pace), waiting(vector))
    return tuple(clause for clause in said if clause is not None)


def sentence(vector: Vector | None) -> str:
    """Return the clauses as one lower-case line without a full stop (DOMAIN 1 #3)."""
    return ", ".join(clauses(vector))


def rebaselined(*, times: int, hidden_days: int) -> str:
    """Return how often a plan was moved and what that hides, such as "hides 10 days" (SV16).

    ``hidden_days`` is the position on the new days minus the one on the days first agreed;
    below zero, the new days ask for more than the first did.
    """
    often = TIMES.get(times, f"{spelled(times)} times")
    if not hidden_days:
        return f"re-baselined {often}, hides nothing"
    size = f"{abs(hidden_days)} {'day' if abs(hidden_days) == 1 else 'days'}"
    return f"re-baselined {often}, " + (
        f"hides {size}" if hidden_days > 0 else f"now asks for {size} more"
    )
