import json
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.success.ledgers import add_lines, line
from tests.success.queries.test_outlook import begin_records, derive, joined, make_path

pytestmark = pytest.mark.django_db


def measure(*arguments: str) -> str:
    out = StringIO()
    call_command("measure", "revenue", "--as-of", "2026-01-10", *arguments, stdout=out)
    return out.getvalue()


def test_measure_prints_both_bases_side_by_side():
    add_lines(
        [
            line("stays", "2024-06-01", "2026-06-01", 1000),
            line("in grace", "2024-12-20", "2025-12-20", 500),
        ]
    )
    printed = measure("--from", "2025-01-01", "--to", "2026-01-01").splitlines()

    assert printed[0] == "2025-01-01 to 2026-01-01, everybody, USD"
    assert [
        row.split() for row in printed if row.startswith(("opening", "nrr", "closing"))
    ] == [
        ["opening", "1,500.00", "1,500.00", "1,500.00"],
        ["closing", "1,000.00", "1,000.00", "1,500.00"],
        ["nrr", "0.666667", "0.666667", "1.000000"],
        ["nrr", "ex", "price", "0.666667", "0.666667", "1.000000"],
    ]


def test_measure_as_json_gives_everybody_and_then_each_group():
    add_lines(
        [
            line("A", "2024-06-01", "2026-06-01", 10, "Gold"),
            line("B", "2024-06-01", "2026-06-01", 20, "Silver"),
        ]
    )
    found = json.loads(
        measure("--from", "2025-01-01", "--to", "2026-01-01", "--by", "tier", "--json")
    )

    assert [(row["dimension"], row["value"], row["in_force"]["closing"]) for row in found] == [
        ("all", "", "30.00"),
        ("tier", "Gold", "10.00"),
        ("tier", "Silver", "20.00"),
    ]
    assert {row["membership"]["status"] for row in found} == {"final"}


def test_measure_says_why_it_cannot():
    with pytest.raises(CommandError, match="The period closes on 2026-02-01, and facts end on"):
        measure("--from", "2025-01-01", "--to", "2026-02-01")


def test_stalled_and_lapsed_says_the_same_in_words_and_as_json():
    make_path()
    begin_records()
    for month in range(1, 7):
        joined(date(2021, month, 1), date(2023, month, 15))
        joined(date(2021, month, 2), date(2027, 1, 1), certified=50)
    derive()
    asked = ("measure", "stalled-and-lapsed", "--as-of", "2026-07-29")
    words, data = StringIO(), StringIO()

    call_command(*asked, stdout=words)
    call_command(*asked, "--json", stdout=data)

    main = json.loads(data.getvalue())["main"]
    assert [(group["name"], group["left"]) for group in main["groups"]] == [
        ("moving", 0),
        ("stalled", 6),
    ]
    assert f"p = {main['p_value']:.4f}" in words.getvalue()
    assert "one_year, day 365: 12 members, 0 read late" in words.getvalue()


def test_stalled_and_lapsed_says_why_it_cannot():
    with pytest.raises(CommandError, match="No path has all"):
        call_command("measure", "stalled-and-lapsed")
    make_path()
    with pytest.raises(CommandError, match="Nothing is recorded yet"):
        call_command("measure", "stalled-and-lapsed", "--template", "path")
