"""Which plays fire for whom, as of a night: a statement a play, over the rows of MemberFacts.

A play fires once an occurrence of what starts it. The anti-join finds what is new, the unique
constraints decide. What fires is held in a scratch table before anything is written: rows that
a statement inserts into the table it reads would be walked over again and again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Prefetch, QuerySet

from communications.enums import Purpose
from communications.services.outbox import NewMessage, queue_messages
from config.kernel.clock import association_zone, local_moment
from config.kernel.conditions import BadCondition, Kind, compile_sql, parse
from members.rollups.scope import Scope, Written, named
from success.engine.facts import FACTS
from success.enums import (
    InterventionStatus,
    QueueClass,
    Standing,
    StartKind,
    State,
    VersionStatus,
)
from success.models import PlayStep, PlayVersion
from success.rollups.asks import NOT_OWNED, STATE_ALLOWS, eligible_sql

BATCH = 5_000
MEMBER_STANDINGS = (Standing.IN_FORCE.value, Standing.IN_GRACE.value)
WHY = {
    StartKind.TIMED: "{offset} days after {began}: {day}.",
    StartKind.DATA: "Behind since {day}: {milestone} was expected on {expected}.",
    StartKind.TRIGGER: "On {day}: {subject}.",
}


@transaction.atomic
def refresh(*, as_of: date, scope: Scope, at: datetime) -> Written:
    """Open, bring up to date and close what the plays in use say as of a night.

    First, a message that was not sent becomes a person's item; open items whose reason is gone
    are closed, with the reason; the others take over class, owner and term end. Then each play
    opens one intervention per member and occurrence. It is a message where the member's segment
    prefers one, the occurrence is live, not before ``effective_from``, after the last import
    and not too late, the contact has an address, no promise of ours is late and no other
    message was queued that night (else it waits for the next one). Otherwise it is an item for
    the owner or the pool, save that members of message segments get nothing for what happened
    before ``effective_from``. Rows in are those of MemberFacts, rows out interventions. The
    same night again writes nothing (DOMAIN 2.10). Raises ``BadCondition``.
    """
    written = close_gone(as_of=as_of, scope=scope, at=at)
    with connection.cursor() as cursor:
        within = scope.condition("i.member_id")
        cursor.execute(UPDATE_OPEN.format(scope=within), scope.parameters | {"at": at})
        written += cursor.rowcount
        cursor.execute(CREATE_FIRED)
        fired = 0
        for version in _in_use(as_of=as_of):
            firing = _firing(version, as_of=as_of, scope=scope)
            if fired:
                cursor.execute("TRUNCATE fired_play")
            # Where little is known of the tables yet, as in a first night, the planner expects
            # few and would walk over all open items once for each that fires. For one member,
            # or where each of a few has much to be looked up, it is right.
            by_hash = scope.first != scope.last and not _is_by_index(version)
            if by_hash:
                cursor.execute("SET LOCAL enable_nestloop = off")
            cursor.execute(FIRE.format(**firing.sql), firing.parameters)
            fired = cursor.rowcount
            if by_hash:
                cursor.execute("SET LOCAL enable_nestloop = on")
            if not fired:
                continue
            cursor.execute(ENTER, firing.parameters)
            for batch in _messages(cursor, version, firing.parameters, at=at):
                queue_messages(batch)
            cursor.execute(OPEN.format(**firing.sql), firing.parameters)
            written += cursor.rowcount
        cursor.execute("DROP TABLE fired_play")
        within = scope.condition("f.member_id")
        cursor.execute(
            f"SELECT count(*) FROM success_memberfacts f WHERE {within}", scope.parameters
        )
        read: int = cursor.fetchone()[0]
    return Written(rows_in=read, rows_out=written)


@transaction.atomic
def close_gone(*, as_of: date, scope: Scope, at: datetime) -> int:
    """Close open items whose reason is gone, and return how many rows changed.

    Before that, messages that were not sent are handed to a person. An item that somebody is
    working on stays until they let go. Each closing is an event with its reason in plain words.
    Idempotent (DOMAIN 2.10, stop on success).
    """
    versions = list(_in_use(as_of=as_of))
    if not versions:
        return 0
    every = _every(versions, as_of=as_of, scope=scope)
    parameters = every.parameters | {"at": at}
    with connection.cursor() as cursor:
        cursor.execute(HAND_OVER.format(**every.sql), parameters)
        changed: int = cursor.rowcount
        cursor.execute(CLOSE.format(**every.sql), parameters)
        return changed + int(cursor.rowcount)


def why_gone(
    *, intervention_id: int, version: PlayVersion, member_id: int, as_of: date
) -> str | None:
    """Return in words why an intervention's reason no longer holds; None while it does."""
    scope = Scope(first=member_id, last=member_id)
    every = _every([version], as_of=as_of, scope=scope)
    with connection.cursor() as cursor:
        cursor.execute(
            WHY_GONE.format(**every.sql), every.parameters | {"intervention": intervention_id}
        )
        row = cursor.fetchone()
    return None if row is None else str(row[0])


def would_open(*, as_of: date, scope: Scope) -> dict[str, dict[str, int]]:
    """Return, by play, how many messages and items the night of ``as_of`` would have opened.

    Writes nothing. Interventions that an earlier night opened are not counted again, and a
    play that was not yet in effect counts as if it had come into effect in time to send what
    was not too late that night. Reads whatever stands as MemberFacts.
    """
    counted: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        for version in _published():
            since = min(version.effective_from, as_of - timedelta(days=version.too_late_days))
            firing = _firing(version, as_of=as_of, scope=scope, effective_from=since)
            cursor.execute(WOULD_OPEN.format(**firing.sql), firing.parameters)
            messages, items = cursor.fetchone()
            counted[version.play.key] = {"messages": messages, "items": items}
    return counted


@dataclass(frozen=True, kw_only=True)
class _Firing:
    """A play compiled for a night: pieces of SQL, and the values of their names."""

    sql: dict[str, str]
    parameters: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Happening:
    """Rows of ours that each start a play: what waits for us, or may be done now.

    ``rows`` is a statement with a scope on ``p.member_id`` that yields member_id, id, name,
    title and since; ``f`` is MemberFacts and ``i`` the intervention. ``by_index`` are few rows
    with much to look up for each.
    """

    rows: str
    gone: str
    fires: str = "TRUE"
    promise: str = "NULL::bigint"
    by_index: bool = False


def _published() -> QuerySet[PlayVersion]:
    """What plays that are switched on do, the most pressing first: its message goes first."""
    return (
        PlayVersion.objects.filter(status=VersionStatus.PUBLISHED, play__is_active=True)
        .select_related("play")
        .prefetch_related(
            Prefetch("steps", PlayStep.objects.select_related("template").order_by("position"))
        )
        .order_by("queue_class", "play_id")
    )


def _in_use(*, as_of: date) -> QuerySet[PlayVersion]:
    return _published().filter(effective_from__lte=as_of)


def _firing(
    version: PlayVersion, *, as_of: date, scope: Scope, effective_from: date | None = None
) -> _Firing:
    first = version.steps.all()[0]
    audience, asked = named(
        *compile_sql(parse(version.audience, registry=FACTS), as_of=as_of), prefix="audience"
    )
    since = effective_from or version.effective_from
    start = _start(version, scope=scope)
    parameters: dict[str, Any] = {
        "as_of": as_of,
        "play": version.play_id,
        "version": version.pk,
        "step": first.pk,
        "ended": version.start.get("ended"),
        "replaced": version.start.get("replaced", "The plan has been replaced"),
        "play_key": version.play.key,
        "effective_from": since,
        "oldest": as_of - timedelta(days=version.too_late_days),
        "has_template": first.template_id is not None,
        "minutes": first.minutes,
        "due_on": as_of + timedelta(days=first.due_days),
        "why": version.start.get("why", WHY[StartKind(version.start_kind)]),
        "standings": list(MEMBER_STANDINGS),
        "offset": version.start.get("offset_days"),
        "kind": version.start.get("kind"),
        "zone": association_zone(),
        **scope.parameters,
        **asked,
    }
    sql = start | {
        "audience": audience,
        "scope_facts": scope.condition("f.member_id"),
        "scope_items": scope.condition("i.member_id"),
        "why": _why(we_owe=start["we_owe"]),
        "is_work": start["is_work"].format(day=start["day"]),
    }
    for name, (unless_open, earlier) in UNLESS.items():
        sql[name] = CANDIDATES.format(
            **sql, unless_open=unless_open.format(**sql), earlier=earlier
        )
    return _Firing(sql=sql, parameters=parameters)


def _every(versions: Sequence[PlayVersion], *, as_of: date, scope: Scope) -> _Firing:
    """Return what is asked of the items of several plays, each by its own play, in one pass."""
    parameters: dict[str, Any] = {
        "as_of": as_of,
        "plays": [version.play_id for version in versions],
        "standings": list(MEMBER_STANDINGS),
        **scope.parameters,
    }
    stays: list[str] = []
    gone: list[str] = []
    for version in versions:
        firing = _firing(version, as_of=as_of, scope=scope)
        own = f"play_{version.play_id}"
        parameters |= {f"{own}_{name}": value for name, value in firing.parameters.items()}
        pieces = (f"({firing.sql['audience']}) AND {firing.sql['holds']}", firing.sql["gone"])
        for cases, piece in zip((stays, gone), pieces, strict=True):
            # the names of a play's values, apart from those of the others
            renamed = piece.replace("%(", f"%({own}_")
            cases.append(f"WHEN {version.play_id} THEN {renamed}")
    sql = {
        "scope_items": scope.condition("i.member_id"),
        "stays": f"CASE i.play_id {' '.join(stays)} END",
        "gone": f"CASE i.play_id {' '.join(gone)} END",
    }
    return _Firing(sql=sql, parameters=parameters)


def _start(version: PlayVersion, *, scope: Scope) -> dict[str, str]:
    """Return what depends on the kind of start: where it looks, what it calls an occurrence."""
    if (happening := HAPPENINGS.get(str(version.start.get("kind")))) is not None:
        return _of_rows(happening, scope=scope)
    match StartKind(version.start_kind):
        case StartKind.TRIGGER:
            last = bool(version.start.get("last"))
            nobody_left = NOBODY_LEFT.format(scope=scope.condition("v.member_id"))
            return PLAIN | {
                "source": TRIGGER_SOURCE.format(scope=scope.condition("e.member_id")),
                "day": "e.occurred_on",
                "fires": nobody_left if last else "TRUE",
                "occurrence": "('left:' || e.occurred_on)" if last else OF_THAT_KIND,
                "fact": "e.id",
                "subject": "e.subject",
                "is_live": "(e.origin = 'live')",
                "holds": nobody_left if last else "TRUE",
                "gone": "'Somebody is involved again'",
            }
        case StartKind.TIMED:
            column = _date_column(version)
            of_plan = version.start["fact"] == "anchor_on"
            return _dated(
                day=f"({column} + %(offset)s::int)",
                # a day that had passed before the play came into effect is not made up for
                fires=(
                    f"{column} BETWEEN %(effective_from)s::date - %(offset)s::int"
                    f" AND %(as_of)s::date - %(offset)s::int"
                ),
                occurrence=(
                    f"('day-' || %(offset)s::int || ' of plan ' || {FIRST_VERSION})"
                    if of_plan
                    else f"('day-' || %(offset)s::int || ' after ' || {column})"
                ),
                gone=FIRST_VALUE if of_plan else ENDED,
            )
        case _:
            column = _date_column(version)
            return _dated(
                day=column,
                fires=f"{column} <= %(as_of)s::date",
                occurrence=(
                    "('behind on milestone ' || coalesce(f.blocking_id::text, 'unknown')"
                    " || ' since ' || f.behind_since)"
                    if version.start["fact"] == "behind_since"
                    else f"('since ' || {column})"
                ),
                gone=f"CASE WHEN {column} IS NULL THEN 'It is no longer so: the state is ' "
                "ELSE 'They have moved: the state is ' END || replace(f.state, '_', ' ')",
            )


def _is_by_index(version: PlayVersion) -> bool:
    happening = HAPPENINGS.get(str(version.start.get("kind")))
    return happening is not None and happening.by_index


def _of_rows(happening: _Happening, *, scope: Scope) -> dict[str, str]:
    """Return the pieces for what a table of ours says now: each row is an occurrence."""
    rows = happening.rows.format(scope=scope.condition("p.member_id"))
    is_promise = happening.promise != NO_PROMISE
    return PLAIN | {
        "source": f"JOIN ({rows}) e ON e.member_id = f.member_id",
        "day": "e.since",
        "fires": happening.fires,
        "occurrence": OF_A_ROW,
        "subject": "e.title",
        # what waits for us is work whoever it is for, and however old
        "is_work": "TRUE",
        "promise": happening.promise,
        "one_at_a_time": f"AND i.promise_id = {happening.promise}" if is_promise else "",
        "holds": f"EXISTS (SELECT FROM ({rows}) e WHERE e.member_id = i.member_id"
        f" AND i.occurrence = {OF_A_ROW} AND {happening.fires})",
        "gone": happening.gone,
        "we_owe": "NULL" if is_promise else WE_OWE,
    }


def _dated(*, day: str, fires: str, occurrence: str, gone: str) -> dict[str, str]:
    return PLAIN | {
        "source": "",
        "day": day,
        "fires": fires,
        "occurrence": occurrence,
        "holds": f"coalesce(i.occurrence = {occurrence}, FALSE)",
        "gone": f"CASE WHEN {OTHER_PLAN} THEN {REPLACED} ELSE {gone} END",
    }


def _date_column(version: PlayVersion) -> str:
    name = version.start.get("fact")
    fact = FACTS.get(name) if isinstance(name, str) else None
    if fact is None or fact.kind is not Kind.DATE:
        raise BadCondition(
            "start.fact", f"{version.play} starts at a date, which {name!r} is not"
        )
    return fact.column


def _why(*, we_owe: str) -> str:
    """Return SQL that fills the play's own words with the member's dated evidence."""
    text = "%(why)s::text"
    for name, value in WORDS.items():
        text = f"replace({text}, '{{{name}}}', coalesce({value}, 'not known yet'))"
    return f"{text} || coalesce({we_owe}, '')"


def _messages(
    cursor: Any, version: PlayVersion, parameters: dict[str, Any], *, at: datetime
) -> Iterator[list[NewMessage]]:
    """Yield, in batches, the messages among what has fired."""
    template = version.steps.all()[0].template
    if template is None:
        return
    cursor.execute(MESSAGES, parameters)
    rows = cursor.fetchall()
    for first in range(0, len(rows), BATCH):
        yield [
            NewMessage(
                member_id=member_id,
                person_id=person_id,
                template_key=template.key,
                variables=dict(zip(VARIABLES, values, strict=True)),
                purpose=Purpose(template.purpose),
                dedupe_key=dedupe_key,
                due_at=at,
                not_after=local_moment(
                    occurred_on + timedelta(days=version.too_late_days + 1),
                    time(0),
                    zone=association_zone(),
                ),
            )
            for member_id, person_id, dedupe_key, occurred_on, *values in rows[
                first : first + BATCH
            ]
        ]


def _spelled(day: str) -> str:
    return f"to_char({day}, 'FMDD FMMonth YYYY')"


def _quoted(title: str) -> str:
    return f"'“' || {title} || '”'"


WORDS = {
    "day": _spelled("d.occurred_on"),
    "offset": "%(offset)s::text",
    "began": _spelled("f.anchor_on"),
    "joined": _spelled("f.joined_on"),
    "confirmed": _spelled("f.goal_confirmed_on"),
    "milestone": _quoted("blocking.title"),
    "expected": _spelled("f.blocked_since - 1"),
    "next": _quoted("coming.title"),
    "subject": "nullif(d.subject, '')",
    "goal": _quoted("plan.goal"),
}
WE_OWE = (
    f"' We owe them: a promise of ours is late since ' || {_spelled('f.we_owe_since')} || '.'"
)
# What we owe has an item of its own, but for a next goal, which is the item it has. What the
# data say goes by the state, the rest by the play.
QUEUE_CLASS = f"""CASE
    WHEN play.queue_class = {QueueClass.ASSOCIATION_PROMISE_OVERDUE.value}
        THEN play.queue_class
    WHEN f.we_owe_since IS NOT NULL AND play.start ->> 'fact' = 'achieved_on'
        THEN {QueueClass.ASSOCIATION_PROMISE_OVERDUE.value}
    WHEN play.start_kind <> '{StartKind.DATA.value}' THEN play.queue_class
    WHEN f.state = '{State.REGRESSING.value}' THEN {QueueClass.REGRESSING.value}
    WHEN f.state = '{State.STALLED.value}' THEN {QueueClass.STALLED.value}
    WHEN f.state = '{State.SLIPPING.value}' THEN {QueueClass.SLIPPING.value}
    ELSE play.queue_class END"""
# Pieces that only some kinds of start have something to say to.
NO_PROMISE = "NULL::bigint"
PLAIN: dict[str, str] = {
    "fact": "NULL::bigint",
    "subject": "NULL::text",
    "is_live": "TRUE",
    "is_work": "({day} >= %(effective_from)s OR coalesce(s.delivery, 'person') = 'person')",
    "promise": NO_PROMISE,
    "one_at_a_time": "",
    "we_owe": WE_OWE,
}
OTHER_PLAN = "(i.evidence ->> 'plan')::bigint IS DISTINCT FROM f.plan_id"
REPLACED = """CASE WHEN i.evidence ->> 'plan' IS NULL THEN 'A plan was agreed'
    ELSE %(replaced)s::text END"""
ENDED = "coalesce(%(ended)s::text, 'It no longer applies')"
# A plan that is re-planned keeps its days, and what was said on one is not said again.
FIRST_VERSION = """coalesce(
    (SELECT chain.baseline_id FROM success_plan chain WHERE chain.id = f.plan_id), f.plan_id)"""
FIRST_VALUE = f"""CASE WHEN f.first_value_on IS NOT NULL
    THEN 'First value was reached on ' || {_spelled("f.first_value_on")}
    ELSE 'It no longer applies' END"""
# Closed because something stood against it, it opens again once that is gone; done is done.
OF_A_ROW = """(e.name || coalesce((
        SELECT ', again ' || count(*)
          FROM success_intervention past
         WHERE past.play_id = %(play)s AND past.member_id = e.member_id
           AND past.status = 'closed'
           AND (past.occurrence = e.name OR starts_with(past.occurrence, e.name || ', again '))
        HAVING count(*) > 0), ''))"""
OF_THAT_KIND = "(e.kind || ':' || e.occurred_on)"
# The newest such fact of each member: where nobody is left now, it is the one that did it.
TRIGGER_SOURCE = """
    JOIN (SELECT DISTINCT ON (e.member_id)
                 e.member_id, e.id, e.kind, e.subject, e.origin, e.occurred_on
            FROM engagement_fact e
           WHERE e.kind = %(kind)s
             AND e.occurred_on BETWEEN %(effective_from)s AND %(as_of)s AND {scope}
           ORDER BY e.member_id, e.occurred_on DESC, e.id DESC
         ) e ON e.member_id = f.member_id"""
NOBODY_LEFT = """NOT EXISTS (
        SELECT FROM engagement_involvement v
         WHERE v.member_id = f.member_id AND v.area = split_part(%(kind)s, '.', 1) AND {scope}
           AND v.starts_on <= %(as_of)s AND (v.ends_on IS NULL OR v.ends_on > %(as_of)s))"""

# Late promises of ours, whoever's they are; an obligation goes with the play of its own.
LATE_PROMISES = """
    SELECT p.member_id, a.id, a.title, a.due_on AS since,
           'promise ' || a.id || ' due ' || a.due_on || coalesce((
               SELECT ', reopened ' || count(*) FROM success_accountabilityevent step
                WHERE step.accountability_id = a.id AND step.verb = 'reopened'
               HAVING count(*) > 0), '') AS name
      FROM success_accountability a
      JOIN success_plan p ON p.id = a.plan_id
     WHERE {scope} AND a.side = 'association' AND a.obligation = '' AND a.due_on < %(as_of)s
       AND (a.done_on IS NULL OR a.done_on > %(as_of)s)
       AND (a.waived_on IS NULL OR a.waived_on > %(as_of)s)
       AND p.counts_from <= %(as_of)s AND (p.closed_on IS NULL OR p.closed_on > %(as_of)s)"""
# What members told us and we have not answered; where one side's word suffices none is due.
UNANSWERED = """
    SELECT p.member_id, d.id, 'they have reached “' || m.title || '”' AS title,
           (d.at AT TIME ZONE %(zone)s)::date AS since, 'declaration ' || d.id AS name
      FROM success_declaration d
      JOIN success_milestone m ON m.id = d.milestone_id
      JOIN success_plan p ON p.id = m.plan_id
      LEFT JOIN members_user teller ON teller.id = d.by_id
     WHERE {scope} AND d.status = 'waiting' AND m.evidence_kind <> 'declared'
       AND coalesce(teller.role, 'member') = 'member'
       AND (d.at AT TIME ZONE %(zone)s)::date <= %(as_of)s
     UNION ALL
    SELECT p.member_id, p.id, 'their goal has changed', (p.at AT TIME ZONE %(zone)s)::date,
           'goal change ' || p.id
      FROM success_goalchange p
      LEFT JOIN members_user teller ON teller.id = p.by_id
     WHERE {scope} AND p.status = 'waiting' AND coalesce(teller.role, 'member') = 'member'
       AND (p.at AT TIME ZONE %(zone)s)::date <= %(as_of)s"""
HAPPENINGS = {
    "promise.late": _Happening(
        rows=LATE_PROMISES,
        promise="e.id",
        gone=f"""coalesce((SELECT CASE
                WHEN a.done_on IS NOT NULL THEN 'It was done on ' || {_spelled("a.done_on")}
                WHEN a.waived_on IS NOT NULL
                    THEN 'It was waived on ' || {_spelled("a.waived_on")}
                ELSE 'It is not late any more' END
            FROM success_accountability a WHERE a.id = i.promise_id), 'It is gone')""",
    ),
    "answer.waiting": _Happening(rows=UNANSWERED, gone="'It has been answered'"),
    "ask.eligible": _Happening(
        rows=eligible_sql(scope="{scope}"),
        fires=f"{STATE_ALLOWS} AND {NOT_OWNED}",
        gone="'It was asked, or may not be asked now'",
        by_index=True,
    ),
}

CREATE_FIRED = """
    CREATE TEMPORARY TABLE fired_play (
        member_id bigint, occurrence text, occurred_on date, fact_id bigint, subject text,
        promise_id bigint, by_message boolean)
    ON COMMIT DROP
"""
CANDIDATES = """
    SELECT fired.member_id, fired.occurrence, fired.occurred_on, fired.fact_id, fired.subject,
           fired.promise_id,
           fired.prefers_message AND fired.is_live AND %(has_template)s
               AND fired.we_owe_since IS NULL AND fired.blocker <> 'association'
               AND fired.occurred_on >= greatest(%(effective_from)s::date, %(oldest)s::date)
               AND NOT EXISTS (
                   SELECT FROM members_member m
                    WHERE m.id = fired.member_id AND m.quiet_through >= fired.occurred_on)
               AND EXISTS (
                   SELECT FROM members_person contact
                    WHERE contact.id = fired.contact_id AND contact.email <> '') AS by_message
      FROM (SELECT f.member_id, f.contact_id, f.we_owe_since, f.blocker,
                   {occurrence} AS occurrence, {day} AS occurred_on,
                   {fact} AS fact_id, {subject} AS subject, {is_live} AS is_live,
                   {promise}::bigint AS promise_id,
                   coalesce(s.delivery, 'person') = 'message' AS prefers_message
              FROM success_memberfacts f
              LEFT JOIN coverage_segment s ON s.id = f.segment_id
              {source}
             WHERE {scope_facts} AND {fires} AND ({audience})
               AND {is_work}
               {unless_open}
            OFFSET 0
           ) fired
     WHERE NOT EXISTS (
           SELECT FROM success_intervention i
            WHERE i.play_id = %(play)s AND i.member_id = fired.member_id AND {scope_items}
              AND i.occurrence = fired.occurrence {earlier})
"""
# What stands against opening another: for this night, and for one looked back upon. Apart from
# each other, and OFFSET 0 between them: an index alone tells who has an open item, and few are
# left whose occurrences have to be put into words and compared.
NO_OPEN_ITEM = """AND NOT EXISTS (
                   SELECT FROM success_intervention i
                    WHERE i.play_id = %(play)s AND i.member_id = f.member_id
                      AND {scope_items} AND i.status = 'open' {one_at_a_time})"""
UNLESS = {
    "candidates": (NO_OPEN_ITEM, ""),
    "past_candidates": ("", "AND i.opened_on < %(as_of)s"),
}
FIRE = """
    INSERT INTO fired_play
    SELECT candidate.* FROM ({candidates}) candidate
     WHERE NOT (candidate.by_message AND EXISTS (
           SELECT FROM success_intervention i
            WHERE i.member_id = candidate.member_id AND i.opened_on = %(as_of)s
              AND i.message_id IS NOT NULL))
"""
WOULD_OPEN = """
    SELECT count(*) FILTER (WHERE by_message), count(*) FILTER (WHERE NOT by_message)
      FROM ({past_candidates}) candidate
"""
DEDUPE_KEY = "('play ' || %(play_key)s || ', member ' || d.member_id || ': ' || d.occurrence)"
ENTER = """
    INSERT INTO success_enrolment
        (play_id, version_id, member_id, occurrence, occurred_on, entered_on, segment_id, state)
    SELECT %(play)s, %(version)s, d.member_id, d.occurrence, d.occurred_on, %(as_of)s,
           f.segment_id, f.state
      FROM fired_play d
      JOIN success_memberfacts f ON f.member_id = d.member_id
     ORDER BY d.member_id
        ON CONFLICT DO NOTHING
"""
DECORATED = """
      FROM fired_play d
      JOIN success_memberfacts f ON f.member_id = d.member_id
      LEFT JOIN success_plan plan ON plan.id = f.plan_id
      LEFT JOIN success_milestone blocking ON blocking.id = f.blocking_id
      LEFT JOIN success_milestone coming ON coming.id = f.next_milestone_id
"""
VARIABLES = ("name", "member", "goal", "next", "milestone", "day", "days")
MESSAGES = f"""
    SELECT d.member_id, f.contact_id, {DEDUPE_KEY}, d.occurred_on,
           contact.name, m.name, plan.goal, coming.title, blocking.title,
           {_spelled("d.occurred_on")}, %(as_of)s - f.anchor_on
    {DECORATED}
      JOIN members_member m ON m.id = d.member_id
      JOIN members_person contact ON contact.id = f.contact_id
     WHERE d.by_message
     ORDER BY d.member_id
"""
OPEN = f"""
    INSERT INTO success_intervention
        (play_id, enrolment_id, step_id, member_id, occurrence, occurred_on, opened_on, why,
         evidence, status,
         queue_class, term_ends_on, due_on, minutes, owner_id, promise_id, message_id, outcome,
         note)
    SELECT %(play)s, entry.id, %(step)s, d.member_id, d.occurrence, d.occurred_on, %(as_of)s,
           {{why}},
           jsonb_strip_nulls(jsonb_build_object(
               'day', d.occurred_on, 'state', f.state, 'plan', f.plan_id,
               'milestone', f.blocking_id, 'overdue_since', f.blocked_since,
               'next_milestone', f.next_milestone_id, 'fact', d.fact_id,
               'we_owe_since', f.we_owe_since, 'promise', d.promise_id)),
           CASE WHEN d.by_message THEN '{InterventionStatus.MESSAGE.value}'
                ELSE '{InterventionStatus.OPEN.value}' END,
           {QUEUE_CLASS}, f.term_ends_on, %(due_on)s, %(minutes)s,
           coalesce(promised.owner_id, f.owner_id), d.promise_id, sent.id, '', ''
    {DECORATED}
      JOIN success_enrolment entry
        ON entry.play_id = %(play)s AND entry.member_id = d.member_id
       AND entry.occurrence = d.occurrence
      JOIN success_playversion play ON play.id = %(version)s
      LEFT JOIN success_accountability promised ON promised.id = d.promise_id
      LEFT JOIN communications_message sent
        ON d.by_message AND sent.dedupe_key = {DEDUPE_KEY}
     WHERE NOT d.by_message OR sent.id IS NOT NULL
     ORDER BY d.member_id
        ON CONFLICT DO NOTHING
"""
# A promise is its own owner's, an item without one the member's, and what a person gave to
# somebody is theirs for as long as they are here.
OWNER = """CASE WHEN i.claimed_until > %(at)s THEN i.owner_id
    WHEN i.evidence -> 'given' IS NOT NULL AND (i.owner_id IS NULL OR EXISTS (
        SELECT FROM members_user u WHERE u.id = i.owner_id AND u.is_active)) THEN i.owner_id
    WHEN i.promise_id IS NULL THEN f.owner_id
    ELSE coalesce((SELECT a.owner_id FROM success_accountability a WHERE a.id = i.promise_id),
                  f.owner_id) END"""
UPDATE_OPEN = f"""
    UPDATE success_intervention i
       SET queue_class = {QUEUE_CLASS}, term_ends_on = f.term_ends_on, owner_id = {OWNER}
      FROM success_memberfacts f, success_playstep step, success_playversion play
     WHERE f.member_id = i.member_id AND step.id = i.step_id AND play.id = step.version_id
       AND i.status = 'open' AND {{scope}}
       AND (i.queue_class, i.term_ends_on, i.owner_id)
           IS DISTINCT FROM ({QUEUE_CLASS}, f.term_ends_on, {OWNER})
"""
HAND_OVER = """
    WITH unsent AS (
        SELECT DISTINCT ON (i.play_id, i.member_id) i.id, sent.outcome, step.due_days
          FROM success_intervention i
          JOIN success_playstep step ON step.id = i.step_id
          JOIN communications_message sent ON sent.id = i.message_id
         WHERE i.play_id = ANY (%(plays)s) AND i.status = 'message'
           AND sent.status = 'suppressed' AND {scope_items}
           AND NOT EXISTS (
               SELECT FROM success_intervention other
                WHERE other.play_id = i.play_id AND other.member_id = i.member_id
                  AND other.status = 'open')
         ORDER BY i.play_id, i.member_id, i.occurred_on DESC, i.id DESC
    ), handed AS (
        UPDATE success_intervention i
           SET status = 'open', due_on = %(as_of)s + unsent.due_days,
               why = i.why || ' The message was not sent: ' || unsent.outcome || '.'
          FROM unsent
         WHERE unsent.id = i.id
        RETURNING i.id, unsent.outcome
    )
    INSERT INTO success_interventionevent (intervention_id, verb, at, note, before)
    SELECT id, 'opened', %(at)s, outcome, '{{}}' FROM handed
"""
GONE = """
        SELECT i.id,
               CASE WHEN f.member_id IS NULL THEN 'Nothing is known of this member any more'
                    WHEN f.standing <> ALL (%(standings)s) THEN 'The membership is not in force'
                    ELSE {gone} END AS reason
          FROM success_intervention i
          LEFT JOIN success_memberfacts f ON f.member_id = i.member_id
          LEFT JOIN coverage_segment s ON s.id = f.segment_id
         WHERE i.play_id = ANY (%(plays)s) AND {scope_items} AND NOT ({stays})
"""
WHY_GONE = f"SELECT reason FROM ({GONE}) gone WHERE gone.id = %(intervention)s"
CLOSE = f"""
    WITH gone AS MATERIALIZED ({GONE}
           AND i.status = 'open' AND (i.claimed_until IS NULL OR i.claimed_until <= %(at)s)
    ), closed AS (
        UPDATE success_intervention i
           SET status = '{InterventionStatus.CLOSED.value}', finished_at = %(at)s,
               claimed_by_id = NULL, claimed_until = NULL, snoozed_until = NULL
          FROM gone
         WHERE gone.id = i.id
        RETURNING i.id, gone.reason
    )
    INSERT INTO success_interventionevent (intervention_id, verb, at, note, before)
    SELECT id, 'closed', %(at)s, reason, '{{{{}}}}' FROM closed
"""
