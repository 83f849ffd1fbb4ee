"""The road: a plan drawn along its days, worked out as plain numbers and words.

Pure Python. ``config.kernel.templatetags.road`` turns a ``Drawing`` into SVG; this module
decides where everything stands, which labels fit, and what the text equivalent says.
Positions are SVG user units; days are plan-days (``DOMAIN.md`` section 3).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise, product

from config.kernel.words import gettext as _
from config.kernel.words import gettext_noop, listed, ngettext


class Evidence(StrEnum):
    """How an achievement is known; each kind has its own shape on the road."""

    DERIVED = "derived"  # found in the facts: a circle
    CONFIRMED = "confirmed"  # somebody at the association confirmed it: a diamond
    DECLARED = "declared"  # the member said so: a square


@dataclass(frozen=True)
class Station:
    """A milestone: its expected plan-day, and whether and how it was achieved.

    ``first_day`` is the plan-day first agreed, where it was moved since.
    """

    title: str
    expected_day: int
    achieved: bool = False
    evidence: str = Evidence.DERIVED
    blocking: bool = False
    first_day: int | None = None


@dataclass(frozen=True)
class Road:
    """What the road shows. Nothing here is computed; the caller's engine did that.

    ``day`` is t (today on the plan), ``plan_clock`` is D, ``clock_30_days_ago`` is D thirty
    days earlier (None while too new to say), ``horizon`` the plan's last day. ``baseline``
    holds the days agreed first that are not expected any more, since the plan was moved: the
    large road draws them as ghosts, a smaller one leaves them out.
    """

    stations: Sequence[Station]
    day: int
    plan_clock: int
    clock_30_days_ago: int | None
    horizon: int
    baseline: Sequence[int] = field(default=())

    @property
    def position(self) -> int:
        """S = D - t in days: negative behind, positive ahead."""
        return self.plan_clock - self.day

    @property
    def moved(self) -> int | None:
        """Plan days gained (or lost) in the last 30; None when not known."""
        if self.clock_30_days_ago is None:
            return None
        return self.plan_clock - self.clock_30_days_ago

    @property
    def end(self) -> int:
        """The last day that must be visible; at least 1, so a scale always exists."""
        days = [station.expected_day for station in self.stations]
        return max(1, self.horizon, self.day, self.plan_clock, *days, *self.baseline)

    @property
    def blocking(self) -> Station | None:
        return next((station for station in self.stations if station.blocking), None)

    @property
    def next(self) -> Station | None:
        """The first station in plan order that is not achieved: the one that gates."""
        waiting = [station for station in ordered(self.stations) if not station.achieved]
        return waiting[0] if waiting else None


def ordered(stations: Iterable[Station]) -> list[Station]:
    return sorted(stations, key=lambda station: station.expected_day)


@dataclass(frozen=True)
class Scale:
    """Days to units, linear between knots, so a schematic and a true scale are one thing."""

    days: tuple[float, ...]
    units: tuple[float, ...]

    def __call__(self, day: float) -> float:
        """Where ``day`` stands; days outside the knots are held at the ends."""
        if day <= self.days[0]:
            return self.units[0]
        for left in range(len(self.days) - 1):
            start, stop = self.days[left], self.days[left + 1]
            if day <= stop:
                share = (day - start) / (stop - start)
                span = self.units[left + 1] - self.units[left]
                return round(self.units[left] + share * span, 2)
        return self.units[-1]


@dataclass(frozen=True)
class Label:
    """Text beside a station: its lines, where they stand, and the leader to the station."""

    lines: tuple[str, ...]
    note: str
    x: float
    y: float
    anchor: str
    width: float
    lane: int
    leader: bool
    note_y: float

    def rows(self) -> list[tuple[float, str]]:
        return [(self.y + index * LINE_HEIGHT, line) for index, line in enumerate(self.lines)]


@dataclass(frozen=True)
class Stop:
    """A station with its place. ``cls`` carries shape and state for the style sheet."""

    station: Station
    x: float
    y: float
    cls: str
    label: Label | None


@dataclass(frozen=True)
class Flag:
    """The words at the traveller or at today's mark."""

    text: str
    x: float
    y: float
    anchor: str
    note: str = ""


@dataclass(frozen=True)
class Drawing:
    """Everything the SVG template needs; ``upright`` roads run from top to bottom."""

    upright: bool
    width: float
    height: float
    line: float
    start: float
    stop: float
    traveller: float
    today: float | None
    gap: tuple[float, float] | None
    gap_kind: str
    movement: tuple[float, float] | None
    chevrons: tuple[float, ...]
    backwards: bool
    stops: tuple[Stop, ...]
    ghosts: tuple[float, ...]
    here: Flag | None
    now: Flag | None
    crowded: bool


LINE_HEIGHT = 16.0
CHARACTER = 8.0  # a careful mean advance at 14 units, so that labels never touch
CHEVRON_STEP = 11.0
WRAPPINGS = ((26, 2, True), (17, 3, True), (13, 3, True), (17, 3, False))
BESIDE = 2.0  # how far a label beside its station reaches past it
CROWDED = 17.0  # marks closer than this are drawn smaller
STEP, CARD_STEP, SMALL_STEP = 18.0, 16.0, 6.0  # between marks that share a day
WIDE, NARROW, CARD = 800.0, 320.0, 360.0
SMALL = (120.0, 16.0)


def position_in_words(road: Road) -> str:
    """`15 days behind`, `3 days ahead` or `on plan`."""
    days = abs(road.position)
    if road.position < 0:
        return ngettext("%(count)s day behind", "%(count)s days behind", days) % {"count": days}
    if road.position > 0:
        return ngettext("%(count)s day ahead", "%(count)s days ahead", days) % {"count": days}
    return _("on plan")


def movement_in_words(road: Road) -> str:
    """The last 30 days in plan days, or that they are not known yet."""
    moved = road.moved
    if moved is None:
        return _("too new to say how fast")
    if moved == 0:
        return _("has not moved in the last 30 days")
    days = abs(moved)
    said = (
        ngettext(
            "went back %(count)s day in the last 30",
            "went back %(count)s days in the last 30",
            days,
        )
        if moved < 0
        else ngettext(
            "moved %(count)s day in the last 30", "moved %(count)s days in the last 30", days
        )
    )
    return said % {"count": days}


def sentence(road: Road, *, portal: bool = False) -> str:
    """The text equivalent: what the picture says, in one or two sentences.

    With ``portal`` it tells where I am and what is next, and never lateness or pace.
    """
    total = len(road.stations)
    reached = sum(station.achieved for station in road.stations)
    if portal:
        return _portal_sentence(road, reached=reached, total=total)
    parts = [
        _("On plan day %(clock)s on calendar day %(day)s, %(position)s")
        % {"clock": road.plan_clock, "day": road.day, "position": position_in_words(road)},
        movement_in_words(road),
    ]
    if road.blocking:
        waits = _("waiting on %(milestone)s (day %(day)s)")
        parts.append(
            waits % {"milestone": road.blocking.title, "day": road.blocking.expected_day}
        )
    said = ngettext(
        "%(place)s. %(reached)s of %(count)s milestone achieved.",
        "%(place)s. %(reached)s of %(count)s milestones achieved.",
        total,
    )
    text = said % {"place": listed(parts), "reached": reached, "count": total}
    if road.baseline:
        moved = _("%(text)s The plan was moved; %(days)s.")
        text = moved % {"text": text, "days": first_days_in_words(road.baseline)}
    return text


def _portal_sentence(road: Road, *, reached: int, total: int) -> str:
    if not total:
        return _("Your path has no milestones yet. We will agree them with you.")
    done = ngettext(
        "You have reached %(reached)s of %(count)s milestone.",
        "You have reached %(reached)s of %(count)s milestones.",
        total,
    ) % {"reached": reached, "count": total}
    if road.next is None:
        return _("%(reached)s That is all of them.") % {"reached": done}
    return _("%(reached)s Next: %(milestone)s.") % {
        "reached": done,
        "milestone": road.next.title,
    }


def first_days_in_words(days: Sequence[int]) -> str:
    """Which days first agreed the ghosts stand for: `day 90, first agreed, is a ghost`."""
    *others, last = [str(day) for day in sorted(days)]
    if not others:
        return _("day %(day)s, first agreed, is shown as a ghost") % {"day": last}
    return _("days %(days)s and %(last)s, first agreed, are shown as ghosts") % {
        "days": listed(others),
        "last": last,
    }


def without_ghosts(road: Road) -> Road:
    """The same road for where there is no room for ghosts, or nobody to judge by them."""
    return replace(road, baseline=())


def station_in_words(station: Station, *, portal: bool = False, upcoming: bool = False) -> str:
    """One line of the list that stands for the stations on the picture."""
    said = {"milestone": station.title, "day": day_in_words(station)}
    if station.achieved:
        if portal:
            return _("%(milestone)s: reached") % said
        evidence = _(EVIDENCE_WORDS.get(station.evidence, station.evidence))
        return _("%(milestone)s: %(day)s, achieved, %(evidence)s") % {
            **said,
            "evidence": evidence,
        }
    if portal:
        return (_("%(milestone)s: next") if upcoming else _("%(milestone)s: later")) % said
    if station.blocking:
        return _("%(milestone)s: %(day)s, not yet, this is what it waits on") % said
    return _("%(milestone)s: %(day)s, not yet") % said


EVIDENCE_WORDS = {
    "derived": gettext_noop("derived"),
    "confirmed": gettext_noop("confirmed"),
    "declared": gettext_noop("declared"),
}


def day_in_words(station: Station) -> str:
    """`day 150`, and the day first agreed where it was another one."""
    if station.first_day is None or station.first_day == station.expected_day:
        return _("day %(day)s") % {"day": station.expected_day}
    return _("day %(day)s, first agreed for day %(first)s") % {
        "day": station.expected_day,
        "first": station.first_day,
    }


def wrap(text: str, *, characters: int, lines: int) -> tuple[str, ...]:
    """``text`` on at most ``lines`` lines; what does not fit ends in an ellipsis."""
    rows: list[str] = []
    words = text.split()
    while words and len(rows) < lines:
        row = words.pop(0)
        while words and len(row) + 1 + len(words[0]) <= characters:
            row = f"{row} {words.pop(0)}"
        if len(row) > characters and len(rows) + 1 < lines:
            words.insert(0, row[characters - 1 :])
            row = row[: characters - 1] + "-"
        rows.append(row)
    if rows and (words or len(rows[-1]) > characters):
        rows[-1] = rows[-1][: characters - 1].rstrip(" ,.;:-") + "…"
    return tuple(rows)


def stop_class(station: Station, *, portal: bool, upcoming: bool) -> str:
    names = ["road-stop", f"is-{station.evidence}"]
    if station.achieved:
        names.append("is-achieved")
    elif portal and upcoming:
        names.append("is-next")
    elif station.blocking and not portal:
        names.append("is-blocking")
    return " ".join(names)


def fan_out(road: Road, *, scale: Scale, step: float) -> list[float]:
    """Where each station stands, in plan order: those of one day side by side around it.

    A day alone keeps its place unless a neighbour's company needs the room.
    """
    days = [station.expected_day for station in ordered(road.stations)]
    places = []
    for number, day in enumerate(days):
        company = days.count(day)
        offset = (number - days.index(day) - (company - 1) / 2) * step
        places.append(scale(day) + offset)
    low, high = scale.units[0], scale.units[-1]
    gaps = [step if a == b else min(step, scale(b) - scale(a)) for a, b in pairwise(days)]
    for number, gap in enumerate(gaps):
        least = places[number] + gap
        places[number + 1] = max(places[number + 1], least)
    if places and (excess := places[-1] - high) > 0:
        places[-1] -= excess
        for number in reversed(range(len(gaps))):
            places[number] = min(places[number], places[number + 1] - gaps[number])
    if places and (missing := low - places[0]) > 0:
        places[0] += missing
        for number, gap in enumerate(gaps):
            places[number + 1] = max(places[number + 1], places[number] + gap)
    return [round(place, 2) for place in places]


def chevrons(*, begin: float, finish: float) -> tuple[float, ...]:
    """Where the arrow's feathers stand between two places; at least one if it moved at all."""
    low, high = sorted((begin, finish))
    count = int((high - low) // CHEVRON_STEP)
    if high - low < 1:
        return ()
    if count < 2:
        return (round((low + high) / 2, 2),)
    step = (high - low) / count
    return tuple(round(low + step * (index + 0.5), 2) for index in range(count))


@dataclass(frozen=True)
class Common:
    """What every size draws along its axis."""

    traveller: float
    today: float | None
    gap: tuple[float, float] | None
    gap_kind: str
    movement: tuple[float, float] | None
    chevrons: tuple[float, ...]
    backwards: bool
    ghosts: tuple[float, ...]


def along(road: Road, *, scale: Scale, portal: bool) -> Common:
    here, now = scale(road.plan_clock), scale(road.day)
    movement: tuple[float, float] | None = None
    if not portal and road.clock_30_days_ago is not None and road.moved:
        movement = (scale(road.clock_30_days_ago), here)
    low, high = sorted((here, now))
    kind = "is-behind" if road.position < 0 else "is-ahead"
    return Common(
        traveller=here,
        today=None if portal else now,
        gap=None if portal or road.position == 0 else (low, high),
        gap_kind="" if portal else kind,
        movement=movement,
        chevrons=chevrons(begin=movement[0], finish=movement[1]) if movement else (),
        backwards=bool(movement and movement[1] < movement[0]),
        ghosts=() if portal else tuple(scale(day) for day in road.baseline),
    )


@dataclass
class Box:
    """Room that a placed label or leader takes."""

    left: float
    right: float
    lane: int
    leader: float

    def meets(self, other: "Box") -> bool:
        """Say whether the labels touch, or the deeper one's leader runs through the other."""
        if self.lane == other.lane:
            return self.left < other.right and other.left < self.right
        upper, deeper = (self, other) if self.lane < other.lane else (other, self)
        return upper.left < deeper.leader < upper.right


def by_importance(stations: Sequence[Station], *, upcoming: Station | None) -> list[int]:
    """Station numbers in the order in which they get their labels."""

    def rank(number: int) -> tuple[int, int]:
        if stations[number].blocking:
            return 0, number
        if stations[number] is upcoming:
            return 1, number
        return (2 if number in {0, len(stations) - 1} else 3), number

    return sorted(range(len(stations)), key=rank)


def place_labels(  # noqa: PLR0913  # the picture's measures, all by name
    road: Road,
    *,
    places: Sequence[float],
    width: float,
    first_y: float,
    lanes: int,
    portal: bool,
) -> dict[int, Label]:
    """Labels by station number: the important first, none touching another or a leader.

    A station whose label finds no room keeps its mark and stays in the list of words.
    """
    stations = ordered(road.stations)
    upcoming = road.next
    boxes: list[Box] = []
    chosen: dict[int, tuple[int, float, tuple[str, ...], str]] = {}
    for number in by_importance(stations, upcoming=upcoming):
        station = stations[number]
        note = station_note(station, portal=portal, upcoming=station is upcoming)
        x = places[number]
        for lane, (characters, rows, polite) in product(range(lanes), WRAPPINGS):
            lines = wrap(station.title, characters=characters, lines=rows)
            label_width = text_width(*lines, note, heavy=station.blocking)
            if polite and lines[-1].endswith("…"):
                continue  # another wrapping says it whole
            box = free_box(
                x,
                width=label_width,
                within=width,
                lane=lane,
                others=[] if not polite else [other for other in places if other != x],
                taken=boxes,
            )
            if box is None:
                continue  # another wrapping leaves the neighbours room for theirs
            boxes.append(box)
            chosen[number] = (lane, (box.left + box.right) / 2, lines, note)
            break
    tops = lane_tops(chosen.values(), first_y=first_y, lanes=lanes)
    return {
        number: Label(
            lines=lines,
            note=note,
            x=round(centre, 2),
            y=tops[lane],
            anchor="middle",
            width=text_width(*lines, note, heavy=stations[number].blocking),
            lane=lane,
            leader=lane > 0,
            note_y=tops[lane] + len(lines) * LINE_HEIGHT,
        )
        for number, (lane, centre, lines, note) in chosen.items()
    }


def free_box(  # noqa: PLR0913  # a place and what stands around it, all by name
    x: float,
    *,
    width: float,
    within: float,
    lane: int,
    others: Sequence[float],
    taken: Sequence[Box],
) -> Box | None:
    """Room for a label under ``x``, or to one side of it; None where it would touch.

    ``others`` are stations it must not stand under; ``taken`` the labels placed before.
    """
    half = width / 2
    for wish in (x, x - half + BESIDE, x + half - BESIDE):
        centre = min(max(wish, half + 2), within - half - 2)
        box = Box(left=centre - half - 6, right=centre + half + 6, lane=lane, leader=x)
        if not box.left <= x <= box.right or any(box.left < o < box.right for o in others):
            continue
        if not any(box.meets(other) for other in taken):
            return box
    return None


def lane_tops(
    chosen: Iterable[tuple[int, float, tuple[str, ...], str]], *, first_y: float, lanes: int
) -> list[float]:
    """The first line's place in each lane: below the tallest label of the lane above."""
    tallest = [0] * lanes
    for lane, _x, lines, _width in chosen:
        tallest[lane] = max(tallest[lane], len(lines))
    tops = [first_y]
    for lines_above in tallest[:-1]:
        tops.append(tops[-1] + (lines_above + 1) * LINE_HEIGHT + (10 if lines_above else 0))
    return tops


def text_width(*rows: str, heavy: bool = False) -> float:
    """A careful guess of the longest row's width; ``heavy`` for bold type."""
    return max(len(row) for row in rows) * CHARACTER * (1.1 if heavy else 1.0)


def station_note(station: Station, *, portal: bool, upcoming: bool) -> str:
    """The small line under a station's title."""
    if portal:
        if station.achieved:
            return "reached"
        return "next" if upcoming else ""
    if station.blocking and not station.achieved:
        return _("waiting, day %(day)s") % {"day": station.expected_day}
    return _("day %(day)s") % {"day": station.expected_day}


def beside(text: str, *, at: float, away: float | None, y: float, width: float) -> Flag | None:
    """Words beside a mark: on the side away from the other mark, else between, else None."""
    room = text_width(text) + 14
    fits_left, fits_right = at - room >= 0, at + room <= width
    if away is not None and away >= at:
        fits_right = fits_right and at + room < away - 12
    if away is not None and away < at:
        fits_left = fits_left and at - room > away + 12
    leftwards = away is not None and away >= at
    if leftwards and not fits_left:
        leftwards = False
        if not fits_right:
            return None
    elif not leftwards and not fits_right:
        leftwards = True
        if not fits_left:
            return None
    x = at - 10 if leftwards else at + 10
    return Flag(text=text, x=round(x, 2), y=y, anchor="end" if leftwards else "start")


def above(text: str, *, at: float, y: float, width: float) -> Flag:
    """Words centred over a mark, held inside the picture."""
    half = text_width(text, heavy=True) / 2
    x = width / 2 if half * 2 > width else min(max(at, half + 2), width - half - 2)
    return Flag(text=text, x=round(x, 2), y=y, anchor="middle")


def draw_wide(road: Road, *, portal: bool = False) -> Drawing:
    """The large road as it lies: 800 units wide, labels in up to three lanes below."""
    margin = 34.0
    scale = Scale(days=(0, road.end), units=(margin, WIDE - margin))
    common = along(road, scale=scale, portal=portal)
    line = 74.0
    places = fan_out(road, scale=scale, step=STEP)
    labels = place_labels(
        road, places=places, width=WIDE, first_y=line + 34, lanes=3, portal=portal
    )
    height = max((label.note_y for label in labels.values()), default=line + 12) + 8
    here, now = wide_flags(road, common=common, portal=portal)
    return assemble(
        road,
        common=common,
        labels=labels,
        scale=scale,
        places=places,
        portal=portal,
        size=(WIDE, height),
        line=line,
        flags=(here, now),
    )


def wide_flags(road: Road, *, common: Common, portal: bool) -> tuple[Flag, Flag | None]:
    """The traveller's words above the pin, today's beside its mark; one line if too close."""
    at = common.traveller
    if portal:
        return above(_("You are here"), at=at, y=26, width=WIDE), None
    today = common.today if common.today is not None else at
    if abs(today - at) < 1:
        words = _("Today, day %(day)s: %(position)s") % {
            "day": road.day,
            "position": position_in_words(road),
        }
        return above(words, at=at, y=26, width=WIDE), None
    plan = {"clock": road.plan_clock, "position": position_in_words(road), "day": road.day}
    words = _("Plan day %(clock)s, %(position)s") % plan
    now = beside(_("Today, day %(day)s") % plan, at=today, away=at, y=50, width=WIDE)
    if now is None:
        words = _("Plan day %(clock)s, %(position)s; today is day %(day)s") % plan
    return above(words, at=at, y=26, width=WIDE), now


def draw_card(road: Road, *, portal: bool = False) -> Drawing:
    """The medium road: 360 units, only the words that a card needs."""
    margin = 18.0
    scale = Scale(days=(0, road.end), units=(margin, CARD - margin))
    common = along(road, scale=scale, portal=portal)
    line = 54.0
    at = common.traveller
    here_on = _("Day %(clock)s, %(position)s") % {
        "clock": road.plan_clock,
        "position": position_in_words(road),
    }
    words = _("You are here") if portal else here_on
    here = above(words, at=at, y=14, width=CARD)
    target = road.blocking if road.blocking and not portal else road.next
    places = fan_out(road, scale=scale, step=CARD_STEP)
    labels: dict[int, Label] = {}
    for number, station in enumerate(ordered(road.stations)):
        if station is target:
            lines = wrap(station.title, characters=36, lines=1)
            note = station_note(station, portal=portal, upcoming=True)
            width = text_width(lines[0], note, heavy=station.blocking)
            x = min(max(places[number], width / 2 + 2), CARD - width / 2 - 2)
            labels[number] = Label(
                lines=lines,
                note=note,
                x=round(x, 2),
                y=line + 30,
                anchor="middle",
                width=width,
                lane=0,
                leader=False,
                note_y=line + 30 + LINE_HEIGHT,
            )
    height = line + (54 if labels else 20)
    return assemble(
        road,
        common=common,
        labels=labels,
        scale=scale,
        places=places,
        portal=portal,
        size=(CARD, height),
        line=line,
        flags=(here, None),
    )


def draw_small(road: Road, *, portal: bool = False) -> Drawing:
    """The road in a row of a list: 120 by 16 units, shapes only."""
    width, height = SMALL
    scale = Scale(days=(0, road.end), units=(6.0, width - 6))
    common = along(road, scale=scale, portal=portal)
    return assemble(
        road,
        common=common,
        labels={},
        scale=scale,
        places=fan_out(road, scale=scale, step=SMALL_STEP),
        portal=portal,
        size=(width, height),
        line=10.0,
        flags=(None, None),
    )


def upright_scale(road: Road) -> Scale:
    """True to the days where there is room, and never closer than a label is high.

    A day that several stations share is a knot for each of them.
    """
    days: list[float] = [0.0]
    units: list[float] = [26.0]
    unit = 260 / road.end
    previous_lines = 1
    for number, station in enumerate(ordered(road.stations)):
        span = station.expected_day - days[-1]
        need = 34.0 + LINE_HEIGHT * previous_lines
        previous_lines = len(wrap(station.title, characters=21, lines=2))
        if span <= 0 and number == 0:
            continue
        days.append(float(station.expected_day))
        units.append(round(units[-1] + max(need, span * unit), 2))
    if days[-1] < road.end:
        units.append(round(units[-1] + max(64.0, (road.end - days[-1]) * unit), 2))
        days.append(float(road.end))
    if len(days) == 1:
        return Scale(days=(0.0, 1.0), units=(26.0, 126.0))
    return Scale(days=tuple(days), units=tuple(units))


def upright_places(road: Road, *, scale: Scale) -> list[float]:
    """Where each station stands, in plan order: on its own knot of its day."""
    days = [station.expected_day for station in ordered(road.stations)]
    return [
        scale.units[scale.days.index(day) + number - days.index(day)]
        for number, day in enumerate(days)
    ]


def draw_upright(road: Road, *, portal: bool = False) -> Drawing:
    """The large road on a phone: 320 units wide, running down like a line's diagram."""
    scale = upright_scale(road)
    places = upright_places(road, scale=scale)
    common = along(road, scale=scale, portal=portal)
    line = 112.0
    stations = ordered(road.stations)
    labels: dict[int, Label] = {}
    for number, station in enumerate(stations):
        y = places[number]
        lines = wrap(station.title, characters=21, lines=2)
        labels[number] = Label(
            lines=lines,
            note=station_note(station, portal=portal, upcoming=station is road.next),
            x=line + 24,
            y=y + 5,
            anchor="start",
            width=0,
            lane=0,
            leader=False,
            note_y=y + 5 + len(lines) * LINE_HEIGHT,
        )
    at = common.traveller
    today = common.today
    end = line - 42
    if portal:
        here, now = Flag("You", end, at + 5, "end"), None
    elif today is None or abs(today - at) < 1:
        here, now = (
            Flag(_("Today"), end, at - 3, "end", _("day %(day)s") % {"day": road.day}),
            None,
        )
    else:
        here_y, now_y = apart(at, today, least=36.0)
        here = Flag(
            _("Here"), end, here_y - 3, "end", _("day %(day)s") % {"day": road.plan_clock}
        )
        now = Flag(_("Today"), end, now_y - 3, "end", _("day %(day)s") % {"day": road.day})
    lowest = max((label.note_y for label in labels.values()), default=0.0)
    height = max(scale.units[-1] + 22, lowest + 8)
    return assemble(
        road,
        common=common,
        labels=labels,
        scale=scale,
        places=places,
        portal=portal,
        size=(NARROW, height),
        line=line,
        flags=(here, now),
        upright=True,
    )


def apart(first: float, second: float, *, least: float) -> tuple[float, float]:
    """Two places moved away from each other until ``least`` units lie between them."""
    missing = least - abs(first - second)
    if missing <= 0:
        return first, second
    shift = missing / 2
    sign = 1 if first <= second else -1
    return round(first - sign * shift, 2), round(second + sign * shift, 2)


def assemble(  # noqa: PLR0913  # the parts of one picture, all by name
    road: Road,
    *,
    common: Common,
    labels: dict[int, Label],
    scale: Scale,
    places: Sequence[float],
    portal: bool,
    size: tuple[float, float],
    line: float,
    flags: tuple[Flag | None, Flag | None],
    upright: bool = False,
) -> Drawing:
    stops = []
    for number, station in enumerate(ordered(road.stations)):
        place = places[number]
        stops.append(
            Stop(
                station=station,
                x=line if upright else place,
                y=place if upright else line,
                cls=stop_class(station, portal=portal, upcoming=station is road.next),
                label=labels.get(number),
            )
        )
    return Drawing(
        upright=upright,
        width=size[0],
        height=round(size[1], 2),
        line=line,
        start=scale.units[0],
        stop=scale.units[-1],
        traveller=common.traveller,
        today=common.today,
        gap=common.gap,
        gap_kind=common.gap_kind,
        movement=common.movement,
        chevrons=common.chevrons,
        backwards=common.backwards,
        stops=tuple(sorted(stops, key=lambda stop: "is-blocking" in stop.cls)),
        ghosts=common.ghosts,
        here=flags[0],
        now=flags[1],
        crowded=any(right - left < CROWDED for left, right in pairwise(places)),
    )
