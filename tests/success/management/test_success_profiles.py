"""The command: a sheet written, read, applied and undone."""

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from coverage.models import AxProfile
from members.enums import Role
from success.models import ProfileImport
from tests.factories import make_ax_profile, make_user

pytestmark = pytest.mark.django_db


def run(*options, by):
    call_command("success_profiles", *options, by=by.email)


def test_sheet_is_written_read_applied_and_undone(tmp_path, capsys):
    by, profile = make_user(), make_ax_profile()
    path = tmp_path / "profiles.xlsx"
    run(f"--write={path}", by=by)
    book = load_workbook(path)
    book["Appropriate Experience"]["E2"] = 30
    book.save(path)

    run(f"--read={path}", by=by)
    batch = ProfileImport.objects.get()
    assert f"--apply {batch.public_id}" in capsys.readouterr().out
    run(f"--apply={batch.public_id}", by=by)
    assert AxProfile.objects.get(superseded_on=None).sync_minutes == 30
    run(f"--undo={batch.public_id}", by=by)
    assert AxProfile.objects.get() == profile
    assert "1 members: 0 done, 0 left, 1 undone, 0 kept" in capsys.readouterr().out


def test_refused_cells_are_listed_and_wait(tmp_path, capsys):
    by = make_user()
    make_ax_profile()
    path = tmp_path / "profiles.xlsx"
    run(f"--write={path}", by=by)
    book = load_workbook(path)
    book["Appropriate Experience"]["E2"] = "much"
    book.save(path)

    run(f"--read={path}", by=by)
    said = "Appropriate Experience!E2 Synchronous minutes: not a whole number"
    assert said in capsys.readouterr().out
    with pytest.raises(CommandError, match="1 rows are refused"):
        run(f"--apply={ProfileImport.objects.get().public_id}", by=by)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--apply=x"], "no such sheet"),
        (["--undo=0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42"], "no such sheet"),
        (["--read=/nowhere.xlsx"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(options, words):
    with pytest.raises(CommandError, match=words):
        run(*options, by=make_user())


def test_log_in_of_a_member_cannot():
    with pytest.raises(CommandError, match="Nobody of the association"):
        run("--write=x.xlsx", by=make_user(role=Role.MEMBER))
