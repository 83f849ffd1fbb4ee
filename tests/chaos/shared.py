"""What the harness and its workers share: the time, the zone, and what is broken on purpose.

A page of memory mapped by all, so that the clock is stepped for everybody in one store.
"""

import mmap
import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

ZONES = ("UTC", "America/New_York", "Europe/Berlin")
BREAKS = ("", "stuck", "guard", "step", "claim")
"""Mutations by which the trials prove that they can fail; see ``broken``."""
OFFSET = 0
ZONE = 8
BREAK = 9
SIZE = 16


class Shared:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.busy = folder / "busy"
        self.busy.mkdir(exist_ok=True)
        file = os.open(folder / "shared", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, SIZE)
        self.page = mmap.mmap(file, SIZE)
        os.close(file)

    # The clock runs as fast as the system's, from wherever it was put.

    def now(self) -> datetime:
        (offset,) = struct.unpack_from("d", self.page, OFFSET)
        return datetime.fromtimestamp(time.monotonic() + offset, tz=UTC)

    def set_now(self, at: datetime) -> None:
        struct.pack_into("d", self.page, OFFSET, at.timestamp() - time.monotonic())

    @property
    def zone(self) -> str:
        return ZONES[self.page[ZONE]]

    @zone.setter
    def zone(self, name: str) -> None:
        self.page[ZONE] = ZONES.index(name)

    @property
    def broken(self) -> str:
        return BREAKS[self.page[BREAK]]

    @broken.setter
    def broken(self, name: str) -> None:
        self.page[BREAK] = BREAKS.index(name)

    # Which child of a worker is at what.

    def begin(self, task: str) -> None:
        (self.busy / str(os.getpid())).write_text(task)

    def end(self) -> None:
        (self.busy / str(os.getpid())).unlink(missing_ok=True)

    def at_work(self) -> dict[int, str]:
        """Return the task of each child that is at one; those of the dead are taken away."""
        found = {}
        for file in self.busy.iterdir():
            try:
                os.kill(int(file.name), 0)
                found[int(file.name)] = file.read_text()
            except (ProcessLookupError, FileNotFoundError):
                file.unlink(missing_ok=True)
        return found


def install(shared: Shared) -> None:
    """Have this process live in the shared time and zone."""
    from django.conf import settings

    from config.kernel import clock

    if not hasattr(clock, "_system_time"):
        raise RuntimeError("The clock has no system time to be stepped.")
    clock._system_time = shared.now  # noqa: SLF001  # as a machine whose clock is set
    settings.WAYMARK_TIME_ZONE = shared.zone
