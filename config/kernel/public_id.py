"""Identifiers for the outside: UUID version 7 of RFC 9562, in the order they were made.

The time in them is the machine's, not the association's: they order rows, they date nothing.
"""

import os
import secrets
import time
from threading import Lock
from uuid import UUID

RANDOM_BITS = 74
TAIL_BITS = 62
LARGEST_RANDOM = (1 << RANDOM_BITS) - 1
LARGEST_STEP = 1 << 32
NANOSECONDS_PER_MILLISECOND = 1_000_000


class _Sequence:
    """The last identifier of this process: its millisecond and its 74 random bits."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        self._lock = Lock()
        self._millisecond = 0
        self._random = 0

    def following(self, millisecond: int) -> tuple[int, int]:
        """Return a pair above every pair before it, also where the clock stood still or fell.

        Within a millisecond the random part rises by a random step (RFC 9562, 6.2, method 2),
        so the next identifier cannot be guessed from the last.
        """
        with self._lock:
            if millisecond > self._millisecond:
                self._millisecond = millisecond
                self._random = secrets.randbits(RANDOM_BITS)
            else:
                self._random += 1 + secrets.randbelow(LARGEST_STEP)
                if self._random > LARGEST_RANDOM:
                    self._millisecond += 1
                    self._random = secrets.randbits(RANDOM_BITS)
            return self._millisecond, self._random


_SEQUENCE = _Sequence()
os.register_at_fork(after_in_child=_SEQUENCE.start_afresh)


def uuid7() -> UUID:
    """Return a new identifier, greater than any this process made before."""
    millisecond, random = _SEQUENCE.following(time.time_ns() // NANOSECONDS_PER_MILLISECOND)
    head, tail = divmod(random, 1 << TAIL_BITS)
    return UUID(int=millisecond << 80 | 0x7 << 76 | head << 64 | 0b10 << 62 | tail)
