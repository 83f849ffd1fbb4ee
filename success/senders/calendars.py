"""Reviews as calendars read them (iCalendar, RFC 5545; invitations, RFC 5546)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component, Event, vCalAddress, vDuration

PRODUCT = "-//Waymark//Reviews//EN"
ASK_AGAIN_AFTER = timedelta(hours=1)


class Method(StrEnum):
    """What a calendar is to do with the events: take them in, drop them, or show them."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"
    PUBLISH = "PUBLISH"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody in a calendar: the name and the address by which calendars know them."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """A review as an event. ``uid`` never changes, ``sequence`` counts its versions.

    ``starts_at`` is aware; calendars are told the wall-clock time in ``time_zone``, an IANA
    name, so that it stays put when the clocks change or the rules of the zone do.
    """

    uid: str
    sequence: int
    summary: str
    description: str
    starts_at: datetime
    minutes: int
    time_zone: str
    place: str
    organiser: Party | None
    guests: Sequence[Party]
    stamped_at: datetime
    created_at: datetime
    changed_at: datetime


def invitation(meeting: Meeting, *, method: Method) -> str:
    """Return the object that goes to guests: an invitation, its update, or its withdrawal.

    A CANCEL says ``STATUS:CANCELLED``; everything else is confirmed. Pure: the same meeting
    gives the same text.
    """
    return _calendar([meeting], method=method, name="", with_guests=True)


def feed(meetings: Iterable[Meeting], *, name: str) -> str:
    """Return a calendar to subscribe to; without guests, whose addresses stay with us."""
    return _calendar(meetings, method=Method.PUBLISH, name=name, with_guests=False)


def _calendar(
    meetings: Iterable[Meeting], *, method: Method, name: str, with_guests: bool
) -> str:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method.value)
    if name:
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", ASK_AGAIN_AFTER, parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", vDuration(ASK_AGAIN_AFTER))
    years: set[int] = set()
    for meeting in meetings:
        calendar.add_component(_event(meeting, method=method, with_guests=with_guests))
        years.add(meeting.starts_at.year)
    if years:
        # A year on either side: a zone's last change may lie before the first event.
        calendar.add_missing_timezones(
            first_date=date(min(years) - 1, 1, 1), last_date=date(max(years) + 2, 1, 1)
        )
    text: bytes = calendar.to_ical()
    return text.decode()


def _event(meeting: Meeting, *, method: Method, with_guests: bool) -> Component:
    zone = ZoneInfo(meeting.time_zone)
    event = Event()
    event.add("uid", meeting.uid)
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", meeting.stamped_at)
    event.add("created", meeting.created_at)
    event.add("last-modified", meeting.changed_at)
    event.add("summary", meeting.summary)
    if meeting.description:
        event.add("description", meeting.description)
    if meeting.place:
        event.add("location", meeting.place)
    event.add("dtstart", meeting.starts_at.astimezone(zone))
    # In UTC and back: minutes that go by, also across a change of the clocks.
    ends_at = meeting.starts_at + timedelta(minutes=meeting.minutes)
    event.add("dtend", ends_at.astimezone(zone))
    event.add("status", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
    event.add("transp", "OPAQUE")
    if with_guests:
        if meeting.organiser is not None:
            event.add("organizer", _party(meeting.organiser), encode=False)
        for guest in meeting.guests:
            event.add("attendee", _guest(guest), encode=False)
    return event


def _party(party: Party) -> vCalAddress:
    address = vCalAddress(f"mailto:{party.address}")
    if party.name:
        address.params["CN"] = " ".join(party.name.split())
    return address


def _guest(party: Party) -> vCalAddress:
    address = _party(party)
    address.params["CUTYPE"] = "INDIVIDUAL"
    address.params["ROLE"] = "REQ-PARTICIPANT"
    address.params["PARTSTAT"] = "NEEDS-ACTION"
    address.params["RSVP"] = "TRUE"
    return address
