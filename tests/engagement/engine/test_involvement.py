from datetime import UTC, date, datetime, timedelta

from engagement.engine.involvement import Change, Stretch, stretches

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def day(number):
    return date(2026, 1, number)


def added(number, *, at=NOON):
    return Change(day(number), True, at)


def removed(number, *, at=NOON):
    return Change(day(number), False, at)


def test_removed_ends_what_added_began():
    assert stretches([removed(9), added(2)]) == [Stretch(day(2), day(9))]


def test_what_is_not_removed_lasts():
    assert stretches([added(2)]) == [Stretch(day(2), None)]


def test_nothing_comes_of_nothing():
    assert stretches([]) == []


def test_second_added_and_stray_removed_change_nothing():
    changes = [removed(1), added(2), added(3), removed(5), removed(6)]
    assert stretches(changes) == [Stretch(day(2), day(5))]


def test_return_is_a_stretch_of_its_own():
    changes = [added(2), removed(5), added(8)]
    assert stretches(changes) == [Stretch(day(2), day(5)), Stretch(day(8), None)]


def test_list_rewritten_in_a_day_neither_ends_nor_splits_a_stretch():
    assert stretches([added(2), added(5), removed(5), removed(9)]) == [Stretch(day(2), day(9))]


def test_what_was_recorded_last_decides_a_day():
    later = NOON + timedelta(hours=1)
    assert stretches([added(2), removed(2, at=later)]) == []
    assert stretches([removed(2, at=later), added(2, at=later)]) == [Stretch(day(2), None)]
