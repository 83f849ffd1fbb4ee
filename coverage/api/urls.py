"""Addresses of coverage's part of the API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from coverage.api import capacity
from coverage.api.hours import HoursVersions
from coverage.api.rebalancings import Rebalancings

app_name = "coverage-api"

router = SimpleRouter()
router.register("hours", HoursVersions, basename="hours")
router.register("rebalancings", Rebalancings, basename="rebalancings")

urlpatterns = [
    path("coverage/capacity", capacity.CapacityView.as_view(), name="capacity"),
    path("coverage/", include(router.urls)),
]
