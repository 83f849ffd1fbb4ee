import random
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from members.models import AuditEntry
from members.rollups.scope import Scope
from success.engine.asks import Barrier
from success.engine.planning import PlannedMilestone, PlannedPath
from success.models import Ask, MemberFacts, Milestone, Plan
from success.queries.asks import of_member
from success.rollups.asks import NOT_OWNED, STATE_ALLOWS, eligible_sql
from success.services import asks, milestones
from success.services.asks import BadAnswer, NotAnnounced, NotAsked, NotEligible
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_ask,
    make_ax_profile,
    make_effort,
    make_guest,
    make_member,
    make_member_facts,
    make_milestone_of,
    make_offer,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
JULY_1 = date(2026, 7, 1)


@pytest.fixture
def msm():
    return make_user()


@pytest.fixture
def plan():
    plan = make_plan()
    make_member_facts(member=plan.member, plan=plan, state="on_track", tier="Silver")
    return plan


@pytest.fixture
def ask(plan):
    """An ask that may be made: announced, agreed to, its milestone confirmed."""
    reach(plan, 1)
    return make_ask(milestone=make_milestone_of(plan))


def reach(plan, position, on=JULY_1, source="confirmed"):
    plan.milestones.filter(position=position).update(
        evidence_dates=[on], evidence_source=source
    )


def barriers(ask, as_of=TODAY):
    ask = Ask.objects.select_related("plan", "milestone", "offer").get(pk=ask.pk)
    return asks.eligibility(ask, as_of=as_of).barriers


def make(ask, msm, on=TODAY):
    return asks.make_ask(ask=ask, by=msm, at=NOON, on=on)


def respond(ask, msm, status="refused", on=TODAY):
    return asks.answer(
        ask=ask, status=status, words="Not now", record="", on=on, by=msm, at=NOON
    )


# Announced, agreed to


def test_announced_with_the_consents_given_by_name(msm):
    make_offer(key="training", title="A training")
    plan = make_plan()
    ann = make_guest(member=plan.member)
    path = PlannedPath(
        goal=plan.goal,
        milestones=(
            PlannedMilestone(
                key="milestone-1", title="One", expected_day=30, weight=50,
                upsell="training", advocacy="testimonial",
            ),
            PlannedMilestone(
                key="milestone-2", title="Two", expected_day=60, weight=50, upsell="unknown"
            ),
        ),
    )  # fmt: skip

    for _ in range(2):
        asks.announce(
            plan=plan, consents={"milestone-1:advocacy"}, said_by=ann, on=TODAY, path=path
        )

    rows = of_member(plan.member).values_list(
        "milestone__key", "kind", "consented_on", "consented_by", "status"
    )
    assert list(rows) == [
        ("milestone-1", "advocacy", TODAY, ann.pk, "announced"),
        ("milestone-1", "upsell", None, None, "announced"),
    ]
    assert AuditEntry.objects.get().after == {
        "asks": ["milestone-1:upsell", "milestone-1:advocacy"]
    }


def test_consent_is_given_later_and_taken_back_before_the_ask_only(ask, plan, msm):
    asks.withdraw_consent(ask=ask, by=msm, at=NOON)
    assert barriers(ask) == (Barrier.NO_CONSENT,)
    with pytest.raises(NotEligible, match="not agreed"):
        make(ask, msm)

    asks.consent(ask=ask, person=make_guest(member=plan.member), on=TODAY, by=msm, at=NOON)
    make(ask, msm)

    with pytest.raises(NotAnnounced):
        asks.withdraw_consent(ask=ask, by=msm, at=NOON)


def test_asks_go_on_with_the_next_version_but_those_made_stay(plan, msm, ask):
    second = make_ask(milestone=make_milestone_of(plan, position=2))
    third = make_ask(milestone=make_milestone_of(plan, position=3))
    make(ask, msm)
    Plan.objects.filter(pk=plan.pk).update(closed_on=TODAY)
    following = make_plan(
        member=plan.member, version=2, counts_from=TODAY, expected_days=(30, 60)
    )

    assert asks.carry_on(from_plan=plan, to_plan=following, by=msm, at=NOON) == 1
    assert asks.carry_on(from_plan=plan, to_plan=following, by=msm, at=NOON) == 0

    rows = {row.pk: row for row in Ask.objects.all()}
    assert rows[second.pk].milestone == make_milestone_of(following, position=2)
    assert (rows[third.pk].plan, rows[third.pk].status) == (plan, "withdrawn")
    assert (rows[ask.pk].plan, rows[ask.pk].status) == (plan, "asked")


# May it be asked


def test_ask_that_nothing_stands_against_is_made_once(ask, msm):
    assert asks.eligibility(ask, as_of=TODAY).is_eligible

    made = make(ask, msm)

    assert (made.status, made.asked_on, made.asked_by) == ("asked", TODAY, msm)
    with pytest.raises(NotEligible, match="we ask once"):
        make(ask, msm)
    with pytest.raises(BadAnswer):
        make(ask, msm, on=TODAY + DAY)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("on_track", ()),
        ("ahead", ()),
        ("slipping", ()),
        ("achieved", ()),
        ("stalled", (Barrier.NOT_MOVING,)),
        ("regressing", (Barrier.NOT_MOVING,)),
        ("no_plan", (Barrier.NOT_MOVING,)),
    ],
)
def test_only_who_moves_is_asked(ask, state, expected):
    MemberFacts.objects.update(state=state)

    assert barriers(ask) == expected


def test_nobody_is_asked_whose_experience_does_not_suit_them(ask):
    make_ax_profile(member=ask.plan.member, async_minutes=60)
    assert barriers(ask) == ()  # nobody has logged time long enough to tell

    make_effort(on=TODAY - 90 * DAY)
    assert barriers(ask) == (Barrier.AX_MISMATCH,)

    make_effort(member=ask.plan.member, minutes=50)
    assert barriers(ask) == ()


def test_nobody_is_asked_whose_state_is_not_known(ask):
    MemberFacts.objects.all().delete()

    assert barriers(ask) == (Barrier.STATE_UNKNOWN,)


@pytest.mark.parametrize(
    ("dates", "source", "expected"),
    [
        (None, "", Barrier.NOT_REACHED),
        ([TODAY + DAY], "confirmed", Barrier.NOT_REACHED),
        ([JULY_1, TODAY], "confirmed", Barrier.NOT_REACHED),
        ([JULY_1], "declared", Barrier.NOT_CONFIRMED),
    ],
)
def test_milestone_stands_on_more_than_one_sides_word(ask, dates, source, expected):
    Milestone.objects.filter(pk=ask.milestone_id).update(
        evidence_dates=dates, evidence_source=source
    )

    assert barriers(ask) == (expected,)


@pytest.mark.parametrize(
    ("promise", "blocks"),
    [
        ({"due_on": TODAY - DAY}, True),
        ({"due_on": TODAY}, False),
        ({"due_on": TODAY - DAY, "side": "member"}, False),
        ({"due_on": TODAY - DAY, "done_on": TODAY}, False),
        ({"due_on": TODAY - DAY, "waived_on": TODAY}, False),
        ({"due_on": TODAY - DAY, "milestone": None}, False),
    ],
)
def test_no_ask_while_we_owe_something_at_that_milestone(ask, plan, promise, blocks):
    make_accountability(plan=plan, **({"milestone": ask.milestone} | promise))

    assert barriers(ask) == ((Barrier.WE_OWE,) if blocks else ())


def test_what_they_have_is_not_offered(ask, plan, msm):
    ask.offer.owned_with_tier = "Silver"
    ask.offer.save()
    assert barriers(ask) == (Barrier.OWNED,)
    MemberFacts.objects.update(tier="Gold")
    assert barriers(ask) == ()
    ask.offer.is_retired = True
    ask.offer.save()
    assert barriers(ask) == (Barrier.RETIRED,)


def test_one_open_ask_a_member_at_a_time(ask, plan, msm):
    reach(plan, 2)
    other = make_ask(milestone=make_milestone_of(plan, position=2))
    make(ask, msm)

    assert barriers(other) == (Barrier.ANOTHER_OPEN,)
    respond(ask, msm, "accepted")
    assert barriers(other) == ()


def test_refusal_cools_off_for_180_days_or_until_the_next_milestone(ask, plan, msm):
    reach(plan, 2)
    other = make_ask(milestone=make_milestone_of(plan, position=2))
    make(ask, msm)
    respond(ask, msm)

    assert barriers(other) == (Barrier.COOLING_OFF,)
    assert barriers(other, as_of=TODAY + 179 * DAY) == (Barrier.COOLING_OFF,)
    assert barriers(other, as_of=TODAY + 180 * DAY) == ()
    reach(plan, 3, on=TODAY + 10 * DAY)
    assert barriers(other, as_of=TODAY + 9 * DAY) == (Barrier.COOLING_OFF,)
    assert barriers(other, as_of=TODAY + 10 * DAY) == ()


def test_bigger_request_waits_for_the_smaller_ones_they_agreed_to(plan, msm):
    reach(plan, 1)
    reach(plan, 2)
    small = make_ask(milestone=make_milestone_of(plan), kind="advocacy")
    big = make_ask(
        milestone=make_milestone_of(plan, position=2), kind="advocacy", advocacy="case_study"
    )
    assert barriers(big) == (Barrier.SMALLER_FIRST,)
    make(small, msm)
    respond(small, msm, "accepted")

    assert barriers(big) == ()


def test_bigger_request_needs_a_new_consent_once_the_smaller_was_refused(plan, msm):
    reach(plan, 1)
    reach(plan, 2)
    small = make_ask(milestone=make_milestone_of(plan), kind="advocacy")
    big = make_ask(
        milestone=make_milestone_of(plan, position=2), kind="advocacy", advocacy="reference"
    )
    make(small, msm, on=TODAY - DAY)
    respond(small, msm, "refused", on=TODAY - DAY)
    reach(plan, 3, on=TODAY)  # the next milestone ends the cool-off
    assert barriers(big) == (Barrier.SMALLER_FIRST,)

    asks.consent(ask=big, person=None, on=TODAY, by=msm, at=NOON)

    assert barriers(big) == ()


def test_smaller_request_never_agreed_to_holds_nothing_up(plan):
    reach(plan, 2)
    make_ask(milestone=make_milestone_of(plan), kind="advocacy", consented_on=None)
    big = make_ask(
        milestone=make_milestone_of(plan, position=2), kind="advocacy", advocacy="case_study"
    )

    assert barriers(big) == ()


def test_closed_plan_asks_nothing(ask, plan):
    Plan.objects.filter(pk=plan.pk).update(closed_on=TODAY)

    assert barriers(ask) == (Barrier.PLAN_REPLACED,)


def test_reasons_are_words_for_a_page(ask):
    Milestone.objects.filter(pk=ask.milestone_id).update(evidence_dates=None)
    ask.milestone.refresh_from_db()

    assert asks.eligibility(ask, as_of=TODAY).reasons == (
        "The milestone has not been reached.",
    )


# Answers


def test_answer_is_kept_in_their_words_with_what_came_of_it(ask, msm):
    make(ask, msm)
    with pytest.raises(BadAnswer, match="before"):
        respond(ask, msm, on=TODAY - DAY)
    with pytest.raises(BadAnswer, match="yes or no"):
        respond(ask, msm, "withdrawn")

    asks.answer(
        ask=ask, status="accepted", words="Gladly", record="https://example.org/case",
        on=TODAY, by=msm, at=NOON,
    )  # fmt: skip

    ask.refresh_from_db()
    assert (ask.status, ask.answered_on, ask.answer, ask.record) == (
        "accepted", TODAY, "Gladly", "https://example.org/case",
    )  # fmt: skip
    with pytest.raises(NotAsked):
        respond(ask, msm)


def test_withdrawn_ask_is_over(ask, msm):
    asks.withdraw(ask=ask, by=msm, at=NOON, reason="We dropped it")

    assert barriers(ask) == (Barrier.WITHDRAWN,)
    with pytest.raises(NotAsked):
        asks.withdraw(ask=ask, by=msm, at=NOON)
    with pytest.raises(NotAsked):
        respond(ask, msm)


# Impossible, not discouraged


@pytest.mark.parametrize("source", ["", "declared"])
def test_ask_before_its_milestone_is_refused_by_the_database(plan, msm, source):
    if source:
        reach(plan, 1, source=source)
    ask = make_ask(milestone=make_milestone_of(plan))
    asked = {"status": "asked", "asked_on": TODAY, "asked_by": msm}

    with pytest.raises(NotEligible):
        make(ask, msm)
    with pytest.raises(IntegrityError, match="before the milestone"), transaction.atomic():
        Ask.objects.filter(pk=ask.pk).update(**asked)
    with pytest.raises(IntegrityError, match="before the milestone"), transaction.atomic():
        make_ask(milestone=make_milestone_of(plan), kind="advocacy", **asked)
    with (
        pytest.raises(IntegrityError, match="before the milestone"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE success_ask SET status = 'asked', asked_on = %s WHERE id = %s",
            [TODAY, ask.pk],
        )
    ask.refresh_from_db()
    assert (ask.status, ask.asked_on) == ("announced", None)


def test_ask_on_a_day_before_its_milestone_is_refused_too(ask):
    with pytest.raises(IntegrityError, match="before the milestone"), transaction.atomic():
        Ask.objects.filter(pk=ask.pk).update(status="asked", asked_on=JULY_1 - DAY)


def test_nobody_is_asked_without_consent_whoever_writes(ask):
    with pytest.raises(IntegrityError, match="without_consent"), transaction.atomic():
        Ask.objects.filter(pk=ask.pk).update(status="asked", asked_on=TODAY, consented_on=None)


def test_ask_becomes_possible_with_the_confirmation_and_not_with_the_declaration(plan, msm):
    first = make_milestone_of(plan)
    ask = make_ask(milestone=first)
    theirs = make_user(role="member", member=plan.member)
    declaration = milestones.declare(
        milestone=first, on=TODAY, what_changed="We ship", by=theirs, at=NOON
    )
    assert barriers(ask) == (Barrier.NOT_REACHED,)

    milestones.confirm(declaration=declaration, by=msm, at=NOON)

    assert barriers(ask) == ()


# The statement over many equals the engine


@pytest.mark.parametrize("seed", range(6))
def test_statement_over_many_finds_what_the_engine_finds(seed):
    draw = random.Random(seed)
    offers = [make_offer(owned_with_tier=tier) for tier in ("", "", "Gold")]
    offers.append(make_offer(is_retired=True))
    make_effort(on=TODAY - 100 * DAY)
    for _ in range(25):
        _random_member(draw, offers)
    scope = Scope(first=0, last=2**62)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT e.id FROM success_memberfacts f
                  JOIN ({eligible_sql(scope=scope.condition("p.member_id"))}) e
                    ON e.member_id = f.member_id
                 WHERE {STATE_ALLOWS} AND {NOT_OWNED}""",
            scope.parameters | {"as_of": TODAY},
        )
        found = {pk for (pk,) in cursor.fetchall()}

    expected = {ask.pk for ask in Ask.objects.all() if not barriers(ask)}
    assert found == expected
    assert Ask.objects.count() > len(expected) > 0


def _random_member(draw, offers):
    plan = make_plan(
        member=make_member(),
        closed_on=draw.choice([None, None, None, TODAY]),
        anchor_on=date(2026, 1, 1),
    )
    make_member_facts(
        member=plan.member,
        plan=plan,
        state=draw.choice(["on_track", "ahead", "achieved", "slipping", "stalled"]),
        tier=draw.choice(["Silver", "Silver", "Gold"]),
    )
    make_ax_profile(member=plan.member, async_minutes=60)
    make_effort(member=plan.member, minutes=draw.choice([60, 60, 60, 20]))
    for milestone in plan.milestones.all():
        days = sorted(draw.sample(range(-200, 6), draw.choice([1, 1, 1, 2, 3])))
        milestone.evidence_dates = [TODAY + day * DAY for day in days]
        milestone.evidence_source = draw.choice(["confirmed", "derived", "declared"])
        milestone.save()
        for kind in ("upsell", "advocacy"):
            if draw.random() < 0.6:
                _random_ask(draw, milestone, kind, offers)
        if draw.random() < 0.2:
            make_accountability(
                plan=plan,
                milestone=milestone,
                due_on=TODAY - draw.choice([0, 3]) * DAY,
                done_on=draw.choice([None, TODAY]),
            )


def _random_ask(draw, milestone, kind, offers):
    fields = {"consented_on": TODAY - draw.choice([300, 20, 1, -2]) * DAY}
    if kind == "upsell":
        fields["offer"] = draw.choice(offers)
    ask = make_ask(milestone=milestone, kind=kind, **fields)
    if kind == "advocacy":
        Ask.objects.filter(pk=ask.pk).update(
            advocacy=draw.choice(["testimonial", "case_study", "reference"])
        )
    status = draw.choice(["announced"] * 5 + ["refused", "accepted", "asked"])
    first = milestone.evidence_dates[0]
    if status == "announced" or milestone.evidence_source == "declared" or first > TODAY:
        return
    answered = None if status == "asked" else first + draw.choice([0, 30]) * DAY
    Ask.objects.filter(pk=ask.pk).update(status=status, asked_on=first, answered_on=answered)
