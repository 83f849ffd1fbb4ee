"""Addresses of communications' part of the API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from communications.api.messages import Messages
from communications.api.notices import Notices

app_name = "communications-api"

router = SimpleRouter()
router.register("messages", Messages, basename="messages")
router.register("notices", Notices, basename="notices")

urlpatterns = [path("", include(router.urls))]
