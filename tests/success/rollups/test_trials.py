import random
from datetime import date, timedelta

import pytest
from django.db import connection

from config.kernel.conditions import evaluate, parse
from coverage.models import AssignmentChange
from engagement.models import Fact
from engagement.rollups import involvement
from members.models import Member, Term
from members.rollups.scope import Scope
from success.engine.facts import FACTS
from success.engine.spreading import place, working_days
from success.enums import Reentry, StartKind
from success.models import (
    Enrolment,
    Intervention,
    MemberFacts,
    PlanTemplate,
    Play,
    PlayVersion,
    VectorChange,
)
from success.rollups import facts, milestones, plays, trials
from success.rollups.trials import NotTestable
from tests.factories import (
    MORNING,
    make_assignment,
    make_fact,
    make_member,
    make_plan,
    make_play,
    make_segment,
    make_term,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
EVERYBODY = Scope(first=0, last=2**62)
FIRST, LAST = date(2020, 1, 1), date(2020, 3, 31)
IN_FORCE = {"fact": "standing", "op": "eq", "value": "in_force"}
RENEWAL = {"fact": "term_ends_on", "offset_days": -60}


def version(**overrides):
    fields = {
        "start_kind": StartKind.TIMED,
        "start": RENEWAL,
        "audience": IN_FORCE,
        "reentry": Reentry.OCCURRENCE,
        "aim_days": 30,
    }
    return PlayVersion(**(fields | overrides))


def walked(said, *, last_on=LAST, every_days=1, path_id=None):
    return trials.walk(
        version=said,
        path_id=path_id,
        first_on=FIRST,
        over=trials.nights(first_on=FIRST, last_on=last_on, every_days=every_days),
        known=(),
        grace_days=30,
    )


def told(found):
    return [(one.member, one.entered_on) for one in found]


def years(member, *spans):
    """Terms of a member; the last day given of each is the first not covered."""
    for starts_on, ends_on in spans:
        make_term(member=member, starts_on=starts_on, ends_on=ends_on)


def make_yearly():
    """Members who renew each January, so that a year is how long terms are here."""
    for _ in range(30):
        member = make_member()
        years(member, (date(2012, 1, 1), date(2013, 1, 1)))


def tables():
    return [
        model.objects.count()
        for model in (MemberFacts, VectorChange, Enrolment, Intervention, Term)
    ]


def test_walk_enters_each_term_once_on_the_day_before_its_end():
    member = make_member()
    years(
        member,
        (date(2019, 2, 15), date(2020, 2, 15)),
        (date(2020, 2, 15), date(2021, 2, 15)),
    )
    late = make_member()
    years(late, (date(2019, 3, 1), date(2020, 3, 1)))

    # 60 days before 15 February lie before the first night, and are not made up for
    assert told(walked(version())) == [(late.pk, date(2020, 1, 1))]
    assert told(walked(version(start={"fact": "term_ends_on", "offset_days": -40}))) == [
        (member.pk, date(2020, 1, 6)),
        (late.pk, date(2020, 1, 21)),
    ]


def test_walk_writes_nothing():
    member = make_member()
    years(member, (date(2019, 3, 1), date(2020, 3, 1)))
    before = tables()

    assert len(walked(version())) == 1

    assert tables() == before


def test_walk_does_not_know_the_end_of_a_term_that_was_cut_short():
    make_yearly()
    member = make_member()
    # a year was agreed on 1 March 2019; they were gone on 20 January 2020
    years(member, (date(2019, 3, 1), date(2020, 1, 20)))

    found = walked(version())

    # named for the end that was agreed, 1 March, and not for the one that came
    assert told(found) == [(member.pk, date(2020, 1, 1))]
    assert found[0].occurrence == "day -60 after 2020-03-01"


def test_walk_learns_the_end_once_it_has_come():
    make_yearly()
    member = make_member()
    years(member, (date(2019, 3, 1), date(2020, 1, 20)))
    in_grace = {"fact": "standing", "op": "eq", "value": "in_grace"}
    start = {"fact": "term_ends_on", "offset_days": 5}

    found = walked(version(start=start, audience=in_grace))

    assert told(found) == [(member.pk, date(2020, 1, 25))]


@pytest.mark.parametrize("chunk", [13, 60])
def test_walk_in_pieces_is_the_walk_in_one(chunk):
    _random_association(random.Random(3))
    said = version(start={"fact": "term_ends_on", "offset_days": -20})
    whole = walked(said)
    known = []
    nights = trials.nights(first_on=FIRST, last_on=LAST, every_days=1)
    for first in range(0, len(nights), chunk):
        known = trials.walk(
            version=said,
            path_id=None,
            first_on=FIRST,
            over=nights[first : first + chunk],
            known=known,
            grace_days=30,
        )

    assert whole
    assert known == whole


@pytest.mark.parametrize(("seed", "every_days"), [(0, 1), (1, 1), (2, 1), (3, 5), (4, 5)])
def test_walk_equals_asking_member_by_member(seed, every_days):
    rng = random.Random(seed)
    make_yearly()
    _random_association(rng)
    audience = {
        "all": [
            IN_FORCE,
            {
                "any": [
                    {"fact": "tier", "op": "eq", "value": "Gold"},
                    {"fact": "joined_on", "op": "older_than_days", "value": 400},
                ]
            },
        ]
    }
    offset = rng.choice([-60, -15, 3])
    said = version(audience=audience, start={"fact": "term_ends_on", "offset_days": offset})

    assert told(walked(said, every_days=every_days)) == _plainly(
        audience, offset=offset, every_days=every_days
    )


def _random_association(rng):
    """Members with years of membership: renewals, gaps, early leavers, changes of tier."""
    for _ in range(25):
        member = make_member()
        starts_on = date(2017, 1, 1) + rng.randrange(1000) * DAY
        for _ in range(rng.randrange(1, 5)):
            agreed = starts_on.replace(year=starts_on.year + 1, day=min(starts_on.day, 28))
            early = rng.random() < 0.3
            ends_on = starts_on + rng.randrange(5, 350) * DAY if early else agreed
            tier = rng.choice(["Silver", "Gold"])
            make_term(member=member, starts_on=starts_on, ends_on=ends_on, tier=tier)
            starts_on = ends_on + rng.choice([0, 0, 0, 10, 29, 30, 90]) * DAY


def _plainly(audience, *, offset, every_days):
    """What each night knew of each member, and whom it would have named: no SQL, no memory."""
    tree = parse(audience, registry=FACTS)
    named, entered = [], set()
    night = FIRST
    while night <= LAST:
        for member in Member.objects.order_by("pk"):
            row = _as_known(member, night)
            day = row["term_ends_on"]
            occurrence = (member.pk, day)
            if (
                row["standing"] in ("in_force", "in_grace")
                and FIRST <= day + offset * DAY <= night
                and occurrence not in entered
                and evaluate(tree, row, as_of=night)
            ):
                entered.add(occurrence)
                named.append((member.pk, night))
        night += every_days * DAY
    return named


def _as_known(member, night):
    joined_on = covered = tier = None
    last = (date.min, date.min)
    for term in sorted(member.terms.all(), key=lambda term: (term.starts_on, term.pk)):
        if term.starts_on > night:
            continue
        ends_on = term.ends_on
        if ends_on > night:
            a_year = _a_year_after(term.starts_on)
            ends_on = max(a_year, ends_on) if a_year >= ends_on else ends_on
        if covered is None or term.starts_on >= covered + 30 * DAY:
            joined_on = term.starts_on
        covered = ends_on if covered is None else max(covered, ends_on)
        if (ends_on, term.starts_on) >= last:
            last, tier = (ends_on, term.starts_on), term.tier
    if covered is None:
        standing = "not_yet"
    elif covered > night:
        standing = "in_force"
    else:
        standing = "in_grace" if covered + 30 * DAY > night else "lapsed"
    return {
        "standing": standing,
        "joined_on": joined_on,
        "term_ends_on": covered,
        "tier": tier,
    }


def _a_year_after(day):
    if (day.month, day.day) == (2, 29):
        return date(day.year + 1, 2, 28)
    return day.replace(year=day.year + 1)


def test_what_happens_after_a_night_does_not_change_its_entries():
    make_yearly()
    rng = random.Random(11)
    _random_association(rng)
    segment = make_segment(key="by-hand")
    members = list(Member.objects.order_by("pk")[30:])
    for member in members[:10]:
        make_plan(member=member, anchor_on=date(2019, 9, 1), expected_days=(30, 60, 90))
    questions = [
        version(start={"fact": "term_ends_on", "offset_days": -30}),
        version(start_kind=StartKind.DATA, start={"fact": "behind_since"}),
        version(
            start_kind=StartKind.DATA,
            start={"while": {"fact": "segment", "op": "eq", "value": "by-hand"}},
        ),
        version(
            start_kind=StartKind.DATA,
            start={"while": {"fact": "last_fact_on", "op": "not_null"}},
        ),
        version(start_kind=StartKind.TRIGGER, start={"kind": "maintainer.removed"}),
    ]
    until = date(2020, 2, 15)
    before = [told(walked(said, last_on=until)) for said in questions]

    for member in members:
        make_term(
            member=member,
            starts_on=until + rng.randrange(1, 60) * DAY,
            ends_on=date(2022, 1, 1),
        )
        make_fact(
            member=member,
            kind="maintainer.removed",
            occurred_on=until + rng.randrange(1, 9) * DAY,
        )
        AssignmentChange.objects.create(
            member=member, on=until + DAY, to_segment=segment, reason="for a test"
        )
        make_assignment(member=member, segment=segment)
        for plan in member.plans.all():
            plan.milestones.update(evidence_dates=[until + 2 * DAY])
    Term.objects.filter(starts_on__lte=until, ends_on=date(2021, 1, 1)).update(
        ends_on=until + 3 * DAY
    )
    involvement.refresh(as_of=LAST, scope=EVERYBODY)

    after = [told(walked(said, last_on=until)) for said in questions]
    assert after == before
    assert before[0]
    assert before[1]
    # and what has happened then is seen
    assert all(told(walked(said)) for said in questions)


def test_walk_enters_whom_the_live_nights_would_enter():
    for number in range(6):
        member = make_member()
        make_term(member=member, starts_on=date(2019, 1, 1), ends_on=date(2021, 1, 1))
        make_plan(
            member=member,
            anchor_on=date(2019, 11, 1) + number * 5 * DAY,
            expected_days=(40, 80),
            evidence=[[date(2020, 1, 3 + number)]] if number % 2 else (),
        )
    behind = make_play(effective_from=FIRST, audience=IN_FORCE)
    fifty = make_play(
        effective_from=FIRST,
        audience={"all": [IN_FORCE, {"fact": "first_value_on", "op": "is_null"}]},
        start_kind=StartKind.TIMED,
        start={"fact": "anchor_on", "offset_days": 70},
    )
    last_on = FIRST + 30 * DAY
    found = {play.pk: told(walked(play.current, last_on=last_on)) for play in (behind, fifty)}

    for night in trials.nights(first_on=FIRST, last_on=last_on, every_days=1):
        facts.refresh(as_of=night, scope=EVERYBODY, grace_days=30)
        plays.refresh(as_of=night, scope=EVERYBODY, at=MORNING)

    for play in (behind, fifty):
        rows = Enrolment.objects.filter(play=play).order_by("entered_on", "member_id")
        assert found[play.pk]
        assert found[play.pk] == list(rows.values_list("member_id", "entered_on"))


def test_walk_follows_the_aim_where_what_started_it_is_gone():
    member = make_member()
    make_term(member=member, starts_on=date(2019, 1, 1), ends_on=date(2021, 1, 1))
    make_plan(
        member=member,
        anchor_on=date(2019, 12, 1),
        expected_days=(30, 90),
        evidence=[[date(2020, 1, 20)]],
    )
    found = walked(version(start_kind=StartKind.DATA, start={"fact": "behind_since"}))

    assert found[0].reached_on == date(2020, 1, 20)


def test_walk_follows_an_aim_of_its_own_and_only_so_long():
    member = make_member()
    make_term(member=member, starts_on=date(2019, 3, 1), ends_on=date(2020, 3, 1))
    make_term(member=member, starts_on=date(2020, 3, 1), ends_on=date(2021, 3, 1))
    renewed = {"fact": "term_ends_on", "op": "later_than_days", "value": 100}

    in_time = walked(version(aim_condition=renewed, aim_days=60))
    too_late = walked(version(aim_condition=renewed, aim_days=59))

    assert (in_time[0].entered_on, in_time[0].reached_on) == (FIRST, date(2020, 3, 1))
    assert too_late[0].reached_on is None


@pytest.mark.parametrize(
    ("reentry", "days", "entered"),
    [
        (Reentry.NEVER, 0, [date(2020, 1, 10)]),
        (Reentry.OCCURRENCE, 0, [date(2020, 1, 10), date(2020, 1, 20), date(2020, 3, 5)]),
        # 30 days for the aim and 10 more; what happened meanwhile is late, and not lost
        (Reentry.AFTER_DAYS, 10, [date(2020, 1, 10), date(2020, 2, 19), date(2020, 3, 30)]),
    ],
)
def test_walk_enters_again_as_the_version_allows(reentry, days, entered):
    member = make_member()
    make_term(member=member, starts_on=date(2019, 3, 1), ends_on=date(2021, 3, 1))
    for day in (date(2020, 1, 10), date(2020, 1, 20), date(2020, 3, 5)):
        make_fact(member=member, kind="maintainer.removed", occurred_on=day)
    said = version(
        start_kind=StartKind.TRIGGER,
        start={"kind": "maintainer.removed"},
        reentry=reentry,
        reentry_days=days,
        aim_condition={"fact": "tier", "op": "eq", "value": "Gold"},
    )

    assert [one.entered_on for one in walked(said)] == entered


def test_walk_enters_once_while_a_condition_stays_true_and_again_when_it_returns():
    member = make_member()
    for starts_on, tier in (
        (date(2019, 10, 1), "Silver"),
        (date(2020, 1, 10), "Gold"),
        (date(2020, 2, 1), "Silver"),
        (date(2020, 3, 1), "Gold"),
    ):
        make_term(
            member=member,
            starts_on=starts_on,
            ends_on=date(2030, 1, 1) + (starts_on - date(2020, 1, 1)),
            tier=tier,
        )
    gold = {"fact": "tier", "op": "eq", "value": "Gold"}
    found = walked(version(start_kind=StartKind.DATA, start={"while": gold}))

    assert [(one.entered_on, one.reached_on) for one in found] == [
        (date(2020, 1, 10), date(2020, 2, 1)),
        (date(2020, 3, 1), None),
    ]


def test_walk_enters_on_the_first_day_of_each_quarter_who_was_there():
    there, later = make_member(), make_member()
    make_term(member=there, starts_on=date(2019, 3, 1), ends_on=date(2021, 3, 1))
    make_term(member=later, starts_on=date(2020, 1, 2), ends_on=date(2021, 3, 1))
    found = walked(version(start={"every": "quarter"}), last_on=date(2020, 4, 2))

    assert told(found) == [
        (there.pk, date(2020, 1, 1)),
        (there.pk, date(2020, 4, 1)),
        (later.pk, date(2020, 4, 1)),
    ]


def test_walk_spreads_a_quarter_as_the_nights_do():
    members = [make_member() for _ in range(8)]
    for member in members:
        make_term(member=member, starts_on=date(2019, 3, 1), ends_on=date(2021, 3, 1))
    said = version(play=Play(key="review"), start={"every": "quarter", "over_days": 4})
    days = working_days(date(2020, 1, 1), count=4)

    found = walked(said, last_on=date(2020, 3, 31))

    assert sorted(told(found)) == sorted(
        (member.pk, days[place(salt=f"{said.play.key}:day", account=member.pk, among=4)])
        for member in members
    )


def test_walk_gives_everybody_a_path_also_those_who_left_without_a_plan():
    path = PlanTemplate.objects.create(
        key="way", title="A way", audience="organisation", goal="Get there"
    )
    path.milestones.create(
        key="first",
        position=1,
        title="First",
        expected_day=30,
        weight=10,
        evidence_rule={"rule": "first", "areas": ["maintainer"]},
    )
    gone, done = make_member(), make_member()
    make_term(member=gone, starts_on=date(2019, 12, 1), ends_on=date(2020, 3, 1))
    make_term(member=done, starts_on=date(2019, 12, 1), ends_on=date(2020, 12, 1))
    make_fact(member=done, kind="maintainer.added", occurred_on=date(2019, 12, 20))
    involvement.refresh(as_of=LAST, scope=EVERYBODY)
    said = version(start_kind=StartKind.DATA, start={"fact": "behind_since"})

    assert told(walked(said)) == []
    assert told(walked(said, path_id=path.pk)) == [(gone.pk, date(2020, 1, 8))]
    milestones.refresh(scope=EVERYBODY)


def test_what_waits_for_us_has_no_past():
    said = version(start_kind=StartKind.TRIGGER, start={"kind": "answer.waiting"})

    with pytest.raises(NotTestable, match="of today only"):
        trials.check(said)


def test_a_start_that_is_no_date_is_refused():
    with pytest.raises(NotTestable):
        trials.check(version(start={"fact": "tier", "offset_days": 3}))


def test_unknowable_names_what_today_alone_knows():
    by_segment = {"fact": "segment", "op": "eq", "value": "by-hand"}

    assert trials.unknowable(version(audience=by_segment)) == {"segment"}
    assert trials.unknowable(version()) == set()


def test_walk_leaves_no_table_behind():
    make_term(starts_on=date(2019, 3, 1), ends_on=date(2020, 3, 1))
    walked(version())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'pg_temp%'")
        assert cursor.fetchone() == (0,)
    assert Fact.objects.count() == 0
