"""`{% road %}`: the plan as a road, server-rendered SVG with a text equivalent."""

from typing import Any

from django import template

from config.kernel import road as roads
from config.kernel.road import Evidence, Road, Station

__all__ = ["Evidence", "Road", "Station", "road"]

register = template.Library()

SIZES = ("small", "medium", "large")


@register.inclusion_tag("components/road.html", name="road")
def road(value: Road, size: str = "large", portal: bool = False, caption: bool = True) -> Any:
    """Draw ``value`` (a ``Road``).

    ``size``: ``small`` (a row, 120 by 16), ``medium`` (a card), ``large`` (a page; turns
    upright where its container is narrow, and shows ghosts of days first agreed).
    ``portal``: for the member, without lateness, pace or judgement. ``caption=False`` keeps
    the sentence for screen readers only.
    """
    if size not in SIZES:
        raise template.TemplateSyntaxError(f"road size must be one of {', '.join(SIZES)}")
    if size != "large" or portal:
        value = roads.without_ghosts(value)
    drawings = {
        "small": lambda: [roads.draw_small(value, portal=portal)],
        "medium": lambda: [roads.draw_card(value, portal=portal)],
        "large": lambda: [
            roads.draw_wide(value, portal=portal),
            roads.draw_upright(value, portal=portal),
        ],
    }[size]()
    return {
        "road": value,
        "size": size,
        "portal": portal,
        "caption": caption and size != "small",
        "drawings": drawings,
        "sentence": roads.sentence(value, portal=portal),
        "words": [
            roads.station_in_words(station, portal=portal, upcoming=station is value.next)
            for station in roads.ordered(value.stations)
        ],
    }
