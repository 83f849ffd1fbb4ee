"""Where members' ways stand, told to coverage by those who know it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from coverage.engine.capacity import Stage
from coverage.rollups.circumstances import write_down

SAID = """
    SELECT * FROM unnest(
        %(members)s::bigint[], %(stages)s::text[], %(expected)s::date[], %(ends)s::date[],
        %(protected)s::boolean[]
    ) AS told (member_id, stage, first_value_expected_on, term_ends_on, is_protected)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one member; a null ``stage`` is a member to plan for no more."""

    member_id: int
    stage: Stage | None
    first_value_expected_on: date | None = None
    term_ends_on: date | None = None
    is_protected: bool = False


@transaction.atomic
def write(rows: Sequence[Known], *, as_of: date) -> int:
    """Write down what is known of some members; return the rows that changed (DOMAIN 6.2).

    One row a member. Others stay as they are. Idempotent: what is known already is not
    written again, and ``stage_since`` moves only with the stage.
    """
    values = {
        "members": [row.member_id for row in rows],
        "stages": [row.stage.value if row.stage else None for row in rows],
        "expected": [row.first_value_expected_on for row in rows],
        "ends": [row.term_ends_on for row in rows],
        "protected": [row.is_protected for row in rows],
    }
    return write_down(said=SAID, parameters=values, as_of=as_of).rows_out
