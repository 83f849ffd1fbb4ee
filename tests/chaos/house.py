"""The servers, the workers and the database of the trials, and how each of them is hurt."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import redis
from django.conf import settings
from django.db import connection

from config import embedded
from tests.chaos.shared import Shared
from tests.chaos.sink import Sink

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
CHILDREN = 2
QUEUE = "waymark"
PATIENCE = 60.0
MINUTE = timedelta(minutes=1)
STUCK = timedelta(minutes=11)


class House:
    """Two PostgreSQL databases (the one in use and what it is cloned from), Valkey, workers."""

    def __init__(self, *, state: Path, shared: Shared, sink: Sink) -> None:
        self.state, self.shared, self.sink = state, shared, sink
        self.servers: embedded.Servers = settings.WAYMARK_EMBEDDED
        self.database = connection.settings_dict["NAME"]
        self.workers: list[subprocess.Popen[bytes] | None] = [None] * WORKERS
        self.log = (state / "workers.log").open("ab")
        self.valkey = redis.Redis(unix_socket_path=str(self.servers.redis_socket))

    # Databases.

    def sql(self, statement: str) -> None:
        """Run a statement outside any of our databases."""
        connection.close()
        with connection._nodb_cursor() as cursor:  # noqa: SLF001  # as Django's own test runner
            cursor.execute(statement)

    def make(self, name: str, *, like: str | None = None) -> None:
        """Make a database anew, empty or like another one, whoever is connected to it."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        template = f' TEMPLATE "{like}" STRATEGY FILE_COPY' if like else ""
        self.sql(f'CREATE DATABASE "{name}"{template}')

    def use(self, name: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = name

    # Workers.

    def start(self) -> None:
        """Start the workers that do not run."""
        for number, process in enumerate(self.workers):
            if process is None or process.poll() is not None:
                self.workers[number] = self._worker(number)

    def stop(self) -> None:
        for process in self.workers:
            self._end(process)

    def _worker(self, number: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [
                sys.executable, "-m", "celery", "--quiet", "--app", "tests.chaos.worker",
                "worker", "--loglevel", "WARNING", "--concurrency", str(CHILDREN),
                "--hostname", f"chaos{number}@localhost",
                "--without-gossip", "--without-mingle",
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def _end(self, process: "subprocess.Popen[bytes] | None") -> None:
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_children(self, task: str = "") -> int:
        """Kill the children that are at a task, or at any; return how many."""
        killed = 0
        for pid, name in self.shared.at_work().items():
            if task in name:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        return killed

    def kill_worker(self, number: int) -> None:
        """Kill a worker with all its children, and have another one started."""
        self._end(self.workers[number])
        self.start()

    def kill_busiest(self) -> None:
        """Kill the worker, children and all, of a child that is at something; else the first."""
        at_work = self.shared.at_work()
        for number, process in enumerate(self.workers):
            with suppress(psutil.Error):
                if process is not None and at_work.keys() & {
                    child.pid for child in psutil.Process(process.pid).children()
                }:
                    self.kill_worker(number)
                    return
        self.kill_worker(0)

    # Servers.

    def restart_postgres(self) -> None:
        """Crash PostgreSQL as a power cut would its processes, and start it again."""
        log = str(self.servers.logs / "postgres.log")
        done = self.servers._pg_ctl(  # noqa: SLF001  # the product never restarts it
            "restart", "-m", "immediate", "-w", "-t", "60", "-l", log
        )
        if done.returncode:
            raise RuntimeError(f"PostgreSQL did not come back: {done.stdout}")

    def flush(self) -> None:
        """Empty Valkey, the broker's queue and all that it knows of it."""
        self.valkey.flushall()

    # Work.

    def send(self, task: str, **arguments: object) -> None:
        from tests.chaos.worker import app

        app.send_task(task, kwargs=arguments)

    def tick(self) -> None:
        """Do what beat does each minute."""
        self.send("success.tick")

    def is_idle(self) -> bool:
        return (
            self.valkey.llen(QUEUE) == 0 and not self.shared.at_work() and self.sink.open == 0
        )

    def wait_idle(self, *, seconds: float = 8.0) -> bool:
        """Wait until nothing is queued and nobody is at work; False after so many seconds."""
        deadline = time.monotonic() + seconds
        calm = 0
        while time.monotonic() < deadline:
            calm = calm + 1 if self.is_idle() else 0
            if calm >= 3:
                return True
            time.sleep(0.015)
        return False

    def wait_until(self, question: Callable[[], bool], *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not question():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def step(self, by: timedelta) -> datetime:
        """Put the clock forward."""
        at = self.shared.now() + by
        self.shared.set_now(at)
        return at

    def later(self, seconds: float, act: Callable[[], object]) -> threading.Timer:
        timer = threading.Timer(seconds, act)
        timer.start()
        return timer


def pick(chance: random.Random, *choices: str) -> str:
    return chance.choice(choices)
