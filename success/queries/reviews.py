"""Reviews: what they are about, when there is room for them, and who has none ahead."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from communications.enums import MessageStatus
from communications.models import Message
from config.kernel.clock import local_moment
from coverage.models import Assignment, AxProfile
from members.enums import Role
from members.models import Affiliation, Member, Person, User
from success.engine import agenda as engine
from success.engine.agenda import Topic
from success.enums import AskStatus, ReviewStatus, Side, Standing
from success.models import (
    Accountability,
    Ask,
    CalendarFeed,
    DesiredOutcome,
    GapAnswer,
    Plan,
    Review,
    ReviewGuest,
)
from success.queries.asks import eligibility
from success.queries.members import VectorReading, vector_on
from success.querysets import ReviewQuerySet
from success.senders import calendars

MAIL_KEY = "review"  # what the names of messages about reviews begin with

MINUTES = 45
DAY_BEGINS, DAY_ENDS = time(9), time(17)
AHEAD_DAYS = 120
FEED_DAYS_BACK = 366
SATURDAY = 5
# For keyset paging of the lists.
AHEAD_ORDER = ("starts_at", "pk")
HELD_ORDER = ("-held_on", "-pk")
WITHOUT_ORDER = ("name", "pk")


# The title and the words of each point, as a member may read them.
SAID: Mapping[Topic, tuple[Any, Any]] = {
    Topic.WISH: (gettext_lazy("What you want to talk about"), "%(wish)s"),
    Topic.GOAL: (gettext_lazy("Is this still your goal?"), gettext_lazy("“%(goal)s”")),
    Topic.NO_GOAL: (
        gettext_lazy("What do you want to achieve?"),
        gettext_lazy("We have not agreed a goal yet."),
    ),
    Topic.REACHED: (
        gettext_lazy("What you have reached"),
        gettext_lazy("Since we last looked at it together:"),
    ),
    Topic.NEXT: (gettext_lazy("Next: %(next)s"), gettext_lazy("It waits for:")),
    Topic.FINISHED: (
        gettext_lazy("What is your next goal?"),
        gettext_lazy("You have come all the way. We owe you a plan for what is next."),
    ),
    Topic.OURS_LATE: (
        gettext_lazy("What we owe you"),
        gettext_lazy("We promised this, and it is late:"),
    ),
    Topic.THEIRS_LATE: (
        gettext_lazy("What you wanted to do"),
        gettext_lazy("Is it still right, and what would help?"),
    ),
    Topic.WAY: (
        gettext_lazy("Is this the right way to work together?"),
        gettext_lazy("How often, how, and with whom of us: what should change?"),
    ),
    Topic.GAP: (
        gettext_lazy("Are you getting closer to your goal?"),
        gettext_lazy("Yes, no, or not sure: your answer, in your words."),
    ),
    Topic.ASK: (gettext_lazy("Something we agreed to ask you"), "%(ask)s"),
}


@dataclass(frozen=True, kw_only=True)
class AgendaItem:
    """A point of a review as it is read. ``note`` is for staff, and never shown to members.

    ``topic`` is a value of ``engine.agenda.Topic``; ``lines`` stand below the words.
    """

    topic: str
    title: str
    words: str
    lines: tuple[str, ...] = ()
    note: str = ""
    is_urgent: bool = False

    def to_data(self) -> dict[str, Any]:
        """The item as it is kept with a review that was held."""
        return asdict(self) | {"lines": list(self.lines)}


def agenda(member: Member, *, as_of: date) -> tuple[AgendaItem, ...]:
    """Return what a review of ``member`` on a day is about, made from the plan in force then.

    Never empty: without a goal, the first point is to find it. Titles, words and lines may be
    shown to the member, notes to staff only. A fixed number of queries, and some for each ask
    at a milestone that stands.
    """
    reading = vector_on(member, as_of=as_of)
    known = _known(member, reading, as_of=as_of)
    notes = _notes(member, known, as_of=as_of)
    return tuple(
        _item(point, known=known, note=notes.get(point.topic, ""))
        for point in engine.points(known, as_of=as_of)
    )


def kept_agenda(review: Review) -> tuple[AgendaItem, ...]:
    """Return the agenda as it stood when ``review`` was held; empty before."""
    return tuple(
        AgendaItem(**(item | {"lines": tuple(item.get("lines", ()))})) for item in review.agenda
    )


def _known(member: Member, reading: VectorReading, *, as_of: date) -> engine.Known:
    outcome = primary_outcome(member)
    plan = reading.plan
    ahead = next_review(member)
    upcoming = next((one for one in reading.milestones if one.is_next), None)
    promised = _open_promises(plan, as_of=as_of)
    since = _last_held_on(member, before=as_of) or (plan.anchor_on if plan else as_of)
    return engine.Known(
        wish=ahead.note.strip() if ahead else "",
        goal=outcome.goal if outcome else (plan.goal if plan else ""),
        measure=outcome.measure if outcome else "",
        confirmed_on=outcome.confirmed_on if outcome else None,
        has_plan=bool(reading.milestones),
        reached=tuple(
            engine.Station(one.title, one.achieved_on)
            for one in reading.milestones
            if one.achieved_on is not None and one.achieved_on >= since
        ),
        next=engine.Station(upcoming.title, upcoming.expected_on) if upcoming else None,
        waits_for=tuple(
            _due(promise)
            for promise in promised
            if upcoming is not None
            and promise.milestone is not None
            and promise.milestone.position == upcoming.position
        ),
        late=tuple(_due(promise) for promise in promised if promise.due_on < as_of),
        ask=_ask(reading),
    )


def primary_outcome(member: Member) -> DesiredOutcome | None:
    """Return the Desired Outcome that drives the member's vector; null where none is known."""
    return DesiredOutcome.objects.filter(member=member, is_primary=True, ended_on=None).first()


def _open_promises(plan: Plan | None, *, as_of: date) -> list[Accountability]:
    """The promises of a plan that are open on a day, the one due first before the others."""
    if plan is None:
        return []
    undone = Q(done_on=None) | Q(done_on__gt=as_of)
    binding = Q(waived_on=None) | Q(waived_on__gt=as_of)
    return list(
        plan.accountabilities.filter(undone, binding)
        .select_related("milestone")
        .order_by("due_on", "pk")
    )


def _due(promise: Accountability) -> engine.Due:
    return engine.Due(promise.title, promise.due_on, promise.side == Side.ASSOCIATION)


def _last_held_on(member: Member, *, before: date) -> date | None:
    """The day of the last review held by a day; null where there was none."""
    held = Review.objects.held().filter(member=member, held_on__lte=before)
    return held.order_by("-held_on").values_list("held_on", flat=True).first()


def _ask(reading: VectorReading) -> str:
    """What they agreed to be asked and may be asked now; blank: nothing."""
    if reading.plan is None:
        return ""
    standing = [one.position for one in reading.milestones if one.achieved_on is not None]
    announced = Ask.objects.filter(
        plan=reading.plan,
        status=AskStatus.ANNOUNCED,
        consented_on__lte=reading.as_of,
        milestone__position__in=standing,
    )
    rows = announced.select_related("plan", "milestone", "offer")
    for ask in rows.order_by("milestone__position", "pk"):
        if eligibility(ask, as_of=reading.as_of).is_eligible:
            return ask.offer.title if ask.offer else str(ask.get_advocacy_display())
    return ""


def _notes(member: Member, known: engine.Known, *, as_of: date) -> dict[Topic, str]:
    """What staff should have in mind at a point."""
    notes: dict[Topic, str] = {}
    if known.confirmed_on is not None:
        words = {"day": _day(known.confirmed_on), "n": (as_of - known.confirmed_on).days}
        notes[Topic.GOAL] = _("Last confirmed on %(day)s, %(n)s days ago.") % words
    elif known.goal:
        notes[Topic.GOAL] = _("Nobody has confirmed it yet.")
    if known.next is not None and known.next.on is not None and known.next.on < as_of:
        words = {"day": _day(known.next.on)}
        notes[Topic.NEXT] = _("It was expected by %(day)s.") % words
    profile = AxProfile.objects.filter(member=member, superseded_on=None).first()
    notes[Topic.WAY] = (
        _("Their Appropriate Experience was last described on %(day)s.")
        % {"day": _day(profile.valid_from)}
        if profile
        else _("Their Appropriate Experience is not described yet.")
    )
    answers = GapAnswer.objects.filter(member=member, on__lte=as_of)
    if last := answers.order_by("-on", "-pk").first():
        words = {"answer": last.get_answer_display(), "day": _day(last.on)}
        notes[Topic.GAP] = _("On %(day)s they answered: %(answer)s.") % words
    notes[Topic.ASK] = _("They agreed to be asked, and the milestone is confirmed. Ask once.")
    notes[Topic.FINISHED] = _("It is on us to agree the next goal within 14 days.")
    return notes


def _item(point: engine.Point, *, known: engine.Known, note: str) -> AgendaItem:
    title, words = SAID[point.topic]
    values = {
        "wish": known.wish,
        "goal": known.goal,
        "next": known.next.title if known.next else "",
        "ask": known.ask,
    }
    if point.topic == Topic.NEXT and not point.promises:
        words = gettext_lazy("What would bring it closer?")
    return AgendaItem(
        topic=point.topic.value,
        title=str(title) % values,
        words=str(words) % values,
        lines=tuple(_lines(point, known=known)),
        note=note,
        is_urgent=point.is_urgent,
    )


def _lines(point: engine.Point, *, known: engine.Known) -> list[str]:
    """What stands below the words of a point, as a member may read it."""
    match point.topic:
        case Topic.GOAL if known.measure:
            return [_("We will both know by this: %(measure)s") % {"measure": known.measure}]
        case Topic.REACHED:
            return [
                _("%(title)s, on %(day)s") % {"title": one.title, "day": _day(one.on)}
                for one in point.stations
                if one.on is not None
            ]
        case Topic.NEXT:
            return [_waits(promise) for promise in point.promises]
        case Topic.OURS_LATE | Topic.THEIRS_LATE:
            return [_was_due(promise) for promise in point.promises]
    return []


def _waits(promise: engine.Due) -> str:
    words = {"title": promise.title, "day": _day(promise.due_on)}
    if promise.is_ours:
        return _("from us: %(title)s, by %(day)s") % words
    return _("from you: %(title)s, by %(day)s") % words


def _was_due(promise: engine.Due) -> str:
    words = {"title": promise.title, "day": _day(promise.due_on)}
    return _("%(title)s, due %(day)s") % words


def _day(day: date) -> str:
    return date_format(day, "j F Y")


# --- one member's reviews ---------------------------------------------------------------------


def next_review(member: Member) -> Review | None:
    """Return the review that is agreed with ``member``, its hour passed or not; else null."""
    return (
        Review.objects.ahead()
        .filter(member=member)
        .select_related("organiser", "member")
        .first()
    )


def past_reviews(member: Member) -> ReviewQuerySet:
    """Return the reviews held with ``member``, the latest first, with who held them."""
    held = Review.objects.held().filter(member=member)
    return held.select_related("organiser", "held_by").order_by("-held_on", "-pk")


def organiser_of(member: Member) -> User | None:
    """Return who looks after ``member`` and so holds their reviews; null where a pool does."""
    assignment = Assignment.objects.filter(member=member, owner__is_active=True)
    found = assignment.select_related("owner").first()
    return found.owner if found else None


def possible_guests(member: Member, *, as_of: date) -> "QuerySet[Person]":
    """Return those at ``member`` on a day who have an address, the main contact first.

    Annotates ``is_primary``.
    """
    places = _places(member, as_of=as_of)
    return (
        Person.objects.filter(Exists(places))
        .exclude(email="")
        .annotate(is_primary=Exists(places.filter(is_primary_contact=True)))
        .order_by("-is_primary", "name", "pk")
    )


def main_contacts(member: Member, *, as_of: date) -> "QuerySet[Person]":
    """Return those of ``possible_guests`` who are invited where nobody says otherwise."""
    places = _places(member, as_of=as_of).filter(is_primary_contact=True)
    return Person.objects.filter(Exists(places)).exclude(email="").order_by("name", "pk")


def _places(member: Member, *, as_of: date) -> "QuerySet[Affiliation]":
    lasting = Q(ends_on=None) | Q(ends_on__gt=as_of)
    return Affiliation.objects.filter(
        lasting, member=member, starts_on__lte=as_of, person=OuterRef("pk")
    )


def proposed_next(review: Review) -> datetime:
    """Return when the next review would be: 91 days on, so the same weekday, the same hour.

    The hour on the wall in the zone of the review, whatever the clocks do in between
    (ARCHITECTURE 3); in UTC.
    """
    local = review.starts_at.astimezone(ZoneInfo(review.time_zone))
    day = local.date() + timedelta(days=engine.REVIEW_EVERY_DAYS)
    return local_moment(day, local.time(), zone=review.time_zone)


# --- room in a calendar -----------------------------------------------------------------------


def free_slots(
    organiser: User, *, from_day: date, days: int, zone: str, besides: Review | None = None
) -> tuple[datetime, ...]:
    """Return when ``organiser`` has room for a review, each moment aware and in ``zone``.

    Whole hours from nine to five on weekdays, on the organiser's own clock, 45 minutes each,
    less the reviews they have agreed (``besides`` one that is to be moved). ``days`` days are
    looked at from ``from_day``, a date on the organiser's calendar. What is past is not left
    out: nothing here knows what time it is. One query.
    """
    own, place = organiser.time_zone, ZoneInfo(zone)
    begin = local_moment(from_day, time(0), zone=own)
    until = local_moment(from_day + timedelta(days=days), time(0), zone=own)
    agreed = Review.objects.ahead().filter(organiser=organiser).overlapping(begin, until)
    if besides is not None:
        agreed = agreed.exclude(pk=besides.pk)
    taken = [
        (starts_at, starts_at + timedelta(minutes=minutes))
        for starts_at, minutes in agreed.order_by("pk").values_list("starts_at", "minutes")
    ]
    return tuple(
        moment.astimezone(place)
        for day in (from_day + timedelta(days=number) for number in range(days))
        if day.weekday() < SATURDAY
        for moment in _hours(day, zone=own)
        if not any(
            begins < moment + timedelta(minutes=MINUTES) and moment < ends
            for begins, ends in taken
        )
    )


def _hours(day: date, *, zone: str) -> list[datetime]:
    return [
        local_moment(day, time(hour), zone=zone)
        for hour in range(DAY_BEGINS.hour, DAY_ENDS.hour)
    ]


# --- lists ------------------------------------------------------------------------------------


def mine(user: User) -> ReviewQuerySet:
    """Return the reviews that ``user`` holds, or that are of members they look after."""
    seen = Review.objects.visible_to(user)
    return seen.filter(Q(organiser=user) | Q(member__assignment__owner=user))


def ahead(reviews: ReviewQuerySet, *, at: datetime) -> ReviewQuerySet:
    """Return those of the next 120 days; to be paged by ``AHEAD_ORDER``."""
    until = at + timedelta(days=AHEAD_DAYS)
    return (
        reviews.ahead()
        .filter(starts_at__gt=at, starts_at__lte=until)
        .select_related("member", "organiser")
    )


def to_hold(reviews: ReviewQuerySet, *, at: datetime) -> ReviewQuerySet:
    """Return those whose hour has come and that nobody has closed; by ``AHEAD_ORDER``."""
    return reviews.to_hold(at=at).select_related("member", "organiser")


def held(reviews: ReviewQuerySet) -> ReviewQuerySet:
    """Return those that were held, to be paged by ``HELD_ORDER``."""
    return reviews.held().select_related("member", "organiser")


def without_review(user: User, *, is_team: bool) -> "QuerySet[Member]":
    """Return members with a plan and in membership for whom no review is agreed.

    Those of ``user``, or of everybody whose members they may see (for an MSM, their own and
    the pools'). Annotates ``last_held_on``, null before the first, and ``plan_counts_from``;
    with ``known`` and who looks after them. To be paged by ``WITHOUT_ORDER``; one query.
    """
    members = Member.objects.visible_to(user)
    if not is_team:
        members = members.filter(assignment__owner=user)
    elif user.role == Role.MSM:
        members = members.filter(Q(assignment__owner=user) | Q(assignment__owner=None))
    last = Review.objects.held().filter(member=OuterRef("pk")).order_by("-held_on")
    current = Plan.objects.filter(member=OuterRef("pk"), closed_on=None)
    return (
        members.filter(
            Exists(current),
            ~Exists(Review.objects.ahead().filter(member=OuterRef("pk"))),
            known__standing__in=[Standing.IN_FORCE, Standing.IN_GRACE],
        )
        .annotate(
            last_held_on=Subquery(last.values("held_on")[:1]),
            plan_counts_from=Subquery(current.values("counts_from")[:1]),
        )
        .select_related("known", "assignment__owner")
    )


def review_due_on(*, last_held_on: date | None, plan_counts_from: date) -> date:
    """Return the day by which a review should be: 91 days after the last, or after the plan."""
    return (last_held_on or plan_counts_from) + timedelta(days=engine.REVIEW_EVERY_DAYS)


# --- calendars --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A person's calendar, as text, and whose it is."""

    user: User
    text: str


def secret_hash(secret: str) -> str:
    """Return the SHA-256 by which the secret of a feed is known."""
    return hashlib.sha256(secret.encode()).hexdigest()


def feed_of(secret: str, *, at: datetime) -> Feed | None:
    """Return the calendar behind a secret; null for one that is wrong, ended, or of nobody.

    Staff get the reviews that they hold, a member's log-in those of the member: agreed ones,
    and those held in the last year. Three queries at most.
    """
    found = (
        CalendarFeed.objects.filter(secret_hash=secret_hash(secret), revoked_at=None)
        .select_related("user")
        .first()
    )
    if found is None or not found.user.is_active:
        return None
    user = found.user
    reviews = Review.objects.visible_to(user).filter(
        status__in=[ReviewStatus.SCHEDULED, ReviewStatus.HELD],
        starts_at__gte=at - timedelta(days=FEED_DAYS_BACK),
    )
    if user.role != Role.MEMBER:
        reviews = reviews.filter(organiser=user)
    rows = reviews.select_related("member", "organiser").order_by("starts_at", "pk")
    name = _("Reviews, %(association)s") % {"association": association_name()}
    text = calendars.feed([meeting(row, at=row.changed_at) for row in rows], name=name)
    return Feed(user=user, text=text)


def meeting(
    review: Review, *, at: datetime, guests: Sequence[Person] = (), description: str = ""
) -> calendars.Meeting:
    """Return ``review`` as a calendar's event; ``at`` is when the event was written.

    Its UID is the review's identifier at the domain that we write from. ``guests`` without an
    address cannot be told, and are left out.
    """
    organiser = review.organiser
    return calendars.Meeting(
        uid=f"{review.public_id}@{_host()}",
        sequence=review.sequence,
        summary=_("Review: %(member)s and %(association)s")
        % {"member": review.member.name, "association": association_name()},
        description=description,
        starts_at=review.starts_at,
        minutes=review.minutes,
        time_zone=review.time_zone,
        place=review.place,
        organiser=calendars.Party(organiser.name, organiser.email) if organiser else None,
        guests=[
            calendars.Party(guest.name, guest.email.strip())
            for guest in guests
            if guest.email.strip()
        ],
        stamped_at=at,
        created_at=review.created_at,
        changed_at=review.changed_at,
    )


def guests_of(review: Review) -> list[Person]:
    """Return who is invited, by name."""
    rows = ReviewGuest.objects.filter(review=review).select_related("person")
    return [row.person for row in rows.order_by("person__name", "pk")]


def not_reached(review: Review) -> list[tuple[str, str]]:
    """Return whom the newest mail about ``review`` did not reach, by name, and why in words.

    What still waits is not among them; one statement.
    """
    rows = Message.objects.filter(
        Q(status__in=[MessageStatus.SUPPRESSED, MessageStatus.UNKNOWN])
        | Q(returned_at__isnull=False),
        member=review.member_id,
        dedupe_key__startswith=f"{MAIL_KEY}:{review.public_id}:{review.sequence}:",
    ).select_related("person")
    return [
        (
            row.person.name if row.person else "",
            _("it came back") if row.returned_at else row.outcome or row.get_status_display(),
        )
        for row in rows.order_by("person__name", "pk")
    ]


def association_name() -> str:
    """Return what the association calls itself."""
    name: str = settings.WAYMARK_ASSOCIATION
    return name


def _host() -> str:
    address: str = settings.DEFAULT_FROM_EMAIL
    return address.rpartition("@")[2].rstrip("> ") or "localhost"


def said_when(review: Review, *, zone: str = "") -> str:
    """Return when it is, as people say it, on the clock of ``zone``.

    Without one it is the zone in which it was agreed.
    """
    zone = zone or review.time_zone
    local = review.starts_at.astimezone(ZoneInfo(zone))
    words = {
        "day": date_format(local, "l, j F Y"),
        "time": date_format(local, "H:i"),
        "zone": zone.replace("_", " "),
    }
    return _("%(day)s at %(time)s (%(zone)s)") % words
