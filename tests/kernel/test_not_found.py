import pytest
from django.contrib.messages import get_messages

from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "path", ["/nowhere", "/nowhere/at/all/", "/members/01890000-0000-7000-8000-000000000000/"]
)
def test_what_is_not_there_has_our_page(client, settings, debug, path):
    settings.DEBUG = debug
    client.force_login(make_user())

    answer = client.get(path, follow=True)

    assert answer.status_code == 404
    assert "404.html" in [template.name for template in answer.templates]


def test_a_place_in_a_list_that_is_none_leads_to_its_beginning(client):
    client.force_login(make_user())

    page = client.get("/members/?state=stalled&after=forged", follow=True)
    fragment = client.get("/members/?before=forged", headers={"HX-Request": "true"})

    assert page.redirect_chain == [("/members/?state=stalled", 302)]
    assert "This is its beginning." in page.content.decode()
    assert fragment.headers["Location"] == "/members/"
    assert not list(get_messages(fragment.wsgi_request))


def test_an_address_without_its_last_slash_is_still_found(client):
    client.force_login(make_user())

    assert client.get("/today").headers["Location"] == "/today/"
