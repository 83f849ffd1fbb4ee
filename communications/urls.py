"""Addresses of what was said to members."""

from django.urls import URLPattern, path

from communications.views import panels

app_name = "communications"
urlpatterns: list[URLPattern] = [
    path("members/<uuid:public_id>/", panels.messages, name="member_messages"),
]
