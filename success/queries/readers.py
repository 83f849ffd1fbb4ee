"""Whom a play would write to with a template, and how it would fill the gaps."""

from collections.abc import Sequence
from datetime import date

from django.db import connection

from communications.models import MessageTemplate
from communications.services.templates import Reader
from config.kernel.conditions import BadCondition, compile_sql, parse
from success.engine.facts import FACTS
from success.enums import VersionStatus
from success.models import MemberFacts, Milestone, PlayVersion
from success.queries.prepared import filled, reached_in_words
from success.rollups.plays.entering import names_used

BY_MESSAGE = "message"


def readers(
    *, template: MessageTemplate, on: date, member_id: int | None = None, limit: int
) -> Sequence[Reader]:
    """Return up to ``limit`` members in the audience of published plays that use ``template``.

    By name; only those whose segment is served by messages, and who have a main contact, for
    nobody else is written to. Each has the variables that a play would fill in on ``on``;
    what is not known is left out. With ``member_id`` only that member. One statement a play,
    and three for the rows at most.
    """
    found: set[int] = set()
    for version in _versions(template):
        found |= _audience(version, on=on, member_id=member_id, limit=limit)
    rows = (
        MemberFacts.objects.filter(pk__in=found)
        .select_related("member", "contact", "plan", "blocking", "next_milestone")
        .order_by("member__name", "pk")[:limit]
    )
    used = names_used(template)
    reached = _reached(list(rows), on=on) if "reached" in used else {}
    return [
        Reader(
            member_id=row.member_id,
            public_id=row.member.public_id,
            name=row.member.name,
            person=row.contact,
            variables=filled(
                row, used=used, as_of=on, day=on, reached=reached.get(row.plan_id)
            ),
        )
        for row in rows
    ]


def _versions(template: MessageTemplate) -> list[PlayVersion]:
    versions = PlayVersion.objects.filter(
        status=VersionStatus.PUBLISHED, play__is_active=True, steps__template=template
    )
    return list(versions.distinct().order_by("pk"))


def _audience(version: PlayVersion, *, on: date, member_id: int | None, limit: int) -> set[int]:
    try:
        predicate, values = compile_sql(parse(version.audience, registry=FACTS), as_of=on)
    except BadCondition:
        return set()  # such a play enters nobody, and says so itself
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT f.member_id
              FROM success_memberfacts f
              JOIN members_member m ON m.id = f.member_id
              JOIN coverage_segment s ON s.id = f.segment_id
             WHERE ({predicate}) AND f.contact_id IS NOT NULL AND s.delivery = %s
               AND (%s::bigint IS NULL OR f.member_id = %s)
             ORDER BY m.name, m.id
             LIMIT %s
            """,
            [*values, BY_MESSAGE, member_id, member_id, limit],
        )
        return {row[0] for row in cursor.fetchall()}


def _reached(rows: Sequence[MemberFacts], *, on: date) -> dict[int | None, str | None]:
    """What has been reached in each plan, in words; one statement for all."""
    plans: dict[int | None, list[Milestone]] = {}
    found = Milestone.objects.filter(plan__in=[row.plan_id for row in rows if row.plan_id])
    for each in found.order_by("plan", "position"):
        plans.setdefault(each.plan_id, []).append(each)
    return {plan: reached_in_words(each, as_of=on) for plan, each in plans.items()}
