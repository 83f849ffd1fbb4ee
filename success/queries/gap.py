"""The Success Gap of the association, and whose it is."""

from datetime import date
from fractions import Fraction

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from members.models import User
from success.engine.gap import SUCCEEDING, Gap
from success.enums import GapAnswerChoice, Standing
from success.models import GapAnswer, MemberFacts
from success.queries.readings import kept_by_night

STATES = [state.value.lower() for state in SUCCEEDING]
IN_MEMBERSHIP = [Standing.IN_FORCE.value, Standing.IN_GRACE.value]


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
    counted = recorded_as_succeeding(as_of=as_of, owner=owner).aggregate(
        no=Count("pk", filter=Q(last_answer=GapAnswerChoice.NO)),
        answered=Count("pk", filter=Q(last_answer__isnull=False)),
        unknown=Count("pk", filter=Q(last_answer=None)),
    )
    no, answered, unknown = counted["no"], counted["answered"], counted["unknown"]
    return Gap(
        no=no,
        answered=answered,
        unknown=unknown,
        share=Fraction(no, answered) if answered else None,
    )
