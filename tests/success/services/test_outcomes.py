from datetime import UTC, datetime, timedelta

import pytest

from members.models import AuditEntry, DirtyMember
from success.enums import Answer, ConfirmedIn, Fit, FitStatus
from success.models import DesiredOutcome, FitAssessment, GoalChange, OutcomeConfirmation
from success.queries.plans import fits_of, missing_fits
from success.services import outcomes
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_member,
    make_outcome,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)
TOMORROW = TODAY + timedelta(days=1)


def say(member, goal="We sell abroad", **given):
    given = {"required_outcome": "", "measure": "", "said_by": None, "on": TODAY} | given
    return outcomes.say_outcome(member=member, goal=goal, by=None, at=NOON, **given)


def assess(member, fit=Fit.RESOURCE, status=FitStatus.MISSING, reason="No time", on=TODAY):
    return outcomes.assess_fit(
        member=member, fit=fit, status=status, reason=reason, on=on, by=make_user(), at=NOON
    )


def test_the_same_goal_said_again_is_confirmed_and_another_is_the_next_version():
    member = make_member()
    first = say(member, on=YESTERDAY)

    again = say(member, goal=" We sell abroad ")
    other = say(member, goal="We lead abroad")

    assert again.pk == first.pk
    assert again.confirmed_on == TODAY
    assert (other.version, other.ended_on) == (2, None)
    assert DesiredOutcome.objects.get(pk=first.pk).ended_on == TODAY
    assert OutcomeConfirmation.objects.filter(outcome=first).count() == 2


def test_confirming_counts_once_a_day_and_the_newest_day_counts():
    outcome = make_outcome()
    by = make_user()

    for on in (TODAY, YESTERDAY, TODAY):
        outcomes.confirm_outcome(
            outcome=outcome, on=on, said_in=ConfirmedIn.CALL, by=by, at=NOON
        )

    outcome.refresh_from_db()
    assert outcome.confirmed_on == TODAY
    assert outcome.confirmations.count() == 2
    assert AuditEntry.objects.filter(verb="outcome.confirmed").count() == 2
    assert DirtyMember.objects.get(member=outcome.member).since == YESTERDAY


def test_confirming_refuses_what_cannot_be():
    by = make_user()

    def confirm(outcome, on):
        outcomes.confirm_outcome(
            outcome=outcome, on=on, said_in=ConfirmedIn.CALL, by=by, at=NOON
        )

    with pytest.raises(outcomes.NotSaid, match="still to come"):
        confirm(make_outcome(), TOMORROW)
    with pytest.raises(outcomes.NotSaid, match="not said yet"):
        confirm(make_outcome(said_on=TODAY, confirmed_on=TODAY), YESTERDAY)
    with pytest.raises(outcomes.OutcomeEnded):
        confirm(make_outcome(ended_on=YESTERDAY), TODAY)


def test_a_goal_beside_the_first_is_tracked_and_ended_without_touching_it():
    member = make_member()
    primary = say(member)
    by = make_user()
    given = {"member": member, "goal": "A new roof", "said_by": None, "on": TODAY}

    made = [outcomes.add_secondary(**given, by=by, at=NOON) for _ in range(2)]
    ended = [
        outcomes.end_secondary(outcome=made[0], on=TODAY, by=by, at=NOON) for _ in range(2)
    ]

    assert made[0].pk == made[1].pk
    assert (made[0].version, made[0].is_primary) == (2, False)
    assert [each.ended_on for each in ended] == [TODAY, TODAY]
    assert DesiredOutcome.objects.get(pk=primary.pk).ended_on is None
    with pytest.raises(outcomes.NotSaid):
        outcomes.end_secondary(outcome=primary, on=TODAY, by=by, at=NOON)


def test_six_fits_stand_as_last_assessed_and_say_who_closes_what_is_missing():
    member = make_member()
    assess(member, status=FitStatus.PRESENT, reason="", on=YESTERDAY)
    assess(member)
    assess(member, fit=Fit.CULTURAL, status=FitStatus.PRESENT, reason="")
    promise = make_accountability(plan=make_plan(member=member), closes_fit="resource")

    found = {each.fit: each for each in fits_of(member, as_of=TODAY)}

    assert list(found) == list(Fit)
    assert found[Fit.RESOURCE].is_missing
    assert found[Fit.RESOURCE].closing == (promise,)
    assert not found[Fit.RESOURCE].is_open
    assert found[Fit.CULTURAL].status == FitStatus.PRESENT
    assert found[Fit.TECHNICAL].status == FitStatus.UNKNOWN
    assert missing_fits(member, as_of=TODAY) == {"resource"}
    assert missing_fits(member, as_of=YESTERDAY) == frozenset()


@pytest.mark.parametrize("fits", [1, 3])
def test_fits_cost_the_same_number_of_queries(fits, django_assert_num_queries):
    member = make_member()
    for fit in list(Fit)[:fits]:
        assess(member, fit=fit)

    with django_assert_num_queries(2):
        fits_of(member, as_of=TODAY)


def test_a_missing_fit_says_what_is_missing_and_a_day_has_one_assessment():
    member = make_member()

    with pytest.raises(outcomes.NotSaid, match="what is missing"):
        assess(member, reason=" ")
    assess(member)
    assess(member)
    assess(member, status=FitStatus.PRESENT, reason="")

    assert FitAssessment.objects.get().status == FitStatus.PRESENT
    assert AuditEntry.objects.filter(verb="fit.assessed").count() == 2


def test_a_changed_goal_waits_once_and_is_answered_once():
    member = make_member()
    by = make_user()

    made = [
        outcomes.ask_goal_change(member=member, words="Lead", by=by, at=NOON) for _ in range(2)
    ]
    with pytest.raises(outcomes.AlreadyWaiting) as refused:
        outcomes.ask_goal_change(member=member, words="Sell", by=by, at=NOON)
    assert refused.value.change.pk == made[0].pk == made[1].pk

    def answer(status, words):
        return outcomes.answer_goal_change(
            change=made[0], status=status, answer=words, by=by, at=NOON
        )

    with pytest.raises(outcomes.NotSaid):
        answer(Answer.DECLINED, "")
    answered = [answer(Answer.DECLINED, "First the roof") for _ in range(2)]
    with pytest.raises(outcomes.AlreadyAnswered):
        answer(Answer.CONFIRMED, "")

    assert {each.status for each in answered} == {Answer.DECLINED}
    assert GoalChange.objects.get().answered_at == datetime(2026, 7, 29, 12, tzinfo=UTC)
    verbs = AuditEntry.objects.filter(verb__startswith="goal_change").values_list(
        "verb", flat=True
    )
    assert sorted(verbs) == ["goal_change.asked", "goal_change.declined"]
