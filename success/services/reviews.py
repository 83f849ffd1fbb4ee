"""Reviews: agreed, moved, cancelled and held; whoever is invited is told by the outbox.

Callers fetch reviews and members through ``visible_to``; a refusal here is about their state.
A review is changed by whoever saw it as it is: ``review.sequence`` is the version they saw.

Invitations go to people of the member, for the outbox writes to people. Whoever holds the
review has it in their calendar by its feed.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from communications.enums import CalendarMethod, MessageStatus, NoticeKind, Purpose
from communications.models import Message
from communications.services import notices, outbox, templates
from config.kernel.clock import association_zone, local_date
from coverage.enums import EffortSource, Modality
from coverage.services import effort
from members.models import Member, Person, User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.enums import ConfirmedIn, GapAnswerChoice, ReviewStatus
from success.models import (
    CalendarFeed,
    GapAnswer,
    Review,
    ReviewGuest,
)
from success.queries import reviews as reads
from success.queries.members import plan_on
from success.senders import calendars
from success.senders.calendars import Method
from success.services import outcomes

SHORTEST, LONGEST = 5, 8 * 60
DEDUPE = reads.MAIL_KEY
OVERTAKEN = "The review was changed or closed before this left"
SECRET_BYTES = 32
WHOLE_CHANGES = ("starts_at", "minutes", "place")

GAPS: Mapping[str, tuple[str, str]] = {
    "name": ("who is invited", "Kim Adeyemi"),
    "member": ("the member", "Harbour Works"),
    "association": ("the name of the association", "Northern Guild"),
    "organiser": ("who invites", "Mira Lindqvist"),
    "when": ("day, hour and zone", "Wednesday, 12 August 2026 at 10:00 (Europe/London)"),
    "minutes": ("how long", "45"),
    "place": ("where", "https://meet.example.org/review"),
    "agenda": ("what there is to talk about", "- Two engineers have contributed a change"),
    "reason": ("why it does not take place", "Kim Adeyemi is away that week."),
}
TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "review-arranged": {
        "title": "Invitation to a review",
        "subject": "Your review with {{ association }}: {{ when }}",
        "body": (
            "Dear {{ name }},\n\n"
            "you are invited to a review of what {{ member }} wants to achieve, and of what "
            "each of us has promised.\n\n"
            "When: {{ when }}, {{ minutes }} minutes\n"
            "Where: {{ place }}\n"
            "With: {{ organiser }}\n\n"
            "What we will talk about:\n{{ agenda }}\n\n"
            "The invitation for your calendar is enclosed. If the time does not suit you, "
            "tell us, and we will find another.\n"
        ),
    },
    "review-moved": {
        "title": "A review at another time",
        "subject": "Your review with {{ association }} has changed: {{ when }}",
        "body": (
            "Dear {{ name }},\n\n"
            "the review with {{ member }} is now to be:\n\n"
            "When: {{ when }}, {{ minutes }} minutes\n"
            "Where: {{ place }}\n"
            "With: {{ organiser }}\n\n"
            "The enclosed invitation brings your calendar up to date.\n"
        ),
    },
    "review-cancelled": {
        "title": "A review that does not take place",
        "subject": "Your review with {{ association }} does not take place",
        "body": (
            "Dear {{ name }},\n\n"
            "the review with {{ member }} on {{ when }} does not take place.\n\n"
            "Why: {{ reason }}\n\n"
            "The enclosed note takes it out of your calendar.\n"
        ),
    },
}


class ReviewRefused(Exception):
    """What was asked of a review cannot be; the words may be shown on a page."""


class AlreadyScheduled(ReviewRefused):
    """A member has one review ahead at a time; ``review`` is the one there is."""

    def __init__(self, review: Review | None) -> None:
        self.review = review
        super().__init__(_("A review is agreed with this member already. Move it instead."))


class OrganiserBusy(ReviewRefused):
    """Whoever is to hold it has another review then; ``review`` is the one in the way."""

    def __init__(self, review: Review) -> None:
        self.review = review
        words = {"who": review.organiser or _("Somebody")}
        super().__init__(_("%(who)s has another review at that time.") % words)


class NotAhead(ReviewRefused, ValueError):
    """A review is agreed for a time to come."""


class NotAsLong(ReviewRefused, ValueError):
    """A review takes between five minutes and eight hours."""


class UnknownZone(ReviewRefused, ValueError):
    """There is no time zone of this name."""


class NotAGuest(ReviewRefused, ValueError):
    """Only people of the member who have an address can be invited."""


class NobodyToMeet(ReviewRefused):
    """Nobody in particular looks after the member, so there is no calendar to look into."""


class SlotTaken(ReviewRefused):
    """The time is not free, or not one that is offered."""


class NotAgreed(ReviewRefused):
    """The review was held or cancelled already."""


class Overtaken(ReviewRefused):
    """Somebody else changed the review meanwhile; ``review`` is as it is now."""

    def __init__(self, review: Review) -> None:
        self.review = review
        super().__init__(_("Somebody else has changed this review meanwhile."))


class NotConfirmable(ReviewRefused):
    """The goal cannot be confirmed on that day: it was said later, or is replaced."""


class HeldTooSoon(ReviewRefused, ValueError):
    """A review is held today or was held on a day before."""


@transaction.atomic
def schedule(  # noqa: PLR0913  # a review has that many parts
    *,
    member: Member,
    organiser: User,
    starts_at: datetime,
    minutes: int,
    time_zone: str,
    place: str,
    guests: Collection[Person],
    note: str,
    by: User,
    at: datetime,
) -> Review:
    """Agree a review with ``member``, invite the guests, and return it.

    ``time_zone`` is the IANA name of the zone in whose clock it was agreed; calendars keep that
    time on the wall. No ``guests`` means the member's main contact, if they have an address;
    where they have none, nobody is invited and the review stands all the same. Asked again
    with the same words, it returns the review there is. Raises ``NotAhead``, ``NotAsLong``,
    ``UnknownZone``, ``NotAGuest``, ``OrganiserBusy`` or ``AlreadyScheduled``.
    """
    _require_sense(starts_at=starts_at, minutes=minutes, time_zone=time_zone, at=at)
    invited = _invited(member, guests, at=at)
    _hold_calendar(organiser)
    there = reads.next_review(member)
    if there is not None:
        if (there.organiser_id, there.starts_at) == (organiser.pk, starts_at):
            return there
        raise AlreadyScheduled(there)
    _require_free(organiser, starts_at=starts_at, minutes=minutes)
    try:
        with transaction.atomic():
            review = Review.objects.create(
                member=member,
                plan=plan_on(member, as_of=_day(at)),
                organiser=organiser,
                starts_at=starts_at,
                minutes=minutes,
                time_zone=time_zone,
                place=place.strip(),
                note=note.strip(),
                created_at=at,
                changed_at=at,
            )
    except IntegrityError as error:
        # Somebody else agreed one with the member between our look and our word.
        raise AlreadyScheduled(reads.next_review(member)) from error
    review = _fresh(review)
    ReviewGuest.objects.bulk_create(ReviewGuest(review=review, person=one) for one in invited)
    _invite(review, template="review-arranged", at=at)
    _tell_organiser(review, title=_("A review with you was agreed: %(member)s"), by=by, at=at)
    _record(
        review,
        verb="review.scheduled",
        summary=f"A review was agreed for {starts_at:%Y-%m-%d %H:%M} UTC",
        after={**_whole(review), "time_zone": time_zone, "organiser": organiser.public_id},
        by=by,
        at=at,
    )
    return review


@transaction.atomic
def book(*, member: Member, starts_at: datetime, note: str, by: User, at: datetime) -> Review:
    """Agree a review at one of the free times of whoever looks after ``member``; return it.

    For a member's own page. It is in the zone of ``by``, who is invited with the main contact.
    Raises ``NobodyToMeet``, ``SlotTaken`` or ``AlreadyScheduled``.
    """
    organiser = reads.organiser_of(member)
    if organiser is None:
        raise NobodyToMeet(_("Nobody in particular looks after you yet. Write to us."))
    _hold_calendar(organiser)
    there = reads.next_review(member)
    if there is not None and there.starts_at != starts_at:
        raise AlreadyScheduled(there)
    if there is None:
        _require_slot(organiser, starts_at=starts_at, at=at)
    zone = by.time_zone
    people = reads.possible_guests(member, as_of=_day(at))
    main = reads.main_contacts(member, as_of=_day(at))
    guests = people.filter(Q(pk__in=main.order_by().values("pk")) | Q(pk=by.person_id))
    return schedule(
        member=member,
        organiser=organiser,
        starts_at=starts_at,
        minutes=reads.MINUTES,
        time_zone=zone,
        place="",
        guests=list(guests),
        note=note,
        by=by,
        at=at,
    )


@transaction.atomic
def rebook(*, review: Review, starts_at: datetime, by: User, at: datetime) -> Review:
    """Move a review to another of the free times of whoever holds it, and return it.

    For a member's own page; raises ``NobodyToMeet``, ``SlotTaken`` and what ``move`` raises.
    """
    if review.organiser is None:
        raise NobodyToMeet(_("Nobody in particular looks after you yet. Write to us."))
    _hold_calendar(review.organiser)
    _require_slot(review.organiser, starts_at=starts_at, at=at, besides=review)
    return move(review=review, starts_at=starts_at, minutes=review.minutes, by=by, at=at)


@transaction.atomic
def move(  # noqa: PLR0913  # a review has that many parts
    *,
    review: Review,
    starts_at: datetime,
    minutes: int,
    by: User,
    at: datetime,
    place: str | None = None,
) -> Review:
    """Give a review another time, length or place, tell the guests, and return it.

    ``place`` null leaves it. ``review`` is as the caller saw it: where its ``sequence`` has
    been passed meanwhile, ``Overtaken`` is raised, so of two who move it at once one wins and
    the other is told. Moving it to where it is changes and sends nothing. An invitation that
    still waits in the outbox is withdrawn. Raises ``NotAgreed``, ``NotAhead``, ``NotAsLong``
    and ``OrganiserBusy``, too.
    """
    _hold_calendar(review.organiser)
    row = _held(review)
    wanted = {
        "starts_at": starts_at,
        "minutes": minutes,
        "place": row.place if place is None else place.strip(),
    }
    if row.status == ReviewStatus.SCHEDULED and _whole(row) == wanted:
        return row
    _require_agreed(row, seen=review)
    _require_sense(starts_at=starts_at, minutes=minutes, time_zone=row.time_zone, at=at)
    if row.organiser is not None:
        _require_free(row.organiser, starts_at=starts_at, minutes=minutes, besides=row)
    before = _whole(row)
    for name, value in wanted.items():
        setattr(row, name, value)
    row.sequence += 1
    row.changed_at = at
    row.save(update_fields=[*wanted, "sequence", "changed_at"])
    was_told = _take_back(row, at=at)
    _invite(row, template="review-moved", told=was_told, at=at)
    _tell_organiser(row, title=_("A review with you has changed: %(member)s"), by=by, at=at)
    _record(
        row,
        verb="review.moved",
        summary=f"A review was moved to {starts_at:%Y-%m-%d %H:%M} UTC",
        before=before,
        after=_whole(row),
        by=by,
        at=at,
    )
    return row


@transaction.atomic
def cancel(*, review: Review, reason: str, by: User, at: datetime) -> Review:
    """Call a review off, tell those who were invited to it, and return it.

    Guests whose invitation never left are not told. Cancelling again changes nothing. Raises
    ``Overtaken`` as ``move`` does, and ``NotAgreed`` once it was held.
    """
    row = _held(review)
    if row.status == ReviewStatus.CANCELLED:
        return row
    _require_agreed(row, seen=review)
    row.status = ReviewStatus.CANCELLED
    row.cancelled_reason = reason.strip()
    row.sequence += 1
    row.changed_at = at
    row.save(update_fields=["status", "cancelled_reason", "sequence", "changed_at"])
    _call_off(row, reason=row.cancelled_reason or _("It was called off."), at=at)
    _tell_organiser(row, title=_("A review with you is off: %(member)s"), by=by, at=at)
    _record(
        row,
        verb="review.cancelled",
        summary="A review was cancelled",
        before={"status": ReviewStatus.SCHEDULED.value},
        after={"status": ReviewStatus.CANCELLED.value},
        by=by,
        at=at,
    )
    return row


@transaction.atomic
def hold(  # noqa: PLR0913  # what comes of a review
    *,
    review: Review,
    on: date,
    outcome: str,
    goal_confirmed: bool | None,
    gap_answer: GapAnswerChoice | str | None,
    gap_words: str,
    next_starts_at: datetime | None,
    by: User,
    at: datetime,
) -> Review:
    """Close a review with what came of it, set the next one in the same act, and return it.

    ``outcome`` is what was agreed, in words. ``goal_confirmed`` true confirms the member's
    Desired Outcome on that day; null: it was not spoken about. ``gap_answer`` is what they said
    to “are you getting closer to your goal?”; null: not asked. ``next_starts_at`` null sets no
    next one. Its minutes are logged as effort of whoever held it. The agenda is kept as it
    stands on ``on``. A review held before its hour is taken
    out of the guests' calendars. Holding it again in the same words returns it and changes
    nothing. Raises ``HeldTooSoon``, ``NotConfirmable``, ``Overtaken``, ``NotAgreed``, and for
    the next one what ``schedule`` raises: then nothing is kept, and the words can be sent
    again.
    """
    _hold_calendar(review.organiser)  # before the review, as everybody takes them
    row = _held(review)
    said = outcome.strip()
    if row.status == ReviewStatus.HELD and (row.held_on, row.outcome) == (on, said):
        return row
    _require_agreed(row, seen=review)
    if on > _day(at):
        raise HeldTooSoon(_("This day is still to come."))
    row.agenda = [item.to_data() for item in reads.agenda(row.member, as_of=on)]
    row.status = ReviewStatus.HELD
    row.held_on, row.held_by = on, by
    row.outcome, row.goal_confirmed = said, goal_confirmed
    is_early = row.starts_at > at
    row.sequence += 1 if is_early else 0
    row.changed_at = at
    row.save(
        update_fields=[
            "agenda",
            "status",
            "held_on",
            "held_by",
            "outcome",
            "goal_confirmed",
            "sequence",
            "changed_at",
        ]
    )
    if is_early:
        _call_off(row, reason=_("We have had it already."), at=at)
    else:
        _take_back(row, at=at)
    if row.minutes:
        effort.log(
            member=row.member,
            by=row.organiser or by,
            on=on,
            minutes=row.minutes,
            modality=Modality.SYNC,
            note="",
            source=EffortSource.REVIEW,
            source_key=str(row.public_id),
            at=at,
        )
    if goal_confirmed:
        _confirm_goal(row.member, on=on, by=by, at=at)
    if gap_answer:
        _answer(
            member=row.member,
            review=row,
            answer=GapAnswerChoice(gap_answer),
            words=gap_words,
            said_in=ConfirmedIn.REVIEW,
            on=on,
            by=by,
            at=at,
        )
    _record(
        row,
        verb="review.held",
        summary=f"A review was held on {on.isoformat()}",
        before={"status": ReviewStatus.SCHEDULED.value},
        after={"status": ReviewStatus.HELD.value, "goal_confirmed": goal_confirmed},
        by=by,
        at=at,
    )
    if next_starts_at is not None:
        _follow(row, starts_at=next_starts_at, by=by, at=at)
    return row


@transaction.atomic
def answer_gap(  # noqa: PLR0913  # what was answered, and how
    *,
    member: Member,
    answer: GapAnswerChoice | str,
    words: str,
    said_in: ConfirmedIn | str,
    on: date,
    by: User,
    at: datetime,
) -> GapAnswer:
    """Keep what ``member`` says to “are you getting closer to your goal?”, and return it.

    The newest answer counts, and every one is kept. The same words again on the same day from
    the same person are the same answer.
    """
    return _answer(
        member=member,
        review=None,
        answer=GapAnswerChoice(answer),
        words=words,
        said_in=ConfirmedIn(said_in),
        on=on,
        by=by,
        at=at,
    )


@transaction.atomic
def feed_secret(*, user: User, at: datetime) -> str:
    """Make a new secret for the calendar of ``user``, and return it: it is not kept.

    The one before ends at once. Made by the person themselves.
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    feed, _is_new = CalendarFeed.objects.update_or_create(
        user=user,
        defaults={
            "secret_hash": reads.secret_hash(secret),
            "made_at": at,
            "revoked_at": None,
        },
    )
    audit.record(
        verb="calendar.opened",
        subject=feed,
        member_id=user.member_id,
        summary="A calendar address was made; any one before ended",
        by=user,
        at=at,
    )
    return secret


@transaction.atomic
def revoke_feed(*, user: User, at: datetime) -> bool:
    """End the calendar address of ``user``; false if there was none that worked."""
    feed = CalendarFeed.objects.select_for_update().filter(user=user, revoked_at=None).first()
    if feed is None:
        return False
    feed.revoked_at = at
    feed.save(update_fields=["revoked_at"])
    audit.record(
        verb="calendar.closed",
        subject=feed,
        member_id=user.member_id,
        summary="A calendar address was ended",
        by=user,
        at=at,
    )
    return True


def objection(*, message: Message, at: datetime) -> str | None:  # noqa: ARG001  # asked so
    """Return why an invitation must not go after all; None for any other message.

    Asked in the sending transaction: a newer version may have been agreed while this one was
    being handed over and came back.
    """
    if not message.dedupe_key.startswith(f"{DEDUPE}:"):
        return None
    public_id, sequence = message.dedupe_key.split(":")[1:3]
    now = Review.objects.filter(public_id=public_id).values_list("sequence", "status").first()
    if now is None:
        return "The review is gone"
    if now[0] != int(sequence):
        return OVERTAKEN
    if now[1] == ReviewStatus.HELD and message.calendar_method == CalendarMethod.REQUEST:
        return OVERTAKEN
    return None


# --- what stands in the way -------------------------------------------------------------------


def _day(at: datetime) -> date:
    return local_date(at, zone=association_zone())


def _require_sense(*, starts_at: datetime, minutes: int, time_zone: str, at: datetime) -> None:
    if starts_at <= at:
        raise NotAhead(_("Choose a time to come."))
    if not SHORTEST <= minutes <= LONGEST:
        raise NotAsLong(_("Choose between five minutes and eight hours."))
    try:
        ZoneInfo(time_zone)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise UnknownZone(
            _("There is no time zone called %(zone)s.") % {"zone": time_zone}
        ) from error


def _hold_calendar(organiser: User | None) -> None:
    """Let nobody else agree or move a review of ``organiser`` until the transaction ends."""
    if organiser is not None:
        User.objects.select_for_update(no_key=True).get(pk=organiser.pk)


def _require_free(
    organiser: User, *, starts_at: datetime, minutes: int, besides: Review | None = None
) -> None:
    ends_at = starts_at + timedelta(minutes=minutes)
    agreed = Review.objects.ahead().filter(organiser=organiser)
    if besides is not None:
        agreed = agreed.exclude(pk=besides.pk)
    in_the_way = agreed.overlapping(starts_at, ends_at).select_related("organiser").first()
    if in_the_way is not None:
        raise OrganiserBusy(in_the_way)


def _require_slot(
    organiser: User, *, starts_at: datetime, at: datetime, besides: Review | None = None
) -> None:
    day = local_date(starts_at, zone=organiser.time_zone)
    offered = reads.free_slots(
        organiser, from_day=day, days=1, zone=organiser.time_zone, besides=besides
    )
    if starts_at <= at or starts_at not in offered:
        raise SlotTaken(_("This time is not free any more. Choose another."))


def _held(review: Review) -> Review:
    """Return the row, locked until the transaction ends."""
    rows = Review.objects.select_for_update(of=("self",))
    return rows.select_related("member", "organiser").get(pk=review.pk)


def _fresh(review: Review) -> Review:
    return Review.objects.select_related("member", "organiser").get(pk=review.pk)


def _require_agreed(row: Review, *, seen: Review) -> None:
    if row.status != ReviewStatus.SCHEDULED:
        words = {"status": row.get_status_display().lower()}
        raise NotAgreed(_("This review is %(status)s already.") % words)
    if row.sequence != seen.sequence:
        raise Overtaken(row)


def _whole(review: Review) -> dict[str, Any]:
    """What guests are told of it."""
    return {name: getattr(review, name) for name in WHOLE_CHANGES}


# --- telling the guests -----------------------------------------------------------------------


def _invited(member: Member, guests: Collection[Person], *, at: datetime) -> list[Person]:
    if not guests:
        return list(reads.main_contacts(member, as_of=_day(at)))
    possible = {one.pk: one for one in reads.possible_guests(member, as_of=_day(at))}
    if strangers := [one for one in guests if one.pk not in possible]:
        words = {"who": ", ".join(one.name for one in strangers)}
        raise NotAGuest(_("Not of this member today, or without an address: %(who)s") % words)
    return [possible[pk] for pk in dict.fromkeys(one.pk for one in guests)]


def _key(review: Review, person: Person, *, sequence: int) -> str:
    return f"{DEDUPE}:{review.public_id}:{sequence}:{person.public_id}"


def _take_back(review: Review, *, at: datetime) -> set[int]:
    """Withdraw what has not left; return the ids of the people whom something reached.

    Of whom nobody knows, or to whom it is just going, counts as reached.
    """
    about = Message.objects.filter(
        member=review.member_id, dedupe_key__startswith=f"{DEDUPE}:{review.public_id}:"
    )
    # The rows are held, so that what is withdrawn and who was told agree.
    rows = (
        about.select_for_update()
        .order_by("pk")
        .values_list("dedupe_key", "person_id", "status")
    )
    waiting, told = [], set()
    for key, person_id, status in rows:
        if status == MessageStatus.QUEUED:
            waiting.append(key)
        elif status != MessageStatus.SUPPRESSED and person_id is not None:
            told.add(person_id)
    outbox.withdraw(dedupe_keys=waiting, reason=OVERTAKEN, at=at)
    return told


def _invite(
    review: Review, *, template: str, at: datetime, told: Collection[int] | None = None
) -> None:
    """Queue an invitation to the review as it now is, for each guest.

    Those of ``told`` hear that it has changed; to the others it is the first they hear of it.
    """
    guests = reads.guests_of(review)
    points = reads.agenda(review.member, as_of=_day(at)) if guests else ()
    description = _agenda_lines([item.title for item in points])
    event = reads.meeting(review, at=at, guests=guests, description=description)
    text = calendars.invitation(event, method=Method.REQUEST)
    for guest in guests:
        is_first = told is not None and guest.pk not in told
        outbox.queue_message(
            member_id=review.member_id,
            person_id=guest.pk,
            template_key=_template("review-arranged" if is_first else template),
            variables=_variables(review, guest) | {"agenda": description},
            purpose=Purpose.PROMISED,
            dedupe_key=_key(review, guest, sequence=review.sequence),
            due_at=at,
            not_after=review.starts_at,
            calendar=text,
            calendar_method=CalendarMethod.REQUEST,
        )


def _call_off(review: Review, *, reason: str, at: datetime) -> None:
    """Take the review out of the calendars it has got into; ``review.sequence`` is new."""
    told = _take_back(review, at=at)
    guests = [guest for guest in reads.guests_of(review) if guest.pk in told]
    event = reads.meeting(review, at=at, guests=guests)
    text = calendars.invitation(event, method=Method.CANCEL)
    for guest in guests:
        outbox.queue_message(
            member_id=review.member_id,
            person_id=guest.pk,
            template_key=_template("review-cancelled"),
            variables=_variables(review, guest) | {"reason": reason},
            purpose=Purpose.PROMISED,
            dedupe_key=_key(review, guest, sequence=review.sequence),
            due_at=at,
            calendar=text,
            calendar_method=CalendarMethod.CANCEL,
        )


def _tell_organiser(review: Review, *, title: str, by: User, at: datetime) -> None:
    """Tell whoever holds it what somebody else did with it, once for each of its versions."""
    organiser = review.organiser
    if organiser is None or organiser.pk == by.pk:
        return
    said = [reads.said_when(review, zone=organiser.time_zone)]
    if review.status == ReviewStatus.CANCELLED and review.cancelled_reason:
        said.append(review.cancelled_reason)
    notices.tell(
        users=[organiser],
        kind=NoticeKind.REVIEW,
        title=title % {"member": review.member.name},
        body="\n".join([*said, _("It was %(who)s who did it.") % {"who": by.name}]),
        address=reverse("success:review", args=[review.public_id]),
        dedupe_key=f"review {review.public_id} {review.sequence}",
        member=review.member,
        at=at,
    )


def _agenda_lines(titles: Sequence[str]) -> str:
    return "\n".join(f"- {title}" for title in titles)


def _variables(review: Review, guest: Person) -> dict[str, Any]:
    from_us = review.organiser
    return {
        "name": guest.name,
        "member": review.member.name,
        "association": reads.association_name(),
        "organiser": str(from_us) if from_us else reads.association_name(),
        "when": reads.said_when(review),
        "minutes": review.minutes,
        "place": review.place or _("we will let you know"),
    }


def _template(key: str) -> str:
    """Make sure that there are words by this key, and return it; changed ones are left."""
    return templates.ensure(key=key, words=TEMPLATES[key], gaps=GAPS).key


# --- what comes of a review -------------------------------------------------------------------


def _confirm_goal(member: Member, *, on: date, by: User, at: datetime) -> None:
    """Keep that the member's Desired Outcome still holds; nothing without one."""
    outcome = reads.primary_outcome(member)
    if outcome is None:
        return
    try:
        outcomes.confirm_outcome(
            outcome=outcome, on=on, said_in=ConfirmedIn.REVIEW, by=by, at=at
        )
    except (outcomes.NotSaid, outcomes.OutcomeEnded) as error:
        raise NotConfirmable(str(error)) from error


def _answer(  # noqa: PLR0913  # what was answered, and how
    *,
    member: Member,
    review: Review | None,
    answer: GapAnswerChoice,
    words: str,
    said_in: ConfirmedIn,
    on: date,
    by: User,
    at: datetime,
) -> GapAnswer:
    there = GapAnswer.objects.filter(
        member=member, review=review, on=on, said_in=said_in, by=by
    ).order_by("-pk")
    last = there.first()
    if last is not None and (last.answer, last.words) == (answer, words.strip()):
        return last
    kept = GapAnswer.objects.create(
        member=member,
        plan=plan_on(member, as_of=on),
        review=review,
        on=on,
        answer=answer,
        words=words.strip(),
        said_in=said_in,
        by=by,
        recorded_at=at,
    )
    audit.record(
        verb="gap.answered",
        subject=kept,
        member_id=member.pk,
        summary="The member said whether they are getting closer to their goal",
        by=by,
        at=at,
        after={"answer": answer.value, "said_in": said_in.value},
    )
    return kept


def _follow(row: Review, *, starts_at: datetime, by: User, at: datetime) -> None:
    """Agree the review after ``row``, of the same people at the same place."""
    possible = {one.pk for one in reads.possible_guests(row.member, as_of=_day(at))}
    schedule(
        member=row.member,
        organiser=row.organiser or by,
        starts_at=starts_at,
        minutes=row.minutes,
        time_zone=row.time_zone,
        place=row.place,
        guests=[guest for guest in reads.guests_of(row) if guest.pk in possible],
        note="",
        by=by,
        at=at,
    )


def _record(  # noqa: PLR0913  # an entry has that many parts
    review: Review,
    *,
    verb: str,
    summary: str,
    by: User,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    # plays ask when the last review was, or the next one is
    mark_dirty([(review.member_id, _day(at))])
    audit.record(
        verb=verb,
        subject=review,
        member_id=review.member_id,
        summary=summary,
        by=by,
        at=at,
        before=before,
        after=after,
    )
