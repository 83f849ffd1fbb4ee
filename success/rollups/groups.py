"""How groups of members are doing as of a night: the association, segments, owners."""

from datetime import date

from django.db import connection

from members.rollups.scope import Written

GROUPS = """
WITH people AS (
    SELECT s.key AS segment_key, f.owner_id, f.plan_id, f.state, f.pace_milli, f.direction,
           f.we_owe_since, coalesce(f.held_on - %(as_of)s, 0) AS ahead
    FROM success_memberfacts f
    LEFT JOIN coverage_segment s ON s.id = f.segment_id
    WHERE f.standing IN ('in_force', 'in_grace')
),
counted AS (
    SELECT CASE
               WHEN grouping(segment_key) = 0 THEN 'segment'
               WHEN grouping(owner_id) = 0 THEN 'owner'
               ELSE 'all'
           END AS dimension,
           CASE
               WHEN grouping(segment_key) = 0 THEN coalesce(segment_key, '')
               WHEN grouping(owner_id) = 0 THEN coalesce(owner_id::text, '')
               ELSE ''
           END AS value,
           count(*)::int AS in_scope,
           count(plan_id)::int AS with_plan,
           count(pace_milli)::int AS with_pace,
           jsonb_build_object(
               'no_plan', count(*) FILTER (WHERE state = 'no_plan'),
               'achieved', count(*) FILTER (WHERE state = 'achieved'),
               'regressing', count(*) FILTER (WHERE state = 'regressing'),
               'stalled', count(*) FILTER (WHERE state = 'stalled'),
               'slipping', count(*) FILTER (WHERE state = 'slipping'),
               'ahead', count(*) FILTER (WHERE state = 'ahead'),
               'on_track', count(*) FILTER (WHERE state = 'on_track')
           ) AS states,
           coalesce(sum(pace_milli), 0)::bigint AS pace_sum_milli,
           (count(*) FILTER (WHERE direction = 1))::int AS forward,
           (count(*) FILTER (WHERE direction = -1))::int AS backward,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY ahead) FILTER (WHERE plan_id IS NOT NULL)
               AS median_position,
           count(we_owe_since)::int AS we_owe
    FROM people
    GROUP BY GROUPING SETS ((), (segment_key), (owner_id))
),
gone AS (
    DELETE FROM success_vectorrollup old
    WHERE old.as_of = %(as_of)s
      AND NOT EXISTS (
          SELECT 1 FROM counted c WHERE c.dimension = old.dimension AND c.value = old.value
      )
    RETURNING 1
),
written AS (
    INSERT INTO success_vectorrollup
        (as_of, dimension, value, in_scope, with_plan, with_pace, states, pace_sum_milli,
         forward, backward, median_position, we_owe)
    SELECT %(as_of)s, c.*
    FROM counted c
    LEFT JOIN success_vectorrollup old
        ON old.as_of = %(as_of)s AND old.dimension = c.dimension AND old.value = c.value
    WHERE old.id IS NULL
       OR (c.in_scope, c.with_plan, c.with_pace, c.states, c.pace_sum_milli, c.forward,
           c.backward, c.median_position, c.we_owe)
          IS DISTINCT FROM
          (old.in_scope, old.with_plan, old.with_pace, old.states, old.pace_sum_milli,
           old.forward, old.backward, old.median_position, old.we_owe)
    ON CONFLICT (as_of, dimension, value) DO UPDATE
    SET in_scope = excluded.in_scope, with_plan = excluded.with_plan,
        with_pace = excluded.with_pace, states = excluded.states,
        pace_sum_milli = excluded.pace_sum_milli, forward = excluded.forward,
        backward = excluded.backward, median_position = excluded.median_position,
        we_owe = excluded.we_owe
    RETURNING 1
)
SELECT (SELECT count(*) FROM people),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
"""


def refresh(*, as_of: date) -> Written:
    """Roll MemberFacts up to VectorRollup for ``as_of`` (DOMAIN 3.4).

    Members in force or in grace count; a median of an empty group is null. Equal rows are left
    alone, so a second run writes none.
    """
    with connection.cursor() as cursor:
        cursor.execute(GROUPS, {"as_of": as_of})
        return Written(*cursor.fetchone())
