"""Who would enter a play, who would have, and why somebody would not. Nothing is written."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from config.kernel.conditions import AllOf, compile_sql, in_words, parse
from config.kernel.words import spoken_day
from members.rollups.scope import Scope, named
from success.engine.facts import FACTS
from success.engine.ladder import Way
from success.engine.spreading import begin_of, place, working_days
from success.enums import Reentry
from success.models import PlayVersion
from success.rollups.plays.compiling import Combination, Ways, compiled, published
from success.rollups.plays.entering import DECORATED, candidates_sql


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A member for whom a play would fire: what for, why, and how its first step would be."""

    member_id: int
    occurrence: str
    occurred_on: date
    why: str
    channel: str
    hand: str
    is_held: bool


WHO = f"""
    WITH d AS MATERIALIZED ({{candidates}})
    SELECT d.member_id, d.occurrence, d.occurred_on, {{why}}, d.by_message, d.is_held,
           d.segment_id, d.unreachable
    {DECORATED.replace("FROM fired_play d", "FROM d")}
     ORDER BY d.member_id, d.occurrence
"""
COUNTED = """
    SELECT segment_id, unreachable, by_message, is_held, count(*)
      FROM ({candidates}) candidate GROUP BY 1, 2, 3, 4
"""


def candidates(
    version: PlayVersion,
    *,
    as_of: date,
    scope: Scope,
    effective_from: date | None = None,
    entries: str = "all",
) -> list[Candidate]:
    """Return who would enter a version on a night, by member; a draft may be asked as well.

    A draft, or a version not in effect yet, counts as if it came into effect that day, unless
    ``effective_from`` says otherwise. ``entries`` are those that count against another: *all*,
    those before the night (*past*), or *none*. The hand is the one the first step would take:
    the cap of a message a night is not looked at. Raises ``BadCondition``.
    """
    since = effective_from or min(version.effective_from, as_of)
    one = compiled(version, as_of=as_of, scope=scope, effective_from=since)
    ways = Ways(version)
    with connection.cursor() as cursor:
        cursor.execute(
            WHO.format(candidates=candidates_sql(one, entries=entries), why=one.sql["why"]),
            one.values,
        )
        rows = cursor.fetchall()
    found = []
    for member_id, occurrence, occurred_on, why, by_message, is_held, *combination in rows:
        way = _way(ways, combination)
        found.append(
            Candidate(
                member_id=member_id,
                occurrence=occurrence,
                occurred_on=occurred_on,
                why=why,
                channel=way.channel if way else "",
                hand="system" if way and by_message and way.hand == "system" else "person",
                is_held=is_held,
            )
        )
    return found


def would_open(*, as_of: date, scope: Scope) -> dict[str, dict[str, int]]:
    """Return, by play, how many messages and items the night of ``as_of`` would have opened.

    Writes nothing. What an earlier night took in is not counted again, nor who is left alone,
    and a play that was not yet in effect counts as if it had come into effect in time to send
    what was not too late that night. Reads whatever stands as MemberFacts.
    """
    counted: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        for version in published():
            since = min(version.effective_from, as_of - timedelta(days=version.too_late_days))
            one = compiled(version, as_of=as_of, scope=scope, effective_from=since)
            ways = Ways(version)
            cursor.execute(
                COUNTED.format(candidates=candidates_sql(one, entries="past")), one.values
            )
            said = {"messages": 0, "items": 0}
            for *combination, by_message, is_held, count in cursor.fetchall():
                way = _way(ways, combination)
                by_system = by_message and way is not None and way.hand == "system"
                if not is_held:
                    said["messages" if by_system else "items"] += count
            counted[version.play.key] = said
    return counted


def _way(ways: Ways, combination: list[Any]) -> Way | None:
    segment_id, unreachable = combination
    return ways.of(1, Combination(segment_id=segment_id, unreachable=unreachable))


ASKED = """
    SELECT ({aim}) IS TRUE, ({stop}) IS TRUE,
           EXISTS (SELECT FROM communications_preference wish
                    WHERE wish.person_id = f.contact_id AND wish.no_discretionary)
               AND NOT %(is_owed)s,
           (SELECT n.entered_on
              FROM success_enrolment n
             WHERE n.play_id = %(play)s AND n.member_id = f.member_id AND n.ended_on IS NULL
             ORDER BY n.id LIMIT 1),
           before.entered_on, before.ended_on,
           EXISTS (SELECT FROM success_memberfacts known {source_of_one}),
           EXISTS (SELECT FROM success_intervention i
                    WHERE i.member_id = f.member_id AND i.opened_on = %(as_of)s
                      AND i.message_id IS NOT NULL)
      FROM success_memberfacts f
      LEFT JOIN coverage_segment s ON s.id = f.segment_id
      LEFT JOIN LATERAL (
           SELECT n.entered_on, n.ended_on FROM success_enrolment n
            WHERE n.play_id = %(play)s AND n.member_id = f.member_id
              AND n.ended_on IS NOT NULL
            ORDER BY n.id DESC LIMIT 1) before ON TRUE
     WHERE f.member_id = %(scope_first)s
"""


def why_not(version: PlayVersion, *, member_id: int, as_of: date) -> tuple[str, ...]:
    """Return in plain words what keeps a member out of a version on a day.

    Nothing: they would enter. Each part of the audience that does not hold is a line; then the
    start, what they reached already, stop rule, re-entry, wishes, and the message of the night.
    """
    scope = Scope(first=member_id, last=member_id)
    since = min(version.effective_from, as_of)
    one = compiled(version, as_of=as_of, scope=scope, effective_from=since)
    found = candidates(version, as_of=as_of, scope=scope)
    if found and found[0].hand == "person":
        return ()
    with connection.cursor() as cursor:
        cursor.execute(
            ASKED.format(**one.sql, source_of_one=SOURCE_OF_ONE.format(**one.sql)), one.values
        )
        row = cursor.fetchone()
        if row is None:
            return (_("Nothing is known of this member"),)
        outside = _outside(cursor, version, member_id=member_id, as_of=as_of)
    reached, stopped, opted_out, inside, entered, ended, started, has_message = row
    if found:
        waits = _("They get another message tonight: it waits for tomorrow")
        return (waits,) if has_message and not found[0].is_held else ()
    asks = _("Not in the audience, which asks: %(condition)s")
    reasons = [asks % {"condition": words} for words in outside]
    if not started:
        reasons.append(
            _waits_for(version, member_id=member_id, as_of=as_of)
            or _("It has not started for them: nothing that would start it has happened")
        )
    again, may_not = _earlier(inside, entered, ended)
    reasons += [
        words
        for holds, words in (
            (reached, _("The aim is reached already")),
            (stopped, _("The stop rule holds for them")),
            (inside is not None or version.reentry != Reentry.OCCURRENCE, may_not),
            (opted_out, _("They asked not to be contacted")),
        )
        if holds and words
    ]
    if not reasons:
        late = _("It began before the play was in effect, and their segment gets messages")
        reasons.append(again or late)
    return tuple(reasons)


def _earlier(inside: date | None, entered: date | None, ended: date | None) -> tuple[str, str]:
    """Say for which entry a member does not enter: once more, or at all; blank for none."""
    if inside is not None:
        return "", _("They are in it since %(day)s") % {"day": spoken_day(inside)}
    if entered is None or ended is None:
        return "", ""
    days = {"from": spoken_day(entered), "to": spoken_day(ended)}
    return (
        _("They were in it from %(from)s to %(to)s, for the same reason") % days,
        _("They were in it from %(from)s to %(to)s, and may not enter again now") % days,
    )


def _waits_for(version: PlayVersion, *, member_id: int, as_of: date) -> str:
    """Say which day is the member's own, where a period is spread and it is still to come."""
    every, over = version.start.get("every"), int(version.start.get("over_days") or 1)
    if every is None or over == 1:
        return ""
    days = working_days(begin_of(every, on=as_of), count=over)
    own = days[place(salt=f"{version.play.key}:day", account=member_id, among=over)]
    starts = _("It starts for them on %(day)s")
    return starts % {"day": spoken_day(own)} if own > as_of else ""


# Whether it would start, whoever the audience is: asked of one member.
SOURCE_OF_ONE = """WHERE known.member_id = f.member_id AND EXISTS (
    SELECT FROM (SELECT f.*) f {source} WHERE {fires})"""


def _outside(
    cursor: Any, version: PlayVersion, *, member_id: int, as_of: date
) -> tuple[str, ...]:
    """Return the parts of the audience that do not hold for a member, in words."""
    tree = parse(version.audience, registry=FACTS)
    outside = []
    for part in tree.parts if isinstance(tree, AllOf) else (tree,):
        predicate, values = named(*compile_sql(part, as_of=as_of), prefix="part")
        cursor.execute(
            f"""SELECT ({predicate}) IS TRUE FROM success_memberfacts f
                  LEFT JOIN coverage_segment s ON s.id = f.segment_id
                 WHERE f.member_id = %(member)s""",
            values | {"member": member_id},
        )
        if not cursor.fetchone()[0]:
            outside.append(in_words(part))
    return tuple(outside)
