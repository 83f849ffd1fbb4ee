import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder of its own, short enough for sockets, as a second checkout has."""
    folder = Path(tempfile.mkdtemp(prefix="frame-", dir=settings.STATE_DIR))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def python(state: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``python ARGUMENTS`` on that state folder; killed after the test."""
    started = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "WAYMARK_STATE": str(state), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """Read until a line that holds ``words``; fail with all that was said instead."""
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never said:\n{''.join(said)}")
