import pytest
from django.urls import reverse

from members.enums import Role
from success.models import SavedView
from success.queries.views import PAGES
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def amy():
    return make_user(name="Amy")


def save(client, **said):
    fields = {"page": "success:today", "name": "Mine", "filters": "owner=me"} | said
    return client.post("/views/save/", fields)


FILTERS = {
    "success:today": "owner=me",
    "success:members": "state=stalled",
    "success:measures": "by=tier&earlier=2026-04-01&later=2026-06-01",
    "success:measures_money": "basis=membership&from=2025-01-01&to=2026-01-01",
    "success:movements": "from=2025-01-01&kind=churn&to=2026-01-01",
    "success:retention_curves": "by=tier",
    "success:renewals": "from=2025-01&owner=me&to=2025-12",
    "success:renewable": "outcome=lapsed&since=2025-01-01&until=2026-01-01",
    "success:first_value": "by=segment",
    "success:forecast": "months=6",
    "success:forecast_accounts": "months=6&reason=owned",
    "success:our_work": "who=018f6e6e-0000-7000-8000-000000000000",
    "success:margin": "segment=pod",
    "success:explain": "measure=margin",
}


def test_every_list_that_is_kept_is_tried_here():
    assert set(FILTERS) == set(PAGES)


@pytest.mark.parametrize(("page", "filters"), FILTERS.items())
def test_a_list_is_kept_shown_and_opened_with(sign_in, page, filters):
    client, path = sign_in(make_user(role=Role.DIRECTOR)), reverse(page)
    kept = save(client, page=page, filters=filters)
    view = SavedView.objects.get()
    plain = client.get(path)

    client.post(f"/views/{view.public_id}/", {"act": "open"})
    opened = client.get(path)
    everything = client.get(f"{path}?view=none")
    again = client.get(opened["Location"])

    assert (kept.status_code, kept["Location"]) == (302, f"{path}?{filters}")
    assert f'href="{path}?{filters}"' in plain.content.decode().replace("&amp;", "&")
    assert (opened.status_code, opened["Location"]) == (302, f"{path}?{filters}")
    assert (everything.status_code, again.status_code) == (200, 200)
    shown = again.content.decode().replace("&amp;", "&")
    assert f'href="{path}?{filters}" aria-current="true"' in shown
    client.post(f"/views/{view.public_id}/", {"act": "open"})
    assert client.get(path).status_code == 200


def test_views_are_arranged_on_their_page(sign_in, amy):
    client = sign_in(amy)
    save(client)
    save(client, name="Pool", filters="owner=pool")
    pool = SavedView.objects.get(name="Pool")
    address = f"/views/{pool.public_id}/"

    client.post(address, {"act": "up"})
    client.post(address, {"name": "Mine"})
    client.post(address, {"name": "The pool", "is_shared": "on"})
    html = client.get("/views/?page=success:today").content.decode()

    assert html.index('value="The pool"') < html.index('value="Mine"')
    client.post(address, {"act": "remove"})
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Mine"]


def test_views_of_others_and_of_no_list_are_not_there(sign_in, amy):
    save(sign_in(amy), is_shared="on")
    other = sign_in(make_user())

    assert other.post(f"/views/{SavedView.objects.get().public_id}/").status_code == 404
    assert other.get("/views/?page=success:runs").status_code == 404
    assert save(other, page="elsewhere").status_code == 404
    assert "Mine" in other.get("/today/").content.decode()


def test_a_name_is_asked_for(sign_in, amy):
    response = save(sign_in(amy), name=" ")

    assert (response["Location"], SavedView.objects.count()) == ("/today/?owner=me", 0)


def test_a_measure_kept_is_shared_with_those_who_may_see_it(sign_in, amy):
    director, kept = make_user(role=Role.DIRECTOR), FILTERS["success:margin"]
    save(sign_in(director), page="success:margin", filters=kept, is_shared="on", name="Pod")
    operations = sign_in(make_user(role=Role.OPERATIONS))

    assert (
        f'href="/measures/margin/?{kept}"'
        in operations.get("/measures/margin/").content.decode()
    )
    assert sign_in(amy).get("/measures/margin/").status_code == 403
