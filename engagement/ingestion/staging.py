"""Facts of a file beside the database, set-based.

The tables are temporary and live as long as the transaction.
"""

from collections.abc import Iterable
from datetime import datetime
from json import dumps

from django.db import connection

from engagement.ingestion.facts import FactRow
from members.enums import Origin
from members.ingestion.copying import copy_rows

STAGED = """
    DROP TABLE IF EXISTS import_fact, import_fact_plan;
    CREATE TEMPORARY TABLE import_fact (
        line integer, external_id text, kind text, subject text, person text, member text,
        occurred_on date, details jsonb
    ) ON COMMIT DROP
"""
PLAN = """
    ANALYZE import_fact;
    CREATE TEMPORARY TABLE import_fact_plan ON COMMIT DROP AS
    SELECT staged.*, identity.member_id,
           CASE
               WHEN identity.member_id IS NULL THEN 'unknown'
               WHEN known.id IS NOT NULL THEN 'known'
               WHEN row_number() OVER (
                   PARTITION BY staged.external_id, identity.member_id IS NULL
                   ORDER BY staged.line) > 1 THEN 'repeated'
               ELSE 'new'
           END AS verdict
    FROM import_fact staged
    LEFT JOIN members_memberidentity identity
      ON identity.source = %(member_source)s AND identity.external_id = staged.member
    LEFT JOIN engagement_fact known
      ON known.source = %(source)s AND known.external_id = staged.external_id;
    ANALYZE import_fact_plan
"""
PEOPLE = """
    INSERT INTO members_person (name, email, source, external_id, is_simulated)
    SELECT DISTINCT person, '', %(source)s, person, false
    FROM import_fact_plan WHERE verdict = 'new' AND person <> '' ORDER BY person
    ON CONFLICT DO NOTHING
"""
FACTS = """
    WITH written AS (
        INSERT INTO engagement_fact
            (member_id, person_id, kind, subject, occurred_on, source, external_id, origin,
             recorded_at, details)
        SELECT plan.member_id, person.id, kind, subject, occurred_on, %(source)s,
               plan.external_id, %(origin)s, %(at)s, details
        FROM import_fact_plan plan
        LEFT JOIN members_person person
          ON person.source = %(source)s AND person.external_id = plan.person
         AND plan.person <> ''
        WHERE verdict = 'new' ORDER BY occurred_on, line
        ON CONFLICT (source, external_id) DO NOTHING
        RETURNING member_id, occurred_on
    ), marked AS (
        INSERT INTO members_dirtymember (member_id, since)
        SELECT member_id, min(occurred_on) FROM written GROUP BY member_id ORDER BY member_id
        ON CONFLICT (member_id) DO UPDATE
        SET since = least(members_dirtymember.since, EXCLUDED.since), taken_by = NULL
    )
    SELECT count(*) FROM written
"""


def stage_facts(rows: Iterable[FactRow]) -> int:
    """Make the staging table, fill it, and return its number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(STAGED)
    return copy_rows("import_fact", map(_cells, rows))


def plan_facts(*, source: str, member_source: str) -> dict[str, int]:
    """Return rows by verdict: new, known, repeated (in this file), unknown (no such member)."""
    with connection.cursor() as cursor:
        cursor.execute(PLAN, {"source": source, "member_source": member_source})
        cursor.execute("SELECT verdict, count(*) FROM import_fact_plan GROUP BY verdict")
        return dict.fromkeys(("new", "known", "repeated", "unknown"), 0) | dict(
            cursor.fetchall()
        )


def first_unknown_member() -> tuple[int, str]:
    """Return line and id of the first row whose member nobody knows; there must be one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line, member FROM import_fact_plan WHERE verdict = 'unknown'"
            " ORDER BY line LIMIT 1"
        )
        line, member = cursor.fetchone()
    return line, member


def write_facts(*, source: str, at: datetime) -> int:
    """Record the new facts and their people, mark the members; return facts written."""
    parameters: dict[str, str | datetime] = {
        "source": source,
        "at": at,
        "origin": Origin.IMPORT.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, parameters)
        cursor.execute(FACTS, parameters)
        written: int = cursor.fetchone()[0]
    return written


def _cells(row: FactRow) -> tuple[object, ...]:
    return (*row[:-1], dumps(row.details, ensure_ascii=False))
