"""The set of members whose facts changed: filled with each change, emptied by the night."""

from collections.abc import Iterable
from datetime import date

from django.db import connection

MARK = """
INSERT INTO members_dirtymember (member_id, since)
SELECT member_id, min(since)
FROM unnest(%(members)s::bigint[], %(days)s::date[]) AS changed (member_id, since)
GROUP BY member_id
ON CONFLICT (member_id) DO UPDATE
SET since = least(members_dirtymember.since, excluded.since), taken_by = NULL
"""


def mark_dirty(changes: Iterable[tuple[int, date]]) -> None:
    """Mark members as changed from a day on; to be called in the transaction of the change.

    ``changes`` are (member id, earliest day the change bears upon). Safe to repeat: the
    earliest day stays, and a night that had taken the member on gives it back.
    """
    pairs = list(changes)
    if not pairs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            MARK,
            {"members": [member for member, _ in pairs], "days": [day for _, day in pairs]},
        )
