"""Was it a program that opened a message or followed its links? Likely, never certain.

Mail programs load pictures ahead, and filters follow every link before a person sees any. What
looks like that is kept apart. An opening counts for nothing either way; a click that nobody
made must not look like interest.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

AT_ONCE: Final = timedelta(seconds=5)
MANY_LINKS: Final = 3

# Programs that load a picture or a page ahead of a person, or on nobody's behalf, by what they
# call themselves. Apple's mail proxy sends the bare first word of every browser's name.
PROGRAMS: Final = re.compile(
    r"^mozilla/5\.0$"
    r"|googleimageproxy|yahoomailproxy|mail\.ru.?imageproxy|outlook.?safelinks"
    r"|barracuda|mimecast|proofpoint|forcepoint|symantec|trend.?micro|sophos|fireeye|ironport"
    r"|bitdefender|microsoft.office.existence|bingpreview|skypeuripreview"
    r"|\bbot\b|bot/|bot;|crawler|spider|scanner|prefetch|preview|slurp|facebookexternalhit",
    re.IGNORECASE,
)
# What runs in a data centre rather than on somebody's desk.
DATA_CENTRES: Final = re.compile(
    r"^(?:curl|wget|python|go-http-client|java|okhttp|libwww|axios|node|ruby|php|perl|apache-"
    r"|postmanruntime)\b|python-requests|python-urllib|aiohttp|headless|phantomjs|selenium"
    r"|puppeteer|playwright|amazon.cloudfront|google-cloud|azure",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Touch:
    """An opening (``link`` blank) or a click, at the moment the provider gives."""

    at: datetime
    link: str = ""


def is_program(user_agent: str) -> bool:
    """Say whether what calls itself ``user_agent`` is a program; blank says nothing."""
    name = user_agent.strip()
    return bool(name) and bool(PROGRAMS.search(name) or DATA_CENTRES.search(name))


def likely_machine(
    touches: Sequence[Touch], *, delivered_at: datetime | None
) -> tuple[bool, ...]:
    """Say of each touch of one message whether its moment gives a program away.

    It does within five seconds after the message was delivered (or before; unknown: cannot
    tell), and where three or more links were followed in one second. Order does not matter.
    """
    links: dict[datetime, set[str]] = defaultdict(set)
    for touch in touches:
        if touch.link:
            links[touch.at.replace(microsecond=0)].add(touch.link)
    return tuple(
        (delivered_at is not None and touch.at <= delivered_at + AT_ONCE)
        or (bool(touch.link) and len(links[touch.at.replace(microsecond=0)]) >= MANY_LINKS)
        for touch in touches
    )
