from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from members.enums import Role
from success.engine.likelihood import Counted, Kind, Likelihood, Width
from success.models import RenewalCount
from success.queries import renewal_dues, renewals
from success.rollups import renewals as rollup
from tests.factories import (
    TODAY,
    make_enrolment,
    make_intervention,
    make_member,
    make_member_facts,
    make_play,
    make_term,
    make_user,
)
from tests.success.ledgers import add_lines, line

pytestmark = pytest.mark.django_db
GRACE = 30


def make_count(  # noqa: PLR0913
    *, month, renewed, lapsed, state="on_track", tier="Silver", first=False, open_=0
):
    return RenewalCount.objects.create(
        month=date.fromisoformat(month),
        state=state,
        is_first_year=first,
        tier=tier,
        renewed=renewed,
        lapsed=lapsed,
        undecided=open_,
    )


def make_ending(*, ends_on, joined_on=date(2020, 1, 1), dues="100", **facts):
    member = make_member()
    make_term(
        member=member,
        starts_on=ends_on - timedelta(days=365),
        ends_on=ends_on,
        dues=Decimal(dues),
    )
    return make_member_facts(
        member=member,
        **({"term_ends_on": ends_on, "joined_on": joined_on, "tier": "Silver"} | facts),
    )


def weeks_of(evidence):
    rows = renewals.ending(None, as_of=TODAY)
    found = renewals.weeks(rows, evidence=evidence, as_of=TODAY)
    assert [week.monday for week in found] == [
        date(2026, 7, 27) + timedelta(days=7 * number) for number in range(18)
    ]
    return [week for week in found if week.members]


def test_only_terms_within_120_days_are_ahead():
    for days in (-1, 0, 119, 120):
        make_ending(ends_on=TODAY + timedelta(days=days))
    make_ending(ends_on=TODAY, standing="in_grace")

    found = renewals.ending(None, as_of=TODAY)
    assert [(row.term_ends_on - TODAY).days for row in found.order_by("term_ends_on")] == [
        0,
        119,
    ]


def test_a_manager_has_their_own_members_and_the_pool():
    me, other = make_user(), make_user()
    mine = make_ending(ends_on=TODAY, owner=me)
    pool = make_ending(ends_on=TODAY, owner=None)
    theirs = make_ending(ends_on=TODAY, owner=other)

    assert set(renewals.ending(me, as_of=TODAY)) == {mine, pool}
    director = make_user(role=Role.DIRECTOR)
    assert set(renewals.ending(director, as_of=TODAY)) == {mine, pool, theirs}


def test_the_first_year_ends_within_a_year_of_joining():
    first = make_ending(ends_on=TODAY, joined_on=date(2025, 7, 29))
    later = make_ending(ends_on=TODAY, joined_on=date(2025, 7, 28))

    years = {row.pk: row.is_first_year for row in renewals.ending(None, as_of=TODAY)}
    assert years == {first.pk: True, later.pk: False}


def test_weeks_add_up_what_members_alike_did():
    make_count(month="2025-06-01", renewed=8, lapsed=2, state="on_track")
    make_count(month="2025-06-01", renewed=3, lapsed=3, state="stalled")
    evidence = renewals.known(as_of=TODAY, grace_days=GRACE).evidence
    monday = date(2026, 8, 3)
    for state in ("on_track", "on_track", "stalled"):
        make_ending(ends_on=monday + timedelta(days=2), state=state)
    going_on = make_ending(ends_on=monday)
    make_term(member=going_on.member, starts_on=monday, ends_on=date(2027, 8, 3))

    (week,) = weeks_of(evidence)
    assert (week.monday, week.members, week.renewed, week.open) == (monday, 4, 1, 3)
    # 2 · 8/10 + 3/6
    assert week.expected == Fraction(21, 10)
    assert week.unknown == 0


def test_nothing_known_is_not_a_likelihood():
    row = make_ending(ends_on=TODAY)
    evidence = renewals.known(as_of=TODAY, grace_days=GRACE).evidence

    (found,) = renewals.endings([row], evidence=evidence, as_of=TODAY)
    assert found.likelihood is None
    (week,) = weeks_of(evidence)
    assert (week.expected, week.unknown) == (0, 1)


def test_evidence_is_of_three_years_that_are_decided():
    make_count(month="2023-05-01", renewed=9, lapsed=0)
    make_count(month="2023-06-01", renewed=5, lapsed=0)
    make_count(month="2026-05-01", renewed=0, lapsed=5)
    make_count(month="2026-06-01", renewed=0, lapsed=7)

    found = renewals.known(as_of=TODAY, grace_days=GRACE)
    assert (found.since, found.until) == (date(2023, 6, 1), date(2026, 6, 1))
    assert found.evidence.likelihood(Kind("on_track", False, "Silver")) == Likelihood(
        Counted(5, 10), Width.STATE_YEAR_TIER
    )


def test_hit_rate_does_not_look_ahead():
    # decided long before: 8 of 10; the month itself, and one in between: all lost
    make_count(month="2024-01-01", renewed=8, lapsed=2)
    make_count(month="2025-11-01", renewed=0, lapsed=5)
    make_count(month="2026-01-01", renewed=1, lapsed=3)

    since, until, hit = renewals.hit_rate(as_of=TODAY, grace_days=GRACE)
    assert (since, until) == (date(2025, 6, 1), date(2026, 6, 1))
    # of both months 4/5 was said; the first was not decided 60 days before the second
    assert hit.of == 9
    # one of nine renewed: (0.04 + 8·0.64) / 9
    assert hit.brier == hit.base_brier == Fraction(516, 100) / 9
    (band,) = [band for band in hit.bands if band.came.of]
    assert (band.said, band.came) == (Fraction(4, 5), Counted(1, 9))


def test_nothing_is_scored_where_nothing_could_have_been_said():
    make_count(month="2026-01-01", renewed=10, lapsed=3)

    assert renewals.hit_rate(as_of=TODAY, grace_days=GRACE)[2].brier is None


def test_rate_of_a_period_is_over_what_is_decided():
    make_count(month="2026-01-01", renewed=3, lapsed=1, first=True)
    make_count(month="2026-02-01", renewed=5, lapsed=0, open_=2)
    make_count(month="2026-03-01", renewed=100, lapsed=0)

    found = renewals.renewed_between(since=date(2026, 1, 15), until=date(2026, 3, 1))
    assert found.counted == Counted(8, 9)
    assert (found.available, found.undecided) == (11, 2)
    assert found.first_year.rate == Fraction(3, 4)
    assert (
        renewals.renewed_between(since=date(2020, 1, 1), until=date(2021, 1, 1)).counted.rate
        is None
    )


def test_plays_under_way_stand_beside_the_member(django_assert_num_queries):
    row = make_ending(ends_on=TODAY)
    play = make_play(title="Help with the first pull request")
    entry = make_enrolment(play=play, member=row.member, entered_on=date(2026, 7, 1))
    make_intervention(play=play, member=row.member, enrolment=entry)
    over = make_ending(ends_on=TODAY)
    make_enrolment(play=play, member=over.member, ended_on=TODAY, end="reached")

    with django_assert_num_queries(2):
        found = renewals.plays_of([row.pk, over.pk], as_of=TODAY)
    assert found == {
        row.pk: [
            renewals.Play(
                title="Help with the first pull request", since=date(2026, 7, 1), is_work=True
            )
        ]
    }


def test_who_is_left_alone_to_compare_with_is_in_no_play():
    row = make_ending(ends_on=TODAY)
    make_enrolment(member=row.member, arm="held")

    assert renewals.plays_of([row.pk], as_of=TODAY) == {}


def test_decisions_are_the_members_behind_the_counts():
    lines = [
        line(f"m{number}", "2024-01-01", f"2025-01-0{number}", 1) for number in range(1, 6)
    ]
    lines += [
        line("m3", "2025-01-03", "2027-01-01", 1),
        line("gold", "2024-01-01", "2025-01-01", 1, "Gold"),
    ]
    add_lines(lines)
    asked = {
        "since": date(2025, 1, 1),
        "until": date(2025, 2, 1),
        "as_of": date(2026, 1, 10),
        "grace_days": GRACE,
    }
    rollup.refresh(as_of=date(2026, 1, 10), since=None, grace_days=GRACE)
    everybody = renewals.decisions(**asked, size=10)

    of = renewals.renewed_between(since=date(2025, 1, 1), until=date(2025, 2, 1)).counted
    assert len(everybody) == of.of == 6
    lost = renewals.decisions(**asked, outcome="lapsed", size=10)
    assert {row.name for row in lost} == {"m1", "m2", "m4", "m5", "gold"}
    alike = renewals.decisions(
        **asked, like=Kind("", True, "Gold"), width=Width.YEAR_TIER, size=10
    )
    assert [row.name for row in alike] == ["gold"]
    first = renewals.decisions(**asked, size=4)
    rest = renewals.decisions(**asked, size=4, after=(first[-1].ended_on, first[-1].member))
    assert first + rest == everybody


def test_dues_are_those_of_the_term_that_ends():
    row = make_ending(ends_on=TODAY, dues="123.45")
    make_term(
        member=row.member, starts_on=date(2020, 1, 1), ends_on=date(2021, 1, 1), dues=Decimal(9)
    )
    rows = renewals.ending(None, as_of=TODAY)

    assert renewal_dues.dues_by_week(rows) == {date(2026, 7, 27): Decimal("123.45")}
    assert renewal_dues.dues_of([row.pk]) == {row.pk: Decimal("123.45")}
