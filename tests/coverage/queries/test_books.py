from datetime import date
from fractions import Fraction

import pytest

from coverage.models import AxProfile
from coverage.queries import books as queries
from coverage.rollups import assignment
from coverage.services.segments import ensure_default_segments
from members.rollups.scope import Scope
from tests.factories import TODAY, make_ax_profile, make_term, make_user

pytestmark = pytest.mark.django_db


def assign():
    assignment.refresh(as_of=TODAY, scope=Scope(first=0, last=2**62))


def test_books_show_members_and_ax_minutes_a_month(django_assert_num_queries):
    ensure_default_segments()
    amy = make_user(name="Amy")
    ben = make_user(name="Ben")
    make_user(name="Dana", role="director")
    old = make_ax_profile(async_minutes=100)
    AxProfile.objects.filter(pk=old.pk).update(superseded_on=TODAY)
    make_ax_profile(member=old.member, async_minutes=70, valid_from=TODAY)
    pooled = {"expertise": "high", "resources": "sufficient", "guidance": "occasional"}
    served = make_ax_profile(inbound_minutes=30, async_minutes=0, **pooled)
    for profile in (old, served):
        make_term(member=profile.member)
    lapsed = make_ax_profile(async_minutes=500)
    make_term(member=lapsed.member, starts_on=date(2024, 1, 1), ends_on=date(2025, 1, 1))
    assign()

    with django_assert_num_queries(2):
        books = queries.books(as_of=TODAY, grace_days=30)

    assert [(book.owner, book.members, book.minutes_a_month) for book in books] == [
        (amy, 1, Fraction(70, 3)),
        (ben, 0, Fraction(0)),
        (None, 1, Fraction(10)),
    ]


def test_segment_counts_name_every_segment_in_use(django_assert_num_queries):
    ensure_default_segments()
    for _ in range(2):
        make_term(member=make_ax_profile().member)
    make_ax_profile()
    assign()

    with django_assert_num_queries(1):
        counts = [
            (row.segment.key, row.members)
            for row in queries.segment_counts(as_of=TODAY, grace_days=30)
        ]

    assert counts == [
        ("task_force", 0),
        ("inbound", 0),
        ("synchronous", 0),
        ("asynchronized", 2),
    ]
