import pytest

from success.models import SavedView
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def amy():
    return make_user(name="Amy")


def save(client, **said):
    fields = {"page": "success:today", "name": "Mine", "filters": "owner=me"} | said
    return client.post("/views/save/", fields)


@pytest.mark.parametrize(
    ("page", "path", "filters"),
    [
        ("success:today", "/today/", "owner=me"),
        ("success:members", "/members/", "state=stalled"),
    ],
)
def test_a_list_is_kept_shown_and_opened_with(sign_in, amy, page, path, filters):
    client = sign_in(amy)
    kept = save(client, page=page, filters=filters)
    view = SavedView.objects.get()
    plain = client.get(path)

    client.post(f"/views/{view.public_id}/", {"act": "open"})
    opened = client.get(path)
    everything = client.get(f"{path}?view=none")

    assert (kept.status_code, kept["Location"]) == (302, f"{path}?{filters}")
    assert f'href="{path}?{filters}"' in plain.content.decode()
    assert (opened.status_code, opened["Location"]) == (302, f"{path}?{filters}")
    assert everything.status_code == 200
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
