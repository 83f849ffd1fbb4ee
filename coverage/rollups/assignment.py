"""Who belongs to which coverage segment, and who looks after them, for a range of members."""

import heapq
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection, transaction

from config.kernel.conditions import FactRegistry, compile_sql, parse
from coverage.engine.facts import FACTS
from coverage.models import Segment
from members.enums import Role
from members.rollups.scope import Scope, Written, named

# Ranges are assigned side by side; whoever deals, or moves members by hand, is alone at it.
DEALING_LOCK = 2_404_001


@transaction.atomic
def refresh(*, as_of: date, scope: Scope, registry: FactRegistry = FACTS) -> Written:
    """Assign the members of ``scope``, then deal those of them who need an owner.

    As ``assign`` and ``deal`` tell; the night does the one range by range and the other once.
    """
    assigned = assign(as_of=as_of, scope=scope, registry=registry)
    dealt = deal(as_of=as_of, scope=scope)
    return Written(assigned.rows_in, assigned.rows_out + dealt.rows_out)


@transaction.atomic
def assign(*, as_of: date, scope: Scope, registry: FactRegistry = FACTS) -> Written:
    """Write what differs to ``Assignment``, and a change row each; return rows read, written.

    The rules of the segments in use are tried in their order on each member's AX profile of
    ``as_of``; the first that holds gives the segment, with its reason. An override counts up to
    and not including its last day, then it is cleared. Members without a profile, or whom no
    rule fits, have no assignment. Pooled segments have no owner; else an owner in service is
    kept, and whoever has none waits to be dealt. What members pay is not asked. Raises
    ``BadCondition`` for a rule that cannot be used, such as one about money. Running it again
    writes nothing (DOMAIN 2.4).
    """
    wanted, parameters = _wanted(as_of=as_of, scope=scope, registry=registry)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [DEALING_LOCK])
        # Materialised before anything is written: rows that a statement inserts into the table
        # it reads would be walked over again and again.
        cursor.execute("DROP TABLE IF EXISTS wanted_assignment")
        cursor.execute(f"CREATE TEMPORARY TABLE wanted_assignment AS {wanted}", parameters)
        read = cursor.rowcount
        # said of what is held, too, or each range of members would take up everybody's
        held = scope.condition("held.member_id")
        cursor.execute(LOG_CHANGES.format(scope=held), parameters)
        cursor.execute(DELETE_GONE.format(scope=held), parameters)
        written = cursor.rowcount
        cursor.execute(UPDATE_CHANGED.format(scope=held), parameters)
        written += cursor.rowcount
        cursor.execute(INSERT_NEW, {"as_of": as_of})
        written += cursor.rowcount
        cursor.execute("DROP TABLE wanted_assignment")
    return Written(rows_in=read, rows_out=written)


@transaction.atomic
def deal(*, as_of: date, scope: Scope) -> Written:
    """Give each member of ``scope`` who needs an owner to an MSM; return rows read, written.

    The largest in AX minutes first, each to the active MSM who holds the fewest minutes at that
    moment. Members of pooled segments need none; those whose terms are over are dealt to nobody
    and weigh nothing. The day's change row of a member says it, or a row of its own. What all
    hold is read once, however many wait, and not at all when nobody does; one deals at a time.
    Nobody is dealt where there is no MSM. Running it again writes nothing (DOMAIN 2.4).
    """
    values = {"as_of": as_of, "msm": Role.MSM.value, **scope.parameters}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DEALING_LOCK])
        cursor.execute(AN_MSM, values)
        if cursor.fetchone() is None:
            return Written(rows_in=0, rows_out=0)
        cursor.execute(WAITING.format(scope=scope.condition("held.member_id")), values)
        waiting = cursor.fetchall()
        if not waiting:
            return Written(rows_in=0, rows_out=0)
        cursor.execute(HELD_MINUTES, values)
        dealt = _dealt(waiting, held=cursor.fetchall())
        cursor.execute(
            GIVE,
            {
                "as_of": as_of,
                "members": [member for member, _ in dealt],
                "owners": [owner for _, owner in dealt],
            },
        )
    return Written(rows_in=len(waiting), rows_out=len(dealt))


def _wanted(*, as_of: date, scope: Scope, registry: FactRegistry) -> tuple[str, dict[str, Any]]:
    """Return the statement that says where each member belongs, and its parameters."""
    parameters: dict[str, Any] = {"as_of": as_of, **scope.parameters}
    segments = Segment.objects.filter(is_retired=False).order_by("position")
    chosen = ["CASE"]
    reasons = ["CASE"]
    for segment in segments:
        predicate, values = compile_sql(parse(segment.rule, registry=registry), as_of=as_of)
        holds, asked = named(predicate, values, prefix=f"s{segment.pk}")
        parameters |= asked
        key, text = f"s{segment.pk}_id", f"s{segment.pk}_reason"
        parameters |= {key: segment.pk, text: segment.reason}
        chosen.append(f"WHEN {holds} THEN %({key})s::bigint")
        reasons.append(f"WHEN {holds} THEN {_filled(f'%({text})s::text', registry)}")
    no_segment = len(chosen) == 1
    segment_sql = "NULL::bigint" if no_segment else " ".join([*chosen, "END"])
    reason_sql = "NULL::text" if no_segment else " ".join([*reasons, "END"])
    statement = f"""
        WITH profile AS (
            SELECT DISTINCT ON (p.member_id) p.*
              FROM coverage_axprofile p
             WHERE p.valid_from <= %(as_of)s
               AND (p.superseded_on IS NULL OR p.superseded_on > %(as_of)s)
               AND {scope.condition("p.member_id")}
             ORDER BY p.member_id, p.valid_from DESC, p.id DESC
        ), proposed AS (
            SELECT p.member_id,
                   p.inbound_minutes + p.async_minutes + p.sync_minutes + p.taskforce_minutes
                       AS minutes,
                   {segment_sql} AS segment_id,
                   {reason_sql} AS reason
              FROM profile p
        ), overridden AS (
            SELECT held.member_id, held.segment_id,
                   'Decided by ' || coalesce(nullif(author.name, ''), author.email, 'somebody')
                       || ': ' || held.override_reason AS reason
              FROM coverage_assignment held
              LEFT JOIN members_user author ON author.id = held.override_by_id
             WHERE held.override_until > %(as_of)s AND {scope.condition("held.member_id")}
        )
        SELECT who.member_id,
               coalesce(proposed.minutes, 0) AS minutes,
               coalesce(overridden.segment_id, proposed.segment_id) AS segment_id,
               coalesce(overridden.reason, proposed.reason) AS reason,
               overridden.member_id IS NOT NULL AS is_overridden,
               held.member_id IS NULL AS is_new,
               segment.is_pooled,
               CASE WHEN NOT segment.is_pooled THEN keeper.id END AS owner_id
          FROM proposed
          FULL JOIN overridden USING (member_id) AS who
          JOIN coverage_segment segment
            ON segment.id = coalesce(overridden.segment_id, proposed.segment_id)
          LEFT JOIN coverage_assignment held ON held.member_id = who.member_id
          LEFT JOIN members_user keeper
            ON keeper.id = held.owner_id AND keeper.is_active AND keeper.role <> %(outsider)s
    """
    return statement, parameters | {"outsider": Role.MEMBER.value}


def _filled(text: str, registry: FactRegistry) -> str:
    """Return SQL that puts the member's own facts where ``text`` names them in braces."""
    for fact in registry:
        if not fact.financial:
            value = f"coalesce(({fact.column})::text, 'not known')"
            text = f"replace({text}, '{{{fact.name}}}', {value})"
    return text


def _dealt(
    waiting: Iterable[tuple[int, int]], *, held: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return (member, owner) for (member, minutes), given the (owner, minutes) of today.

    Whoever holds the fewest minutes is next; of equals, whoever was dealt fewest so far, then
    the longest here. Nobody is dealt where there is no MSM.
    """
    hands = [(minutes, 0, owner) for owner, minutes in held]
    heapq.heapify(hands)
    dealt: list[tuple[int, int]] = []
    for member, minutes in waiting:
        if not hands:
            break
        load, count, owner = hands[0]
        heapq.heapreplace(hands, (load + minutes, count + 1, owner))
        dealt.append((member, owner))
    return dealt


TERMS_ARE_OVER = """(
    EXISTS (SELECT FROM members_term t WHERE t.member_id = {held}.member_id)
    AND NOT EXISTS (SELECT FROM members_term t
                     WHERE t.member_id = {held}.member_id AND t.ends_on > %(as_of)s))"""
AN_MSM = "SELECT FROM members_user WHERE is_active AND role = %(msm)s LIMIT 1"
WAITING = f"""
    SELECT held.member_id, coalesce(profile.minutes, 0) AS minutes
      FROM coverage_assignment held
      JOIN coverage_segment segment ON segment.id = held.segment_id AND NOT segment.is_pooled
      LEFT JOIN LATERAL (
          SELECT p.inbound_minutes + p.async_minutes + p.sync_minutes + p.taskforce_minutes
                     AS minutes
            FROM coverage_axprofile p
           WHERE p.member_id = held.member_id AND p.valid_from <= %(as_of)s
             AND (p.superseded_on IS NULL OR p.superseded_on > %(as_of)s)
           ORDER BY p.valid_from DESC, p.id DESC
           LIMIT 1
      ) profile ON true
     WHERE held.owner_id IS NULL
       AND {{scope}}
       AND NOT {TERMS_ARE_OVER.format(held="held")}
     ORDER BY minutes DESC, held.member_id
"""
HELD_MINUTES = f"""
    WITH book AS (
        SELECT held.owner_id, profile.minutes
          FROM coverage_assignment held
          JOIN (
              SELECT DISTINCT ON (p.member_id) p.member_id,
                     p.inbound_minutes + p.async_minutes + p.sync_minutes + p.taskforce_minutes
                         AS minutes
                FROM coverage_axprofile p
               WHERE p.valid_from <= %(as_of)s
                 AND (p.superseded_on IS NULL OR p.superseded_on > %(as_of)s)
               ORDER BY p.member_id, p.valid_from DESC, p.id DESC
          ) profile ON profile.member_id = held.member_id
         WHERE held.owner_id IS NOT NULL AND NOT {TERMS_ARE_OVER.format(held="held")}
    )
    SELECT msm.id, coalesce(sum(book.minutes), 0)::bigint
      FROM members_user msm
      LEFT JOIN book ON book.owner_id = msm.id
     WHERE msm.is_active AND msm.role = %(msm)s
     GROUP BY msm.id
"""
GIVE = """
    WITH dealt AS MATERIALIZED (
        SELECT * FROM unnest(%(members)s::bigint[], %(owners)s::bigint[])
            AS dealt (member_id, owner_id)
    ), given AS (
        UPDATE coverage_assignment held SET owner_id = dealt.owner_id, assigned_on = %(as_of)s
          FROM dealt WHERE dealt.member_id = held.member_id
        RETURNING held.member_id, held.segment_id, held.owner_id, held.reason
    ), said AS (
        UPDATE coverage_assignmentchange change SET to_owner_id = given.owner_id
          FROM given
         WHERE change.member_id = given.member_id AND change."on" = %(as_of)s
           AND change.to_segment_id = given.segment_id AND change.to_owner_id IS NULL
           AND NOT EXISTS (SELECT FROM coverage_assignmentchange later
                            WHERE later.member_id = change.member_id AND later.id > change.id)
        RETURNING change.member_id
    )
    INSERT INTO coverage_assignmentchange
        (member_id, "on", from_segment_id, to_segment_id, from_owner_id, to_owner_id, reason)
    SELECT member_id, %(as_of)s, segment_id, segment_id, NULL, owner_id, reason
      FROM given WHERE NOT EXISTS (SELECT FROM said WHERE said.member_id = given.member_id)
"""
LOG_CHANGES = """
    INSERT INTO coverage_assignmentchange
        (member_id, "on", from_segment_id, to_segment_id, from_owner_id, to_owner_id, reason)
    SELECT wanted.member_id, %(as_of)s, held.segment_id, wanted.segment_id,
           held.owner_id, wanted.owner_id, wanted.reason
      FROM wanted_assignment wanted
      LEFT JOIN coverage_assignment held
        ON held.member_id = wanted.member_id AND {scope}
     WHERE held.member_id IS NULL
        OR (held.segment_id, held.owner_id)
           IS DISTINCT FROM (wanted.segment_id, wanted.owner_id)
"""
DELETE_GONE = """
    DELETE FROM coverage_assignment held
     WHERE {scope}
       AND NOT EXISTS (SELECT FROM wanted_assignment wanted
                        WHERE wanted.member_id = held.member_id)
"""
UPDATE_CHANGED = """
    UPDATE coverage_assignment held
       SET segment_id = wanted.segment_id,
           owner_id = wanted.owner_id,
           reason = wanted.reason,
           assigned_on = CASE
               WHEN (held.segment_id, held.owner_id)
                    IS DISTINCT FROM (wanted.segment_id, wanted.owner_id)
               THEN %(as_of)s ELSE held.assigned_on END,
           override_reason = CASE WHEN wanted.is_overridden THEN held.override_reason
                                  ELSE '' END,
           override_by_id = CASE WHEN wanted.is_overridden THEN held.override_by_id END,
           override_until = CASE WHEN wanted.is_overridden THEN held.override_until END
      FROM wanted_assignment wanted
     WHERE wanted.member_id = held.member_id AND {scope}
       AND ((held.segment_id, held.owner_id, held.reason)
                IS DISTINCT FROM (wanted.segment_id, wanted.owner_id, wanted.reason)
            OR (NOT wanted.is_overridden
                AND (held.override_reason <> '' OR held.override_until IS NOT NULL
                     OR held.override_by_id IS NOT NULL)))
"""
INSERT_NEW = """
    INSERT INTO coverage_assignment
        (member_id, segment_id, owner_id, reason, assigned_on, override_reason)
    SELECT member_id, segment_id, owner_id, reason, %(as_of)s, ''
      FROM wanted_assignment
     WHERE is_new
     ORDER BY member_id
"""
