"""What a table was: alike while nobody writes, another as soon as anybody does."""

import pytest
from django.db import connection

from members.models import Member
from success.rollups.watching import versions
from tests.factories import make_member

TABLE = "members_member"


def version():
    return versions([TABLE])[TABLE]


def changes():
    """One after the other; the last of them leaves the table with the rows it began with."""
    first = make_member()
    yield
    Member.objects.filter(pk=first.pk).update(name="Another name")
    yield
    Member.objects.filter(pk=first.pk).update(name="Another name")
    yield
    second = make_member()
    yield
    second.delete()
    yield
    first.delete()
    yield


@pytest.mark.django_db
def test_every_write_is_seen_in_one_transaction():
    seen = [version(), *(version() for _ in changes())]

    # what was added and taken away again leaves no trace, and is no change
    assert len(set(seen)) == len(seen) - 2
    assert (seen[5], seen[6]) == (seen[3], seen[0])


@pytest.mark.django_db(transaction=True)
def test_every_write_is_seen_across_transactions_and_after_clearing_up():
    seen = [version()]
    for _ in changes():
        with connection.cursor() as cursor:
            # places are free to be taken again
            cursor.execute(f"VACUUM {TABLE}")
        seen.append(version())

    assert (seen[5], seen[6]) == (seen[3], seen[0])
    assert len(set(seen)) == len(seen) - 2


@pytest.mark.django_db
def test_several_tables_are_told_apart_and_an_empty_one_is_told_too():
    make_member()

    said = versions([TABLE, "members_term"])

    assert set(said) == {TABLE, "members_term"}
    assert said["members_term"].startswith("0")
