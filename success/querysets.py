"""Questions about interventions. Each answer is a queryset, so they chain."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BooleanField,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Concat

from coverage.models import Absence
from members.enums import Role
from success.enums import InterventionStatus, ReviewStatus

if TYPE_CHECKING:
    from members.models import User
    from success.models import Intervention, Review  # noqa: F401  # parametrise the bases


class ReviewQuerySet(QuerySet["Review"]):
    def visible_to(self, user: "User") -> Self:
        """Director and operations see every review, a member's log-in those of the member.

        An MSM sees those they hold, those of members they look after, and those of members
        whom a pool looks after.
        """
        if not user.is_active:
            return self.none()
        match user.role:
            case Role.DIRECTOR | Role.OPERATIONS:
                return self
            case Role.MSM:
                return self.filter(
                    Q(organiser=user)
                    | Q(member__assignment__owner=user)
                    | Q(member__assignment__owner=None)
                )
            case Role.MEMBER:
                return self.filter(member=user.member_id)
        return self.none()

    def ahead(self) -> Self:
        """Agreed, and neither held nor cancelled; its hour may have passed."""
        return self.filter(status=ReviewStatus.SCHEDULED)

    def held(self) -> Self:
        return self.filter(status=ReviewStatus.HELD)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Those that have a minute in common with the time between the two moments."""
        length = ExpressionWrapper(
            F("minutes") * Value(timedelta(minutes=1)), output_field=DurationField()
        )
        ends = ExpressionWrapper(F("starts_at") + length, output_field=DateTimeField())
        return self.alias(ends_at=ends).filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def to_hold(self, *, at: datetime) -> Self:
        """Agreed, begun by ``at``, and nobody has said yet what came of it."""
        return self.ahead().filter(starts_at__lte=at)


def _plainly_awake(on: date) -> Q:
    return Q(sleeps_until_change=False) & (Q(snoozed_until=None) | Q(snoozed_until__lte=on))


def _woken(on: date) -> Q:
    known = apps.get_model("success", "MemberFacts").objects
    unchanged = known.annotate(
        now=Concat(
            "state", Value(" "), Cast("blocking_id", TextField()), output_field=TextField()
        )
    ).filter(member=OuterRef("member"), now=KeyTextTransform("asleep_at", OuterRef("evidence")))
    return Q(sleeps_until_change=True) & (Q(snoozed_until__lte=on) | Q(~Exists(unchanged)))


class OwnedBy(Func):
    """Whether an item is one of some people's, a queryset of them.

    As an array, since with a subquery under an OR PostgreSQL walks over everybody's items.
    """

    conditional = True
    output_field = BooleanField()
    template = "%(expressions)s"
    arg_joiner = " = ANY "

    def __init__(self, people: "QuerySet[User]") -> None:
        super().__init__(F("owner_id"), _InBrackets(people.order_by().values("pk")))


class _InBrackets(ArraySubquery):
    template = "(ARRAY(%(subquery)s))"


def _work_of(user: "User") -> OwnedBy:
    covered = Absence.objects.handed_over().falling_to(user).values("user")
    people = apps.get_model("members", "User").objects
    return OwnedBy(people.filter(Q(pk=user.pk) | Q(pk__in=covered)))


class InterventionQuerySet(QuerySet["Intervention"]):
    def visible_to(self, user: "User") -> Self:
        """Director and operations see every item, an MSM theirs and the pool's, others none.

        Theirs are also those of whoever is away and whose work has been handed over to them, or
        to the pool.
        """
        if not user.is_active:
            return self.none()
        if user.role in {Role.DIRECTOR, Role.OPERATIONS}:
            return self
        if user.role == Role.MSM:
            return self.filter(_work_of(user) | Q(owner=None) | Q(claimed_by=user))
        return self.none()

    def visible_parts(self, user: "User") -> list[Self]:
        """``visible_to`` in parts that have no item in common, each counted by an index."""
        if user.role != Role.MSM or not user.is_active:
            return [self.visible_to(user)]
        theirs = _work_of(user)
        return [
            self.filter(theirs),
            self.of_pool(user),
            self.filter(~theirs, claimed_by=user, owner__isnull=False),
        ]

    def of_pool(self, user: "User") -> Self:
        """What is nobody's in particular, for whoever works the queue."""
        works = user.is_active and user.role in {Role.DIRECTOR, Role.OPERATIONS, Role.MSM}
        return self.filter(owner=None) if works else self.none()

    def open(self) -> Self:
        return self.filter(status=InterventionStatus.OPEN)

    def awake(self, *, on: date) -> Self:
        """Not snoozed beyond ``on``, and not asleep until something changes that has not.

        What sleeps until a change wakes once the member's state or the milestone they wait at
        is another than when it was put to sleep, or on its day, whichever comes first. Facts
        are looked up for those that sleep so, and for no others.
        """
        return self.filter(_plainly_awake(on) | _woken(on))

    def plainly_awake(self, *, on: date) -> Self:
        """Those of ``awake`` that do not sleep until something changes; an index tells."""
        return self.filter(_plainly_awake(on))

    def woken(self, *, on: date) -> Self:
        """Those of ``awake`` that slept until something would change."""
        return self.filter(_woken(on))

    def free_for(self, user: "User", *, at: datetime) -> Self:
        """Claimed by nobody else at a moment."""
        return self.filter(Q(claimed_by=None) | Q(claimed_by=user) | Q(claimed_until__lte=at))

    def just_worked_by(self, user: "User", *, since: datetime) -> Self:
        """Those in which ``user`` took a step since a moment, whoever has them now."""
        events = apps.get_model("success", "InterventionEvent").objects
        return self.filter(
            Exists(events.filter(intervention=OuterRef("pk"), by=user, at__gte=since))
        )

    def in_queue_order(self) -> Self:
        """Class first, then oldest evidence, then nearest term end. Dues have no part in it."""
        return self.order_by("queue_class", "occurred_on", "term_ends_on", "pk")

    def claim(self, pk: int, *, by: "User", until: datetime, at: datetime) -> bool:
        """Take one open item; False means somebody else holds it or it is no longer open."""
        free = Q(claimed_by=None) | Q(claimed_by=by) | Q(claimed_until__lte=at)
        return self.open().filter(free, pk=pk).update(claimed_by=by, claimed_until=until) == 1
