"""The tables behind the survival curves: month by month, who was seen to it and who left."""

from datetime import date
from typing import Final

from django.db import connection

from members.rollups.scope import Written

# Months completed between two days: the last day of a shorter month completes one.
MONTHS: Final = """(
    (extract(year FROM {end}) - extract(year FROM {start})) * 12
    + extract(month FROM {end}) - extract(month FROM {start})
    - CASE WHEN extract(day FROM {end}) < extract(day FROM {start})
            AND extract(day FROM {end} + 1) <> 1 THEN 1 ELSE 0 END
)::int"""

# A list of common table expressions that ends in ``seen``: one row for each unbroken
# membership that was watched for any time at all.
SPELLS: Final = f"""
known AS (
    SELECT t.id, t.member_id, t.starts_on, t.ends_on, t.tier,
           max(t.ends_on) OVER (
               PARTITION BY t.member_id ORDER BY t.starts_on, t.ends_on, t.id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS covered_until
    FROM members_term t
    WHERE t.starts_on <= %(as_of)s
),
numbered AS (
    SELECT known.*, count(*) FILTER (WHERE starts_on >= covered_until + %(grace)s)
               OVER (PARTITION BY member_id ORDER BY starts_on, ends_on, id) AS run
    FROM known
),
spell AS (
    SELECT member_id, run, min(starts_on) AS begins_on, max(ends_on) AS ends_on,
           (array_agg(tier ORDER BY starts_on, ends_on, id))[1] AS tier,
           max(ends_on) + %(grace)s <= %(as_of)s AS is_over
    FROM numbered
    GROUP BY member_id, run
),
ended AS (
    -- who goes on under another account has not left: known up to the expiry
    SELECT spell.*, is_over AND NOT EXISTS (
               SELECT 1 FROM members_accountlink l
               WHERE l.member_id = spell.member_id
                 AND l.since < spell.ends_on + %(grace)s
                 AND (l.until IS NULL OR l.until > spell.ends_on)
           ) AS has_left
    FROM spell
),
seen AS (
    SELECT s.member_id, s.run, s.begins_on, s.tier, s.has_left,
           CASE WHEN s.has_left THEN s.ends_on ELSE least(s.ends_on, %(as_of)s) END AS until_on,
           {
    MONTHS.format(
        start="s.begins_on",
        end="(CASE WHEN s.has_left THEN s.ends_on ELSE least(s.ends_on, %(as_of)s) END)",
    )
} AS month,
           CASE WHEN s.begins_on < %(records_begin)s
                THEN {MONTHS.format(start="s.begins_on", end="%(records_begin)s::date")} END
               AS entry
    FROM ended s
),
grouped AS (
    SELECT seen.*, m.kind, coalesce(g.key, '') AS segment, coalesce((
               SELECT v.state FROM success_vectorchange v
               WHERE v.member_id = seen.member_id AND v."on" <= seen.until_on - 60
               ORDER BY v."on" DESC LIMIT 1
           ), '') AS state,
           extract(year FROM seen.begins_on)::int::text AS cohort,
           CASE WHEN seen.run = 0 THEN 1 ELSE 2 END AS spell
    FROM seen
    JOIN members_member m ON m.id = seen.member_id
    LEFT JOIN success_memberfacts f ON f.member_id = seen.member_id
    LEFT JOIN coverage_segment g ON g.id = f.segment_id
    WHERE seen.entry IS NULL OR seen.entry < seen.month
)
"""

REFRESH: Final = f"""
WITH {SPELLS},
one AS (
    SELECT g.spell, d.dimension, d.value, g.month, g.has_left, g.entry, count(*)::int AS members
    FROM grouped g
    CROSS JOIN LATERAL (
        VALUES ('all', ''), ('kind', g.kind), ('segment', g.segment), ('state', g.state),
               ('tier', g.tier), ('cohort', g.cohort)
    ) AS d (dimension, value)
    GROUP BY 1, 2, 3, 4, 5, 6
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
SELECT (SELECT count(*) FROM grouped),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
"""


def values(
    *, as_of: date, grace_days: int, records_begin: date | None
) -> dict[str, date | int | None]:
    """Return what ``SPELLS`` asks for."""
    return {"as_of": as_of, "grace": max(grace_days, 1), "records_begin": records_begin}


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
