"""What came of a trial: the tables against what was due, and against what the sink took."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from communications.enums import MessageStatus
from communications.models import Message
from success.enums import NightStatus
from success.models import Enrolment, Intervention, Night
from tests.chaos.association import Association, Occurrence
from tests.chaos.sink import Ledger

MARGIN = 2.0
"""Seconds by which a change must have been there before a delivery began, where the sender ran
at the same time: whoever has looked a moment before could not have seen it."""


@dataclass
class Change:
    """Something that stands against messages to a member from then on.

    With ``milestone``, against those that are about it: one reached before the night leaves a
    timed play every reason to write of the next.
    """

    member_id: int
    why: str
    at: float
    is_before_sending: bool
    milestone: int | None = None


@dataclass
class Result:
    occurrences: int = 0
    sent: int = 0
    unknown: int = 0
    unknown_not_sent: int = 0
    held: int = 0
    hurt: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        return [*self.lost, *self.twice, *self.against, *self.other]


def check(
    result: Result,
    *,
    association: Association,
    as_of: date,
    changes: list[Change],
    taken: Ledger,
) -> Result:
    """Compare what there is with what is due up to ``as_of``; called when all is quiet."""
    due = association.until(as_of)
    changed = {each.member_id: each for each in changes}
    _occurrences(result, due=due, may_be_missing=set(changed))
    _messages(result, changed=changed, taken=taken)
    _against(result, association=association, changes=changes, taken=taken)
    _nights(result, association=association, as_of=as_of)
    return result


def _occurrences(result: Result, *, due: set[Occurrence], may_be_missing: set[int]) -> None:
    entries = Counter(
        Occurrence(*row)
        for row in Enrolment.objects.values_list("play__key", "member_id", "occurred_on")
    )
    opened = Counter(
        Occurrence(*row)
        for row in Intervention.objects.filter(step__position=1).values_list(
            "play__key", "member_id", "occurred_on"
        )
    )
    result.occurrences = len(due)
    for name, found in (("entry", entries), ("intervention", opened)):
        for each in sorted(due - found.keys()):
            if each.member_id not in may_be_missing:
                result.lost.append(f"no {name}: {each}")
        result.twice += [f"{count} of {name}: {e}" for e, count in found.items() if count > 1]
        result.other += [f"{name} not due: {each}" for each in sorted(found.keys() - due)]


def _messages(result: Result, *, changed: dict[int, Change], taken: Ledger) -> None:
    counts = taken.counts()
    result.sent = len(counts)
    result.twice += [f"sent {n} times: {name}" for name, n in counts.items() if n > 1]
    known = set()
    for message in Message.objects.select_related("intervention"):
        public_id = str(message.public_id)
        known.add(public_id)
        is_out = public_id in counts
        said = f"message {message.pk} to member {message.member_id} {message.status}"
        match message.status:
            case MessageStatus.SENT:
                if not is_out:
                    result.lost.append(f"{said}, but nothing was sent")
            case MessageStatus.UNKNOWN:
                result.unknown += 1
                result.unknown_not_sent += not is_out
            case MessageStatus.SUPPRESSED:
                result.held += 1
                if is_out:
                    result.other.append(f"{said}, but it was sent")
                if message.user_id is None and message.member_id not in changed:
                    result.lost.append(f"{said}: {message.outcome}")
            case _:
                kind = result.other if is_out else result.lost
                kind.append(f"{said} when all is over, until {message.due_at}")
        if message.user_id is None and not hasattr(message, "intervention"):
            result.other.append(f"{said} belongs to no intervention")
    result.other += [f"sent, but in no table: {name}" for name in counts.keys() - known]


def _against(
    result: Result, *, association: Association, changes: list[Change], taken: Ledger
) -> None:
    about = _about()
    for change in changes:
        address = association.address_of[change.member_id]
        since = change.at if change.is_before_sending else change.at + MARGIN
        result.against += [
            f"{each.address} was sent {each.public_id} although {change.why}"
            for each in taken.taken
            if each.address == address
            and each.began >= since
            and change.milestone in {None, about.get(each.public_id)}
        ]


def _about() -> dict[str, int | None]:
    """Return by message the milestone that it is about, as it was when the step was opened."""
    rows = Intervention.objects.filter(message__isnull=False)
    return {
        str(public_id): evidence.get("milestone") or evidence.get("next_milestone")
        for public_id, evidence in rows.values_list("message__public_id", "evidence")
    }


def _nights(result: Result, *, association: Association, as_of: date) -> None:
    nights = Night.objects.filter(as_of__gt=association.first_night).order_by("as_of")
    days = Counter(night.as_of for night in nights)
    result.twice += [f"{n} nights of {day}" for day, n in days.items() if n > 1]
    if as_of not in days:
        result.lost.append(f"there was no night of {as_of}")
    result.other += [
        f"the night of {night.as_of} is {night.status}"
        for night in nights
        if night.status != NightStatus.DONE
    ]
    result.other += [f"a night of {day} already" for day in days if day > as_of]
