"""Addresses of what was said to members."""

from django.urls import URLPattern, path

from communications.views import outbox, panels

app_name = "communications"
urlpatterns: list[URLPattern] = [
    path("", outbox.outbox, name="outbox"),
    path("<uuid:public_id>/", outbox.message, name="message"),
    path("members/<uuid:public_id>/", panels.messages, name="member_messages"),
]
