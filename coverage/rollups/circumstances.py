"""What coverage has to know of members' ways, written down for it by whoever knows."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import connection

from members.rollups.scope import Written

WRITE = """
WITH said AS MATERIALIZED ({said}),
gone AS (
    DELETE FROM coverage_circumstance old USING said
     WHERE said.member_id = old.member_id AND said.stage IS NULL
    RETURNING 1
),
written AS (
    INSERT INTO coverage_circumstance AS known
        (member_id, stage, stage_since, first_value_expected_on, term_ends_on, is_protected,
         written_on)
    SELECT said.member_id, said.stage,
           CASE WHEN old.stage = said.stage THEN old.stage_since ELSE %(as_of)s END,
           said.first_value_expected_on, said.term_ends_on, said.is_protected, %(as_of)s
      FROM said
      -- the range once more, or each range of members would take up everybody's
      LEFT JOIN coverage_circumstance old
        ON old.member_id = said.member_id
       AND old.member_id BETWEEN (SELECT min(member_id) FROM said)
                             AND (SELECT max(member_id) FROM said)
     WHERE said.stage IS NOT NULL
       AND (old.member_id IS NULL
            OR (said.stage, said.first_value_expected_on, said.term_ends_on, said.is_protected)
               IS DISTINCT FROM
               (old.stage, old.first_value_expected_on, old.term_ends_on, old.is_protected))
    ON CONFLICT (member_id) DO UPDATE
    SET stage = excluded.stage, stage_since = excluded.stage_since,
        first_value_expected_on = excluded.first_value_expected_on,
        term_ends_on = excluded.term_ends_on, is_protected = excluded.is_protected,
        written_on = excluded.written_on
    RETURNING 1
)
SELECT (SELECT count(*) FROM said),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
"""


def write_down(*, said: str, parameters: Mapping[str, Any], as_of: date) -> Written:
    """Bring ``Circumstance`` to what a statement says; return rows read and rows written.

    ``said`` selects member_id, stage, first_value_expected_on, term_ends_on and is_protected,
    one row a member; a null stage means that nothing has to be planned for the member any
    more. It is a statement of ours, with its values in ``parameters``. Members whom it does
    not name stay as they are. Only what differs is written, so running it again writes
    nothing; the day since which a stage holds survives what does not change it.
    """
    with connection.cursor() as cursor:
        cursor.execute(WRITE.format(said=said), {**parameters, "as_of": as_of})
        return Written(*cursor.fetchone())
