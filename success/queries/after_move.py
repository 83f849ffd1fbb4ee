"""Members who were moved to a segment with less contact, and how they have fared since.

A place of its own: it reads vectors and renewals, which coverage may not see, and no amounts.
What a vector said on a day is what the night of that day wrote down, so evidence that came
later cannot better the past of one side. Who may see it is ``Permission.REVENUE_VIEW``.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from config.kernel.clock import association_zone
from coverage.engine.capacity import RENEWAL_WINDOW
from coverage.models import CoverageHours, Segment
from coverage.queries.hours import current_model
from success.engine.after_move import GUARD_DAYS, Look, Stratum, Tally, Verdict, judge, look
from success.engine.rollup import SMALLEST_GROUP
from success.queries.readings import kept_by_night

LOOKED_BACK: Final = timedelta(days=730)
MOST_BATCHES: Final = 24
MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fared:
    """How a side has fared by a look: counts of members, each of all that are followed.

    ``held_before`` and ``held_after`` are stalled, slipping or regressing. ``due`` had a term
    end that is decided; ``open`` one that is not decided yet.
    """

    members: int = 0
    held_before: int = 0
    held_after: int = 0
    due: int = 0
    renewed: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at a batch, with what both sides look like in counts."""

    look: Look
    moved: Fared
    stayed: Fared


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMember:
    """A member of a group too small for a mean; null where nothing was known on the day."""

    public_id: UUID
    name: str
    moved_on: date
    state_before: str | None
    state_after: str | None
    term_ends_on: date | None
    has_renewed: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedBatch:
    """Members moved from one segment to another together, or in one month.

    ``rebalancing`` is null where no rebalancing moved them. ``back`` of them have gone back
    since; they are followed all the same. ``unknown`` are in no comparison: nothing was known
    of their vector on the day.
    """

    key: str
    rebalancing: UUID | None
    first_on: date
    last_on: date
    from_segment: str
    from_name: str
    to_segment: str
    to_name: str
    members: int
    back: int
    unknown: int
    seen: tuple[Seen, ...]
    shown: tuple[ShownMember, ...]

    @property
    def verdict(self) -> Verdict:
        return judge(each.look for each in self.seen)

    @property
    def latest(self) -> Seen | None:
        """The last look that is open; null while it is too early for any."""
        opened = [each for each in self.seen if each.look.is_open]
        return opened[-1] if opened else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    number: int
    rebalancing: UUID | None
    from_id: int
    to_id: int
    moves: list[tuple[int, date, bool]]

    @property
    def days(self) -> list[date]:
        return sorted(day for _member, day, _back in self.moves)


# What a member changed in a day, from first to last: done and undone again is no move.
MOVES: Final = """
    WITH netted AS (
        SELECT member_id, "on",
               (array_agg(from_segment_id ORDER BY id))[1] AS from_id,
               (array_agg(to_segment_id ORDER BY id DESC))[1] AS to_id
          FROM coverage_assignmentchange
         WHERE "on" > %(since)s AND "on" <= %(as_of)s
         GROUP BY member_id, "on"
    )
    SELECT batch.public_id, netted.from_id, netted.to_id, netted.member_id, netted."on",
           EXISTS (SELECT FROM netted again
                    WHERE again.member_id = netted.member_id AND again."on" > netted."on"
                      AND again.to_id = netted.from_id AND again.from_id <> netted.from_id)
      FROM netted
      LEFT JOIN LATERAL (
          SELECT found.public_id
            FROM coverage_move move
            JOIN coverage_rebalancing found ON found.id = move.rebalancing_id
           WHERE move.member_id = netted.member_id AND move.from_segment_id = netted.from_id
             AND move.to_segment_id = netted.to_id AND move.outcome <> 'left'
             AND (found.applied_at AT TIME ZONE %(zone)s)::date = netted."on"
           ORDER BY found.id DESC
           LIMIT 1
      ) AS batch ON TRUE
     WHERE netted.from_id <> netted.to_id
       AND EXISTS (SELECT FROM members_term term
                    WHERE term.member_id = netted.member_id AND term.starts_on <= netted."on"
                      AND term.ends_on + %(grace)s > netted."on")
     ORDER BY netted."on", netted.member_id
"""

# Members who moved, each from their own day on, and those who were in the old segment on the
# middle day of the moves and were not moved out of it; with what was known on that day. Before
# the first change after a day, a member is where that change took them from.
WHO: Final = """
    batch (number, from_id, day) AS (
        SELECT * FROM unnest(%(numbers)s::int[], %(from)s::bigint[], %(middles)s::date[])
    ),
    moved (number, member_id, day) AS (
        SELECT * FROM unnest(%(of)s::int[], %(members)s::bigint[], %(days)s::date[])
    ),
    later AS (
        SELECT DISTINCT ON (batch.number, change.member_id)
               batch.number, batch.from_id, batch.day, change.member_id, change.from_segment_id
          FROM batch
          JOIN coverage_assignmentchange change ON change."on" > batch.day
         ORDER BY batch.number, change.member_id, change."on", change.id
    ),
    stood AS (
        SELECT number, member_id, day FROM later WHERE from_segment_id = from_id
         UNION ALL
        SELECT batch.number, held.member_id, batch.day
          FROM batch
          JOIN coverage_assignment held ON held.segment_id = batch.from_id
         WHERE held.assigned_on <= batch.day
           AND NOT EXISTS (SELECT FROM later WHERE later.number = batch.number
                                               AND later.member_id = held.member_id)
    ),
    who AS (
        SELECT number, member_id, day, TRUE AS has_moved, NULL::date AS parted_on FROM moved
         UNION ALL
        SELECT stood.number, stood.member_id, stood.day, FALSE, parted."on"
          FROM stood
          JOIN batch ON batch.number = stood.number
          LEFT JOIN LATERAL (
              SELECT min(change."on") AS "on" FROM coverage_assignmentchange change
               WHERE change.member_id = stood.member_id AND change."on" > stood.day
                 AND change.to_segment_id <> batch.from_id
          ) AS parted ON TRUE
         WHERE NOT EXISTS (SELECT FROM moved WHERE moved.number = stood.number
                                               AND moved.member_id = stood.member_id)
    ),
    known AS (
        SELECT who.*, before.state, before.pace_milli, term.ends_on,
               -- equal to coverage.engine.capacity.stage
               CASE
                   WHEN before.state IN ('stalled', 'regressing') OR EXISTS (
                       SELECT FROM coverage_axprofile p
                        WHERE p.member_id = who.member_id
                          AND p.escalation_severity IS NOT NULL AND p.valid_from <= who.day
                          AND (p.superseded_on IS NULL OR p.superseded_on > who.day)
                   ) THEN 'at_risk'
                   WHEN facts.first_value_on IS NULL OR facts.first_value_on > who.day
                       THEN 'onboarding'
                   WHEN who.day >= term.ends_on - %(window)s THEN 'renewal'
                   WHEN before.state IN ('achieved', 'ahead') THEN 'growth'
                   ELSE 'adoption'
               END AS stage
          FROM who
          LEFT JOIN success_memberfacts facts ON facts.member_id = who.member_id
          LEFT JOIN LATERAL (
              SELECT state, pace_milli FROM success_vectorchange vector
               WHERE vector.member_id = who.member_id AND vector."on" <= who.day
               ORDER BY vector."on" DESC LIMIT 1
          ) AS before ON TRUE
          LEFT JOIN LATERAL (
              SELECT max(ends_on) AS ends_on FROM members_term
               WHERE members_term.member_id = who.member_id AND starts_on <= who.day
          ) AS term ON TRUE
         WHERE term.ends_on + %(grace)s > who.day
    ),
    seen AS (
        SELECT known.*, look.days,
               CASE WHEN known.ends_on > known.day AND known.ends_on <= known.day + look.days
                    THEN CASE WHEN EXISTS (
                                  SELECT FROM members_term next
                                   WHERE next.member_id = known.member_id
                                     AND next.starts_on > known.day
                                     AND next.starts_on < known.ends_on + %(grace)s
                                     AND next.ends_on > known.ends_on) THEN 'renewed'
                              WHEN known.ends_on + %(grace)s <= %(as_of)s THEN 'left'
                              ELSE 'open' END END AS renewal,
               after.state AS state_after, after.pace_milli AS pace_after
          FROM known
          CROSS JOIN unnest(%(guards)s::int[]) AS look (days)
          LEFT JOIN LATERAL (
              SELECT state, pace_milli FROM success_vectorchange vector
               WHERE vector.member_id = known.member_id
                 AND vector."on" <= known.day + look.days
               ORDER BY vector."on" DESC LIMIT 1
          ) AS after ON TRUE
         WHERE known.day + look.days <= %(as_of)s
           AND (known.parted_on IS NULL OR known.parted_on > known.day + look.days)
    )
"""
TALLIES: Final = f"""
    WITH {WHO}
    SELECT number, days, has_moved, state, stage, count(*), count(change),
           coalesce(sum(change), 0)::bigint, coalesce(sum(change * change), 0)::bigint,
           count(*) FILTER (WHERE renewal IN ('renewed', 'left')),
           count(*) FILTER (WHERE renewal = 'renewed'),
           count(*) FILTER (WHERE renewal = 'open'),
           count(*) FILTER (WHERE state IN ('stalled', 'slipping', 'regressing')),
           count(*) FILTER (WHERE state_after IN ('stalled', 'slipping', 'regressing')
                              AND renewal IS DISTINCT FROM 'left')
      FROM (SELECT seen.*, CASE WHEN renewal IS DISTINCT FROM 'left'
                                THEN (pace_after - pace_milli)::bigint END AS change
              FROM seen) AS seen
     WHERE state IS NOT NULL
     GROUP BY number, days, has_moved, state, stage
     ORDER BY number, days, state, stage
"""
SHOWN: Final = f"""
    WITH {WHO},
    placed AS (
        SELECT known.*, member.public_id, member.name,
               row_number() OVER (PARTITION BY number ORDER BY member.name, member.id) AS place
          FROM known JOIN members_member member ON member.id = known.member_id
         WHERE has_moved
    )
    SELECT placed.number, placed.public_id, placed.name, placed.day, placed.state,
           latest.state_after, placed.ends_on, latest.renewal
      FROM placed
      LEFT JOIN LATERAL (
          SELECT seen.state_after, seen.renewal FROM seen
           WHERE seen.number = placed.number AND seen.member_id = placed.member_id
             AND seen.has_moved
           ORDER BY seen.days DESC LIMIT 1
      ) AS latest ON TRUE
     WHERE placed.place <= %(most)s
     ORDER BY placed.number, placed.place
"""
UNKNOWN: Final = f"""
    WITH {WHO}
    SELECT number, count(*) FROM known WHERE has_moved AND state IS NULL GROUP BY number
"""


@kept_by_night
def moved_to_less(*, as_of: date, grace_days: int) -> list[MovedBatch]:
    """Return the batches of members moved to less contact in two years, the newest first.

    A batch is what one rebalancing moved from one segment to another, else what any other way
    moved so in a calendar month, of members who were in membership then; at most 24. Less
    contact is a pool instead of a person, or fewer hours a member by the coverage model in
    force. Compared are members of the old segment who had not been moved by the day of the
    look. Members stand by name where fewer than five can be compared. At most eight statements
    (DOMAIN 6.5).
    """
    batches = _batches(as_of=as_of, grace_days=grace_days)
    if not batches:
        return []
    asked = _asked(batches, as_of=as_of, grace_days=grace_days)
    tallies: dict[tuple[int, int], dict[tuple[str, str, bool], Tally]] = defaultdict(dict)
    fared: dict[tuple[int, int, bool], list[Fared]] = defaultdict(list)
    for (
        number, days, has_moved, state, stage, members, paced, change, squares, due, renewed,
        undecided, held_before, held_after,
    ) in _rows(TALLIES, asked):  # fmt: skip
        tallies[number, days][state, stage, has_moved] = Tally(
            members=members,
            paced=paced,
            change=change,
            squares=squares,
            due=due,
            renewed=renewed,
        )
        fared[number, days, has_moved].append(
            Fared(
                members=members,
                held_before=held_before,
                held_after=held_after,
                due=due,
                renewed=renewed,
                open=undecided,
            )
        )
    seen = {
        batch.number: tuple(
            Seen(
                look=look(
                    _strata(tallies[batch.number, days]),
                    days=days,
                    last_moved_on=batch.days[-1],
                    as_of=as_of,
                ),
                moved=_sum(fared[batch.number, days, True]),
                stayed=_sum(fared[batch.number, days, False]),
            )
            for days in GUARD_DAYS
        )
        for batch in batches
    }
    unknown = dict(_rows(UNKNOWN, asked))
    shown = _shown(
        [batch for batch in batches if _is_small(batch, seen[batch.number])],
        as_of=as_of,
        grace_days=grace_days,
    )
    segments = Segment.objects.in_bulk()
    return [
        MovedBatch(
            key=_key(batch, segments),
            rebalancing=batch.rebalancing,
            first_on=batch.days[0],
            last_on=batch.days[-1],
            from_segment=segments[batch.from_id].key,
            from_name=segments[batch.from_id].name,
            to_segment=segments[batch.to_id].key,
            to_name=segments[batch.to_id].name,
            members=len(batch.moves),
            back=sum(is_back for _member, _day, is_back in batch.moves),
            unknown=unknown.get(batch.number, 0),
            seen=seen[batch.number],
            shown=tuple(shown.get(batch.number, ())),
        )
        for batch in batches
    ]


def hurt(batches: Sequence[MovedBatch]) -> list[MovedBatch]:
    """Return those of ``batches`` that hurt their members, in their order (DOMAIN 6.5)."""
    return [each for each in batches if each.verdict is Verdict.HURT]


def _batches(*, as_of: date, grace_days: int) -> list[_Batch]:
    """The moves to less contact as batches, the newest first."""
    asked = {
        "since": as_of - LOOKED_BACK,
        "as_of": as_of,
        "grace": grace_days,
        "zone": association_zone(),
    }
    is_less = _less_contact(as_of=as_of)
    grouped: dict[tuple[Any, ...], list[tuple[int, date, bool]]] = defaultdict(list)
    for rebalancing, from_id, to_id, member, on, is_back in _rows(MOVES, asked):
        if (from_id, to_id) in is_less:
            month = None if rebalancing else on.replace(day=1)
            grouped[rebalancing, month, from_id, to_id].append((member, on, is_back))
    newest = sorted(grouped.items(), key=lambda each: each[1][-1][1], reverse=True)
    return [
        _Batch(
            number=number, rebalancing=rebalancing, from_id=from_id, to_id=to_id, moves=moves
        )
        for number, ((rebalancing, _month, from_id, to_id), moves) in enumerate(
            newest[:MOST_BATCHES], start=1
        )
    ]


def _less_contact(*, as_of: date) -> set[tuple[int, int]]:
    """Pairs of segments of which the second gives less contact than the first."""
    model = current_model(as_of=as_of)
    hours = (
        dict(
            CoverageHours.objects.filter(model=model)
            .values_list("segment_id")
            .annotate(hours=Sum("hours"))
        )
        if model
        else {}
    )
    places = list(Segment.objects.all())
    return {
        (one.pk, other.pk)
        for one in places
        for other in places
        if (other.is_pooled and not one.is_pooled)
        or (
            one.is_pooled == other.is_pooled
            and one.pk in hours
            and other.pk in hours
            and hours[other.pk] < hours[one.pk]
        )
    }


def _strata(tallies: dict[tuple[str, str, bool], Tally]) -> list[Stratum]:
    alike = sorted({(state, stage) for state, stage, _has_moved in tallies})
    return [
        Stratum(
            moved=tallies.get((*each, True), Tally()),
            stayed=tallies.get((*each, False), Tally()),
        )
        for each in alike
    ]


def _is_small(batch: _Batch, seen: tuple[Seen, ...]) -> bool:
    opened = [each.look for each in seen if each.look.is_open]
    return len(batch.moves) < SMALLEST_GROUP or (
        bool(opened) and opened[-1].verdict is Verdict.TOO_FEW
    )


def _shown(
    batches: list[_Batch], *, as_of: date, grace_days: int
) -> dict[int, list[ShownMember]]:
    found: dict[int, list[ShownMember]] = defaultdict(list)
    if not batches:
        return found
    asked = _asked(batches, as_of=as_of, grace_days=grace_days) | {"most": MOST_SHOWN}
    for number, public_id, name, day, before, after, ends_on, renewal in _rows(SHOWN, asked):
        found[number].append(
            ShownMember(
                public_id=public_id,
                name=name,
                moved_on=day,
                state_before=before,
                state_after=after,
                term_ends_on=ends_on,
                has_renewed={"renewed": True, "left": False}.get(renewal),
            )
        )
    return found


def _asked(batches: list[_Batch], *, as_of: date, grace_days: int) -> dict[str, Any]:
    moves = [(batch.number, *move) for batch in batches for move in batch.moves]
    return {
        "as_of": as_of,
        "grace": grace_days,
        "window": RENEWAL_WINDOW.days,
        "guards": list(GUARD_DAYS),
        "numbers": [batch.number for batch in batches],
        "from": [batch.from_id for batch in batches],
        "middles": [batch.days[len(batch.days) // 2] for batch in batches],
        "of": [number for number, *_rest in moves],
        "members": [member for _number, member, _day, _back in moves],
        "days": [day for _number, _member, day, _back in moves],
    }


def _key(batch: _Batch, segments: dict[int, Segment]) -> str:
    when = batch.rebalancing or f"{batch.days[0]:%Y-%m}"
    return f"{when}:{segments[batch.from_id].key}:{segments[batch.to_id].key}"


def _sum(parts: list[Fared]) -> Fared:
    return Fared(
        members=sum(each.members for each in parts),
        held_before=sum(each.held_before for each in parts),
        held_after=sum(each.held_after for each in parts),
        due=sum(each.due for each in parts),
        renewed=sum(each.renewed for each in parts),
        open=sum(each.open for each in parts),
    )


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
