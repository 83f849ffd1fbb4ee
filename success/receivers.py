"""What the apps below tell: each is passed on as one task, and found by the tick without."""

from collections.abc import Sequence
from typing import Any

from success.services.readings import forget, forget_money
from success.tasks import hear_soon


def hear_facts(*, member_ids: Sequence[int], **_: Any) -> None:
    """Live facts were recorded: have the plays look at their members at once."""
    hear_soon(member_ids=member_ids)


def reckon_anew(**_: Any) -> None:
    """Accounts were linked, or a rate was set: whoever did it sees at once what follows."""
    forget_money()


def say_anew(**_: Any) -> None:
    """The association said something of itself, on which everything rests."""
    forget()
