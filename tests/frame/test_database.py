"""The tests' own database: migrated, cloned, and its migrated rows safe from truncation."""

import pytest
from django.db import connection


@pytest.mark.django_db
def test_tests_run_on_a_clone_of_their_own():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_setting('fsync')")
        name, _ = cursor.fetchone()

    assert name.startswith("test_waymark_")
    assert "template" not in name
