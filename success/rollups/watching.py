"""Whether a table is what it was: told from where its rows are, whoever wrote them.

PostgreSQL writes a changed row to another place and keeps with it the transaction that wrote
it. Places are taken again once nobody can see the row that was there, by rows of later
transactions. So the number of rows, and the sums over their places and transactions, stay the
same only where no row was added, changed or taken away.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from django.db import connection

# The ages of transactions grow alike, so that with the age of the first of all they cancel out.
VERSION: Final = """
SELECT %s, concat_ws(' ', count(*), sum(hashtid(ctid)),
                     count(*) * age('3'::xid)::bigint - sum(age(xmin)))
FROM {table}
"""


def versions(tables: Sequence[str]) -> dict[str, str]:
    """Return for each table (of ours, never user input) a text that is alike while it is.

    One scan of each table, about 0.1 seconds for a million rows.
    """
    statement = " UNION ALL ".join(VERSION.format(table=table) for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(statement, tables)
        return dict(cursor.fetchall())


# Transactions that had not ended at a moment have this number or a later one. Of another
# server, or of data that were brought here since, the numbers say nothing.
MOMENT: Final = """
SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
                 (SELECT oid FROM pg_database WHERE datname = current_database())),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""
# A row knows the last 32 bits of its transaction, which tell before from after so far.
FAR: Final = 2**31 - 2**20


def moment() -> str:
    """Return a text for now, by which ``since_moment`` knows what was written later."""
    with connection.cursor() as cursor:
        cursor.execute(MOMENT)
        return "{} {}".format(*cursor.fetchone())


def since_moment(earlier: str) -> str | None:
    """Return the transaction for ``written_since``; null where nothing can be told any more."""
    place, _, number = earlier.partition(" ")
    here, _, reached = moment().partition(" ")
    if place != here or not 0 <= int(reached) - int(number) < FAR:
        return None
    return str(int(number) % 2**32)


def written_since(row: str) -> str:
    """Return SQL that is true of rows added or changed since ``%(moment)s``, by anybody.

    ``row`` is a table's name in the statement. True of some older ones; never of one that is
    not there any more.
    """
    return f"age({row}.xmin) <= age(%(moment)s::xid)"


# Terms and dues by the month that a term begins in; the rest bears upon any month.
PRINTS: Final = """
SELECT date_trunc('month', t.starts_on)::date::text,
       concat_ws(' ', count(*), sum(hash_record_extended((
           t.id, t.member_id, t.tier, t.starts_on, t.ends_on, t.is_provisional,
           d.annual_amount, d.currency), 0)))
FROM members_term t
LEFT JOIN members_dues d ON d.term_id = t.id
GROUP BY date_trunc('month', t.starts_on)
UNION ALL
SELECT %(always)s, concat_ws(' / ',
    (SELECT concat_ws(' ', grace_days, currency) FROM members_association),
    (SELECT sum(hash_record_extended(u, 0)) FROM members_accountunit u),
    (SELECT sum(hash_record_extended(l, 0)) FROM members_accountlink l),
    (SELECT sum(hash_record_extended(p, 0)) FROM members_departure p),
    (SELECT sum(hash_record_extended(r, 0)) FROM members_exchangerate r),
    (SELECT sum(hash_record_extended((s.id, s.key), 0)) FROM coverage_segment s))
"""
ALWAYS: Final = "always"


def ledger_prints() -> dict[str, str]:
    """Return a text for each month in which terms begin, and one for what bears upon all.

    Two are alike where the rows say the same, wherever they are. One pass over the terms.
    """
    with connection.cursor() as cursor:
        cursor.execute(PRINTS, {"always": ALWAYS})
        return dict(cursor.fetchall())


def differs_from(
    before: Mapping[str, str], now: Mapping[str, str], *, otherwise: date
) -> date | None:
    """Return the first month that the prints of a ledger differ in; null where any may.

    ``otherwise`` where they do not differ.
    """
    if before.get(ALWAYS) != now.get(ALWAYS):
        return None
    months = (before.keys() | now.keys()) - {ALWAYS}
    differing = [month for month in months if before.get(month) != now.get(month)]
    return date.fromisoformat(min(differing)) if differing else otherwise


# Never looked at, empty when it was, or much of it changed since.
OUTGROWN: Final = """
SELECT c.relname::text
FROM pg_class c
JOIN unnest(%(tables)s) AS asked (name) ON c.oid = asked.name::regclass
LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.reltuples <= 0
   OR s.n_mod_since_analyze > %(share)s * c.reltuples
ORDER BY c.relname
"""
STALE_SHARE: Final = 0.1


def outgrown(tables: Sequence[str]) -> list[str]:
    """Return those of some tables (of ours) whose statistics no longer fit, in order.

    One that is empty counts, for it may have been filled a moment ago.
    """
    with connection.cursor() as cursor:
        cursor.execute(OUTGROWN, {"tables": list(tables), "share": STALE_SHARE})
        return [name for (name,) in cursor.fetchall()]
