"""What may be agreed: the rules that a plan must keep before both sides say yes (DOMAIN 2.5).

Errors forbid the agreement, warnings go with it. A member's milestones and two-sided promises
are the point; the rest is arithmetic. Nothing is repaired here.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from config.kernel.words import gettext as _
from config.kernel.words import gettext_noop, ngettext
from success.engine.accountability import Side
from success.engine.phases import association_event, association_facts, is_seat_only
from success.engine.planning import PlannedMilestone, PlannedPath, promises_of, total_weight

FEWEST_MILESTONES = 3
MOST_MILESTONES = 7
WHOLE = 100
LONGEST_GAP = 90
HALF = 50
MOST_PROMISES = 5
MOST_ASKS = 3
LONGEST_TITLE = 120
KEY = re.compile(r"[-a-zA-Z0-9_]{1,50}\Z")

_Gating = Sequence[tuple[int, PlannedMilestone]]

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something about a plan: ``where`` is its path as in ``to_data``, blank for the whole.

    ``words`` say what is the matter and why, ``suggestion`` what to do about it.
    """

    severity: Literal["error", "warning"]
    code: str
    where: str
    words: str
    suggestion: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == ERROR


def lint(path: PlannedPath, *, missing_fits: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return what is to be said of ``path`` before it is agreed: errors first, then warnings.

    ``missing_fits`` are the fits of success potential that the member lacks; each needs a
    promise of ours that closes it (DOMAIN 2.12). The same path gives the same findings in the
    same order (DOMAIN 2.5, 2.7, 2.8).
    """
    gating = [(at, m) for at, m in enumerate(path.milestones) if m.is_gating]
    found = chain(
        _goal(path),
        _count(gating),
        _keys(path),
        _order(gating),
        *(_milestone(at, milestone) for at, milestone in enumerate(path.milestones)),
        _weights(path, gating),
        _all_promises(path),
        _fits(path, missing_fits),
        _gaps(path, gating),
        _evidence_is_thin(gating),
        _expectations(path),
        _asks(path),
    )
    return tuple(sorted(found, key=lambda finding: not finding.is_error))


def has_errors(findings: Sequence[Finding]) -> bool:
    """Tell whether any of ``findings`` forbids the agreement."""
    return any(finding.is_error for finding in findings)


def rule_problem(rule: Mapping[str, Any]) -> str:
    """Return what is wrong with an evidence rule, in words; blank where it is whole.

    Known are ``first`` (areas), ``subjects`` (areas, count), ``peers`` (areas, count) and
    ``kept`` (areas, days), as the milestones' rollup reads them.
    """
    name = rule.get("rule")
    parameters = RULES.get(name) if isinstance(name, str) else None
    if parameters is None:
        return _("The records are asked by one of: %(rules)s.") % {"rules": ", ".join(RULES)}
    wrong = [
        _(words) for field, (check, words) in parameters.items() if not check(rule.get(field))
    ]
    unknown = sorted(set(rule) - set(parameters) - {"rule"})
    strange = _("“%(name)s” is not known here.")
    return " ".join([*wrong, *(strange % {"name": field} for field in unknown)])


def _is_areas(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(area, str) and area for area in value)
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_AREAS = (_is_areas, gettext_noop("It names at least one area of involvement."))
_COUNT = (_is_count, gettext_noop("It says how many, one or more."))
_DAYS = (_is_count, gettext_noop("It says for how many days, one or more."))
RULES: Mapping[str, Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "first": {"areas": _AREAS},
    "subjects": {"areas": _AREAS, "count": _COUNT},
    "peers": {"areas": _AREAS, "count": _COUNT},
    "kept": {"areas": _AREAS, "days": _DAYS},
}


def _error(code: str, where: str, words: str, suggestion: str = "") -> Finding:
    return Finding(severity=ERROR, code=code, where=where, words=words, suggestion=suggestion)


def _warning(code: str, where: str, words: str, suggestion: str = "") -> Finding:
    return Finding(severity=WARNING, code=code, where=where, words=words, suggestion=suggestion)


def _goal(path: PlannedPath) -> Iterator[Finding]:
    if not path.goal.strip():
        yield _error(
            "goal_missing",
            "goal",
            _("A plan leads to a goal, and this one has none."),
            _("Write down what the member wants to achieve, in their own words."),
        )
    elif (phase := association_event(path.goal)) is not None:
        yield _warning(f"goal_is_{phase.key}", "goal", _(phase.why), _(phase.suggestion))
    if not path.measure.strip():
        yield _warning(
            "measure_missing",
            "measure",
            _("Nothing says how both sides will know that the goal is reached."),
            _("Name a number, a document or an event that either side can point at."),
        )


def _count(gating: _Gating) -> Iterator[Finding]:
    if not FEWEST_MILESTONES <= len(gating) <= MOST_MILESTONES:
        yield _error(
            "milestone_count",
            "milestones",
            _(
                "A plan has %(fewest)s to %(most)s milestones that the clock waits for; this "
                "one has %(count)s."
            )
            % {
                "fewest": FEWEST_MILESTONES,
                "most": MOST_MILESTONES,
                "count": len(gating),
            },
            _(
                "Split a long way, or keep the points that decide and tell the others as "
                "promises. What was reached before is not counted again."
            ),
        )


def _keys(path: PlannedPath) -> Iterator[Finding]:
    often = Counter(milestone.key for milestone in path.milestones)
    for at, milestone in enumerate(path.milestones):
        where = f"milestones.{at}.key"
        if not KEY.match(milestone.key):
            yield _error(
                "key_form",
                where,
                _("A key is one to fifty letters, digits, hyphens and underscores."),
            )
        elif often[milestone.key] > 1:
            yield _error(
                "key_twice",
                where,
                _("Two milestones have the key “%(key)s”, which is to tell them apart.")
                % {"key": milestone.key},
            )
    titles = Counter(milestone.title.strip().casefold() for milestone in path.milestones)
    for at, milestone in enumerate(path.milestones):
        if milestone.title.strip() and titles[milestone.title.strip().casefold()] > 1:
            yield _warning(
                "title_twice",
                f"milestones.{at}.title",
                _("Two milestones read the same."),
                _("Say what is more the second time."),
            )


def _order(gating: _Gating) -> Iterator[Finding]:
    latest = 0
    for at, milestone in gating:
        if milestone.expected_day < latest:
            yield _error(
                "days_fall",
                f"milestones.{at}.expected_day",
                _("Day %(day)s comes before the day %(latest)s of the milestone before it.")
                % {"day": milestone.expected_day, "latest": latest},
                _("Put the milestones in the order in which they are reached."),
            )
        latest = max(latest, milestone.expected_day)
        if milestone.expected_day == 0:
            yield _error(
                "day_zero",
                f"milestones.{at}.expected_day",
                _("On day 0 nothing can have been reached on the way yet."),
                _("Give it a day, or leave it out if it is so already."),
            )


def _milestone(at: int, milestone: PlannedMilestone) -> Iterator[Finding]:
    yield from _title(f"milestones.{at}.title", milestone.title)
    yield from _evidence(f"milestones.{at}", milestone)
    if milestone.weight < 1:
        yield _error(
            "weight_missing", f"milestones.{at}.weight", _("Every milestone weighs something.")
        )
    if milestone.is_gating:
        yield from _both_sides(f"milestones.{at}.promises", milestone)
    if len(milestone.promises) > MOST_PROMISES:
        yield _warning(
            "promises_many",
            f"milestones.{at}.promises",
            ngettext(
                "%(count)s promise for one milestone: some will be forgotten.",
                "%(count)s promises for one milestone: some will be forgotten.",
                len(milestone.promises),
            )
            % {"count": len(milestone.promises)},
            _("Keep those without which it will not be reached."),
        )
    yield from _ask(f"milestones.{at}", milestone)


def _title(where: str, title: str) -> Iterator[Finding]:
    if not title.strip():
        yield _error(
            "title_missing",
            where,
            _("A milestone says what the member will have reached."),
            _("Write it as the member would tell it."),
        )
        return
    phase = association_event(title)
    if phase is not None:
        yield _error(f"association_{phase.key}", where, _(phase.why), _(phase.suggestion))
    elif is_seat_only(title):
        yield _warning(
            "seat_only",
            where,
            _("A seat in a group is a beginning; it is not said what it gives the member."),
            _("Say what they achieve there."),
        )
    if len(title) > LONGEST_TITLE:
        yield _warning(
            "title_long",
            where,
            _("At %(count)s letters this will not be remembered.") % {"count": len(title)},
            _("Put the rest into what to expect."),
        )


def _evidence(at: str, milestone: PlannedMilestone) -> Iterator[Finding]:
    where = f"{at}.evidence_rule"
    if facts := association_facts(milestone.evidence_rule):
        yield _error(
            "association_fact",
            where,
            _("“%(fact)s” tells of an event at the association, not of the member's outcome.")
            % {"fact": facts[0]},
            _("Ask the records for the member's own doing, or let somebody confirm it."),
        )
    elif milestone.evidence_kind == "derived":
        if words := rule_problem(milestone.evidence_rule):
            yield _error(
                "rule_unknown",
                where,
                words,
                _("Choose what the records are asked, or let somebody confirm the milestone."),
            )
    elif milestone.evidence_rule:
        yield _error(
            "rule_unasked",
            where,
            _("There is a rule for the records, but people are to say whether it is reached."),
            _("Take the rule away, or let the records say it."),
        )


def _both_sides(where: str, milestone: PlannedMilestone) -> Iterator[Finding]:
    sides = {promise.side for promise in milestone.promises}
    if Side.MEMBER not in sides:
        yield _error(
            "no_member_promise",
            where,
            _("Nothing says what the member does for this milestone."),
            _("Agree at least one thing that they will do, with a day."),
        )
    if Side.ASSOCIATION not in sides:
        yield _error(
            "no_association_promise",
            where,
            _("Nothing says what we do for this milestone."),
            _("Promise at least one thing that we will do, with a day."),
        )


def _ask(at: str, milestone: PlannedMilestone) -> Iterator[Finding]:
    for field, asked in (("upsell", milestone.upsell), ("advocacy", milestone.advocacy)):
        if not asked:
            continue
        if not milestone.is_gating:
            yield _error(
                "ask_not_gating",
                f"{at}.{field}",
                _("We ask at milestones that the plan waits for, not beside them."),
                _("Announce it at one of those."),
            )
        elif milestone.evidence_kind == "declared":
            yield _error(
                "ask_on_word",
                f"{at}.{field}",
                _("We ask only where both sides, or the records, say that it is reached."),
                _("Let the milestone be confirmed, or announce it at another."),
            )


def _weights(path: PlannedPath, gating: _Gating) -> Iterator[Finding]:
    if (total := total_weight(path)) != WHOLE:
        yield _error(
            "weights",
            "milestones",
            _("The weights of the milestones add up to %(total)s, not to %(whole)s.")
            % {"total": total, "whole": WHOLE},
            _(
                "Share out a hundred by how much of the goal each one is. What was reached "
                "before does not count."
            ),
        )
    for at, milestone in gating:
        if milestone.weight > HALF:
            yield _warning(
                "weight_heavy",
                f"milestones.{at}.weight",
                _(
                    "More than half of the way is one milestone; until then little is to be "
                    "seen."
                ),
                _("Split it."),
            )


def _all_promises(path: PlannedPath) -> Iterator[Finding]:
    for where, promise in promises_of(path):
        if not promise.title.strip():
            yield _error(
                "promise_empty", f"{where}.title", _("A promise says what will be done.")
            )
        if promise.due_day < 0:
            yield _warning(
                "promise_before_start",
                f"{where}.due_day",
                _("It was due before the plan begins."),
            )


def _fits(path: PlannedPath, missing: Collection[str]) -> Iterator[Finding]:
    closed = {p.closes_fit for _, p in promises_of(path) if p.side is Side.ASSOCIATION}
    for fit in sorted(set(missing) - closed):
        yield _error(
            "fit_open",
            "promises",
            _("The %(fit)s fit is missing, and no promise of ours closes it.") % {"fit": fit},
            _("Promise what closes it, or do not agree this plan."),
        )


def _gaps(path: PlannedPath, gating: _Gating) -> Iterator[Finding]:
    due = [promise.due_day for _, promise in promises_of(path)]
    since = 0
    for at, milestone in gating:
        until = milestone.expected_day
        if until - since > LONGEST_GAP and not any(since < day < until for day in due):
            yield _warning(
                "gap",
                f"milestones.{at}.expected_day",
                _(
                    "From day %(since)s to day %(until)s nothing is due: the member would seem "
                    "on track with nothing to show for it."
                )
                % {"since": since, "until": until},
                _("Put a promise with a day in between, or a milestone."),
            )
        since = max(since, until)


def _evidence_is_thin(gating: _Gating) -> Iterator[Finding]:
    declared = sum(m.weight for _, m in gating if m.evidence_kind == "declared")
    if 2 * declared > sum(milestone.weight for _, milestone in gating):
        yield _warning(
            "evidence_thin",
            "milestones",
            _("More than half of the way stands on one side's word."),
            _("Let the other side confirm the milestones that matter most."),
        )


def _expectations(path: PlannedPath) -> Iterator[Finding]:
    for field, day in (("first_30", 30), ("first_60", 60), ("first_90", 90)):
        if not getattr(path, field).strip():
            yield _warning(
                "expectations_missing",
                field,
                _("Nothing says what to expect in the first %(day)s days.") % {"day": day},
                _("Tell the member now; expectations are managed at the start."),
            )


def _asks(path: PlannedPath) -> Iterator[Finding]:
    asks = sum(bool(m.upsell) + bool(m.advocacy) for m in path.milestones)
    if asks > MOST_ASKS:
        yield _warning(
            "asks_many",
            "milestones",
            ngettext(
                "%(count)s thing is going to be asked of the member on one way.",
                "%(count)s things are going to be asked of the member on one way.",
                asks,
            )
            % {"count": asks},
            _("Keep the ones that are their own next need."),
        )
