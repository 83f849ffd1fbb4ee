import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.success.ledgers import add_lines, line

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
