"""Many random examples in one database test: each starts from the same rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def example() -> Iterator[None]:
    """Undo what the block wrote, also when it failed, so that the next example starts clean."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
