"""Whom plays have to look at, where all have been looked at before: those who may differ.

A second look writes nothing. So whoever is looked at again has to have something that is not
as it was: a row that was written since, by whomever, or a day that the calendar brings. Which
rows were written PostgreSQL knows (``watching.written_since``); what the facts are made of, the
dirty set tells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from operator import attrgetter
from typing import Any

from config.kernel.clock import association_zone
from config.kernel.conditions import Turn, facts_in, parse, turns
from members.rollups.scope import Scope
from success.engine.facts import FACTS
from success.engine.spreading import begin_of
from success.enums import Reentry
from success.models import PlayVersion
from success.rollups.facts import MOVING
from success.rollups.plays.compiling import STIRRED, STIRRED_FACTS, compiled
from success.rollups.plays.going_on import COMES_BACK_DAYS
from success.rollups.plays.starting import HAPPENINGS, turns_of
from success.rollups.watching import since_moment, written_since

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """An earlier look at everybody: the day it was as of, and a moment before it began."""

    as_of: date
    moment: str


# What concerns everybody: how plays and segments are, and the days of the association.
CHANGED_FOR_ALL = " OR ".join(
    f"EXISTS (SELECT FROM {table} changed WHERE {written_since('changed')})"
    for table in (
        "success_play",
        "success_playversion",
        "success_playstep",
        "coverage_segment",
        "members_association",
    )
)
STIR = f"""
CREATE TEMPORARY TABLE {STIRRED} ON COMMIT DROP AS
-- plans, promises and what members did
SELECT d.member_id FROM members_dirtymember d WHERE {{scope_dirty}}
UNION
SELECT f.member_id
  FROM success_memberfacts f
  LEFT JOIN coverage_segment s ON s.id = f.segment_id
 WHERE {{scope_facts}}
   AND (({written_since("f")} AND (f.changed_on >= %(last)s OR {{moved}})) OR {{turned}})
UNION
-- a step whose day has come may have had to wait
SELECT n.member_id
  FROM success_enrolment n
 WHERE {{scope_entries}}
   AND ({written_since("n")} OR {{returning}}
        OR (n.ended_on IS NULL AND n.next_on <= %(as_of)s))
UNION
-- one message a night; and a claim ends by the clock
SELECT i.member_id
  FROM success_intervention i
 WHERE {{scope_items}}
   AND ({written_since("i")}
        OR (i.message_id IS NOT NULL AND i.opened_on >= %(last)s)
        OR (i.status = 'open'
            AND (i.claimed_until IS NOT NULL
                 OR (i.owner_id IN (SELECT u.id FROM members_user u WHERE NOT u.is_active)
                     AND i.evidence -> 'given' IS NOT NULL))))
UNION
SELECT n.member_id
  FROM success_enrolment n
  JOIN success_intervention i ON i.enrolment_id = n.id
  JOIN communications_message m ON m.id = i.message_id
 WHERE n.ended_on IS NULL AND {{scope_entries}} AND {{scope_items}}
   AND ({written_since("m")}
        OR (m.finished_at AT TIME ZONE %(zone)s)::date
            BETWEEN %(last)s::date + 1 - {COMES_BACK_DAYS}
                AND %(as_of)s::date - {COMES_BACK_DAYS})
UNION
SELECT r.member_id
  FROM communications_reply r
 WHERE {{scope_replies}} AND {written_since("r")}
UNION
SELECT f.member_id
  FROM communications_preference wish
  JOIN success_memberfacts f ON f.contact_id = wish.person_id
 WHERE {{scope_facts}} AND {written_since("wish")}
{{waiting}}
"""
KNOWN_OF_THEM = f"""
ALTER TABLE {STIRRED} ADD PRIMARY KEY (member_id);
ANALYZE {STIRRED};
CREATE TEMPORARY TABLE {STIRRED_FACTS} ON COMMIT DROP AS
SELECT f.* FROM success_memberfacts f JOIN {STIRRED} USING (member_id);
ALTER TABLE {STIRRED_FACTS} ADD PRIMARY KEY (member_id);
ANALYZE {STIRRED_FACTS} (member_id)
"""
# What waits for us or may be done now is little, and made of much: it is always looked at.
WAITING = """UNION
SELECT e.member_id FROM ({rows}) e
UNION
SELECT n.member_id
  FROM success_enrolment n
 WHERE n.play_id = {play} AND n.ended_on IS NULL AND {scope_entries}
"""


def narrowed(
    cursor: Any,
    versions: Sequence[PlayVersion],
    *,
    as_of: date,
    scope: Scope,
    looked: Looked,
) -> Scope:
    """Return a scope of those for whom ``versions`` may do anything since ``looked``.

    The scope itself where that may be anybody; else it names a table that goes with the
    transaction. Raises ``BadCondition``.
    """
    moment = since_moment(looked.moment)
    if moment is None or as_of < looked.as_of:
        return scope
    values = scope.parameters | {
        "as_of": as_of,
        "last": looked.as_of,
        "moment": moment,
        "zone": association_zone(),
    }
    cursor.execute(f"SELECT {CHANGED_FOR_ALL}", values)
    if cursor.fetchone()[0] or any(
        _is_new_for_all(version, after=looked.as_of, as_of=as_of) for version in versions
    ):
        return scope
    turned, turning = _turned(versions, after=looked.as_of, as_of=as_of, scope=scope)
    statement = STIR.format(
        scope_dirty=scope.condition("d.member_id"),
        scope_facts=scope.condition("f.member_id"),
        scope_entries=scope.condition("n.member_id"),
        scope_items=scope.condition("i.member_id"),
        scope_replies=scope.condition("r.member_id"),
        moved=_moved(versions),
        turned=turned,
        returning=_returning(versions, after=looked.as_of, as_of=as_of),
        waiting=_waiting(versions, scope=scope),
    )
    cursor.execute(statement, values | turning)
    cursor.execute(KNOWN_OF_THEM)
    # which would go through the whole range for the few of it
    cursor.execute("SET LOCAL enable_mergejoin = off")
    return replace(scope, among=STIRRED)


def _is_new_for_all(version: PlayVersion, *, after: date, as_of: date) -> bool:
    """Say whether a version came into effect between two days, or its period began."""
    every = version.start.get("every")
    return after < version.effective_from <= as_of or (
        every is not None and begin_of(every, on=after) != begin_of(every, on=as_of)
    )


def _turned(
    versions: Sequence[PlayVersion], *, after: date, as_of: date, scope: Scope
) -> tuple[str, dict[str, Any]]:
    """Return SQL of those for whom a day that a version asks about came after a day."""
    found = {turn for version in versions for turn in _turns(version, after=after, as_of=as_of)}
    values: dict[str, Any] = {}
    said = ["FALSE"]
    for number, turn in enumerate(sorted(found, key=attrgetter("column", "first", "last"))):
        first, last = f"first_{number}", f"last_{number}"
        said.append(f"{turn.column} BETWEEN %({first})s::date AND %({last})s::date")
        values |= {first: turn.first, last: turn.last}
    for version in versions:
        if "every" not in version.start:
            continue
        one = compiled(version, as_of=as_of, scope=scope)
        if any(after < day <= as_of for day in one.values["days"]):
            own = f"v{version.pk}"
            theirs = f"({one.sql['audience']}) AND {one.sql['day']} > %(after)s"
            theirs = f"{theirs} AND {one.sql['day']} <= %(as_of)s"
            said.append(f"({theirs.replace('%(', f'%({own}_')})")
            values |= {f"{own}_{name}": value for name, value in one.values.items()}
            values[f"{own}_after"] = after
    return f"({' OR '.join(said)})", values


def _turns(version: PlayVersion, *, after: date, as_of: date) -> Iterator[Turn]:
    for data in _conditions(version):
        yield from turns(parse(data, registry=FACTS), after=after, as_of=as_of)
    yield from turns_of(version, after=after, as_of=as_of)


def _moved(versions: Sequence[PlayVersion]) -> str:
    """Return SQL of facts in which something moved that ``changed_on`` says nothing of."""
    asked = {str(version.start.get("fact")) for version in versions}
    for version in versions:
        for data in _conditions(version):
            asked |= facts_in(parse(data, registry=FACTS))
    if asked & MOVING:
        return "TRUE"
    happenings = {str(version.start.get("kind")) for version in versions} & HAPPENINGS.keys()
    said = [HAPPENINGS[kind].moved for kind in sorted(happenings)]
    return " OR ".join(("FALSE", *(each for each in said if each is not None)))


def _conditions(version: PlayVersion) -> list[Any]:
    said = (version.audience, version.aim_condition, version.stop, version.start.get("while"))
    return [data for data in said if data is not None]


def _returning(versions: Sequence[PlayVersion], *, after: date, as_of: date) -> str:
    """Return SQL of entries that stood against another on a day, and do so no more."""
    said = ["FALSE"]
    for version in versions:
        if version.reentry == Reentry.AFTER_DAYS:
            days = timedelta(days=version.reentry_days)
            first, last = after - days + DAY, as_of - days
            said.append(
                f"(n.play_id = {version.play_id} AND n.ended_on BETWEEN '{first}' AND '{last}')"
            )
    return f"({' OR '.join(said)})"


def _waiting(versions: Sequence[PlayVersion], *, scope: Scope) -> str:
    waiting = []
    for version in versions:
        happening = HAPPENINGS.get(str(version.start.get("kind")))
        if happening is not None and happening.moved is None:
            rows = happening.rows.format(scope=scope.condition("p.member_id"))
            waiting.append(
                WAITING.format(
                    rows=rows,
                    play=version.play_id,
                    scope_entries=scope.condition("n.member_id"),
                )
            )
    return "".join(waiting)
