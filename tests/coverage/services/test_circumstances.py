from datetime import date, timedelta

import pytest

from coverage.engine.capacity import Stage
from coverage.models import Circumstance
from coverage.services.circumstances import Known, write
from tests.factories import TODAY, make_circumstance, make_member

pytestmark = pytest.mark.django_db


def test_write_keeps_what_is_told_and_leaves_the_others_alone():
    other = make_circumstance(stage="growth")
    member = make_member()
    told = Known(
        member_id=member.pk,
        stage=Stage.RENEWAL,
        term_ends_on=date(2026, 9, 1),
        is_protected=True,
    )

    assert [write([told], as_of=TODAY), write([told], as_of=TODAY)] == [1, 0]

    found = Circumstance.objects.get(pk=member.pk)
    assert (found.stage, found.stage_since, found.term_ends_on, found.is_protected) == (
        "renewal", TODAY, date(2026, 9, 1), True,
    )  # fmt: skip
    assert Circumstance.objects.filter(pk=other.pk).exists()


def test_write_moves_the_day_with_the_stage_only():
    kept = make_circumstance(stage="growth")
    moved = make_circumstance(stage="growth")
    later = TODAY + timedelta(days=3)

    write(
        [
            Known(member_id=kept.pk, stage=Stage.GROWTH, is_protected=True),
            Known(member_id=moved.pk, stage=Stage.AT_RISK),
        ],
        as_of=later,
    )

    since = dict(Circumstance.objects.values_list("pk", "stage_since"))
    assert since == {kept.pk: TODAY, moved.pk: later}


def test_write_forgets_a_member_without_a_stage():
    gone = make_circumstance()

    assert write([Known(member_id=gone.pk, stage=None)], as_of=TODAY) == 1

    assert not Circumstance.objects.exists()
