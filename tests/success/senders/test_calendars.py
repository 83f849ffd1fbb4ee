from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from success.senders.calendars import Meeting, Method, Party, feed, invitation

NOON = datetime(2026, 7, 29, 12, tzinfo=UTC)
MEETING = Meeting(
    uid="0198@waymark.example",
    sequence=0,
    summary="Review: Öko, Bau; und so",
    description="- Is this still your goal?\n- Next: “A maintainer”",
    starts_at=datetime(2026, 8, 12, 9, tzinfo=UTC),
    minutes=45,
    time_zone="Europe/London",
    place="Room 1, left",
    organiser=Party('Amy "Ace" Ng', "amy@waymark.example"),
    guests=(Party("Ann Lee", "ann@oeko.example"), Party("", "ben@oeko.example")),
    stamped_at=NOON,
    created_at=NOON,
    changed_at=NOON,
)


def read(text):
    calendar = Calendar.from_ical(text)
    return calendar, calendar.walk("VEVENT")


def test_words_come_back_as_they_went_in():
    text = invitation(MEETING, method=Method.REQUEST)

    _, [event] = read(text)
    assert (event["SUMMARY"], event["DESCRIPTION"], event["LOCATION"]) == (
        MEETING.summary,
        MEETING.description,
        MEETING.place,
    )
    assert event["ORGANIZER"].params["CN"] == 'Amy "Ace" Ng'
    assert [str(guest) for guest in event["ATTENDEE"]] == [
        "mailto:ann@oeko.example",
        "mailto:ben@oeko.example",
    ]


def test_lines_end_and_fold_as_calendars_want_them():
    text = invitation(replace(MEETING, summary="ö" * 200), method=Method.REQUEST)

    lines = text.encode().split(b"\r\n")
    assert b"\n" not in text.encode().replace(b"\r\n", b"")
    assert max(len(line) for line in lines) <= 75


def test_same_meeting_gives_the_same_text():
    assert invitation(MEETING, method=Method.REQUEST) == invitation(
        MEETING, method=Method.REQUEST
    )


@pytest.mark.parametrize(
    ("method", "status"), [(Method.REQUEST, "CONFIRMED"), (Method.CANCEL, "CANCELLED")]
)
def test_cancelled_is_what_a_cancel_says(method, status):
    calendar, [event] = read(invitation(MEETING, method=method))

    assert (calendar["METHOD"], event["STATUS"]) == (method.value, status)


def test_zone_is_named_and_described():
    calendar, [event] = read(invitation(MEETING, method=Method.REQUEST))

    [zone] = calendar.walk("VTIMEZONE")
    assert (zone["TZID"], event["DTSTART"].params["TZID"]) == ("Europe/London", "Europe/London")
    assert {part.name for part in zone.subcomponents} == {"STANDARD", "DAYLIGHT"}
    assert event["DTSTART"].dt == datetime(2026, 8, 12, 10, tzinfo=ZoneInfo("Europe/London"))


def test_universal_time_needs_no_description():
    calendar, [event] = read(
        invitation(replace(MEETING, time_zone="UTC"), method=Method.REQUEST)
    )

    assert calendar.walk("VTIMEZONE") == []
    assert event["DTSTART"].to_ical() == b"20260812T090000Z"


def test_feed_holds_every_meeting_and_nobodys_address():
    other = replace(MEETING, uid="0199@waymark.example", time_zone="America/New_York")

    text = feed([MEETING, other], name="Reviews")

    calendar, events = read(text)
    assert (calendar["METHOD"], calendar["X-WR-CALNAME"]) == ("PUBLISH", "Reviews")
    assert [event["UID"] for event in events] == [MEETING.uid, other.uid]
    assert {zone["TZID"] for zone in calendar.walk("VTIMEZONE")} == {
        "Europe/London",
        "America/New_York",
    }
    assert "mailto:" not in text


def test_feed_without_meetings_is_a_calendar_all_the_same():
    assert read(feed([], name="Reviews"))[1] == []
