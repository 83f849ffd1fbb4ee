"""Addresses of coverage."""

from django.urls import URLPattern, path

from coverage.views import overview

app_name = "coverage"
urlpatterns: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("hours.json", overview.hours_chart, name="hours_chart"),
]
