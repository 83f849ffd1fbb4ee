"""What the import contracts cannot see: names, words and the clock."""

import re

import pytest

from tests.architecture.source import (
    APPS,
    LEVELS,
    ROOT,
    Source,
    app_sources,
    declared_names,
    may_import,
)

INTERFACES = {
    "urls", "views", "api", "receivers", "admin", "management", "templatetags", "tasks", "apps",
}  # fmt: skip
BLIND_APPS = {"coverage", "engagement"}
BLIND_MODULES = {"vector", "plays", "queue", "interventions", "accountability", "today"}
MONEY = re.compile(r"(?:\b|_)dues(?:\b|_)", re.IGNORECASE)
CLOCK_IN_SQL = re.compile(
    r"\b(?:now\s*\(\)|(?:clock|statement|transaction)_timestamp\s*\(\)"
    r"|current_(?:date|time|timestamp)|localtime(?:stamp)?)",
    re.IGNORECASE,
)
CLOCKS = {
    "config.kernel.clock.now",
    "config.kernel.clock.today",
    "config.kernel.clock",  # as a module it offers both
    "django.db.models.functions.Now",
    "django.utils.timezone.now",
}
MAIL = ("django.core.mail", "anymail")
READ_OPENINGS = {
    "communications/enums.py",
    "communications/models.py",
    "communications/receivers.py",
    "communications/services/tracking.py",
    "communications/queries.py",
    "communications/api/messages.py",
}


def undeclared(folder):
    """Return what is in an app's folder without a place in the architecture."""
    declared = declared_names()
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in {"__init__.py", "__pycache__"}
        and (path.suffix not in {".py", ""} or path.stem not in declared)
    )


def upward(source):
    """Return the imports that point up or to a sibling, also those only for type checking."""
    tops = ((name, name.split(".")[0]) for name in source.imports())
    return [name for name, top in tops if top in LEVELS and not may_import(source.app, top)]


def from_the_root(source):
    """Return the imports from the composition root; apps may know the kernel only."""
    return [
        name
        for name in source.imports()
        if name.split(".")[0] == "config" and not f"{name}.".startswith("config.kernel.")
    ]


def money(source):
    """Return the words about dues in a module that must not decide by them."""
    if source.app not in BLIND_APPS and not source.words & BLIND_MODULES:
        return []
    words = [*source.imports(), *source.names(), *source.texts()]
    return [word for word in words if MONEY.search(word)]


def clocks(source):
    """Return the ways in which a module below the interfaces reads a clock."""
    if source.layer in INTERFACES:
        return []
    read = [name for name in source.imports() if name in CLOCKS]
    read += [name for name in source.names() if name in {"auto_now", "auto_now_add"}]
    return read + [text for text in source.texts() if CLOCK_IN_SQL.search(text)]


def mail(source):
    """Return the imports of a mail backend; only the send gate's adapters may have one."""
    if (source.app, source.layer) == ("communications", "senders"):
        return []
    if source.name == "communications/receivers.py":  # hears what providers say, sends nothing
        return [name for name in source.imports() if name.startswith("django.core.mail")]
    found = [name for name in source.imports() if name.startswith(MAIL)]
    return found + [name for name in source.names() if name == "email_user"]


def opened(source):
    """Return what reads whether a message was opened: an opening counts for nothing.

    It is kept and marked where it comes in, and shown with the message, and nothing else.
    """
    if source.name in READ_OPENINGS:
        return []
    found = [name for name in source.names() if name in {"OPENED", "DeliveryEvent"}]
    return found + [text for text in source.texts() if "communications_deliveryevent" in text]


CHECKS = [upward, from_the_root, money, clocks, mail, opened]


@pytest.mark.parametrize("app", APPS)
def test_app_folder_holds_declared_names_only(app):
    assert undeclared(ROOT / app) == []


def test_undeclared_names_are_noticed(tmp_path):
    for name in ("__init__.py", "models.py", "utils.py", "notes.md"):
        (tmp_path / name).touch()
    for name in ("services", "helpers", "__pycache__"):
        (tmp_path / name).mkdir()

    assert undeclared(tmp_path) == ["helpers", "notes.md", "utils.py"]


@pytest.mark.parametrize("check", CHECKS)
def test_no_source_file_does_what_it_must_not(check):
    sources = app_sources()

    assert {source.app for source in sources} == set(APPS)
    assert {source.name: found for source in sources if (found := check(source))} == {}


@pytest.mark.parametrize(
    ("check", "name", "text", "expected"),
    [
        (upward, "members/queries.py", "from success.models import Plan", ["success.models.Plan"]),
        (upward, "coverage/queries.py", "if TYPE_CHECKING:\n import engagement", ["engagement"]),
        (upward, "success/queries.py", "import members.enums", []),
        (from_the_root, "members/queries.py", "from config import settings", ["config.settings"]),
        (from_the_root, "members/queries.py", "from config.kernel import clock", []),
        (money, "coverage/engine/x.py", "from members.models import Dues", ["members.models.Dues", "Dues"]),
        (money, "success/rollups/plays.py", "SQL = 'SELECT amount FROM members_dues'", ["SELECT amount FROM members_dues"]),
        (money, "success/engine/queue.py", "def f(yearly_dues):\n 'Blind to dues.'", ["yearly_dues"]),
        (money, "success/engine/vector.py", "'''Blind to dues.'''\nresidues = 1", []),
        (money, "success/engine/revenue.py", "dues = 1", []),
        (clocks, "success/services/x.py", "from config.kernel.clock import local_date, today", ["config.kernel.clock.today"]),
        (clocks, "success/services/x.py", "from config.kernel import clock", ["config.kernel.clock"]),
        (clocks, "success/rollups/x.py", "SQL = 'SELECT CURRENT_DATE'", ["SELECT CURRENT_DATE"]),
        (clocks, "success/models/x.py", "DateTimeField(auto_now=True)", ["auto_now"]),
        (clocks, "success/views/x.py", "from config.kernel.clock import now", []),
        (mail, "members/services/x.py", "from django.core.mail import send_mail", ["django.core.mail.send_mail"]),
        (mail, "community/tasks.py", "user.email_user('Hello')", ["email_user"]),
        (mail, "communications/senders/smtp.py", "import anymail", []),
        (mail, "communications/receivers.py", "from anymail.signals import tracking", []),
        (opened, "success/queries/x.py", "EventKind.OPENED", ["OPENED"]),
        (opened, "success/rollups/x.py", "SQL = 'FROM communications_deliveryevent'", ["FROM communications_deliveryevent"]),
        (opened, "communications/services/gate.py", "EventKind.OPENED", ["OPENED"]),
    ],
)  # fmt: skip
def test_checks_notice_what_they_are_for(tmp_path, check, name, text, expected):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)

    assert check(Source(path, tmp_path)) == expected
