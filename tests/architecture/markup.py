"""What a page may not contain, so that its Content-Security-Policy needs no exception."""

from html.parser import HTMLParser

DATA_TYPES = {"application/json", "application/ld+json"}


class _Inspector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style":
            self._note("<style>")
        if tag == "script" and not given.get("src") and given.get("type") not in DATA_TYPES:
            self._note("<script> without src")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on", "data-hx-on")):
                self._note(f"{tag} {name}=")
            if (value or "").strip().lower().startswith("javascript:"):
                self._note(f"{tag} {name}=javascript:")

    handle_startendtag = handle_starttag

    def _note(self, what: str) -> None:
        line, _ = self.getpos()
        self.found.append(f"line {line}: {what}")


def inline_code(html: str) -> list[str]:
    """Return each inline script, style and event handler in ``html``, with its line."""
    inspector = _Inspector()
    inspector.feed(html)
    inspector.close()
    return inspector.found
