"""What may be published: the rules that a play must keep before it acts upon anybody.

Errors forbid it, warnings go with it. Findings are those of ``linting``, and their ``where`` is
a path as in ``playing.to_data``. Nothing is repaired here (DOMAIN 2.10).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from config.kernel.conditions import (
    AnyOf,
    BadCondition,
    Condition,
    Kind,
    Leaf,
    Op,
    facts_in,
    parse,
)
from config.kernel.words import gettext as _
from config.kernel.words import gettext_noop, listed, ngettext
from success.engine.facts import FACTS
from success.engine.ladder import Rung, ThirdTry, Way, ways
from success.engine.linting import ERROR, WARNING, Finding
from success.engine.playing import (
    HAPPENINGS,
    MOST_HELD,
    NAMED,
    PERIODS,
    PlannedPlay,
    day_of,
)
from success.engine.spreading import MOST_SPREAD

FATIGUE_CAP = 2
CAP_DAYS = 14
FILLED = frozenset(
    {"name", "member", "goal", "next", "milestone", "day", "days", "ends", "reached"}
)
# What may be empty for a member the play takes: the send is blocked, and says for whom.
ABOUT_A_PLAN = frozenset({"goal", "next", "milestone", "days", "reached"})
# Dates that are what they are once they are known, so that a start at them is never gone.
STAYING = frozenset({"joined_on", "first_value_on", "achieved_on"})
# What we owe: whoever it happens to is never left alone to compare with.
OWED = frozenset({"promise.late", "answer.waiting"})
MONEY: Mapping[str, str] = {
    "paid_a_year": gettext_noop("What they pay a year"),
    "paid_so_far": gettext_noop("What they have paid so far"),
    "margin": gettext_noop("Margin"),
    "price": gettext_noop("What they pay"),
    "revenue": gettext_noop("Revenue"),
}

OVERTAKEN: Mapping[str, str] = {
    "month": gettext_noop(
        "Spread over more than %(most)s working days, what began late would be overtaken by "
        "the next month."
    ),
    "quarter": gettext_noop(
        "Spread over more than %(most)s working days, what began late would be overtaken by "
        "the next quarter."
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """How a segment's members are reached: ``channels`` in their order, ``delivery`` first."""

    name: str
    channels: tuple[str, ...]
    delivery: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """Another play in use that would act on some of the same members.

    ``contacts`` are the messages it sends to one of them in fourteen days.
    """

    title: str
    members: int
    contacts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tonight:
    """What the play would find today: who fits its audience, who would enter, who else acts.

    ``kinds`` are what has ever happened here, null where nobody looked.
    """

    audience: int
    entering: int | None = None
    overlaps: tuple[Overlap, ...] = ()
    kinds: Collection[str] | None = None


def lint(
    play: PlannedPlay,
    *,
    channels_by_segment: Mapping[str, Served],
    template_variables: Mapping[str, Collection[str]],
    tonight: Tonight | None = None,
) -> tuple[Finding, ...]:
    """Return what is to be said of ``play`` before it is published: errors, then warnings.

    ``channels_by_segment`` says by segment key how its members are reached,
    ``template_variables`` by template key which names its words use; a template that is not in
    it cannot be used. With ``tonight`` the play is judged against today's members too, null
    where nobody counted. The same play gives the same findings in the same order (DOMAIN 2.10).
    """
    found = chain(
        _aim(play),
        _start(play),
        _conditions(play),
        _stop(play),
        _reentry(play),
        _held(play),
        _steps(play),
        _reach_of_steps(play),
        _templates(play, template_variables),
        _ladders(play, channels_by_segment),
        _own_contacts(play, channels_by_segment),
        _tonight(play, tonight, channels_by_segment) if tonight is not None else (),
    )
    return tuple(sorted(found, key=lambda finding: not finding.is_error))


def rungs_of(play: PlannedPlay) -> tuple[Rung, ...]:
    """Return a play's steps as the rungs from which a segment's ways are worked out."""
    return tuple(
        Rung(
            position=position,
            intent=step.intent,
            changes=step.changes,
            has_template=bool(step.template),
            ask=step.act,
        )
        for position, step in enumerate(play.steps, 1)
    )


def ways_of(play: PlannedPlay, served: Served) -> tuple[Way, ...]:
    """Return by whom and how each step reaches the members of a segment; may raise ThirdTry."""
    return ways(rungs_of(play), channels=served.channels, delivery=served.delivery)


def contacts_in_cap(play: PlannedPlay, served: Served) -> int:
    """Return how many messages a member of a segment gets in the first fourteen days."""
    try:
        found = ways_of(play, served)
    except ThirdTry:
        return 0
    return sum(way.hand == "system" and day_of(play, way.position) < CAP_DAYS for way in found)


def words_used(*texts: str) -> frozenset[str]:
    """Return the names that a template's words ask to be filled in."""
    return frozenset(name for text in texts for name in _NAME.findall(text))


def names_in(why: str) -> frozenset[str]:
    """Return the names that the words of a start ask to be filled in, in single braces."""
    return frozenset(_BRACED.findall(why))


_NAME = re.compile(r"{{\s*(\w+)\s*}}")
_BRACED = re.compile(r"{([^{}\s]+)}")


def _error(code: str, where: str, words: str, suggestion: str = "") -> Finding:
    return Finding(severity=ERROR, code=code, where=where, words=words, suggestion=suggestion)


def _warning(code: str, where: str, words: str, suggestion: str = "") -> Finding:
    return Finding(severity=WARNING, code=code, where=where, words=words, suggestion=suggestion)


def _aim(play: PlannedPlay) -> Iterator[Finding]:
    if not play.aim.strip():
        yield _error(
            "aim_missing",
            "aim",
            _("A play is for something, and this one does not say what."),
            _("Write down what the member will have done when it has worked."),
        )
    if play.aim_days < 1:
        yield _error(
            "aim_days",
            "aim_days",
            _("An aim that counts for no day is never reached."),
            _("Say within how many days it counts as an effect of the play."),
        )
    happening = play.start.get("kind") if play.start_kind == "trigger" else ""
    is_event = bool(happening) and happening not in HAPPENINGS
    stays = play.start_kind == "timed" and play.start.get("fact") in STAYING
    is_kept = play.start.get("every") in PERIODS or is_event or stays
    if play.aim_condition is None and is_kept:
        yield _warning(
            "aim_unmeasured",
            "aim_condition",
            _(
                "What starts this play is never gone, so nobody will know that the aim is "
                "reached."
            ),
            _("Say by which facts the aim is known to be reached."),
        )


def _start(play: PlannedPlay) -> Iterator[Finding]:
    start, kind = play.start, play.start_kind
    if unknown := sorted(names_in(str(start.get("why") or "")) - NAMED):
        yield _error(
            "why_unfilled",
            "start",
            _("“Why now” names %(names)s, which nobody fills in.")
            % {"names": _listed(unknown)},
            _("Names that are filled in: %(names)s.")
            % {"names": ", ".join(f"{{{name}}}" for name in sorted(NAMED))},
        )
    happening = start.get("kind")
    if happening in HAPPENINGS and kind in {"data", "trigger"}:
        return
    checks: Mapping[str, Callable[[], Iterator[Finding]]] = {
        "timed": lambda: _timed(start),
        "data": lambda: _data(start),
        "trigger": lambda: _trigger(start),
    }
    yield from checks[kind]()


def _timed(start: Mapping[str, Any]) -> Iterator[Finding]:
    if "every" in start:
        if start["every"] not in PERIODS:
            yield _error(
                "start_period",
                "start",
                _("The day that comes again is that of every month or every quarter."),
            )
        elif (start.get("over_days") or 1) > MOST_SPREAD[start["every"]]:
            most = MOST_SPREAD[start["every"]]
            yield _error(
                "start_spread",
                "start",
                _(OVERTAKEN[start["every"]]) % {"most": most},
                _("Spread it over at most %(most)s working days.") % {"most": most},
            )
        return
    yield from _dated(start)


def _data(start: Mapping[str, Any]) -> Iterator[Finding]:
    if "while" in start:
        condition = _read(start["while"])
        if not isinstance(condition, str) and not facts_in(condition):
            yield _error(
                "start_always",
                "start",
                _("This is true of everybody, always, so it never becomes true."),
                _("Ask something that can change."),
            )
        return
    yield from _dated(start)


def _dated(start: Mapping[str, Any]) -> Iterator[Finding]:
    name = start.get("fact")
    fact = FACTS.get(name) if isinstance(name, str) else None
    if not name:
        yield _error(
            "start_missing",
            "start",
            _("Nothing says when the play begins for a member."),
            _("Choose the date from which it counts, or what has to be so."),
        )
    elif fact is None:
        yield _error(
            "start_unknown",
            "start",
            _("Nothing is known here by the name “%(name)s”.") % {"name": name},
        )
    elif fact.kind is not Kind.DATE:
        yield _error(
            "start_not_a_date",
            "start",
            _("“%(fact)s” is no date, and a play counts from one.") % {"fact": fact.title},
            _("Choose a date, or let the play begin when something becomes true."),
        )


def _trigger(start: Mapping[str, Any]) -> Iterator[Finding]:
    if not str(start.get("kind") or "").strip():
        yield _error(
            "start_missing",
            "start",
            _("Nothing says what has to happen for the play to begin."),
            _("Choose what happens."),
        )


def _conditions(play: PlannedPlay) -> Iterator[Finding]:
    asked: list[tuple[str, object]] = [
        ("aim_condition", play.aim_condition),
        ("start", play.start.get("while")),
        ("audience", play.audience),
        ("stop", play.stop),
    ]
    for where, condition in asked:
        if condition is None:
            continue
        read = _read(condition)
        if isinstance(read, str):
            yield _error("condition", where, read, _("Ask something else, or take it away."))
    if (aim := play.aim_condition) is not None and not isinstance(_read(aim), str):
        if aim == play.audience:
            yield _error(
                "aim_is_audience",
                "aim_condition",
                _("Whoever the play takes has reached the aim already."),
                _("Say what is different once it has worked."),
            )
        elif not facts_in(_parsed(aim)):
            yield _error(
                "aim_always",
                "aim_condition",
                _("This is true of everybody, so the aim is reached before anybody enters."),
                _("Say what is different once it has worked."),
            )


def _stop(play: PlannedPlay) -> Iterator[Finding]:
    if play.stop is None:
        yield _warning(
            "stop_missing",
            "stop",
            _(
                "Nothing stops this play but what always does: the aim, leaving, asking not to "
                "be contacted, a reply."
            ),
            _("Say what else would make it wrong to go on, such as a late promise of ours."),
        )
        return
    read = _read(play.stop)
    if isinstance(read, str):
        return
    if not facts_in(read):
        yield _error(
            "stop_always",
            "stop",
            _("This is true of everybody: whoever enters is out the same night."),
            _("Ask something, or take the stop rule away."),
        )
    elif play.stop == play.audience:
        yield _error(
            "stop_is_audience",
            "stop",
            _("Whoever the play takes is stopped at once."),
            _("Say what has to change for it to be wrong to go on."),
        )


def _reentry(play: PlannedPlay) -> Iterator[Finding]:
    if play.reentry == "after_days" and play.reentry_days < 1:
        yield _error(
            "reentry_days",
            "reentry_days",
            _("After no day at all, a member would enter again the night they are out."),
            _("Say how many days have to pass."),
        )
    if play.reentry == "never" and play.start.get("every"):
        yield _warning(
            "reentry_never",
            "reentry",
            _("The day comes again, but whoever was in this play once never enters again."),
            _("Let each of those days count, if that is what is meant."),
        )


def _held(play: PlannedPlay) -> Iterator[Finding]:
    if play.held_percent > MOST_HELD:
        yield _error(
            "held_many",
            "held_percent",
            _("At most %(most)s in a hundred may be left alone to compare with.")
            % {"most": MOST_HELD},
        )
    is_owed = play.start.get("kind") in OWED or play.queue_class == 1
    if play.held_percent and play.never_withheld:
        yield _error(
            "held_never_withheld",
            "held_percent",
            _("This is withheld from nobody, and yet some would be left alone."),
            _("Leave nobody alone, or say that it may be withheld."),
        )
    elif play.held_percent and is_owed:
        yield _error(
            "held_owed",
            "held_percent",
            _("What we owe is withheld from nobody."),
            _("Leave nobody alone."),
        )


def _steps(play: PlannedPlay) -> Iterator[Finding]:
    if not play.steps:
        yield _error(
            "steps_missing",
            "steps",
            _("A play does something, and this one has no step."),
            _("Write down the first step."),
        )
        return
    for at, step in enumerate(play.steps):
        where = f"steps.{at}"
        if not step.act.strip():
            yield _error(
                "act_missing",
                f"{where}.act",
                _("Step %(step)s does not say what to do.") % {"step": at + 1},
                _("Say it in a few words, as you would to a colleague."),
            )
        if step.minutes < 1:
            yield _error(
                "minutes_missing",
                f"{where}.minutes",
                _("Step %(step)s takes no time at all, so no week will ever be full.")
                % {"step": at + 1},
                _("Say how many minutes of a person's work it takes."),
            )
        if at and step.wait_days == 0:
            yield _warning(
                "wait_missing",
                f"{where}.wait_days",
                _("Step %(step)s follows the same night: nobody had time to answer.")
                % {"step": at + 1},
                _("Wait some days."),
            )
    if len(play.steps) > 1 and play.steps[-1].intent != "escalate":
        yield _warning(
            "end_is_no_person",
            f"steps.{len(play.steps) - 1}.intent",
            _("The ladder does not end with a person who has the whole story."),
            _("Let the last step give it to a person."),
        )


def _reach_of_steps(play: PlannedPlay) -> Iterator[Finding]:
    escalated = next(
        (at for at, step in enumerate(play.steps) if step.intent == "escalate"), None
    )
    horizon = _horizon(play)
    for at in range(1, len(play.steps)):
        day = day_of(play, at + 1)
        if escalated is not None and at > escalated:
            yield _error(
                "unreachable",
                f"steps.{at}",
                _(
                    "Step %(step)s is never reached: with step %(last)s a person has "
                    "it all, and the ladder ends there."
                )
                % {"step": at + 1, "last": escalated + 1},
                _("Take it away, or put it before."),
            )
        elif horizon is not None and day > horizon:
            yield _error(
                "unreachable",
                f"steps.{at}.wait_days",
                _(
                    "Step %(step)s is never reached: it comes on day %(day)s at the earliest, "
                    "and the stop rule ends the play after day %(horizon)s."
                )
                % {"step": at + 1, "day": day, "horizon": horizon},
                _("Wait for fewer days, or stop later."),
            )
        elif day > play.aim_days > 0:
            yield _warning(
                "after_the_aim",
                f"steps.{at}.wait_days",
                _(
                    "Step %(step)s comes on day %(day)s at the earliest, when the %(aim_days)s "
                    "days within which the aim counts are over."
                )
                % {"step": at + 1, "day": day, "aim_days": play.aim_days},
                _("Wait for fewer days, or let the aim count for longer."),
            )


def _horizon(play: PlannedPlay) -> int | None:
    """The last day of an entry at which the stop rule cannot hold yet; null where none is set.

    A rule that asks how old the date is from which the play counts sets one.
    """
    if play.stop is None or (fact := play.start.get("fact")) is None:
        return None
    read = _read(play.stop)
    if isinstance(read, str):
        return None
    offset = play.start.get("offset_days", 0)
    days = [
        leaf.value - offset
        for leaf in (read.parts if isinstance(read, AnyOf) else (read,))
        if isinstance(leaf, Leaf)
        and leaf.fact.name == fact
        and leaf.op is Op.OLDER_THAN_DAYS
        and isinstance(leaf.value, int)
    ]
    return min(days, default=None)


def _templates(
    play: PlannedPlay, template_variables: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    for at, step in enumerate(play.steps):
        if not step.template:
            continue
        where = f"steps.{at}.template"
        if step.template not in template_variables:
            yield _error(
                "template_unknown",
                where,
                _("There is no message “%(template)s” in use.") % {"template": step.template},
                _("Choose another, or let a person do it."),
            )
            continue
        used = set(template_variables[step.template])
        if unfilled := sorted(used - FILLED):
            yield _error(
                "variables_unfilled",
                where,
                _("The message asks for %(names)s, which a play does not know.")
                % {"names": _listed(unfilled)},
                _("Change its words, or choose another message."),
            )
        elif (bare := sorted(used & ABOUT_A_PLAN)) and not _asks_for_plan(play):
            yield _warning(
                "variables_of_a_plan",
                where,
                _(
                    "The message tells of %(names)s, which a member without a plan has not: to "
                    "those it is not sent, and a person does it."
                )
                % {"names": _listed(bare)},
                _("Ask in the audience for members who have a plan."),
            )


def _asks_for_plan(play: PlannedPlay) -> bool:
    """Whether the play only takes members who have a plan, as far as its words tell."""
    of_plan = {
        "anchor_on",
        "held_on",
        "blocked_since",
        "behind_since",
        "first_value_on",
        "achieved_on",
        "state",
        "blocker",
    }
    if play.start.get("fact") in of_plan:
        return True
    read = _read(play.audience)
    return not isinstance(read, str) and bool(facts_in(read) & of_plan)


def _ladders(play: PlannedPlay, served: Mapping[str, Served]) -> Iterator[Finding]:
    tried: dict[int, list[str]] = {}
    bare: list[str] = []
    for each in served.values():
        try:
            ways_of(play, each)
        except ThirdTry as third:
            tried.setdefault(third.position, []).append(each.name)
        is_bare = each.delivery == "message" and play.steps and not play.steps[0].template
        if is_bare:
            bare.append(each.name)
    for position, names in sorted(tried.items()):
        yield _error(
            "third_try",
            f"steps.{position - 1}.changes",
            _(
                "For members of %(segments)s, step %(position)s would try for the third time "
                "what has failed twice."
            )
            % {"segments": _listed(names), "position": position},
            _("Change the way, the person or what is asked."),
        )
    if bare and play.steps[0].intent != "escalate":
        yield _warning(
            "template_missing",
            "steps.0.template",
            _(
                "Members of %(segments)s are reached by messages first, and step 1 has none: "
                "a person does each of them by hand."
            )
            % {"segments": _listed(bare)},
            _("Choose a message, if a person is not what is meant."),
        )


def _own_contacts(play: PlannedPlay, served: Mapping[str, Served]) -> Iterator[Finding]:
    many = [each.name for each in served.values() if contacts_in_cap(play, each) > FATIGUE_CAP]
    if many:
        yield _warning(
            "cap_own",
            "steps",
            _(
                "Members of %(segments)s would get more than %(cap)s messages in "
                "%(days)s days; those beyond are held back until they may go."
            )
            % {"segments": _listed(many), "cap": FATIGUE_CAP, "days": CAP_DAYS},
            _("Wait for longer between the steps."),
        )


def _tonight(
    play: PlannedPlay, tonight: Tonight, served: Mapping[str, Served]
) -> Iterator[Finding]:
    if tonight.audience == 0:
        yield _warning(
            "audience_dead",
            "audience",
            _("Today there is nobody whom this play is for."),
            _("Look at the audience again, unless you wait for the first."),
        )
    happening = str(play.start.get("kind") or "")
    is_event = play.start_kind == "trigger" and happening and happening not in HAPPENINGS
    if is_event and tonight.kinds is not None and happening not in tonight.kinds:
        yield _warning(
            "start_unheard",
            "start",
            _("“%(kind)s” has never happened here.") % {"kind": happening},
            _("Look at how it is written, unless you wait for the first."),
        )
    most = play.most_a_night
    if most is not None and tonight.entering is not None and tonight.entering > most:
        yield _error(
            "most_a_night",
            "most_a_night",
            ngettext(
                "%(entering)s would enter today, more than the %(most)s a night at which the "
                "play stops: it would stop in its first night.",
                "%(entering)s would enter today, more than the %(most)s a night at which the "
                "play stops: it would stop in its first night.",
                tonight.entering,
            )
            % {"entering": tonight.entering, "most": most},
            _("Allow more, or take fewer."),
        )
    own = max((contacts_in_cap(play, each) for each in served.values()), default=0)
    for other in tonight.overlaps:
        if own and other.members and own + other.contacts > FATIGUE_CAP:
            yield _warning(
                "cap_conflict",
                "audience",
                ngettext(
                    "“%(title)s” takes %(count)s member of the same: together they would get "
                    "%(contacts)s messages in %(days)s days, and more than %(cap)s are held "
                    "back.",
                    "“%(title)s” takes %(count)s members of the same: together they would get "
                    "%(contacts)s messages in %(days)s days, and more than %(cap)s are held "
                    "back.",
                    other.members,
                )
                % {
                    "title": other.title,
                    "count": other.members,
                    "contacts": own + other.contacts,
                    "days": CAP_DAYS,
                    "cap": FATIGUE_CAP,
                },
                _("Leave out who is in the other play, or let a person do one of the two."),
            )


def _parsed(data: object) -> Condition:
    return parse(data, registry=FACTS)


def _read(data: object) -> Condition | str:
    """A condition, or what is wrong with it in words."""
    if money := _money_in(data):
        return _(
            "%(fact)s is about money, and cannot be asked here: whom we help, and how soon, is "
            "never decided by what they pay."
        ) % {"fact": money}
    try:
        return _parsed(data)
    except BadCondition as error:
        return _("This cannot be asked: %(reason)s.") % {"reason": error.reason}


def _money_in(data: object) -> str:
    """The first fact about money that a condition names, by its label; blank for none."""
    if isinstance(data, Mapping):
        if (name := data.get("fact")) in MONEY:
            return _(MONEY[str(name)])
        return next(filter(None, map(_money_in, data.values())), "")
    if isinstance(data, list | tuple):
        return next(filter(None, map(_money_in, data)), "")
    return ""


def _listed(names: Sequence[str]) -> str:
    return listed(_("“%(name)s”") % {"name": name} for name in names)
