"""The embedded servers: apart per folder, shared by processes, robust against kill -9."""

import os
import shutil
import signal
import socket
import threading
from pathlib import Path

import psutil
import psycopg2
import pytest

from config import embedded
from config.embedded import LONGEST_SOCKET_PATH, EmbeddedError, Servers
from tests.frame.conftest import line_with

pytestmark = pytest.mark.slow

USER_OF_SERVERS = """
import sys
from pathlib import Path
from config.embedded import Servers
Servers(state=Path(sys.argv[1]), throw_away=True).use()
print("in use", flush=True)
sys.stdin.read()
"""


def ask(servers: Servers, statement: str) -> str:
    link = psycopg2.connect(
        host=str(servers.sockets), dbname=embedded.DATABASE, user=embedded.SUPERUSER
    )
    try:
        with link, link.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]
    finally:
        link.close()


def postmaster(servers: Servers) -> int:
    return int((servers.pgdata / "postmaster.pid").read_text().split()[0])


def answers(servers: Servers) -> tuple[bool, bool]:
    return servers.postgres_answers(), servers.redis_answers()


def test_folders_have_servers_of_their_own_and_no_port(state):
    one = Servers(state=state / "one", throw_away=True)
    two = Servers(state=state / "two", throw_away=True)
    one.use()
    two.use()

    folders = [ask(servers, "SHOW data_directory") for servers in (one, two)]
    addresses = [ask(servers, "SHOW listen_addresses") for servers in (one, two)]
    one.leave()
    after = [answers(one), answers(two)]
    two.leave()

    assert folders == [str(state / "one/pgdata"), str(state / "two/pgdata")]
    assert addresses == ["", ""]
    assert after == [(False, False), (True, True)]


def test_the_last_process_out_stops_the_servers(state, python):
    servers = Servers(state=state, throw_away=True)
    users = [python("-c", USER_OF_SERVERS, str(state)) for _ in range(2)]
    for user in users:
        line_with(user, "in use")

    seen = [answers(servers)]
    for user in users:
        user.communicate()
        seen.append(answers(servers))

    assert seen == [(True, True), (True, True), (False, False)]


def test_a_killed_user_leaves_servers_that_the_next_one_adopts_and_stops(state, python):
    servers = Servers(state=state, throw_away=True)
    user = python("-c", USER_OF_SERVERS, str(state))
    line_with(user, "in use")
    before = postmaster(servers)
    user.kill()
    user.wait()
    orphaned = answers(servers)

    servers.use()
    adopted = postmaster(servers)
    servers.leave()

    assert orphaned == (True, True)
    assert adopted == before
    assert answers(servers) == (False, False)


def test_killed_servers_start_again_with_what_was_committed(state):
    servers = Servers(state=state)
    servers.use()
    ask(servers, "CREATE TABLE kept AS SELECT 7 AS seven; SELECT 1")
    os.kill(postmaster(servers), signal.SIGKILL)
    os.kill(int(servers.redis_pid.read_text()), signal.SIGKILL)
    servers.leave()

    servers.use()
    seen = answers(servers), ask(servers, "SELECT seven FROM kept")
    servers.leave()

    assert seen == ((True, True), 7)


def test_a_server_that_takes_a_connection_and_says_nothing_does_not_answer(state):
    servers = Servers(state=state, redis=False)
    servers.pgdata.mkdir(parents=True)
    servers.sockets.mkdir()
    status = f"1\n{servers.pgdata}\n0\n5432\n\n\n\nready\n"
    (servers.pgdata / "postmaster.pid").write_text(status)
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(servers.postgres_socket))
        dying.listen()

        def hang_up() -> None:
            dying.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()

        assert not servers.postgres_answers()


def test_a_stale_number_that_is_now_another_program_does_not_stop_the_start(state):
    servers = Servers(state=state, throw_away=True)
    servers.use()
    servers.leave()
    stale = servers.pgdata / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{servers.pgdata}\n0\n5432\n\n\n\nready\n")

    servers.use()
    seen = answers(servers)
    servers.leave()

    assert seen == (True, True)


def test_a_forked_child_does_not_stop_what_its_parent_uses(state):
    servers = Servers(state=state, throw_away=True)
    servers.use()

    child = os.fork()
    if child == 0:
        servers.leave()
        os._exit(0)
    os.waitpid(child, 0)
    seen = answers(servers)
    servers.leave()

    assert seen == (True, True)


def test_servers_whose_folder_was_removed_do_not_stay(state):
    servers = Servers(state=state / "gone", throw_away=True)
    servers.use()
    processes = [
        psutil.Process(postmaster(servers)),
        psutil.Process(int(servers.redis_pid.read_text())),
    ]
    shutil.rmtree(servers.state)

    servers.leave()
    os.kill(processes[0].pid, signal.SIGINT)  # by itself it notices within a minute
    _, alive = psutil.wait_procs(processes, timeout=30)

    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_sockets_move_to_a_short_place_when_the_folder_is_deep():
    deep = Servers(state=Path("/srv") / ("deep" * 40))

    assert len(str(deep.postgres_socket)) <= LONGEST_SOCKET_PATH
    assert deep.sockets != Servers(state=Path("/srv") / ("deep" * 41)).sockets


def test_the_embedded_servers_refuse_without_debug(settings):
    settings.DEBUG = False

    with pytest.raises(EmbeddedError, match="set DATABASE_URL and REDIS_URL"):
        embedded.ensure()


def test_a_command_starts_what_it_needs_and_stops_it(state, python):
    process = python(
        "manage.py",
        "shell",
        "-c",
        "from django.db import connection as c; c.ensure_connection(); print('connected')",
    )

    said, _ = process.communicate()

    assert (process.returncode, said.splitlines()[-1]) == (0, "connected")
    assert answers(Servers(state=state)) == (False, False)


def test_help_starts_nothing(state, python):
    process = python("manage.py", "help")

    process.communicate()

    assert process.returncode == 0
    assert sorted(state.iterdir()) == []
