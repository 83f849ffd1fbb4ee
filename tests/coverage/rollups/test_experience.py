from datetime import timedelta
from random import Random

import pytest
from django.db import connection

from coverage.queries.experience import is_mismatched
from coverage.rollups.experience import ax_mismatch_sql
from members.models import Member
from tests.factories import NOON, TODAY, make_ax_profile, make_effort, make_member, make_user

pytestmark = pytest.mark.django_db
MODALITIES = ("inbound", "async", "sync", "group", "taskforce")


def mismatched():
    """The members whom the statement finds."""
    found = f"SELECT id FROM members_member m WHERE {ax_mismatch_sql(member='m.id')}"
    with connection.cursor() as cursor:
        cursor.execute(found, {"as_of": TODAY})
        return {row[0] for row in cursor.fetchall()}


def association(seed):
    chance, by = Random(seed), make_user()
    for _ in range(30):
        member = make_member()
        if chance.random() < 0.9:
            make_ax_profile(
                member=member,
                inbound_minutes=chance.choice([0, 20, 60]),
                async_minutes=chance.choice([0, 60]) or 1,
                sync_minutes=chance.choice([0, 30, 90]),
                taskforce_minutes=chance.choice([0, 0, 120]),
            )
        for _ in range(chance.randrange(4)):
            make_effort(
                member=member,
                by=by,
                on=TODAY - timedelta(days=chance.choice([0, 30, 89, 90, 200])),
                modality=chance.choice(MODALITIES),
                minutes=chance.choice([10, 60, 200]),
                withdrawn_at=chance.choice([None, None, None, NOON]),
            )


@pytest.mark.parametrize("seed", range(4))
def test_the_statement_says_what_the_engine_says(seed):
    association(seed)
    make_effort(on=TODAY - timedelta(days=100))  # the ledger is old enough

    told = {member.pk for member in Member.objects.all() if is_mismatched(member, as_of=TODAY)}

    assert mismatched() == told
    assert 0 < len(told) < Member.objects.count()


def test_nothing_is_said_while_the_ledger_is_young():
    profile = make_ax_profile(async_minutes=60)
    make_effort(on=TODAY - timedelta(days=89))

    assert mismatched() == set()
    assert is_mismatched(profile.member, as_of=TODAY) is None
