from datetime import date, timedelta

import pytest
from django.db import transaction
from django.utils.dateparse import parse_date
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.enums import Role
from members.models import AuditEntry, DirtyMember
from success.enums import Side
from success.models import Accountability, Helpfulness, Intervention, MemberFacts
from success.services import promises
from success.services.nights import run_night
from success.services.promises import (
    AlreadySettled,
    DueDayPassed,
    MovedIntoThePast,
    NotPromised,
    StillOpen,
)
from tests.factories import (
    MORNING,
    NOON,
    TODAY,
    make_accountability,
    make_default_plays,
    make_guest,
    make_member,
    make_milestone_of,
    make_person,
    make_plan,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SOON = TODAY + 7 * DAY


@pytest.fixture
def msm():
    return make_user()


@pytest.fixture
def plan():
    return make_plan()


def make(plan, msm, **overrides):
    fields = {"side": Side.ASSOCIATION, "title": "Introduce a mentor", "due_on": SOON}
    return promises.make(plan=plan, by=msm, at=MORNING, **(fields | overrides))


def keep(promise, msm, on=TODAY, evidence="The minutes are in your folder"):
    return promises.keep(promise=promise, on=on, evidence=evidence, by=msm, at=NOON)


def verbs(promise):
    return list(promise.events.order_by("pk").values_list("verb", flat=True))


def test_promise_is_made_with_who_keeps_it_and_where(plan, msm):
    point = make_milestone_of(plan)

    promise = make(plan, msm, owner=msm, milestone=point, title=" Introduce a mentor ")

    assert (promise.title, promise.owner, promise.milestone, promise.due_on) == (
        "Introduce a mentor", msm, point, SOON,
    )  # fmt: skip
    assert verbs(promise) == ["made"]
    [entry] = AuditEntry.objects.all()
    assert (entry.verb, entry.member, entry.after) == (
        "promise.made", plan.member, {"side": "association", "due_on": SOON.isoformat()},
    )  # fmt: skip
    assert DirtyMember.objects.get().member == plan.member


def test_theirs_names_one_of_their_people(plan, msm):
    ann = make_guest(member=plan.member)

    assert make(plan, msm, side=Side.MEMBER, person=ann).person == ann


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": "  "}, "what is promised"),
        ({"side": Side.MEMBER, "owner": "msm"}, "of the member"),
        ({"person": "somebody"}, "of ours"),
        ({"owner": "their log-in"}, "of ours"),
        ({"side": Side.MEMBER, "person": "somebody"}, "does not belong"),
        ({"milestone": "elsewhere"}, "another plan"),
    ],
)
def test_promise_is_refused_with_words(plan, msm, fields, words):
    named = {
        "msm": lambda: msm,
        "somebody": make_person,
        "their log-in": lambda: make_user(role=Role.MEMBER),
        "elsewhere": lambda: make_milestone_of(make_plan()),
    }
    filled = {name: named.get(value, lambda v=value: v)() for name, value in fields.items()}

    with pytest.raises(NotPromised, match=words):
        make(plan, msm, **filled)


def test_closed_plan_takes_no_promise(msm):
    with pytest.raises(NotPromised, match="replaced"):
        make(make_plan(closed_on=TODAY), msm)


def test_kept_on_its_day_or_late_says_so_and_is_kept_once(plan, msm):
    promise = make(plan, msm, due_on=TODAY - DAY)

    keep(promise, msm)
    keep(promise, msm)

    promise.refresh_from_db()
    assert (promise.done_on, promise.evidence) == (TODAY, "The minutes are in your folder")
    assert verbs(promise) == ["made", "done"]
    with pytest.raises(AlreadySettled):
        keep(promise, msm, on=TODAY - DAY)
    with pytest.raises(AlreadySettled):
        promises.waive(promise=promise, reason="Too late", by=msm, at=NOON)


def test_promise_is_not_kept_on_a_day_to_come(plan, msm):
    with pytest.raises(NotPromised, match="to come"):
        keep(make(plan, msm), msm, on=TODAY + DAY)


def test_reopened_with_a_reason_it_keeps_its_due_day(plan, msm):
    promise = make(plan, msm, due_on=TODAY - DAY)
    with pytest.raises(StillOpen):
        promises.reopen(promise=promise, reason="No", by=msm, at=NOON)
    keep(promise, msm)
    with pytest.raises(NotPromised, match="why"):
        promises.reopen(promise=promise, reason=" ", by=msm, at=NOON)

    promises.reopen(promise=promise, reason="The wrong mentor", by=msm, at=NOON)

    promise.refresh_from_db()
    assert (promise.done_on, promise.evidence, promise.due_on) == (None, "", TODAY - DAY)
    last = promise.events.get(verb="reopened")
    assert (last.note, last.before["done_on"]) == ("The wrong mentor", TODAY.isoformat())


def test_waived_with_a_reason_it_binds_nobody(plan, msm):
    promise = make(plan, msm)
    with pytest.raises(NotPromised, match="why"):
        promises.waive(promise=promise, reason="", by=msm, at=NOON)

    promises.waive(promise=promise, reason="They found one themselves", by=msm, at=NOON)

    promise.refresh_from_db()
    assert (promise.waived_on, promise.waived_by, promise.waived_reason) == (
        TODAY, msm, "They found one themselves",
    )  # fmt: skip
    promises.reopen(promise=promise, reason="They did not", by=msm, at=NOON)
    promise.refresh_from_db()
    assert (promise.waived_on, promise.waived_by, promise.waived_reason) == (None, None, "")


def test_due_day_moves_until_it_has_passed(plan, msm):
    today = make(plan, msm, due_on=TODAY)
    late = make(plan, msm, due_on=TODAY - DAY)

    promises.move(promise=today, due_on=SOON, reason="They are away", by=msm, at=NOON)

    today.refresh_from_db()
    assert today.due_on == SOON
    with pytest.raises(DueDayPassed):
        promises.move(promise=late, due_on=SOON, reason="We are late", by=msm, at=NOON)
    with pytest.raises(MovedIntoThePast):
        promises.move(promise=today, due_on=TODAY - DAY, reason="x", by=msm, at=NOON)
    with pytest.raises(NotPromised, match="why"):
        promises.move(promise=today, due_on=TODAY, reason=" ", by=msm, at=NOON)


def test_handed_over_within_its_side_only(plan, msm):
    promise = make(plan, msm, owner=msm)
    other = make_user()

    promises.hand_over(promise=promise, owner=other, by=msm, at=NOON)
    promises.hand_over(promise=promise, owner=other, by=msm, at=NOON)

    promise.refresh_from_db()
    assert promise.owner == other
    assert verbs(promise) == ["made", "handed_over"]
    with pytest.raises(NotPromised):
        promises.hand_over(promise=promise, person=make_person(), by=msm, at=NOON)


def test_what_we_did_is_judged_once_a_person_and_may_be_judged_anew(plan, msm):
    theirs = make_user(role=Role.MEMBER, member=plan.member)
    promise = make(plan, msm)
    with pytest.raises(StillOpen):
        promises.say_helped(promise=promise, helped=True, words="", by=theirs, at=NOON)
    promise = keep(promise, msm)

    promises.say_helped(promise=promise, helped=True, words="Yes", by=theirs, at=NOON)
    promises.say_helped(promise=promise, helped=False, words="Not quite", by=theirs, at=NOON)

    said = Helpfulness.objects.get()
    assert (said.helped, said.words, said.by) == (False, "Not quite", theirs)
    member_side = make(plan, msm, side=Side.MEMBER)
    with pytest.raises(NotPromised):
        promises.say_helped(promise=member_side, helped=True, words="", by=theirs, at=NOON)


def test_open_promises_go_on_with_the_next_version_at_their_point_of_the_path(plan, msm):
    here = make(plan, msm, milestone=make_milestone_of(plan))
    gone = make(plan, msm, milestone=make_milestone_of(plan, position=3))
    kept = keep(make(plan, msm), msm)
    owed = make_accountability(plan=plan, obligation="next_goal", due_on=SOON)
    plan.closed_on = TODAY
    plan.save(update_fields=["closed_on"])
    following = make_plan(
        member=plan.member, version=2, succession="next_goal", anchor_on=TODAY,
        expected_days=(30, 60),
    )  # fmt: skip

    went = [
        promises.carry_on(from_plan=plan, to_plan=following, by=msm, at=NOON) for _ in range(2)
    ]

    assert went == [2, 0]
    rows = {row.pk: row for row in Accountability.objects.select_related("milestone")}
    assert rows[here.pk].milestone == make_milestone_of(following)
    assert (rows[gone.pk].plan, rows[gone.pk].milestone) == (following, None)
    assert rows[kept.pk].plan == plan
    assert (rows[owed.pk].plan, rows[owed.pk].done_on) == (plan, TODAY)
    assert verbs(here) == ["made", "went_on"]


steps = st.lists(
    st.tuples(
        st.sampled_from(["keep", "reopen", "waive", "move", "hand_over"]), st.integers(-3, 9)
    ),
    max_size=10,
)
FIELDS = ("done_on", "evidence", "waived_on", "waived_by_id", "waived_reason", "due_on",
          "owner_id", "person_id")  # fmt: skip


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_history_of_a_promise_replays_from_and_to_the_row(said):
    with transaction.atomic():
        msm, other = make_user(), make_user()
        promise = make(make_plan(), msm)
        seen = [values(promise)]
        for number, (verb, offset) in enumerate(said):
            at, on = NOON + number * timedelta(minutes=1), TODAY + offset * DAY
            try:
                take(verb, promise, on=on, owner=other if offset % 2 else msm, at=at)
            except (AlreadySettled, StillOpen, NotPromised, MovedIntoThePast, DueDayPassed):
                continue
            if values(promise) != seen[-1]:
                seen.append(values(promise))
        events = list(promise.events.order_by("at", "pk"))
        assert len(events) == len(seen)
        row = seen[-1]
        for event, before in zip(reversed(events[1:]), reversed(seen[:-1]), strict=True):
            row = row | {name: read(name, value) for name, value in event.before.items()}
            assert row == before
        transaction.set_rollback(True)


def take(verb, promise, *, on, owner, at):
    given = {
        "keep": {"on": on, "evidence": "e"},
        "reopen": {"reason": "r"},
        "waive": {"reason": "w"},
        "move": {"due_on": on, "reason": "m"},
        "hand_over": {"owner": owner},
    }
    getattr(promises, verb)(promise=promise, by=owner, at=at, **given[verb])


def values(promise):
    return Accountability.objects.values(*FIELDS).get(pk=promise.pk)


def read(name, value):
    return parse_date(value) if name.endswith("_on") and value else value


# The queue


@pytest.fixture
def seen():
    """A plan of a member in force, in the facts of the newest night."""
    make_default_plays(effective_from=TODAY - 30 * DAY)
    plan = make_plan(member=make_member(), anchor_on=TODAY)
    make_term(member=plan.member)
    run_night(as_of=TODAY, today=TODAY, clock=lambda: MORNING)
    return plan


def items(status="open"):
    return Intervention.objects.filter(play__key="promise-of-ours-late", status=status)


def test_late_promise_of_ours_is_its_owners_first_work_at_once(seen, msm):
    promise = make(seen, msm, due_on=TODAY - DAY, owner=msm)

    item = items().get()
    assert (item.owner, item.queue_class, item.promise, item.occurred_on) == (
        msm, 1, promise, TODAY - DAY,
    )  # fmt: skip
    assert item.why == "We promised “Introduce a mentor” for 28 July 2026, and it is not done."
    assert MemberFacts.objects.get().we_owe_since == TODAY - DAY


@pytest.mark.parametrize(
    ("step", "note"),
    [
        (keep, "It was done on 29 July 2026"),
        (
            lambda promise, by: promises.waive(promise=promise, reason="x", by=by, at=NOON),
            "It was waived on 29 July 2026",
        ),
    ],
)
def test_item_closes_itself_when_the_promise_is_settled_and_opens_when_reopened(
    seen, msm, step, note
):
    promise = make(seen, msm, due_on=TODAY - DAY, owner=msm)
    step(promise, msm)
    assert not items().exists()
    assert items("closed").get().events.get(verb="closed").note == note

    promises.reopen(promise=promise, reason="It was not", by=msm, at=NOON)

    assert items().get().promise == promise


def test_item_marked_done_opens_again_when_the_promise_is_reopened(seen, msm):
    promise = make(seen, msm, due_on=TODAY - DAY, owner=msm)
    items().update(status="done", finished_at=NOON)
    keep(promise, msm)
    assert not items().exists()

    promises.reopen(promise=promise, reason="It was not", by=msm, at=NOON)

    assert items().get().occurrence == f"promise {promise.pk} due 2026-07-28, reopened 1"


def test_each_late_promise_has_an_item_of_its_own_and_goes_with_its_owner(seen, msm):
    other = make_user()
    first = make(seen, msm, due_on=TODAY - DAY, owner=msm)
    second = make(seen, msm, due_on=TODAY - 2 * DAY, owner=other)
    pool = make(seen, msm, due_on=TODAY - 3 * DAY)
    make(seen, msm, due_on=TODAY - DAY, side=Side.MEMBER)
    assert dict(items().values_list("promise", "owner")) == {
        first.pk: msm.pk,
        second.pk: other.pk,
        pool.pk: None,
    }

    promises.hand_over(promise=first, owner=other, by=msm, at=NOON)

    assert items().get(promise=first).owner == other


def test_nothing_opens_before_the_due_day_has_passed(seen, msm):
    make(seen, msm, due_on=TODAY)

    assert not items().exists()
    run_night(as_of=TODAY + DAY, today=TODAY + DAY, clock=lambda: MORNING + DAY)
    assert items().count() == 1


def test_day_of_a_promise_is_a_date_of_the_association(seen, msm):
    assert make(seen, msm, due_on=date(2026, 7, 30)).due_on == date(2026, 7, 30)
