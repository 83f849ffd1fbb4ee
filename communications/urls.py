"""Addresses of what was said to members."""

from django.urls import URLPattern, path

from communications.views import notices, outbox, panels, preferences, templates

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
    path("<uuid:public_id>/settle/", outbox.settle, name="message_settle"),
    path("addresses/", templates.suppressions, name="suppressions"),
    path("addresses/add/", templates.suppress, name="suppression_add"),
    path("addresses/<int:suppression_id>/lift/", templates.lift, name="suppression_lift"),
    path("templates/", templates.listed, name="templates"),
    path("templates/add/", templates.edit, name="template_add"),
    path("templates/of/<slug:key>/", templates.shown, name="template"),
    path("templates/of/<slug:key>/edit/", templates.edit, name="template_edit"),
    path("templates/of/<slug:key>/retire/", templates.retire, name="template_retire"),
    path("templates/of/<slug:key>/try/", templates.try_out, name="template_try"),
    path("topics/", templates.topics, name="topics"),
    path("topics/add/", templates.topic, name="topic_add"),
    path("topics/of/<slug:key>/", templates.topic, name="topic"),
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
