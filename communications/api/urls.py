"""Addresses of communications' part of the API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from communications.api import desk
from communications.api.messages import Messages
from communications.api.notices import Notices
from communications.api.templates import MessageTemplates, Topics

app_name = "communications-api"

router = SimpleRouter()
router.register("messages", Messages, basename="messages")
router.register("message-templates", MessageTemplates, basename="message-templates")
router.register("notices", Notices, basename="notices")
router.register("preferences", desk.Preferences, basename="preferences")
router.register("suppressions", desk.Suppressions, basename="suppressions")
router.register("topics", Topics, basename="topics")

urlpatterns = [path("", include(router.urls))]
