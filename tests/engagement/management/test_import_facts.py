from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from engagement.models import Fact
from members.models import Member, MemberIdentity

pytestmark = pytest.mark.django_db
MAPPING = """
source = "events"
member_source = "office"
[facts]
kind_is = "meeting.attended"
"""


@pytest.fixture
def files(tmp_path):
    member = Member.objects.create(name="Acme", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    MemberIdentity.objects.create(member=member, source="office", external_id="m1")
    file, mapping = tmp_path / "facts.csv", tmp_path / "facts.toml"
    file.write_text("date,member\n2024-01-02,m1\n2024-01-02,m1\n2024-01-03,\n")
    mapping.write_text(MAPPING)
    return [str(file), "--mapping", str(mapping)]


def run(*arguments):
    out = StringIO()
    call_command("import_facts", *arguments, stdout=out)
    return out.getvalue()


def test_dry_run_then_apply_print_what_happens(files):
    counts = """\
  the same again in this file: 1
  refused: 1
    1 not a member: no id is given (first: facts.csv:4 member)
"""
    assert run(*files) == (
        "facts.csv: 1 facts would be recorded\n  known already: 0\n"
        + counts
        + "Nothing is changed yet; add --apply to record them.\n"
    )
    assert Fact.objects.count() == 0
    assert run(*files, "--apply") == (
        "facts.csv: 1 facts recorded\n  known already: 0\n" + counts
    )
    assert Fact.objects.count() == 1


def test_unreadable_mapping_and_useless_file_fail(files, tmp_path):
    (tmp_path / "facts.csv").write_text("date,member\n2024-01-02,m9\n")
    with pytest.raises(CommandError, match="nothing usable"):
        run(*files)
    (tmp_path / "facts.toml").write_text("source =")
    with pytest.raises(CommandError, match="mapping cannot be read"):
        run(*files)
