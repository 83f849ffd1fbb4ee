"""MemberFacts: the one row a member that plays, queue, lists and dashboards ask.

Dates and integers, so that an ordinary night rewrites few rows. ``recheck_on`` says when the
calendar alone may change a row; a night that takes on the changed members and those whose day
has come leaves the same rows as one over everybody.
"""

from dataclasses import replace
from datetime import date

from django.db import connection, transaction

from config.kernel.clock import association_zone
from members.rollups.scope import Scope, Written
from success.engine.overlays import GOAL_HOLDS_DAYS
from success.rollups.vector import BASELINE, vector_parameters, vector_sql

# Titles of people who decide; the primary contact is taken for one in any case.
DECIDES = r"\m(chief|c[efimot]o|president|chair\w*|owner|founder|partner|director|vp|head)\M"

# An ordinary night: those whose facts changed, whose day has come, or who are new.
PEOPLE = """
CREATE TEMPORARY TABLE facts_due ON COMMIT DROP AS
SELECT member_id FROM members_dirtymember d WHERE {scope}
UNION
SELECT member_id FROM success_memberfacts
WHERE recheck_on <= %(as_of)s AND member_id BETWEEN %(scope_first)s AND %(scope_last)s
UNION
SELECT m.id
FROM members_member m
LEFT JOIN success_memberfacts known ON known.member_id = m.id
WHERE known.member_id IS NULL AND m.id BETWEEN %(scope_first)s AND %(scope_last)s
"""

FACTS = """
WITH {vector},
{baseline},
known_term AS (
    SELECT t.member_id, t.starts_on, t.ends_on, t.tier,
           max(t.ends_on) OVER (
               PARTITION BY t.member_id ORDER BY t.starts_on, t.ends_on, t.id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS covered_until
    FROM members_term t
    WHERE {scope_term} AND t.starts_on <= %(as_of)s
),
membership AS (
    -- a renewal that starts inside the grace window goes on where the last term ended
    SELECT member_id,
           max(starts_on) FILTER (
               WHERE covered_until IS NULL OR starts_on >= covered_until + %(grace)s
           ) AS joined_on,
           max(ends_on) AS term_ends_on,
           (array_agg(tier ORDER BY ends_on DESC, starts_on DESC, tier))[1] AS tier
    FROM known_term
    GROUP BY member_id
),
coming_term AS (
    SELECT t.member_id, min(t.starts_on) AS starts_on
    FROM members_term t
    WHERE {scope_term} AND t.starts_on > %(as_of)s
    GROUP BY t.member_id
),
coming_plan AS (
    SELECT p.member_id, min(p.counts_from) AS counts_from
    FROM success_plan p
    WHERE {scope_plan} AND p.counts_from > %(as_of)s
    GROUP BY p.member_id
),
promise AS (
    SELECT v.member_id,
           min(a.due_on) FILTER (
               WHERE a.side = 'association' AND a.due_on < %(as_of)s
           ) AS we_owe_since,
           min(a.due_on) FILTER (
               WHERE a.side = 'member' AND a.due_on < %(as_of)s
           ) AS they_owe_since,
           -- who holds up the overdue milestone; ours first, and from the due day itself
           bool_or(a.side = 'association' AND a.due_on <= %(as_of)s)
               FILTER (WHERE a.milestone_id = v.blocking_id) AS waits_for_us,
           bool_or(a.side = 'member')
               FILTER (WHERE a.milestone_id = v.blocking_id) AS waits_for_them,
           least(
               min(a.due_on + 1) FILTER (WHERE a.due_on >= %(as_of)s),
               min(a.due_on) FILTER (
                   WHERE a.due_on > %(as_of)s AND a.milestone_id = v.blocking_id
               ),
               min(least(a.done_on, a.waived_on))
           ) AS next_due_on
    FROM vector v
    JOIN success_accountability a ON a.plan_id = v.plan_id
    WHERE (a.done_on IS NULL OR a.done_on > %(as_of)s)
      AND (a.waived_on IS NULL OR a.waived_on > %(as_of)s)
    GROUP BY v.member_id
),
outcome AS (
    -- the Desired Outcome in force, and when it was last known to hold
    SELECT o.member_id,
           CASE WHEN o.confirmed_on <= %(as_of)s THEN o.confirmed_on
                ELSE greatest(o.said_on, (
                    SELECT max(c."on") FROM success_outcomeconfirmation c
                    WHERE c.outcome_id = o.id AND c."on" <= %(as_of)s)) END AS confirmed_on,
           least(
               o.ended_on,
               CASE WHEN o.confirmed_on > %(as_of)s THEN %(as_of)s + 1 END
           ) AS recheck_on
    FROM success_desiredoutcome o
    WHERE {scope_outcome} AND o.is_primary AND o.said_on <= %(as_of)s
      AND (o.ended_on IS NULL OR o.ended_on > %(as_of)s)
),
coming_outcome AS (
    SELECT o.member_id, min(o.said_on) AS said_on
    FROM success_desiredoutcome o
    WHERE {scope_outcome} AND o.is_primary AND o.said_on > %(as_of)s
    GROUP BY o.member_id
),
reviewed AS MATERIALIZED (
    -- the newest that was held or is agreed; what was agreed later was not known yet
    SELECT r.member_id,
           max(CASE WHEN r.held_on <= %(as_of)s THEN r.held_on
                    ELSE (r.starts_at AT TIME ZONE %(zone)s)::date END) AS review_on
    FROM success_review r
    WHERE {scope_review} AND r.status <> 'cancelled'
      AND (r.created_at AT TIME ZONE %(zone)s)::date <= %(as_of)s
    GROUP BY r.member_id
),
decider AS MATERIALIZED (
    SELECT a.member_id, a.person_id
    FROM members_affiliation a
    WHERE {scope_affiliation} AND a.starts_on <= %(as_of)s
      AND (a.ends_on IS NULL OR a.ends_on > %(as_of)s)
      AND (a.is_primary_contact OR a.title ~* %(decides)s)
),
decider_seen AS MATERIALIZED (
    SELECT d.member_id, max(f.occurred_on) AS last_on
    FROM decider d
    JOIN engagement_fact f
        ON f.person_id = d.person_id AND f.member_id = d.member_id
       AND f.occurred_on <= %(as_of)s
    GROUP BY d.member_id
),
coming_place AS MATERIALIZED (
    SELECT a.member_id,
           least(min(a.starts_on) FILTER (WHERE a.starts_on > %(as_of)s),
                 min(a.ends_on) FILTER (WHERE a.ends_on > %(as_of)s)) AS next_on
    FROM members_affiliation a
    WHERE {scope_affiliation} AND (a.starts_on > %(as_of)s OR a.ends_on > %(as_of)s)
    GROUP BY a.member_id
),
involved AS (
    SELECT i.member_id,
           count(DISTINCT i.person_id)::int AS people,
           count(DISTINCT i.subject)::int AS subjects
    FROM engagement_involvement i
    WHERE {scope_involvement} AND i.starts_on <= %(as_of)s
      AND (i.ends_on IS NULL OR i.ends_on > %(as_of)s)
    GROUP BY i.member_id
),
who AS MATERIALIZED (
    -- so that joins start from these, be they few or many
    SELECT m.id FROM members_member m WHERE {scope_member}
),
said AS (
    SELECT m.id AS member_id,
           CASE
               WHEN ms.term_ends_on IS NULL THEN 'not_yet'
               WHEN ms.term_ends_on > %(as_of)s THEN 'in_force'
               WHEN ms.term_ends_on + %(grace)s > %(as_of)s THEN 'in_grace'
               ELSE 'lapsed'
           END AS standing,
           ms.joined_on, ms.term_ends_on, coalesce(ms.tier, '') AS tier,
           a.segment_id, a.owner_id, c.person_id AS contact_id,
           v.plan_id, v.anchor_on, coalesce(v.state, 'no_plan') AS state, v.held_on,
           v.pace_milli, v.direction, v.achieved_weight, v.expected_weight, v.blocking_id,
           CASE WHEN b.ahead <> 0 THEN %(as_of)s + b.ahead END AS baseline_held_on,
           v.baseline_id IS NOT NULL AS is_rebaselined, v.declared_weight,
           CASE
               WHEN v.blocking_id IS NULL THEN ''
               WHEN pr.waits_for_us THEN 'association'
               WHEN pr.waits_for_them THEN 'member'
               ELSE 'unknown'
           END AS blocker,
           o.confirmed_on AS goal_confirmed_on,
           v.blocked_since, v.behind_since, v.next_milestone_id, v.first_value_on,
           v.achieved_on, pr.we_owe_since, pr.they_owe_since,
           coalesce(i.people, 0) AS people_involved,
           coalesce(i.subjects, 0) AS subjects_involved,
           lf.occurred_on AS last_fact_on,
           -- when a term became known is not kept: of a past night nobody can tell
           CASE WHEN (SELECT NOT EXISTS (
                   SELECT FROM success_night later
                    WHERE later.kind = 'live' AND later.as_of > %(as_of)s))
               THEN ct.starts_on END AS next_term_on,
           ds.last_on AS decider_last_on, rv.review_on,
           least(
               v.recheck_on, b.recheck_on, pr.next_due_on, lf.next_on, ct.starts_on,
               cp.counts_from, co.said_on, o.recheck_on, pl.next_on,
               -- plays may ask about a goal that goes stale
               CASE WHEN o.confirmed_on + %(goal_stale)s > %(as_of)s
                   THEN o.confirmed_on + %(goal_stale)s END,
               CASE
                   WHEN ms.term_ends_on > %(as_of)s THEN ms.term_ends_on
                   WHEN ms.term_ends_on + %(grace)s > %(as_of)s THEN ms.term_ends_on + %(grace)s
               END
           ) AS recheck_on
    FROM who m
    LEFT JOIN membership ms ON ms.member_id = m.id
    LEFT JOIN coming_term ct ON ct.member_id = m.id
    LEFT JOIN coming_plan cp ON cp.member_id = m.id
    LEFT JOIN vector v ON v.member_id = m.id
    LEFT JOIN baseline b ON b.member_id = m.id
    LEFT JOIN outcome o ON o.member_id = m.id
    LEFT JOIN coming_outcome co ON co.member_id = m.id
    LEFT JOIN promise pr ON pr.member_id = m.id
    LEFT JOIN involved i ON i.member_id = m.id
    LEFT JOIN reviewed rv ON rv.member_id = m.id
    LEFT JOIN decider_seen ds ON ds.member_id = m.id
    LEFT JOIN coming_place pl ON pl.member_id = m.id
    -- two steps in an index, whatever the number of facts
    LEFT JOIN LATERAL (
        SELECT (SELECT max(f.occurred_on) FROM engagement_fact f
                 WHERE f.member_id = m.id AND f.occurred_on <= %(as_of)s) AS occurred_on,
               (SELECT min(f.occurred_on) FROM engagement_fact f
                 WHERE f.member_id = m.id AND f.occurred_on > %(as_of)s) AS next_on
        OFFSET 0
    ) AS lf ON true
    LEFT JOIN coverage_assignment a ON a.member_id = m.id AND {scope_assignment}
    LEFT JOIN members_affiliation c
        ON c.member_id = m.id AND c.is_primary_contact AND c.ends_on IS NULL
),
different AS MATERIALIZED (
    SELECT said.*,
           CASE WHEN ({said_lasting}) IS DISTINCT FROM ({old_lasting})
               THEN %(as_of)s ELSE old.changed_on END AS changed_on,
           (said.plan_id, said.state, said.held_on, said.pace_milli, said.direction,
            said.achieved_weight)
               IS DISTINCT FROM
           (old.plan_id, old.state, old.held_on, old.pace_milli, old.direction,
            old.achieved_weight) AS vector_moved
    FROM said
    -- the range once more, or the planner would take up everybody for each of the ranges
    LEFT JOIN success_memberfacts old
        ON old.member_id = said.member_id
       AND old.member_id BETWEEN %(scope_first)s AND %(scope_last)s
    WHERE old.member_id IS NULL
       OR ({said_columns}) IS DISTINCT FROM ({old_columns})
),
written AS (
    INSERT INTO success_memberfacts (member_id, {columns}, changed_on)
    SELECT member_id, {columns}, changed_on FROM different
    ON CONFLICT (member_id) DO UPDATE SET {assignments}, changed_on = excluded.changed_on
    RETURNING member_id
),
remembered AS (
    INSERT INTO success_vectorchange
        (member_id, "on", plan_id, state, held_on, pace_milli, direction, achieved_weight)
    SELECT member_id, %(as_of)s, plan_id, state, held_on, pace_milli, direction, achieved_weight
    FROM different
    WHERE vector_moved
    ON CONFLICT (member_id, "on") DO UPDATE
    SET plan_id = excluded.plan_id, state = excluded.state, held_on = excluded.held_on,
        pace_milli = excluded.pace_milli, direction = excluded.direction,
        achieved_weight = excluded.achieved_weight
    RETURNING member_id
)
SELECT (SELECT count(*) FROM said),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM remembered)
"""

COLUMNS = (
    "standing",
    "joined_on",
    "term_ends_on",
    "tier",
    "segment_id",
    "owner_id",
    "contact_id",
    "plan_id",
    "anchor_on",
    "state",
    "held_on",
    "pace_milli",
    "direction",
    "achieved_weight",
    "expected_weight",
    "blocking_id",
    "blocked_since",
    "behind_since",
    "baseline_held_on",
    "is_rebaselined",
    "declared_weight",
    "blocker",
    "goal_confirmed_on",
    "next_milestone_id",
    "first_value_on",
    "achieved_on",
    "we_owe_since",
    "they_owe_since",
    "people_involved",
    "subjects_involved",
    "last_fact_on",
    "next_term_on",
    "decider_last_on",
    "review_on",
    "recheck_on",
)


# What moves from night to night by the calendar alone; a row that differs in nothing else keeps
# its ``changed_on``.
MOVING = frozenset({"pace_milli", "expected_weight", "baseline_held_on", "recheck_on"})


@transaction.atomic
def refresh(*, as_of: date, scope: Scope, grace_days: int) -> Written:
    """Bring MemberFacts to ``as_of`` for the members of ``scope``, and remember moved vectors.

    Where the scope is what a night has taken on, those whose day has come and those without
    any row yet are looked at too. Standing follows terms and the grace rule (DOMAIN 4.3), the
    vector section 3, with the clock on the days first agreed where they were re-planned (SV16),
    who holds up an overdue milestone (2.8) and when the goal was last confirmed (2.2). Facts
    dated after ``as_of`` are not seen. Only rows that differ are
    written: a second run writes none.
    """
    parameters = vector_parameters(as_of=as_of, scope=scope) | {
        "grace": grace_days,
        "goal_stale": GOAL_HOLDS_DAYS + 1,
        "decides": DECIDES,
        "zone": association_zone(),
    }
    with connection.cursor() as cursor:
        if scope.taken_by is not None:
            cursor.execute(PEOPLE.format(scope=scope.condition("d.member_id")), parameters)
            cursor.execute("ANALYZE facts_due")
            scope = replace(scope, among="facts_due")
        cursor.execute(_facts_sql(scope), parameters)
        written = Written(*cursor.fetchone())
        cursor.execute("DROP TABLE IF EXISTS facts_due")
    return written


def _facts_sql(scope: Scope) -> str:
    lasting = [column for column in COLUMNS if column not in MOVING]
    return FACTS.format(
        vector=vector_sql(scope=scope),
        baseline=BASELINE,
        scope_outcome=scope.condition("o.member_id"),
        scope_member=scope.condition("m.id"),
        scope_term=scope.condition("t.member_id"),
        scope_plan=scope.condition("p.member_id"),
        scope_involvement=scope.condition("i.member_id"),
        scope_assignment=scope.condition("a.member_id"),
        scope_review=scope.condition("r.member_id"),
        scope_affiliation=scope.condition("a.member_id"),
        columns=", ".join(COLUMNS),
        said_columns=", ".join(f"said.{column}" for column in COLUMNS),
        old_columns=", ".join(f"old.{column}" for column in COLUMNS),
        said_lasting=", ".join(f"said.{column}" for column in lasting),
        old_lasting=", ".join(f"old.{column}" for column in lasting),
        assignments=", ".join(f"{column} = excluded.{column}" for column in COLUMNS),
    )
