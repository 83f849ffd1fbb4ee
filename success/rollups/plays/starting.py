"""What starts a play for a member: pieces of SQL by the kind of start.

In them ``f`` is MemberFacts, ``s`` the coverage segment, ``e`` what happened, ``n`` the entry
of a member and ``i`` the first item of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from config.kernel.conditions import (
    BadCondition,
    Fact,
    Kind,
    Turn,
    compile_sql,
    in_words,
    parse,
)
from members.rollups.scope import Scope, named
from success.engine.facts import FACTS
from success.engine.spreading import MONTHS, begin_of, working_days
from success.enums import StartKind
from success.models import PlayVersion
from success.rollups.asks import NOT_OWNED, STATE_ALLOWS, eligible_sql

DATES = {fact.name: fact for fact in FACTS if fact.kind is Kind.DATE}
PERIOD_BEGAN = {
    "month": gettext_noop("A month began on {period}."),
    "quarter": gettext_noop("A quarter began on {period}."),
}


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Rows of ours that each start a play: what waits for us, or may be done now.

    ``rows`` is a statement with a scope on ``p.member_id`` that yields member_id, id, name,
    title and since; ``f`` is MemberFacts and ``i`` the intervention. ``by_index`` are few rows
    with much to look up for each. ``moved`` says of MemberFacts that were written since
    ``%(last)s`` whether the calendar has brought rows or taken some; without it, whoever has
    such rows is looked at in every night. Of what is recorded the dirty set tells.
    """

    rows: str
    gone: str
    fires: str = "TRUE"
    promise: str = "NULL::bigint"
    by_index: bool = False
    moved: str | None = None


def start_of(
    version: PlayVersion, *, as_of: date, scope: Scope
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return where a start looks and what it calls an occurrence, and the values it names.

    Raises ``BadCondition`` for a start that is none.
    """
    start: Mapping[str, Any] = version.start
    values: dict[str, Any] = {
        "offset": start.get("offset_days"),
        "kind": start.get("kind"),
        "ended": start.get("ended"),
        "replaced": start.get("replaced", "The plan has been replaced"),
        "why": start.get("why") or _why(version),
        "period_on": None,
        "days": [],
        "place_salt": f"{version.play.key}:day",
    }
    if (happening := HAPPENINGS.get(str(start.get("kind")))) is not None:
        return _of_rows(happening, scope=scope), values
    if "every" in start:
        period_on = _period(str(start["every"]), as_of=as_of)
        days = list(working_days(period_on, count=int(start.get("over_days") or 1)))
        pieces = _periodic(str(start["every"]), days=days, as_of=as_of)
        return pieces, values | {"period_on": period_on, "days": days}
    if "while" in start:
        holds, asked = named(
            *compile_sql(parse(start["while"], registry=FACTS), as_of=as_of), prefix="while"
        )
        return _while(holds), values | asked
    match StartKind(version.start_kind):
        case StartKind.TRIGGER:
            return _trigger(last=bool(start.get("last")), scope=scope), values
        case StartKind.TIMED:
            return _timed(version), values
        case _:
            return _data(version), values


def turns_of(version: PlayVersion, *, after: date, as_of: date) -> Iterator[Turn]:
    """Yield the dates for which the calendar starts a play between two days.

    Of a period or a condition it says nothing. Raises ``BadCondition``.
    """
    start: Mapping[str, Any] = version.start
    if start.get("kind") in HAPPENINGS or "every" in start:
        return
    if "while" not in start and version.start_kind != StartKind.TRIGGER and after < as_of:
        is_timed = version.start_kind == StartKind.TIMED
        offset = timedelta(days=int(start["offset_days"]) if is_timed else 0)
        first = after - offset + timedelta(days=1)
        yield Turn(_date_column(version), first, as_of - offset)


def _why(version: PlayVersion) -> str:
    """Return what an item says where the play has no words of its own: its start, the day."""
    start: Mapping[str, Any] = version.start
    if "while" in start:
        asked = in_words(parse(start["while"], registry=FACTS))
        return _("Since {day}: %(condition)s.") % {"condition": asked}
    if (began := PERIOD_BEGAN.get(str(start.get("every")))) is not None:
        return _(began)
    kind, name = StartKind(version.start_kind), str(start.get("fact"))
    if kind is StartKind.TRIGGER or name not in DATES:
        return _("On {day}: {subject}.")
    if kind is StartKind.DATA and name == "behind_since":
        return _("Behind since {day}: {milestone} was expected on {expected}.")
    days = int(start.get("offset_days") or 0) if kind is StartKind.TIMED else 0
    return _why_of_a_date(DATES[name], days=days)


def _why_of_a_date(fact: Fact, *, days: int) -> str:
    if days == 0:
        return _("“%(fact)s”: {day}.") % {"fact": fact.title}
    if days > 0 and fact.name == "anchor_on":
        return ngettext(
            "{offset} day after {began}: {day}.", "{offset} days after {began}: {day}.", days
        )
    said = (
        ngettext(
            "%(count)s day after “%(fact)s”: {day}.",
            "%(count)s days after “%(fact)s”: {day}.",
            days,
        )
        if days > 0
        else ngettext(
            "%(count)s day before “%(fact)s”: {day}.",
            "%(count)s days before “%(fact)s”: {day}.",
            -days,
        )
    )
    return said % {"count": abs(days), "fact": fact.title}


def is_by_index(version: PlayVersion) -> bool:
    """Say whether few rows start the play, with much to look up for each."""
    happening = HAPPENINGS.get(str(version.start.get("kind")))
    return happening is not None and happening.by_index


def is_about_promises(version: PlayVersion) -> bool:
    """Say whether each item is about a promise of ours, which is withheld from nobody."""
    happening = HAPPENINGS.get(str(version.start.get("kind")))
    return happening is not None and happening.promise != NO_PROMISE


def _of_rows(happening: Happening, *, scope: Scope) -> dict[str, str]:
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
        "free": ONE_A_PROMISE.format(promise=happening.promise) if is_promise else NOT_IN_IT,
        "holds": f"EXISTS (SELECT FROM ({rows}) e WHERE e.member_id = n.member_id"
        f" AND n.occurrence = {OF_A_ROW} AND {happening.fires})",
        "gone": happening.gone,
        "we_owe": "NULL" if is_promise else WE_OWE,
    }


def _trigger(*, last: bool, scope: Scope) -> dict[str, str]:
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


def _timed(version: PlayVersion) -> dict[str, str]:
    column = _date_column(version)
    of_plan = version.start["fact"] == "anchor_on"
    is_before = int(version.start["offset_days"]) < 0
    said = "after"
    offset = "'day-' || %(offset)s::int"
    if is_before:
        said, offset = "before", "abs(%(offset)s::int) || ' days'"
    return _dated(
        day=f"({column} + %(offset)s::int)",
        # a day that had passed before the play came into effect is not made up for
        fires=(
            f"{column} BETWEEN %(effective_from)s::date - %(offset)s::int"
            f" AND %(as_of)s::date - %(offset)s::int"
        ),
        occurrence=(
            f"({offset} || ' of plan ' || {FIRST_VERSION})"
            if of_plan
            else f"({offset} || ' {said} ' || {column})"
        ),
        gone=FIRST_VALUE if of_plan else ENDED,
    )


def _data(version: PlayVersion) -> dict[str, str]:
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


def _periodic(every: str, *, days: Sequence[date], as_of: date) -> dict[str, str]:
    """Return the pieces for a period; over several ``days`` everybody has one of their own."""
    day, came = "%(period_on)s::date", "TRUE"
    if len(days) > 1:
        day = OWN_DAY
        # on a day before or after all of them nobody has to be asked which is theirs
        came = "TRUE" if days[-1] <= as_of else "FALSE" if days[0] > as_of else OWN_DAY_CAME
    occurrence = f"('{every} from ' || %(period_on)s::date)"
    return PLAIN | {
        "day": day,
        "fires": f"%(period_on)s::date BETWEEN %(effective_from)s AND %(as_of)s AND {came}",
        "occurrence": occurrence,
        "holds": f"n.occurrence = {occurrence}",
        "gone": f"CASE WHEN n.occurrence <> {occurrence} THEN 'A new {every} has begun'"
        f" ELSE {ENDED} END",
    }


def _while(holds: str) -> dict[str, str]:
    """Return the pieces for a condition: its occurrence is the night that first saw it hold."""
    return PLAIN | {
        "day": "%(as_of)s::date",
        "fires": f"({holds})",
        "occurrence": "('since ' || %(as_of)s::date)",
        # it has to have been otherwise in between
        "again": STILL_SO,
        "holds": f"({holds})",
        "gone": "coalesce(%(ended)s::text, 'It is no longer so')",
    }


def _dated(*, day: str, fires: str, occurrence: str, gone: str) -> dict[str, str]:
    return PLAIN | {
        "day": day,
        "fires": fires,
        "occurrence": occurrence,
        "holds": f"coalesce(n.occurrence = {occurrence}, FALSE)",
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


def _period(every: str, *, as_of: date) -> date:
    """Return the first day of the month or quarter that a day is in."""
    if every not in MONTHS:
        raise BadCondition("start.every", f"{every!r} is neither a month nor a quarter")
    return begin_of(every, on=as_of)


def spelled(day: str) -> str:
    """Return SQL that puts a day into words."""
    return f"to_char({day}, 'FMDD FMMonth YYYY')"


# Which of %(days)s is a member's own; agrees with ``success.engine.spreading.place``.
OWN_DAY = """(%(days)s::date[])[1 + mod(('x' || encode(substr(sha256(convert_to(
    %(place_salt)s || ':' || f.member_id, 'UTF8')), 1, 4), 'hex'))::bit(32)::bigint,
    cardinality(%(days)s::date[]))::int]"""
OWN_DAY_CAME = f"{OWN_DAY} <= %(as_of)s::date"
WE_OWE = (
    f"' We owe them: a promise of ours is late since ' || {spelled('f.we_owe_since')} || '.'"
)
# What stands against another entry: one that is under way, or has been.
NOT_IN_IT = """NOT EXISTS (
                   SELECT FROM success_enrolment n
                    WHERE n.play_id = %(play)s AND n.member_id = f.member_id
                      AND {scope_entries} AND n.ended_on IS NULL)"""
ONE_A_PROMISE = """NOT EXISTS (
                   SELECT FROM success_intervention i
                    WHERE i.play_id = %(play)s AND i.member_id = f.member_id
                      AND {{scope_items}} AND i.status = 'open' AND i.promise_id = {promise})"""
STILL_SO = "n.gone_on IS NULL"
# Pieces that only some kinds of start have something to say to.
NO_PROMISE = "NULL::bigint"
PLAIN: dict[str, str] = {
    "source": "",
    "fact": "NULL::bigint",
    "subject": "NULL::text",
    "is_live": "TRUE",
    "is_work": "({day} >= %(effective_from)s OR coalesce(s.delivery, 'person') = 'person')",
    "promise": NO_PROMISE,
    "free": NOT_IN_IT,
    "again": "n.occurrence = fired.occurrence",
    "we_owe": WE_OWE,
}
# Who is left alone has no item that would tell.
OTHER_PLAN = (
    "i.evidence IS NOT NULL AND (i.evidence ->> 'plan')::bigint IS DISTINCT FROM f.plan_id"
)
REPLACED = """CASE WHEN i.evidence ->> 'plan' IS NULL THEN 'A plan was agreed'
    ELSE %(replaced)s::text END"""
ENDED = "coalesce(%(ended)s::text, 'It no longer applies')"
# A plan that is re-planned keeps its days, and what was said on one is not said again.
FIRST_VERSION = """coalesce(
    (SELECT chain.baseline_id FROM success_plan chain WHERE chain.id = f.plan_id), f.plan_id)"""
FIRST_VALUE = f"""CASE WHEN f.first_value_on IS NOT NULL
    THEN 'First value was reached on ' || {spelled("f.first_value_on")}
    ELSE 'It no longer applies' END"""
# Closed because something stood against it, it opens again once that is gone; done is done.
OF_A_ROW = """(e.name || coalesce((
        SELECT ', again ' || count(*)
          FROM success_enrolment past
         WHERE past.play_id = %(play)s AND past.member_id = e.member_id
           AND past."end" IN ('reached', 'gone', 'left', 'stopped', 'opted_out')
           AND NOT EXISTS (SELECT FROM success_intervention seen
                            WHERE seen.enrolment_id = past.id AND seen.status = 'done')
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
PROMISES_MOVED = """EXISTS (
        SELECT FROM success_accountability a
         WHERE a.plan_id = f.plan_id AND a.side = 'association'
           AND ((a.due_on >= %(last)s AND a.due_on < %(as_of)s)
                OR (a.done_on > %(last)s AND a.done_on <= %(as_of)s)
                OR (a.waived_on > %(last)s AND a.waived_on <= %(as_of)s)))"""
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
    "promise.late": Happening(
        rows=LATE_PROMISES,
        promise="e.id",
        moved=PROMISES_MOVED,
        gone=f"""coalesce((SELECT CASE
                WHEN a.done_on IS NOT NULL THEN 'It was done on ' || {spelled("a.done_on")}
                WHEN a.waived_on IS NOT NULL
                    THEN 'It was waived on ' || {spelled("a.waived_on")}
                ELSE 'It is not late any more' END
            FROM success_accountability a WHERE a.id = i.promise_id), 'It is gone')""",
    ),
    "answer.waiting": Happening(rows=UNANSWERED, gone="'It has been answered'"),
    "ask.eligible": Happening(
        rows=eligible_sql(scope="{scope}"),
        fires=f"{STATE_ALLOWS} AND {NOT_OWNED}",
        gone="'It was asked, or may not be asked now'",
        by_index=True,
    ),
}
