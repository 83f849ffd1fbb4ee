"""The Success Vector of many members in one statement; ``engine.vector`` is what it must equal.

``VECTOR`` is a list of common table expressions that ends in ``vector``: one row for each plan
in force on ``%(as_of)s`` among the members in scope. It asks for the parameters of
``vector_parameters`` and for a scope condition on ``p.member_id``.

How it works. A milestone stands on a day if an odd number of its evidence dates are not after
it, which is the parity of ``width_bucket``. The first milestone that does not stand gives the
plan clock: D = min(max(t, e before it), its e). All is dates and integers, so that PostgreSQL
and Python agree to the last digit.

``recheck_on`` is the first later day on which the calendar alone may change the row. It is
tomorrow while anything is in motion, and far away or null in three settled cases: running on
plan, held ahead, and held behind with nothing turned inside the window.
"""

from datetime import date
from typing import Any

from members.rollups.scope import Scope
from success.engine.vector import SHORTEST_WINDOW, TOLERANCE_DAYS, WINDOW_DAYS

VECTOR = """
stopped AS (
    -- pauses joined into runs without overlap; plans without any are not here
    SELECT p.id AS plan_id,
           range_agg(daterange(pause.starts_on, coalesce(pause.ends_on, 'infinity')))
               * datemultirange(daterange(p.anchor_on, 'infinity')) AS runs
    FROM success_plan p
    JOIN success_planpause pause ON pause.plan_id = p.id
    WHERE {scope}
    GROUP BY p.id
),
path AS (
    SELECT p.id AS plan_id, p.member_id, p.baseline_id, p.anchor_on, p.closed_on, s.runs,
           %(as_of)s - p.anchor_on - coalesce(paused.days, 0) AS t
    FROM success_plan p
    LEFT JOIN stopped s ON s.plan_id = p.id
    LEFT JOIN LATERAL (
        SELECT sum(upper(run) - lower(run))::int AS days
        FROM unnest(s.runs * datemultirange(daterange(p.anchor_on, %(as_of)s))) AS run
        WHERE s.runs IS NOT NULL
    ) paused ON true
    WHERE {scope} AND p.counts_from <= %(as_of)s
      AND (p.closed_on IS NULL OR p.closed_on > %(as_of)s)
),
windowed AS (
    SELECT path.*, least(%(window)s, t) AS h,
           -- the last date on which the plan read day t - h
           CASE WHEN runs IS NULL THEN %(as_of)s - least(%(window)s, t)
           ELSE (
               SELECT max(day)
               FROM generate_series(0, %(as_of)s - anchor_on) AS since,
                    LATERAL (SELECT anchor_on + since AS day) AS d,
                    LATERAL (
                        SELECT coalesce(sum(upper(run) - lower(run)), 0)::int AS days
                        FROM unnest(runs * datemultirange(daterange(anchor_on, day))) AS run
                    ) AS p
               WHERE since - p.days <= t - least(%(window)s, t)
           ) END AS window_on
    FROM path
),
reading AS (
    -- LATERAL: a plan's milestones are looked up by their key, few plans or many
    SELECT w.plan_id, r.*
    FROM windowed w
    CROSS JOIN LATERAL (
        SELECT count(*)::int AS milestones,
               min(position) FILTER (WHERE turns_now %% 2 = 0) AS open_now,
               min(position) FILTER (WHERE turns_before %% 2 = 0) AS open_before,
               array_agg(expected_day ORDER BY position) AS expected,
               array_agg(id ORDER BY position) AS ids,
               array_agg(evidence_dates[turns_now] ORDER BY position) AS turned_on,
               coalesce(sum(weight) FILTER (WHERE turns_now %% 2 = 1), 0)::int
                   AS achieved_weight,
               coalesce(
                   sum(weight) FILTER (WHERE turns_now %% 2 = 1
                                         AND evidence_source = 'declared'), 0
               )::int AS declared_weight,
               coalesce(sum(weight) FILTER (WHERE turns_before %% 2 = 1), 0)::int
                   AS weight_before,
               coalesce(sum(weight) FILTER (WHERE expected_day < w.t), 0)::int
                   AS expected_weight,
               bool_or(turns_now <> turns_before) AS turned_in_window,
               min(evidence_dates[turns_now + 1]) AS next_turn_on,
               min(expected_day) FILTER (WHERE expected_day >= w.t) AS next_expected
        FROM (
            SELECT m.id, m.position, m.expected_day, m.weight, m.evidence_dates,
                   m.evidence_source,
                   coalesce(width_bucket(%(as_of)s, m.evidence_dates), 0) AS turns_now,
                   coalesce(width_bucket(w.window_on, m.evidence_dates), 0) AS turns_before
            FROM success_milestone m
            WHERE m.plan_id = w.plan_id AND m.is_gating
            ORDER BY m.position
            OFFSET 0  -- turns are counted once a milestone, not wherever they are named
        ) AS turned
        HAVING count(*) > 0
    ) AS r
),
clocked AS (
    SELECT w.member_id, w.baseline_id, w.anchor_on, w.closed_on, w.runs, w.t, w.h, r.*,
           least(
               greatest(w.t, coalesce(r.expected[coalesce(r.open_now - 1, r.milestones)], 0)),
               r.expected[r.open_now]
           ) AS clock_now,
           least(
               greatest(
                   w.t - w.h,
                   coalesce(r.expected[coalesce(r.open_before - 1, r.milestones)], 0)
               ),
               r.expected[r.open_before]
           ) AS clock_before
    FROM windowed w
    JOIN reading r USING (plan_id)
),
moving AS (
    SELECT clocked.*,
           clock_now - t AS ahead,
           CASE WHEN h >= %(shortest_window)s THEN clock_now - clock_before END AS gained,
           achieved_weight > weight_before AS gained_weight,
           open_now IS NOT NULL AND t > expected[open_now] AS is_blocked
    FROM clocked
),
vector AS (
    SELECT plan_id, member_id, baseline_id, anchor_on, t AS plan_day, ahead,
           CASE WHEN ahead <> 0 THEN %(as_of)s + ahead END AS held_on,
           CASE
               WHEN gained IS NULL THEN NULL
               WHEN gained >= 0 AND ahead >= 0
                   THEN least(2000, greatest(1000, (2000 * gained + h) / (2 * h)))
               ELSE greatest(-2000, least(2000,
                   sign(gained)::int * ((2000 * abs(gained) + h) / (2 * h))))
           END AS pace_milli,
           CASE
               WHEN gained IS NULL THEN NULL
               WHEN gained < 0 THEN -1
               WHEN gained > 0 OR ahead >= 0 OR gained_weight THEN 1
               ELSE 0
           END AS direction,
           achieved_weight, declared_weight, expected_weight,
           CASE
               WHEN open_now IS NULL THEN 'achieved'
               WHEN gained < 0 THEN 'regressing'
               WHEN ahead < -%(tolerance)s AND gained = 0 AND NOT gained_weight THEN 'stalled'
               WHEN ahead < -%(tolerance)s THEN 'slipping'
               WHEN ahead > 0 THEN 'ahead'
               ELSE 'on_track'
           END AS state,
           CASE WHEN is_blocked THEN ids[open_now] END AS blocking_id,
           CASE WHEN is_blocked THEN greatest(late.since, turned_on[open_now]) END
               AS blocked_since,
           CASE WHEN is_blocked AND ahead < -%(tolerance)s
               THEN greatest(late.beyond_tolerance, turned_on[open_now]) END AS behind_since,
           ids[open_now] AS next_milestone_id,
           CASE WHEN open_now IS NULL OR open_now > 1 THEN turned_on[1] END AS first_value_on,
           CASE WHEN open_now IS NULL
               THEN (SELECT max(day) FROM unnest(turned_on) AS day) END AS achieved_on,
           least(
               next_turn_on,
               closed_on,
               -- a milestone falls due: more is expected, and an open one becomes overdue
               anchor_on + next_expected + 1,
               CASE
                   WHEN runs IS NOT NULL OR turned_in_window OR t < %(shortest_window)s
                       THEN %(as_of)s + 1
                   -- held ahead: until the calendar has caught up
                   WHEN ahead > 0 THEN %(as_of)s + ahead
                   -- running on plan: until that milestone falls due
                   WHEN ahead = 0 AND clock_before >= t - h THEN NULL
                   -- held behind for the whole window: nothing moves until evidence comes
                   WHEN ahead < -%(tolerance)s AND clock_now = clock_before AND h = %(window)s
                       THEN NULL
                   ELSE %(as_of)s + 1
               END
           ) AS recheck_on
    FROM moving
    LEFT JOIN LATERAL (
        SELECT anchor_on + expected[open_now] + 1 AS since,
               anchor_on + expected[open_now] + %(tolerance)s + 1 AS beyond_tolerance
        WHERE is_blocked AND runs IS NULL
        UNION ALL
        -- with pauses, the first dates on which the plan read those days
        SELECT first.late, first.beyond_tolerance
        FROM (
            SELECT min(day) FILTER (WHERE since - p.days > expected[open_now]) AS late,
                   min(day) FILTER (
                       WHERE since - p.days > expected[open_now] + %(tolerance)s
                   ) AS beyond_tolerance
            FROM generate_series(0, CASE WHEN runs IS NOT NULL THEN %(as_of)s - anchor_on END)
                     AS since,
                 LATERAL (SELECT anchor_on + since AS day) AS d,
                 LATERAL (
                     SELECT coalesce(sum(upper(run) - lower(run)), 0)::int AS days
                     FROM unnest(runs * datemultirange(daterange(anchor_on, day))) AS run
                 ) AS p
        ) AS first
        WHERE is_blocked AND runs IS NOT NULL
    ) AS late ON true
)
"""

# The clock of re-planned versions on the days first agreed, to stand behind ``VECTOR``. They
# are few, and only theirs are worked out: the baseline's gating milestones, each with the dates
# that the newest version up to then holds by its key, or its own where none does. Those that
# the records show go on being watched there, so only the version in force speaks before them.
BASELINE = """
baseline AS (
    SELECT member_id, ahead,
           least(
               next_turn_on,
               -- a version with pauses is looked at every day already
               CASE WHEN ahead > 0 THEN %(as_of)s + ahead
                    WHEN ahead = 0 THEN anchor_on + expected[open_now] + 1 END
           ) AS recheck_on
    FROM (
        SELECT v.member_id, v.anchor_on, first_agreed.*,
               least(
                   greatest(
                       v.plan_day, coalesce(expected[coalesce(open_now - 1, milestones)], 0)
                   ),
                   expected[open_now]
               ) - v.plan_day AS ahead
        FROM vector v
        CROSS JOIN LATERAL (
            SELECT count(*)::int AS milestones,
                   min(place) FILTER (WHERE turns %% 2 = 0) AS open_now,
                   array_agg(expected_day ORDER BY place) AS expected,
                   min(evidence_dates[turns + 1]) AS next_turn_on
            FROM (
                SELECT seen.*,
                       coalesce(width_bucket(%(as_of)s, seen.evidence_dates), 0) AS turns
                FROM (
                    SELECT row_number() OVER (ORDER BY b.position)::int AS place,
                           b.expected_day,
                           CASE WHEN m.id IS NULL THEN b.evidence_dates
                                ELSE m.evidence_dates END AS evidence_dates
                    FROM success_milestone b
                    LEFT JOIN LATERAL (
                        SELECT said.id, said.evidence_dates
                        FROM success_plan version
                        JOIN success_milestone said
                            ON said.plan_id = version.id AND said.key = b.key
                        WHERE version.baseline_id = v.baseline_id
                          AND version.counts_from <= %(as_of)s
                          AND (version.id = v.plan_id OR b.evidence_rule = '{}')
                        ORDER BY version.version DESC
                        LIMIT 1
                    ) AS m ON true
                    WHERE b.plan_id = v.baseline_id AND b.is_gating
                ) AS seen
            ) AS turned
            HAVING count(*) > 0
        ) AS first_agreed
        WHERE v.baseline_id IS NOT NULL
    ) AS clocked
)
"""


def vector_parameters(*, as_of: date, scope: Scope) -> dict[str, Any]:
    """The values that ``VECTOR`` asks for, as of a day, for the members of ``scope``."""
    return {
        "as_of": as_of,
        "window": WINDOW_DAYS,
        "shortest_window": SHORTEST_WINDOW,
        "tolerance": TOLERANCE_DAYS,
        **scope.parameters,
    }


def vector_sql(*, scope: Scope) -> str:
    """``VECTOR`` for the members of ``scope``, to stand behind WITH."""
    return VECTOR.format(scope=scope.condition("p.member_id"))
