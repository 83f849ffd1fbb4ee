"""A play walked through past nights, each with what was known on it and nothing else.

The tables that speak of time stand behind temporary ones of the same names, which are brought
from night to night as the live night brings the real ones: the first in full, then whoever a
day or a change concerns. A night costs what changed on it. Nothing outside is written.

What was not known on a night is hidden from it:

* a term's end, where it was entered when the member left: until then the term runs as long as
  terms of this association usually do;
* the segment and the owner of today: those of the night are taken from the record of moves,
  and before its first line they are not known;
* terms, facts, plans and promises that begin later, as everywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.db import connection

from config.kernel.conditions import Kind, compile_sql, facts_in, parse
from members.rollups.scope import Scope, named
from success.engine.backtest import Entry, spells
from success.engine.facts import FACTS
from success.engine.spreading import begin_of, working_days
from success.enums import Reentry, Standing, StartKind
from success.models import PlayVersion
from success.rollups import facts
from success.rollups.milestones import evidence_of_spells
from success.rollups.plays import HAPPENINGS
from success.rollups.plays.starting import OWN_DAY_CAME

EVERYBODY: Final = Scope(first=0, last=2**62)
TAKEN: Final = 1
USUAL_SHARE: Final = 0.05
LONGEST_TERM_MONTHS: Final = 120
MEMBERS: Final = (Standing.IN_FORCE.value, Standing.IN_GRACE.value)
PERIODS: Final = ("month", "quarter")
# unknown before the record of moves begins
MOVED: Final = frozenset({"segment"})


class NotTestable(Exception):
    """What starts the play leaves no trace of past days; in words a page can show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An entry as it goes from night to night. ``holds``: it has not ceased to be so since."""

    member: int
    occurrence: str
    entered_on: date
    reached_on: date | None = None
    holds: bool = True

    @property
    def entry(self) -> Entry:
        return Entry(
            member=self.member,
            occurrence=self.occurrence,
            entered_on=self.entered_on,
            reached_on=self.reached_on,
        )


FOR_A_CHUNK = """
SET LOCAL work_mem = '128MB';
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0
"""
EMPTY = (
    "CREATE TEMPORARY TABLE {table} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES"
    " INCLUDING IDENTITY) ON COMMIT DROP"
)
SHADOWED: Final = ("success_memberfacts", "success_vectorchange", "members_dirtymember")

# Lengths in whole months that at least one term in twenty has: such an end was agreed.
USUAL_LENGTHS = """
WITH counted AS (
    SELECT extract(year FROM age(ends_on, starts_on)) * 12
               + extract(month FROM age(ends_on, starts_on)) AS months,
           starts_on, ends_on
    FROM members_term
)
SELECT months::int FROM counted
WHERE months BETWEEN 1 AND %(longest)s
  AND starts_on + months::int * interval '1 month' = ends_on
GROUP BY months
HAVING count(*) >= %(share)s * (SELECT count(*) FROM members_term)
ORDER BY months
"""
TERMS = """
CREATE TEMPORARY TABLE trial_term ON COMMIT DROP AS
SELECT t.id, t.member_id, t.tier, t.starts_on, t.ends_on,
       coalesce((
           SELECT min(agreed.ends_on)
           FROM (SELECT (t.starts_on + months * interval '1 month')::date AS ends_on
                 FROM unnest(%(usual)s::int[]) AS months) AS agreed
           WHERE agreed.ends_on >= t.ends_on
       ), t.ends_on) AS agreed_on
FROM members_term t
"""
TERMS_KNOWN = """
CREATE TEMPORARY TABLE members_term ON COMMIT DROP AS
SELECT id, member_id, tier, starts_on,
       CASE WHEN ends_on <= %(as_of)s THEN ends_on ELSE agreed_on END AS ends_on
FROM pg_temp.trial_term;
CREATE INDEX ON pg_temp.members_term (member_id, starts_on);
CREATE UNIQUE INDEX ON pg_temp.members_term (id);
CREATE INDEX ON pg_temp.trial_term (ends_on) WHERE agreed_on > ends_on;
ANALYZE pg_temp.trial_term; ANALYZE pg_temp.members_term
"""
ENDS_LEARNT = """
WITH learnt AS (
    UPDATE pg_temp.members_term t SET ends_on = really.ends_on
    FROM pg_temp.trial_term really
    WHERE really.id = t.id AND really.agreed_on > really.ends_on
      AND really.ends_on > %(before)s AND really.ends_on <= %(as_of)s
    RETURNING t.member_id
)
INSERT INTO pg_temp.members_dirtymember (member_id, since, taken_by)
SELECT DISTINCT member_id, %(as_of)s::date, %(taken)s FROM learnt
ON CONFLICT DO NOTHING
"""
ASSIGNED = """
CREATE TEMPORARY TABLE coverage_assignment ON COMMIT DROP AS
SELECT DISTINCT ON (c.member_id) c.member_id, c.to_segment_id AS segment_id,
       c.to_owner_id AS owner_id
FROM coverage_assignmentchange c
WHERE c."on" <= %(as_of)s
ORDER BY c.member_id, c."on" DESC, c.id DESC;
CREATE UNIQUE INDEX ON pg_temp.coverage_assignment (member_id)
"""
MOVES_LEARNT = """
WITH moved AS (
    INSERT INTO pg_temp.coverage_assignment (member_id, segment_id, owner_id)
    SELECT DISTINCT ON (c.member_id) c.member_id, c.to_segment_id, c.to_owner_id
    FROM coverage_assignmentchange c
    WHERE c."on" > %(before)s AND c."on" <= %(as_of)s
    ORDER BY c.member_id, c."on" DESC, c.id DESC
    ON CONFLICT (member_id) DO UPDATE
    SET segment_id = excluded.segment_id, owner_id = excluded.owner_id
    RETURNING member_id
)
INSERT INTO pg_temp.members_dirtymember (member_id, since, taken_by)
SELECT member_id, %(as_of)s::date, %(taken)s FROM moved
ON CONFLICT DO NOTHING
"""
# A path for everybody, as if each had set out on it on the day they joined.
PATHS = """
CREATE TEMPORARY TABLE success_plan ON COMMIT DROP AS
SELECT -spell.number AS id, spell.member_id, NULL::bigint AS baseline_id, 1 AS version,
       spell.joined_on AS anchor_on, spell.joined_on AS counts_from, spell.closed_on
FROM unnest(%(members)s::bigint[], %(joined)s::date[], %(closed)s::date[])
    WITH ORDINALITY AS spell (member_id, joined_on, closed_on, number);
ALTER TABLE pg_temp.success_plan ADD PRIMARY KEY (id);
CREATE INDEX ON pg_temp.success_plan (member_id);
CREATE TEMPORARY TABLE success_milestone ON COMMIT DROP AS
SELECT p.id * 1000 - m.position AS id, p.id AS plan_id, m.position, m.key, m.expected_day,
       m.weight, m.is_gating, m.evidence_rule, NULL::date[] AS evidence_dates,
       'derived'::text AS evidence_source, m.id AS template_milestone_id
FROM success_plan p
CROSS JOIN success_templatemilestone m
WHERE m.template_id = %(path)s;
UPDATE pg_temp.success_milestone m SET evidence_dates = ARRAY[seen.achieved_on]
FROM unnest(%(spells)s::bigint[], %(rules)s::bigint[], %(days)s::date[])
    AS seen (number, rule_id, achieved_on)
WHERE m.plan_id = -seen.number AND m.template_milestone_id = seen.rule_id;
CREATE INDEX ON pg_temp.success_milestone (plan_id, position);
ANALYZE pg_temp.success_plan; ANALYZE pg_temp.success_milestone
"""
ENTRIES = """
CREATE TEMPORARY TABLE trial_entry (
    member_id bigint, occurrence text, entered_on date, reached_on date, holds boolean,
    PRIMARY KEY (member_id, occurrence)
) ON COMMIT DROP;
INSERT INTO trial_entry
SELECT * FROM unnest(%(members)s::bigint[], %(occurrences)s::text[], %(entered)s::date[],
                     %(reached)s::date[], %(holds)s::boolean[])
"""
# Who has what starts the play, and is of its audience, on a night.
STARTED = """
    SELECT f.member_id, {occurrence} AS occurrence
    FROM pg_temp.success_memberfacts f
    LEFT JOIN coverage_segment s ON s.id = f.segment_id
    {source}
    WHERE f.standing = ANY (%(standings)s) AND {fires} AND ({audience})
"""
ENTER = """
INSERT INTO pg_temp.trial_entry
SELECT DISTINCT started.member_id, started.occurrence, %(as_of)s::date, NULL::date, TRUE
FROM ({started}) started
WHERE started.occurrence IS NOT NULL AND {unless}
ON CONFLICT DO NOTHING
"""
UNLESS_ENTERED: Final = {
    Reentry.NEVER: "e.member_id = started.member_id",
    Reentry.OCCURRENCE: (
        "e.member_id = started.member_id AND e.occurrence = started.occurrence"
    ),
    # an entry ends with its aim, or where its days for it are over
    Reentry.AFTER_DAYS: (
        "e.member_id = started.member_id AND (e.occurrence = started.occurrence"
        " OR coalesce(e.reached_on, e.entered_on + %(aim_days)s)"
        " > %(as_of)s::date - %(reentry_days)s)"
    ),
}
CEASED = """
UPDATE pg_temp.trial_entry e SET holds = FALSE
WHERE e.holds AND NOT EXISTS (
    SELECT FROM ({started}) started WHERE started.member_id = e.member_id)
"""
REACHED = """
UPDATE pg_temp.trial_entry e SET reached_on = %(as_of)s
FROM pg_temp.success_memberfacts f
LEFT JOIN coverage_segment s ON s.id = f.segment_id
WHERE f.member_id = e.member_id AND e.reached_on IS NULL
  AND e.entered_on < %(as_of)s AND e.entered_on + %(aim_days)s >= %(as_of)s
  AND f.standing = ANY (%(standings)s) AND {aim}
"""
NOBODY_LEFT = """NOT EXISTS (
    SELECT FROM engagement_involvement v
     WHERE v.member_id = f.member_id AND v.area = split_part(%(kind)s, '.', 1)
       AND v.starts_on <= %(as_of)s AND (v.ends_on IS NULL OR v.ends_on > %(as_of)s))"""


def nights(*, first_on: date, last_on: date, every_days: int) -> list[date]:
    """Return the nights that are looked at: from the first on, every so many days."""
    count = (last_on - first_on).days // every_days
    return [first_on + timedelta(days=index * every_days) for index in range(count + 1)]


def unknowable(version: PlayVersion) -> frozenset[str]:
    """Return the facts a version asks about that are not known before their record begins."""
    asked = [version.audience, version.aim_condition, version.start.get("while")]
    trees = [parse(data, registry=FACTS) for data in asked if data is not None]
    return MOVED & frozenset(name for tree in trees for name in facts_in(tree))


def check(version: PlayVersion) -> None:
    """Raise ``NotTestable`` or ``BadCondition`` where a version cannot be walked."""
    _pieces(version, as_of=date.min + timedelta(days=40_000), first_on=date.min)


def walk(  # noqa: PLR0913  # what a walk is made of
    *,
    version: PlayVersion,
    path_id: int | None,
    first_on: date,
    over: Sequence[date],
    known: Iterable[Found],
    grace_days: int,
) -> list[Found]:
    """Walk a version through the nights of ``over``, in order, and return all entries so far.

    ``known`` are the entries of the nights before; ``first_on`` the first night of all. With
    ``path_id``, every member has that template's path from the day they joined, whatever was
    agreed. Called in a transaction; reads only, so the same again finds the same. Raises
    ``NotTestable`` and ``BadCondition``.
    """
    if not over:
        return list(known)
    with connection.cursor() as cursor:
        _lay_out(cursor, as_of=over[0], path_id=path_id, grace_days=grace_days)
        _put(cursor, known)
        before: date | None = None
        for as_of in over:
            _bring(cursor, before=before, as_of=as_of, grace_days=grace_days)
            sql, parameters = _pieces(version, as_of=as_of, first_on=first_on)
            if "while" in version.start:
                cursor.execute(CEASED.format(**sql), parameters)
            cursor.execute(REACHED.format(**sql), parameters)
            cursor.execute(ENTER.format(**sql), parameters)
            before = as_of
        cursor.execute(
            "SELECT member_id, occurrence, entered_on, reached_on, holds"
            " FROM pg_temp.trial_entry ORDER BY entered_on, member_id, occurrence"
        )
        found = [
            Found(
                member=member,
                occurrence=occurrence,
                entered_on=entered_on,
                reached_on=reached_on,
                holds=holds,
            )
            for member, occurrence, entered_on, reached_on, holds in cursor.fetchall()
        ]
        _clear_away(cursor, has_path=path_id is not None)
    return found


def terms() -> list[tuple[int, date, date]]:
    """Return all terms as they are known now: (member id, first day, first day after)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT member_id, starts_on, ends_on FROM members_term")
        return list(cursor.fetchall())


def _lay_out(cursor: Any, *, as_of: date, path_id: int | None, grace_days: int) -> None:
    if path_id is not None:
        _lay_paths(cursor, path_id=path_id, grace_days=grace_days)
    cursor.execute(FOR_A_CHUNK)
    for table in SHADOWED:
        cursor.execute(EMPTY.format(table=table))
    cursor.execute(USUAL_LENGTHS, {"longest": LONGEST_TERM_MONTHS, "share": USUAL_SHARE})
    usual = [months for (months,) in cursor.fetchall()]
    cursor.execute(TERMS, {"usual": usual})
    cursor.execute(TERMS_KNOWN, {"as_of": as_of})
    cursor.execute(ASSIGNED, {"as_of": as_of})


def _lay_paths(cursor: Any, *, path_id: int, grace_days: int) -> None:
    cursor.execute(
        "SELECT t.member_id, t.starts_on, t.ends_on FROM members_term t"
        " JOIN members_member m ON m.id = t.member_id"
        " JOIN success_plantemplate path ON path.audience = m.kind"
        " WHERE path.id = %s ORDER BY t.member_id, t.starts_on",
        [path_id],
    )
    runs = spells(cursor.fetchall(), grace_days=grace_days, as_of=date.max)
    closings = [
        None if run.left_on is None else run.left_on + timedelta(days=grace_days)
        for run in runs
    ]
    members, joined = [run.member for run in runs], [run.joined_on for run in runs]
    seen = evidence_of_spells(
        template_id=path_id, spells=list(zip(members, joined, closings, strict=True))
    )
    cursor.execute(
        PATHS,
        {
            "path": path_id,
            "members": members,
            "joined": joined,
            "closed": closings,
            "spells": [index + 1 for index, _rule in seen],
            "rules": [rule for _index, rule in seen],
            "days": list(seen.values()),
        },
    )


def _put(cursor: Any, known: Iterable[Found]) -> None:
    rows = list(known)
    cursor.execute(
        ENTRIES,
        {
            "members": [row.member for row in rows],
            "occurrences": [row.occurrence for row in rows],
            "entered": [row.entered_on for row in rows],
            "reached": [row.reached_on for row in rows],
            "holds": [row.holds for row in rows],
        },
    )


def _bring(cursor: Any, *, before: date | None, as_of: date, grace_days: int) -> None:
    """Bring the facts to a night: everybody's on the first, then those that may have moved."""
    scope = EVERYBODY
    if before is not None:
        parameters = {"before": before, "as_of": as_of, "taken": TAKEN}
        cursor.execute("TRUNCATE pg_temp.members_dirtymember")
        cursor.execute(ENDS_LEARNT, parameters)
        cursor.execute(MOVES_LEARNT, parameters)
        scope = Scope(first=EVERYBODY.first, last=EVERYBODY.last, taken_by=TAKEN)
    facts.refresh(as_of=as_of, scope=scope, grace_days=grace_days)
    if before is None:
        cursor.execute("ANALYZE pg_temp.success_memberfacts")


def _pieces(
    version: PlayVersion, *, as_of: date, first_on: date
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the statements of a night, and the values of their names."""
    audience, asked = _compiled(version.audience, as_of=as_of, prefix="audience")
    start, started_with = _start(version, as_of=as_of)
    parameters: dict[str, Any] = {
        "as_of": as_of,
        "first_on": first_on,
        "standings": list(MEMBERS),
        "aim_days": version.aim_days,
        "reentry_days": version.reentry_days,
        "offset": version.start.get("offset_days"),
        "kind": version.start.get("kind"),
        "every": version.start.get("every"),
        **asked,
        **started_with,
    }
    started = STARTED.format(audience=audience, **start)
    if version.aim_condition is None:
        aim = (
            f"NOT EXISTS (SELECT FROM ({started}) started"
            " WHERE started.member_id = e.member_id AND started.occurrence = e.occurrence)"
        )
        if "while" in version.start:
            aim = "NOT e.holds"
    else:
        aim, sought = _compiled(version.aim_condition, as_of=as_of, prefix="aim")
        aim = f"({aim})"
        parameters |= sought
    barred = UNLESS_ENTERED[Reentry(version.reentry)]
    if "while" in version.start:
        # while it stays so there is no second entry, whatever the rule
        barred = f"({barred}) OR (e.member_id = started.member_id AND e.holds)"
    unless = f"NOT EXISTS (SELECT FROM pg_temp.trial_entry e WHERE {barred})"
    return {"started": started, "unless": unless, "aim": aim}, parameters


def _start(version: PlayVersion, *, as_of: date) -> tuple[dict[str, str], dict[str, Any]]:
    start = version.start
    if str(start.get("kind")) in HAPPENINGS:
        raise NotTestable("What waits for us is known of today only: it has no past nights")
    if version.start_kind == StartKind.TRIGGER:
        return _trigger(is_last=bool(start.get("last"))), {}
    if start.get("every") in PERIODS:
        began = begin_of(start["every"], on=as_of)
        days = working_days(began, count=int(start.get("over_days") or 1))
        came = "TRUE" if len(days) == 1 or days[-1] <= as_of else OWN_DAY_CAME
        return {
            "source": "",
            "occurrence": "(%(every)s || ' of ' || %(period_on)s::date)",
            "fires": "%(period_on)s::date >= %(first_on)s"
            f" AND f.joined_on <= %(period_on)s::date AND {came}",
        }, {"period_on": began, "days": list(days), "place_salt": _place_salt(version, days)}
    if "while" in start:
        sql, values = _compiled(start["while"], as_of=as_of, prefix="while")
        return {
            "source": "",
            "occurrence": "('since ' || %(as_of)s::date)",
            "fires": f"({sql})",
        }, values
    name = start.get("fact")
    fact = FACTS.get(name) if isinstance(name, str) else None
    if fact is None or fact.kind is not Kind.DATE:
        raise NotTestable("It does not start at a date, a condition or a fact that is recorded")
    if version.start_kind == StartKind.TIMED:
        return {
            "source": "",
            "occurrence": f"('day ' || %(offset)s::int || ' after ' || {fact.column})",
            "fires": f"{fact.column} BETWEEN %(first_on)s::date - %(offset)s::int"
            " AND %(as_of)s::date - %(offset)s::int",
        }, {}
    of_milestone = name == "behind_since"
    at = " || ' at ' || coalesce(f.blocking_id::text, '')" if of_milestone else ""
    return {
        "source": "",
        "occurrence": f"('since ' || {fact.column}{at})",
        "fires": f"{fact.column} <= %(as_of)s",
    }, {}


def _place_salt(version: PlayVersion, days: Sequence[date]) -> str:
    return f"{version.play.key}:day" if len(days) > 1 else ""


def _trigger(*, is_last: bool) -> dict[str, str]:
    return {
        "source": "JOIN engagement_fact e ON e.member_id = f.member_id AND e.kind = %(kind)s"
        " AND e.occurred_on BETWEEN %(first_on)s AND %(as_of)s",
        "occurrence": "('left: ' || e.occurred_on)"
        if is_last
        else "(e.kind || ': ' || e.occurred_on)",
        "fires": NOBODY_LEFT if is_last else "TRUE",
    }


def _compiled(data: Any, *, as_of: date, prefix: str) -> tuple[str, dict[str, Any]]:
    return named(*compile_sql(parse(data, registry=FACTS), as_of=as_of), prefix=prefix)


def _clear_away(cursor: Any, *, has_path: bool) -> None:
    gone = [*SHADOWED, "members_term", "coverage_assignment", "trial_term", "trial_entry"]
    if has_path:
        gone += ["success_plan", "success_milestone"]
    cursor.execute(f"DROP TABLE {', '.join(f'pg_temp.{table}' for table in gone)}")
