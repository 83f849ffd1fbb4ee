"""Figures that are stored nowhere: what the page says, beside a plain count one by one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from members.models import Association
from success.engine.explaining import (
    Definition,
    Figure,
    Value,
    Verdict,
    compared,
    definition_of,
    judge,
)
from success.enums import Side
from success.models import Accountability
from success.queries import first_value, kept, margin, outlook, recount
from success.queries.explain import RevenueExplained, Said
from success.queries.explain_vector import GroupExplained, VectorExplained
from success.queries.readings import asked_anew

PAGE: Final = 1000
CENT: Final = Decimal("0.01")


class NothingToSay(Exception):
    """The measure has nothing to be made of yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveExplained:
    """A measure that is worked out whenever it is asked for; ``stored`` is what the page says.

    ``now`` of each figure is the plain count. ``facts`` is how many were counted.
    """

    measure: str
    on: date
    definition: Definition
    figures: tuple[Figure, ...]
    verdict: Verdict
    facts: int


Explained = RevenueExplained | VectorExplained | GroupExplained | LiveExplained
Counted = tuple[dict[str, Value], dict[str, Value], int]


def explain_live(measure: str, *, as_of: date) -> LiveExplained:
    """Hold what a page says of a measure on a day against a plain count of its rows.

    ``measure`` is one of ``LIVE``. Counts, hours to the cent of an hour and money to the cent;
    null for nobody. Reads every row that bears on it; writes nothing. Raises ``KeyError`` for
    another measure and ``NothingToSay`` (DOMAIN 2.6, 2.8, 6.5, 7).
    """
    said, counted, facts = LIVE[measure](as_of)
    return LiveExplained(
        measure=measure,
        on=as_of,
        definition=definition_of(measure),
        figures=compared(stored=said, then=None, now=counted),
        verdict=judge(stored=said, then=None, now=counted),
        facts=facts,
    )


def plain(found: Explained) -> dict[str, Any]:
    """Return an explanation as plain JSON, for the API and for scripts."""
    body: dict[str, Any] = {
        "definition": {
            "measure": found.definition.measure,
            "version": found.definition.version,
            "since": found.definition.since.isoformat(),
            "section": found.definition.section,
        },
        "verdict": found.verdict.value,
        "figures": [
            {
                "name": each.name,
                "stored": _plain(each.stored),
                "then": _plain(each.then),
                "now": _plain(each.now),
                "agrees": each.agrees if found.verdict != Verdict.NOT_STORED else None,
            }
            for each in found.figures
        ],
    }
    if isinstance(found, LiveExplained):
        return {"measure": found.measure, "on": found.on.isoformat(), **body,
                "counted": found.facts}  # fmt: skip
    body |= {
        "said": _said(found.said) if found.said else None,
        "then_known": found.then_known,
        "later": [
            {
                "at": each.at.isoformat(),
                "what": each.what,
                "facts": each.facts,
                "source": each.source,
                "because": each.because,
            }
            for each in found.later
        ],
    }
    if isinstance(found, VectorExplained):
        return {"measure": "vector", **body, **_plain_vector(found)}
    if isinstance(found, GroupExplained):
        return {"measure": "group", **body, **_plain_group(found)}
    return {"measure": "revenue", **body, **_plain_revenue(found)}


def _plain_revenue(found: RevenueExplained) -> dict[str, Any]:
    return {
        "from": found.asked.opening_on.isoformat(),
        "to": found.asked.closing_on.isoformat(),
        "basis": found.asked.basis.value,
        "by": found.asked.dimension.value,
        "value": found.asked.value,
        "as_of": found.as_of.isoformat(),
        "currency": found.currency,
        "grace_days": found.grace_days,
        "revisions": [_said(each) for each in found.revisions],
        "members": found.members,
        "terms": found.terms,
        "facts": [
            {
                "member": str(row.public_id) if row.public_id else None,
                "name": row.name,
                "kind": row.movement.kind.value,
                "opening": str(row.movement.opening),
                "closing": str(row.movement.closing),
                "terms": [
                    {
                        "tier": term.tier,
                        "starts_on": term.starts_on.isoformat(),
                        "ends_on": term.ends_on.isoformat(),
                        "annual_amount": str(term.annual_amount),
                        "source": term.source,
                        "external_id": term.external_id,
                        "recorded_at": _moment(term.recorded_at),
                        "file": term.file,
                        "line": term.line,
                    }
                    for term in row.terms
                ],
            }
            for row in found.facts
        ],
        "next": found.next,
    }


def _plain_vector(found: VectorExplained) -> dict[str, Any]:
    plan = found.plan
    return {
        "member": str(found.member.public_id),
        "on": found.on.isoformat(),
        "plan": None
        if plan is None
        else {
            "id": str(plan.public_id),
            "version": plan.version,
            "anchor_on": plan.anchor_on.isoformat(),
            "plan_day": found.plan_day,
            "paused_days": found.paused_days,
        },
        "facts": [
            {
                "milestone": each.title,
                "expected_on": each.expected_on.isoformat(),
                "weight": each.weight,
                "stands": each.stands,
                "dates": [day.isoformat() for day in each.dates],
                "source": each.source,
                "recorded_at": _moment(each.recorded_at),
                "known_then": each.known_then,
            }
            for each in found.facts
        ],
    }


def _plain_group(found: GroupExplained) -> dict[str, Any]:
    return {
        "on": found.on.isoformat(),
        "by": found.dimension.value,
        "value": found.value,
        "members": found.members,
        "facts": [
            {
                "member": str(each.public_id),
                "name": each.name,
                "state": each.state,
                "ahead": each.ahead,
                "pace": _plain(each.pace),
                "same_then": each.same_then,
            }
            for each in found.facts
        ],
        "next": found.next,
    }


def _said(said: Said) -> dict[str, Any]:
    return {
        "computed_at": _moment(said.computed_at),
        "covers_until": said.covers_until.isoformat(),
        "definition": said.definition,
        "revision": said.revision,
        "is_final": said.is_final,
        "restated_on": said.restated_on.isoformat() if said.restated_on else None,
        "restated_because": said.restated_because,
    }


def _moment(value: Any) -> str | None:
    return value.isoformat() if value else None


def _plain(value: Value) -> Any:
    return str(value) if isinstance(value, Decimal) else value


# The measures.


def _promises(as_of: date) -> Counted:
    found = kept.promises_kept(as_of=as_of)
    sides = {Side.ASSOCIATION: found.everybody.ours, Side.MEMBER: found.everybody.theirs}
    counted: Counter[str] = Counter()
    promises = Accountability.objects.filter(due_on__gt=found.since, due_on__lte=as_of)
    facts = 0
    for promise in promises.select_related("plan"):
        waived, done, plan = promise.waived_on, promise.done_on, promise.plan
        is_open = done is None or done > as_of
        ended = plan.closed_on is not None and plan.closed_on <= promise.due_on
        if (waived is not None and waived <= as_of) or (
            is_open and (promise.due_on == as_of or ended)
        ):
            continue
        facts += 1
        counted[f"{promise.side}_due"] += 1
        if done is not None and done <= promise.due_on:
            counted[f"{promise.side}_on_time"] += 1
        elif not is_open:
            counted[f"{promise.side}_late"] += 1
    said: dict[str, Value] = {}
    for side, told in sides.items():
        said |= {
            f"{side}_due": told.due,
            f"{side}_on_time": told.on_time,
            f"{side}_late": told.late,
        }
    return said, {name: counted[name] for name in said}, facts


def _margin(as_of: date) -> Counted:
    try:
        everybody, _segments = margin.by_segment(as_of=as_of)
    except (margin.NoRates, margin.OtherCurrency) as error:
        raise NothingToSay from error
    names = ("revenue", "hours", "cost_to_serve", "margin")
    sums = dict.fromkeys(names, Decimal(0))
    members, after = 0, None
    while True:
        with asked_anew():
            page = margin.by_member(as_of=as_of, after=after, size=PAGE)
        members += len(page.items)
        for row in page.items:
            for name in names:
                sums[name] += getattr(row.served, name)
        if not (after := page.next):
            break
    said: dict[str, Value] = {
        name: getattr(everybody.served, name).quantize(CENT) for name in names
    }
    counted: dict[str, Value] = {name: value.quantize(CENT) for name, value in sums.items()}
    return said | {"members": everybody.members}, counted | {"members": members}, members


def _first_value(as_of: date) -> Counted:
    grace_days = Association.current().grace_days
    found = first_value.first_value(as_of=as_of, grace_days=grace_days)
    everybody, out = found.everybody, found.left_out
    said: dict[str, Value] = {
        "members": everybody.members,
        "arrived": everybody.arrived,
        "waiting": everybody.waiting,
        "left_without": everybody.left_without,
        "median_days": everybody.median,
        "before_records": out.before_records,
        "carried_over": out.carried_over,
        "unknown": out.unknown,
    }
    counted, facts = recount.first_value_counts(as_of=as_of, grace_days=grace_days)
    return said, counted, facts


def _stalled(as_of: date) -> Counted:
    grace_days = Association.current().grace_days
    found = outlook.stalled_and_lapsed(as_of=as_of, grace_days=grace_days)
    template = found and outlook.studied_template(key=found.template)
    if not found or not template:
        raise NothingToSay
    main = found.main
    said: dict[str, Value] = dict.fromkeys(
        ("stalled", "moving", "stalled_left", "moving_left"), 0
    )
    for group in main.comparison.groups:
        said |= {group.name: group.members, f"{group.name}_left": group.left}
    said |= {"left_before": main.left_before, "not_yet": main.not_yet}
    counted, facts = recount.stalled_counts(
        template=template, as_of=as_of, grace_days=grace_days
    )
    return said, counted, facts


LIVE: Final[dict[str, Callable[[date], Counted]]] = {
    "first-value": _first_value,
    "margin": _margin,
    "promises": _promises,
    "stalled-and-lapsed": _stalled,
}
