"""The tables behind the survival curves: month by month, who was seen to it and who left."""

from datetime import date
from typing import Final

from django.db import connection

from members.rollups.scope import Written

# Months completed between two days: the last day of a shorter month completes one.
MONTHS: Final = """(
    (date_part('year', {end}) - date_part('year', {start})) * 12
    + date_part('month', {end}) - date_part('month', {start})
    - CASE WHEN date_part('day', {end}) < date_part('day', {start})
            AND date_part('day', {end} + 1) <> 1 THEN 1 ELSE 0 END
)::int"""

EVERYBODY: Final = (0, 2**62)

# A list of common table expressions that ends in ``grouped``: one row for each unbroken
# membership that was watched for any time at all. Terms are one membership where the next
# begins before the grace after the last is over, so each is taken up to the day before that.
# OFFSET 0: what stands before it is worked out once, not wherever it is named.
SPELLS: Final = f"""
held AS (
    SELECT t.member_id, range_agg(daterange(t.starts_on, t.ends_on + %(grace)s - 1)) AS runs,
           (array_agg(t.tier ORDER BY t.starts_on, t.ends_on, t.id))[1] AS tier
    FROM members_term t
    WHERE t.starts_on <= %(as_of)s
      AND t.member_id BETWEEN %(first)s AND %(last)s
    GROUP BY t.member_id
),
spell AS (
    SELECT held.member_id, (one.place - 1)::int AS run, lower(one.days) AS begins_on,
           upper(one.days) - %(grace)s + 1 AS ends_on,
           CASE WHEN one.place = 1 THEN held.tier ELSE (
               SELECT t.tier FROM members_term t
               WHERE t.member_id = held.member_id AND t.starts_on = lower(one.days)
               ORDER BY t.ends_on, t.id LIMIT 1
           ) END AS tier
    FROM held
    CROSS JOIN LATERAL unnest(held.runs) WITH ORDINALITY AS one (days, place)
    OFFSET 0
),
ended AS (
    -- who goes on under another account has not left: known up to the expiry
    SELECT spell.*, spell.ends_on + %(grace)s <= %(as_of)s AND NOT EXISTS (
               SELECT 1 FROM members_accountlink l
               WHERE l.member_id = spell.member_id
                 AND l.since < spell.ends_on + %(grace)s
                 AND (l.until IS NULL OR l.until > spell.ends_on)
           ) AS has_left
    FROM spell
    OFFSET 0
),
known AS (
    SELECT member_id, run, begins_on, tier, has_left,
           CASE WHEN has_left THEN ends_on ELSE least(ends_on, %(as_of)s) END AS until_on
    FROM ended
    OFFSET 0
),
seen AS (
    SELECT known.*, {MONTHS.format(start="begins_on", end="until_on")} AS month,
           CASE WHEN begins_on < %(records_begin)s
                THEN {MONTHS.format(start="begins_on", end="%(records_begin)s::date")} END
               AS entry
    FROM known
    OFFSET 0
),
who AS MATERIALIZED (
    SELECT m.id, m.kind, coalesce(g.key, '') AS segment
    FROM members_member m
    LEFT JOIN success_memberfacts f ON f.member_id = m.id
    LEFT JOIN coverage_segment g ON g.id = f.segment_id
    WHERE m.id BETWEEN %(first)s AND %(last)s
),
grouped AS (
    SELECT seen.*, who.kind, who.segment, coalesce((
               SELECT v.state FROM success_vectorchange v
               WHERE v.member_id = seen.member_id AND v."on" <= seen.until_on - 60
               ORDER BY v."on" DESC LIMIT 1
           ), '') AS state,
           date_part('year', seen.begins_on)::int::text AS cohort,
           CASE WHEN seen.run = 0 THEN 1 ELSE 2 END AS spell
    FROM seen
    JOIN who ON who.id = seen.member_id
    WHERE seen.entry IS NULL OR seen.entry < seen.month
)
"""

# Members who are alike in everything are counted first, and groups of them put together.
REFRESH: Final = f"""
WITH {SPELLS},
alike AS (
    SELECT spell, month, has_left, entry, kind, segment, state, tier, cohort,
           count(*) AS members
    FROM grouped
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
),
one AS (
    SELECT spell,
           CASE WHEN grouping(kind) = 0 THEN 'kind' WHEN grouping(segment) = 0 THEN 'segment'
                WHEN grouping(state) = 0 THEN 'state' WHEN grouping(tier) = 0 THEN 'tier'
                WHEN grouping(cohort) = 0 THEN 'cohort' ELSE 'all' END AS dimension,
           coalesce(kind, segment, state, tier, cohort, '') AS value,
           month, has_left, entry, sum(members)::int AS members
    FROM alike
    GROUP BY spell, month, has_left, entry,
             GROUPING SETS ((), (kind), (segment), (state), (tier), (cohort))
),
change AS (
    -- who is at risk from nought or from the month after their entry, and who no more
    SELECT spell, dimension, value, coalesce(entry + 1, 0) AS month, members AS comes,
           0 AS events, 0 AS censored
    FROM one
    UNION ALL
    SELECT spell, dimension, value, month, 0,
           CASE WHEN has_left THEN members ELSE 0 END,
           CASE WHEN has_left THEN 0 ELSE members END
    FROM one
),
span AS (
    SELECT spell, dimension, value, max(month) AS last FROM change GROUP BY 1, 2, 3
),
counted AS (
    SELECT s.spell, s.dimension, s.value, months.month, coalesce(sum(c.comes), 0) AS comes,
           coalesce(sum(c.events), 0)::int AS events,
           coalesce(sum(c.censored), 0)::int AS censored
    FROM span s
    CROSS JOIN LATERAL generate_series(0, s.last) AS months (month)
    LEFT JOIN change c ON (c.spell, c.dimension, c.value, c.month)
                        = (s.spell, s.dimension, s.value, months.month)
    GROUP BY 1, 2, 3, 4
),
said AS (
    SELECT spell, dimension, value, month,
           (sum(comes) OVER so_far
            - coalesce(sum(events + censored) OVER before, 0))::int AS at_risk,
           events, censored
    FROM counted
    WINDOW so_far AS (PARTITION BY spell, dimension, value ORDER BY month),
           before AS (PARTITION BY spell, dimension, value ORDER BY month
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
gone AS (
    DELETE FROM success_retentionevent old
    WHERE NOT EXISTS (
        SELECT 1 FROM said s
        WHERE (s.spell, s.dimension, s.value, s.month)
            = (old.spell, old.dimension, old.value, old.month)
    )
    RETURNING 1
),
written AS (
    INSERT INTO success_retentionevent
        (spell, dimension, value, month, at_risk, events, censored)
    SELECT s.*
    FROM said s
    LEFT JOIN success_retentionevent old USING (spell, dimension, value, month)
    WHERE old.id IS NULL
       OR (s.at_risk, s.events, s.censored)
          IS DISTINCT FROM (old.at_risk, old.events, old.censored)
    ON CONFLICT (spell, dimension, value, month) DO UPDATE
    SET at_risk = excluded.at_risk, events = excluded.events, censored = excluded.censored
    RETURNING 1
)
SELECT (SELECT coalesce(sum(members), 0)::int FROM alike),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
"""


def values(
    *,
    as_of: date,
    grace_days: int,
    records_begin: date | None,
    members: tuple[int, int] = EVERYBODY,
) -> dict[str, date | int | None]:
    """Return what ``SPELLS`` asks for; ``members`` are the first and the last looked at."""
    return {
        "as_of": as_of,
        "grace": max(grace_days, 1),
        "records_begin": records_begin,
        "first": members[0],
        "last": members[1],
    }


def records_begin() -> date | None:
    """Return the first day on which leaving would be seen soon; null before any term.

    Where a ledger begins with those who are members already, those who left before are not in
    it. Its records begin on the day before the first end of a term that it holds: earlier
    nobody in it could have left (DOMAIN 7).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(ends_on) - 1 FROM members_term")
        found: date | None = cursor.fetchone()[0]
    return found


def refresh(*, as_of: date, grace_days: int) -> Written:
    """Count every curve anew as of a night, and write what differs; all in one statement.

    First memberships and later ones apart; for everybody, and by kind, segment assigned now,
    state 60 days before the end or before the last day known, tier at the beginning, and year
    of joining; blank where it is not known. Equals ``engine.retention.table``.
    The same night again writes nothing (DOMAIN 7).
    """
    asked = values(as_of=as_of, grace_days=grace_days, records_begin=records_begin())
    with connection.cursor() as cursor:
        cursor.execute(REFRESH, asked)
        return Written(*cursor.fetchone())
