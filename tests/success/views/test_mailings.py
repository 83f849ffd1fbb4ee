import io
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from communications.models import Message
from members.enums import Role
from success.models import PageMailing
from success.services.mailings import pages
from success.views.mailed import PAGES
from tests.factories import (
    make_accountability,
    make_member_facts,
    make_page_mailing,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
NEW = "/measures/mailings/new/"
SAID = {"name": "Every Monday", "cadence": "weekly", "weekday": 1, "month_day": 1, "hour": 6}


@pytest.fixture
def director():
    return make_user(name="Dora", role=Role.DIRECTOR)


def test_page_is_asked_for_with_the_filters_that_it_has(sign_in, director):
    client = sign_in(director)
    term = make_term(dues=Decimal(600))
    page = client.get(
        reverse("success:movements"), {"from": "2025-01-01", "to": "2026-01-01", "kind": "new"}
    ).content.decode()
    link = f"{NEW}?of=movements&amp;filters=from%3D2025-01-01%26to%3D2026-01-01%26kind%3Dnew"
    assert term.member
    assert f'href="{link}"' in page

    asked = link.replace("&amp;", "&")
    assert client.get(asked).status_code == 200
    assert client.post(asked, SAID).status_code == 302

    mailing = PageMailing.objects.get()
    assert (mailing.owner, mailing.page, mailing.day, mailing.hour) == (
        director, "movements", 1, 6,
    )  # fmt: skip
    assert mailing.filters == "from=2025-01-01&to=2026-01-01&kind=new"
    listed = client.get("/measures/mailings/").content.decode()
    assert "Every Monday" in listed
    assert "has not come yet" in listed


def test_bad_words_are_told_beside_their_field(sign_in, director):
    client = sign_in(director)
    make_page_mailing(owner=director, name="Every Monday")

    response = client.post(f"{NEW}?of=members", SAID)
    assert response.status_code == 422
    assert response.context["form"].errors == {
        "name": ["Another of your mailings has this name."]
    }
    assert client.post(f"{NEW}?of=members", SAID | {"hour": 24}).status_code == 422
    assert client.get(f"{NEW}?of=nonsense").status_code == 404


def test_money_is_for_those_who_may_see_it(sign_in):
    msm = make_user(role=Role.MSM)
    client = sign_in(msm)

    listed = client.get("/measures/mailings/")
    assert "of=movements" not in listed.content.decode()
    assert "of=members" in listed.content.decode()
    assert client.get(f"{NEW}?of=movements").status_code == 404
    assert client.get("/measures/sheets/margin.csv").status_code == 403
    mailing = make_page_mailing(owner=msm, page="movements")
    client.post(f"/measures/mailings/{mailing.public_id}/try/")
    assert Message.objects.count() == 0


def test_mailing_is_changed_paused_tried_and_deleted_by_its_owner_alone(sign_in, director):
    mailing = make_page_mailing(owner=director)
    at = f"/measures/mailings/{mailing.public_id}/"
    other = sign_in(make_user(role=Role.DIRECTOR))
    for path in ("", "pause/", "try/", "drop/"):
        assert other.post(at + path, SAID).status_code == 404

    client = sign_in(director)
    assert client.get(at).status_code == 200
    client.post(at, SAID)
    client.post(f"{at}pause/")
    mailing.refresh_from_db()
    assert (mailing.name, mailing.hour, mailing.is_active) == ("Every Monday", 6, False)
    client.post(f"{at}pause/", {"active": "1"})
    client.post(f"{at}try/")
    mailing.refresh_from_db()
    assert (mailing.is_active, Message.objects.get().user) == (True, director)
    client.post(f"{at}drop/")
    assert PageMailing.objects.count() == 0


@pytest.mark.parametrize("key", [key for key, *_rest in PAGES])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_every_page_is_had_as_both_kinds_of_file(sign_in, director, key, kind):
    response = sign_in(director).get(f"/measures/sheets/{key}.{kind}")

    if key == "margin":  # nobody has said what an hour costs
        assert response.status_code == 409
    else:
        assert response.status_code == 200
        assert response["Content-Disposition"].endswith(f'-2026-07-29.{kind}"')


def test_every_page_leads_to_its_address(director):
    for page in pages.open_to(director):
        assert page.url("a=1").endswith("/?a=1")


def test_member_list_is_exported_with_its_filters_and_its_scope(sign_in, director):
    client = sign_in(director)
    make_member_facts(state="stalled", owner=director, term_ends_on=date(2026, 12, 1))
    make_member_facts(state="ahead")

    response = client.get("/measures/sheets/members.xlsx", {"state": "stalled", "owner": "me"})

    head, *rows = load_workbook(io.BytesIO(response.content)).active.values
    assert [dict(zip(head, row, strict=True))["state"] for row in rows] == ["stalled"]
    assert client.get("/measures/sheets/members.csv?state=odd").status_code == 409
    assert client.get("/measures/sheets/members.ods").status_code == 404


def test_promises_are_exported_one_by_one(sign_in, director):
    make_accountability(title="A call", due_on=date(2026, 7, 1))

    response = sign_in(director).get("/measures/sheets/promises.csv")

    lines = b"".join(response.streaming_content).decode().splitlines()
    assert lines[0] == "member,name,side,looked_after_by,promise,due_on,done_on,became"
    assert lines[1].endswith("A call,2026-07-01,,not_done")
    assert len(lines) == 2


@pytest.mark.parametrize("item_count", [1, 3])
def test_list_takes_the_same_queries_for_one_and_three(
    sign_in, director, item_count, django_assert_num_queries
):
    for _number in range(item_count):
        make_page_mailing(owner=director)
    client = sign_in(director)
    with django_assert_num_queries(4):
        assert client.get("/measures/mailings/").status_code == 200
