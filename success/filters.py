"""What lists may be narrowed by: one set of questions for page and API."""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any

import django_filters as filters
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.drainage import set_override

from coverage.enums import Channel
from coverage.models import Segment
from coverage.queries.experience import mismatched
from members.enums import MemberKind
from members.filters import ME, POOL, OwnerFilter, YesOrNo
from members.models import Member, User
from members.querysets import SHORTEST_GUESS
from success.enums import Overlay, QueueClass, Standing, State
from success.models import Intervention, MemberFacts
from success.queries.doing import held_since
from success.queries.members import ORDERS, WITH_OVERLAY
from success.queries.nights import last_live_day
from success.queries.queue import week
from success.queries.vector import were_on

OVERDUE, DUE_TODAY, DUE_THIS_WEEK = "overdue", "today", "week"
SUNDAY = 6
LONGEST_SEARCH = 200
MOST_DAYS = 36_500


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who asks, where there is no request: the filters want to know whom *me* means."""

    user: "User"


class SomeByKey(filters.ModelMultipleChoiceFilter):
    """Some rows of another table, each named by its key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(distinct=False, **options)
        several = {"type": "array", "items": {"type": "string"}}
        set_override(self, "field", several | {"description": options["help_text"]})


class MemberFilter(filters.FilterSet):
    """Narrows ``member_list``. Bad values are errors in words; none is passed over.

    Wants the request, for whose ``me`` is meant. ``order`` does not sort: the pager does, by
    ``order`` of this set.
    """

    q = filters.CharFilter(
        method="search",
        label=_("Search"),
        help_text=_(
            "Words of a present or former name, typos and accents forgiven, or an exact "
            "external identifier."
        ),
        max_length=LONGEST_SEARCH,
    )
    standing = filters.MultipleChoiceFilter(
        field_name="known__standing",
        choices=Standing.choices,
        distinct=False,
        label=_("Standing"),
    )
    state = filters.MultipleChoiceFilter(
        field_name="known__state", choices=State.choices, distinct=False, label=_("State")
    )
    segment = SomeByKey(
        field_name="known__segment__key",
        queryset=Segment.objects.order_by("position"),
        to_field_name="key",
        label=_("Segment"),
        help_text=_("Keys of coverage segments."),
    )
    owner = OwnerFilter(
        method="looked_after_by",
        label=_("Looked after by"),
        help_text=_("me, pool (nobody in particular), or the identifier of a person."),
    )
    tier = filters.CharFilter(field_name="known__tier", label=_("Tier"))
    behind_at_least = filters.NumberFilter(
        field_name="days_ahead",
        method="behind",
        label=_("Days behind, at least"),
        decimal_places=0,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
    )
    term_ends_before = filters.DateFilter(
        field_name="known__term_ends_on",
        lookup_expr="lt",
        label=_("Term ends before"),
        help_text=_("The first day no longer covered is before this date."),
    )
    has_plan = YesOrNo(method="with_plan", label=_("Has a plan"))
    we_owe = YesOrNo(
        method="owed_by_us",
        label=_("We owe them"),
        help_text=_("A promise of ours is late."),
    )
    overlay = filters.MultipleChoiceFilter(
        method="with_overlay",
        choices=[
            *((each.value, Overlay(each).label) for each in WITH_OVERLAY),
            (Overlay.AX_MISMATCH.value, Overlay.AX_MISMATCH.label),
        ],
        distinct=False,
        label=_("Beside the state"),
        help_text=_("What is to be said of the member beside the state; any of these."),
    )
    kind = filters.ChoiceFilter(choices=MemberKind.choices, label=_("Kind"))
    chapter = filters.CharFilter(
        field_name="chapter", label=_("Chapter"), help_text=_("As in the records.")
    )
    joined_in = filters.NumberFilter(
        field_name="known__joined_on__year",
        label=_("Joined in"),
        decimal_places=0,
        validators=[MinValueValidator(1800), MaxValueValidator(9999)],
        help_text=_("The year in which the unbroken run of membership began."),
    )
    held_days = filters.NumberFilter(
        method="held_for",
        label=_("Days with the same person, at least"),
        decimal_places=0,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
        help_text=_("Looked after by the same person for at least so many days."),
    )
    was_on = filters.DateFilter(
        method="leave",
        label=_("On that day"),
        help_text=_("A past day, for was and moved."),
    )
    was = filters.MultipleChoiceFilter(
        method="was_then",
        choices=State.choices,
        distinct=False,
        label=_("State on that day"),
        help_text=_("The state on the day was_on."),
    )
    moved = filters.ChoiceFilter(
        method="moved_since",
        choices=[("up", _("Faster")), ("down", _("Slower"))],
        label=_("Pace since that day"),
        help_text=_("Whether the pace has risen (up) or fallen (down) since the day was_on."),
    )
    order = filters.ChoiceFilter(
        method="leave",
        choices=[
            ("name", _("Name")),
            ("behind", _("Furthest behind first")),
            ("term_end", _("Term end")),
            ("likeness", _("Best match first")),
        ],
        label=_("Order"),
        help_text=_("By name, or by likeness where something is searched for."),
    )

    class Meta:
        model = Member
        fields: list[str] = []

    @property
    def ordering(self) -> tuple[str, ...]:
        """The columns of the order asked for; ask a valid set only."""
        said = self.form.cleaned_data
        if said.get("order"):
            return ORDERS[said["order"]]
        # the beginning of a name is no measure of likeness, and fits too many to compare
        likened = len((said.get("q") or "").strip()) >= SHORTEST_GUESS
        return ORDERS["likeness" if likened else "name"]

    def is_valid(self) -> bool:
        """Whether the questions make sense, each by itself and together."""
        valid: bool = super().is_valid()  # type: ignore[no-untyped-call]  # untyped library
        said = self.form.cleaned_data if valid else {}
        if said.get("order") == "likeness" and not said.get("q"):
            self.form.add_error("order", _("There is a best match only where q is given."))
        if (said.get("was") or said.get("moved")) and not said.get("was_on"):
            self.form.add_error("was_on", _("Say which day is meant."))
        return not self.form.errors

    def search(self, queryset: "QuerySet[Member]", name: str, value: str) -> "QuerySet[Member]":
        alike: QuerySet[Member] = queryset.named_like(value).with_likeness(value)  # type: ignore[attr-defined]  # a MemberQuerySet, which the library forgets
        return alike

    def looked_after_by(
        self, queryset: "QuerySet[Member]", name: str, value: str | uuid.UUID
    ) -> "QuerySet[Member]":
        if value == POOL:
            return queryset.filter(known__isnull=False, known__owner=None)
        if value == ME:
            user: User = self.request.user
            return queryset.filter(known__owner=user)
        return queryset.filter(known__owner__public_id=value)

    def behind(self, queryset: "QuerySet[Member]", name: str, value: int) -> "QuerySet[Member]":
        return queryset.filter(days_ahead__lte=-int(value))  # type: ignore[misc]  # annotated

    def with_plan(
        self, queryset: "QuerySet[Member]", name: str, value: bool
    ) -> "QuerySet[Member]":
        has_plan = Q(known__plan__isnull=False)
        return queryset.filter(has_plan if value else ~has_plan)

    def owed_by_us(
        self, queryset: "QuerySet[Member]", name: str, value: bool
    ) -> "QuerySet[Member]":
        return queryset.filter(known__we_owe_since__isnull=not value)

    def with_overlay(
        self, queryset: "QuerySet[Member]", name: str, value: list[str]
    ) -> "QuerySet[Member]":
        conditions = [asked for each, asked in WITH_OVERLAY.items() if each.value in value]
        if Overlay.AX_MISMATCH.value in value:
            night = last_live_day()
            found: Any = mismatched(as_of=night) if night else []
            conditions.append(Q(known__isnull=False, pk__in=found))
        return queryset.filter(reduce(or_, conditions)) if conditions else queryset

    def held_for(
        self, queryset: "QuerySet[Member]", name: str, value: int
    ) -> "QuerySet[Member]":
        night = last_live_day()  # what is known of hands is of that day
        if night is None:
            return queryset.none()
        return queryset.filter(pk__in=held_since(as_of=night, days=int(value)))

    def was_then(
        self, queryset: "QuerySet[Member]", name: str, value: list[str]
    ) -> "QuerySet[Member]":
        day = self.form.cleaned_data.get("was_on")
        if not value or day is None:
            return queryset
        return queryset.filter(pk__in=were_on(day, states=value))

    def moved_since(
        self, queryset: "QuerySet[Member]", name: str, value: str
    ) -> "QuerySet[Member]":
        day = self.form.cleaned_data.get("was_on")
        if not value or day is None:
            return queryset
        return queryset.filter(pk__in=were_on(day, moved=1 if value == "up" else -1))

    def leave(self, queryset: "QuerySet[Member]", name: str, value: str) -> "QuerySet[Member]":
        return queryset


class RenewalFilter(filters.FilterSet):
    """Narrows the terms that end; wants the request, for whose ``me`` is meant."""

    owner = OwnerFilter(
        method="looked_after_by",
        label=_("Looked after by"),
        help_text=_("me, pool (nobody in particular), or the identifier of a person."),
    )
    state = filters.ChoiceFilter(choices=State.choices, label=_("State"))
    tier = filters.CharFilter(field_name="tier", label=_("Tier"))
    segment = filters.CharFilter(field_name="segment__key", label=_("Segment"))
    week = filters.DateFilter(
        method="in_week", label=_("Week of"), help_text=_("Any day of the week.")
    )

    class Meta:
        model = MemberFacts
        fields: list[str] = []

    def is_valid(self) -> bool:
        """Whether the questions make sense."""
        valid: bool = super().is_valid()  # type: ignore[no-untyped-call]  # untyped library
        return valid

    def looked_after_by(
        self, queryset: "QuerySet[MemberFacts]", name: str, value: str | uuid.UUID
    ) -> "QuerySet[MemberFacts]":
        if value == POOL:
            return queryset.filter(owner=None)
        if value == ME:
            user: User = self.request.user
            return queryset.filter(owner=user)
        return queryset.filter(owner__public_id=value)

    def in_week(
        self, queryset: "QuerySet[MemberFacts]", name: str, value: date
    ) -> "QuerySet[MemberFacts]":
        monday = value - timedelta(days=value.weekday())
        return queryset.filter(
            term_ends_on__gte=monday, term_ends_on__lt=monday + timedelta(days=7)
        )


class QueueFilter(filters.FilterSet):
    """Narrows today's queue; ``on`` is the day it is for the person who asks."""

    owner = OwnerFilter(
        method="looked_after_by",
        label=_("Looked after by"),
        help_text=_("me, pool (nobody in particular), or the identifier of a person."),
    )
    member = filters.UUIDFilter(field_name="member__public_id", label=_("Member"))
    queue_class = filters.MultipleChoiceFilter(
        choices=QueueClass.choices,
        distinct=False,
        label=_("Class"),
        help_text=_("Classes of the queue."),
    )
    play = filters.CharFilter(field_name="play__key", label=_("Play"))
    state = filters.MultipleChoiceFilter(
        field_name="member__known__state",
        choices=State.choices,
        distinct=False,
        label=_("State"),
    )
    segment = SomeByKey(
        field_name="member__known__segment__key",
        queryset=Segment.objects.order_by("position"),
        to_field_name="key",
        label=_("Segment"),
        help_text=_("Keys of coverage segments."),
    )
    tier = filters.CharFilter(field_name="member__known__tier", label=_("Tier"))
    due = filters.ChoiceFilter(
        method="due_by",
        choices=[
            (OVERDUE, _("Overdue")),
            (DUE_TODAY, _("Until today")),
            (DUE_THIS_WEEK, _("Until Sunday")),
        ],
        label=_("Due"),
        help_text=_("Days are those of the person who asks."),
    )
    channel = filters.MultipleChoiceFilter(
        choices=Channel.choices,
        distinct=False,
        label=_("Way"),
        help_text=_("The way it is to be said."),
    )
    unserved = YesOrNo(
        method="without_time",
        label=_("Unserved"),
        help_text=_("What does not fit into the hours that one has this week."),
    )
    week_of = filters.UUIDFilter(
        method="leave",
        label=_("Whose week"),
        help_text=_("By identifier: of whom “unserved” asks. Left out: of whoever asks."),
    )

    class Meta:
        model = Intervention
        fields: list[str] = []

    def __init__(
        self, data: Any = None, queryset: Any = None, *, on: date, **options: Any
    ) -> None:
        super().__init__(data, queryset, **options)
        self.on = on

    def looked_after_by(
        self, queryset: "QuerySet[Intervention]", name: str, value: str | uuid.UUID
    ) -> "QuerySet[Intervention]":
        if value == POOL:
            return queryset.filter(owner=None)
        if value == ME:
            user: User = self.request.user
            return queryset.filter(owner=user)
        return queryset.filter(owner__public_id=value)

    def due_by(
        self, queryset: "QuerySet[Intervention]", name: str, value: str
    ) -> "QuerySet[Intervention]":
        on = self.on
        last = {
            OVERDUE: on - timedelta(days=1),
            DUE_TODAY: on,
            DUE_THIS_WEEK: on + timedelta(days=SUNDAY - on.weekday()),
        }[value]
        return queryset.filter(due_on__lte=last)

    def without_time(
        self, queryset: "QuerySet[Intervention]", name: str, value: bool
    ) -> "QuerySet[Intervention]":
        whose = self.form.cleaned_data.get("week_of")
        user: User | None = self.request.user
        if whose is not None:
            user = User.objects.filter(public_id=whose).first()
        left = Q(pk__in=week(user, as_of=self.on).unserved_ids if user is not None else ())
        return queryset.filter(left if value else ~left)

    def leave(
        self, queryset: "QuerySet[Intervention]", name: str, value: uuid.UUID
    ) -> "QuerySet[Intervention]":
        return queryset
