"""Which asks may be made, as one statement over many members; it equals ``engine.asks``.

It asks for the parameter ``%(as_of)s``. Each row is an ask that nothing stands against but the
member's own state, which the reader of MemberFacts adds: ``f`` there.
"""

from coverage.rollups.experience import ax_mismatch_sql
from success.engine.asks import COOL_OFF_DAYS, NOT_WHILE
from success.engine.evidence import FIRM
from success.enums import Advocacy, AskKind, AskStatus

_FIRM = ", ".join(f"'{source}'" for source in sorted(FIRM))
# By how much they ask of a member.
SIZE = " ".join(f"WHEN '{kind.value}' THEN {size}" for size, kind in enumerate(Advocacy))
STATE_ALLOWS = "f.state NOT IN ({})".format(
    ", ".join(f"'{state.value.lower()}'" for state in sorted(NOT_WHILE))
)
LAST_TURN = """(SELECT max(turn.day) FROM unnest({milestone}.evidence_dates)
                        WITH ORDINALITY AS turn (day, place)
                     WHERE turn.place % 2 = 1 AND turn.day <= %(as_of)s)"""

ELIGIBLE = f"""
    SELECT p.member_id, a.id, m.title, o.owned_with_tier, 'ask ' || a.id AS name,
           greatest(a.consented_on, {LAST_TURN.format(milestone="m")}) AS since
      FROM success_ask a
      JOIN success_plan p ON p.id = a.plan_id
      JOIN success_milestone m ON m.id = a.milestone_id
      LEFT JOIN success_offer o ON o.id = a.offer_id
     WHERE {{scope}} AND a.status = '{AskStatus.ANNOUNCED.value}'
       AND a.consented_on <= %(as_of)s
       AND p.counts_from <= %(as_of)s AND (p.closed_on IS NULL OR p.closed_on > %(as_of)s)
       AND coalesce(width_bucket(%(as_of)s::date, m.evidence_dates), 0) %% 2 = 1
       AND m.evidence_source IN ({_FIRM})
       AND o.is_retired IS NOT TRUE
       AND NOT {ax_mismatch_sql(member="p.member_id")}
       AND NOT EXISTS (
           SELECT FROM success_accountability ours
            WHERE ours.milestone_id = m.id AND ours.side = 'association'
              AND ours.due_on < %(as_of)s
              AND (ours.done_on IS NULL OR ours.done_on > %(as_of)s)
              AND (ours.waived_on IS NULL OR ours.waived_on > %(as_of)s))
       AND NOT EXISTS (
           SELECT FROM success_ask other
             JOIN success_plan theirs ON theirs.id = other.plan_id
            WHERE theirs.member_id = p.member_id AND other.id <> a.id
              AND (other.status = '{AskStatus.ASKED.value}'
                   OR (other.status = '{AskStatus.ACCEPTED.value}'
                       AND other.offer_id = a.offer_id)
                   OR (other.status = '{AskStatus.REFUSED.value}'
                       AND other.answered_on > %(as_of)s - {COOL_OFF_DAYS}
                       AND NOT EXISTS (
                           SELECT FROM success_milestone reached
                             JOIN success_plan path ON path.id = reached.plan_id
                            WHERE path.member_id = p.member_id
                              AND {LAST_TURN.format(milestone="reached")}
                                  > other.answered_on))))
       AND NOT EXISTS (
           SELECT FROM success_ask smaller
            WHERE smaller.plan_id = a.plan_id AND a.kind = '{AskKind.ADVOCACY.value}'
              AND smaller.kind = a.kind
              AND CASE smaller.advocacy {SIZE} END < CASE a.advocacy {SIZE} END
              AND smaller.consented_on IS NOT NULL
              AND (smaller.status IN ('{AskStatus.ANNOUNCED.value}', '{AskStatus.ASKED.value}')
                   OR (smaller.status = '{AskStatus.REFUSED.value}'
                       AND smaller.answered_on >= a.consented_on)))
""".replace("turn.place % 2", "turn.place %% 2")
# The tier is one of the member's facts.
NOT_OWNED = "NOT (coalesce(e.owned_with_tier, '') <> '' AND e.owned_with_tier = f.tier)"


def eligible_sql(*, scope: str) -> str:
    """``ELIGIBLE`` for the members of a scope condition on ``p.member_id``."""
    return ELIGIBLE.format(scope=scope)
