"""Quiet hours, the hour somebody likes and how often, over every change of the clocks."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from communications.engine.timing import Quiet, Turn, is_quiet_hour, when

NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"
NIGHT = Quiet(time(20), time(8))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        # an ordinary summer's night, to the second
        (BERLIN, "2026-07-29 17:59:59", "2026-07-29 17:59:59"),
        (BERLIN, "2026-07-29 18:00:00", "2026-07-30 06:00:00"),
        (BERLIN, "2026-07-30 05:59:59", "2026-07-30 06:00:00"),
        (BERLIN, "2026-07-30 06:00:00", "2026-07-30 06:00:00"),
        # clocks go forward in the night, so it is an hour shorter; back, and it is longer
        (BERLIN, "2026-03-28 22:00:00", "2026-03-29 06:00:00"),
        (BERLIN, "2026-10-24 22:00:00", "2026-10-25 07:00:00"),
        (NEW_YORK, "2026-03-08 04:00:00", "2026-03-08 12:00:00"),
        (NEW_YORK, "2026-11-01 03:00:00", "2026-11-01 13:00:00"),
        # by half an hour only: 10:30 or 11 hours before Greenwich
        (LORD_HOWE, "2026-10-03 12:00:00", "2026-10-03 21:00:00"),
        (LORD_HOWE, "2026-04-04 12:00:00", "2026-04-04 21:30:00"),
    ],
)
def test_quiet_hours_end_by_the_clocks_of_the_zone(zone, at, expected):
    turn = when(at=utc(at), zone=zone, quiet=NIGHT)

    assert turn == Turn(utc(expected), "quiet hours" if at != expected else "")


@pytest.mark.parametrize(
    ("zone", "quiet", "at", "expected"),
    [
        # an end that the clocks skip is the first moment after the gap
        (BERLIN, Quiet(time(20), time(2, 30)), "2026-03-29 00:30", "2026-03-29 01:00"),
        (NEW_YORK, Quiet(time(20), time(2, 30)), "2026-03-08 05:00", "2026-03-08 07:00"),
        (LORD_HOWE, Quiet(time(20), time(2, 15)), "2026-10-03 14:00", "2026-10-03 15:30"),
        # one that they show twice is the first, and the second round is not quiet again
        (BERLIN, Quiet(time(20), time(2, 30)), "2026-10-25 00:00", "2026-10-25 00:30"),
        (BERLIN, Quiet(time(20), time(2, 30)), "2026-10-25 01:10", "2026-10-25 01:10"),
        (NEW_YORK, Quiet(time(20), time(1, 30)), "2026-11-01 05:00", "2026-11-01 05:30"),
        (NEW_YORK, Quiet(time(20), time(1, 30)), "2026-11-01 06:10", "2026-11-01 06:10"),
        (LORD_HOWE, Quiet(time(20), time(1, 45)), "2026-04-04 14:30", "2026-04-04 14:45"),
        (LORD_HOWE, Quiet(time(20), time(1, 45)), "2026-04-04 15:05", "2026-04-04 15:05"),
        # a start in a gap begins with the first moment after it
        (BERLIN, Quiet(time(2, 30), time(4)), "2026-03-29 01:00", "2026-03-29 02:00"),
    ],
)
def test_ends_in_a_gap_or_shown_twice_are_the_first_valid_moment(zone, quiet, at, expected):
    assert when(at=utc(at), zone=zone, quiet=quiet).at == utc(expected)


@pytest.mark.parametrize(
    ("quiet", "at", "expected"),
    [
        (Quiet(time(12), time(14)), "2026-07-29 12:30", "2026-07-29 14:00"),
        (Quiet(time(12), time(14)), "2026-07-29 14:00", "2026-07-29 14:00"),
        (Quiet(time(8), time(8)), "2026-07-29 03:00", "2026-07-29 03:00"),
        (None, "2026-07-29 03:00", "2026-07-29 03:00"),
    ],
)
def test_quiet_hours_may_be_in_the_day_or_none(quiet, at, expected):
    assert when(at=utc(at), zone="UTC", quiet=quiet).at == utc(expected)


@pytest.mark.parametrize(
    ("hour", "at", "expected", "because"),
    [
        (10, "2026-07-29 07:00", "2026-07-29 08:00", "the hour they chose"),
        (10, "2026-07-29 08:00", "2026-07-29 08:00", ""),
        (10, "2026-07-29 15:00", "2026-07-29 15:00", ""),
        # at night: the next morning, at their hour
        (10, "2026-07-29 19:00", "2026-07-30 08:00", "quiet hours"),
        # an hour at which nobody is written to is their end
        (6, "2026-07-29 02:00", "2026-07-29 06:00", "quiet hours"),
        (22, "2026-07-29 10:00", "2026-07-29 10:00", ""),
        # the day on which clocks have gone forward
        (10, "2026-03-28 22:00", "2026-03-29 08:00", "quiet hours"),
    ],
)
def test_the_hour_they_like_is_waited_for(hour, at, expected, because):
    turn = when(at=utc(at), zone=BERLIN, quiet=NIGHT, hour=hour)

    assert turn == Turn(utc(expected), because)


def test_an_hour_that_the_clocks_skip_is_the_first_moment_after_the_gap():
    turn = when(at=utc("2026-03-29 00:10"), zone=BERLIN, hour=2)

    assert turn.at == utc("2026-03-29 01:00")


@pytest.mark.parametrize(
    ("cadence", "last", "expected"),
    [
        ("at_once", "2026-07-29 10:00", "2026-07-29 12:00"),
        ("weekly", None, "2026-07-29 12:00"),
        ("weekly", "2026-07-22 18:00", "2026-07-29 12:00"),
        # seven days are days of their calendar, from their first allowed hour
        ("weekly", "2026-07-23 07:00", "2026-07-30 06:00"),
        ("weekly", "2026-07-29 11:59", "2026-08-05 06:00"),
        # the evening in Berlin is the same day still, after midnight it is the next
        ("weekly", "2026-07-28 22:30", "2026-08-05 06:00"),
        ("monthly", "2026-06-29 12:00", "2026-07-29 12:00"),
        ("monthly", "2026-06-30 12:00", "2026-07-30 06:00"),
        ("monthly", "2026-07-29 09:00", "2026-08-29 06:00"),
    ],
)
def test_how_often_counts_from_the_last(cadence, last, expected):
    turn = when(
        at=utc("2026-07-29 12:00"),
        zone=BERLIN,
        quiet=NIGHT,
        cadence=cadence,
        last_at=utc(last) if last else None,
    )

    assert turn.at == utc(expected)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 31), date(2027, 1, 31)),
        (date(2026, 11, 30), date(2026, 12, 30)),
    ],
)
def test_a_month_later_is_its_last_day_where_it_is_shorter(last, expected):
    noon = datetime.combine(last, time(12), tzinfo=UTC)

    turn = when(at=noon, zone="UTC", cadence="monthly", last_at=noon)

    assert turn == Turn(
        datetime.combine(expected, time(), tzinfo=UTC),
        "they want to hear once a month at most",
    )


@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN, LORD_HOWE, "Asia/Kathmandu", "UTC"])
def test_waiting_until_the_turn_leads_to_it(zone):
    """Asked again at any moment on the way, and at the end, the answer is the same."""
    at = utc("2026-01-01 00:07")
    for step in range(0, 370 * 24, 5):
        moment = at + timedelta(hours=step)
        turn = when(at=moment, zone=zone, quiet=NIGHT, hour=10)
        on_the_way = moment + (turn.at - moment) / 2

        assert when(at=on_the_way, zone=zone, quiet=NIGHT, hour=10).at == turn.at
        assert when(at=turn.at, zone=zone, quiet=NIGHT, hour=10) == Turn(turn.at)
        assert turn.at - moment < timedelta(hours=25)


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        when(at=datetime(2026, 7, 29), zone="UTC")  # noqa: DTZ001  # that is the point


def test_a_cadence_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="hourly"):
        when(at=utc("2026-07-29"), zone="UTC", cadence="hourly", last_at=utc("2026-07-28"))


def test_hours_of_the_night_are_quiet():
    quiet = [hour for hour in range(24) if is_quiet_hour(hour, NIGHT)]

    assert quiet == [*range(8), *range(20, 24)]
    assert [h for h in range(24) if is_quiet_hour(h, Quiet(time(12), time(14)))] == [12, 13]
