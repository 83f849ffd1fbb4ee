"""Words with gaps: which there are, which have no value, and the words with values put in."""

import re
from collections.abc import Iterable, Mapping
from html import escape

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
ADDRESS = re.compile(r"https?://[^\s<>\"“”]+")
TRAILING = ".,;:!?)"


def names_in(*texts: str) -> tuple[str, ...]:
    """Return the names of the gaps in ``texts``, each once, in the order of their first use."""
    found = (name for text in texts for name in PLACEHOLDER.findall(text))
    return tuple(dict.fromkeys(found))


def missing(*texts: str, variables: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of gaps without a value, in order; null and blank are no value."""
    return tuple(name for name in names_in(*texts) if not has_value(variables.get(name)))


def has_value(value: object) -> bool:
    """Say whether ``value`` fills a gap: nought does, null and blank do not."""
    return value is not None and str(value).strip() != ""


def fill(text: str, *, values: Mapping[str, str]) -> str:
    """Put ``values`` into the gaps of ``text``; raise ``KeyError`` for one that has none.

    A value is put in as it stands and is not looked at again.
    """
    return PLACEHOLDER.sub(lambda gap: values[gap.group(1)], text)


def paragraphs(text: str) -> tuple[str, ...]:
    """Return ``text`` as HTML paragraphs' contents: escaped, lines kept, addresses as links.

    Blank lines divide paragraphs. Only ``http`` and ``https`` addresses become links, and the
    full stop after one stays outside it.
    """
    blocks = re.split(r"\n\s*\n", text.strip().replace("\r\n", "\n"))
    return tuple(_lines(block.split("\n")) for block in blocks if block.strip())


def _lines(lines: Iterable[str]) -> str:
    return "<br>".join(_linked(line.strip()) for line in lines)


def _linked(line: str) -> str:
    made, end = [], 0
    for found in ADDRESS.finditer(line):
        address = found.group().rstrip(TRAILING)
        start, stop = found.start(), found.start() + len(address)
        quoted = escape(address)
        made += [escape(line[end:start]), f'<a href="{quoted}">{quoted}</a>']
        end = stop
    return "".join([*made, escape(line[end:])])
