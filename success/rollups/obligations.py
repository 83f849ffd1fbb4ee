"""What our own rules make us promise: the next goal, once a member has achieved theirs.

Achieved before the play that follows it up was in effect is history, and binds nobody to a day.
"""

from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from members.rollups.scope import Scope, Written
from success.enums import Obligation, Side

NEXT_GOAL_DAYS = 14
NEXT_GOAL_PLAY = "next-goal"
TITLE = "Agree the next goal with you"

ACHIEVED = """
    SELECT f.plan_id, f.member_id, f.achieved_on
      FROM success_memberfacts f
      JOIN success_plan p ON p.id = f.plan_id
     WHERE {scope} AND f.state = 'achieved' AND f.achieved_on <= %(as_of)s
       AND (p.closed_on IS NULL OR p.closed_on > %(as_of)s)
"""
# The facts of these members were written before what they now promise: the next night reads it.
READ_AGAIN = """
    INSERT INTO members_dirtymember (member_id, since)
    SELECT DISTINCT member_id, %(as_of)s FROM changed
        ON CONFLICT (member_id) DO UPDATE
       SET since = least(members_dirtymember.since, excluded.since), taken_by = NULL
"""
NOTED = """
    INSERT INTO success_accountabilityevent (accountability_id, verb, at, note, before)
    SELECT id, '{verb}', %(at)s, {note}, {before} FROM changed
"""


def _noted(verb: str, *, note: str = "''", before: str) -> str:
    return NOTED.format(verb=verb, note=note, before=before)


ARISE = f"""
WITH achieved AS ({ACHIEVED}),
changed AS (
    INSERT INTO success_accountability
        (plan_id, side, title, closes_fit, obligation, due_on, evidence, waived_reason,
         is_simulated)
    SELECT plan_id, %(side)s, %(title)s, '', %(obligation)s, achieved_on + %(days)s, '', '',
           false
      FROM achieved
     WHERE achieved_on >= (SELECT v.effective_from
                             FROM success_play p
                             JOIN success_playversion v ON v.id = p.current_id
                            WHERE p.key = %(play)s AND p.is_active)
       AND NOT EXISTS (SELECT FROM success_accountability there
                        WHERE there.plan_id = achieved.plan_id
                          AND there.obligation = %(obligation)s)
        ON CONFLICT DO NOTHING
    RETURNING id, plan_id
),
noted AS ({_noted("made", before="jsonb_build_object()")}),
again AS (
    INSERT INTO members_dirtymember (member_id, since)
    SELECT achieved.member_id, %(as_of)s FROM changed JOIN achieved USING (plan_id)
        ON CONFLICT (member_id) DO UPDATE
       SET since = least(members_dirtymember.since, excluded.since), taken_by = NULL
)
SELECT (SELECT count(*) FROM achieved), (SELECT count(*) FROM changed)
"""
# Kept by the version that followed with another goal, on the day that began to count.
SETTLE = f"""
WITH changed AS (
    UPDATE success_accountability a
       SET done_on = following.counts_from
      FROM success_plan p
      JOIN success_plan following
        ON following.member_id = p.member_id AND following.counts_from = p.closed_on
       AND following.succession IN ('next_goal', 'goal_changed')
     WHERE a.plan_id = p.id AND a.obligation = %(obligation)s
       AND a.done_on IS NULL AND a.waived_on IS NULL
       AND following.counts_from <= %(as_of)s AND {{scope}}
    RETURNING a.id, p.member_id
),
again AS ({READ_AGAIN})
{_noted("done", before="jsonb_build_object('done_on', NULL)")}
"""
# The goal turned out not to be achieved: nothing is owed for it until it is.
TAKE_BACK = f"""
WITH changed AS (
    UPDATE success_accountability a
       SET waived_on = %(as_of)s, waived_reason = %(reason)s
      FROM success_plan p
      JOIN success_memberfacts f ON f.plan_id = p.id AND f.member_id = p.member_id
     WHERE a.plan_id = p.id AND a.obligation = %(obligation)s
       AND a.done_on IS NULL AND a.waived_on IS NULL
       AND f.state <> 'achieved' AND {{scope}}
    RETURNING a.id, p.member_id
),
again AS ({READ_AGAIN})
{
    _noted(
        "waived",
        note="%(reason)s",
        before="jsonb_build_object('waived_on', NULL, 'waived_reason', '')",
    )
}
"""
# And once it is achieved after all, it is owed anew.
RENEW = f"""
WITH old AS (
    SELECT a.id, a.due_on, a.waived_on, a.waived_reason, achieved.member_id,
           achieved.achieved_on + %(days)s AS new_due_on
      FROM success_accountability a
      JOIN ({ACHIEVED}) achieved ON achieved.plan_id = a.plan_id
     WHERE a.obligation = %(obligation)s AND a.waived_by_id IS NULL
       AND a.waived_reason = %(reason)s
),
changed AS (
    UPDATE success_accountability a
       SET waived_on = NULL, waived_reason = '', due_on = old.new_due_on
      FROM old WHERE old.id = a.id
    RETURNING old.*
),
again AS ({READ_AGAIN})
{
    _noted(
        "reopened",
        before="jsonb_build_object('waived_on', waived_on, 'waived_reason', waived_reason,"
        " 'due_on', due_on)",
    )
}
"""
REASON = "The evidence of the goal was withdrawn."


@transaction.atomic
def refresh(*, as_of: date, scope: Scope, at: datetime) -> Written:
    """Write down, and settle, what achieving a goal makes us promise (DOMAIN 2.2).

    An achieved plan in force obliges us to agree the next goal within 14 days of the day it was
    achieved; agreeing it keeps the promise, a withdrawn milestone waives it, achieving it again
    renews it. Reads MemberFacts of ``as_of``. Rows in are achieved plans. The same day again
    writes nothing.
    """
    parameters: dict[str, Any] = {
        "as_of": as_of,
        "at": at,
        "side": Side.ASSOCIATION.value,
        "title": TITLE,
        "obligation": Obligation.NEXT_GOAL.value,
        "days": NEXT_GOAL_DAYS,
        "play": NEXT_GOAL_PLAY,
        "reason": REASON,
        **scope.parameters,
    }
    with connection.cursor() as cursor:
        written = 0
        for statement, column in (
            (SETTLE, "p.member_id"),
            (TAKE_BACK, "p.member_id"),
            (RENEW, "f.member_id"),
        ):
            cursor.execute(statement.format(scope=scope.condition(column)), parameters)
            written += cursor.rowcount
        cursor.execute(ARISE.format(scope=scope.condition("f.member_id")), parameters)
        achieved, made = cursor.fetchone()
    return Written(rows_in=achieved, rows_out=written + made)
