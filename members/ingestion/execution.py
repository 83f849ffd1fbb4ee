"""Carrying out a stored plan, and taking it back, set-based.

Every statement that changes a row asks that it still is as the plan saw it; the caller
compares the counts and rolls back, so a plan is carried out as it was shown or not at all.
"""

from collections.abc import Mapping
from datetime import date, datetime

from django.db import connection

from members.ingestion.staging import PARTS_OF_DUES

Parameter = int | str | date | datetime

# The details named by ``after`` stand as {side} says; others may have changed meanwhile.
DETAILS_ARE = """
    NOT EXISTS (
        SELECT FROM jsonb_object_keys(coalesce(row.after -> 'details', '{{}}')) key
        WHERE now.details -> key IS DISTINCT FROM row.{side} -> 'details' -> key)
"""
MEMBER_IS = (
    """
    now.name = coalesce(row.{side} ->> 'name', now.name)
    AND now.kind = coalesce(row.{side} ->> 'kind', now.kind)
    AND now.homepage_url = coalesce(row.{side} ->> 'homepage_url', now.homepage_url)
    AND now.language = coalesce(row.{side} ->> 'language', now.language)
    AND now.time_zone = coalesce(row.{side} ->> 'time_zone', now.time_zone)
    AND """
    + DETAILS_ARE
)
# {member}: the key of the member that the term belongs to on that side
TERM_IS = (
    """
    now.tier = coalesce(row.{side} ->> 'tier', now.tier)
    AND now.starts_on = coalesce((row.{side} ->> 'starts_on')::date, now.starts_on)
    AND now.ends_on = coalesce((row.{side} ->> 'ends_on')::date, now.ends_on)
    AND now.member_id = coalesce({member}, now.member_id)
    AND (NOT row.after ? 'annual_amount' OR dues.annual_amount
         IS NOT DISTINCT FROM (row.{side} ->> 'annual_amount')::numeric)
    AND (NOT row.after ? 'currency' OR dues.currency
         IS NOT DISTINCT FROM row.{side} ->> 'currency')
    AND (NOT row.after ? 'parts' OR PARTS_OF_DUES
         IS NOT DISTINCT FROM row.{side} -> 'parts')
    AND now.is_provisional = coalesce((row.{side} ->> 'is_provisional')::boolean,
                                      now.is_provisional)
    AND """.replace("PARTS_OF_DUES", PARTS_OF_DUES)
    + DETAILS_ARE
)
MEMBER_AFTER = """(
    SELECT identity.member_id FROM members_memberidentity identity
    WHERE identity.source = %(source)s AND identity.external_id = row.after ->> 'member')"""

# After so many rows, what the planner knew of the ledger is no longer so: a page that is asked
# for before the server has looked again would walk over all terms once for each member.
MANY = 1_000
KNOW_HOW_MANY = "ANALYZE members_member, members_term, members_dues"
# Typed and analysed, so that the statements below join by value and not by guess.
TAKE_UP = """
    DROP TABLE IF EXISTS import_doing;
    CREATE TEMPORARY TABLE import_doing ON COMMIT DROP AS
    SELECT id, entity, action, external_id, object_id, after ->> 'member' AS member,
           before, after
    FROM members_importrow
    WHERE batch_id = %(batch)s AND action IN ('create', 'change');
    ANALYZE import_doing
"""
CREATE_MEMBERS = """
    INSERT INTO members_member
        (id, kind, name, homepage_url, language, time_zone, details, quiet_through, created_at)
    SELECT object_id, coalesce(after ->> 'kind', 'organisation'), after ->> 'name',
           coalesce(after ->> 'homepage_url', ''), coalesce(after ->> 'language', ''),
           coalesce(after ->> 'time_zone', ''), coalesce(after -> 'details', '{}'),
           %(today)s, %(at)s
    FROM import_doing WHERE entity = 'member' AND action = 'create' ORDER BY object_id
"""
CREATE_IDENTITIES = """
    INSERT INTO members_memberidentity (member_id, source, external_id)
    SELECT object_id, %(source)s, external_id
    FROM import_doing WHERE entity = 'member' AND action = 'create' ORDER BY object_id
    ON CONFLICT DO NOTHING
"""
CHANGE_MEMBERS = """
    UPDATE members_member now
    SET name = coalesce(row.after ->> 'name', now.name),
        kind = coalesce(row.after ->> 'kind', now.kind),
        homepage_url = coalesce(row.after ->> 'homepage_url', now.homepage_url),
        language = coalesce(row.after ->> 'language', now.language),
        time_zone = coalesce(row.after ->> 'time_zone', now.time_zone),
        details = now.details || coalesce(row.after -> 'details', '{}')
    FROM import_doing row
    WHERE row.entity = 'member' AND row.action = 'change' AND now.id = row.object_id
      AND AS_IT_WAS
""".replace("AS_IT_WAS", MEMBER_IS.format(side="before"))
CREATE_TERMS = """
    INSERT INTO members_term
        (id, member_id, tier, starts_on, ends_on, source, external_id, details, is_provisional)
    SELECT row.object_id, identity.member_id, after ->> 'tier', (after ->> 'starts_on')::date,
           (after ->> 'ends_on')::date, %(source)s, row.external_id,
           coalesce(after -> 'details', '{}'),
           coalesce((after ->> 'is_provisional')::boolean, FALSE)
    FROM import_doing row
    JOIN members_memberidentity identity
      ON identity.source = %(source)s AND identity.external_id = row.member
    WHERE entity = 'term' AND action = 'create' ORDER BY row.object_id
    ON CONFLICT DO NOTHING
"""
COLUMNS_OF_PARTS = {
    "base_amount": "numeric",
    "seats": "integer",
    "seat_price": "numeric",
    "addons_amount": "numeric",
    "discount_amount": "numeric",
}
PART_COLUMNS = ", ".join(COLUMNS_OF_PARTS)
PARTS = ", ".join(f"(parts ->> '{name}')::{kind}" for name, kind in COLUMNS_OF_PARTS.items())
SET_PARTS = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS_OF_PARTS)
CREATE_DUES = f"""
    INSERT INTO members_dues
        (term_id, annual_amount, currency, {PART_COLUMNS})
    SELECT object_id, (after ->> 'annual_amount')::numeric, after ->> 'currency',
           {PARTS}
    FROM import_doing CROSS JOIN LATERAL (SELECT after -> 'parts') AS made_of (parts)
    WHERE entity = 'term' AND action = 'create' ORDER BY object_id
    ON CONFLICT DO NOTHING
"""  # noqa: S608  # a constant of this module
# Before the terms themselves: the dues say whether the term still is as it was.
TERMS_AS_PLANNED = """
    DROP TABLE IF EXISTS import_standing;
    CREATE TEMPORARY TABLE import_standing ON COMMIT DROP AS
    SELECT row.id AS row_id, now.id AS term_id, now.member_id AS was_member_id,
           now.starts_on AS was_starts_on
    FROM import_doing row
    JOIN members_term now ON now.id = row.object_id
    LEFT JOIN members_dues dues ON dues.term_id = now.id
    WHERE row.entity = 'term' AND row.action = 'change' AND AS_IT_WAS
""".replace(
    "AS_IT_WAS",
    TERM_IS.format(side="before", member="(row.before ->> 'member_id')::bigint"),
)
CHANGE_TERMS = f"""
    UPDATE members_term now
    SET tier = coalesce(row.after ->> 'tier', now.tier),
        starts_on = coalesce((row.after ->> 'starts_on')::date, now.starts_on),
        ends_on = coalesce((row.after ->> 'ends_on')::date, now.ends_on),
        member_id = coalesce({MEMBER_AFTER}, now.member_id),
        is_provisional = coalesce((row.after ->> 'is_provisional')::boolean,
                                  now.is_provisional),
        details = now.details || coalesce(row.after -> 'details', '{{}}')
    FROM import_doing row JOIN import_standing standing ON standing.row_id = row.id
    WHERE now.id = standing.term_id
"""  # noqa: S608  # a constant of this module
# Another amount without its parts leaves none: those of before no longer add up.
CHANGE_DUES = f"""
    INSERT INTO members_dues
        (term_id, annual_amount, currency, {PART_COLUMNS})
    SELECT standing.term_id,
           coalesce((row.after ->> 'annual_amount')::numeric, dues.annual_amount),
           coalesce(row.after ->> 'currency', dues.currency),
           {PARTS}
    FROM import_doing row JOIN import_standing standing ON standing.row_id = row.id
    LEFT JOIN members_dues dues ON dues.term_id = standing.term_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN row.after ?| ARRAY['annual_amount', 'parts']
                    THEN row.after -> 'parts' ELSE {PARTS_OF_DUES} END) AS made_of (parts)
    WHERE row.after ?| ARRAY['annual_amount', 'currency', 'parts']
    ON CONFLICT (term_id) DO UPDATE
    SET annual_amount = EXCLUDED.annual_amount, currency = EXCLUDED.currency,
        {SET_PARTS}
"""  # noqa: S608  # a constant of this module
# A term bears on its members, the old and the new, from its earliest start on; a name or a
# detail has no history and bears on today.
TOUCHED = """
    DROP TABLE IF EXISTS import_touched;
    CREATE TEMPORARY TABLE import_touched ON COMMIT DROP AS
    SELECT member_id, min(since) AS since
    FROM (
        SELECT object_id AS member_id, %(today)s::date AS since
        FROM import_doing WHERE entity = 'member'
        UNION ALL
        SELECT term.member_id, term.starts_on
        FROM import_doing row JOIN members_term term ON term.id = row.object_id
        WHERE row.entity = 'term'
        UNION ALL
        SELECT term.member_id, standing.was_starts_on
        FROM import_standing standing JOIN members_term term ON term.id = standing.term_id
        UNION ALL
        SELECT was_member_id, was_starts_on FROM import_standing
    ) touch
    GROUP BY member_id
"""
MARK_DIRTY = """
    INSERT INTO members_dirtymember (member_id, since)
    SELECT member_id, since FROM import_touched ORDER BY member_id
    ON CONFLICT (member_id) DO UPDATE
    SET since = least(members_dirtymember.since, EXCLUDED.since), taken_by = NULL
"""
KEEP_QUIET = """
    UPDATE members_member member SET quiet_through = %(today)s
    FROM import_touched touched
    WHERE member.id = touched.member_id
      AND (member.quiet_through IS NULL OR member.quiet_through < %(today)s)
"""

TAKE_BACK_TERMS = """
    DROP TABLE IF EXISTS import_undoing;
    CREATE TEMPORARY TABLE import_undoing ON COMMIT DROP AS
    SELECT row.id AS row_id, row.action, row.before, row.after, now.id AS term_id,
           now.member_id AS was_member_id, now.starts_on AS was_starts_on
    FROM members_importrow row
    JOIN members_term now ON now.id = row.object_id
    LEFT JOIN members_dues dues ON dues.term_id = now.id
    WHERE row.batch_id = %(batch)s AND row.entity = 'term'
      AND row.action IN ('create', 'change') AND AS_WE_LEFT_IT;
    ANALYZE import_undoing
""".replace("AS_WE_LEFT_IT", TERM_IS.format(side="after", member=MEMBER_AFTER))
LEAVE_TERMS = """
    UPDATE members_importrow row
    SET refusals = '[{"column": "", "value": "", "reason": "edited since the import"}]'
    WHERE row.batch_id = %(batch)s AND row.entity = 'term'
      AND row.action IN ('create', 'change')
      AND EXISTS (SELECT FROM members_term term WHERE term.id = row.object_id)
      AND NOT EXISTS (SELECT FROM import_undoing undo WHERE undo.row_id = row.id)
"""
UNDO_DUES = f"""
    INSERT INTO members_dues
        (term_id, annual_amount, currency, {PART_COLUMNS})
    SELECT undo.term_id,
           coalesce((before ->> 'annual_amount')::numeric, dues.annual_amount),
           coalesce(before ->> 'currency', dues.currency),
           {PARTS}
    FROM import_undoing undo JOIN members_dues dues ON dues.term_id = undo.term_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN before ? 'annual_amount' OR after ? 'parts'
                    THEN before -> 'parts' ELSE {PARTS_OF_DUES} END) AS made_of (parts)
    WHERE action = 'change'
      AND (before ?| ARRAY['annual_amount', 'currency', 'parts'] OR after ? 'parts')
    ON CONFLICT (term_id) DO UPDATE
    SET annual_amount = EXCLUDED.annual_amount, currency = EXCLUDED.currency,
        {SET_PARTS}
"""  # noqa: S608  # a constant of this module
DELETE_DUES = """
    DELETE FROM members_dues USING import_undoing undo
    WHERE members_dues.term_id = undo.term_id
      AND (action = 'create' OR (after ? 'annual_amount' AND NOT before ? 'annual_amount'))
"""
UNDO_TERMS = """
    UPDATE members_term now
    SET tier = coalesce(before ->> 'tier', now.tier),
        starts_on = coalesce((before ->> 'starts_on')::date, now.starts_on),
        ends_on = coalesce((before ->> 'ends_on')::date, now.ends_on),
        member_id = coalesce((before ->> 'member_id')::bigint, now.member_id),
        is_provisional = coalesce((before ->> 'is_provisional')::boolean, now.is_provisional),
        details = (now.details - ARRAY(
            SELECT jsonb_object_keys(coalesce(after -> 'details', '{}'))))
            || coalesce(before -> 'details', '{}')
    FROM import_undoing undo WHERE now.id = undo.term_id AND undo.action = 'change'
"""
TOUCHED_BY_UNDO = """
    DROP TABLE IF EXISTS import_touched;
    CREATE TEMPORARY TABLE import_touched ON COMMIT DROP AS
    SELECT member_id, min(since) AS since
    FROM (
        SELECT was_member_id AS member_id, was_starts_on AS since FROM import_undoing
        UNION ALL
        SELECT term.member_id, term.starts_on
        FROM import_undoing undo JOIN members_term term ON term.id = undo.term_id
    ) touch
    GROUP BY member_id
"""
DELETE_TERMS = """
    DELETE FROM members_term USING import_undoing undo
    WHERE members_term.id = undo.term_id AND undo.action = 'create'
"""
UNDO_MEMBERS = """
    WITH undone AS (
        UPDATE members_member now
        SET name = coalesce(row.before ->> 'name', now.name),
            kind = coalesce(row.before ->> 'kind', now.kind),
            homepage_url = coalesce(row.before ->> 'homepage_url', now.homepage_url),
            language = coalesce(row.before ->> 'language', now.language),
            time_zone = coalesce(row.before ->> 'time_zone', now.time_zone),
            details = (now.details - ARRAY(
                SELECT jsonb_object_keys(coalesce(row.after -> 'details', '{}'))))
                || coalesce(row.before -> 'details', '{}')
        FROM members_importrow row
        WHERE row.batch_id = %(batch)s AND row.entity = 'member' AND row.action = 'change'
          AND now.id = row.object_id AND AS_WE_LEFT_IT
        RETURNING row.id AS row_id, now.id AS member_id
    ), marked AS (
        INSERT INTO members_dirtymember (member_id, since)
        SELECT member_id, %(today)s FROM undone ORDER BY member_id
        ON CONFLICT (member_id) DO UPDATE
        SET since = least(members_dirtymember.since, EXCLUDED.since), taken_by = NULL
    ), left_alone AS (
        UPDATE members_importrow row
        SET refusals = '[{"column": "", "value": "", "reason": "edited since the import"}]'
        WHERE row.batch_id = %(batch)s AND row.entity = 'member' AND row.action = 'change'
          AND EXISTS (SELECT FROM members_member member WHERE member.id = row.object_id)
          AND NOT EXISTS (SELECT FROM undone WHERE undone.row_id = row.id)
    )
    SELECT FROM undone
""".replace("AS_WE_LEFT_IT", MEMBER_IS.format(side="after"))
UNCHANGED_CREATED = """
    SELECT now.id FROM members_importrow row JOIN members_member now ON now.id = row.object_id
    WHERE row.batch_id = %(batch)s AND row.entity = 'member' AND row.action = 'create'
      AND AS_WE_LEFT_IT
""".replace("AS_WE_LEFT_IT", MEMBER_IS.format(side="after"))


def apply_plan(*, batch: int, source: str, today: date, at: datetime) -> dict[str, int]:
    """Write the planned rows and mark their members; return rows written by what they are.

    A count below the planned one means that the data has moved on; nothing of the terms is
    tried then, and the caller rolls back.
    """
    parameters: dict[str, Parameter] = {
        "batch": batch,
        "source": source,
        "today": today,
        "at": at,
    }
    _run(TAKE_UP, parameters)
    _run(CREATE_MEMBERS, parameters)
    written = {
        "member create": _run(CREATE_IDENTITIES, parameters),
        "member change": _run(CHANGE_MEMBERS, parameters),
        "term create": _run(CREATE_TERMS, parameters),
        "term change": _run(TERMS_AS_PLANNED, parameters),
    }
    if written != planned(batch=batch):
        return written
    for statement in (
        CREATE_DUES, CHANGE_TERMS, CHANGE_DUES, TOUCHED, MARK_DIRTY, KEEP_QUIET,
    ):  # fmt: skip
        _run(statement, parameters)
    if sum(written.values()) >= MANY:
        _run(KNOW_HOW_MANY, parameters)
    return written


def undo_terms(*, batch: int, source: str, today: date) -> int:
    """Delete the batch's terms and put back those it changed, unless edited since.

    Marks the members and writes down which rows were left alone. Returns the terms undone.
    """
    parameters: dict[str, Parameter] = {"batch": batch, "source": source, "today": today}
    for statement in (
        TAKE_BACK_TERMS, LEAVE_TERMS, UNDO_DUES, DELETE_DUES, UNDO_TERMS, TOUCHED_BY_UNDO,
        DELETE_TERMS, MARK_DIRTY,
    ):  # fmt: skip
        _run(statement, parameters)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM import_undoing")
        undone: int = cursor.fetchone()[0]
    return undone


def undo_member_changes(*, batch: int, today: date) -> int:
    """Put back what the batch changed on members nobody has edited since; return how many."""
    return _run(UNDO_MEMBERS, {"batch": batch, "today": today})


def created_and_unedited(*, batch: int) -> list[int]:
    """Return the keys of members that the batch created and that are as it made them."""
    with connection.cursor() as cursor:
        cursor.execute(UNCHANGED_CREATED, {"batch": batch})
        return [key for (key,) in cursor.fetchall()]


def planned(*, batch: int) -> dict[str, int]:
    """Return what ``apply_plan`` must write, in its words."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entity || ' ' || action, count(*) FROM members_importrow"
            " WHERE batch_id = %s GROUP BY 1",
            [batch],
        )
        counts = dict(cursor.fetchall())
    return {
        f"{entity} {action}": counts.get(f"{entity} {action}", 0)
        for entity in ("member", "term")
        for action in ("create", "change")
    }


def _run(statement: str, parameters: Mapping[str, Parameter]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: int = cursor.rowcount
    return rows
