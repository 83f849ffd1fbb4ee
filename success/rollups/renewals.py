"""What came of every term that ended, counted by month among members alike."""

from datetime import date, timedelta
from typing import Final

from django.db import connection, transaction

from members.rollups.scope import Written

READ_BEFORE: Final = 60  # days before the end at which the state is read: half of 120

# A list of common table expressions that ends in ``decision``: one row for each end of a term
# on which nothing else of the member was in force. A term counts once it has begun.
DECISIONS: Final = """
known AS (
    SELECT t.id, t.member_id, t.starts_on, t.ends_on, t.tier,
           max(t.ends_on) OVER (
               PARTITION BY t.member_id ORDER BY t.starts_on, t.ends_on, t.id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS covered_until,
           lead(t.starts_on) OVER (
               PARTITION BY t.member_id ORDER BY t.starts_on, t.ends_on, t.id
           ) AS next_on
    FROM members_term t
    WHERE t.starts_on <= %(as_of)s AND t.member_id IN (
        SELECT ending.member_id FROM members_term ending
        WHERE ending.ends_on >= %(first)s AND ending.ends_on < %(until)s
    )
),
numbered AS (
    SELECT known.*, greatest(ends_on, covered_until) AS reach,
           count(*) FILTER (WHERE starts_on >= covered_until + %(grace)s)
               OVER (PARTITION BY member_id ORDER BY starts_on, ends_on, id) AS run
    FROM known
),
begun AS (
    SELECT numbered.*, min(starts_on) OVER (PARTITION BY member_id, run) AS joined_on
    FROM numbered
),
decision AS (
    SELECT member_id, reach AS ended_on, tier,
           reach <= (joined_on + interval '1 year')::date AS is_first_year,
           CASE WHEN next_on < reach + %(grace)s THEN 'renewed'
                WHEN reach + %(grace)s <= %(as_of)s THEN 'lapsed'
                ELSE 'undecided' END AS outcome,
           coalesce((
               SELECT v.state FROM success_vectorchange v
               WHERE v.member_id = begun.member_id AND v."on" <= reach - %(read_before)s
               ORDER BY v."on" DESC LIMIT 1
           ), '') AS state
    FROM begun
    WHERE reach >= %(first)s AND reach < %(until)s AND reach <= %(as_of)s
      AND (next_on IS NULL OR next_on >= reach)
)
"""

REFRESH: Final = f"""
WITH {DECISIONS},
counted AS (
    SELECT date_trunc('month', ended_on)::date AS month, state, is_first_year, tier,
           (count(*) FILTER (WHERE outcome = 'renewed'))::int AS renewed,
           (count(*) FILTER (WHERE outcome = 'lapsed'))::int AS lapsed,
           (count(*) FILTER (WHERE outcome = 'undecided'))::int AS undecided
    FROM decision
    GROUP BY 1, 2, 3, 4
),
gone AS (
    DELETE FROM success_renewalcount old
    WHERE old.month >= %(first)s AND NOT EXISTS (
        SELECT 1 FROM counted c
        WHERE (c.month, c.state, c.is_first_year, c.tier)
            = (old.month, old.state, old.is_first_year, old.tier)
    )
    RETURNING 1
),
written AS (
    INSERT INTO success_renewalcount
        (month, state, is_first_year, tier, renewed, lapsed, undecided)
    SELECT c.*
    FROM counted c
    LEFT JOIN success_renewalcount old USING (month, state, is_first_year, tier)
    WHERE old.id IS NULL
       OR (c.renewed, c.lapsed, c.undecided)
          IS DISTINCT FROM (old.renewed, old.lapsed, old.undecided)
    ON CONFLICT (month, state, is_first_year, tier) DO UPDATE
    SET renewed = excluded.renewed, lapsed = excluded.lapsed, undecided = excluded.undecided
    RETURNING 1
)
SELECT (SELECT count(*) FROM decision),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
"""


def values(*, first: date, until: date, as_of: date, grace_days: int) -> dict[str, date | int]:
    """Return what ``DECISIONS`` asks for: ends from ``first``, before ``until``."""
    return {
        "first": first,
        "until": until,
        "as_of": as_of,
        # without grace, what follows without a gap is a renewal still
        "grace": max(grace_days, 1),
        "read_before": READ_BEFORE,
    }


@transaction.atomic
def refresh(*, as_of: date, since: date | None, grace_days: int) -> Written:
    """Count what came of the terms that ended by ``as_of``, by month and kind of member.

    ``since`` is the earliest day that changed facts may bear upon; months before it, less the
    grace and the months still in it at the last night, are left alone. Null: all. An end is of
    the first year if within a year of joining; the state is that of the vector 60 days before
    the end, blank where none was known then. Only what differs is written (DOMAIN 4.1, 7).
    """
    first = date.min
    if since is not None:
        first = (since - timedelta(days=max(grace_days, 1))).replace(day=1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT min(month) FROM success_renewalcount WHERE undecided > 0")
            unsettled = cursor.fetchone()[0]
            cursor.execute("SELECT count(*) = 0 FROM success_renewalcount")
            is_new = cursor.fetchone()[0]
        first = date.min if is_new else min(first, unsettled or first)
    asked = values(
        first=first, until=as_of + timedelta(days=1), as_of=as_of, grace_days=grace_days
    )
    with connection.cursor() as cursor:
        cursor.execute(REFRESH, asked)
        return Written(*cursor.fetchone())
