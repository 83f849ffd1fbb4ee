"""From a few answers to the experience that suits: minutes a quarter by modality.

The same questions are asked of the member and of whoever looks after them. How somebody likes
to be in touch shapes the mix; how much time they need follows from what they know, have and aim
at. What they pay is not among the questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from coverage.engine.segments import Misspecified

INBOUND, ASYNC, SYNC, TASKFORCE = "inbound", "async", "sync", "taskforce"
HIGH, MEDIUM, LOW = "high", "medium", "low"
SEVERAL = 3
STEP = 5
LEAST_ASYNC = Fraction(1, 10)
SHIFT = Fraction(1, 10)
SEVERAL_SHARE = Fraction(1, 4)

# Each question with the answers it takes, in the order in which it is asked.
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "industry_experience": (HIGH, MEDIUM, LOW),
    "expertise": (HIGH, MEDIUM, LOW),
    "resources": ("sufficient", "insufficient"),
    "guidance": ("occasional", "regular", "continuous"),
    "contact": ("asking", "writing", "mixed", "talking"),
    "sophistication": (HIGH, MEDIUM, LOW),
    "complexity": (HIGH, MEDIUM, LOW),
    "skills_needed": ("1", "2", "3"),
    "risk": (HIGH, MEDIUM, LOW),
}
# Without these, no rule can be asked and no time can be named.
REQUIRED = ("expertise", "resources", "guidance", "contact")
SURE_WITHOUT = 0
SOME_WITHOUT = 2

MINUTES = {"occasional": 60, "regular": 150, "continuous": 360}
MIXES: Mapping[str, Mapping[str, Fraction]] = {
    "asking": {INBOUND: Fraction(60, 100), ASYNC: Fraction(40, 100)},
    "writing": {ASYNC: Fraction(90, 100), SYNC: Fraction(10, 100)},
    "mixed": {ASYNC: Fraction(70, 100), SYNC: Fraction(30, 100)},
    "talking": {ASYNC: Fraction(40, 100), SYNC: Fraction(60, 100)},
}
FACTORS: Mapping[str, Mapping[str, Fraction]] = {
    "expertise": {HIGH: Fraction(3, 4), LOW: Fraction(5, 4)},
    "resources": {"insufficient": Fraction(5, 4)},
    "complexity": {HIGH: Fraction(3, 2), LOW: Fraction(3, 4)},
    "industry_experience": {LOW: Fraction(6, 5)},
}


class NotAnswered(ValueError):
    """Questions are open, or have an answer that was not offered; ``questions`` says which."""

    def __init__(self, questions: tuple[str, ...]) -> None:
        self.questions = questions
        super().__init__(", ".join(questions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the answers come to. ``minutes`` are a quarter's, by modality, zero included.

    Blank levels are not known. ``confidence`` says how much of it was answered.
    """

    minutes: Mapping[str, int]
    expertise: str
    resources: str
    guidance: str
    skills_needed: int
    industry_experience: str
    sophistication: str
    complexity: str
    risk: str
    confidence: str


def propose(answers: Mapping[str, str]) -> Proposal:
    """Return the profile that the answers come to (DOMAIN 2.3).

    Questions left open are blank or not there; they change nothing. A target with time in real
    time always has a written part. Raises ``NotAnswered`` for a required question that is open,
    and for an answer that was not offered.
    """
    given = {key: answers.get(key, "") for key in QUESTIONS}
    wrong = tuple(
        key
        for key, offered in QUESTIONS.items()
        if (given[key] and given[key] not in offered) or (key in REQUIRED and not given[key])
    )
    if wrong:
        raise NotAnswered(wrong)
    without = sum(1 for answer in given.values() if not answer)
    minutes = _minutes(given)
    require_sound(minutes)
    return Proposal(
        minutes=minutes,
        expertise=given["expertise"],
        resources=given["resources"],
        guidance=given["guidance"],
        skills_needed=int(given["skills_needed"] or 1),
        industry_experience=given["industry_experience"],
        sophistication=given["sophistication"],
        complexity=given["complexity"],
        risk=given["risk"],
        confidence=_confidence(without),
    )


def require_sound(minutes: Mapping[str, int]) -> None:
    """Raise ``Misspecified`` where time in real time has no written part (DOMAIN 2.4)."""
    if minutes.get(SYNC, 0) and not minutes.get(ASYNC, 0):
        raise Misspecified(
            "Time in real time needs a part in writing beside it: without one, nothing can be "
            "carried out between two calls, and the hours are never enough"
        )


def _confidence(without: int) -> str:
    if without <= SURE_WITHOUT:
        return HIGH
    return MEDIUM if without <= SOME_WITHOUT else LOW


def _minutes(given: Mapping[str, str]) -> dict[str, int]:
    total = Fraction(MINUTES[given["guidance"]])
    for question, factors in FACTORS.items():
        total *= factors.get(given[question], Fraction(1))
    shares = _shares(given)
    minutes = {key: _rounded(total * shares.get(key, Fraction(0))) for key in MODALITIES}
    if minutes[SYNC]:
        minutes[ASYNC] = max(minutes[ASYNC], STEP)
    return minutes


def _shares(given: Mapping[str, str]) -> dict[str, Fraction]:
    """The mix: as they like to be in touch, moved by how they work and what is at stake."""
    shares = dict(MIXES[given["contact"]])
    towards_talk = (given["sophistication"] == LOW) + (given["risk"] == HIGH)
    towards_text = int(given["sophistication"] == HIGH)
    moved = SHIFT * (towards_talk - towards_text)
    written, spoken = shares[ASYNC], shares.get(SYNC, Fraction(0))
    moved = max(min(moved, written - LEAST_ASYNC), -spoken)
    shares[ASYNC], shares[SYNC] = written - moved, spoken + moved
    if int(given["skills_needed"] or 1) >= SEVERAL:
        shares = {key: share * (1 - SEVERAL_SHARE) for key, share in shares.items()}
        shares[TASKFORCE] = SEVERAL_SHARE
    return shares


def _rounded(minutes: Fraction) -> int:
    return int(minutes / STEP + Fraction(1, 2)) * STEP


MODALITIES = (INBOUND, ASYNC, SYNC, TASKFORCE)
