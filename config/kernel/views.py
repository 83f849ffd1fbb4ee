"""The gallery: every component in every state, so that a page is assembled by looking."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from config.kernel.permissions import public
from config.kernel.road import Road, Station
from config.kernel.templatetags import ui

STAFF = frozenset({"director", "msm", "operations"})
DAY = date(2026, 7, 29)
LONG_NAME = "Association for the Advancement of Interoperable Infrastructure Software in Europe"

FIRST_VALUE = Station("First value", 30, achieved=True)
PEERS = Station("Two decision makers with peer ties", 60, achieved=True, evidence="confirmed")
BENCHMARK = Station("Benchmark done and gap chosen", 90)
IMPROVEMENT = Station("Improvement live", 180)
DOCUMENTED = Station("Result documented", 300)


def late(station: Station) -> Station:
    return Station(station.title, station.expected_day, blocking=True)


LATE_PLAN = (FIRST_VALUE, late(PEERS), BENCHMARK, IMPROVEMENT, DOCUMENTED)
ROADS = {
    "on track": Road((FIRST_VALUE, PEERS, BENCHMARK, IMPROVEMENT, DOCUMENTED), 75, 75, 45, 300),
    "slipping": Road(LATE_PLAN, 75, 60, 45, 300),
    "stalled": Road(LATE_PLAN, 110, 60, 60, 300),
    "ahead": Road(
        (
            FIRST_VALUE,
            PEERS,
            Station(BENCHMARK.title, 90, achieved=True, evidence="declared"),
            IMPROVEMENT,
            DOCUMENTED,
        ),
        65,
        90,
        35,
        300,
    ),
    "regressing": Road(
        (
            FIRST_VALUE,
            late(PEERS),
            Station(BENCHMARK.title, 90, achieved=True),
            IMPROVEMENT,
            DOCUMENTED,
        ),
        150,
        60,
        120,
        300,
    ),
    "achieved": Road(
        tuple(
            Station(station.title, station.expected_day, achieved=True, evidence=kind)
            for station, kind in zip(
                (FIRST_VALUE, PEERS, BENCHMARK, IMPROVEMENT, DOCUMENTED),
                ("derived", "confirmed", "declared", "derived", "confirmed"),
                strict=True,
            )
        ),
        290,
        300,
        260,
        300,
    ),
    "moved plan": Road(
        (FIRST_VALUE, PEERS, Station(BENCHMARK.title, 150), IMPROVEMENT, DOCUMENTED),
        100,
        100,
        70,
        300,
        baseline=(90,),
    ),
    "day 3": Road((BENCHMARK, IMPROVEMENT, DOCUMENTED), 3, 3, None, 300),
    "crowded": Road(
        tuple(
            Station(title, day, achieved=day < 40, blocking=day == 41)
            for title, day in (
                ("Willkommensgespräch mit der Geschäftsführung", 5),
                ("Ansprechpartner benannt", 8),
                ("Erste Mitwirkende", 12),
                ("Projekt ausgewählt", 20),
                ("Mitgliedschaftsverwaltungszugang eingerichtet", 41),
                ("Erster Beitrag", 44),
                ("Zweites Projekt", 50),
                ("Zertifizierung beantragt", 120),
                ("Zertifiziert", 140),
                ("Seit einem Jahr dabei", 365),
            )
        ),
        61,
        41,
        20,
        365,
    ),
    "far behind": Road((FIRST_VALUE, late(PEERS)), 900, 60, 60, 60),
    "no milestones": Road((), 12, 12, None, 90),
}


class SampleForm(forms.Form):
    """One of each control, so that labels, help and errors can be looked at."""

    name = forms.CharField(help_text="As it should stand on the member's page.")
    email = forms.EmailField(label="E-mail address")
    segment = forms.ChoiceField(
        choices=[("", "Choose one"), ("inbound", "Inbound"), ("synchronous", "Synchronous")]
    )
    channel = forms.ChoiceField(
        label="How we reach them",
        choices=[("mail", "E-mail"), ("call", "Call")],
        widget=forms.RadioSelect,
        help_text="Human work obeys this too.",
    )
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    quiet = forms.BooleanField(label="Hold all messages", required=False)


class SampleFilters(forms.Form):
    q = forms.CharField(label="Name", required=False)
    state = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "Any"), *((key, look.word) for key, look in ui.STATES.items())],
    )


def chart_samples() -> dict[str, dict[str, Any]]:
    months = ["Feb", "Mar", "Apr", "May", "Jun", "Jul"]
    provisional = [False] * 4 + [True] * 2
    return {
        "line": {
            "kind": "line",
            "title": "NRR and GRR",
            "percent": True,
            "x": months,
            "note": "June and July are provisional until grace has ended.",
            "series": [
                {
                    "name": "NRR",
                    "data": [1.01, 1.02, 1.0, 1.03, 1.04, 1.02],
                    "provisional": provisional,
                },
                {
                    "name": "GRR",
                    "data": [0.94, 0.95, 0.93, 0.94, None, 0.92],
                    "provisional": provisional,
                },
            ],
        },
        "step": {
            "kind": "step",
            "title": "Still members",
            "percent": True,
            "x": ["0", "1", "2", "3", "4", "5"],
            "series": [{"name": "share", "data": [1, 0.9, 0.78, 0.7, 0.66, 0.64]}],
        },
        "bar": {
            "kind": "bar",
            "title": "Hours",
            "unit": "h",
            "x": ["A. Meyer", "B. Okafor", "C. Ruiz"],
            "series": [
                {"name": "needed", "data": [92, 130, 71]},
                {"name": "available", "data": [110, 104, 96]},
            ],
        },
        "stacked": {
            "kind": "stacked",
            "title": "States",
            "x": months,
            "series": [
                {"name": str(look.word), "state": key, "data": [12 + n + i for i in range(6)]}
                for n, (key, look) in enumerate(ui.STATES.items())
            ],
        },
        "waterfall": {
            "kind": "waterfall",
            "title": "Movements",
            "unit": "USD",
            "x": ["Opening", "New", "Grown", "Shrunk", "Left", "Closing"],
            "series": [
                {"name": "revenue", "data": [900000, 120000, 45000, -30000, -85000, None]}
            ],
        },
    }


def gallery_is_open(request: HttpRequest) -> bool:
    role = str(getattr(getattr(request, "user", None), "role", ""))
    return bool(settings.DEBUG) or role in STAFF


@public
@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    """Every component; open to staff, and to anyone while developing."""
    if not gallery_is_open(request):
        raise Http404
    wrong = SampleForm({"name": "", "email": "nobody", "channel": "mail", "segment": "inbound"})
    charts = [
        {
            "title": sample["title"],
            "url": reverse("gallery_chart", args=[kind]),
            "rows": list(zip(sample["x"], sample["series"][0]["data"], strict=True)),
            "series": sample["series"][0]["name"],
        }
        for kind, sample in chart_samples().items()
    ]
    return render(
        request,
        "gallery.html",
        {
            "icons": sorted(ui.ICONS),
            "states": list(ui.STATES),
            "overlays": list(ui.OVERLAYS),
            "segments": ["Inbound", "Asynchronized", "Synchronous", "Task Force", "Emeriti"],
            "modalities": ["call", "meeting", "mail", "chat", "group"],
            "markers": list(ui.MARKERS),
            "roads": ROADS,
            "road": ROADS["slipping"],
            "road_sizes": ["small", "medium", "large"],
            "themes": ["light", "dark"],
            "tones": ["info", "success", "warning", "danger"],
            "amount": Decimal("45000.00"),
            "amount_cents": Decimal("-1250.50"),
            "nothing": None,
            "today": DAY,
            "days": [DAY + timedelta(days=gap) for gap in (-500, -40, -6, -1, 0, 1, 12, 90)],
            "long_name": LONG_NAME,
            "form": SampleForm(auto_id="empty_%s"),
            "wrong_form": wrong,
            "filters": SampleFilters(request.GET or None, auto_id="filter_%s"),
            "charts": charts,
            "crumbs": [("Members", "#members"), ("Organisations", "#organisations")],
        },
    )


@public
@require_safe
def gallery_portal(request: HttpRequest) -> HttpResponse:
    """A member's page made of samples: what the portal's parts look like together."""
    if not gallery_is_open(request):
        raise Http404
    return render(
        request,
        "gallery_portal.html",
        {"road": ROADS["slipping"], "today": DAY, "due": DAY + timedelta(days=9)},
    )


@public
@require_safe
def gallery_chart(request: HttpRequest, kind: str) -> JsonResponse:
    """The JSON of a sample chart."""
    samples = chart_samples()
    if not gallery_is_open(request) or kind not in samples:
        raise Http404
    return JsonResponse(samples[kind])
