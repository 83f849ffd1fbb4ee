"""What a mail says of itself: which of ours it answers, whether a person wrote it, and what."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

LONGEST: Final = 20_000
OUR_NAME: Final = re.compile(
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})@", re.IGNORECASE
)
AUTOMATIC_PRECEDENCE: Final = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
OUT_OF_OFFICE: Final = re.compile(
    r"^\s*(?:(?:auto(?:matic|matische|)?[ -]?(?:reply|response|antwort))|autoreply"
    r"|out of (?:the )?office|abwesen|away from (?:my|the) (?:desk|office)"
    r"|r[ée]ponse automatique|respuesta autom[áa]tica|risposta automatica)",
    re.IGNORECASE,
)
QUOTE_BEGINS: Final = re.compile(
    r"^(?:"
    r"-{2,}\s*(?:original message|forwarded message|urspr[üu]ngliche nachricht"
    r"|message d'origine)\s*-{2,}"
    r"|_{10,}"
    r"|(?:on|am|le|el|il)\s.{4,200}\b(?:wrote|schrieb|a [ée]crit|escribi[óo]|ha scritto)\b.*:"
    r")\s*$",
    re.IGNORECASE,
)
HEADER_OF_A_QUOTE: Final = re.compile(r"^(?:from|von|de|da):\s.+@", re.IGNORECASE)
SECOND_HEADER: Final = re.compile(
    r"^(?:sent|date|to|gesendet|datum|an|envoy[ée]|subject|betreff):\s", re.IGNORECASE
)


def names_of_ours(texts: Iterable[str]) -> tuple[UUID, ...]:
    """Return the identifiers of our messages that ``texts`` name, each once, in their order.

    Our Message-IDs are ``<identifier@our.domain>``; the last of References is the nearest, so
    give In-Reply-To first.
    """
    found = [UUID(name) for text in texts for name in OUR_NAME.findall(text)]
    return tuple(dict.fromkeys(found))


def name_in_address(address: str, *, reply_address: str) -> UUID | None:
    """Return whose answer ``address`` asks for: ``replies+<identifier>@our.domain``, or None.

    ``reply_address`` is the one without the part after the plus; blank: there is none.
    """
    local, _, domain = reply_address.strip().lower().rpartition("@")
    given, _, given_domain = address.strip().lower().rpartition("@")
    if not local or given_domain != domain or not given.startswith(f"{local}+"):
        return None
    try:
        return UUID(given.removeprefix(f"{local}+"))
    except ValueError:
        return None


def address_for(public_id: UUID, *, reply_address: str) -> str:
    """Return the address an answer to one message goes to; blank where there is none."""
    local, _, domain = reply_address.strip().rpartition("@")
    return f"{local}+{public_id.hex}@{domain}" if local else ""


def is_automatic(*, headers: Mapping[str, str], subject: str) -> bool:
    """Say whether a program wrote it: out of office, a confirmation, a bounce (RFC 3834).

    ``headers`` by their names in lower case.
    """
    said = headers.get("auto-submitted", "no").split(";")[0].strip().lower()
    return (
        said != "no"
        or headers.get("precedence", "").strip().lower() in AUTOMATIC_PRECEDENCE
        or bool(headers.get("x-autoreply") or headers.get("x-autorespond"))
        or "oof" in headers.get("x-auto-response-suppress", "").lower()
        or headers.get("x-auto-response-suppress", "").strip().lower() == "all"
        or headers.get("return-path", "").strip() == "<>"
        or bool(OUT_OF_OFFICE.match(subject))
    )


def shown(text: str) -> str:
    """Return what was newly written, without the message it quotes, for reading.

    Where nothing is left, all of it: an answer written between the quoted lines is not lost.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept: list[str] = []
    for number, line in enumerate(lines):
        following = lines[number + 1 : number + 3]
        if QUOTE_BEGINS.match(_joined(line, following)) or _is_header(line, following):
            break
        kept.append(line)
    new = [line for line in kept if not line.lstrip().startswith(">")]
    words = "\n".join(new).strip()
    return words or text.strip()


def _joined(line: str, following: list[str]) -> str:
    """Mail programs break «On … wrote:» over two lines where the name is long."""
    if re.match(r"(?:on|am|le|el|il)\s", line, re.IGNORECASE) and not line.rstrip().endswith(
        ":"
    ):
        return f"{line} {following[0]}" if following else line
    return line


def _is_header(line: str, following: list[str]) -> bool:
    return bool(HEADER_OF_A_QUOTE.match(line)) and any(
        SECOND_HEADER.match(each) for each in following
    )
