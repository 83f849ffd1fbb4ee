"""What plays do as of a night: a statement a play and kind of work, over MemberFacts.

``starting`` says what starts a play, ``compiling`` makes a version into SQL, ``entering`` takes
members in and opens steps, ``going_on`` follows those inside, ``stirring`` says whom a night
has to look at, ``looking`` only reads.
"""

from datetime import date, datetime

from django.db import connection, transaction

from members.rollups.scope import Scope, Written
from success.models import Enrolment, PlayVersion
from success.rollups.plays import going_on
from success.rollups.plays.compiling import (
    STIRRED,
    STIRRED_FACTS,
    compiled,
    facts_of,
    in_use,
    with_members,
)
from success.rollups.plays.entering import CREATE_FIRED, draw_sql, enter
from success.rollups.plays.looking import Candidate, candidates, why_not, would_open
from success.rollups.plays.starting import HAPPENINGS
from success.rollups.plays.stirring import Looked, narrowed

__all__ = [
    "HAPPENINGS",
    "Candidate",
    "Looked",
    "candidates",
    "close_gone",
    "draw_sql",
    "refresh",
    "why_gone",
    "why_not",
    "would_open",
]


@transaction.atomic
def refresh(
    *, as_of: date, scope: Scope, at: datetime, looked: Looked | None = None
) -> Written:
    """Open, bring up to date and close what the plays in use say as of a night.

    First, a message that was not sent becomes a person's item; entries whose aim is reached or
    whose reason is gone end, and their open items close and say so; the others take over
    class, owner and term end, or go on to their next step, under the version that they entered.
    Then each play takes in whom it fires for, once per occurrence and as its re-entry rule
    allows, draws who is left alone, and opens the first step for the others. A step is done
    over the channel and by the hand that the member's segment gives it (``engine.ladder``). It
    is a message where the occurrence is live, not before ``effective_from``, after the last
    import and not too late, no promise of ours is late and no other message was queued that
    night (else it waits for the next one). Otherwise it is an item for the owner or the pool,
    save that members of message segments get nothing for what happened before
    ``effective_from``. Rows in are those of MemberFacts, rows out interventions and entries
    without any. The same night again writes nothing (DOMAIN 2.10, 8). Of those whom an earlier
    look has seen, ``looked``, only such are looked at as may differ since; it is the same as if
    all were. Raises ``BadCondition``.
    """
    inside = list(with_members(as_of=as_of))
    with connection.cursor() as cursor:
        if looked is not None:
            scope = narrowed(cursor, inside, as_of=as_of, scope=scope, looked=looked)
        written = going_on.end(cursor, inside, as_of=as_of, scope=scope, at=at)
        cursor.execute(
            going_on.UPDATE_OPEN.format(
                facts=facts_of(scope), scope=scope.condition("i.member_id")
            ),
            scope.parameters | {"at": at},
        )
        written += cursor.rowcount
        cursor.execute(CREATE_FIRED)
        written += going_on.advance(cursor, inside, as_of=as_of, scope=scope, at=at)
        for version in in_use(as_of=as_of):
            one = compiled(version, as_of=as_of, scope=scope)
            written += enter(cursor, version, one, scope=scope, at=at)
        cursor.execute("DROP TABLE fired_play")
        within = scope.condition("f.member_id")
        cursor.execute(
            f"SELECT count(*) FROM {facts_of(scope)} f WHERE {within}", scope.parameters
        )
        read: int = cursor.fetchone()[0]
        if scope.among == STIRRED:
            cursor.execute(f"DROP TABLE {STIRRED}, {STIRRED_FACTS}")
            cursor.execute("SET LOCAL enable_mergejoin = on")
    return Written(rows_in=read, rows_out=written)


@transaction.atomic
def close_gone(*, as_of: date, scope: Scope, at: datetime) -> int:
    """End entries that have no reason any more, close their items; return how many changed.

    Before that, messages that were not sent are handed to a person. An item that somebody is
    working on stays until they let go, and its entry with it. Each closing is an event with its
    reason in plain words. Idempotent (DOMAIN 2.10, stop on success).
    """
    with connection.cursor() as cursor:
        return going_on.end(
            cursor, list(with_members(as_of=as_of)), as_of=as_of, scope=scope, at=at
        )


def why_gone(
    *, intervention_id: int, version: PlayVersion, member_id: int, as_of: date
) -> str | None:
    """Return in words why an intervention's entry has ended, or is to; None while it goes on.

    Asked of aim, stop rule, reply, preference, membership and what started it.
    """
    entry = Enrolment.objects.get(interventions=intervention_id)
    if entry.ended_on is not None:
        return entry.end_reason or entry.get_end_display()
    scope = Scope(first=member_id, last=member_id)
    statement, values = going_on.why_gone_sql(version, as_of=as_of, scope=scope, entry=entry.pk)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return None if row is None else str(row[0])
