from datetime import timedelta
from decimal import Decimal

import pytest

from coverage.queries.hours import (
    Difference,
    Said,
    differences,
    members_by_stage,
    said,
    staff_hours,
    version_before,
)
from tests.factories import (
    TODAY,
    make_assignment,
    make_circumstance,
    make_coverage_model,
    make_member,
    make_segment,
    make_term,
)

HOURS = {
    ("synchronous", "growth", "sync"): Decimal("1.5"),
    ("synchronous", "growth", "async"): Decimal(2),
}


def test_two_versions_differ_in_what_one_says_otherwise_or_not_at_all():
    before = Said(hours=HOURS, leverage={("synchronous", "async"): Decimal(4)})
    after = Said(
        hours={
            ("synchronous", "growth", "sync"): Decimal("1.50"),
            ("synchronous", "at_risk", "async"): Decimal(3),
        },
        leverage={("synchronous", "async"): Decimal(1)},
    )

    assert [
        (each.stage, each.modality, each.before, each.after)
        for each in differences(before, after)
    ] == [
        ("growth", "async", Decimal(2), None),
        ("at_risk", "async", None, Decimal(3)),
        ("", "async", Decimal(4), Decimal(1)),
    ]
    assert differences(before, before) == ()


def test_a_factor_of_one_is_as_good_as_none():
    before = Said(hours=HOURS, leverage={})
    after = Said(hours=HOURS, leverage={("synchronous", "sync"): Decimal(1)})
    assert differences(before, after) == ()
    other = Said(hours=HOURS, leverage={("synchronous", "sync"): Decimal(2)})
    assert differences(before, other) == (
        Difference(
            segment="synchronous",
            stage="",
            modality="sync",
            before=Decimal(1),
            after=Decimal(2),
        ),
    )


@pytest.mark.django_db
def test_what_a_version_says_gives_the_hours_that_count():
    segment = make_segment(key="synchronous")
    first = make_coverage_model(hours=[(segment, "growth", "sync", 9)], version=1)
    model = make_coverage_model(
        hours=[(segment, "growth", "sync", "1.5"), (segment, "growth", "async", 2)],
        leverage=[(segment, "async", 4)],
        version=2,
    )

    assert said(model).staff([segment]) == staff_hours(as_of=TODAY)
    assert said(model).staff([]) == {}
    assert (version_before(model), version_before(first)) == (first, None)


@pytest.mark.django_db
def test_members_are_counted_by_segment_and_stage_while_in_membership():
    segment = make_segment()
    for stage in ("growth", "growth", None, "gone"):
        member = make_member()
        ends_on = TODAY - timedelta(days=60) if stage == "gone" else TODAY + timedelta(days=90)
        make_term(member=member, starts_on=TODAY - timedelta(days=300), ends_on=ends_on)
        make_assignment(member=member, segment=segment)
        if stage:
            make_circumstance(member=member, stage="growth")

    assert members_by_stage(as_of=TODAY, grace_days=30) == {
        (segment.pk, "growth"): 2,
        (segment.pk, ""): 1,
    }
