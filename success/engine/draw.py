"""The draw that leaves some members out of a play, to compare with (DOMAIN 8).

A member's number follows from a salt and the account alone: the same on every night and on
every machine, and with another salt another number that has nothing to do with it.
"""

from hashlib import sha256

BITS = 64
HEX_DIGITS = 16


def draw(*, salt: str, account: int) -> float:
    """Return an account's number, from 0 up to 1: eight bytes of SHA-256 over 2^64 (HASH_*)."""
    return _eight_bytes(salt=salt, account=account) / (1 << BITS)


def is_held(*, salt: str, account: int, percent: int) -> bool:
    """Say whether the account is among the ``percent`` that are left alone.

    Compared in whole numbers, so that no rounding decides: it is what ``edge`` says of the
    digits. No percent holds nobody, a hundred everybody.
    """
    return _eight_bytes(salt=salt, account=account) * 100 < percent << BITS


def edge(*, percent: int) -> str:
    """Return the sixteen digits below which those of an account have to be, to be held.

    Raises ``ValueError`` unless the percent is from 0 to 99: of everybody there is no edge.
    """
    if not 0 <= percent < 100:
        raise ValueError(f"Of a hundred, {percent} cannot be told apart.")
    return f"{-(-(percent << BITS) // 100):0{HEX_DIGITS}x}"


def _eight_bytes(*, salt: str, account: int) -> int:
    return int.from_bytes(sha256(f"{salt}:{account}".encode()).digest()[: BITS // 8])
