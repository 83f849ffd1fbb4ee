"""A real server on a socket of this machine: it takes a message, and then says nothing more."""

import socket
import threading
from datetime import timedelta

import pytest

from communications.models import Message
from communications.services import gate
from communications.services.gate import Counts
from tests.factories import MORNING, make_message

pytestmark = pytest.mark.django_db


class Server:
    """Speaks just enough SMTP; ``silent_from`` is the first command it does not answer."""

    def __init__(self, *, silent_from=""):
        self.silent_from = silent_from
        self.taken = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.socket.close()
        self.thread.join(5)

    def _serve(self):
        while True:
            try:
                conversation, _ = self.socket.accept()
            except OSError:
                return
            with conversation, conversation.makefile("rwb") as lines:
                self._talk(lines)

    def _talk(self, lines):
        self._say(lines, "220 here", "CONNECT")
        while line := lines.readline():
            command = line.decode().split()[0].upper()
            if command == "DATA":
                self._say(lines, "354 go on", "")
                self.taken.append(self._letter(lines))
                self._say(lines, "250 taken", ".")
            elif command == "QUIT":
                self._say(lines, "221 bye", command)
                return
            else:
                self._say(lines, "250 fine", command)

    def _letter(self, lines):
        read = []
        while (line := lines.readline()) not in {b".\r\n", b""}:
            read.append(line)
        return b"".join(read).decode()

    def _say(self, lines, words, command):
        if command != self.silent_from or not command:
            lines.write(f"{words}\r\n".encode())
            lines.flush()


@pytest.fixture
def server(request, settings):
    made = Server(silent_from=request.param)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
    settings.EMAIL_TIMEOUT = 0.3
    yield made
    made.close()


def fate(message):
    message.refresh_from_db()
    return message.status


@pytest.mark.parametrize("server", [""], indirect=True)
def test_message_is_taken_once_by_a_server_that_answers(server):
    message = make_message()

    assert gate.send_due(at=MORNING) == Counts(claimed=1, sent=1)
    assert len(server.taken) == 1
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in server.taken[0]
    assert fate(message) == "sent"


@pytest.mark.parametrize("server", ["."], indirect=True)
def test_server_that_takes_a_message_and_hangs_is_unknown_and_gets_no_second(server):
    message = make_message()

    assert gate.send_due(at=MORNING) == Counts(claimed=1, unknown=1)
    assert gate.send_due(at=MORNING + timedelta(days=1)) == Counts()
    assert gate.release_stuck(at=MORNING + timedelta(days=1)) == 0
    assert gate.send_due(at=MORNING + timedelta(days=2)) == Counts()

    assert len(server.taken) == 1
    assert fate(message) == "unknown"


@pytest.mark.parametrize("server", ["QUIT"], indirect=True)
def test_server_that_hangs_at_the_good_bye_has_taken_it(server):
    message = make_message()

    assert gate.send_due(at=MORNING) == Counts(claimed=1, sent=1)
    assert (len(server.taken), fate(message)) == (1, "sent")


@pytest.mark.parametrize("server", ["CONNECT"], indirect=True)
def test_server_that_hangs_before_anything_was_said_is_tried_again(server):
    message = make_message()

    assert gate.send_due(at=MORNING) == Counts(claimed=1, postponed=1)
    assert Message.objects.get().outcome.startswith("Not accepted: ")
    server.silent_from = ""
    assert gate.send_due(at=MORNING + timedelta(minutes=5)) == Counts(claimed=1, sent=1)
    assert (len(server.taken), fate(message)) == (1, "sent")
