"""The member page's panels: an app registers what it shows, and serves and guards it itself."""

from dataclasses import dataclass

from config.kernel.permissions import permissions_of


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A part of the member page.

    ``url_name`` is reversed with the member's ``public_id`` and answers with the fragment; its
    view asks for the same ``permission`` again. Lower ``order`` stands higher on the page.
    """

    key: str
    title: str
    order: int
    url_name: str
    permission: str


class PanelRegistry:
    """The panels of one page, by key."""

    def __init__(self) -> None:
        self._panels: dict[str, Panel] = {}

    def register(self, panel: Panel) -> None:
        """Add ``panel``; the same panel twice is harmless, another one by its key is not."""
        known = self._panels.setdefault(panel.key, panel)
        if known != panel:
            raise ValueError(f"There already is a panel {panel.key!r}: {known.title!r}.")

    def panels_for(self, user: object) -> list[Panel]:
        """Return the panels ``user`` may see, in the order of the page."""
        granted = permissions_of(user)
        visible = (panel for panel in self._panels.values() if panel.permission in granted)
        return sorted(visible, key=lambda panel: (panel.order, panel.key))


MEMBER_PAGE = PanelRegistry()


def register_panel(panel: Panel) -> None:
    """Add ``panel`` to the member page; called from an app's ``ready``."""
    MEMBER_PAGE.register(panel)


def panels_for(user: object) -> list[Panel]:
    """Return the member page's panels that ``user`` may see, in the order of the page."""
    return MEMBER_PAGE.panels_for(user)
