import pytest

from success.models import SavedView
from tests.factories import make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/saved-views/"


def test_a_view_is_saved_opened_with_and_removed(api):
    ada = make_user(name="Ada")
    client = api(ada)
    said = {"page": "success:today", "name": "Mine", "filters": "owner=me"}

    saved = client.post(URL, said)
    address = f"{URL}{saved.json()['id']}/"
    opened = client.post(f"{address}open-with/")
    other = api(make_user()).get(address)
    listed = client.get(URL).json()["results"]
    removed = client.post(f"{address}remove/")

    assert (saved.status_code, saved.json()["filters"], saved.json()["opens"]) == (
        201,
        "owner=me",
        False,
    )
    assert (opened.json()["opens"], other.status_code) == (True, 404)
    assert [each["name"] for each in listed] == ["Mine"]
    assert (removed.status_code, SavedView.objects.count()) == (200, 0)


@pytest.mark.parametrize("said", [{"name": " "}, {"page": "elsewhere"}])
def test_a_view_wants_a_name_and_a_list(api, said):
    fields = {"page": "success:today", "name": "Mine"} | said

    assert api(make_user()).post(URL, fields).status_code == 400
