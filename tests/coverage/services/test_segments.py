import pytest

from coverage.models import Segment
from coverage.services import segments
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from members.models import AuditEntry, DirtyMember
from tests.factories import NOON, make_ax_profile, make_segment, make_user

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


RULE = {"fact": "expertise", "op": "eq", "value": "low"}


def add(**overrides):
    fields = {
        "name": "Guided",
        "rule": RULE,
        "reason": "New to the field",
        "is_pooled": False,
        "delivery": "person",
        "skills": ["teaching", "teaching", ""],
        "by": make_user(role=Role.DIRECTOR),
        "at": NOON,
    }
    return segments.add(**(fields | overrides))


def order():
    in_use = Segment.objects.filter(is_retired=False).order_by("position")
    return list(in_use.values_list("key", flat=True))


def test_new_segment_is_tried_before_the_one_that_takes_everybody_left():
    ensure_default_segments()
    profile = make_ax_profile()

    made = add()

    assert order() == ["task_force", "inbound", "synchronous", "guided", "asynchronized"]
    assert (made.position, made.skills) == (4, ["teaching"])
    assert DirtyMember.objects.get().member == profile.member
    assert AuditEntry.objects.get().verb == "segment.added"


def test_rule_about_money_is_refused_in_words():
    with pytest.raises(segments.BadRule, match="never by what they pay"):
        add(rule={"fact": "paid_a_year", "op": "ge", "value": "50000"})

    assert Segment.objects.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"reason": " "},
        {"rule": {"any": []}},
        {"name": "Guided!"},
    ],
    ids=["no name", "long name", "no reason", "nobody fits", "taken"],
)
def test_segment_that_cannot_be_used_is_refused(wrong):
    add()

    with pytest.raises(segments.BadSegment):
        add(**({"name": "Other"} | wrong))

    assert Segment.objects.count() == 1


def test_revise_keeps_the_key_and_writes_nothing_the_second_time():
    made = add()
    changed = {
        "name": "Guided by hand",
        "rule": {"all": [RULE]},
        "reason": "New",
        "is_pooled": True,
        "delivery": "message",
        "skills": [],
        "by": make_user(),
        "at": NOON,
    }

    for _ in range(2):
        row = segments.revise(segment=made, **changed)

    assert (row.key, row.name, row.is_pooled) == ("guided", "Guided by hand", True)
    entry = AuditEntry.objects.get(verb="segment.changed")
    assert (entry.before["name"], entry.after["name"]) == ("Guided", "Guided by hand")


def test_move_swaps_with_the_neighbour_and_stops_at_the_ends():
    first, *_rest = ensure_default_segments()
    by = make_user()

    assert segments.move(segment=first, up=True, by=by, at=NOON) is False
    assert segments.move(segment=first, up=False, by=by, at=NOON) is True

    assert order() == ["inbound", "task_force", "synchronous", "asynchronized"]
    entry = AuditEntry.objects.get()
    assert entry.after["order"] == order()


def test_retired_segment_is_tried_no_more_and_comes_back_last():
    first, *_rest = ensure_default_segments()
    by = make_user()

    for _ in range(2):
        segments.retire(segment=first, by=by, at=NOON)
    assert order() == ["inbound", "synchronous", "asynchronized"]
    for _ in range(2):
        segments.reinstate(segment=first, by=by, at=NOON)

    assert order() == ["inbound", "synchronous", "asynchronized", "task_force"]
    assert AuditEntry.objects.count() == 2


def test_last_segment_in_use_stays():
    only = make_segment()

    with pytest.raises(segments.NotRetirable):
        segments.retire(segment=only, by=make_user(), at=NOON)

    assert order() == [only.key]
