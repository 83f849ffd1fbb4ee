"""The Success Gap of the association, and whose it is."""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from typing import Any, Final

from django.db import connection
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from members.models import User
from success.engine.gap import SUCCEEDING, Gap
from success.enums import GapAnswerChoice, Standing
from success.models import GapAnswer, MemberFacts
from success.queries.readings import asked_once, kept_by_night

STATES = [state.value.lower() for state in SUCCEEDING]
IN_MEMBERSHIP = [Standing.IN_FORCE.value, Standing.IN_GRACE.value]
# Of everybody, newest answers are put in order once, not looked up for each.
BY_OWNER: Final = """
WITH newest AS (
    SELECT DISTINCT ON (member_id) member_id, answer
    FROM success_gapanswer WHERE "on" <= %(as_of)s
    ORDER BY member_id, "on" DESC, recorded_at DESC, id DESC
)
SELECT known.owner_id, count(*) FILTER (WHERE answer = %(no)s), count(answer),
       count(*) FILTER (WHERE answer IS NULL)
FROM success_memberfacts known LEFT JOIN newest USING (member_id)
WHERE known.state = ANY(%(states)s) AND known.standing = ANY(%(standings)s)
GROUP BY known.owner_id
"""


def recorded_as_succeeding(*, as_of: date, owner: int | None = None) -> QuerySet[MemberFacts]:
    """Members in membership whose recorded state is a success, each with ``last_answer``.

    The newest answer up to ``as_of`` counts, of two of one day the one recorded last; null
    where there is none. ``owner``, a user's id, keeps to those one person looks
    after (DOMAIN 2.9).
    """
    newest = GapAnswer.objects.filter(member=OuterRef("pk"), on__lte=as_of).order_by(
        "-on", "-recorded_at", "-pk"
    )
    known = MemberFacts.objects.filter(state__in=STATES, standing__in=IN_MEMBERSHIP)
    if owner is not None:
        known = known.filter(owner=owner)
    return known.annotate(last_answer=Subquery(newest.values("answer")[:1]))


def success_gap(*, as_of: date, owner: User | None = None) -> Gap:
    """The Success Gap as of a day, equal to ``engine.gap``; one statement (DOMAIN 2.9).

    States are those of the last night.
    """
    return gap_of(as_of=as_of, owner=owner.pk if owner else None)


@kept_by_night
def gap_of(*, as_of: date, owner: int | None = None) -> Gap:
    """Return ``success_gap``, of the members that ``owner`` looks after; a user's id."""
    if owner is None:
        return together(gaps_by_owner(as_of=as_of).values())
    counted = recorded_as_succeeding(as_of=as_of, owner=owner).aggregate(
        no=Count("pk", filter=Q(last_answer=GapAnswerChoice.NO)),
        answered=Count("pk", filter=Q(last_answer__isnull=False)),
        unknown=Count("pk", filter=Q(last_answer=None)),
    )
    return _gap(**counted)


@asked_once
def gaps_by_owner(*, as_of: date) -> dict[int | None, Gap]:
    """Return the success gap of the members of each person; null for pools (DOMAIN 2.9)."""
    asked: dict[str, Any] = {
        "as_of": as_of,
        "no": GapAnswerChoice.NO.value,
        "states": STATES,
        "standings": IN_MEMBERSHIP,
    }
    with connection.cursor() as cursor:
        cursor.execute(BY_OWNER, asked)
        return {
            owner: _gap(no=no, answered=answered, unknown=unknown)
            for owner, no, answered, unknown in cursor.fetchall()
        }


def together(gaps: Iterable[Gap]) -> Gap:
    """Return the gap of the members of several people (DOMAIN 2.9)."""
    found = list(gaps)
    return _gap(
        no=sum(gap.no for gap in found),
        answered=sum(gap.answered for gap in found),
        unknown=sum(gap.unknown for gap in found),
    )


def _gap(*, no: int, answered: int, unknown: int) -> Gap:
    share = Fraction(no, answered) if answered else None
    return Gap(no=no, answered=answered, unknown=unknown, share=share)


NO_GAP: Final = _gap(no=0, answered=0, unknown=0)
