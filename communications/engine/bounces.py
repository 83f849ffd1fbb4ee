"""What a bounce says of an address, by its enhanced status code (RFC 3463)."""

import re
from typing import Final

ENHANCED_CODE: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")

# Permanent for this message, but not about the address: a full mailbox, a message too long, and
# everything about its content (6) or about policy and reputation (7).
NOT_OF_THE_ADDRESS: Final = frozenset({"5.2.2", "5.2.3", "5.3.4"})
NOT_OF_THE_ADDRESS_SUBJECTS: Final = frozenset({"6", "7"})

# What a provider says of an address that it will not even try any more.
GONE: Final = frozenset({"invalid", "bounced"})


def enhanced_code(*texts: str | None) -> str:
    """Return the first enhanced status code in ``texts``, as ``5.1.1``; blank for none.

    An address of the internet, such as 5.6.7.8, is not one.
    """
    for text in texts:
        if found := ENHANCED_CODE.search(text or ""):
            return found[0]
    return ""


def is_permanent(*, code: str, reason: str = "") -> bool:
    """Say whether a bounce means that the address must not be written to any more.

    A code 5.x.x does, but for those about the message rather than the address. Without a code
    only a provider that calls the address ``invalid`` does; else it may have been a bad day.
    """
    if not code:
        return reason == "invalid"
    kind, subject, _ = code.split(".")
    return (
        kind == "5"
        and code not in NOT_OF_THE_ADDRESS
        and subject not in NOT_OF_THE_ADDRESS_SUBJECTS
    )
