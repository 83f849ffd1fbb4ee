from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from members.models import AccountLink, Departure, ExchangeRate, MemberIdentity, VoidedTerm
from tests.factories import make_member, make_term

pytestmark = pytest.mark.django_db


@pytest.fixture
def bring(tmp_path):
    def run(what, *lines, **options):
        file = tmp_path / f"{what}.csv"
        file.write_text("\n".join(lines) + "\n")
        said = StringIO()
        call_command("import_accounts", what, str(file), stdout=said, **options)
        return said.getvalue()

    return run


def known(*names):
    for name in names:
        MemberIdentity.objects.create(member=make_member(), source="ledger", external_id=name)


def test_links_are_looked_at_then_taken_once(bring):
    known("a", "b")
    lines = ("member,survivor,kind,since", "a,b,merger,2026-01-01", "b,a,,2026-02-01", "x,a,,y")

    assert "1 of 3 lines would be taken" in bring("links", *lines)
    assert not AccountLink.objects.exists()
    said = bring("links", *lines, apply=True)
    bring("links", *lines, apply=True)

    assert "line 3: These members would be linked in a circle." in said
    assert "line 4: no member has the id 'x'" in said
    assert AccountLink.objects.get().kind == "merger"


def test_departures_voided_terms_and_rates_are_taken(bring):
    known("a")
    term = make_term()
    bring("departures", "member,left_on,reason", "a,2026-01-01,retirement", apply=True)
    bring("rates", "currency,on,rate", "EUR,2026-01-01,1.08", "EUR,2026-02-01,x", apply=True)
    bring("voided", "term,reason", f"{term.external_id},refunded", apply=True, source="test")

    assert Departure.objects.get().reason == "retirement"
    assert str(ExchangeRate.objects.get().rate) == "1.08000000"
    assert VoidedTerm.objects.get().member == term.member


def test_a_file_without_its_columns_is_refused(bring):
    with pytest.raises(CommandError, match="no column left_on, reason"):
        bring("departures", "member", "a")
