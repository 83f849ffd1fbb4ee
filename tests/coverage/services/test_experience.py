"""The experience of a member, in versions."""

from datetime import date, timedelta

import pytest

from coverage.models import AxProfile
from coverage.services.experience import NotAnExperience, record_experience
from members.models import AuditEntry, DirtyMember
from tests.factories import NOON, TODAY, make_ax_profile, make_member, make_user

pytestmark = pytest.mark.django_db
WHOLE = {"expertise": "low", "resources": "sufficient", "guidance": "regular", "source": "msm"}


def record(member, **changes):
    return record_experience(member=member, changes=changes, on=TODAY, by=make_user(), at=NOON)


def test_first_experience_is_written_and_the_member_looked_at_anew():
    member = make_member()
    made = record(member, **WHOLE, async_minutes=60)

    assert (made.valid_from, made.async_minutes, made.superseded_on) == (TODAY, 60, None)
    assert DirtyMember.objects.get(member=member).since == TODAY
    assert AuditEntry.objects.get().verb == "experience.recorded"


def test_change_ends_the_version_that_held_and_keeps_what_was_not_said():
    held = make_ax_profile(skills_needed=2)
    made = record(held.member, async_minutes=90)

    held.refresh_from_db()
    assert (held.superseded_on, held.async_minutes) == (TODAY, 60)
    assert (made.async_minutes, made.skills_needed, made.expertise) == (90, 2, "low")
    entry = AuditEntry.objects.get()
    assert entry.before == {"async_minutes": 60, "expires_on": None}
    assert entry.after == {"async_minutes": 90, "expires_on": "2027-07-29"}


def test_drivers_and_answers_go_on_into_the_next_version():
    held = make_ax_profile(
        complexity="high",
        risk="low",
        confidence="high",
        reasons="A new field.",
        answers={"risk": "low"},
        expires_on=date(2026, 12, 1),
    )
    made = record(held.member, async_minutes=90)

    assert (made.complexity, made.risk, made.confidence, made.reasons, made.answers) == (
        "high", "low", "high", "A new field.", {"risk": "low"},
    )  # fmt: skip
    assert (made.expires_on, made.recorded_by.name != "") == (date(2026, 12, 1), True)


def test_a_version_that_would_be_old_at_once_is_good_for_a_year():
    held = make_ax_profile(expires_on=TODAY)

    assert record(held.member, async_minutes=90).expires_on == date(2027, 7, 29)
    with pytest.raises(NotAnExperience) as refused:
        record(held.member, expires_on=TODAY)
    assert refused.value.field == "expires_on"


def test_nothing_new_is_no_version():
    held = make_ax_profile()

    assert record(held.member, async_minutes=60) == held
    assert AuditEntry.objects.count() == 0


def test_version_that_begins_later_ends_on_its_own_day():
    held = make_ax_profile(valid_from=TODAY + timedelta(days=5))
    made = record(held.member, async_minutes=90)

    assert made.valid_from == date(2026, 8, 3)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"expertise": "low"}, "resources"),
        (WHOLE | {"sync_minutes": 30}, "async_minutes"),
        (WHOLE | {"escalation_severity": 0}, "escalation_severity"),
    ],
)
def test_what_is_not_whole_is_refused_with_its_field(changes, field):
    with pytest.raises(NotAnExperience) as caught:
        record(make_member(), **changes)

    assert caught.value.field == field
    assert AxProfile.objects.count() == 0
