"""What members need of those who look after them, added up; and a row a person and week."""

from datetime import date, timedelta

from django.db import connection

from members.enums import Role
from members.rollups.scope import Written

# Who has which part of whom: an owner what a task force leaves over, its people their shares.
# Asks for %(as_of)s and %(grace)s.
PARTS = """
held AS MATERIALIZED (
    SELECT a.member_id, a.owner_id, a.segment_id, c.stage, c.first_value_expected_on,
           c.term_ends_on
      FROM coverage_assignment a
      LEFT JOIN coverage_circumstance c ON c.member_id = a.member_id
     WHERE a.member_id IN (
         SELECT t.member_id FROM members_term t
          WHERE t.starts_on <= %(as_of)s AND t.ends_on > %(as_of)s - %(grace)s)
),
share AS (
    SELECT member_id, user_id, percent FROM coverage_taskforceshare
     WHERE starts_on <= %(as_of)s AND (ends_on IS NULL OR ends_on > %(as_of)s)
),
part AS (
    SELECT held.*, held.owner_id AS holder_id, true AS is_owner,
           greatest(100 - coalesce(given_away.percent, 0), 0)::int AS percent
      FROM held
      LEFT JOIN (SELECT member_id, sum(percent) AS percent FROM share GROUP BY member_id)
           AS given_away USING (member_id)
    UNION ALL
    SELECT held.*, share.user_id, false, share.percent::int
      FROM share JOIN held USING (member_id)
)
"""

# Staff hours a member and month, of the version that counts on %(as_of)s.
HOURS = """
counting AS (
    SELECT id FROM coverage_coveragemodel
     WHERE effective_from <= %(as_of)s AND withdrawn_at IS NULL
     ORDER BY effective_from DESC, version DESC LIMIT 1
),
hours AS (
    SELECT h.segment_id, h.stage, sum(h.hours / coalesce(l.factor, 1)) AS hours
      FROM counting
      JOIN coverage_coveragehours h ON h.model_id = counting.id
      LEFT JOIN coverage_leverage l
        ON l.model_id = h.model_id AND l.segment_id = h.segment_id
       AND l.modality = h.modality
     GROUP BY h.segment_id, h.stage
)
"""

# Somebody's hours a month: the contract's, or those a week that their log-in says.
CAPACITY = """
CASE WHEN c.user_id IS NULL THEN u.weekly_hours * 52 / 12.0
     ELSE c.monthly_hours * (100 - c.leave_percent) / 100.0
          * (100 - c.overhead_percent) / 100.0 END
"""

# Staff time of an effort: who shares an hour with others has their part of it.
STAFF_MINUTES = "e.minutes::numeric / e.members_present"

WEEK_LOADS = f"""
WITH {PARTS}, {HOURS},
book AS (
    SELECT part.holder_id,
           count(*) FILTER (WHERE part.is_owner) AS members,
           coalesce(sum(part.percent * hours.hours), 0) / 100 AS needed
      FROM part
      LEFT JOIN hours ON hours.segment_id = part.segment_id AND hours.stage = part.stage
     WHERE part.holder_id IS NOT NULL
     GROUP BY part.holder_id
),
person AS (
    SELECT u.id AS user_id, coalesce(book.members, 0) AS members,
           coalesce(book.needed, 0) AS needed, {CAPACITY} AS capacity
      FROM members_user u
      LEFT JOIN coverage_contributor c ON c.user_id = u.id
      LEFT JOIN book ON book.holder_id = u.id
     WHERE book.holder_id IS NOT NULL
        OR (u.is_active AND (u.role = %(msm)s OR c.user_id IS NOT NULL)
            AND c.works_in_pool IS NOT TRUE)
),
present AS (
    SELECT person.user_id, count(*) FILTER (WHERE away.id IS NULL) AS days
      FROM person
     CROSS JOIN generate_series(0, 4) AS weekday
      LEFT JOIN coverage_absence away
        ON away.user_id = person.user_id
       AND away.starts_on <= %(week)s + weekday AND away.ends_on > %(week)s + weekday
     GROUP BY person.user_id
),
given AS (
    SELECT e.by_id AS user_id, sum({STAFF_MINUTES}) AS minutes
      FROM coverage_effort e
     WHERE e."on" >= %(week)s AND e."on" < %(week)s + 7 AND e.withdrawn_at IS NULL
     GROUP BY e.by_id
),
said AS (
    SELECT person.user_id, person.members::int AS members,
           round(person.needed * 60 * 12 / 52)::int AS needed_minutes,
           round(coalesce(given.minutes, 0))::int AS given_minutes,
           round(person.capacity * 60 * 12 / 52 * present.days / 5)::int AS available_minutes
      FROM person
      JOIN present USING (user_id)
      LEFT JOIN given USING (user_id)
     WHERE person.capacity > 0
),
gone AS (
    DELETE FROM coverage_weekload old
     WHERE old.week = %(week)s
       AND NOT EXISTS (SELECT FROM said WHERE said.user_id = old.user_id)
    RETURNING 1
),
-- what was logged late counts in the week it belongs to
caught_up AS (
    UPDATE coverage_weekload old
       SET given_minutes = late.minutes, written_on = %(as_of)s
      FROM (
          SELECT kept.id, round(coalesce(sum({STAFF_MINUTES}), 0))::int AS minutes
            FROM coverage_weekload kept
            LEFT JOIN coverage_effort e
              ON e.by_id = kept.user_id AND e."on" >= kept.week AND e."on" < kept.week + 7
             AND e.withdrawn_at IS NULL
           WHERE kept.week < %(week)s AND kept.week >= %(late)s
           GROUP BY kept.id
      ) AS late
     WHERE late.id = old.id AND late.minutes <> old.given_minutes
    RETURNING 1
),
written AS (
    INSERT INTO coverage_weekload
        (user_id, week, members, needed_minutes, given_minutes, available_minutes, written_on)
    SELECT said.user_id, %(week)s, said.members, said.needed_minutes, said.given_minutes,
           said.available_minutes, %(as_of)s
      FROM said
      LEFT JOIN coverage_weekload old ON old.user_id = said.user_id AND old.week = %(week)s
     WHERE old.id IS NULL
        OR (old.members, old.needed_minutes, old.given_minutes, old.available_minutes)
           IS DISTINCT FROM
           (said.members, said.needed_minutes, said.given_minutes, said.available_minutes)
    ON CONFLICT (user_id, week) DO UPDATE
    SET members = excluded.members, needed_minutes = excluded.needed_minutes,
        given_minutes = excluded.given_minutes,
        available_minutes = excluded.available_minutes, written_on = excluded.written_on
    RETURNING 1
)
SELECT (SELECT count(*) FROM held),
       (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
           + (SELECT count(*) FROM caught_up)
"""
LATE_WEEKS = timedelta(weeks=13)


def monday(day: date) -> date:
    """Return the first day of the week that ``day`` is in."""
    return day - timedelta(days=day.weekday())


def refresh(*, as_of: date, grace_days: int) -> Written:
    """Write the week of ``as_of`` to ``WeekLoad``, a row a person; return rows read, written.

    Needed and available are a week's part of a month's hours (12 of 52), available less the
    working days of absences; given is what was recorded in that week, also in the thirteen
    weeks before where it was recorded late. Whoever's hours are not known has no row. One
    statement; only what differs is written (DOMAIN 6.2).
    """
    week = monday(as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            WEEK_LOADS,
            {
                "as_of": as_of,
                "grace": grace_days,
                "week": week,
                "late": week - LATE_WEEKS,
                "msm": Role.MSM.value,
            },
        )
        return Written(*cursor.fetchone())
