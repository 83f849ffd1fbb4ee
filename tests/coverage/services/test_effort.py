from datetime import date

import pytest

from coverage.models import Effort
from coverage.services import effort
from members.models import AuditEntry
from tests.factories import NOON, TODAY, make_member, make_user

pytestmark = pytest.mark.django_db


def log(**overrides):
    fields = {
        "on": TODAY,
        "minutes": 25,
        "modality": "sync",
        "note": " They asked about the audit ",
        "at": NOON,
    }
    options = {"member": overrides.pop("member", None) or make_member()}
    options["by"] = overrides.pop("by", None) or make_user()
    return effort.log(**(options | fields | overrides))


def test_log_keeps_who_gave_what_to_whom_and_is_audited_without_the_note():
    row = log()

    assert (row.minutes, row.modality, row.source, row.note) == (
        25,
        "sync",
        "log",
        "They asked about the audit",
    )
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.member, entry.by) == ("effort.logged", row.member, row.by)
    assert "audit" not in str(entry.after)


def test_two_entries_by_hand_are_two():
    member, by = make_member(), make_user()

    log(member=member, by=by)
    log(member=member, by=by)

    assert Effort.objects.count() == 2


def test_entry_of_a_source_counts_once_and_can_change():
    member, by = make_member(), make_user()
    same = {"member": member, "by": by, "source": "intervention", "source_key": "a"}

    log(**same)
    log(**same)
    log(**same, minutes=40)

    assert [row.minutes for row in Effort.objects.all()] == [40]
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["effort.logged", "effort.changed"]


@pytest.mark.parametrize(
    "wrong",
    [{"minutes": 0}, {"minutes": 1441}, {"on": date(2026, 7, 30)}, {"members_present": 0}],
    ids=["none", "more than a day", "to come", "nobody"],
)
def test_what_nobody_worked_is_refused(wrong):
    with pytest.raises(effort.NotWorked):
        log(**wrong)

    assert Effort.objects.count() == 0


def test_withdrawn_entry_stays_and_cannot_be_withdrawn_twice():
    row = log()

    effort.withdraw(effort=row, by=row.by, at=NOON)

    assert Effort.objects.get().withdrawn_at == NOON
    with pytest.raises(effort.AlreadyWithdrawn):
        effort.withdraw(effort=row, by=row.by, at=NOON)
    assert AuditEntry.objects.filter(verb="effort.withdrawn").count() == 1


def test_entry_of_a_source_comes_back_when_it_is_logged_again():
    member, by = make_member(), make_user()
    same = {"member": member, "by": by, "source": "intervention", "source_key": "a"}
    log(**same)

    assert effort.withdraw_source(source="intervention", source_key="a", by=by, at=NOON) == 1
    assert effort.withdraw_source(source="intervention", source_key="a", by=by, at=NOON) == 0
    log(**same)

    assert Effort.objects.get().withdrawn_at is None
