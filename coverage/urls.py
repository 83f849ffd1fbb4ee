"""Addresses of coverage."""

from django.urls import URLPattern, path

from coverage.views import effort, experience, overview, segments

app_name = "coverage"
urlpatterns: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("effort/log/", effort.log, name="effort_log"),
    path("effort/members/", effort.members, name="effort_members"),
    path("hours.json", overview.hours_chart, name="hours_chart"),
    path("members/<uuid:public_id>/experience/", experience.panel, name="member_experience"),
    path(
        "members/<uuid:public_id>/experience/questions/",
        experience.questions,
        name="questions",
    ),
    path("members/<uuid:public_id>/experience/minutes/", experience.minutes, name="minutes"),
    path("members/<uuid:public_id>/experience/place/", experience.override, name="override"),
    path("members/<uuid:public_id>/experience/lift/", experience.lift, name="lift"),
    path("segments/", segments.segments, name="segments"),
    path("segments/add/", segments.add, name="segment_add"),
    path("segments/count/", segments.count, name="segment_count"),
    path("segments/<slug:key>/", segments.edit, name="segment"),
    path("segments/<slug:key>/move/", segments.move, name="segment_move"),
    path("segments/<slug:key>/retire/", segments.retire, name="segment_retire"),
    path("segments/<slug:key>/reinstate/", segments.reinstate, name="segment_reinstate"),
]
