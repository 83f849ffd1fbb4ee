import contextlib
import errno
import fcntl
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import embedded

PROCFILE_LINE = re.compile(r"^([a-z]+):\s*(.+)$")
MARK = "WAYMARK_UP"
"""In the environment of every process that ``up`` starts: the state folder it serves."""
PATIENCE = 15  # seconds a process has to end by itself


def procfile(path: Path) -> dict[str, str]:
    """Return name to command line."""
    lines = (PROCFILE_LINE.match(line) for line in path.read_text().splitlines())
    return {found[1]: found[2] for found in lines if found}


class Command(BaseCommand):
    help = "Serve the site: web, worker and beat of the Procfile, until Ctrl-C."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        try:
            port = int(os.environ.get("PORT", "8000"))
        except ValueError as error:
            raise CommandError(f"PORT must be a number, not {os.environ['PORT']!r}.") from error
        state = Path(settings.STATE_DIR)
        state.mkdir(parents=True, exist_ok=True)
        with _only_one(state):
            _end_orphans(state)
            _refuse_taken(port)
            try:
                embedded.ensure()
            except embedded.EmbeddedError as error:
                raise CommandError(f"{error}") from error
            run = Run(commands=procfile(Path(settings.BASE_DIR, "Procfile")), port=port)
            failed = run.until_told(environment={MARK: str(state)})
        if failed:
            raise CommandError(f"{failed} ended by itself, so the rest was stopped.")


class Run:
    """The processes of one ``up``: started together, told apart in the output, ended together.

    Each has a session of its own: the terminal's Ctrl-C reaches only us, and we ask each
    leader to end. A pool that loses its children first would throw work away.
    """

    def __init__(self, *, commands: dict[str, str], port: int) -> None:
        self.commands = commands
        self.port = port
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.told = threading.Event()
        self.writing = threading.Lock()

    def until_told(self, *, environment: dict[str, str]) -> str | None:
        """Run until SIGINT, SIGTERM, or one process's end; the name of that one, if any."""
        before = {
            number: signal.signal(number, self._tell)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        readers: list[threading.Thread] = []
        try:
            for name, command in self.commands.items():
                readers.append(self._start(name, command, environment=environment))
            threading.Thread(target=self._announce, daemon=True).start()
            return self._wait()
        finally:
            self._end_all()
            for reader in readers:
                reader.join(timeout=PATIENCE)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tell(self, number: int, frame: FrameType | None) -> None:
        self.told.set()

    def _start(
        self, name: str, command: str, *, environment: dict[str, str]
    ) -> threading.Thread:
        beside_python = str(Path(sys.executable).parent)
        process = subprocess.Popen(  # noqa: S602  the Procfile is ours
            f"exec {command}",
            shell=True,
            cwd=settings.BASE_DIR,
            env={
                "WEB_CONCURRENCY": "2",
                **os.environ,
                "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self.port} --log-level warning",
                "PATH": f"{beside_python}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                "PYTHONUNBUFFERED": "1",
                # Celery warns root of pickle, which we do not accept anyway.
                "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes[name] = process
        reader = threading.Thread(target=self._relay, args=(name, process.stdout), daemon=True)
        reader.start()
        return reader

    def _relay(self, name: str, lines: IO[bytes]) -> None:
        width = max(map(len, self.commands))
        with lines:
            for line in lines:
                self._say(f"{name:<{width}} | {line.decode(errors='replace').rstrip()}")

    def _say(self, line: str) -> None:
        with self.writing, contextlib.suppress(BrokenPipeError):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def _announce(self) -> None:
        while not self.told.wait(0.2):
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            with contextlib.suppress(OSError, http.client.HTTPException):
                link.request("GET", "/", headers={"Host": "localhost"})
                link.getresponse().read()
                self._say(f"\nWaymark is at http://localhost:{self.port}/  (Ctrl-C to stop)\n")
                return

    def _wait(self) -> str | None:
        while not self.told.wait(0.2):
            for name, process in self.processes.items():
                if process.poll() is not None:
                    return name
        return None

    def _end_all(self) -> None:
        self.told.set()
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started and left
            process.wait()


@contextlib.contextmanager
def _only_one(state: Path) -> Iterator[None]:
    with (state / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                "Waymark is already up in this folder. Stop that one first (Ctrl-C there)."
            ) from error
        yield


def _end_orphans(state: Path) -> None:
    """End what an ``up`` of this folder left when it was killed; the lock says it is gone."""
    import psutil  # noqa: PLC0415  no other command needs it

    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(state) and process.pid != os.getpid():
                left.append(process)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(left, timeout=PATIENCE)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"Port {port} is in use by another program. "
                    f"Choose another: PORT={port + 1} make up"
                ) from error
            raise CommandError(f"Port {port} cannot be used: {error.strerror}.") from error
