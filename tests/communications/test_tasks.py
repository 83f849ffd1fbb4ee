from datetime import time, timedelta

import pytest

from communications import tasks
from communications.enums import MessageStatus
from config.kernel import clock
from tests.factories import make_message

pytestmark = pytest.mark.django_db


def test_send_due_takes_what_is_due_and_accepts_unknown_arguments(settings):
    settings.WAYMARK_QUIET_HOURS = (time(0), time(0))  # at whatever hour this runs
    message = make_message(due_at=clock.now() - timedelta(minutes=1))

    tasks.send_due.apply(kwargs={"limit": 5, "new_argument": 1}).get()

    message.refresh_from_db()
    assert message.status == MessageStatus.SENT


def test_release_stuck_gives_up_on_what_was_left():
    claimed = clock.now() - timedelta(minutes=11)
    message = make_message(status=MessageStatus.SENDING, claimed_at=claimed)

    tasks.release_stuck.apply(kwargs={"new_argument": 1}).get()

    message.refresh_from_db()
    assert message.status == MessageStatus.UNKNOWN
