"""Addresses of engagement's part of the API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from engagement.api.facts import Facts

app_name = "engagement-api"

router = SimpleRouter()
router.register("facts", Facts, basename="facts")

urlpatterns = [path("", include(router.urls))]
