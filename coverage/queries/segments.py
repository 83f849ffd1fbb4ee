"""Whom a segment's rule would take, before anybody saves it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from config.kernel.conditions import BadCondition, Condition, compile_sql, parse
from coverage.engine.facts import FACTS
from coverage.models import Segment
from members.rollups.scope import named


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Members in membership with a profile; whom a rule fits; whom no earlier rule takes."""

    asked: int
    fits: int
    takes: int

    @property
    def taken_before(self) -> int:
        """Whom the rule fits, and a rule that is tried earlier takes."""
        return self.fits - self.takes


def reach(rule: Condition, *, segment: Segment | None, as_of: date, grace_days: int) -> Reach:
    """Return whom ``rule`` would take on a day in the place of ``segment``.

    Without a segment, the place is that of a new one: after all those in use that ask
    something. Rules that cannot be used take nobody. One statement (DOMAIN 2.4).
    """
    parameters: dict[str, Any] = {"as_of": as_of, "grace_days": grace_days}
    predicate, values = compile_sql(rule, as_of=as_of)
    fits, asked = named(predicate, values, prefix="this")
    parameters |= asked
    before = ["FALSE"]
    for each in _earlier(segment):
        try:
            predicate, values = compile_sql(parse(each.rule, registry=FACTS), as_of=as_of)
        except BadCondition:
            continue
        holds, asked = named(predicate, values, prefix=f"s{each.pk}")
        parameters |= asked
        before.append(holds)
    statement = f"""
        SELECT count(*), count(*) FILTER (WHERE {fits}),
               count(*) FILTER (WHERE {fits} AND NOT ({" OR ".join(before)}))
          FROM coverage_axprofile p
         WHERE p.superseded_on IS NULL
           AND EXISTS (SELECT FROM members_term t
                        WHERE t.member_id = p.member_id AND t.starts_on <= %(as_of)s
                          AND t.ends_on > %(as_of)s::date - %(grace_days)s::int)
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found = cursor.fetchone()
    return Reach(asked=found[0], fits=found[1], takes=found[2])


def _earlier(segment: Segment | None) -> list[Segment]:
    in_use = Segment.objects.filter(is_retired=False).order_by("position")
    if segment is not None and not segment.is_retired:
        return list(in_use.filter(position__lt=segment.position))
    return [each for each in in_use if each.rule != {"all": []}]
