import random
from datetime import date, timedelta

import pytest

from success.engine.backtest import Conclusion, Entry, Spell, judge, spells
from success.engine.effect import wilson

DAY = timedelta(days=1)
FIRST, LAST = date(2020, 1, 1), date(2022, 12, 31)


def entry(member, entered_on, reached_on=None, occurrence="once"):
    return Entry(
        member=member, occurrence=occurrence, entered_on=entered_on, reached_on=reached_on
    )


def run(member, joined_on=date(2019, 1, 1), left_on=None):
    return Spell(member=member, joined_on=joined_on, left_on=left_on)


def judged(entries, runs, **overrides):
    said = {
        "first_on": FIRST,
        "last_on": LAST,
        "horizon_days": 365,
        "aim_days": 30,
        "decided_through": date(2024, 1, 1),
    }
    return judge(entries, runs, **(said | overrides))


def test_judge_counts_who_left_of_those_entered_and_who_was_entered_of_those_who_left():
    runs = [
        run(1, left_on=date(2021, 6, 1)),
        run(2),
        run(3, left_on=date(2022, 1, 1)),
        run(4),
    ]
    found = judged([entry(1, date(2021, 3, 1)), entry(2, date(2021, 3, 1))], runs)

    assert (found.precision.count, found.precision.of) == (1, 2)
    assert (found.recall.count, found.recall.of) == (1, 2)
    assert found.leads == (92,)
    # of the four members of that night two left within the year
    assert (found.base, found.lift) == (0.5, 1.0)
    assert found.conclusion == Conclusion.TOO_FEW


@pytest.mark.parametrize(
    ("entered_on", "foreseen", "too_late"),
    [
        (date(2021, 5, 31), 1, 0),
        (date(2021, 6, 1), 0, 1),
        (date(2020, 6, 1), 1, 0),
        (date(2020, 5, 31), 0, 0),
    ],
)
def test_judge_asks_for_a_day_of_lead_and_at_most_the_horizon(entered_on, foreseen, too_late):
    found = judged([entry(1, entered_on)], [run(1, left_on=date(2021, 6, 1))])

    assert (found.recall.count, found.precision.count, found.too_late) == (
        foreseen,
        foreseen,
        too_late,
    )


def test_judge_takes_the_lead_from_the_first_entry_within_the_horizon():
    days = [date(2019, 6, 1), date(2020, 12, 1), date(2021, 5, 1)]
    found = judged(
        [entry(1, day, occurrence=str(day)) for day in days],
        [run(1, left_on=date(2021, 6, 1))],
    )

    assert found.leads == (182,)


def test_judge_does_not_count_an_entry_of_an_earlier_run():
    runs = [
        run(1, left_on=date(2020, 12, 1)),
        run(1, joined_on=date(2021, 3, 1), left_on=date(2021, 6, 1)),
    ]
    found = judged([entry(1, date(2020, 11, 1))], runs)

    assert (found.recall.count, found.recall.of) == (1, 2)


def test_judge_leaves_entries_out_whose_time_is_not_over():
    found = judged([entry(1, date(2022, 6, 1))], [run(1)], decided_through=date(2023, 5, 31))

    assert (found.unfollowed, found.precision.of, found.base) == (1, 0, None)
    assert found.conclusion == Conclusion.NOBODY


def test_judge_counts_aims_reached_in_time_and_only_where_the_time_is_over():
    entries = [
        entry(1, date(2021, 1, 1), reached_on=date(2021, 1, 31)),
        entry(2, date(2021, 1, 1), reached_on=date(2021, 2, 1)),
        entry(3, date(2022, 12, 20), reached_on=date(2022, 12, 21)),
    ]
    found = judged(entries, [run(1), run(2), run(3)], decided_through=date(2022, 12, 31))

    assert (found.reached.count, found.reached.of) == (1, 2)


def test_judge_of_nothing_says_so():
    found = judged([], [run(1)])

    assert found.conclusion == Conclusion.NOBODY
    assert (found.lead_at(0.5), found.histogram, found.lift) == (None, (), None)


def test_judge_says_when_it_is_better_and_when_it_is_not():
    leaving = [run(member, left_on=date(2021, 6, 1)) for member in range(50)]
    staying = [run(member) for member in range(50, 500)]
    runs = leaving + staying
    sharp = judged([entry(member, date(2021, 3, 1)) for member in range(45)], runs)
    blunt = judged([entry(member, date(2021, 3, 1)) for member in range(500)], runs)
    wrong = judged([entry(member, date(2021, 3, 1)) for member in range(100, 400)], runs)

    assert (sharp.conclusion, sharp.lift) == (Conclusion.BETTER, pytest.approx(10))
    assert (blunt.conclusion, blunt.lift) == (Conclusion.NO_BETTER, pytest.approx(1))
    assert wrong.conclusion == Conclusion.WORSE


def test_judge_widens_the_interval_where_the_same_members_come_again():
    runs = [run(member) for member in range(40)] + [
        run(member, left_on=date(2021, 12, 1)) for member in range(40, 80)
    ]
    once = judged([entry(member, date(2021, 3, 1)) for member in range(80)], runs)
    again = judged(
        [
            entry(member, date(2021, 3, 1) + day * DAY, occurrence=str(day))
            for member in range(80)
            for day in range(5)
        ],
        runs,
    )

    assert once.precision.interval == pytest.approx(wilson(count=40, of=80))
    assert again.precision.of == 400
    assert again.precision.interval == pytest.approx(once.precision.interval, abs=0.002)


def test_lead_is_told_by_quartiles_and_spans_of_thirty_days():
    runs = [run(member, left_on=date(2021, 6, 1)) for member in range(4)]
    leads = (1, 30, 31, 92)
    entries = [
        entry(member, date(2021, 6, 1) - lead * DAY) for member, lead in enumerate(leads)
    ]
    found = judged(entries, runs)

    assert [found.lead_at(share) for share in (0.25, 0.5, 0.75)] == [1, 30, 31]
    assert found.histogram == ((1, 2), (31, 1), (61, 0), (91, 1))


def test_years_count_entries_and_lapses_each_in_their_own():
    runs = [run(1, left_on=date(2021, 2, 1)), run(2, left_on=date(2020, 5, 1))]
    found = judged([entry(1, date(2020, 12, 1))], runs)

    assert [(y.year, y.entries, y.lapses, y.foreseen) for y in found.years] == [
        (2020, 1, 1, 0),
        (2021, 0, 1, 1),
        (2022, 0, 0, 0),
    ]


@pytest.mark.parametrize(
    ("again_on", "found"),
    [
        (date(2021, 1, 30), [run(1, date(2020, 1, 1), date(2022, 1, 30))]),
        (
            date(2021, 1, 31),
            [
                run(1, date(2020, 1, 1), date(2021, 1, 1)),
                run(1, date(2021, 1, 31), date(2022, 1, 30)),
            ],
        ),
    ],
)
def test_spells_go_on_where_the_return_lies_within_the_grace(again_on, found):
    terms = [
        (1, again_on, date(2022, 1, 30)),
        (1, date(2020, 1, 1), date(2021, 1, 1)),
    ]

    assert spells(terms, grace_days=30, as_of=date(2023, 1, 1)) == found


@pytest.mark.parametrize(
    ("as_of", "left_on"), [(date(2021, 1, 30), None), (date(2021, 1, 31), date(2021, 1, 1))]
)
def test_spells_end_once_the_grace_is_over(as_of, left_on):
    terms = [(1, date(2020, 1, 1), date(2021, 1, 1)), (1, date(2021, 6, 1), date(2022, 6, 1))]

    assert spells(terms, grace_days=30, as_of=as_of) == [run(1, date(2020, 1, 1), left_on)]


def test_base_equals_counting_member_by_member():
    rng = random.Random(5)
    runs = []
    for member in range(60):
        joined_on = date(2018, 1, 1) + rng.randrange(1200) * DAY
        left_on = joined_on + rng.randrange(1, 1500) * DAY if rng.random() < 0.6 else None
        runs.append(run(member, joined_on, left_on))
    day, horizon = date(2020, 9, 1), 200 * DAY
    there = [one for one in runs if one.joined_on <= day and (one.left_on or LAST) > day]
    gone = [one for one in there if one.left_on and one.left_on <= day + horizon]

    found = judged([entry(there[0].member, day)], runs, horizon_days=200)

    assert found.base == pytest.approx(len(gone) / len(there))
