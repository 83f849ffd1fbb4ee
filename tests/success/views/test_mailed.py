"""Measures by mail: a week that brought nothing is silent, and what is new is sent."""

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.http import QueryDict
from openpyxl import load_workbook

from communications.models import MessageAttachment
from members.enums import Role
from success.enums import MailingCadence, MailingOutcome
from success.models import PageMailing, RenewalCount
from success.rollups import renewal_dues as rollup
from success.services import mailings
from success.services.mailings import CannotBeMade, Wish
from tests.factories import (
    TODAY,
    make_member,
    make_member_facts,
    make_night,
    make_term,
    make_user,
)
from tests.success.forecasts import make_history, make_path_with_offer, make_traveller
from tests.success.ledgers import add_lines, line
from tests.success.queries.test_doing import held, night

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 8, 3, 5, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def director():
    return make_user(name="Dora", role=Role.DIRECTOR, time_zone="Europe/Berlin")


def travellers():
    template, offer = make_path_with_offer()
    make_history(template, offer, took=14, refused=6)
    make_traveller(template, offer, reached=(20,))
    return lambda: make_traveller(template, offer, reached=(20,))


def endings():
    def end(*, days):
        member, ends_on = make_member(), TODAY + timedelta(days=days)
        make_term(member=member, starts_on=date(2025, 9, 1), ends_on=ends_on)
        make_member_facts(
            member=member, term_ends_on=ends_on, joined_on=date(2025, 9, 1), tier="Silver"
        )

    make_night()
    RenewalCount.objects.create(
        month=date(2025, 9, 1),
        state="no_plan",
        is_first_year=True,
        tier="Silver",
        renewed=6,
        lapsed=2,
        undecided=0,
    )
    end(days=40)
    return lambda: end(days=50)


def dues():
    def told(*lines):
        add_lines(list(lines))
        rollup.refresh(as_of=TODAY, since=None, grace_days=30)

    told(line("a", "2024-09-10", "2025-09-10", 100), line("a", "2025-09-10", "2026-09-10", 100))
    return lambda: told(line("b", "2024-09-10", "2025-09-10", 50))


def accounts():
    ann = make_user(name="Ann")
    for _ in range(2):
        held(ann)
    night()

    def more():
        held(ann)
        night()

    return more


@pytest.mark.parametrize(
    ("page", "arrange"),
    [
        ("forecast", travellers),
        ("forecast-accounts", travellers),
        ("renewals", endings),
        ("renewable", dues),
        ("our-work", accounts),
    ],
)
def test_a_measure_comes_with_news_and_is_silent_without(director, page, arrange):
    change = arrange()
    wish = Wish(name=page, cadence=MailingCadence.WEEKLY, day=0, hour=7)
    mailings.save(wish=wish, page=page, by=director, at=MONDAY - WEEK)
    became = []
    for week in range(3):
        if week == 2:
            change()
        mailings.send_due(at=MONDAY + week * WEEK)
        became.append(PageMailing.objects.get().last_outcome)

    assert became == [MailingOutcome.SENT, MailingOutcome.UNCHANGED, MailingOutcome.SENT]
    first, last = (
        load_workbook(io.BytesIO(bytes(each.content))).active.max_row
        for each in MessageAttachment.objects.order_by("pk")
    )
    assert last >= first > 1


def test_the_forecast_as_a_sheet_adds_up_to_its_page(director, settings):
    settings.WAYMARK_TODAY = TODAY
    travellers()
    sheet = mailings.pages.get("forecast", user=director).make(
        director, QueryDict("months=1"), TODAY
    )
    rows = [dict(zip(sheet.header, row, strict=True)) for row in sheet.rows]

    cohorts = [row for row in rows if row["row"] == "cohort"]
    (whole,) = (row for row in rows if row["row"] == "together")
    assert [row["expected"] for row in cohorts] == [whole["expected"]] == [Decimal("337.33")]
    assert {row["row"]: row["accounts"] for row in rows if row["row"].startswith("left")}


@pytest.mark.parametrize(
    ("page", "filters"),
    [
        ("forecast-accounts", "reason=odd"),
        ("renewals", "state=odd"),
        ("renewable", "since=odd"),
        ("renewable", "since=2026-01-01&until=2025-01-01"),
    ],
)
def test_filters_that_make_no_sense_are_told_in_words(director, page, filters):
    made = mailings.pages.get(page, user=director).make

    with pytest.raises(CannotBeMade):
        made(director, QueryDict(filters), TODAY)
