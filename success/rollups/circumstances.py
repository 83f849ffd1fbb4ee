"""Coverage is told where every member's way stands, since it never asks."""

from datetime import date

from coverage.engine.capacity import RENEWAL_WINDOW
from coverage.rollups.circumstances import write_down
from members.rollups.scope import Scope, Written

# Equal to ``coverage.engine.capacity.stage``, which a test proves on random data.
SAID = """
    SELECT f.member_id,
           CASE
               WHEN f.standing NOT IN ('in_force', 'in_grace') THEN NULL
               WHEN f.state IN ('stalled', 'regressing') OR escalated.member_id IS NOT NULL
                   THEN 'at_risk'
               WHEN f.first_value_on IS NULL THEN 'onboarding'
               WHEN %(as_of)s >= f.term_ends_on - %(window)s THEN 'renewal'
               WHEN f.state IN ('achieved', 'ahead') THEN 'growth'
               ELSE 'adoption'
           END AS stage,
           CASE WHEN f.first_value_on IS NULL THEN way.first_value_expected_on END
               AS first_value_expected_on,
           f.term_ends_on,
           f.state = 'regressing' AS is_protected
      FROM success_memberfacts f
      LEFT JOIN (
          SELECT DISTINCT p.member_id FROM coverage_axprofile p
           WHERE {scope_profile} AND p.escalation_severity IS NOT NULL
             AND p.valid_from <= %(as_of)s
             AND (p.superseded_on IS NULL OR p.superseded_on > %(as_of)s)
      ) AS escalated ON escalated.member_id = f.member_id
      LEFT JOIN (
          SELECT waiting.member_id,
                 min(waiting.anchor_on + m.expected_day::int) AS first_value_expected_on
            FROM success_memberfacts waiting
            JOIN success_milestone m ON m.plan_id = waiting.plan_id AND m.is_gating
           WHERE {scope_waiting} AND waiting.first_value_on IS NULL
           GROUP BY waiting.member_id
      ) AS way ON way.member_id = f.member_id
     WHERE {scope}
"""


def refresh(*, as_of: date, scope: Scope) -> Written:
    """Write the lifecycle stage of every member of ``scope`` down for coverage (DOMAIN 6.2).

    MemberFacts are to be of ``as_of``. Members who are in membership no more lose their row.
    The day of first value is the first gating milestone's in the open plan, null without one.
    An escalation is open while the AX profile of the day says so. The calendar alone opens the
    renewal window, so the scope should be everybody. One statement; only what differs is
    written.
    """
    said = SAID.format(
        scope=scope.condition("f.member_id"),
        scope_profile=scope.condition("p.member_id"),
        scope_waiting=scope.condition("waiting.member_id"),
    )
    return write_down(
        said=said,
        parameters=scope.parameters | {"window": RENEWAL_WINDOW.days},
        as_of=as_of,
    )
