"""Addresses of what was said to members."""

from django.urls import URLPattern, path

from communications.views import notices, outbox, panels, preferences

notice_patterns: list[URLPattern] = [
    path("", notices.notices, name="notices"),
    path("read/", notices.read_all, name="notices_read"),
    path("<uuid:public_id>/read/", notices.read, name="notice_read"),
    path("<uuid:public_id>/open/", notices.open_one, name="notice_open"),
]
app_name = "communications"
urlpatterns: list[URLPattern] = [
    path("", outbox.outbox, name="outbox"),
    path("<uuid:public_id>/", outbox.message, name="message"),
    path("mine/", preferences.mine, name="my_preferences"),
    path("to/<str:token>/", preferences.preferences, name="preferences"),
    path("to/<str:token>/unsubscribe/", preferences.unsubscribe, name="unsubscribe"),
    path(
        "to/<str:token>/unsubscribe/<slug:topic>/",
        preferences.unsubscribe,
        name="unsubscribe_topic",
    ),
    path("members/<uuid:public_id>/", panels.messages, name="member_messages"),
]
