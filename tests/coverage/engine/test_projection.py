from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from coverage.engine.capacity import Stage, stage
from coverage.engine.projection import first_step, project

DAYS = tuple(date(2026, 7, 29) + timedelta(weeks=week) for week in range(26))
TODAY = DAYS[0]


def ahead(stage=Stage.ADOPTION, expected=None, ends=None):
    return project(
        stage=stage,
        first_value_expected_on=expected,
        term_ends_on=ends,
        grace_days=30,
        days=DAYS,
    )


def test_the_first_step_is_the_first_day_on_or_after():
    assert [first_step(TODAY + timedelta(days=day), days=DAYS) for day in (-9, 0, 1, 7, 8)] == [
        0, 0, 1, 1, 2,
    ]  # fmt: skip
    assert first_step(None, days=DAYS) is None
    assert first_step(DAYS[-1] + timedelta(days=1), days=DAYS) is None


def test_a_term_that_ends_opens_its_window_and_then_goes_on():
    path = ahead(ends=DAYS[20])

    opens = next(step for step, each in enumerate(path) if each is Stage.RENEWAL)
    assert DAYS[opens - 1] < DAYS[20] - timedelta(days=120) <= DAYS[opens]
    assert set(path[opens:20]) == {Stage.RENEWAL}
    assert set(path[:opens]) | set(path[20:]) == {Stage.ADOPTION}


def test_growth_is_growth_again_after_the_window():
    assert ahead(stage=Stage.GROWTH, ends=DAYS[5])[4:6] == (Stage.RENEWAL, Stage.GROWTH)


def test_first_value_ends_onboarding_on_its_day():
    path = ahead(stage=Stage.ONBOARDING, expected=DAYS[3], ends=DAYS[6])

    assert path[2:7] == (
        Stage.ONBOARDING, Stage.RENEWAL, Stage.RENEWAL, Stage.RENEWAL, Stage.ADOPTION,
    )  # fmt: skip


def test_a_day_of_first_value_that_has_passed_says_nothing():
    assert set(ahead(stage=Stage.ONBOARDING, expected=TODAY)) == {Stage.ONBOARDING}


def test_at_risk_stays_since_nothing_says_when_it_ends():
    assert set(ahead(stage=Stage.AT_RISK, ends=DAYS[3])) == {Stage.AT_RISK}


def test_a_term_in_grace_is_in_its_window_until_grace_is_over():
    path = ahead(stage=Stage.RENEWAL, ends=TODAY - timedelta(days=10))

    assert path[:4] == (Stage.RENEWAL, Stage.RENEWAL, Stage.RENEWAL, Stage.ADOPTION)


@given(
    state=st.sampled_from(["on_track", "ahead", "achieved", "slipping"]),
    has_value=st.booleans(),
    ends_in=st.none() | st.integers(1, 500),
)
def test_until_the_term_ends_it_is_what_the_stage_will_be(state, has_value, ends_in):
    ends_on = None if ends_in is None else TODAY + timedelta(days=ends_in)

    def on(day):
        return stage(
            state=state,
            has_first_value=has_value,
            escalation_is_open=False,
            term_ends_on=ends_on,
            on=day,
        )

    now = on(TODAY)
    path = ahead(stage=now, ends=ends_on)
    before = [step for step, day in enumerate(DAYS) if ends_on is None or day < ends_on]
    assert [path[step] for step in before] == [on(DAYS[step]) for step in before]
