"""Who enters a play, in which arm, and the opening of steps: the first and those after it.

What fires is held in a scratch table before anything is written: rows that a statement inserts
into the table it reads would be walked over again and again.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from communications.enums import MessageChannel, NoticeKind, Purpose
from communications.models import MessageTemplate, Notice
from communications.services.outbox import NewMessage, queue_messages
from config.kernel.clock import association_zone, local_moment
from members.enums import Role
from members.models import User
from members.rollups.scope import Scope
from members.services import audit
from success.engine.play_linting import words_used
from success.enums import Arm, InterventionStatus, QueueClass, StartKind, State
from success.models import Play, PlayStep, PlayVersion
from success.rollups.plays.compiling import Combination, Compiled, Ways
from success.rollups.plays.starting import is_about_promises, is_by_index, spelled

BATCH = 5_000

# What we owe has an item of its own, but for a next goal, which is the item it has. What the
# data say goes by the state, the rest by the play.
QUEUE_CLASS = f"""CASE
    WHEN play.queue_class = {QueueClass.ASSOCIATION_PROMISE_OVERDUE.value}
        THEN play.queue_class
    WHEN f.we_owe_since IS NOT NULL AND play.start ->> 'fact' = 'achieved_on'
        THEN {QueueClass.ASSOCIATION_PROMISE_OVERDUE.value}
    WHEN play.start_kind <> '{StartKind.DATA.value}' OR play.start ->> 'fact' IS NULL
        THEN play.queue_class
    WHEN f.state = '{State.REGRESSING.value}' THEN {QueueClass.REGRESSING.value}
    WHEN f.state = '{State.STALLED.value}' THEN {QueueClass.STALLED.value}
    WHEN f.state = '{State.SLIPPING.value}' THEN {QueueClass.SLIPPING.value}
    ELSE play.queue_class END"""

CREATE_FIRED = """
    CREATE TEMPORARY TABLE fired_play (
        member_id bigint, occurrence text, occurred_on date, fact_id bigint, subject text,
        promise_id bigint, by_message boolean, draw double precision, is_held boolean,
        segment_id bigint, unreachable text, taken text, entry_id bigint, because text,
        story jsonb, channel text, hand text, is_other boolean)
    ON COMMIT DROP
"""
FIRED = (
    "member_id, occurrence, occurred_on, fact_id, subject, promise_id, by_message, draw,"
    " is_held, segment_id, unreachable, taken"
)
DIGITS = "encode(substr(sha256(convert_to(%(salt)s || ':' || {id}, 'UTF8')), 1, 8), 'hex')"
# Both halves are whole numbers below 2^32, so only their sum is rounded, as anywhere else.
DRAW = """(('x' || left({digits}, 8))::bit(32)::bigint::double precision * 4294967296
        + ('x' || right({digits}, 8))::bit(32)::bigint::double precision)
        / 18446744073709551616::double precision"""
IS_HELD = '({digits} COLLATE "C" < %(edge)s::text)'


def draw_sql(member: str) -> tuple[str, str]:
    """Return SQL of a member's number and of whether they are held, by ``engine.draw``."""
    digits = DIGITS.format(id=member)
    return DRAW.format(digits=digits), IS_HELD.format(digits=digits)


# The ways by which a contact cannot be reached: refused by them, or not there.
UNREACHABLE = """(
    SELECT coalesce(string_agg(DISTINCT way.channel, ',' ORDER BY way.channel), '') FROM (
        SELECT jsonb_array_elements_text(wish.refused_channels) AS channel
          FROM communications_preference wish WHERE wish.person_id = {contact}
        UNION ALL
        SELECT 'email' WHERE NOT EXISTS (
            SELECT FROM members_person contact
             WHERE contact.id = {contact} AND contact.email <> '')
        UNION ALL
        SELECT 'portal' WHERE NOT EXISTS (
            SELECT FROM members_user login
             WHERE login.person_id = {contact} AND login.is_active)) way)"""
NUMBER, HELD = draw_sql("fired.member_id")
CANDIDATES = f"""
    SELECT fired.member_id, fired.occurrence, fired.occurred_on, fired.fact_id, fired.subject,
           fired.promise_id,
           fired.prefers_message AND fired.is_live AND %(has_template)s
               AND fired.we_owe_since IS NULL AND fired.blocker <> 'association'
               AND fired.occurred_on >= greatest(%(effective_from)s::date, %(oldest)s::date)
               AND NOT EXISTS (
                   SELECT FROM members_member m
                    WHERE m.id = fired.member_id AND m.quiet_through >= fired.occurred_on)
               AS by_message,
           CASE WHEN %(is_drawn)s THEN {NUMBER} END AS draw,
           %(is_drawn)s AND {HELD} AS is_held,
           fired.segment_id, {UNREACHABLE.format(contact="fired.contact_id")} AS unreachable,
           '' AS taken
      FROM (SELECT f.member_id, f.contact_id, f.we_owe_since, f.blocker, f.segment_id,
                   {{occurrence}} AS occurrence, {{day}} AS occurred_on,
                   {{fact}} AS fact_id, {{subject}} AS subject, {{is_live}} AS is_live,
                   {{promise}}::bigint AS promise_id,
                   coalesce(s.delivery, 'person') = 'message' AS prefers_message
              FROM {{facts}} f
              LEFT JOIN coverage_segment s ON s.id = f.segment_id
              {{source}}
             WHERE {{scope_facts}} AND {{fires}} AND ({{audience}})
               AND ({{aim}}) IS NOT TRUE AND ({{stop}}) IS NOT TRUE
               AND {{is_work}} AND {{unless_inside}}
            OFFSET 0
           ) fired
     WHERE {{unless_before}}
       AND (%(is_owed)s OR NOT EXISTS (
           SELECT FROM communications_preference wish
            WHERE wish.person_id = fired.contact_id AND wish.no_discretionary))
"""
# What stands against another entry: for this night, for one looked back upon, and for nothing
# but what the data say. Apart from each other, and OFFSET 0 between them: an index alone tells
# who is under way, and few are left whose occurrences have to be put into words and compared.
BEFORE = """NOT EXISTS (
           SELECT FROM success_enrolment n
            WHERE n.play_id = %(play)s AND n.member_id = fired.member_id AND {scope_entries}
              AND ({again}) {earlier})"""


def candidates_sql(one: Compiled, *, entries: str = "all") -> str:
    """Return SQL of who would enter; ``entries`` that count against it: all, past or none."""
    sql = one.sql
    before = BEFORE.format(
        **sql, earlier="AND n.entered_on < %(as_of)s" if entries == "past" else ""
    )
    return CANDIDATES.format(
        **sql,
        unless_inside=sql["free"] if entries == "all" else "TRUE",
        unless_before="TRUE" if entries == "none" else before,
    )


FIRE = f"INSERT INTO fired_play ({FIRED}) SELECT candidate.* FROM ({{candidates}}) candidate"
COMBINATIONS = "SELECT DISTINCT segment_id, unreachable, taken FROM fired_play"
BY_WAY = """
    UPDATE fired_play d
       SET channel = way.channel, hand = way.hand, is_other = way.is_other,
           by_message = d.by_message AND way.hand = 'system' AND NOT d.is_held
      FROM jsonb_to_recordset(%(ways)s::jsonb) AS way (
           segment_id bigint, unreachable text, taken text, channel text, hand text,
           is_other boolean)
     WHERE way.segment_id IS NOT DISTINCT FROM d.segment_id
       AND way.unreachable = d.unreachable AND way.taken = d.taken
"""
ONE_A_NIGHT = """
    DELETE FROM fired_play d
     WHERE d.by_message AND EXISTS (
           SELECT FROM success_intervention i
            WHERE i.member_id = d.member_id AND i.opened_on = %(as_of)s
              AND i.message_id IS NOT NULL)
"""
# Of several things that wait for us, the oldest comes first; the others wait for it.
ONE_AT_A_TIME = """
    DELETE FROM fired_play d
     USING (SELECT ctid, row_number() OVER (
                PARTITION BY member_id ORDER BY occurred_on, occurrence) AS place
              FROM fired_play) other
     WHERE other.ctid = d.ctid AND other.place > 1
"""
ENTER = f"""
    INSERT INTO success_enrolment
        (play_id, version_id, member_id, occurrence, occurred_on, entered_on, arm, draw,
         segment_id, state)
    SELECT %(play)s, %(version)s, d.member_id, d.occurrence, d.occurred_on, %(as_of)s,
           CASE WHEN d.is_held THEN '{Arm.HELD.value}' ELSE '{Arm.TREATED.value}' END, d.draw,
           f.segment_id, f.state
      FROM fired_play d
      JOIN success_memberfacts f ON f.member_id = d.member_id
     ORDER BY d.member_id
        ON CONFLICT DO NOTHING
"""
ENTERED = """
    UPDATE fired_play d SET entry_id = n.id
      FROM success_enrolment n
     WHERE n.play_id = %(play)s AND n.member_id = d.member_id AND n.occurrence = d.occurrence
"""
HELD_BACK = "DELETE FROM fired_play WHERE is_held"
DEDUPE_KEY = "('play ' || %(play_key)s || ', member ' || d.member_id || ': ' || d.occurrence)"
DECORATED = """
      FROM fired_play d
      JOIN success_memberfacts f ON f.member_id = d.member_id
      LEFT JOIN success_plan plan ON plan.id = f.plan_id
      LEFT JOIN success_milestone blocking ON blocking.id = f.blocking_id
      LEFT JOIN success_milestone coming ON coming.id = f.next_milestone_id
"""
VARIABLES = {
    "name": "contact.name",
    "member": "m.name",
    "goal": "plan.goal",
    "next": "coming.title",
    "milestone": "blocking.title",
    "day": spelled("d.occurred_on"),
    "days": "%(as_of)s - f.anchor_on",
}
# Those that take some looking up, for templates that name them.
MORE_VARIABLES = {
    "ends": spelled("f.term_ends_on"),
    "reached": """(SELECT string_agg('“' || m.title || '”', ', ' ORDER BY m.position)
        FROM success_milestone m
       WHERE m.plan_id = f.plan_id
         AND coalesce(width_bucket(%(as_of)s::date, m.evidence_dates), 0) %% 2 = 1)""",
}
MESSAGES = f"""
    SELECT d.member_id, f.contact_id, d.channel, {DEDUPE_KEY}, d.occurred_on, {{variables}}
    {DECORATED}
      JOIN members_member m ON m.id = d.member_id
      JOIN members_person contact ON contact.id = f.contact_id
     WHERE d.by_message
     ORDER BY d.member_id
"""
OPEN = f"""
    INSERT INTO success_intervention
        (play_id, enrolment_id, step_id, member_id, channel, occurrence, occurred_on, opened_on,
         why, evidence, status,
         queue_class, term_ends_on, due_on, minutes, owner_id, promise_id, message_id, outcome,
         note)
    SELECT %(play)s, d.entry_id, %(step)s, d.member_id, coalesce(d.channel, ''), d.occurrence,
           d.occurred_on, %(as_of)s, coalesce(d.because, {{why}}),
           jsonb_strip_nulls(jsonb_build_object(
               'day', d.occurred_on, 'state', f.state, 'plan', f.plan_id,
               'milestone', f.blocking_id, 'overdue_since', f.blocked_since,
               'next_milestone', f.next_milestone_id, 'fact', d.fact_id,
               'we_owe_since', f.we_owe_since, 'promise', d.promise_id, 'story', d.story,
               'hand', CASE WHEN d.is_other THEN 'other' END)),
           CASE WHEN d.by_message THEN '{InterventionStatus.MESSAGE.value}'
                ELSE '{InterventionStatus.OPEN.value}' END,
           {QUEUE_CLASS}, f.term_ends_on, %(due_on)s, %(minutes)s,
           CASE WHEN d.is_other THEN NULL ELSE coalesce(promised.owner_id, f.owner_id) END,
           d.promise_id, sent.id, '', ''
    {DECORATED}
      JOIN success_playversion play ON play.id = %(version)s
      LEFT JOIN success_accountability promised ON promised.id = d.promise_id
      LEFT JOIN communications_message sent
        ON d.by_message AND sent.dedupe_key = {DEDUPE_KEY}
     WHERE d.entry_id IS NOT NULL AND (NOT d.by_message OR sent.id IS NOT NULL)
     ORDER BY d.member_id
        ON CONFLICT DO NOTHING
"""
TONIGHT = """
    SELECT count(*) FROM success_enrolment n
     WHERE n.play_id = %(play)s AND n.ended_on IS NULL AND n.entered_on = %(as_of)s
"""


def enter(
    cursor: Any, version: PlayVersion, one: Compiled, *, scope: Scope, at: datetime
) -> int:
    """Take in whom a play fires for, open its first step for those treated; return rows made.

    ``fired_play`` has to be there and empty. Above its ``most_a_night`` the play takes in
    nobody, is paused, and asks a person. Idempotent.
    """
    # Where little is known of the tables yet, as in a first night, the planner expects few and
    # would walk over all entries once for each that fires. For a few members, or where each of
    # a few has much to be looked up, it is right.
    by_hash = not scope.is_few and scope.among is None and not is_by_index(version)
    if by_hash:
        cursor.execute("SET LOCAL enable_nestloop = off")
    cursor.execute(FIRE.format(candidates=candidates_sql(one)), one.values)
    fired: int = cursor.rowcount
    if by_hash:
        cursor.execute("SET LOCAL enable_nestloop = on")
    if not fired:
        return 0
    if _is_too_much(cursor, version, one, fired=fired, at=at):
        cursor.execute("TRUNCATE fired_play")
        return 0
    set_ways(cursor, Ways(version), position=1)
    cursor.execute(ONE_A_NIGHT, one.values)
    if not is_about_promises(version):
        cursor.execute(ONE_AT_A_TIME)
    cursor.execute(ENTER, one.values)
    cursor.execute(ENTERED, one.values)
    cursor.execute(HELD_BACK)
    held: int = cursor.rowcount
    return held + open_step(cursor, version, one, position=1, at=at)


def set_ways(cursor: Any, ways: Ways, *, position: int) -> None:
    """Say of each that fired by which channel and hand the step is done.

    Those for whom it would be a third try keep no hand.
    """
    cursor.execute(COMBINATIONS)
    found = [Combination(segment_id=s, unreachable=u, taken=t) for s, u, t in cursor.fetchall()]
    rows = [
        {
            "segment_id": each.segment_id,
            "unreachable": each.unreachable,
            "taken": each.taken,
            "channel": way.channel,
            "hand": way.hand,
            "is_other": way.is_other,
        }
        for each in found
        if (way := ways.of(position, each)) is not None
    ]
    cursor.execute(BY_WAY, {"ways": json.dumps(rows)})


def open_step(
    cursor: Any, version: PlayVersion, one: Compiled, *, position: int, at: datetime
) -> int:
    """Open a step for those in ``fired_play``, empty it, and return how many were opened."""
    step = next(each for each in version.steps.all() if each.position == position)
    values = one.values | {
        "step": step.pk,
        "minutes": step.minutes,
        "due_on": one.values["as_of"] + timedelta(days=step.due_days),
    }
    for batch in _messages(cursor, version, step, values, at=at):
        queue_messages(batch)
    cursor.execute(OPEN.format(**one.sql), values)
    opened: int = cursor.rowcount
    cursor.execute("TRUNCATE fired_play")
    return opened


def _messages(
    cursor: Any,
    version: PlayVersion,
    step: PlayStep,
    values: Mapping[str, Any],
    *,
    at: datetime,
) -> Iterator[list[NewMessage]]:
    """Yield, in batches, the messages among what has fired."""
    template = step.template
    if template is None:
        return
    asked = names_used(template)
    named = VARIABLES | {name: value for name, value in MORE_VARIABLES.items() if name in asked}
    cursor.execute(MESSAGES.format(variables=", ".join(named.values())), values)
    rows = cursor.fetchall()
    # a later step is late from its own day on
    is_first = step.position == 1
    for first in range(0, len(rows), BATCH):
        yield [
            NewMessage(
                member_id=member_id,
                person_id=person_id,
                template_key=template.key,
                variables=dict(zip(named, said, strict=True)),
                purpose=Purpose(template.purpose),
                dedupe_key=dedupe_key,
                due_at=at,
                not_after=local_moment(
                    (occurred_on if is_first else values["as_of"])
                    + timedelta(days=version.too_late_days + 1),
                    time(0),
                    zone=association_zone(),
                ),
                channel=MessageChannel(channel),
            )
            for member_id, person_id, channel, dedupe_key, occurred_on, *said in rows[
                first : first + BATCH
            ]
        ]


def names_used(template: MessageTemplate) -> frozenset[str]:
    """Return the gaps of a template, in whichever of its words for sorts of reader they are."""
    texts = [template.subject, template.body]
    for variant in template.variants.all():
        texts += [variant.subject, variant.body]
    return words_used(*texts)


def _is_too_much(
    cursor: Any, version: PlayVersion, one: Compiled, *, fired: int, at: datetime
) -> bool:
    """Stop a play that would take in far more than on other nights, and ask a person."""
    if version.most_a_night is None:
        return False
    cursor.execute(TONIGHT, one.values)
    entering = fired + int(cursor.fetchone()[0])
    if entering <= version.most_a_night:
        return False
    because = (
        f"On {one.values['as_of']} it would have taken in {entering:,} members;"
        f" more than {version.most_a_night:,} in a night is for a person to decide."
    )
    Play.objects.filter(pk=version.play_id).update(is_active=False, paused_because=because)
    audit.record(
        verb="play.paused",
        subject=version.play,
        member_id=None,
        summary=because,
        by=None,
        at=at,
    )
    Notice.objects.bulk_create(
        (
            Notice(
                user=user,
                kind=NoticeKind.SYSTEM,
                title=f"“{version.play.title}” has stopped by itself",
                body=because,
                # by the key by which the minute's look at the plays would tell of it
                dedupe_key=f"paused {version.play.key}: {because}",
                at=at,
            )
            for user in User.objects.filter(
                role__in=(Role.OPERATIONS, Role.DIRECTOR), is_active=True
            )
        ),
        ignore_conflicts=True,
    )
    return True
