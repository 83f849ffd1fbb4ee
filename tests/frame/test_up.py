"""``manage.py up``: serves, says where, ends everything, and starts again after kill -9."""

import http.client
import signal
import socket

import psutil
import pytest

from config.embedded import Servers
from tests.frame.conftest import line_with

pytestmark = pytest.mark.slow


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def marked(state) -> list[int]:
    """Return the processes that an ``up`` of this folder started and that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("WAYMARK_UP") == str(state):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def is_served(port: str) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    try:
        link.request("GET", "/", headers={"Host": "localhost"})
        return link.getresponse().status < 500
    finally:
        link.close()


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_until_told_and_leaves_nothing_running(state, python, port, told):
    up = python("manage.py", "up", PORT=port, WEB_CONCURRENCY="1")
    said = line_with(up, "Waymark is at")
    served = is_served(port)

    up.send_signal(told)
    up.communicate()

    assert said == f"Waymark is at http://localhost:{port}/  (Ctrl-C to stop)\n"
    assert served
    assert up.returncode == 0
    assert marked(state) == []
    assert not Servers(state=state).postgres_answers()
    assert not Servers(state=state).redis_answers()


def test_up_starts_again_after_it_was_killed(state, python, port):
    first = python("manage.py", "up", PORT=port, WEB_CONCURRENCY="1")
    line_with(first, "Waymark is at")
    first.kill()
    first.wait()
    left = marked(state)

    second = python("manage.py", "up", PORT=port, WEB_CONCURRENCY="1")
    line_with(second, "Waymark is at")
    still = set(left) & set(marked(state))
    second.send_signal(signal.SIGINT)
    second.communicate()

    assert left != []
    assert still == set()
    assert marked(state) == []
    assert not Servers(state=state).postgres_answers()


def test_up_names_the_way_out_when_the_port_is_taken(state, python):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        up = python("manage.py", "up", PORT=str(number))
        said, _ = up.communicate()

    assert said.strip() == (
        f"CommandError: Port {number} is in use by another program. "
        f"Choose another: PORT={number + 1} make up"
    )
    assert up.returncode == 1
    assert not (state / "pgdata").exists()
