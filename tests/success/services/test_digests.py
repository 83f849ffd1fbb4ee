from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from communications.enums import MessageStatus
from communications.models import DigestPreference, Message, MessageTemplate, Notice
from communications.services import gate, templates
from members.enums import Role
from members.models import AuditEntry
from success.services import digests
from tests.factories import make_assignment, make_intervention, make_member_facts, make_user

pytestmark = pytest.mark.django_db
# A Monday, eight in the morning in Berlin, the summer's hour ahead of it.
EIGHT = datetime(2026, 7, 27, 6, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def amy():
    """Somebody with a member at risk, so that there is something to tell."""
    user = make_user(name="Amy", role=Role.MSM, time_zone="Europe/Berlin")
    facts = make_member_facts(state="stalled")
    make_assignment(member=facts.member, owner=user)
    return user


def rows():
    found = Message.objects.order_by("due_at", "pk")
    return [(each.user.name, each.due_at, each.status) for each in found]


def test_digest_comes_at_their_own_hour_once(amy):
    assert digests.send_due(at=EIGHT - timedelta(seconds=1)) == 1  # last week's, caught up
    assert digests.send_due(at=EIGHT) == 1
    assert digests.send_due(at=EIGHT + 6 * DAY) == 0

    assert rows() == [
        ("Amy", EIGHT - 7 * DAY, MessageStatus.QUEUED),
        ("Amy", EIGHT, MessageStatus.QUEUED),
    ]


def test_digest_is_sent_as_mail_to_the_colleague(amy):
    digests.send_due(at=EIGHT)
    gate.send_due(at=EIGHT)

    [letter] = mail.outbox
    assert letter.to == [f"Amy <{amy.email}>"]
    assert letter.subject == "Your week, 20 July to 27 July"
    assert "At risk: going backwards, or stopped (1)\n- " in letter.body
    assert "/digest/" in letter.body


def test_outage_is_made_up_for_by_one_digest_about_all_of_it(amy):
    digests.send_due(at=EIGHT - 14 * DAY)
    digests.send_due(at=EIGHT + 2 * DAY)
    digests.send_due(at=EIGHT + 2 * DAY + HOUR)

    assert [at for _, at, _ in rows()] == [EIGHT - 14 * DAY, EIGHT]
    assert Message.objects.latest("pk").variables["since"] == "13 July"


def test_trying_out_its_words_takes_nothing_from_the_next_digest(amy):
    digests.send_due(at=EIGHT - 7 * DAY)
    template = MessageTemplate.objects.get(key=digests.TEMPLATE)
    tried = templates.examples_of(template)
    templates.send_test(template=template, variables=tried, to=amy, by=amy, at=EIGHT - HOUR)

    digests.send_due(at=EIGHT)

    assert Message.objects.latest("pk").variables["since"] == "20 July"


def test_silence_leaves_a_row_that_says_so_and_sends_nothing():
    make_user(name="Olga", role=Role.OPERATIONS, time_zone="Europe/Berlin")
    digests.send_due(at=EIGHT)
    digests.send_due(at=EIGHT + HOUR)
    gate.send_due(at=EIGHT + HOUR)

    assert rows() == [("Olga", EIGHT, MessageStatus.SUPPRESSED)]
    assert Message.objects.get().outcome == digests.SILENT
    assert mail.outbox == []


def test_hour_that_the_clocks_skip_or_show_twice_is_one_hour(amy):
    DigestPreference.objects.create(user=amy, weekday=6, hour=2)
    spring, autumn = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)
    for sunday in (spring, autumn):
        for minutes in range(-120, 240, 30):
            digests.send_due(at=sunday + timedelta(minutes=minutes))

    moments = [at for _, at, _ in rows()]
    assert moments[1::2] == [spring, autumn]
    assert moments[0::2] == [spring - 7 * DAY + timedelta(0), autumn - 7 * DAY]


def test_who_does_not_want_it_and_who_is_no_colleague_gets_none(amy):
    DigestPreference.objects.create(user=amy, is_wanted=False)
    make_user(role=Role.MEMBER)
    make_user(role=Role.DIRECTOR, is_active=False)

    assert digests.send_due(at=EIGHT) == 0
    assert rows() == []


def test_work_that_does_not_fit_is_a_notice_too(amy):
    make_intervention(owner=amy, minutes=90)
    digests.send_due(at=EIGHT)
    digests.send_due(at=EIGHT + HOUR)

    notice = Notice.objects.get()
    assert (notice.user, notice.title) == (amy, "1.5 hours of work do not fit into your week")
    assert "1.5 hours of work (1 items)" in Message.objects.get().variables["digest"]


def test_another_day_is_kept_and_changes_the_week_only_once(amy):
    digests.send_due(at=EIGHT)
    digests.prefer(user=amy, is_wanted=True, weekday=3, hour=17, at=EIGHT)
    digests.prefer(user=amy, is_wanted=True, weekday=3, hour=17, at=EIGHT)
    thursday = datetime(2026, 7, 30, 15, tzinfo=UTC)

    assert digests.send_due(at=thursday) == 0  # this week had its own
    assert digests.send_due(at=thursday + 7 * DAY) == 1
    assert AuditEntry.objects.filter(verb="digest.preferred").count() == 1


@pytest.mark.parametrize(("weekday", "hour"), [(7, 0), (-1, 0), (0, 24), (0, -1)])
def test_impossible_hours_are_refused(amy, weekday, hour):
    with pytest.raises(digests.NotPossible):
        digests.prefer(user=amy, is_wanted=True, weekday=weekday, hour=hour, at=EIGHT)


def test_asking_again_costs_the_same_for_many(django_assert_num_queries):
    for _ in range(3):
        make_user(role=Role.MSM)
    digests.send_due(at=EIGHT)

    with django_assert_num_queries(3):
        digests.send_due(at=EIGHT)
