"""Whether a table is what it was: told from where its rows are, whoever wrote them.

PostgreSQL writes a changed row to another place and keeps with it the transaction that wrote
it. Places are taken again once nobody can see the row that was there, by rows of later
transactions. So the number of rows, and the sums over their places and transactions, stay the
same only where no row was added, changed or taken away.
"""

from collections.abc import Sequence
from typing import Final

from django.db import connection

VERSION: Final = """
SELECT %s, concat_ws(' ', count(*), sum(hashtid(ctid)), sum(xmin::text::bigint)) FROM {table}
"""


def versions(tables: Sequence[str]) -> dict[str, str]:
    """Return for each table (of ours, never user input) a text that is alike while it is.

    One scan of each table, about 0.2 seconds for a million rows.
    """
    statement = " UNION ALL ".join(VERSION.format(table=table) for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(statement, tables)
        return dict(cursor.fetchall())
