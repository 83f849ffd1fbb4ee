from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import Member, Term
from success.engine.effect import Verdict
from success.enums import Arm
from success.models import Enrolment, Play, PlayVersion, SleepingDog
from success.queries.effects import is_sleeping_dog, of_play, overview
from success.rollups import effects
from tests.factories import make_enrolment, make_member, make_play, make_segment, make_term

pytestmark = pytest.mark.django_db
AS_OF = date(2026, 7, 29)
ENTERED = date(2025, 1, 1)
DAY = timedelta(days=1)


def make_trial(**overrides):
    return make_play(**({"held_percent": 20, "aim_days": 30} | overrides))


def make_drawn(play, arm, count, *, reached=0, stays=True, **overrides):
    """Members drawn into an arm, of whom the first ones reach the aim in time."""
    number = Member.objects.count()
    members = Member.objects.bulk_create(
        Member(
            name=f"Member {number + index}", kind="organisation", created_at="2020-01-01T00:00Z"
        )
        for index in range(count)
    )
    fields = {
        "play": play,
        "version": play.current,
        "occurrence": "once",
        "occurred_on": ENTERED,
        "entered_on": ENTERED,
        "arm": arm,
        "draw": 0.5,
    } | overrides
    Enrolment.objects.bulk_create(
        Enrolment(
            member=member,
            reached_on=fields["entered_on"] + 30 * DAY if index < reached else None,
            **fields,
        )
        for index, member in enumerate(members)
    )
    Term.objects.bulk_create(
        Term(
            member=member,
            tier="Silver",
            starts_on=date(2024, 1, 1),
            ends_on=date(2028, 1, 1) if stays else date(2025, 6, 1),
            source="test",
            external_id=f"of {member.pk}",
        )
        for member in members
    )
    return members


def of(play, outcome="aim"):
    found = of_play(play, as_of=AS_OF, grace_days=30)
    return next(one for one in found.outcomes if one.outcome == outcome), found


def counts(outcome):
    arms = outcome.effect.arms
    return (arms.treated, arms.treated_n, arms.held, arms.held_n)


def test_of_play_compares_arms_as_they_were_drawn():
    play = make_trial()
    make_drawn(play, Arm.TREATED, 8, reached=6)
    make_drawn(play, Arm.HELD, 2, reached=1)
    aim, found = of(play)

    assert counts(aim) == (6, 8, 1, 2)
    assert aim.effect.lift == pytest.approx(0.25)
    assert aim.effect.verdict == Verdict.TOO_FEW
    assert (found.drawn.treated, found.drawn.held, found.drawn.share) == (8, 2, 0.2)
    assert found.drawn.ratio.is_ok


def test_of_play_counts_the_first_entry_of_a_member_and_those_old_enough():
    play = make_trial()
    first = make_drawn(play, Arm.TREATED, 1)[0]
    make_enrolment(
        play=play,
        member=first,
        arm=Arm.TREATED,
        draw=0.5,
        entered_on=ENTERED + 40 * DAY,
        reached_on=ENTERED + 41 * DAY,
    )
    make_drawn(play, Arm.HELD, 1, reached=1, entered_on=AS_OF - 29 * DAY)
    make_drawn(play, Arm.HELD, 1, reached=1, entered_on=AS_OF - 30 * DAY)

    assert counts(of(play)[0]) == (0, 1, 1, 1)


def test_of_play_leaves_out_who_was_not_drawn():
    play = make_trial()
    make_drawn(play, Arm.TREATED, 3, draw=None)
    undrawn = PlayVersion.objects.create(
        play=play,
        number=2,
        status="superseded",
        aim="",
        start_kind="data",
        start={},
        audience={},
        queue_class=1,
        salt=play.key,
        effective_from=ENTERED,
    )
    make_drawn(play, Arm.TREATED, 3, version=undrawn)
    other_salt = PlayVersion.objects.create(
        play=play,
        number=3,
        status="superseded",
        aim="",
        start_kind="data",
        start={},
        audience={},
        queue_class=1,
        salt="another",
        held_percent=10,
        effective_from=ENTERED,
    )
    make_drawn(play, Arm.HELD, 3, version=other_salt)

    assert of(play)[0].effect.verdict == Verdict.NOBODY


def test_staying_is_read_a_year_later_once_its_grace_is_over():
    play = make_trial()
    make_drawn(play, Arm.TREATED, 4)
    make_drawn(play, Arm.HELD, 1)
    make_drawn(play, Arm.HELD, 2, stays=False)
    # a year and the grace are over for the one, and not for the other
    make_drawn(play, Arm.HELD, 1, entered_on=AS_OF - 395 * DAY)
    make_drawn(play, Arm.HELD, 1, entered_on=AS_OF - 394 * DAY)

    assert counts(of(play, "staying")[0]) == (4, 4, 2, 4)


@pytest.mark.parametrize(("back_on", "stayed"), [(29, 1), (30, 0)])
def test_staying_counts_a_return_within_the_grace(back_on, stayed):
    play = make_trial()
    member = make_drawn(play, Arm.HELD, 1)[0]
    a_year_on = ENTERED + 365 * DAY
    member.terms.update(ends_on=a_year_on - 5 * DAY)
    make_term(
        member=member,
        starts_on=a_year_on + (back_on - 5) * DAY,
        ends_on=date(2027, 6, 1),
    )

    make_drawn(play, Arm.TREATED, 1)

    # with nobody in the other arm nothing is compared
    assert of(play, "staying")[0].effect.arms.held == stayed


def test_of_play_weighs_kinds_of_member():
    play = make_trial()
    mixed = [("stalled", 40, 4, 10, 1), ("on_track", 10, 9, 40, 36)]
    for state, treated_n, treated, held_n, held in mixed:
        make_drawn(play, Arm.TREATED, treated_n, reached=treated, state=state)
        make_drawn(play, Arm.HELD, held_n, reached=held, state=state)
    aim, _found = of(play)

    assert aim.effect.pt - aim.effect.pc == pytest.approx(-0.48)
    assert aim.effect.lift == pytest.approx(0)
    assert [(kind.state, kind.effect.arms.treated_n) for kind in aim.kinds] == [
        ("on_track", 10),
        ("stalled", 40),
    ]


def test_of_play_is_not_read_where_the_sample_ratio_is_off():
    play = make_trial()
    make_drawn(play, Arm.TREATED, 300, reached=250)
    make_drawn(play, Arm.HELD, 250, reached=100)
    aim, found = of(play)

    assert not found.drawn.ratio.is_ok
    assert aim.effect.verdict == Verdict.UNREADABLE


def test_of_play_says_how_many_are_missing():
    play = make_trial()
    make_drawn(play, Arm.TREATED, 40, reached=36)
    make_drawn(play, Arm.HELD, 10, reached=8)
    aim, _found = of(play)

    # 80% left alone: 906 in each arm would show five points
    assert (aim.needed, aim.missing) == (906, 896)


def test_overview_puts_plays_together_but_those_whose_arms_are_off():
    sound, off = make_trial(title="A"), make_trial(title="B")
    make_play(title="C")
    make_drawn(sound, Arm.TREATED, 8, reached=8)
    make_drawn(sound, Arm.HELD, 2)
    make_drawn(off, Arm.TREATED, 10)
    make_drawn(off, Arm.HELD, 30, reached=30)
    together, each = overview(as_of=AS_OF, grace_days=30)

    assert [one.play.title for one in each] == ["A", "B"]
    assert counts(together.outcomes[0]) == (8, 8, 0, 2)


def make_harmed(play, *, segment):
    make_drawn(play, Arm.TREATED, 800, reached=560, segment=segment, state="stalled")
    make_drawn(play, Arm.HELD, 200, reached=180, segment=segment, state="stalled")
    make_drawn(play, Arm.TREATED, 40, reached=40, segment=None, state="on_track")


def flag():
    return effects.refresh(
        as_of=AS_OF,
        found=effects.arms(as_of=AS_OF, grace_days=30),
        ratios=effects.drawn(as_of=AS_OF),
    )


def test_night_flags_the_kind_that_a_play_makes_worse():
    play, segment = make_trial(), make_segment()
    make_harmed(play, segment=segment)

    assert flag().rows_out == 1

    dog = SleepingDog.objects.get()
    assert (dog.play, dog.segment, dog.state, dog.outcome) == (play, segment, "stalled", "aim")
    assert dog.lift == pytest.approx(-0.2)
    aim, _found = of(play)
    assert [kind.is_sleeping_dog for kind in aim.kinds] == [True, False]
    assert flag().rows_out == 0


def test_flag_stays_until_the_play_draws_anew():
    play = make_trial()
    make_harmed(play, segment=make_segment())
    flag()
    Enrolment.objects.filter(arm=Arm.TREATED).update(reached_on=ENTERED)
    flag()
    assert SleepingDog.objects.exists()

    PlayVersion.objects.filter(play=play).update(salt="another")
    flag()
    assert not SleepingDog.objects.exists()


def test_night_flags_nobody_where_the_sample_ratio_is_off():
    play = make_trial(held_percent=50)
    make_harmed(play, segment=make_segment())
    flag()

    assert not SleepingDog.objects.exists()


def test_is_sleeping_dog_asks_by_segment_and_state_in_one_look():
    play, segment = make_trial(), make_segment()
    SleepingDog.objects.create(
        play=play,
        salt=play.key,
        segment=segment,
        state="stalled",
        outcome="aim",
        lift=-0.1,
        p=0.001,
        treated_n=400,
        held_n=400,
        found_on=AS_OF,
    )
    entries = [
        make_enrolment(play=play, segment=segment, state="stalled"),
        make_enrolment(play=play, segment=segment, state="ahead"),
        make_enrolment(play=play, state="stalled"),
        make_enrolment(
            play=make_play(), segment=segment, state="stalled", member=make_member()
        ),
    ]
    with CaptureQueriesContext(connection) as asked:
        found = [is_sleeping_dog(enrolment=entry) for entry in entries]

    assert found == [True, False, False, False]
    assert len(asked) == len(entries)


@pytest.mark.parametrize("plays", [1, 3])
def test_overview_asks_as_often_for_one_play_as_for_three(plays, django_assert_max_num_queries):
    for _ in range(plays):
        play = make_trial()
        make_drawn(play, Arm.TREATED, 2, segment=make_segment())
        make_drawn(play, Arm.HELD, 2)
    assert Play.objects.count() == plays

    with django_assert_max_num_queries(7):
        overview(as_of=AS_OF, grace_days=30)
