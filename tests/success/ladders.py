"""What plays do night by night, member by member in plain Python, to compare with (DOMAIN 2.10).

Nothing here reads a table but the facts of members, as they stand. Ways and draws are those of
the engine, which has tests of its own; who is asked, when, and what ends it is worked out anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from config.kernel.conditions import evaluate, parse
from success.engine import draw
from success.engine.facts import FACTS
from success.engine.ladder import Rung, ThirdTry, Way, next_way
from success.models import MemberFacts, Play, PlayVersion

DAY = timedelta(days=1)
COMES_BACK = 3 * DAY
MEMBERS = ("in_force", "in_grace")
BY_STATE = {"regressing": 2, "stalled": 4, "slipping": 5}
NEEDLESS = ("not_needed", "goal_changed")


@dataclass(kw_only=True)
class Item:
    """A step that was opened: a message, or work for a person."""

    entry: "Entry"
    position: int
    occurrence: str
    channel: str
    status: str
    opened_on: date
    queue_class: int
    owner_id: int | None
    is_other: bool
    story: tuple[tuple[Any, ...], ...]
    is_message: bool
    outcome: str = ""
    done_at: datetime | None = None
    message: str = ""
    message_at: datetime | None = None
    has_returned: bool = False
    claimed_until: datetime | None = None

    @property
    def hand(self) -> str:
        return "system" if self.status == "message" else "person"

    @property
    def reached_them_at(self) -> datetime | None:
        """When they may have got it: its message went out, or a person did it."""
        if self.message in {"sent", "unknown"}:
            return self.message_at
        return self.done_at


@dataclass(kw_only=True)
class Entry:
    """One member's way through a play."""

    version: PlayVersion
    member_id: int
    occurrence: str
    occurred_on: date
    entered_on: date
    is_held: bool
    segment_id: int | None
    state: str
    step: int = 1
    next_on: date | None = None
    ended_on: date | None = None
    end: str = ""
    reached_on: date | None = None
    gone_on: date | None = None
    items: list[Item] = field(default_factory=list)

    @property
    def is_while(self) -> bool:
        return "while" in self.version.start

    def close(self, end: str, *, on: date, gone: bool) -> None:
        self.end, self.ended_on, self.next_on = end, on, None
        self.gone_on = on if gone else None


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is so of everybody on a night: facts, and how their contacts may be reached."""

    facts: Mapping[int, MemberFacts]
    unreachable: Mapping[int | None, frozenset[str]]
    want_nothing: frozenset[int]
    replied_at: Mapping[int, datetime]
    inactive: frozenset[int]


class Reference:
    """Entries and items of some plays, brought from night to night."""

    def __init__(self, plays: Sequence[Play]) -> None:
        self.versions = sorted(
            (play.current for play in plays), key=lambda v: (v.queue_class, v.play_id)
        )
        self.steps = {v.pk: list(v.steps.order_by("position")) for v in self.versions}
        self.entries: list[Entry] = []

    @property
    def items(self) -> list[Item]:
        return [item for entry in self.entries for item in entry.items]

    def night(self, known: Known, *, as_of: date, at: datetime) -> None:
        """Do what a night does, in its order."""
        active = [
            version
            for version in self.versions
            if version.play_id not in known.inactive and version.effective_from <= as_of
        ]
        for entry in self.entries:
            if entry.version in active:
                self._hand_over(entry)
                self._settle(entry, as_of=as_of)
                self._end(entry, known, as_of=as_of, at=at)
                self._follow(entry, known, as_of=as_of)
            else:
                self._switched_off(entry, as_of=as_of, at=at)
            self._close(entry, at=at)
            self._bring_up_to_date(entry, known, at=at)
        for version in active:
            for entry in [one for one in self.entries if one.version == version]:
                self._advance(entry, known, as_of=as_of)
        for version in active:
            for facts in known.facts.values():
                self._enter(version, facts, known, as_of=as_of)

    # What becomes of those inside.

    def _hand_over(self, entry: Entry) -> None:
        """The newest message that did not arrive becomes a person's, one at a time."""
        if entry.ended_on or any(item.status == "open" for item in entry.items):
            return
        lost = [
            item
            for item in entry.items
            if item.status == "message"
            and (item.message in {"suppressed", "unknown"} or item.has_returned)
        ]
        if lost:
            lost[-1].status = "open"
            entry.next_on = None

    def _settle(self, entry: Entry, *, as_of: date) -> None:
        """A step that was delivered sets the day of the next one, or ends the ladder."""
        if entry.ended_on or entry.next_on:
            return
        now = next((item for item in entry.items if item.position == entry.step), None)
        if now is None:
            return
        by_message = now.status == "message"
        is_sent = by_message and now.message == "sent"
        if not (is_sent or now.status == "done"):
            return
        moment = now.message_at if is_sent else now.done_at
        assert moment is not None
        on_day = moment.date()
        steps = self.steps[entry.version.pk]
        if now.outcome in NEEDLESS:
            entry.close("stopped", on=as_of, gone=not entry.is_while)
        elif entry.step < len(steps):
            entry.next_on = on_day + steps[entry.step].wait_days * DAY
        elif not by_message or on_day + COMES_BACK <= as_of:
            entry.close("done", on=as_of, gone=not entry.is_while)

    def _end(self, entry: Entry, known: Known, *, as_of: date, at: datetime) -> None:
        if entry.ended_on or _is_worked_on(entry, at=at):
            return
        version, facts = entry.version, known.facts.get(entry.member_id)
        if facts is None:
            entry.close("gone", on=as_of, gone=True)
            return
        stays = self._stays(entry, facts, as_of=as_of)
        end = _ending(entry, facts, known, stays=stays, as_of=as_of)
        if not end:
            return
        entry.close(end, on=as_of, gone=not (entry.is_while and stays))
        if end == "reached" or (end == "gone" and version.aim_condition is None):
            entry.reached_on = entry.reached_on or as_of

    def _follow(self, entry: Entry, known: Known, *, as_of: date) -> None:
        """The aim counts after the end too; a condition must pass before it comes again."""
        facts = known.facts.get(entry.member_id)
        if facts is None or entry.ended_on is None:
            return
        version = entry.version
        is_in_time = (as_of - entry.entered_on).days <= version.aim_days
        aim = _holds(version.aim_condition, facts, as_of=as_of)
        if entry.reached_on is None and is_in_time and aim:
            entry.reached_on = as_of
        stays = self._stays(entry, facts, as_of=as_of)
        if entry.is_while and entry.gone_on is None and not stays:
            entry.gone_on = as_of

    def _switched_off(self, entry: Entry, *, as_of: date, at: datetime) -> None:
        if entry.ended_on is None and not _is_worked_on(entry, at=at):
            entry.close("switched_off", on=as_of, gone=not entry.is_while)

    def _close(self, entry: Entry, *, at: datetime) -> None:
        for item in entry.items:
            is_free = item.claimed_until is None or item.claimed_until <= at
            if entry.ended_on and item.status == "open" and is_free:
                item.status, item.claimed_until = "closed", None

    def _bring_up_to_date(self, entry: Entry, known: Known, *, at: datetime) -> None:
        facts = known.facts.get(entry.member_id)
        for item in entry.items:
            if facts is None or item.status != "open":
                continue
            item.queue_class = _queue_class(entry.version, facts)
            is_claimed = item.claimed_until is not None and item.claimed_until > at
            if not is_claimed and not item.is_other:
                item.owner_id = facts.owner_id

    # Steps.

    def _advance(self, entry: Entry, known: Known, *, as_of: date) -> None:
        facts = known.facts.get(entry.member_id)
        if entry.ended_on or entry.is_held or facts is None:
            return
        if entry.next_on is None or entry.next_on > as_of:
            return
        if any(item.status == "open" for item in entry.items):
            return
        way = self._way(entry, known, facts, position=entry.step + 1)
        if way is None:
            entry.close("done", on=as_of, gone=not entry.is_while)
            return
        step = self.steps[entry.version.pk][entry.step]
        by_message = (
            way.hand == "system"
            and step.template_id is not None
            and facts.we_owe_since is None
            and facts.blocker != "association"
            and facts.member.quiet_through != as_of
        )
        if by_message and self._has_message(entry.member_id, on=as_of):
            return
        entry.step, entry.next_on = entry.step + 1, None
        self._open(entry, facts, way, by_message=by_message, as_of=as_of)

    def _way(
        self, entry: Entry, known: Known, facts: MemberFacts, *, position: int
    ) -> Way | None:
        rungs = [
            Rung(
                position=step.position,
                intent=step.intent,
                changes=step.changes,
                has_template=step.template_id is not None,
                ask=step.act,
            )
            for step in self.steps[entry.version.pk]
        ]
        taken = [
            Way(
                position=item.position,
                channel=item.channel,
                hand="system" if item.hand == "system" else "person",
                is_last=False,
                is_other=item.is_other,
            )
            for item in entry.items
        ]
        try:
            return next_way(
                rungs,
                position=position,
                taken=taken,
                channels=facts.segment.channels if facts.segment else (),
                delivery=facts.segment.delivery if facts.segment else "person",
                refused=known.unreachable[facts.contact_id],
            )
        except ThirdTry:
            return None

    def _open(
        self, entry: Entry, facts: MemberFacts, way: Way, *, by_message: bool, as_of: date
    ) -> None:
        suffix = f", step {way.position}" if way.position > 1 else ""
        entry.items.append(
            Item(
                entry=entry,
                position=way.position,
                occurrence=entry.occurrence + suffix,
                channel=way.channel,
                status="message" if by_message else "open",
                is_message=by_message,
                message="queued" if by_message else "",
                opened_on=as_of,
                queue_class=_queue_class(entry.version, facts),
                owner_id=None if way.is_other else facts.owner_id,
                is_other=way.is_other,
                story=_story(entry),
            )
        )

    def _has_message(self, member_id: int, *, on: date) -> bool:
        return any(
            item.is_message and item.opened_on == on
            for item in self.items
            if item.entry.member_id == member_id
        )

    # Entering.

    def _enter(
        self, version: PlayVersion, facts: MemberFacts, known: Known, *, as_of: date
    ) -> None:
        found = _occurrence(version, facts, as_of=as_of)
        if found is None or not self._may_enter(version, facts, known, found, as_of=as_of):
            return
        name, day = found
        held = 0 if version.never_withheld else version.held_percent
        entry = Entry(
            version=version,
            member_id=facts.pk,
            occurrence=name,
            occurred_on=day,
            entered_on=as_of,
            is_held=draw.is_held(salt=version.salt, account=facts.pk, percent=held),
            segment_id=facts.segment_id,
            state=facts.state,
        )
        way = self._way(entry, known, facts, position=1)
        assert way is not None
        quiet = facts.member.quiet_through
        by_message = (
            _prefers_message(facts)
            and not entry.is_held
            and way.hand == "system"
            and facts.we_owe_since is None
            and facts.blocker != "association"
            and day >= max(version.effective_from, as_of - version.too_late_days * DAY)
            and (quiet is None or quiet < day)
        )
        if by_message and self._has_message(facts.pk, on=as_of):
            return
        self.entries.append(entry)
        if not entry.is_held:
            self._open(entry, facts, way, by_message=by_message, as_of=as_of)

    def _may_enter(
        self,
        version: PlayVersion,
        facts: MemberFacts,
        known: Known,
        found: tuple[str, date],
        *,
        as_of: date,
    ) -> bool:
        name, day = found
        opted_out = facts.contact_id in known.want_nothing and not version.never_withheld
        earlier = [
            one for one in self.entries if one.version == version and one.member_id == facts.pk
        ]
        return (
            _holds(version.audience, facts, as_of=as_of)
            and not _holds(version.aim_condition, facts, as_of=as_of)
            and not _holds(version.stop, facts, as_of=as_of)
            and not (_prefers_message(facts) and day < version.effective_from)
            and not opted_out
            and all(one.ended_on is not None for one in earlier)
            and not any(_stands_against(one, name, as_of=as_of) for one in earlier)
        )

    def _stays(self, entry: Entry, facts: MemberFacts, *, as_of: date) -> bool:
        version = entry.version
        if not _holds(version.audience, facts, as_of=as_of):
            return False
        if entry.is_while:
            return _holds(version.start["while"], facts, as_of=as_of)
        named = _named(version, facts, as_of=as_of)
        return named is not None and named[0] == entry.occurrence


def _ending(entry: Entry, facts: MemberFacts, known: Known, *, stays: bool, as_of: date) -> str:
    """Why an entry ends, the first reason that holds; blank while it goes on."""
    version = entry.version
    replied_at = known.replied_at.get(entry.member_id)
    got = [item.reached_them_at for item in entry.items if item.reached_them_at]
    reasons = {
        "reached": _holds(version.aim_condition, facts, as_of=as_of),
        "left": not stays and facts.standing not in MEMBERS,
        "opted_out": facts.contact_id in known.want_nothing and not version.never_withheld,
        "replied": replied_at is not None and any(moment < replied_at for moment in got),
        "stopped": _holds(version.stop, facts, as_of=as_of),
        "gone": not stays,
    }
    return next((end for end, holds in reasons.items() if holds), "")


def _prefers_message(facts: MemberFacts) -> bool:
    return facts.segment is not None and facts.segment.delivery == "message"


def _is_worked_on(entry: Entry, *, at: datetime) -> bool:
    return any(
        item.status == "open" and item.claimed_until is not None and item.claimed_until > at
        for item in entry.items
    )


def _stands_against(earlier: Entry, name: str, *, as_of: date) -> bool:
    """Whether an entry that has ended keeps the member from another."""
    version = earlier.version
    match str(version.reentry):
        case "never":
            return True
        case "occurrence":
            return earlier.gone_on is None if earlier.is_while else earlier.occurrence == name
        case _:
            assert earlier.ended_on is not None
            since = as_of - version.reentry_days * DAY
            return earlier.occurrence == name or earlier.ended_on > since


def _occurrence(
    version: PlayVersion, facts: MemberFacts, *, as_of: date
) -> tuple[str, date] | None:
    """What starts a play on a night: its name and day."""
    if "while" in version.start:
        holds = _holds(version.start["while"], facts, as_of=as_of)
        return (f"since {as_of}", as_of) if holds else None
    named = _named(version, facts, as_of=as_of)
    if named is None or named[1] > as_of:
        return None
    # what the data say counts however old it is, a day only from when the play is in effect
    is_counted = version.start_kind == "data" or named[1] >= version.effective_from
    return named if is_counted else None


def _named(version: PlayVersion, facts: MemberFacts, *, as_of: date) -> tuple[str, date] | None:
    """What a start calls its occurrence now, whether or not its day has come."""
    start = version.start
    if "every" in start:
        months = {"month": 1, "quarter": 3}[start["every"]]
        first = as_of.replace(month=as_of.month - (as_of.month - 1) % months, day=1)
        return f"{start['every']} from {first}", first
    day = getattr(facts, start["fact"])
    if day is None:
        return None
    if version.start_kind == "data":
        name = f"behind on milestone {facts.blocking_id or 'unknown'} since {day}"
        return name, day
    offset = start["offset_days"]
    if start["fact"] == "anchor_on":
        assert facts.plan is not None
        name = f"day-{offset} of plan {facts.plan.baseline_id or facts.plan_id}"
    elif offset < 0:
        name = f"{-offset} days before {day}"
    else:
        name = f"day-{offset} after {day}"
    return name, day + offset * DAY


def _holds(condition: Any, facts: MemberFacts, *, as_of: date) -> bool:
    if condition is None:
        return False
    known = {fact.name: getattr(facts, fact.name, None) for fact in FACTS}
    known["segment"] = facts.segment and facts.segment.key
    return evaluate(parse(condition, registry=FACTS), known, as_of=as_of)


def _queue_class(version: PlayVersion, facts: MemberFacts) -> int:
    is_of_data = version.start_kind == "data" and version.start.get("fact") is not None
    if version.queue_class == 1 or not is_of_data:
        return version.queue_class
    return BY_STATE.get(facts.state, version.queue_class)


def _story(entry: Entry) -> tuple[tuple[Any, ...], ...]:
    """What was done before: step, day, channel, hand."""
    told = []
    for item in entry.items:
        moment = item.message_at if item.status == "message" else item.done_at
        day = moment.date().isoformat() if moment else None
        told.append((item.position, day, item.channel, item.hand))
    return tuple(told)
