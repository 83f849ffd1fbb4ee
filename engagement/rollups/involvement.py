"""Involvement, derived from facts ``<area>.added`` and ``<area>.removed``, set-based.

Agrees with ``engagement.engine.involvement``, which says what the rules are.
"""

from dataclasses import replace
from datetime import date
from zlib import crc32

from django.db import connection, transaction

from members.rollups.scope import Scope, Written

# One sort and one window, from the last day to the first: the last fact of a day stands for it,
# an added with none in force before it begins a stretch, and the removed that was met last on
# the way back ends it. Only what differs is kept, so a night without news writes nothing, not
# even temporarily.
COMPARE = """
    DROP TABLE IF EXISTS involvement_difference;
    CREATE TEMPORARY TABLE involvement_difference ON COMMIT DROP AS
    WITH change AS (
        SELECT member_id, coalesce(person_id, 0) AS person, subject COLLATE "C" AS subject,
               left(kind, CASE WHEN kind LIKE '%%.added' THEN -6 ELSE -8 END) COLLATE "C"
                   AS area,
               occurred_on AS day, recorded_at, kind LIKE '%%.added' AS added
        FROM engagement_fact
        WHERE (kind LIKE '%%.added' OR kind LIKE '%%.removed') AND {scope}
    ), last_of_day AS (
        SELECT DISTINCT ON (member_id, person, subject, area, day) *
        FROM change
        ORDER BY member_id, person, subject, area, day DESC, recorded_at DESC, added DESC
    ), walked_back AS (
        SELECT member_id, person, subject, area, day, added,
               lead(added) OVER back AS was_added,
               min(day) FILTER (WHERE NOT added) OVER back AS ends_on
        FROM last_of_day
        WINDOW back AS (PARTITION BY member_id, person, subject, area ORDER BY day DESC
                        ROWS UNBOUNDED PRECEDING)
    ), derived AS (
        SELECT member_id, person, subject, area, day AS starts_on, ends_on
        FROM walked_back
        WHERE added AND was_added IS NOT TRUE
    ), known AS (
        SELECT id, member_id, coalesce(person_id, 0) AS person, subject COLLATE "C" AS subject,
               area COLLATE "C" AS area, starts_on, ends_on
        FROM engagement_involvement WHERE {scope}
    )
    SELECT known.id, derived.*
    FROM derived
    FULL JOIN known USING (member_id, person, subject, area, starts_on)
    WHERE known.id IS NULL OR derived.member_id IS NULL
       OR derived.ends_on IS DISTINCT FROM known.ends_on;
    ANALYZE involvement_difference
"""
WRITE = """
    WITH gone AS (
        DELETE FROM engagement_involvement involvement USING involvement_difference difference
        WHERE involvement.id = difference.id AND difference.member_id IS NULL
        RETURNING 1
    ), moved AS (
        UPDATE engagement_involvement involvement SET ends_on = difference.ends_on
        FROM involvement_difference difference
        WHERE involvement.id = difference.id AND difference.member_id IS NOT NULL
        RETURNING 1
    ), made AS (
        INSERT INTO engagement_involvement
            (member_id, person_id, area, subject, starts_on, ends_on)
        SELECT member_id, nullif(person, 0), area, subject, starts_on, ends_on
        FROM involvement_difference WHERE id IS NULL
        ORDER BY member_id, area, subject, starts_on
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM moved)
         + (SELECT count(*) FROM made)
"""
FACTS = """
    SELECT count(*) FROM engagement_fact
    WHERE (kind LIKE '%%.added' OR kind LIKE '%%.removed') AND {scope}
"""

# All that a member's facts and stretches say, in one number.
PRINTS = """
    SELECT member_id, hash_record_extended((count(*), sum(said), %(rule)s), 0) AS said
    FROM (
        SELECT member_id, hash_record_extended(
                   (person_id, kind, subject, occurred_on, recorded_at), 0) AS said
        FROM engagement_fact WHERE {scope}
        UNION ALL
        SELECT member_id, hash_record_extended(
                   (person_id, area, subject, starts_on, ends_on), 1)
        FROM engagement_involvement WHERE {scope}
    ) AS row
    GROUP BY member_id
"""
DIFFERING = f"""
    CREATE TEMPORARY TABLE involvement_differs ON COMMIT DROP AS
    SELECT member_id
    FROM ({PRINTS}) AS found
    FULL JOIN (
        SELECT member_id, said FROM engagement_involvementprint WHERE {{scope}}
    ) AS kept USING (member_id)
    WHERE found.said IS DISTINCT FROM kept.said;
    ANALYZE involvement_differs
"""
KEEP = f"""
    DELETE FROM engagement_involvementprint WHERE {{scope}};
    INSERT INTO engagement_involvementprint (member_id, said)
    {PRINTS}
"""
LOOKED_AT = """
    SELECT (SELECT count(*) FROM engagement_fact WHERE {scope}),
           (SELECT count(*) FROM members_member WHERE id BETWEEN %(scope_first)s
                                                            AND %(scope_last)s),
           (SELECT count(*) FROM involvement_differs)
"""
# A change of the statement changes every print, so that all are derived anew.
RULE = crc32(COMPARE.encode())
# Beyond this share of a range it is gone through, rather than looked up member by member.
FEW = 0.2


@transaction.atomic
def refresh_differing(*, as_of: date, scope: Scope) -> Written:
    """Do what ``refresh`` does to a range of members, for those who are not as last time.

    Whose facts and stretches say what they said when this last derived them, by the same
    rule, would come out the same: a print of 64 bits a member tells. Returns facts looked at
    and stretches written; run again it writes none.
    """
    condition = scope.condition("member_id")
    values = scope.parameters | {"rule": RULE}
    with connection.cursor() as cursor:
        cursor.execute(DIFFERING.format(scope=condition), values)
        cursor.execute(LOOKED_AT.format(scope=condition), values)
        facts, members, differing = cursor.fetchone()
        rows_out = 0
        if differing:
            if differing < FEW * members:
                scope = replace(scope, among="involvement_differs")
            rows_out = refresh(as_of=as_of, scope=scope).rows_out
            cursor.execute(KEEP.format(scope=scope.condition("member_id")), values)
        cursor.execute("DROP TABLE involvement_differs")
    return Written(facts, rows_out)


@transaction.atomic
def refresh(*, as_of: date, scope: Scope) -> Written:  # noqa: ARG001  # every rollup's shape
    """Replace the involvements in ``scope`` that are no longer what the facts say.

    All facts count, whenever they occurred: a stretch carries its own days, and readers ask
    which of them had begun and not ended by ``as_of``. Returns facts read and rows written;
    run again it writes none. Implements ``engagement.engine.involvement.stretches``.
    """
    condition = scope.condition("member_id")
    with connection.cursor() as cursor:
        cursor.execute(COMPARE.format(scope=condition), scope.parameters)
        cursor.execute(WRITE)
        rows_out: int = cursor.fetchone()[0]
        cursor.execute(FACTS.format(scope=condition), scope.parameters)
        rows_in: int = cursor.fetchone()[0]
    return Written(rows_in, rows_out)
