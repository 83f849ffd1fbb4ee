"""How groups of members are doing as of a night, and the same members on two days.

The groups are the association, segments, tiers, owners and years of joining, and chapters where
the records know any; without them nothing is asked for them.
"""

from datetime import date

from django.db import connection

from members.models import Member
from members.rollups.scope import Written

GROUPS = """
WITH people AS (
    SELECT s.key AS segment_key, f.owner_id, f.plan_id, f.state, f.pace_milli, f.direction,
           f.we_owe_since, coalesce(f.held_on - %(as_of)s, 0) AS ahead, f.tier, f.blocker,
           coalesce(to_char(f.joined_on, 'YYYY'), '') AS cohort{chapter}
    FROM success_memberfacts f
    LEFT JOIN coverage_segment s ON s.id = f.segment_id{whose}
    WHERE f.standing IN ('in_force', 'in_grace')
),
counted AS (
    SELECT CASE
               WHEN grouping(segment_key) = 0 THEN 'segment'
               WHEN grouping(owner_id) = 0 THEN 'owner'
               WHEN grouping(tier) = 0 THEN 'tier'
               WHEN grouping(cohort) = 0 THEN 'cohort'{is_chapter}
               ELSE 'all'
           END AS dimension,
           CASE
               WHEN grouping(segment_key) = 0 THEN coalesce(segment_key, '')
               WHEN grouping(owner_id) = 0 THEN coalesce(owner_id::text, '')
               WHEN grouping(tier) = 0 THEN tier
               WHEN grouping(cohort) = 0 THEN cohort{its_chapter}
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
           percentile_disc(0.5) WITHIN GROUP (ORDER BY ahead) FILTER (
               WHERE pace_milli IS NOT NULL
           ) AS median_position,
           count(we_owe_since)::int AS we_owe,
           (count(pace_milli) FILTER (WHERE blocker = 'association'))::int AS waiting
    FROM people
    GROUP BY GROUPING SETS ((), (segment_key), (owner_id), (tier), (cohort){sets})
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
         forward, backward, median_position, we_owe, waiting)
    SELECT %(as_of)s, c.*
    FROM counted c
    LEFT JOIN success_vectorrollup old
        ON old.as_of = %(as_of)s AND old.dimension = c.dimension AND old.value = c.value
    WHERE old.id IS NULL
       OR (c.in_scope, c.with_plan, c.with_pace, c.states, c.pace_sum_milli, c.forward,
           c.backward, c.median_position, c.we_owe, c.waiting)
          IS DISTINCT FROM
          (old.in_scope, old.with_plan, old.with_pace, old.states, old.pace_sum_milli,
           old.forward, old.backward, old.median_position, old.we_owe, old.waiting)
    ON CONFLICT (as_of, dimension, value) DO UPDATE
    SET in_scope = excluded.in_scope, with_plan = excluded.with_plan,
        with_pace = excluded.with_pace, states = excluded.states,
        pace_sum_milli = excluded.pace_sum_milli, forward = excluded.forward,
        backward = excluded.backward, median_position = excluded.median_position,
        we_owe = excluded.we_owe, waiting = excluded.waiting
    RETURNING 1
)
SELECT (SELECT count(*) FROM people),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
"""


def refresh(*, as_of: date) -> Written:
    """Roll MemberFacts up to VectorRollup for ``as_of`` (DOMAIN 3.4).

    Members in force or in grace count. The median is of those with a pace, of two in the middle
    the one further behind; null for an empty group. Equal rows are left alone, so a second run
    writes none.
    """
    with connection.cursor() as cursor:
        cursor.execute(GROUPS.format(**_chaptered("(chapter)")), {"as_of": as_of})
        return Written(*cursor.fetchone())


# Both days at once: what the earlier one said is in EarlierVector, what the later one says is
# in MemberFacts. First counted by group and pair of states, then summed up by group, so that
# each member is looked at once.
COMPARED = """
WITH earlier AS (
    SELECT member_id, state, pace_milli FROM success_earliervector
    WHERE days_back = %(days_back)s AND state <> ''
),
known AS (
    SELECT f.member_id, coalesce(s.key, '') AS segment_key, f.tier,
           coalesce(f.owner_id::text, '') AS owner,
           coalesce(to_char(f.joined_on, 'YYYY'), '') AS cohort{chapter},
           CASE WHEN f.standing IN ('in_force', 'in_grace') AND f.plan_id IS NOT NULL
                THEN f.state END AS state,
           CASE WHEN f.standing IN ('in_force', 'in_grace') THEN f.pace_milli END AS pace
    FROM success_memberfacts f
    LEFT JOIN coverage_segment s ON s.id = f.segment_id{whose}
),
pair AS (
    SELECT segment_key, tier, owner, cohort{name},
           coalesce(earlier.state, 'not_there') || '>' || coalesce(known.state, 'not_there')
               AS way,
           earlier.pace_milli AS then_milli, known.pace AS now_milli
    FROM known
    LEFT JOIN earlier USING (member_id)
    WHERE earlier.member_id IS NOT NULL OR known.state IS NOT NULL
),
ways AS (
    SELECT CASE
               WHEN grouping(segment_key) = 0 THEN 'segment'
               WHEN grouping(owner) = 0 THEN 'owner'
               WHEN grouping(tier) = 0 THEN 'tier'
               WHEN grouping(cohort) = 0 THEN 'cohort'{is_chapter}
               ELSE 'all'
           END AS dimension,
           coalesce(segment_key, owner, tier, cohort{name}, '') AS value, way,
           count(*) AS members,
           count(*) FILTER (WHERE then_milli IS NOT NULL AND now_milli IS NOT NULL) AS same,
           coalesce(sum(then_milli) FILTER (WHERE now_milli IS NOT NULL), 0) AS same_then,
           coalesce(sum(now_milli) FILTER (WHERE then_milli IS NOT NULL), 0) AS same_now,
           count(then_milli) AS then_members, coalesce(sum(then_milli), 0) AS then_sum,
           count(now_milli) AS now_members, coalesce(sum(now_milli), 0) AS now_sum
    FROM pair
    GROUP BY GROUPING SETS (
        (way), (segment_key, way), (owner, way), (tier, way), (cohort, way){sets}
    )
),
compared AS (
    SELECT dimension, value, sum(same)::int AS members,
           sum(same_then)::bigint AS earlier_sum_milli,
           sum(same_now)::bigint AS later_sum_milli,
           sum(then_members)::int AS earlier_members,
           sum(then_sum)::bigint AS earlier_all_milli,
           sum(now_members)::int AS later_members, sum(now_sum)::bigint AS later_all_milli,
           jsonb_object_agg(way, members) AS flow, sum(ways.members) AS people
    FROM ways
    GROUP BY dimension, value
),
gone AS (
    DELETE FROM success_vectorcomparison old
    WHERE old.as_of = %(as_of)s AND old.earlier_on = %(earlier_on)s
      AND NOT EXISTS (
          SELECT FROM compared c WHERE c.dimension = old.dimension AND c.value = old.value
      )
    RETURNING 1
),
written AS (
    INSERT INTO success_vectorcomparison
        (as_of, earlier_on, dimension, value, members, earlier_sum_milli, later_sum_milli,
         earlier_members, earlier_all_milli, later_members, later_all_milli, flow)
    SELECT %(as_of)s, %(earlier_on)s, c.dimension, c.value, c.members, c.earlier_sum_milli,
           c.later_sum_milli, c.earlier_members, c.earlier_all_milli, c.later_members,
           c.later_all_milli, c.flow
    FROM compared c
    LEFT JOIN success_vectorcomparison old
        ON old.as_of = %(as_of)s AND old.earlier_on = %(earlier_on)s
           AND old.dimension = c.dimension AND old.value = c.value
    WHERE old.id IS NULL
       OR (c.members, c.earlier_sum_milli, c.later_sum_milli, c.earlier_members,
           c.earlier_all_milli, c.later_members, c.later_all_milli, c.flow)
          IS DISTINCT FROM
          (old.members, old.earlier_sum_milli, old.later_sum_milli, old.earlier_members,
           old.earlier_all_milli, old.later_members, old.later_all_milli, old.flow)
    ON CONFLICT (as_of, earlier_on, dimension, value) DO UPDATE
    SET members = excluded.members, earlier_sum_milli = excluded.earlier_sum_milli,
        later_sum_milli = excluded.later_sum_milli,
        earlier_members = excluded.earlier_members,
        earlier_all_milli = excluded.earlier_all_milli,
        later_members = excluded.later_members, later_all_milli = excluded.later_all_milli,
        flow = excluded.flow
    RETURNING 1
)
SELECT coalesce((SELECT people FROM compared WHERE dimension = 'all'), 0)::int,
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
"""


def _chaptered(grouping_set: str) -> dict[str, str]:
    """What the statements say of chapters; blank where nobody has one."""
    if not Member.objects.chapters().exists():
        names = ("chapter", "whose", "is_chapter", "its_chapter", "name", "sets")
        return dict.fromkeys(names, "")
    return {
        "chapter": ", m.chapter",
        "whose": " JOIN members_member m ON m.id = f.member_id",
        "is_chapter": " WHEN grouping(chapter) = 0 THEN 'chapter'",
        "its_chapter": " WHEN grouping(chapter) = 0 THEN chapter",
        "name": ", chapter",
        "sets": f", {grouping_set}",
    }


def compare(*, as_of: date, earlier_on: date) -> Written:
    """Write the same members on both days to VectorComparison, by group (DOMAIN 3.4).

    ``as_of`` is the day MemberFacts speak of, ``earlier_on`` one of which EarlierVector tells;
    groups are those of the later day. Equal to ``queries.vector.pace_between`` and
    ``states_between``. Equal rows are left alone.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            COMPARED.format(**_chaptered("(chapter, way)")),
            {
                "as_of": as_of,
                "earlier_on": earlier_on,
                "days_back": (as_of - earlier_on).days,
            },
        )
        return Written(*cursor.fetchone())
