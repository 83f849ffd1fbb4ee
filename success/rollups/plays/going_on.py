"""What becomes of those inside a play: the aim followed, the next step opened, the end."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from config.kernel.clock import association_zone
from members.rollups.scope import Scope
from success.enums import Arm, EnrolmentEnd, InterventionStatus, Outcome
from success.models import PlayVersion
from success.rollups.plays.compiling import Compiled, Ways, compiled, every
from success.rollups.plays.entering import (
    ONE_A_NIGHT,
    QUEUE_CLASS,
    UNREACHABLE,
    open_step,
    set_ways,
)
from success.rollups.plays.starting import spelled

# A message has arrived when nothing has come back for so long.
COMES_BACK_DAYS = 3

# A promise is its own owner's; an item that is for another hand stays with whoever has it, one
# without either is the member's.
OWNER = """CASE
    WHEN i.claimed_until > %(at)s OR i.evidence ->> 'hand' IS NOT NULL THEN i.owner_id
    WHEN i.evidence -> 'given' IS NOT NULL AND (i.owner_id IS NULL OR EXISTS (
        SELECT FROM members_user u WHERE u.id = i.owner_id AND u.is_active)) THEN i.owner_id
    WHEN i.promise_id IS NULL THEN f.owner_id
    ELSE coalesce((SELECT a.owner_id FROM success_accountability a WHERE a.id = i.promise_id),
                  f.owner_id) END"""
UPDATE_OPEN = f"""
    UPDATE success_intervention i
       SET queue_class = {QUEUE_CLASS}, term_ends_on = f.term_ends_on, owner_id = {OWNER}
      FROM {{facts}} f, success_playstep step, success_playversion play
     WHERE f.member_id = i.member_id AND step.id = i.step_id AND play.id = step.version_id
       AND i.status = 'open' AND {{scope}}
       AND (i.queue_class, i.term_ends_on, i.owner_id)
           IS DISTINCT FROM ({QUEUE_CLASS}, f.term_ends_on, {OWNER})
"""

UNSENT = """CASE
    WHEN sent.status = 'suppressed' THEN 'The message was not sent: ' || sent.outcome
    WHEN sent.status = 'unknown' THEN 'Nobody knows whether the message was sent'
    ELSE 'The message came back' END"""
HAND_OVER = f"""
    WITH unsent AS (
        SELECT DISTINCT ON (i.play_id, i.member_id) i.id, i.enrolment_id, step.due_days,
               {UNSENT} AS because,
               CASE WHEN sent.status = 'suppressed' THEN sent.outcome
                    ELSE {UNSENT} END AS note
          FROM success_intervention i
          JOIN success_enrolment n ON n.id = i.enrolment_id AND n.ended_on IS NULL
          JOIN success_playstep step ON step.id = i.step_id
          JOIN communications_message sent ON sent.id = i.message_id
         WHERE n.version_id = ANY (%(versions)s) AND i.status = 'message' AND {{scope_items}}
           AND (sent.status IN ('suppressed', 'unknown') OR (
                sent.status = 'sent' AND sent.returned_at IS NOT NULL))
           AND NOT EXISTS (
               SELECT FROM success_intervention other
                WHERE other.play_id = i.play_id AND other.member_id = i.member_id
                  AND other.status = 'open')
         ORDER BY i.play_id, i.member_id, i.occurred_on DESC, i.id DESC
    ), handed AS (
        UPDATE success_intervention i
           SET status = 'open', due_on = %(as_of)s + unsent.due_days,
               why = i.why || ' ' || unsent.because || '.'
          FROM unsent
         WHERE unsent.id = i.id
        RETURNING i.id, unsent.note, i.enrolment_id
    ), back AS (
        UPDATE success_enrolment n SET next_on = NULL
          FROM handed WHERE n.id = handed.enrolment_id AND n.next_on IS NOT NULL
    )
    INSERT INTO success_interventionevent (intervention_id, verb, at, note, before)
    SELECT id, 'opened', %(at)s, note, '{{{{}}}}' FROM handed
"""

# What every entry that is under way is asked; ``n`` is it, ``f`` MemberFacts.
LOOKED = """
        SELECT n.id, f.member_id IS NULL AS unknown, f.standing,
               ({stays}) IS TRUE AS stays, ({aim}) IS TRUE AS reached,
               ({stop}) IS TRUE AS stopped,
               wish.person_id IS NOT NULL AND NOT ({is_owed}) AS opted_out,
               reply.at AS replied_at
          FROM success_enrolment n
          LEFT JOIN {facts} f ON f.member_id = n.member_id
          LEFT JOIN coverage_segment s ON s.id = f.segment_id
          LEFT JOIN communications_preference wish
            ON wish.person_id = f.contact_id AND wish.no_discretionary
          LEFT JOIN (
              SELECT r.member_id, max(r.received_at) AS at
                FROM communications_reply r
               WHERE NOT r.is_automatic AND {scope_replies}
               GROUP BY r.member_id) reply ON reply.member_id = n.member_id
         WHERE n.version_id = ANY (%(versions)s) AND n.ended_on IS NULL AND {scope_entries}
"""
# Nobody answers a message that never went out, but for what a person did in its place.
ANSWERED = """EXISTS (
               SELECT FROM success_intervention said
                 LEFT JOIN communications_message m ON m.id = said.message_id
                WHERE said.enrolment_id = looked.id
                  AND CASE WHEN m.status IN ('sent', 'unknown') THEN m.finished_at
                           WHEN said.status = 'done' THEN said.finished_at
                      END < looked.replied_at)"""
ENDING = f"""
        SELECT n.id, looked.reached, found."end",
               CASE found."end"
                   WHEN '{EnrolmentEnd.LEFT.value}' THEN 'The membership is not in force'
                   WHEN '{EnrolmentEnd.OPTED_OUT.value}'
                       THEN 'They asked not to be contacted'
                   WHEN '{EnrolmentEnd.REPLIED.value}' THEN 'They replied on '
                       || {spelled("(looked.replied_at AT TIME ZONE %(zone)s)")}
                   WHEN '{EnrolmentEnd.STOPPED.value}' THEN 'It was to stop where: '
                       || ({{stop_words}})
                   ELSE CASE
                       WHEN looked.unknown
                           THEN 'Nothing is known of this member any more'
                       WHEN looked.stays THEN 'The aim is reached'
                       ELSE {{gone}} END
               END AS reason,
               CASE WHEN ({{is_while}}) AND looked.stays THEN NULL ELSE %(as_of)s::date
               END AS gone_on,
               ({{aim_is_start}}) AND NOT looked.stays AND NOT looked.unknown
                   AND found."end" = '{EnrolmentEnd.GONE.value}' AS is_aim
          FROM looked
          JOIN success_enrolment n ON n.id = looked.id
          LEFT JOIN success_memberfacts f ON f.member_id = n.member_id
          LEFT JOIN LATERAL (
              SELECT i.evidence, i.promise_id FROM success_intervention i
               WHERE i.enrolment_id = n.id ORDER BY i.id LIMIT 1) i ON TRUE
          CROSS JOIN LATERAL (SELECT CASE
              WHEN looked.unknown THEN '{EnrolmentEnd.GONE.value}'
              WHEN looked.reached THEN '{EnrolmentEnd.REACHED.value}'
              WHEN NOT looked.stays AND looked.standing <> ALL (%(standings)s)
                  THEN '{EnrolmentEnd.LEFT.value}'
              WHEN looked.opted_out THEN '{EnrolmentEnd.OPTED_OUT.value}'
              WHEN looked.replied_at IS NOT NULL AND {ANSWERED}
                  THEN '{EnrolmentEnd.REPLIED.value}'
              WHEN looked.stopped THEN '{EnrolmentEnd.STOPPED.value}'
              WHEN NOT looked.stays THEN '{EnrolmentEnd.GONE.value}' END AS "end") found
         WHERE found."end" IS NOT NULL
"""
# Whoever works on an item is not interrupted: the entry ends once they have let go.
NOBODY_IS_AT_IT = """NOT EXISTS (
               SELECT FROM success_intervention i
                WHERE i.enrolment_id = looked.id AND i.status = 'open'
                  AND i.claimed_until > %(at)s)"""
END = f"""
    WITH looked AS MATERIALIZED ({LOOKED}),
    ending AS MATERIALIZED ({ENDING} AND {NOBODY_IS_AT_IT})
    UPDATE success_enrolment n
       SET ended_on = %(as_of)s, "end" = ending."end", end_reason = ending.reason,
           next_on = NULL, gone_on = ending.gone_on,
           reached_on = coalesce(n.reached_on, CASE
               WHEN ending.reached OR ending.is_aim THEN %(as_of)s::date END)
      FROM ending
     WHERE ending.id = n.id
"""
WHY_GONE = f"""
    WITH looked AS MATERIALIZED ({LOOKED} AND n.id = %(entry)s)
    SELECT reason FROM ({ENDING}) ending
"""

# The aim is followed whatever became of the entry, for as long as it would count.
FOLLOW = """
    UPDATE success_enrolment n
       SET reached_on = %(as_of)s
      FROM {facts} f
      LEFT JOIN coverage_segment s ON s.id = f.segment_id
     WHERE f.member_id = n.member_id AND n.reached_on IS NULL AND n.ended_on IS NOT NULL
       AND n.entered_on >= %(follow_since)s AND n.version_id = ANY (%(versions)s)
       AND {scope_entries} AND ({aim}) IS TRUE
       AND n.entered_on >= %(as_of)s::date
           - (SELECT v.aim_days FROM success_playversion v WHERE v.id = n.version_id)
"""
# A condition has to become untrue before it can become true again.
PASSED = """
    UPDATE success_enrolment n
       SET gone_on = %(as_of)s
      FROM {facts} f
      LEFT JOIN coverage_segment s ON s.id = f.segment_id
     WHERE f.member_id = n.member_id AND n.gone_on IS NULL AND n.ended_on IS NOT NULL
       AND n.version_id = ANY (%(versions)s) AND {scope_entries} AND ({is_while})
       AND ({stays}) IS NOT TRUE
"""

# The current step of an entry was done by a person, or its message has gone out.
DELIVERED = """
    SELECT n.id, n.version_id, n.step, i.outcome, i.message_id IS NOT NULL
               AND i.status = 'message' AS by_message,
           (coalesce(CASE WHEN i.status = 'message' THEN sent.finished_at END,
                     i.finished_at) AT TIME ZONE %(zone)s)::date AS on_day
      FROM success_enrolment n
      JOIN success_intervention i ON i.enrolment_id = n.id
      JOIN success_playstep step ON step.id = i.step_id AND step.position = n.step
      LEFT JOIN communications_message sent ON sent.id = i.message_id
     WHERE n.ended_on IS NULL AND n.next_on IS NULL AND n.version_id = ANY (%(versions)s)
       AND {scope_entries}
       AND (i.status = 'done' OR (i.status = 'message' AND sent.status = 'sent'))
"""
NEEDLESS = (Outcome.NOT_NEEDED.value, Outcome.GOAL_CHANGED.value)
SETTLE = f"""
    WITH delivered AS ({DELIVERED}),
    judged AS (
        SELECT d.id, d.on_day, following.wait_days, following.id IS NULL AS is_last,
               d.outcome = ANY (%(needless)s) AS is_needless, d.by_message,
               v.start ? 'while' AS is_while
          FROM delivered d
          JOIN success_playversion v ON v.id = d.version_id
          LEFT JOIN success_playstep following
            ON following.version_id = d.version_id AND following.position = d.step + 1
    )
    UPDATE success_enrolment n
       SET next_on = CASE WHEN NOT is_last AND NOT is_needless THEN on_day + wait_days END,
           ended_on = CASE WHEN is_last OR is_needless THEN %(as_of)s::date END,
           gone_on = CASE WHEN (is_last OR is_needless) AND NOT is_while
                          THEN %(as_of)s::date END,
           "end" = CASE WHEN is_needless THEN '{EnrolmentEnd.STOPPED.value}'
                        WHEN is_last THEN '{EnrolmentEnd.DONE.value}' ELSE '' END,
           end_reason = CASE WHEN is_needless THEN 'Whoever spoke with them saw no need for it'
                             WHEN is_last THEN 'The last step is done' ELSE '' END
      FROM judged
     WHERE judged.id = n.id
       AND (NOT is_last OR is_needless OR NOT by_message
            OR on_day + {COMES_BACK_DAYS} <= %(as_of)s)
"""
SWITCHED_OFF = f"""
    UPDATE success_enrolment n
       SET ended_on = %(as_of)s, "end" = '{EnrolmentEnd.SWITCHED_OFF.value}',
           end_reason = 'The play was switched off', next_on = NULL,
           gone_on = CASE WHEN v.start ? 'while' THEN NULL ELSE %(as_of)s::date END
      FROM success_playversion v
      JOIN success_play p ON p.id = v.play_id
     WHERE v.id = n.version_id AND NOT p.is_active AND p.paused_because = ''
       AND n.ended_on IS NULL AND {{scope_entries}}
       AND NOT EXISTS (
           SELECT FROM success_intervention i
            WHERE i.enrolment_id = n.id AND i.status = 'open' AND i.claimed_until > %(at)s)
"""
# Open items of what has ended close themselves, and say so.
CLOSE = f"""
    WITH closed AS (
        UPDATE success_intervention i
           SET status = '{InterventionStatus.CLOSED.value}', finished_at = %(at)s,
               claimed_by_id = NULL, claimed_until = NULL, snoozed_until = NULL,
               sleeps_until_change = FALSE
          FROM success_enrolment n
         WHERE n.id = i.enrolment_id AND n.ended_on IS NOT NULL AND i.status = 'open'
           AND {{scope_entries}} AND {{scope_items}}
           AND (i.claimed_until IS NULL OR i.claimed_until <= %(at)s)
        RETURNING i.id, n.end_reason
    )
    INSERT INTO success_interventionevent (intervention_id, verb, at, note, before)
    SELECT id, 'closed', %(at)s, end_reason, '{{{{}}}}' FROM closed
"""

CHANNELS = {
    "portal": "a notice on their page",
    "email": "an e-mail",
    "chat": "a chat message",
    "video": "a recorded video",
    "group": "a group session",
    "call": "a call",
    "meeting": "a meeting",
}
CHANNEL_WORDS = (
    "CASE i.channel "
    + " ".join(f"WHEN '{name}' THEN '{words}'" for name, words in CHANNELS.items())
    + " ELSE 'a word from us' END"
)
OUTCOME_WORDS = (
    "CASE WHEN i.status = 'message' THEN 'sent' ELSE CASE i.outcome "
    + " ".join(f"WHEN '{each.value}' THEN '{str(each.label).lower()}'" for each in Outcome)
    + " ELSE 'done' END END"
)
# The steps whose day has come; few plays have any on a night, and only those are gone through.
COMING = f"""
    SELECT DISTINCT n.version_id, n.step + 1
      FROM success_enrolment n
     WHERE n.ended_on IS NULL AND n.next_on <= %(as_of)s AND n.version_id = ANY (%(versions)s)
       AND n.arm = '{Arm.TREATED.value}' AND {{scope_entries}}
"""
DUE = f"""
    INSERT INTO fired_play (
        member_id, occurrence, occurred_on, subject, promise_id, by_message, is_held,
        segment_id, unreachable, taken, entry_id, because, story)
    SELECT n.member_id, n.occurrence || ', step ' || %(position)s, n.occurred_on, NULL,
           past.promise_id,
           coalesce(s.delivery, 'person') = 'message' AND %(has_step_template)s
               AND f.we_owe_since IS NULL AND f.blocker <> 'association'
               AND m.quiet_through IS DISTINCT FROM %(as_of)s,
           FALSE, f.segment_id, {UNREACHABLE.format(contact="f.contact_id")}, past.taken, n.id,
           past.why || ' ' || past.words, past.story
      FROM success_enrolment n
      JOIN success_memberfacts f ON f.member_id = n.member_id
      JOIN members_member m ON m.id = n.member_id
      LEFT JOIN coverage_segment s ON s.id = f.segment_id
      CROSS JOIN LATERAL (
          SELECT (array_agg(i.why ORDER BY i.id))[1] AS why, min(i.promise_id) AS promise_id,
                 string_agg(step.position || '/' || i.channel || '/'
                     || CASE WHEN i.status = 'message' THEN 'system' ELSE 'person' END || '/'
                     || coalesce(i.evidence ->> 'hand', ''), '|' ORDER BY i.id) AS taken,
                 string_agg('Step ' || step.position || ' on ' || {spelled("day.day")} || ', '
                     || {CHANNEL_WORDS} || ': ' || {OUTCOME_WORDS} || '.', ' '
                     ORDER BY i.id) AS words,
                 jsonb_agg(jsonb_build_object(
                     'step', step.position, 'day', day.day, 'act', step.act,
                     'channel', i.channel,
                     'hand', CASE WHEN i.status = 'message' THEN 'system' ELSE 'person' END,
                     'outcome', {OUTCOME_WORDS}) ORDER BY i.id) AS story
            FROM success_intervention i
            JOIN success_playstep step ON step.id = i.step_id
            LEFT JOIN communications_message sent ON sent.id = i.message_id
            CROSS JOIN LATERAL (
                SELECT (CASE WHEN i.status = 'message' THEN sent.finished_at
                        ELSE i.finished_at END AT TIME ZONE %(zone)s)::date AS day) day
           WHERE i.enrolment_id = n.id AND i.status IN ('message', 'done')) past
     WHERE n.version_id = %(version)s AND n.step = %(position)s - 1 AND n.ended_on IS NULL
       AND n.arm = '{Arm.TREATED.value}' AND n.next_on <= %(as_of)s AND {{scope_entries}}
       AND NOT EXISTS (
           SELECT FROM success_intervention other
            WHERE other.play_id = %(play)s AND other.member_id = n.member_id
              AND other.status = 'open' AND other.promise_id IS NOT DISTINCT FROM
                  past.promise_id)
"""
NOTHING_LEFT = f"""
    WITH stuck AS (DELETE FROM fired_play WHERE hand IS NULL RETURNING entry_id)
    UPDATE success_enrolment n
       SET ended_on = %(as_of)s, "end" = '{EnrolmentEnd.DONE.value}', next_on = NULL,
           end_reason = 'Every way has been tried',
           gone_on = CASE WHEN {{is_while}} THEN NULL ELSE %(as_of)s::date END
      FROM stuck WHERE stuck.entry_id = n.id
"""
STEPPED = """
    UPDATE success_enrolment n
       SET step = %(position)s, next_on = NULL
      FROM fired_play d
     WHERE d.entry_id = n.id
"""


def end(
    cursor: Any,
    versions: Sequence[PlayVersion],
    *,
    as_of: date,
    scope: Scope,
    at: datetime,
) -> int:
    """Hand over what was not sent, follow the aims, end entries, close their items.

    Returns how many interventions changed. Idempotent.
    """
    all_of_them = every(versions, as_of=as_of, scope=scope)
    pieces = all_of_them.sql | {"scope_replies": scope.condition("r.member_id")}
    longest = max((version.aim_days for version in versions), default=0)
    values = all_of_them.values | {
        "at": at,
        "needless": list(NEEDLESS),
        "follow_since": date.fromordinal(max(1, as_of.toordinal() - longest)),
        "zone": association_zone(),
    }
    changed = 0
    if versions:
        cursor.execute(HAND_OVER.format(**pieces), values)
        changed += cursor.rowcount
        for statement in (SETTLE, END, FOLLOW, PASSED):
            cursor.execute(statement.format(**pieces), values)
    cursor.execute(SWITCHED_OFF.format(**pieces), values)
    cursor.execute(CLOSE.format(**pieces), values)
    return changed + int(cursor.rowcount)


def advance(
    cursor: Any,
    versions: Sequence[PlayVersion],
    *,
    as_of: date,
    scope: Scope,
    at: datetime,
) -> int:
    """Open the next step where the one before was delivered and its wait is over.

    ``fired_play`` has to be there and empty. Returns how many were opened. Idempotent.
    """
    opened = 0
    cursor.execute(
        COMING.format(scope_entries=scope.condition("n.member_id")),
        scope.parameters | {"as_of": as_of, "versions": [version.pk for version in versions]},
    )
    coming = set(cursor.fetchall())
    for version in versions:
        later = [step for step in version.steps.all() if (version.pk, step.position) in coming]
        if not later:
            continue
        one, ways = compiled(version, as_of=as_of, scope=scope), Ways(version)
        # from the last on, so that nobody takes two steps in a night
        for step in reversed(later):
            opened += _advance(cursor, version, one, ways, position=step.position, at=at)
    return opened


def _advance(  # noqa: PLR0913  # the parts of one step
    cursor: Any,
    version: PlayVersion,
    one: Compiled,
    ways: Ways,
    *,
    position: int,
    at: datetime,
) -> int:
    step = next(each for each in version.steps.all() if each.position == position)
    values = one.values | {
        "position": position,
        "has_step_template": step.template_id is not None,
        "zone": association_zone(),
    }
    cursor.execute(DUE.format(**one.sql), values)
    if not cursor.rowcount:
        return 0
    set_ways(cursor, ways, position=position)
    cursor.execute(NOTHING_LEFT.format(**one.sql), values)
    cursor.execute(ONE_A_NIGHT, values)
    cursor.execute(STEPPED, values)
    return open_step(cursor, version, one, position=position, at=at)


def why_gone_sql(
    version: PlayVersion, *, as_of: date, scope: Scope, entry: int
) -> tuple[str, dict[str, Any]]:
    """Return the statement that says why an entry is to end, and its values."""
    one = every([version], as_of=as_of, scope=scope)
    pieces = one.sql | {"scope_replies": scope.condition("r.member_id")}
    return WHY_GONE.format(**pieces), one.values | {"entry": entry}
