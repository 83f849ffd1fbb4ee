"""Every member's vector on the days that a night compares with, as the evidence tells it now.

What a night says of an earlier day rests on what is known today, so it cannot be read from what
was said then. It is kept, so that a night works out only those of whom it may say another thing
than the night before: those whose facts changed, and those whose ``recheck_on`` has come.
"""

from dataclasses import replace
from datetime import date, timedelta

from django.db import connection, transaction

from members.rollups.scope import Scope, Written
from success.rollups.vector import vector_parameters, vector_sql

# An ordinary night: those whose facts changed, whose day has come, or who are new.
DUE = """
CREATE TEMPORARY TABLE earlier_due ON COMMIT DROP AS
SELECT member_id FROM members_dirtymember d WHERE {scope}
UNION
SELECT member_id FROM success_earliervector
WHERE days_back = %(days_back)s AND recheck_on <= %(as_of)s
  AND member_id BETWEEN %(scope_first)s AND %(scope_last)s
UNION
SELECT m.id
FROM members_member m
LEFT JOIN success_earliervector known
    ON known.member_id = m.id AND known.days_back = %(days_back)s
WHERE known.member_id IS NULL AND m.id BETWEEN %(scope_first)s AND %(scope_last)s
"""

REFRESH = """
WITH {vector},
membership AS (
    SELECT t.member_id,
           bool_or(t.starts_on <= %(as_of)s AND t.ends_on + %(grace)s > %(as_of)s) AS is_in,
           least(
               min(t.starts_on) FILTER (WHERE t.starts_on > %(as_of)s),
               min(t.ends_on + %(grace)s) FILTER (WHERE t.ends_on + %(grace)s > %(as_of)s)
           ) AS changes_on
    FROM members_term t
    WHERE {scope_term}
    GROUP BY t.member_id
),
coming_plan AS (
    SELECT p.member_id, min(p.counts_from) AS counts_from
    FROM success_plan p
    WHERE {scope_plan} AND p.counts_from > %(as_of)s
    GROUP BY p.member_id
),
who AS MATERIALIZED (
    -- so that joins start from these, be they few or many
    SELECT m.id FROM members_member m WHERE {scope_member}
),
said AS (
    -- put together and not joined: the planner takes the vectors for a single row, and would
    -- walk over all of them for each member
    SELECT member_id,
           CASE WHEN bool_or(is_in) THEN coalesce(max(state), '') ELSE '' END AS state,
           CASE WHEN bool_or(is_in) THEN max(pace_milli) END AS pace_milli,
           least(
               CASE WHEN bool_or(is_in) THEN min(moves_on) END, min(changes_on)
           ) AS recheck_on
    FROM (
        SELECT id AS member_id, FALSE AS is_in, NULL AS state, NULL::int AS pace_milli,
               NULL::date AS moves_on, NULL::date AS changes_on
        FROM who
        UNION ALL SELECT member_id, is_in, NULL, NULL, NULL, changes_on FROM membership
        UNION ALL SELECT member_id, FALSE, NULL, NULL, NULL, counts_from FROM coming_plan
        UNION ALL SELECT member_id, FALSE, state, pace_milli, recheck_on, NULL FROM vector
    ) AS part
    GROUP BY member_id
),
written AS (
    INSERT INTO success_earliervector (member_id, days_back, state, pace_milli, recheck_on)
    SELECT said.member_id, %(days_back)s, said.state, said.pace_milli, said.recheck_on
    FROM said
    LEFT JOIN success_earliervector old
        ON old.member_id = said.member_id AND old.days_back = %(days_back)s
           AND old.member_id BETWEEN %(scope_first)s AND %(scope_last)s
    WHERE old.member_id IS NULL
       OR (said.state, said.pace_milli, said.recheck_on)
          IS DISTINCT FROM (old.state, old.pace_milli, old.recheck_on)
    ON CONFLICT (member_id, days_back) DO UPDATE
    SET state = excluded.state, pace_milli = excluded.pace_milli,
        recheck_on = excluded.recheck_on
    RETURNING 1
)
SELECT (SELECT count(*) FROM said), (SELECT count(*) FROM written)
"""


@transaction.atomic
def refresh(*, as_of: date, days_back: int, scope: Scope, grace_days: int) -> Written:
    """Bring ``EarlierVector`` to so many days before ``as_of`` for ``scope`` (DOMAIN 3.4).

    Blank where a member had no plan or no membership that day, grace included. Where the scope
    is what a night has taken on, those whose day has come and those without any row yet are
    looked at too; ``as_of`` must not lie before that of the night before. Only rows that differ
    are written: a second run writes none.
    """
    earlier_on = as_of - timedelta(days=days_back)
    parameters = vector_parameters(as_of=earlier_on, scope=scope)
    parameters |= {"days_back": days_back, "grace": grace_days}
    with connection.cursor() as cursor:
        if scope.taken_by is not None:
            cursor.execute(DUE.format(scope=scope.condition("d.member_id")), parameters)
            cursor.execute("ANALYZE earlier_due")
            scope = replace(scope, among="earlier_due")
        statement = REFRESH.format(
            vector=vector_sql(scope=scope),
            scope_member=scope.condition("m.id"),
            scope_plan=scope.condition("p.member_id"),
            scope_term=scope.condition("t.member_id"),
        )
        cursor.execute(statement, parameters)
        written = Written(*cursor.fetchone())
        cursor.execute("DROP TABLE IF EXISTS earlier_due")
    return written
