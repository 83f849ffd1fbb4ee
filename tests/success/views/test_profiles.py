"""The pages of the sheets: made, brought back, looked at, applied and undone."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import load_workbook

from members.enums import Role
from success.models import ProfileImport
from success.services import profiles
from tests.factories import NOON, TODAY, make_ax_profile, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def msm(client):
    user = make_user(role=Role.MSM, name="Ada")
    client.force_login(user)
    return user


def sheet(client, cells=()):
    content = client.get(reverse("success:profiles_export")).content
    book = load_workbook(io.BytesIO(content))
    for page, cell, value in cells:
        book[page][cell] = value
    out = io.BytesIO()
    book.save(out)
    return SimpleUploadedFile("july.xlsx", out.getvalue())


def bring(client, file):
    return client.post(reverse("success:profiles_bring"), {"file": file}, follow=True)


def test_pages_are_for_staff(client):
    client.force_login(make_user(role=Role.MEMBER))

    for name in ("profiles", "profiles_export"):
        assert client.get(reverse(f"success:{name}")).status_code == 403
    assert client.post(reverse("success:profiles_bring")).status_code == 403


def test_sheet_is_brought_back_applied_and_undone(client, msm):
    profile = make_ax_profile()
    shown = bring(client, sheet(client, [("Appropriate Experience", "E2", 30)]))
    batch = ProfileImport.objects.get()
    page = shown.content.decode()

    assert "Nothing is changed yet." in page
    assert "Synchronous minutes" in page
    assert "Apply to 1 member" in page
    client.post(reverse("success:profile_apply", args=[batch.public_id]))
    profiles.work_import(batch_id=batch.pk, now=lambda: NOON, on=TODAY)
    url = reverse("success:profile_import", args=[batch.public_id])
    assert "Undo for 1 member" in client.get(url).content.decode()
    client.post(reverse("success:profile_undo", args=[batch.public_id]))
    profiles.work_import(batch_id=batch.pk, now=lambda: NOON, on=TODAY)
    profile.refresh_from_db()
    assert profile.superseded_on is None
    assert "Undone" in client.get(reverse("success:profiles")).content.decode()


def test_refused_rows_say_the_cell_and_ask_to_be_left_out(client, msm):
    make_ax_profile()
    cells = [("Appropriate Experience", "E2", "much"), ("Appropriate Experience", "D2", 90)]
    shown = bring(client, sheet(client, cells))

    assert "<strong>E2</strong> Synchronous minutes “much”: not a whole number" in (
        shown.content.decode()
    )


def test_refusals_not_accepted_are_said_and_nothing_is_done(client, msm):
    one, _two = make_ax_profile(), make_ax_profile()
    cells = [("Appropriate Experience", "E2", "much"), ("Appropriate Experience", "D3", 90)]
    bring(client, sheet(client, cells))
    batch = ProfileImport.objects.get()

    url = reverse("success:profile_apply", args=[batch.public_id])
    told = client.post(url, follow=True).content.decode()
    batch.refresh_from_db()

    assert "1 rows are refused" in told
    assert batch.status == "planned"
    client.post(url, {"accept": "on"})
    batch.refresh_from_db()
    assert batch.status == "applying"
    one.refresh_from_db()
    assert one.superseded_on is None


@pytest.mark.parametrize("content", [b"no workbook", None])
def test_file_that_cannot_be_read_is_said_beside_the_field(client, msm, content):
    data = {"file": SimpleUploadedFile("x.xlsx", content)} if content else {}
    response = client.post(reverse("success:profiles_bring"), data)

    assert response.status_code == 422
    assert "wm-error" in response.content.decode()
    assert ProfileImport.objects.count() == 0


def test_import_page_is_the_fragment_in_its_page(client, msm):
    make_ax_profile()
    bring(client, sheet(client))
    url = reverse("success:profile_import", args=[ProfileImport.objects.get().public_id])

    page = client.get(url).content.decode()
    fragment = client.get(url, headers={"HX-Request": "true"}).content.decode()

    assert fragment.strip() in page
    assert client.get(f"{url}?show=leave").status_code == 200
    assert client.get(f"{url}?after=x").headers["Location"] == url


@pytest.mark.parametrize("item_count", [1, 3])
def test_list_costs_the_same_number_of_queries(
    client, msm, item_count, django_assert_num_queries
):
    make_ax_profile()
    for _ in range(item_count):
        bring(client, sheet(client))

    with django_assert_num_queries(4):  # session, user, imports, the bell
        client.get(reverse("success:profiles"))
