"""Whether members got what suits them, as a condition over many; it equals ``engine.assess``.

Shares are compared by products of whole minutes, so that nothing is rounded.
"""

from coverage.engine.experience import LOWEST_FIT, UNDER_DELIVERY

WINDOW_DAYS = 90
# A group is real time as well, only shared; the profile does not tell the two apart.
COUNTED = {
    "inbound": "e.modality = 'inbound'",
    "async": "e.modality = 'async'",
    "sync": "e.modality IN ('sync', 'group')",
    "taskforce": "e.modality = 'taskforce'",
}
_GIVEN = ",\n               ".join(
    f"coalesce(sum(e.minutes) FILTER (WHERE {which}), 0) AS {name}_given"
    for name, which in COUNTED.items()
)
_DUE_IN_ALL = " + ".join(f"x.{name}_minutes" for name in COUNTED)
_GIVEN_IN_ALL = " + ".join(f"g.{name}_given" for name in COUNTED)
_APART = " + ".join(
    f"abs(x.{name}_minutes * s.given - g.{name}_given * s.due)" for name in COUNTED
)
_MOST_APART = 2 * (1 - LOWEST_FIT)

# Whether the member ``{member}`` has an experience mismatch on ``%(as_of)s``; false while the
# ledger of minutes is too young to tell.
AX_MISMATCH = f"""EXISTS (
    SELECT FROM coverage_axprofile x
    CROSS JOIN LATERAL (
        SELECT {_GIVEN}
        FROM coverage_effort e
        WHERE e.member_id = x.member_id AND e.withdrawn_at IS NULL
          AND e."on" > %(as_of)s - {WINDOW_DAYS} AND e."on" <= %(as_of)s
    ) g
    CROSS JOIN LATERAL (SELECT {_DUE_IN_ALL} AS due, {_GIVEN_IN_ALL} AS given) s
    WHERE x.member_id = {{member}} AND x.superseded_on IS NULL AND s.due > 0
      AND (SELECT min(first."on") FROM coverage_effort first WHERE first.withdrawn_at IS NULL)
          + {WINDOW_DAYS} <= %(as_of)s
      AND (s.given * {UNDER_DELIVERY.denominator} < s.due * {UNDER_DELIVERY.numerator}
           OR ({_APART}) * {_MOST_APART.denominator}
              > s.due * s.given * {_MOST_APART.numerator})
)"""


# Who has one on ``%(as_of)s``, as keys of members.
MISMATCHED = f"""
SELECT m.member_id FROM coverage_axprofile m
 WHERE m.superseded_on IS NULL AND {AX_MISMATCH.format(member="m.member_id")}
"""


def ax_mismatch_sql(*, member: str) -> str:
    """``AX_MISMATCH`` for the member whose key the SQL expression ``member`` is (2.3)."""
    return AX_MISMATCH.format(member=member)
