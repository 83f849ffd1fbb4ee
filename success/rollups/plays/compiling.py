"""A version of a play, or several, made into pieces of SQL with the values of their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from config.kernel.clock import association_zone
from config.kernel.conditions import compile_sql, in_words, parse
from coverage.models import Segment
from members.rollups.scope import Scope, named
from success.engine.draw import edge
from success.engine.facts import FACTS
from success.engine.ladder import Rung, ThirdTry, Way, next_way
from success.enums import Reentry, Standing, VersionStatus
from success.models import Enrolment, PlayStep, PlayVersion
from success.rollups.plays.starting import is_about_promises, spelled, start_of

# Those who may differ since an earlier look, and their MemberFacts.
STIRRED, STIRRED_FACTS = "stirred_member", "stirred_facts"

MEMBER_STANDINGS = (Standing.IN_FORCE.value, Standing.IN_GRACE.value)

# What a play's own words may name, of ``f``, ``d`` and the milestones beside them.
WORDS = {
    "day": spelled("d.occurred_on"),
    "period": spelled("%(period_on)s::date"),
    "offset": "abs(%(offset)s::int)::text",
    "began": spelled("f.anchor_on"),
    "joined": spelled("f.joined_on"),
    "ends": spelled("f.term_ends_on"),
    "confirmed": spelled("f.goal_confirmed_on"),
    "milestone": "'“' || blocking.title || '”'",
    "expected": spelled("f.blocked_since - 1"),
    "next": "'“' || coming.title || '”'",
    "subject": "nullif(d.subject, '')",
    "quiet": spelled("f.decider_last_on"),
    "goal": "'“' || plan.goal || '”'",
}


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A play compiled for a night: pieces of SQL, and the values of their names."""

    sql: dict[str, str]
    values: dict[str, Any]


def published() -> QuerySet[PlayVersion]:
    """What plays that are switched on do, the most pressing first: its message goes first."""
    return _with_steps(
        PlayVersion.objects.filter(status=VersionStatus.PUBLISHED, play__is_active=True)
    )


def in_use(*, as_of: date) -> QuerySet[PlayVersion]:
    """Those of them that are in effect on a day."""
    return published().filter(effective_from__lte=as_of)


def with_members(*, as_of: date) -> QuerySet[PlayVersion]:
    """Those in use, and what was published before and still has members under way in it."""
    inside = Enrolment.objects.filter(
        version=OuterRef("pk"), play=OuterRef("play_id"), ended_on=None
    )
    return _with_steps(
        PlayVersion.objects.filter(
            Q(status=VersionStatus.PUBLISHED, effective_from__lte=as_of)
            | Q(Exists(inside), status=VersionStatus.SUPERSEDED),
            play__is_active=True,
        )
    )


def _with_steps(versions: QuerySet[PlayVersion]) -> QuerySet[PlayVersion]:
    return (
        versions.select_related("play")
        .prefetch_related(
            Prefetch("steps", PlayStep.objects.select_related("template").order_by("position"))
        )
        .order_by("queue_class", "play_id", "number")
    )


def compiled(
    version: PlayVersion, *, as_of: date, scope: Scope, effective_from: date | None = None
) -> Compiled:
    """Compile what a version asks as of a night, for the members of a scope.

    ``effective_from`` stands in for the version's own. Raises ``BadCondition``.
    """
    start, values = start_of(version, as_of=as_of, scope=scope)
    audience, asked = _condition(version.audience, prefix="audience", as_of=as_of)
    aim, aimed = _condition(version.aim_condition, prefix="aim", as_of=as_of)
    stop, stopped = _condition(version.stop, prefix="stop", as_of=as_of)
    steps = sorted(version.steps.all(), key=lambda step: step.position)
    first = steps[0] if steps else None
    held = 0 if version.never_withheld or is_about_promises(version) else version.held_percent
    values |= asked | aimed | stopped | scope.parameters
    values |= {
        "as_of": as_of,
        "play": version.play_id,
        "version": version.pk,
        "play_key": version.play.key,
        "effective_from": effective_from or version.effective_from,
        "oldest": as_of - timedelta(days=version.too_late_days),
        "has_template": first is not None and first.template_id is not None,
        "standings": list(MEMBER_STANDINGS),
        "zone": association_zone(),
        "salt": version.salt,
        "edge": edge(percent=held),
        "is_drawn": held > 0,
        "is_owed": version.never_withheld or is_about_promises(version),
        "reentry_since": as_of - timedelta(days=version.reentry_days),
        "stop_words": _words(version.stop),
    }
    sql = start | {
        "audience": audience,
        "aim": aim,
        "stop": stop,
        "is_while": "TRUE" if "while" in version.start else "FALSE",
        "aim_is_start": "TRUE" if version.aim_condition is None else "FALSE",
        "facts": facts_of(scope),
        "scope_facts": scope.condition("f.member_id"),
        "scope_items": scope.condition("i.member_id"),
        "scope_entries": scope.condition("n.member_id"),
        "why": _why(str(values["why"]), we_owe=start["we_owe"]),
        "is_work": start["is_work"].format(day=start["day"]),
        "again": AGAIN[Reentry(version.reentry)].format(again=start["again"]),
    }
    sql["free"] = sql["free"].format(**sql)
    return Compiled(sql=sql, values=values)


OF_ENTRIES = (
    "stays", "aim", "stop", "gone", "stop_words", "is_owed", "is_while", "aim_is_start",
)  # fmt: skip
# What an earlier entry must be for another to be refused; see Reentry.
AGAIN = {
    Reentry.NEVER: "TRUE",
    Reentry.OCCURRENCE: "{again}",
    Reentry.AFTER_DAYS: "n.occurrence = fired.occurrence"
    " OR n.ended_on IS NULL OR n.ended_on > %(reentry_since)s::date",
}


def every(versions: Sequence[PlayVersion], *, as_of: date, scope: Scope) -> Compiled:
    """Compile what is asked of the entries of several versions, each by its own, in one pass.

    Pieces are for ``n``, the entry: *stays*, *aim*, *stop*, *gone* (words), *stop_words*,
    *is_owed*, *is_while* and *aim_is_start*.
    """
    values: dict[str, Any] = {
        "as_of": as_of,
        "versions": [version.pk for version in versions],
        "standings": list(MEMBER_STANDINGS),
        "zone": association_zone(),
        **scope.parameters,
    }
    cases: dict[str, list[str]] = {name: [] for name in OF_ENTRIES}
    for version in versions:
        one = compiled(version, as_of=as_of, scope=scope)
        own = f"v{version.pk}"
        values |= {f"{own}_{name}": value for name, value in one.values.items()}
        pieces = one.sql | {
            "stays": f"({one.sql['audience']}) AND {one.sql['holds']}",
            "stop_words": "%(stop_words)s::text",
            "is_owed": "%(is_owed)s",
        }
        for name in OF_ENTRIES:
            # the names of a version's values, apart from those of the others
            renamed = pieces[name].replace("%(", f"%({own}_")
            cases[name].append(f"WHEN {version.pk} THEN {renamed}")
    sql: dict[str, str] = {
        name: f"CASE n.version_id {' '.join(each)} END" if each else "NULL"
        for name, each in cases.items()
    }
    sql["facts"] = facts_of(scope)
    sql["scope_items"] = scope.condition("i.member_id")
    sql["scope_entries"] = scope.condition("n.member_id")
    return Compiled(sql=sql, values=values)


def facts_of(scope: Scope) -> str:
    """Return the table with the MemberFacts of a scope, to be called ``f``."""
    return STIRRED_FACTS if scope.among == STIRRED else "success_memberfacts"


@dataclass(frozen=True, kw_only=True)
class Combination:
    """What decides the way of a step, alike for many members.

    ``unreachable`` are the channels they refused or cannot be had by, with commas; ``taken``
    what was tried in the entry so far: position, channel, hand and *other*, or nothing.
    """

    segment_id: int | None
    unreachable: str
    taken: str = ""


class Ways:
    """The ways of one version's steps, worked out once for each combination."""

    def __init__(self, version: PlayVersion) -> None:
        steps = sorted(version.steps.all(), key=lambda step: step.position)
        self._rungs = [
            Rung(
                position=step.position,
                intent=step.intent,
                changes=step.changes,
                has_template=step.template_id is not None,
                ask=step.act,
            )
            for step in steps
        ]
        self._segments: Mapping[int, Segment] = Segment.objects.in_bulk()
        self._known: dict[tuple[int, Combination], Way | None] = {}

    def of(self, position: int, combination: Combination) -> Way | None:
        """Return the way of a step; None where it would be a third try."""
        key = (position, combination)
        if key not in self._known:
            self._known[key] = self._work_out(position, combination)
        return self._known[key]

    def _work_out(self, position: int, combination: Combination) -> Way | None:
        segment = self._segments.get(combination.segment_id or 0)
        try:
            return next_way(
                self._rungs,
                position=position,
                taken=[_taken(each) for each in combination.taken.split("|") if each],
                channels=segment.channels if segment else (),
                delivery=segment.delivery if segment else "person",
                refused=set(combination.unreachable.split(",")),
            )
        except ThirdTry:
            return None


def _taken(written: str) -> Way:
    position, channel, hand, other = written.split("/")
    return Way(
        position=int(position),
        channel=channel,
        hand="system" if hand == "system" else "person",
        is_last=False,
        is_other=other == "other",
    )


def _condition(data: Any, *, prefix: str, as_of: date) -> tuple[str, dict[str, Any]]:
    """Compile one condition of a version; one that is not there is never true."""
    if data is None:
        return "FALSE", {}
    return named(*compile_sql(parse(data, registry=FACTS), as_of=as_of), prefix=prefix)


def _words(data: Any) -> str | None:
    return None if data is None else in_words(parse(data, registry=FACTS))


def _why(words: str, *, we_owe: str) -> str:
    """Return SQL that fills the play's own words with the member's dated evidence."""
    text = "%(why)s::text"
    for name, value in WORDS.items():
        if f"{{{name}}}" in words:
            text = f"replace({text}, '{{{name}}}', coalesce({value}, 'not known yet'))"
    return f"{text} || coalesce({we_owe}, '')"
