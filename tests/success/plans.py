"""A plan agreed, its milestones reached and its vector read, counted in days since its start."""

from datetime import UTC, date, datetime, time, timedelta

from django.db import connection

from members.rollups.scope import Scope
from success.enums import EvidenceSource
from success.rollups.vector import vector_parameters, vector_sql
from success.services import plans
from success.services.milestones import achieve
from tests.factories import make_affiliation, make_member, make_path, make_user
from tests.oracles import oracle

ANCHOR = date(2026, 1, 1)
NAMES = {
    "plan_day": "t",
    "ahead": "S",
    "direction": "delta",
    "achieved_weight": "A",
    "expected_weight": "E",
}


def on_day(number):
    return ANCHOR + timedelta(days=number)


def at_noon(day):
    return datetime.combine(on_day(day), time(12), tzinfo=UTC)


def agree(*, member=None, path=None, day=0, **given):
    """A plan agreed on a day, by default on its day 0, in the words of one of their people."""
    member = member or make_member()
    given = {"anchor_on": ANCHOR, "by": make_user()} | given
    if "said_by" not in given:
        given["said_by"] = make_affiliation(member=member).person
    return plans.agree(member=member, path=path or make_path(), at=at_noon(day), **given)


def reach(plan, key, day):
    achieve(
        milestone=plan.milestones.get(key=key),
        on=on_day(day),
        source=EvidenceSource.CONFIRMED,
        by=None,
        what_changed="It is so",
        at=at_noon(day),
    )


def vector_on(member, day):
    """What the night would find for a member on a day, named as in the worked examples."""
    scope = Scope(first=member.pk, last=member.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {vector_sql(scope=scope)} SELECT plan_day, ahead, pace_milli, direction,"
            " achieved_weight, expected_weight, state FROM vector",
            vector_parameters(as_of=on_day(day), scope=scope),
        )
        names = [column.name for column in cursor.description]
        rows = cursor.fetchall()
    if not rows:
        return None
    row = dict(zip(names, rows[0], strict=True))
    found = {name: row[column] for column, name in NAMES.items()}
    pace = row["pace_milli"]
    return found | {
        "rho": None if pace is None else pace / 1000,
        "state": row["state"].upper(),
    }


def worked(name):
    """A worked example of the domain document, as ``vector_on`` would find it."""
    numbers = oracle(name)
    kept = {key: numbers[key] for key in ("t", "S", "delta", "A", "E", "state")}
    return kept | {"rho": round(numbers["rho"], 3)}
