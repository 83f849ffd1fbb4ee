import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from openpyxl import load_workbook

from communications.enums import MessageStatus
from communications.models import Message, MessageAttachment, Notice
from communications.services import gate
from members.enums import Role
from members.models import AuditEntry
from success.access import Permission
from success.enums import MailingCadence, MailingOutcome
from success.models import PageMailing
from success.services import mailings
from success.services.mailings import CannotBeMade, Page, Sheet, Wish
from tests.factories import make_page_mailing, make_user

pytestmark = pytest.mark.django_db
# A Monday, seven in the morning in Berlin, the summer's two hours ahead of it.
SEVEN = datetime(2026, 7, 27, 5, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@pytest.fixture
def said():
    """What the page says, to be changed by a test."""
    return {"rows": [("=Ada", 3)], "error": None, "asked": []}


@pytest.fixture(autouse=True)
def _page(said):
    def make(user, filters, as_of):
        said["asked"].append((user.name, filters.urlencode(), as_of))
        if said["error"]:
            raise said["error"]
        rows = [row for row in said["rows"] if row[0] != filters.get("without")]
        return Sheet(header=("name", "days"), rows=rows, passing=frozenset({"days"}))

    mailings.pages.register(
        Page(
            key="test-money",
            title="Money",
            permission=Permission.REVENUE_VIEW,
            address="success:margin",
            make=make,
        )
    )
    yield
    mailings.pages._pages.pop("test-money")  # noqa: SLF001


@pytest.fixture
def dora():
    return make_user(name="Dora", role=Role.DIRECTOR, time_zone="Europe/Berlin")


def wish(**overrides):
    said = {"name": "My money", "cadence": MailingCadence.WEEKLY, "day": 0, "hour": 7}
    return Wish(**{**said, **overrides})


def asked_for(user, *, at=SEVEN - DAY, filters="", **overrides):
    return mailings.save(
        wish=wish(**overrides), page="test-money", filters=filters, by=user, at=at
    )


def sent():
    return [each.due_at for each in Message.objects.order_by("due_at", "pk")]


def test_mailing_comes_at_its_own_hour_as_a_sheet_and_once(dora):
    asked_for(dora, filters="?segment=pod&after=x&without=")

    assert mailings.send_due(at=SEVEN - timedelta(seconds=1)) == 0
    assert mailings.send_due(at=SEVEN) == 1
    assert mailings.send_due(at=SEVEN + HOUR) == 0
    gate.send_due(at=SEVEN)

    [letter] = mail.outbox
    assert letter.to == [f"Dora <{dora.email}>"]
    assert letter.subject == "My money, 27 July 2026"
    assert "/measures/margin/?segment=pod\n" in letter.body
    [(name, content, kind)] = letter.attachments
    assert name == "test-money-2026-07-27.xlsx"
    assert "spreadsheetml" in kind
    page = load_workbook(io.BytesIO(content)).active
    assert [[cell.value for cell in row] for row in page] == [["name", "days"], ["'=Ada", 3]]


def test_bytes_leave_with_the_mail_and_the_name_stays(dora):
    asked_for(dora)
    mailings.send_due(at=SEVEN)
    assert bytes(MessageAttachment.objects.get().content)

    gate.send_due(at=SEVEN)

    kept = MessageAttachment.objects.get()
    assert (kept.name, bytes(kept.content), kept.size > 0) == (
        "test-money-2026-07-27.xlsx", b"", True,
    )  # fmt: skip


def test_the_same_again_sends_nothing_and_says_so(dora, said):
    mailing = asked_for(dora)
    mailings.send_due(at=SEVEN)
    said["rows"] = [("=Ada", 10)]  # a week older, and otherwise the same
    assert mailings.send_due(at=SEVEN + WEEK) == 1

    mailing.refresh_from_db()
    assert sent() == [SEVEN]
    assert mailing.last_outcome == MailingOutcome.UNCHANGED
    assert (mailing.last_sent_on, mailing.last_looked_at) == (SEVEN.date(), SEVEN + WEEK)

    said["rows"] = [("Bo", 1)]
    mailings.send_due(at=SEVEN + 2 * WEEK)
    assert sent() == [SEVEN, SEVEN + 2 * WEEK]


def test_outage_is_made_up_for_once(dora, said):
    asked_for(dora)
    late = SEVEN + 3 * WEEK + DAY

    assert mailings.send_due(at=late) == 1
    said["rows"] = [("Bo", 1)]
    assert mailings.send_due(at=late + HOUR) == 0

    assert sent() == [late]
    assert PageMailing.objects.get().next_due_at == SEVEN + 4 * WEEK


def test_monthly_mailing_keeps_its_hour_across_the_change_of_clocks(dora):
    mailing = asked_for(dora, cadence=MailingCadence.MONTHLY, day=25)
    assert mailing.next_due_at == datetime(2026, 8, 25, 5, tzinfo=UTC)

    mailings.send_due(at=datetime(2026, 10, 25, 6, tzinfo=UTC))
    mailing.refresh_from_db()
    assert mailing.next_due_at == datetime(2026, 11, 25, 6, tzinfo=UTC)


def test_permission_is_that_of_the_moment_of_sending(dora, said):
    asked_for(dora)
    dora.role = Role.MSM
    dora.save()

    for at in (SEVEN, SEVEN + HOUR, SEVEN + WEEK):
        mailings.send_due(at=at)

    assert (sent(), said["asked"]) == ([], [])
    mailing = PageMailing.objects.get()
    assert (mailing.is_active, mailing.last_outcome) == (False, MailingOutcome.REFUSED)
    assert [each.title for each in Notice.objects.filter(user=dora)] == [
        "A page no longer comes by mail: My money"
    ]
    with pytest.raises(mailings.NoSuchPage):
        mailings.pause(mailing=mailing, is_active=True, by=dora, at=SEVEN + WEEK)


def test_closed_log_in_gets_nothing(dora):
    asked_for(dora)
    dora.is_active = False
    dora.save()

    mailings.send_due(at=SEVEN)

    assert (sent(), Notice.objects.count()) == ([], 0)


def test_page_that_breaks_holds_up_no_other_and_is_tried_again(dora, said):
    asked_for(dora, filters="without=nobody")
    other = make_user(name="Olga", role=Role.OPERATIONS)
    make_page_mailing(owner=other, page="unserved", next_due_at=SEVEN + timedelta(minutes=1))
    said["error"] = RuntimeError("broken")

    assert mailings.send_due(at=SEVEN + HOUR) == 2

    mailing = PageMailing.objects.get(owner=dora)
    assert (mailing.last_outcome, mailing.next_due_at) == (
        MailingOutcome.FAILED, SEVEN + 2 * HOUR,
    )  # fmt: skip
    assert [each.user for each in Message.objects.all()] == [other]
    said["error"] = None
    mailings.send_due(at=SEVEN + 2 * HOUR)
    assert Message.objects.filter(user=dora).count() == 1


def test_page_that_has_nothing_to_say_tells_why_and_waits_for_its_next_hour(dora, said):
    asked_for(dora)
    said["error"] = CannotBeMade("It is not said yet what an hour costs.")

    mailings.send_due(at=SEVEN)

    mailing = PageMailing.objects.get()
    assert mailing.last_words == "It is not said yet what an hour costs."
    assert mailing.next_due_at == SEVEN + WEEK
    assert sent() == []


def test_too_long_a_page_is_not_mailed(dora, said):
    said["rows"] = [("A", 1)] * (mailings.MOST_ROWS + 1)
    asked_for(dora)

    mailings.send_due(at=SEVEN)

    assert "too long" in PageMailing.objects.get().last_words
    assert sent() == []


def test_test_goes_to_oneself_at_once_and_counts_for_no_period(dora):
    mailing = asked_for(dora)

    assert mailings.send_test(mailing=mailing, by=dora, at=SEVEN - HOUR) == 1
    mailings.send_due(at=SEVEN)

    assert sent() == [SEVEN - HOUR, SEVEN]
    assert {each.status for each in Message.objects.all()} == {MessageStatus.QUEUED}


def test_saving_is_told_in_the_audit_without_names_and_the_same_again_is_not(dora):
    first = asked_for(dora)
    assert asked_for(dora) == first
    mailings.save(wish=wish(hour=9, name="Ada's"), mailing=first, by=dora, at=SEVEN)
    mailings.save(wish=wish(hour=9, name="Ada's"), mailing=first, by=dora, at=SEVEN)
    mailings.pause(mailing=first, is_active=False, by=dora, at=SEVEN)
    mailings.pause(mailing=first, is_active=False, by=dora, at=SEVEN)
    mailings.drop(mailing=first, by=dora, at=SEVEN)
    mailings.drop(mailing=first, by=dora, at=SEVEN)

    entries = AuditEntry.objects.order_by("pk")
    assert [each.verb for each in entries] == [
        "mailing.made", "mailing.changed", "mailing.paused", "mailing.dropped",
    ]  # fmt: skip
    assert entries[1].after == {"cadence": "weekly", "day": 0, "hour": 9}
    assert PageMailing.objects.count() == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"day": 7},
        {"cadence": MailingCadence.MONTHLY, "day": 29},
        {"cadence": MailingCadence.MONTHLY, "day": 0},
        {"hour": 24},
        {"name": "  "},
    ],
)
def test_what_is_not_possible_is_not_kept(dora, bad):
    with pytest.raises(mailings.NotPossible):
        asked_for(dora, **bad)


def test_name_is_taken_once_and_a_page_one_may_not_see_cannot_be_asked_for(dora):
    asked_for(dora)
    with pytest.raises(mailings.NameTaken):
        asked_for(dora, filters="segment=pod")
    with pytest.raises(mailings.NoSuchPage):
        asked_for(make_user(role=Role.MSM))


def test_nobody_changes_the_mailing_of_another(dora):
    mailing = asked_for(dora)
    other = make_user(role=Role.DIRECTOR)
    with pytest.raises(PageMailing.DoesNotExist):
        mailings.save(wish=wish(hour=9), mailing=mailing, by=other, at=SEVEN)
    with pytest.raises(PageMailing.DoesNotExist):
        mailings.send_test(mailing=mailing, by=other, at=SEVEN)
    mailings.drop(mailing=mailing, by=other, at=SEVEN)
    assert PageMailing.objects.get() == mailing
