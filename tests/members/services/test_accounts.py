"""Links, departures, voided terms and rates: what people say about a member's account."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from members.enums import DepartureReason, LinkKind, VoidReason
from members.models import (
    AccountLink,
    AccountUnit,
    AuditEntry,
    Departure,
    DirtyMember,
    ExchangeRate,
    Term,
    VoidedTerm,
)
from members.services.departures import DepartureRefused, take_back_departure, tell_departure
from members.services.links import LinkRefused, end_link, link_accounts, take_back_link
from members.services.rates import RateRefused, set_rate
from members.services.voiding import CannotRestore, restore_term, void_term
from tests.factories import make_member, make_term, make_user

pytestmark = pytest.mark.django_db
AT = datetime(2026, 7, 29, 12, tzinfo=UTC)
JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


def linked(member, survivor, since=JUNE, **fields):
    said = {"kind": LinkKind.ROSTER, "by": make_user(), "at": AT} | fields
    return link_accounts(member=member, survivor=survivor, since=since, **said)


def counted(day):
    rows = AccountUnit.objects.filter(counts_from__lte=day, counts_until__gt=day)
    return {row.member_id: row.account_id for row in rows}


def verbs():
    return list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))


def test_linked_members_count_as_one_from_the_day_on_and_chains_are_followed():
    a, b, c = (make_member() for _ in range(3))
    linked(a, b)
    linked(b, c, since=JULY, kind=LinkKind.MERGER)

    assert counted(date(2026, 5, 31)) == {a.pk: a.pk, b.pk: b.pk, c.pk: c.pk}
    assert counted(JUNE) == {a.pk: b.pk, b.pk: b.pk, c.pk: c.pk}
    assert counted(JULY) == {a.pk: c.pk, b.pk: c.pk, c.pk: c.pk}
    units = AccountUnit.objects.filter(counts_from=JULY).values_list("unit", flat=True)
    assert len(set(units)) == 1
    assert verbs() == ["account.linked", "account.linked"]


def test_linking_again_changes_nothing_and_marks_those_with_terms():
    term = make_term()
    other = make_member()
    link = linked(term.member, other)

    assert linked(term.member, other) == link
    assert verbs() == ["account.linked"]
    assert list(DirtyMember.objects.values_list("member_id", "since")) == [
        (term.member_id, JUNE)
    ]


def test_links_refuse_oneself_circles_and_a_second_survivor():
    a, b, c = (make_member() for _ in range(3))
    with pytest.raises(LinkRefused, match="themselves"):
        linked(a, a)
    linked(a, b)
    with pytest.raises(LinkRefused, match="end that link first"):
        linked(a, c, since=JULY)
    with pytest.raises(LinkRefused, match="circle"):
        linked(b, a, since=JULY)
    with pytest.raises(LinkRefused, match="ends after"):
        linked(c, b, until=JUNE)


def test_a_link_that_ended_leaves_room_for_a_circle_the_other_way():
    a, b = make_member(), make_member()
    linked(a, b, until=JULY)
    linked(b, a, since=JULY)

    assert counted(JUNE)[a.pk] == b.pk
    assert counted(JULY)[b.pk] == a.pk


def test_a_link_ends_and_is_taken_back():
    a, b = make_member(), make_member()
    link, by = linked(a, b), make_user()
    with pytest.raises(LinkRefused):
        end_link(link=link, until=JUNE, by=by, at=AT)

    end_link(link=link, until=JULY, by=by, at=AT)
    end_link(link=link, until=JULY, by=by, at=AT)
    assert counted(JULY) == {a.pk: a.pk, b.pk: b.pk}

    take_back_link(link=link, by=by, at=AT)
    take_back_link(link=link, by=by, at=AT)
    assert not AccountLink.objects.exists()
    assert not AccountUnit.objects.exists()
    assert verbs() == ["account.linked", "account.unlinked", "account.link_taken_back"]


def test_a_reason_is_told_corrected_and_taken_back():
    member, by = make_member(), make_user()
    said = {"member": member, "left_on": JUNE, "by": by, "at": AT}
    tell_departure(**said, reason=DepartureReason.PRICE, note="of them")
    tell_departure(**said, reason=DepartureReason.PRICE, note="of them")
    assert not DirtyMember.objects.exists()

    kept = tell_departure(**said, reason=DepartureReason.PAUSE, back_on=JULY)
    assert DirtyMember.objects.get().since == JUNE
    with pytest.raises(DepartureRefused, match="Only a leave"):
        tell_departure(**said, reason=DepartureReason.DEATH, back_on=JULY)
    with pytest.raises(DepartureRefused, match="after it starts"):
        tell_departure(**said, reason=DepartureReason.PAUSE, back_on=JUNE)
    take_back_departure(departure=kept, by=by, at=AT)
    take_back_departure(departure=kept, by=by, at=AT)

    assert not Departure.objects.exists()
    assert verbs() == ["departure.told", "departure.told", "departure.taken_back"]
    assert "of them" not in str(list(AuditEntry.objects.values("summary", "before", "after")))


def test_reasons_say_what_could_have_been_avoided():
    found = {reason: reason.is_avoidable for reason in DepartureReason}

    assert found[DepartureReason.NO_VALUE] is True
    assert found[DepartureReason.DEATH] is False
    assert found[DepartureReason.OTHER] is None


def test_a_voided_term_is_out_of_the_ledger_and_comes_back_as_it_was():
    term, by = make_term(details={"a": "b"}), make_user()
    dues = term.dues
    dues.base_amount, dues.seats, dues.seat_price = Decimal(900), 5, Decimal(20)
    dues.addons_amount = dues.discount_amount = Decimal(0)
    dues.save()

    voided = void_term(term=term, reason=VoidReason.CHARGED_BACK, by=by, at=AT)
    assert void_term(term=term, reason=VoidReason.REFUNDED, by=by, at=AT) == voided
    assert not Term.objects.exists()

    back = restore_term(voided=voided, by=by, at=AT)
    assert restore_term(voided=voided, by=by, at=AT) == back
    assert (back.details, back.dues.seats, back.dues.base_amount) == (
        {"a": "b"},
        5,
        Decimal(900),
    )
    assert DirtyMember.objects.get().since == back.starts_on
    assert verbs() == ["term.voided", "term.restored"]


def test_a_voided_term_whose_place_is_taken_stays_aside():
    term = make_term()
    voided = void_term(term=term, reason=VoidReason.REFUNDED, by=None, at=AT)
    make_term(member=voided.member, source=voided.source, external_id=voided.external_id)

    with pytest.raises(CannotRestore):
        restore_term(voided=voided, by=None, at=AT)
    assert VoidedTerm.objects.count() == 1


def test_a_rate_is_set_for_another_currency_only():
    for rate in ("1.1", "1.1", "1.2"):
        set_rate(currency="EUR", on=JUNE, rate=Decimal(rate), by=None, at=AT)

    assert ExchangeRate.objects.get().rate == Decimal("1.2")
    assert verbs() == ["exchange_rate.set"] * 2
    with pytest.raises(RateRefused, match="own currency"):
        set_rate(currency="USD", on=JUNE, rate=Decimal(1), by=None, at=AT)
    with pytest.raises(RateRefused, match="nought"):
        set_rate(currency="GBP", on=JUNE, rate=Decimal(0), by=None, at=AT)
