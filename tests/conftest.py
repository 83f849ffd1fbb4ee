"""The database of the tests: migrated once, kept while no migration changes, then cloned.

It lives on servers of its own (or on those of DATABASE_URL and REDIS_URL), so tests and a
running demo do not meet. Several runs may share it: each run and each worker has its clone.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".waymark" / "test"

# Set before anything imports the settings; inherited by the workers of a parallel run.
os.environ["WAYMARK_STATE"] = str(STATE)
os.environ["WAYMARK_THROW_AWAY"] = "on"
os.environ["DEBUG"] = "on"
os.environ.pop("WAYMARK_TODAY", None)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs an event loop


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    from config import embedded

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    # Workers empty the cache between tests; each has its own of the server's sixteen databases.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15 + 1
    cache = settings.CACHES["default"]
    cache["LOCATION"] += f"{'&' if '?' in cache['LOCATION'] else '?'}db={number}"
    for database in settings.DATABASES.values():
        database["CONN_MAX_AGE"] = 0
    if not config.getoption("help") and not config.getoption("version"):
        STATE.mkdir(parents=True, exist_ok=True)
        embedded.ensure()


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any
) -> Iterator[None]:
    """Give this process a database of its own, cloned from the migrated template."""
    from django.db import connection

    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    clone = f"test_waymark_{os.getpid()}_{worker}"
    with django_db_blocker.unblock():
        with (STATE / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # With --create-db the first process of this run makes it anew, the others take it.
            run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
            fresh = request.config.getoption("create_db")
            template = _template(rebuild_for=run if fresh else None)
            _server(f'DROP DATABASE IF EXISTS "{clone}" WITH (FORCE)')
            _server(f'CREATE DATABASE "{clone}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        _connect_to(clone)
        # Rows that migrations put there come back after a test that truncates.
        connection._test_serialized_contents = connection.creation.serialize_db_to_string()  # noqa: SLF001  Django's own place for it
    yield
    with django_db_blocker.unblock():
        connection.close()
        _server(f'DROP DATABASE IF EXISTS "{clone}" WITH (FORCE)')


def _template(*, rebuild_for: str | None) -> str:
    """Return the name of the migrated template; make it when a migration has changed."""
    from django.core.management import call_command

    name = f"test_waymark_template_{_fingerprint()}"
    known = dict(
        _server(
            "SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '')"
            " FROM pg_database WHERE datname LIKE 'test_waymark_%'"
        )
    )
    if known.get(name) and rebuild_for in {None, known[name]}:
        return name
    for stale in known:
        if stale.startswith("test_waymark_template_") or not _alive(stale):
            _server(f'DROP DATABASE IF EXISTS "{stale}" WITH (FORCE)')
    _server(f'CREATE DATABASE "{name}"')
    _connect_to(name)
    call_command("migrate", verbosity=0, interactive=False)
    # The comment says that it is complete, and for which run it was made.
    _server(f"COMMENT ON DATABASE \"{name}\" IS '{rebuild_for or 'ready'}'")
    return name


def _fingerprint() -> str:
    """Digest every migration of every installed app, and the server's version."""
    from django.apps import apps

    digest = hashlib.sha256(str(_server("SHOW server_version")).encode())
    for app in apps.get_app_configs():
        for file in sorted(Path(app.path, "migrations").rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                digest.update(f"{app.label}/{file.name}".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _alive(clone: str) -> bool:
    try:
        os.kill(int(clone.split("_")[2]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _connect_to(database: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = database


def _server(statement: str) -> list[Any]:
    """Run one statement outside any of our databases."""
    from django.db import connection

    connection.close()
    with connection._nodb_cursor() as cursor:  # noqa: SLF001  as Django's own test runner
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
