"""Addresses of coverage."""

from django.urls import URLPattern, path

from coverage.views import overview, simulator

app_name = "coverage"
urlpatterns: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("hours.json", overview.hours_chart, name="hours_chart"),
    path("over-delivery/", simulator.over_delivery, name="over_delivery"),
    path("simulator/", simulator.simulator, name="simulator"),
    path("simulator/<uuid:public_id>/", simulator.rebalancing, name="rebalancing"),
    path(
        "simulator/<uuid:public_id>/apply/",
        simulator.rebalancing_apply,
        name="rebalancing_apply",
    ),
    path(
        "simulator/<uuid:public_id>/undo/",
        simulator.rebalancing_undo,
        name="rebalancing_undo",
    ),
    path(
        "simulator/<uuid:public_id>/before.json",
        simulator.rebalancing_chart,
        {"when": "before"},
        name="rebalancing_before",
    ),
    path(
        "simulator/<uuid:public_id>/after.json",
        simulator.rebalancing_chart,
        {"when": "after"},
        name="rebalancing_after",
    ),
]
