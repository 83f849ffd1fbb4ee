"""Success profiles over REST: a workbook out, one in, applied and undone."""

import io

import pytest
from openpyxl import load_workbook

from members.enums import Role
from members.models import AuditEntry
from success.models import ProfileImport
from success.services import profiles
from tests.factories import NOON, TODAY, make_ax_profile, make_member, make_user

pytestmark = pytest.mark.django_db
EXPORT = "/api/v1/profiles/export/"
IMPORTS = "/api/v1/profiles/imports/"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def msm():
    return make_user(role=Role.MSM, name="Ada")


def sheet(client, edit=None, query=""):
    response = client.get(EXPORT + query)
    assert (response.status_code, response["Content-Type"]) == (200, WORKBOOK)
    if edit is None:
        return response.content
    book = load_workbook(io.BytesIO(response.content))
    for (page, cell), value in edit.items():
        book[page][cell] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def bring(client, content, **headers):
    return client.generic(
        "POST", f"{IMPORTS}?name=july.xlsx", content, content_type=WORKBOOK, headers=headers
    )


def work(batch_id):
    batch = ProfileImport.objects.get(public_id=batch_id)
    profiles.work_import(batch_id=batch.pk, now=lambda: NOON, on=TODAY)


def test_export_and_import_without_a_change_changes_nothing(api, msm):
    make_ax_profile()
    client = api(msm)

    read = bring(client, sheet(client))

    assert read.status_code == 201, read.json()
    assert read.json()["file_name"] == "july.xlsx"
    assert read.json()["counts"]["experience"] == {
        "create": 0, "change": 0, "leave": 1, "refuse": 0,
    }  # fmt: skip
    assert read.json()["progress"]["total"] == 0


def test_export_is_narrowed_as_the_member_list_is(api, msm):
    make_member(name="Acme")
    make_member(name="Zebra")
    client = api(msm)

    book = load_workbook(io.BytesIO(sheet(client, query="?q=zebra")))

    assert [cell.value for cell in book["Desired Outcome"]["B"]] == ["Name", "Zebra"]
    assert client.get(f"{EXPORT}?colour=red").status_code == 400


def test_sheet_is_read_applied_and_undone(api, msm):
    profile = make_ax_profile()
    client = api(msm)
    read = bring(client, sheet(client, {("Appropriate Experience", "E2"): 30})).json()
    url = f"{IMPORTS}{read['id']}/"
    rows = client.get(f"{url}rows/?action=change").json()["results"]
    asked = client.post(f"{url}apply/", {})
    work(read["id"])
    done = client.get(url).json()
    twice = client.post(f"{url}apply/", {})
    undo = client.post(f"{url}undo/", {})
    work(read["id"])
    undone = client.get(url).json()
    no_more = client.post(f"{url}undo/", {})

    assert [(r["sheet"], r["line"], r["before"], r["after"]) for r in rows] == [
        ("experience", 2, {"sync_minutes": 0}, {"sync_minutes": 30})
    ]
    assert (asked.status_code, asked.json()["status"]) == (202, "applying")
    assert (done["status"], done["progress"]["done"]) == ("applied", 1)
    assert (twice.status_code, no_more.status_code) == (409, 409)
    assert undo.json()["status"] == "undoing"
    assert (undone["status"], undone["progress"]["undone"]) == ("undone", 1)
    profile.refresh_from_db()
    assert profile.superseded_on is None


def test_refusals_are_told_by_cell_and_wait_to_be_accepted(api, msm):
    make_ax_profile()
    client = api(msm)
    read = bring(client, sheet(client, {("Appropriate Experience", "E2"): "much"})).json()
    rows = client.get(f"{IMPORTS}{read['id']}/rows/?action=refuse").json()["results"]
    refused = client.post(f"{IMPORTS}{read['id']}/apply/", {})
    accepted = client.post(f"{IMPORTS}{read['id']}/apply/", {"accept_refusals": True})

    assert rows[0]["faults"] == [
        {
            "cell": "E2",
            "column": "Synchronous minutes",
            "value": "much",
            "reason": "not a whole number",
        }
    ]
    assert refused.status_code == 409
    assert refused["Content-Type"] == "application/problem+json"
    assert accepted.status_code == 202


@pytest.mark.parametrize("content", [b"", b"colour;size", b"PK\x03\x04"])
def test_what_is_no_workbook_is_400(api, msm, content):
    response = bring(api(msm), content)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert ProfileImport.objects.count() == 0


def test_other_kinds_of_bodies_are_415(api, msm):
    assert api(msm).post(IMPORTS, {"file": "x"}).status_code == 415


def test_a_sheet_may_come_as_csv(api, msm):
    member = make_member()
    header = "member,async_minutes,expertise,resources,guidance,confidence"
    rest = "60,low,sufficient,regular,high"
    content = f"{header}\n{member.public_id},{rest}\nnobody,{rest}\n".encode()

    answer = api(msm).generic(
        "POST", f"{IMPORTS}?name=ax.csv", content, content_type="text/csv"
    )

    assert (answer.status_code, answer.json()["counts"]) == (
        201,
        {"experience": {"create": 1, "change": 0, "leave": 0, "refuse": 1}},
    )


def test_too_large_a_body_is_413(api, msm, monkeypatch):
    monkeypatch.setattr("success.api.profiles.LARGEST_FILE", 3)

    assert bring(api(msm), b"PK\x03\x04").status_code == 413


def test_same_file_sent_twice_with_a_key_is_read_once(api, msm):
    make_ax_profile()
    client = api(msm)
    content = sheet(client)
    first = bring(client, content, **{"Idempotency-Key": "one"})
    again = bring(client, content, **{"Idempotency-Key": "one"})
    other = bring(client, content + b"\0", **{"Idempotency-Key": "one"})

    assert first.json() == again.json()
    assert other.status_code == 422
    assert ProfileImport.objects.count() == 1


def test_reading_a_sheet_is_in_the_trail(api, msm):
    client = api(msm)
    bring(client, sheet(client))

    assert AuditEntry.objects.get().verb == "profiles.planned"
