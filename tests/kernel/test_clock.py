from datetime import UTC, date, datetime, time

import pytest

from config.kernel import clock

NEW_YORK = "America/New_York"


def test_now_is_aware_and_in_utc(settings):
    settings.WAYMARK_TODAY = None

    assert clock.now().tzinfo is UTC


def test_now_on_a_pinned_day_keeps_the_time_of_day_running(settings):
    settings.WAYMARK_TODAY = date(2026, 7, 29)

    first, second = clock.now(), clock.now()

    assert first.date() == date(2026, 7, 29)
    assert first.tzinfo is UTC
    assert first <= second or first.hour == 23


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_today_is_the_pinned_day_in_every_zone(settings, zone):
    settings.WAYMARK_TODAY = date(2026, 7, 29)

    assert clock.today(zone=zone) == date(2026, 7, 29)


def test_today_without_a_zone_is_the_associations(settings):
    settings.WAYMARK_TODAY = None
    settings.WAYMARK_TIME_ZONE = "Pacific/Kiritimati"
    before = clock.local_date(clock.now(), zone="Pacific/Kiritimati")

    today = clock.today()

    assert today in {before, clock.local_date(clock.now(), zone="Pacific/Kiritimati")}


def test_local_date_is_the_day_on_the_wall_there():
    at = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)

    dates = [clock.local_date(at, zone=zone) for zone in ("UTC", NEW_YORK)]

    assert dates == [date(2026, 3, 1), date(2026, 2, 28)]


def test_local_date_refuses_a_moment_without_a_zone():
    with pytest.raises(ValueError, match="no local date"):
        clock.local_date(datetime(2026, 3, 1, 3, 0), zone="UTC")  # noqa: DTZ001  # the point


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        (date(2026, 1, 5), time(9), NEW_YORK, datetime(2026, 1, 5, 14, tzinfo=UTC)),
        (date(2026, 7, 6), time(9), NEW_YORK, datetime(2026, 7, 6, 13, tzinfo=UTC)),
        # 02:00 to 03:00 does not exist that night: the clocks jump at 07:00 UTC
        (date(2026, 3, 8), time(2, 30), NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)),
        (date(2026, 3, 8), time(2), NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)),
        (date(2026, 3, 8), time(3), NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)),
        # 01:30 comes twice, at 05:30 and at 06:30 UTC
        (date(2026, 11, 1), time(1, 30), NEW_YORK, datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        # a gap of half an hour
        (
            date(2026, 10, 4),
            time(2, 15, 0, 500),
            "Australia/Lord_Howe",
            datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
        ),
        # Samoa had no 30 December 2011 at all
        (date(2011, 12, 30), time(9), "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_local_moment_exists_and_is_the_first_that_fits(day, at, zone, expected):
    assert clock.local_moment(day, at, zone=zone) == expected
