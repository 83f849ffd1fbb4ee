"""A mail server that keeps a ledger of what it took, and misbehaves when told to.

It runs in a thread of its own, on a port of this machine, and speaks as much of RFC 5321 as
Django's backend does.
"""

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy

PHASES = ("connect", "rcpt", "data", "taken", "told")
"""Moments of one delivery: before anything, before the words, while they come, when they are
ours and the sender has not been told, and after it has been told."""
MANNERS = ("", "hang", "drop", "garbage", "drop_early")


@dataclass(frozen=True)
class Taken:
    """One message that this server took: it is out, whatever the sender came to hear of it."""

    public_id: str
    address: str
    began: float
    manner: str


@dataclass
class Ledger:
    taken: list[Taken] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        return Counter(each.public_id for each in self.taken)


class Sink:
    def __init__(self) -> None:
        self.ledger = Ledger()
        self.port = 0
        self.seen = 0
        self.open = 0
        self.pause = 0.0
        self.manner: dict[int, str] = {}
        self.hook: Callable[[int, str], None] | None = None
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait()

    def reset(self) -> None:
        """Forget everything, and behave."""
        self.ledger = Ledger()
        self.seen = 0
        self.pause = 0.0
        self.manner = {}
        self.hook = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._conversation(reader, writer)
        finally:
            self.open -= 1
            writer.close()

    async def _conversation(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        ledger = self.ledger
        began = time.monotonic()
        number = self.seen = self.seen + 1
        manner = self.manner.get(number, "")
        address = ""
        await self._at(number, "connect")
        await _say(writer, "220 sink")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb in {b"EHLO", b"HELO"}:
                await _say(writer, "250 sink")
            elif verb == b"RCPT":
                found = re.search(rb"<([^>]*)>", line)
                address = found[1].decode() if found else ""
                await self._at(number, "rcpt")
                if manner == "drop_early":
                    return
                await _say(writer, "250 ok")
            elif verb == b"DATA":
                await _say(writer, "354 go on")
                await self._at(number, "data")
                words = await reader.readuntil(b"\r\n.\r\n")
                public_id = _name(words)
                # From here on the message is ours, so it counts as sent.
                ledger.taken.append(
                    Taken(public_id=public_id, address=address, began=began, manner=manner)
                )
                await self._at(number, "taken")
                if self.pause:
                    await asyncio.sleep(self.pause)
                if manner == "hang":
                    await reader.read()  # until the other side gives up
                    return
                if manner == "drop":
                    return
                await _say(writer, "what?" if manner == "garbage" else "250 taken")
                await self._at(number, "told")
            elif verb == b"QUIT":
                await _say(writer, "221 bye")
                return
            else:
                await _say(writer, "250 ok")

    async def _at(self, number: int, phase: str) -> None:
        hook = self.hook
        if hook is not None:
            await self._loop.run_in_executor(None, hook, number, phase)


async def _say(writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(f"{line}\r\n".encode())
    await writer.drain()


def _name(words: bytes) -> str:
    message = message_from_bytes(words, policy=policy.default)
    return str(message["Message-ID"]).strip().strip("<>").partition("@")[0]
