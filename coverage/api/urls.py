"""Addresses of coverage's part of the API."""

from django.urls import path

from coverage.api import capacity

app_name = "coverage-api"

urlpatterns = [
    path("coverage/capacity", capacity.CapacityView.as_view(), name="capacity"),
]
