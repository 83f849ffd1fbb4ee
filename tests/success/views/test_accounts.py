import pytest
from django.urls import reverse

from members.enums import Role
from members.models import AccountLink, Departure, Term, VoidedTerm
from tests.factories import make_member, make_term, make_user

pytestmark = pytest.mark.django_db


def url(member):
    return reverse("success:member_account", args=[member.public_id])


def log_in(client, role):
    user = make_user(role=role)
    client.force_login(user)
    return user


def test_a_director_links_and_ends_the_link(client):
    member, other = make_member(name="Ada"), make_member(name="Analytical Engines")
    log_in(client, Role.DIRECTOR)
    said = {"do": "link", "link-kind": "roster", "link-since": "2026-06-01"}

    wrong = client.post(url(member), said | {"link-survivor": "Nobody"})
    assert wrong.status_code == 409
    assert "No member has this name" in wrong.content.decode()
    assert client.post(url(member), said | {"link-survivor": other.name}).status_code == 302
    link = AccountLink.objects.get()
    assert (link.member, link.survivor) == (member, other)
    assert other.name in client.get(url(member)).content.decode()
    assert member.name in client.get(url(other)).content.decode()

    client.post(url(member), {"do": "unlink", "unlink-until": "2026-07-01"})
    assert str(AccountLink.objects.get().until) == "2026-07-01"


def test_a_director_voids_a_term_and_puts_it_back(client):
    term = make_term()
    log_in(client, Role.DIRECTOR)

    client.post(
        url(term.member), {"do": "void", "void-term": term.pk, "void-reason": "charged_back"}
    )
    voided = VoidedTerm.objects.get()
    assert not Term.objects.exists()
    client.post(url(term.member), {"do": "restore", "restore-which": voided.public_id})
    assert Term.objects.get().external_id == term.external_id


def test_a_manager_tells_why_and_takes_it_back_but_changes_no_ledger(client):
    user = log_in(client, Role.MSM)
    term = make_term()
    member = term.member
    said = {"do": "departure", "departure-reason": "price", "departure-left_on": "2026-06-01"}

    assert client.post(url(member), said).status_code == 302
    told = Departure.objects.get()
    assert (told.reason, told.told_by) == ("price", user)
    again = client.post(url(member), said | {"departure-back_on": "2026-07-01"})
    assert again.status_code == 409
    client.post(url(member), {"do": "take_back", "take_back-which": told.public_id})
    assert not Departure.objects.exists()

    void = {"do": "void", "void-term": term.pk, "void-reason": "refunded"}
    assert client.post(url(member), void).status_code == 409
    assert Term.objects.exists()


def test_members_do_not_see_it(client):
    user = log_in(client, Role.MEMBER)

    assert client.get(url(user.member)).status_code == 403


def test_a_manager_says_language_and_time_zone(client):
    member = make_member(name="Acme", language="Platt")
    log_in(client, Role.MSM)
    said = {"do": "details", "details-language": "de", "details-time_zone": "Europe/Vienna"}

    page = client.get(url(member)).content.decode()
    refused = client.post(url(member), said | {"details-time_zone": "Mars/Olympus"})
    done = client.post(url(member), said)

    assert '<option value="Platt" selected>Platt</option>' in page
    assert (refused.status_code, done.status_code) == (422, 302)
    member.refresh_from_db()
    assert (member.language, member.time_zone) == ("de", "Europe/Vienna")
