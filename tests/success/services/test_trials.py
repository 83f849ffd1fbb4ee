from datetime import UTC, date, datetime, timedelta

import pytest

from members.models import AuditEntry
from success.enums import BacktestStatus, StartKind
from success.models import Backtest, Enrolment, PlayVersion
from success.queries import backtests as reads
from success.services import trials
from tests.factories import NOON, make_member, make_play, make_term, make_user

pytestmark = pytest.mark.django_db
FIRST, LAST = date(2022, 1, 1), date(2022, 12, 31)
IN_FORCE = {"fact": "standing", "op": "eq", "value": "in_force"}


def make_renewal_play(**overrides):
    fields = {
        "start_kind": StartKind.TIMED,
        "start": {"fact": "term_ends_on", "offset_days": -60},
        "audience": IN_FORCE,
    }
    return make_play(**(fields | overrides))


def ask(play=None, **overrides):
    fields = {
        "version": (play or make_renewal_play()).current,
        "first_on": FIRST,
        "last_on": LAST,
        "every_days": 7,
        "horizon_days": 365,
        "by": make_user(),
        "at": NOON,
    }
    return trials.ask(**(fields | overrides))


def clock():
    return NOON


def make_two():
    """Of two members whose year ends on 1 June 2022, one stays."""
    stays, leaves = make_member(), make_member()
    for member in (stays, leaves):
        make_term(member=member, starts_on=date(2021, 6, 1), ends_on=date(2022, 6, 1))
    make_term(member=stays, starts_on=date(2022, 6, 1), ends_on=date(2027, 6, 1))
    return stays, leaves


def test_ask_keeps_the_question_and_says_who_asked():
    by = make_user()
    asked = ask(by=by)

    assert (asked.status, asked.asked_by, asked.first_on) == ("waiting", by, FIRST)
    assert asked.definition["start"] == {"fact": "term_ends_on", "offset_days": -60}
    assert AuditEntry.objects.get().verb == "backtest.asked"


def test_ask_again_while_it_is_under_way_is_the_same_question():
    play = make_renewal_play()

    assert ask(play) == ask(play)
    assert ask(play, every_days=14) != ask(play)


@pytest.mark.parametrize(
    "wrong",
    [
        {"last_on": date(2021, 12, 31)},
        {"last_on": NOON.date() + timedelta(days=1)},
        {"first_on": date(1990, 1, 1)},
        {"every_days": 0},
        {"horizon_days": 5000},
    ],
)
def test_ask_refuses_what_makes_no_sense(wrong):
    with pytest.raises(trials.BadQuestion):
        ask(**wrong)

    assert not Backtest.objects.exists()


def test_ask_refuses_a_play_that_has_no_past():
    play = make_play(start_kind=StartKind.TRIGGER, start={"kind": "answer.waiting"})

    with pytest.raises(trials.NotTestable):
        ask(play)


def test_work_says_what_came_out_and_writes_nothing_else():
    make_two()
    asked = ask()

    assert trials.work(backtest_id=asked.pk, clock=clock)

    asked.refresh_from_db()
    assert (asked.status, asked.done_through, asked.found) == ("done", LAST, {})
    said = asked.result
    assert (said["entries"], said["members"], said["base"]) == (2, 2, 0.5)
    assert (said["precision"]["count"], said["precision"]["of"]) == (1, 2)
    assert (said["recall"]["count"], said["recall"]["of"]) == (1, 1)
    # 2 April is one of the nights that are looked at: 60 days before the end
    assert said["lead"]["median"] == 60
    assert said["years"] == [{"year": 2022, "entries": 2, "lapses": 1, "foreseen": 1}]
    assert said["conclusion"] == "too_few"
    assert not Enrolment.objects.exists()


def test_work_goes_on_where_a_killed_worker_was():
    make_two()
    whole = ask(every_days=1)
    trials.work(backtest_id=whole.pk, clock=clock)
    whole.refresh_from_db()
    begun = ask(whole.version.play, every_days=1)
    stopped = []

    def stop(asked):
        stopped.append(asked.pk)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trials.work(backtest_id=begun.pk, clock=clock, on_chunk=stop)
    begun.refresh_from_db()
    assert (begun.status, begun.done_through) == ("running", date(2022, 3, 1))
    assert reads.progress(begun) == reads.Progress(done=60, total=365)

    trials.work(backtest_id=begun.pk, clock=clock)
    begun.refresh_from_db()
    assert stopped == [begun.pk]
    assert begun.result == whole.result


def test_work_leaves_what_another_worker_holds_until_its_lease_is_over():
    asked = ask()
    Backtest.objects.filter(pk=asked.pk).update(status="running", claimed_at=NOON)

    assert not trials.work(backtest_id=asked.pk, clock=clock)
    late = NOON + trials.LEASE
    assert trials.work(backtest_id=asked.pk, clock=lambda: late)


def test_work_of_a_finished_one_does_nothing():
    asked = ask()
    trials.work(backtest_id=asked.pk, clock=clock)
    before = Backtest.objects.values().get()

    assert not trials.work(backtest_id=asked.pk, clock=clock)
    assert Backtest.objects.values().get() == before


def test_work_keeps_to_the_draft_as_it_was_asked():
    make_two()
    play = make_renewal_play()
    asked = ask(play)
    PlayVersion.objects.filter(pk=asked.version_id).update(
        audience={"any": [{"fact": "standing", "op": "eq", "value": "lapsed"}]}
    )

    trials.work(backtest_id=asked.pk, clock=clock)

    asked.refresh_from_db()
    assert asked.result["entries"] == 2


def test_work_keeps_in_words_what_goes_wrong():
    asked = ask()
    broken = asked.definition | {"path": "gone"}
    Backtest.objects.filter(pk=asked.pk).update(definition=broken)

    trials.work(backtest_id=asked.pk, clock=clock)

    asked.refresh_from_db()
    assert (asked.status, asked.error) == ("failed", "There is no path “gone” any more")


def test_cancel_ends_it_and_no_worker_goes_on():
    asked = ask()
    trials.cancel(backtest=asked, by=make_user(), at=NOON)

    asked.refresh_from_db()
    assert (asked.status, asked.error) == (BacktestStatus.FAILED, trials.CANCELLED)
    assert not trials.work(backtest_id=asked.pk, clock=clock)
    assert reads.unfinished_ids() == []
    with pytest.raises(trials.Finished):
        trials.cancel(backtest=asked, by=make_user(), at=NOON)


def test_cancel_between_two_chunks_lets_the_worker_go():
    asked = ask(every_days=1)

    def stop(claimed):
        trials.cancel(backtest=claimed, by=None, at=NOON)

    trials.work(backtest_id=asked.pk, clock=clock, on_chunk=stop)

    asked.refresh_from_db()
    assert (asked.status, asked.result, asked.found) == ("failed", {}, {})


def test_unfinished_ids_are_those_a_worker_has_to_do_with():
    first, second = ask(), ask(at=datetime(2026, 7, 29, 13, tzinfo=UTC))
    done = ask()
    trials.work(backtest_id=done.pk, clock=clock)

    assert reads.unfinished_ids() == [first.pk, second.pk]
