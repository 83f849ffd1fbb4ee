import pytest

from coverage.models import Segment
from coverage.services.segments import ensure_default_segments
from tests.factories import make_segment

pytestmark = pytest.mark.django_db


def test_default_segments_are_the_four_in_the_order_of_their_rules():
    made = ensure_default_segments()

    assert [(s.key, s.position, s.is_pooled, s.delivery) for s in made] == [
        ("task_force", 1, False, "person"),
        ("inbound", 2, True, "message"),
        ("synchronous", 3, False, "person"),
        ("asynchronized", 4, False, "message"),
    ]


def test_default_segments_are_made_once_and_left_as_the_association_has_them():
    ensure_default_segments()
    Segment.objects.filter(key="inbound").update(name="On their own terms", position=7)
    before = list(Segment.objects.order_by("pk").values())

    ensure_default_segments()

    assert list(Segment.objects.order_by("pk").values()) == before


def test_default_segments_come_after_those_already_there():
    make_segment(position=3)

    assert [segment.position for segment in ensure_default_segments()] == [4, 5, 6, 7]
