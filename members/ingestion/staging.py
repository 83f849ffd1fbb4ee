"""A ledger beside the database: what each of its rows would do, set-based.

The tables are temporary and live as long as the transaction.
"""

from collections.abc import Callable, Iterable
from json import dumps

from django.db import connection

from members.ingestion.copying import copy_rows
from members.ingestion.ledger import MemberRow, RefusedRow, TermRow
from members.ingestion.tables import Refusal

Told = Callable[[int], None] | None

STAGED_MEMBERS = """
    DROP TABLE IF EXISTS import_member, import_member_plan, import_term, import_term_plan;
    CREATE TEMPORARY TABLE import_member (
        line integer, external_id text, name text, kind text, homepage text,
        language text, zone text, details jsonb, refusals jsonb
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_term (
        line integer, external_id text, member text, tier text, starts_on date, ends_on date,
        annual_amount numeric(14, 2), currency text, details jsonb, refusals jsonb,
        parts jsonb, is_provisional boolean
    ) ON COMMIT DROP
"""

# What dues are made of, as a term's row says it; null where nobody told.
PARTS_OF_DUES = """CASE WHEN dues.base_amount IS NOT NULL THEN jsonb_build_object(
    'base_amount', dues.base_amount::text, 'seats', dues.seats,
    'seat_price', dues.seat_price::text, 'addons_amount', dues.addons_amount::text,
    'discount_amount', dues.discount_amount::text) END"""

# A line with an id that an earlier line has is refused even where that line is refused too:
# which of the two is meant is for people to say.
MEMBER_PLAN = """
    CREATE TEMPORARY TABLE import_member_plan ON COMMIT DROP AS
    WITH seen AS (
        SELECT staged.*, identity.member_id,
               min(line) OVER (PARTITION BY staged.external_id) AS first_line,
               min(line) OVER (PARTITION BY coalesce(identity.member_id, -line))
                   AS first_of_member
        FROM import_member staged
        LEFT JOIN members_memberidentity identity
          ON identity.source = %(source)s AND identity.external_id = staged.external_id
    ), judged AS (
        SELECT seen.*, known.id AS known_id,
               CASE
                   WHEN refusals IS NOT NULL THEN refusals
                   WHEN first_line < line THEN jsonb_build_array(jsonb_build_object(
                       'column', %(id_column)s::text, 'value', external_id,
                       'reason', format('line %%s has the same id', first_line)))
                   WHEN first_of_member < line THEN jsonb_build_array(jsonb_build_object(
                       'column', %(id_column)s::text, 'value', external_id,
                       'reason', format('line %%s is the same member', first_of_member)))
                   WHEN known.id IS NULL AND seen.name IS NULL THEN
                       jsonb_build_array(jsonb_build_object(
                           'column', %(name_column)s::text, 'value', '',
                           'reason', 'a new member needs a name'))
               END AS why,
               nullif(seen.name, known.name) AS to_name,
               nullif(seen.kind, known.kind) AS to_kind,
               nullif(seen.homepage, known.homepage_url) AS to_homepage,
               nullif(seen.language, known.language) AS to_language,
               nullif(seen.zone, known.time_zone) AS to_zone,
               CASE
                   WHEN known.id IS NULL THEN seen.details
                   WHEN NOT known.details @> seen.details THEN (
                       SELECT jsonb_object_agg(key, value) FROM jsonb_each(seen.details)
                       WHERE known.details -> key IS DISTINCT FROM value)
               END AS to_details,
               known.name AS was_name, known.kind AS was_kind,
               known.homepage_url AS was_homepage, known.language AS was_language,
               known.time_zone AS was_zone, known.details AS was_details
        FROM seen LEFT JOIN members_member known ON known.id = seen.member_id
    )
    SELECT line, external_id, known_id AS object_id, why AS refusals,
           first_line = line AS first,
           CASE
               WHEN why IS NOT NULL THEN 'refuse'
               WHEN known_id IS NULL THEN 'create'
               WHEN num_nonnulls(to_name, to_kind, to_homepage, to_language, to_zone,
                                 to_details) > 0 THEN 'change'
               ELSE 'leave'
           END AS action,
           CASE WHEN why IS NULL AND known_id IS NOT NULL THEN
               jsonb_strip_nulls(jsonb_build_object(
                   'name', CASE WHEN to_name IS NOT NULL THEN was_name END,
                   'kind', CASE WHEN to_kind IS NOT NULL THEN was_kind END,
                   'homepage_url', CASE WHEN to_homepage IS NOT NULL THEN was_homepage END,
                   'language', CASE WHEN to_language IS NOT NULL THEN was_language END,
                   'time_zone', CASE WHEN to_zone IS NOT NULL THEN was_zone END,
                   'details', CASE WHEN to_details IS NOT NULL THEN (
                       SELECT coalesce(jsonb_object_agg(key, was_details -> key), '{}')
                       FROM jsonb_object_keys(to_details) key WHERE was_details ? key) END))
           END AS before,
           CASE WHEN why IS NULL THEN jsonb_strip_nulls(jsonb_build_object(
               'name', to_name, 'kind', to_kind, 'homepage_url', to_homepage,
               'language', to_language, 'time_zone', to_zone,
               'details', to_details)) END AS after
    FROM judged;
    ANALYZE import_member_plan
"""

TERM_PLAN = f"""
    CREATE TEMPORARY TABLE import_term_plan ON COMMIT DROP AS
    WITH seen AS (
        SELECT staged.*, identity.member_id, named.line AS member_line,
               named.action AS member_action,
               min(staged.line) OVER (PARTITION BY staged.external_id) AS first_line
        FROM import_term staged
        LEFT JOIN members_memberidentity identity
          ON identity.source = %(source)s AND identity.external_id = staged.member
        LEFT JOIN import_member_plan named
          ON named.external_id = staged.member AND named.first
    ), judged AS (
        SELECT seen.*, known.id AS known_id, known.member_id AS was_member_id,
               CASE
                   WHEN refusals IS NOT NULL THEN refusals
                   WHEN first_line < seen.line THEN jsonb_build_array(jsonb_build_object(
                       'column', %(id_column)s::text, 'value', seen.external_id,
                       'reason', format('line %%s has the same id', first_line)))
                   WHEN member_action = 'refuse' THEN jsonb_build_array(jsonb_build_object(
                       'column', %(member_column)s::text, 'value', member,
                       'reason', format('its member is refused: %%s line %%s',
                                        %(members_file)s::text, member_line)))
                   WHEN member_action IS NULL AND seen.member_id IS NULL THEN
                       jsonb_build_array(jsonb_build_object(
                           'column', %(member_column)s::text, 'value', member,
                           'reason', 'no member has this id'))
               END AS why,
               CASE WHEN known.id IS NULL OR seen.member_id IS DISTINCT FROM known.member_id
                    THEN member END AS to_member,
               nullif(seen.tier, known.tier) AS to_tier,
               nullif(seen.starts_on, known.starts_on) AS to_starts_on,
               nullif(seen.ends_on, known.ends_on) AS to_ends_on,
               nullif(seen.annual_amount, dues.annual_amount) AS to_amount,
               nullif(seen.currency, dues.currency) AS to_currency,
               nullif(seen.parts, {PARTS_OF_DUES}) AS to_parts,
               CASE WHEN seen.is_provisional IS DISTINCT FROM
                         coalesce(known.is_provisional, FALSE)
                    THEN seen.is_provisional END AS to_provisional,
               CASE
                   WHEN known.id IS NULL THEN seen.details
                   WHEN NOT known.details @> seen.details THEN (
                       SELECT jsonb_object_agg(key, value) FROM jsonb_each(seen.details)
                       WHERE known.details -> key IS DISTINCT FROM value)
               END AS to_details,
               voided.id AS voided_id,
               known.tier AS was_tier, known.starts_on AS was_starts_on,
               known.ends_on AS was_ends_on, known.details AS was_details,
               dues.annual_amount AS was_amount, dues.currency AS was_currency,
               {PARTS_OF_DUES} AS was_parts, known.is_provisional AS was_provisional
        FROM seen
        LEFT JOIN members_term known
          ON known.source = %(source)s AND known.external_id = seen.external_id
        LEFT JOIN members_dues dues ON dues.term_id = known.id
        LEFT JOIN members_voidedterm voided
          ON voided.source = %(source)s AND voided.external_id = seen.external_id
    )
    SELECT line, external_id, known_id AS object_id, why AS refusals,
           CASE
               WHEN why IS NOT NULL THEN 'refuse'
               WHEN voided_id IS NOT NULL THEN 'leave'
               WHEN known_id IS NULL THEN 'create'
               WHEN num_nonnulls(to_member, to_tier, to_starts_on, to_ends_on, to_amount,
                                 to_currency, to_details, to_parts, to_provisional) > 0
               THEN 'change'
               ELSE 'leave'
           END AS action,
           CASE WHEN why IS NULL AND known_id IS NOT NULL THEN
               jsonb_strip_nulls(jsonb_build_object(
                   'member_id', CASE WHEN to_member IS NOT NULL THEN was_member_id END,
                   'tier', CASE WHEN to_tier IS NOT NULL THEN was_tier END,
                   'starts_on', CASE WHEN to_starts_on IS NOT NULL THEN was_starts_on END,
                   'ends_on', CASE WHEN to_ends_on IS NOT NULL THEN was_ends_on END,
                   'annual_amount', CASE WHEN to_amount IS NOT NULL THEN was_amount::text END,
                   'currency', CASE WHEN to_currency IS NOT NULL THEN was_currency END,
                   'parts', CASE WHEN num_nonnulls(to_parts, to_amount) > 0 THEN was_parts END,
                   'is_provisional', CASE WHEN to_provisional IS NOT NULL
                                          THEN was_provisional END,
                   'details', CASE WHEN to_details IS NOT NULL THEN (
                       SELECT coalesce(jsonb_object_agg(key, was_details -> key), '{{}}')
                       FROM jsonb_object_keys(to_details) key WHERE was_details ? key) END))
           END AS before,
           CASE WHEN why IS NULL THEN jsonb_strip_nulls(jsonb_build_object(
               'member', to_member, 'tier', to_tier, 'starts_on', to_starts_on,
               'ends_on', to_ends_on, 'annual_amount', to_amount::text,
               'currency', to_currency, 'details', to_details,
               'parts', to_parts, 'is_provisional', to_provisional)) END AS after
    FROM judged;
    ANALYZE import_term_plan
"""  # noqa: S608  # a constant of this module

# Rows that stay as they are need no row of their own: their count says all. Keys are drawn
# here, so that applying need not write every row again; a plan never applied leaves a gap.
STORE_PLAN = """
    INSERT INTO members_importrow
        (batch_id, file, line, entity, action, external_id, object_id, before, after, refusals)
    SELECT %(batch)s, %(file)s, line, %(entity)s, action, coalesce(external_id, ''),
           CASE WHEN action = 'create'
                THEN nextval(pg_get_serial_sequence('members_{entity}', 'id'))
                ELSE object_id END,
           before, after, coalesce(refusals, '[]')
    FROM import_{entity}_plan WHERE action <> 'leave' ORDER BY line
"""

OVERLAPS = """
    WITH planned AS (
        SELECT coalesce(identity.member_id::text, 'new ' || staged.member) AS member,
               staged.starts_on, staged.ends_on
        FROM import_term staged
        JOIN import_term_plan plan ON plan.line = staged.line AND plan.action <> 'refuse'
         AND (plan.action <> 'leave' OR plan.object_id IS NOT NULL)
        LEFT JOIN members_memberidentity identity
          ON identity.source = %(source)s AND identity.external_id = staged.member
    ), resulting AS (
        SELECT * FROM planned
        UNION ALL
        SELECT term.member_id::text, term.starts_on, term.ends_on
        FROM members_term term
        WHERE NOT EXISTS (SELECT FROM import_term_plan plan WHERE plan.object_id = term.id
                          AND plan.action <> 'refuse')
    ), ordered AS (
        SELECT starts_on, max(ends_on) OVER (
                   PARTITION BY member ORDER BY starts_on, ends_on
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_until
        FROM resulting
    )
    SELECT count(*) FROM ordered WHERE covered_until > starts_on
"""


def stage_members(rows: Iterable[MemberRow | RefusedRow], *, progress: Told = None) -> int:
    """Make the staging tables, fill the members' one and return its number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(STAGED_MEMBERS)
    count = copy_rows("import_member", map(_member_cells, rows), progress=progress)
    _analyze("import_member")
    return count


def stage_terms(rows: Iterable[TermRow | RefusedRow], *, progress: Told = None) -> int:
    """Fill the terms' staging table and return its number of rows."""
    count = copy_rows("import_term", map(_term_cells, rows), progress=progress)
    _analyze("import_term")
    return count


def plan_members(*, source: str, columns: dict[str, str]) -> None:
    """Decide what each staged member would do; ``columns`` are headers by meaning."""
    parameters = {
        "source": source,
        "id_column": columns.get("id", "id"),
        "name_column": columns.get("name", "name"),
    }
    with connection.cursor() as cursor:
        cursor.execute(MEMBER_PLAN, parameters)


def plan_terms(*, source: str, columns: dict[str, str], members_file: str) -> None:
    """Decide what each staged term would do; needs the members' plan."""
    parameters = {
        "source": source,
        "id_column": columns.get("id", "id"),
        "member_column": columns.get("member", "member"),
        "members_file": members_file,
    }
    with connection.cursor() as cursor:
        cursor.execute(TERM_PLAN, parameters)


def store_plan(*, batch: int, entity: str, file: str) -> None:
    """Keep the planned rows of ``entity`` ("member" or "term") as import rows of ``batch``."""
    with connection.cursor() as cursor:
        cursor.execute(
            STORE_PLAN.format(entity=entity),
            {"batch": batch, "entity": entity, "file": file},
        )


def count_plan(*, source: str) -> dict[str, dict[str, int]]:
    """Return rows by entity and action, with what is not in the files and what overlaps."""
    counts: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        for entity, known in (("member", "members_memberidentity"), ("term", "members_term")):
            cursor.execute(
                f"SELECT action, count(*) FROM import_{entity}_plan GROUP BY action"  # noqa: S608  # both are literals above
            )
            counts[entity] = dict.fromkeys(("create", "change", "leave", "refuse"), 0)
            counts[entity] |= dict(cursor.fetchall())
            cursor.execute(
                f"SELECT count(*) FROM {known} known WHERE source = %s AND NOT EXISTS ("  # noqa: S608  # both are literals above
                f" SELECT FROM import_{entity} staged"
                " WHERE staged.external_id = known.external_id)",
                [source],
            )
            counts[entity]["not_in_file"] = cursor.fetchone()[0]
        cursor.execute(OVERLAPS, {"source": source})
        counts["term"]["overlapping"] = cursor.fetchone()[0]
    return counts


def _analyze(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")


def _json(refusals: list[Refusal]) -> str:
    return dumps(
        [
            {key: legible(value) for key, value in refusal._asdict().items()}
            for refusal in refusals
        ]
    )


def _member_cells(row: MemberRow | RefusedRow) -> tuple[object, ...]:
    if isinstance(row, RefusedRow):
        return (row.line, _storable(row), *[None] * 6, _json(row.refusals))
    details = dumps(row.details, ensure_ascii=False) if row.details else "{}"
    said = (row.name, row.kind, row.homepage, row.language, row.zone)
    return (row.line, row.external_id, *said, details, None)


def _term_cells(row: TermRow | RefusedRow) -> tuple[object, ...]:
    if isinstance(row, RefusedRow):
        return (row.line, _storable(row), *[None] * 7, _json(row.refusals), None, None)
    details = dumps(row.details, ensure_ascii=False) if row.details else "{}"
    parts = dumps(row.parts) if row.parts else None
    return (*row[:8], details, None, parts, row.is_provisional)


def _storable(row: RefusedRow) -> str | None:
    """Return the id; ``None`` where there is none that could be compared with others."""
    return row.external_id if row.external_id == legible(row.external_id) != "" else None


def legible(text: str) -> str:
    """Return ``text`` without what PostgreSQL cannot keep."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")
