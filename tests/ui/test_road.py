import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from django.template import Context, Template, TemplateSyntaxError
from hypothesis import given
from hypothesis import strategies as st

from config.kernel import road as roads
from config.kernel.road import Road, Scale, Station
from config.kernel.views import ROADS

SLIPPING = ROADS["slipping"]


def render(source, **context):
    return Template("{% load road %}" + source).render(Context(context))


def pictures(html):
    return [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def with_class(picture, name):
    return [e for e in picture.iter() if name in e.get("class", "").split()]


def place(element):
    x, y = re.search(r"translate\(([\d.]+) ([\d.]+)\)", element.get("transform")).groups()
    return float(x), float(y)


def test_scale_is_linear_between_its_knots_and_held_outside():
    scale = Scale(days=(0, 100), units=(10, 210))

    assert [scale(day) for day in (-5, 0, 25, 100, 400)] == [10, 10, 60, 210, 210]


@pytest.mark.parametrize("name", sorted(ROADS))
def test_traveller_and_today_stand_at_the_scale_of_their_days(name):
    value = ROADS[name]
    lying = Scale(days=(0, value.end), units=(34.0, 766.0))
    upright = roads.upright_scale(value)
    wide, tall = pictures(render("{% road value %}", value=value))

    assert place(with_class(wide, "road-traveller")[0])[0] == lying(value.plan_clock)
    assert place(with_class(tall, "road-traveller")[0])[1] == upright(value.plan_clock)
    assert with_class(wide, "road-today")[0].get("d").startswith(f"M{lying(value.day)} ")


@pytest.mark.parametrize("name", sorted(ROADS))
def test_stations_stand_at_their_expected_days(name):
    value = ROADS[name]
    lying = Scale(days=(0, value.end), units=(34.0, 766.0))
    wide = pictures(render("{% road value %}", value=value))[0]
    stops = [element for element in with_class(wide, "road-stop") if element.tag == "g"]

    assert sorted(place(stop)[0] for stop in stops) == sorted(
        lying(station.expected_day) for station in value.stations
    )


def test_gap_between_traveller_and_today_is_the_position():
    drawing = roads.draw_wide(SLIPPING)
    scale = Scale(days=(0, 300), units=(34.0, 766.0))

    assert (drawing.gap, drawing.gap_kind) == ((scale(60), scale(75)), "is-behind")
    assert SLIPPING.position == -15


def test_arrow_runs_from_the_clock_thirty_days_ago_to_the_clock():
    back = roads.draw_wide(ROADS["regressing"])
    on = roads.draw_wide(SLIPPING)
    scale = Scale(days=(0, 300), units=(34.0, 766.0))

    assert (on.movement, on.backwards) == ((scale(45), scale(60)), False)
    assert (back.movement, back.backwards) == ((scale(120), scale(60)), True)
    assert roads.draw_wide(ROADS["stalled"]).movement is None
    assert roads.draw_wide(ROADS["day 3"]).movement is None


def test_evidence_decides_the_shape_of_a_station():
    wide = pictures(render("{% road value %}", value=ROADS["achieved"]))[0]
    stops = [element for element in with_class(wide, "road-stop") if element.tag == "g"]
    shapes = [with_class(stop, "road-mark")[0].tag for stop in stops]

    assert shapes == ["circle", "path", "rect", "circle", "path"]


def test_text_equivalent_says_what_the_picture_says():
    assert roads.sentence(SLIPPING) == (
        "On plan day 60 on calendar day 75, 15 days behind, moved 15 days in the last 30, "
        "waiting on Two decision makers with peer ties (day 60). 1 of 5 milestones achieved."
    )


def test_first_agreed_days_are_ghosts_on_the_large_road_only():
    stations = [
        replace(each, expected_day=150, first_day=90) for each in SLIPPING.stations[2:3]
    ]
    moved = replace(
        SLIPPING,
        stations=[*SLIPPING.stations[:2], *stations, *SLIPPING.stations[3:]],
        baseline=(90, 120),
    )
    drawn = {
        size: render(f'{{% road value size="{size}" %}}', value=moved)
        for size in ("small", "medium", "large")
    }
    portal = render("{% road value portal=True %}", value=moved)

    ghosts = {
        size: [len(with_class(picture, "road-ghost")) for picture in pictures(html)]
        for size, html in drawn.items()
    }
    said = "The plan was moved; days 90 and 120, first agreed, are shown as ghosts."
    assert ghosts == {"small": [0], "medium": [0], "large": [2, 2]}
    assert [said in html for html in drawn.values()] == [False, False, True]
    assert ("ghost" in portal, "agreed" in portal) == (False, False)
    assert "day 150, first agreed for day 90, not yet" in drawn["large"]


def test_one_ghost_is_told_as_one():
    assert roads.sentence(replace(SLIPPING, baseline=(90,))).endswith(
        " The plan was moved; day 90, first agreed, is shown as a ghost."
    )


def test_portal_says_where_i_am_and_nothing_of_lateness_or_pace():
    html = render("{% road value portal=True %}", value=SLIPPING)
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())

    assert roads.sentence(SLIPPING, portal=True) == (
        "You have reached 1 of 5 milestones. Next: Two decision makers with peer ties."
    )
    assert (
        re.findall(r"\b(?:behind|ahead|late|days?|today|pace|waiting|moved)\b", text.lower())
        == []
    )
    assert re.findall(r"road-today|road-gap|road-move|is-blocking|is-behind", html) == []


def test_small_road_is_120_by_16_and_says_the_same():
    html = render('{% road value size="small" %}', value=SLIPPING)
    (picture,) = pictures(html)

    assert (picture.get("width"), picture.get("height")) == ("120", "16")
    assert roads.sentence(SLIPPING) in html


def test_road_refuses_an_unknown_size():
    with pytest.raises(TemplateSyntaxError):
        render('{% road value size="huge" %}', value=SLIPPING)


def boxes(drawing):
    for stop in drawing.stops:
        if label := stop.label:
            half = label.width / 2
            yield (label.x - half, label.x + half, label.y - 12, label.note_y + 2)


def sharing(*days):
    return Road(
        tuple(
            Station(f"Milestone of day {day}, number {number}", day, achieved=number == 0)
            for number, day in enumerate(days)
        ),
        day=100,
        plan_clock=90,
        clock_30_days_ago=80,
        horizon=365,
    )


def test_two_stations_of_one_day_are_both_named():
    wide = roads.draw_wide(sharing(90, 90))

    assert [stop.station.title for stop in wide.stops if stop.label is None] == []


@pytest.mark.parametrize("days", [(90, 90), (90, 90, 90), (0, 0, 365, 365), (5, 90, 90, 91)])
def test_stations_that_share_a_day_are_all_seen_and_upright_all_named(days):
    wide, upright = roads.draw_wide(sharing(*days)), roads.draw_upright(sharing(*days))
    across = [stop.x for stop in wide.stops]
    down = [stop.y for stop in upright.stops]

    assert [stop.station.title for stop in upright.stops if stop.label is None] == []
    assert [b - a for a, b in pairwise(across) if b - a < 1] == []
    assert [b - a for a, b in pairwise(down) if b - a < 34] == []
    assert [x for x in across if not 34 <= x <= 766] == []


stations = st.lists(
    st.builds(
        Station,
        title=st.text("abcdefgh ijkl", min_size=1, max_size=80).filter(str.strip),
        expected_day=st.integers(1, 800),
        achieved=st.booleans(),
        evidence=st.sampled_from(["derived", "confirmed", "declared"]),
        blocking=st.booleans(),
    ),
    max_size=12,
)
any_road = st.builds(
    Road,
    stations=stations,
    day=st.integers(0, 900),
    plan_clock=st.integers(0, 900),
    clock_30_days_ago=st.none() | st.integers(0, 900),
    horizon=st.integers(0, 800),
)


@given(any_road)
def test_labels_never_touch_and_never_leave_the_picture(value):
    drawing = roads.draw_wide(value)
    placed = list(boxes(drawing))

    overlapping = [
        (one, two)
        for number, one in enumerate(placed)
        for two in placed[number + 1 :]
        if one[0] < two[1] and two[0] < one[1] and one[2] < two[3] and two[2] < one[3]
    ]
    assert overlapping == []
    assert [
        box for box in placed if box[0] < 0 or box[1] > 800 or box[3] > drawing.height
    ] == []


@given(any_road)
def test_upright_road_keeps_labels_apart_and_the_order_of_days(value):
    drawing = roads.draw_upright(value)
    labels = sorted((s.label for s in drawing.stops if s.label), key=lambda one: one.y)
    gaps = [two.y - one.note_y for one, two in pairwise(labels)]

    assert [gap for gap in gaps if gap < 12] == []
    if value.position:
        assert (drawing.traveller > drawing.today) == (value.position > 0)
