"""Addresses of coverage's part of the API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from coverage.api import capacity
from coverage.api.effort import Efforts
from coverage.api.hours import HoursVersions
from coverage.api.people import Absences, People, Teams
from coverage.api.profiles import Assignments, AxProfiles
from coverage.api.rebalancings import Rebalancings
from coverage.api.segments import Segments
from coverage.api.task_forces import TaskForces

app_name = "coverage-api"

router = SimpleRouter()
router.register("absences", Absences, basename="absences")
router.register("assignments", Assignments, basename="assignments")
router.register("effort", Efforts, basename="effort")
router.register("hours", HoursVersions, basename="hours")
router.register("people", People, basename="people")
router.register("profiles", AxProfiles, basename="ax-profiles")
router.register("rebalancings", Rebalancings, basename="rebalancings")
router.register("segments", Segments, basename="segments")
router.register("task-forces", TaskForces, basename="task-forces")
router.register("teams", Teams, basename="teams")

urlpatterns = [
    path("coverage/capacity", capacity.CapacityView.as_view(), name="capacity"),
    path("coverage/", include(router.urls)),
]
