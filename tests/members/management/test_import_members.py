import csv
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from members.models import ImportBatch, Member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger(tmp_path, settings):
    settings.WAYMARK_TODAY = None
    members, terms = tmp_path / "members.csv", tmp_path / "terms.csv"
    members.write_text("id,name\nm1,Acme\nm2,\n=m3,\n")
    terms.write_text("id,member,tier,start,end,dues\nt1,m1,Gold,2024-01-01,2025-01-01,100\n")
    return [str(members), str(terms)]


def run(*arguments, **options):
    out = StringIO()
    call_command("import_members", *arguments, stdout=out, **options)
    return out.getvalue()


PLANNED = """\
Batch {batch}, source ledger
  members.csv: 3 rows
  terms.csv: 1 rows
                  create      change       leave      refuse not in file
     members           1           0           0           2           0
       terms           1           0           0           0           0
Refused:
  members.csv:3 name: a new member needs a name
  members.csv:4 name: a new member needs a name

Nothing is changed yet. Apply it: import_members --apply-batch {batch}
"""


def test_dry_run_prints_counts_and_refusals(ledger):
    printed = run(*ledger)
    assert printed == PLANNED.format(batch=ImportBatch.objects.get().pk)
    assert Member.objects.count() == 0


def test_apply_stops_at_refusals_and_says_how_to_go_on(ledger):
    with pytest.raises(CommandError, match=r"2 rows are refused; .* --accept-refusals"):
        run(*ledger, "--apply")
    batch = ImportBatch.objects.get().pk
    assert run(apply_batch=batch, accept_refusals=True) == (
        f"Batch {batch} is applied: 1 members created, 0 members changed, "
        "1 terms created, 0 terms changed.\n"
        f"Undo it: import_members --undo {batch}\n"
    )
    assert run(undo=batch) == (
        f"Batch {batch} is undone: 1 members deleted, 0 put back, 1 terms taken back, "
        "0 rows left alone.\n"
    )


def test_undo_says_what_it_left_alone(ledger):
    run(*ledger, "--apply", "--accept-refusals")
    Member.objects.update(name="ACME")
    printed = run(undo=ImportBatch.objects.get().pk)
    assert printed.splitlines()[1:] == ["  members.csv:2: edited since the import"]


def test_refused_rows_are_written_where_a_spreadsheet_takes_them_for_text(ledger, tmp_path):
    file = tmp_path / "refused.csv"
    (tmp_path / "terms.csv").write_text(
        "id,member,tier,start,dues\nt1,=1+1,Gold,2024-01-01,1\n"
    )
    run(*ledger, refused=file)
    with file.open(newline="") as opened:
        assert list(csv.reader(opened))[-1] == [
            "terms.csv",
            "2",
            "member",
            "'=1+1",
            "no member has this id",
        ]


def test_files_without_a_good_row_fail(ledger, tmp_path):
    (tmp_path / "members.csv").write_text("id,name\n,x\n")
    with pytest.raises(CommandError, match="nothing usable"):
        run(*ledger)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give two files"),
        (["a.csv"], "file of terms is missing"),
        (["a.csv", "b.csv"], r"a\.csv cannot be read"),
        (["a.csv", "b.csv", "--undo", "1"], "Give two files"),
        (["--undo", "1000000"], "no batch of that number"),
        (["a.csv", "b.csv", "--mapping", "c.toml"], r"c\.toml cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message):
    with pytest.raises(CommandError, match=message):
        run(*arguments)
