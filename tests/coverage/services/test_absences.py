from datetime import date, timedelta

import pytest

from coverage.models import Absence
from coverage.queries.people import covering, standing_in
from coverage.services import absences
from members.enums import Role
from members.models import AuditEntry
from tests.factories import NOON, TODAY, make_absence, make_user

pytestmark = pytest.mark.django_db

BACK = date(2026, 8, 12)


def plan(user=None, **overrides):
    fields = {
        "kind": "leave",
        "starts_on": TODAY,
        "ends_on": BACK,
        "cover": None,
        "note": "",
        "by": make_user(role=Role.DIRECTOR),
        "at": NOON,
    }
    return absences.plan(user=user or make_user(), **(fields | overrides))


def test_absence_that_has_begun_is_handed_over_at_once():
    cover = make_user()

    row = plan(cover=cover)

    assert (row.handed_over_at, row.handed_back_at) == (NOON, None)
    assert [each.user for each in standing_in(cover)] == [row.user]
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["absence.planned", "absence.handed_over"]


def test_absence_to_come_is_handed_over_and_back_when_its_days_have_come():
    starts_on = TODAY + timedelta(days=3)
    row = plan(starts_on=starts_on)

    seen = []
    for day in (starts_on - timedelta(days=1), starts_on, starts_on, BACK, BACK):
        changed = absences.hand_over_due(on=day, at=NOON)
        row.refresh_from_db()
        seen.append((changed, row.handed_over_at is not None, row.handed_back_at is not None))

    assert seen == [
        (0, False, False),
        (1, True, False),
        (0, True, False),
        (1, True, True),
        (0, True, True),
    ]


def test_worker_that_was_off_for_the_whole_absence_hands_it_back_at_once():
    row = plan(starts_on=TODAY + timedelta(days=1), ends_on=TODAY + timedelta(days=2))

    absences.hand_over_due(on=TODAY + timedelta(days=9), at=NOON)

    row.refresh_from_db()
    assert row.handed_back_at == NOON


def test_coming_back_early_hands_the_work_back():
    row = plan(starts_on=TODAY - timedelta(days=4))

    absences.cancel(absence=row, by=make_user(), at=NOON)

    row.refresh_from_db()
    assert (row.ends_on, row.handed_back_at) == (TODAY, NOON)


def test_staying_away_longer_hands_the_work_over_again():
    row = make_absence(starts_on=TODAY - timedelta(days=4), ends_on=TODAY, handed_back_at=NOON)

    changed = absences.change(
        absence=row,
        starts_on=row.starts_on,
        ends_on=BACK,
        cover=None,
        note="",
        by=make_user(),
        at=NOON,
    )

    assert (changed.ends_on, changed.handed_back_at) == (BACK, None)


def test_absence_that_has_not_begun_is_taken_back_without_a_trace_but_the_audit():
    row = plan(starts_on=TODAY + timedelta(days=3))

    absences.cancel(absence=row, by=make_user(), at=NOON)
    absences.cancel(absence=row, by=make_user(), at=NOON)

    assert Absence.objects.count() == 0
    assert AuditEntry.objects.filter(verb="absence.cancelled").count() == 1


def test_same_absence_again_is_the_one_that_is_there():
    user = make_user()

    assert plan(user) == plan(user)


def test_days_and_people_that_do_not_fit_are_refused():
    user = make_user()
    plan(user)
    refused = [
        {"ends_on": TODAY},
        {"starts_on": TODAY + timedelta(days=5), "ends_on": BACK + timedelta(days=5)},
        {"starts_on": BACK, "ends_on": BACK + timedelta(days=1), "cover": user},
        {
            "starts_on": BACK,
            "ends_on": BACK + timedelta(days=1),
            "cover": make_user(role=Role.MEMBER),
        },
        {
            "starts_on": BACK,
            "ends_on": BACK + timedelta(days=1),
            "cover": make_user(is_active=False),
        },
    ]

    for wrong in refused:
        with pytest.raises(absences.NotAway):
            plan(user, **wrong)

    assert Absence.objects.count() == 1


def test_who_is_away_with_nobody_or_somebody_away_falls_to_the_pool():
    away, cover, msm, director = (
        make_user(),
        make_user(),
        make_user(),
        make_user(role=Role.DIRECTOR),
    )
    make_absence(user=away, cover=cover)

    assert covering(cover, TODAY) == {away.pk}
    assert covering(msm, TODAY) == frozenset()

    make_absence(user=cover)

    assert covering(msm, TODAY) == {away.pk, cover.pk}
    assert covering(director, TODAY) == frozenset()
    assert covering(msm, BACK) == frozenset()
    assert [(each.user, each.by_name) for each in standing_in(msm)] == [
        (away, False),
        (cover, False),
    ]
