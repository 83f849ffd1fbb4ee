"""Addresses of coverage."""

from django.urls import URLPattern, path

from coverage.views import (
    capacity,
    effort,
    experience,
    exports,
    hours,
    overview,
    people,
    segments,
    simulator,
    task_forces,
    unserved,
)

app_name = "coverage"
urlpatterns: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("capacity/", capacity.capacity, name="capacity"),
    path("capacity/loads.json", capacity.loads_chart, name="loads_chart"),
    path("capacity/weeks.json", capacity.weeks_chart, name="weeks_chart"),
    path("effort/log/", effort.log, name="effort_log"),
    path("effort/<uuid:public_id>/withdraw/", effort.withdraw, name="effort_withdraw"),
    path("effort/members/", effort.members, name="effort_members"),
    path("hours/", hours.hours, name="hours"),
    path("hours/begin/", hours.begin, name="hours_begin"),
    path("hours/new/", hours.edit, name="hours_edit"),
    path("hours/<int:number>/", hours.version, name="hours_version"),
    path("hours/<int:number>/withdraw/", hours.withdraw, name="hours_withdraw"),
    path("exports/<slug:table>.<slug:kind>", exports.export, name="export"),
    path("hours.json", overview.hours_chart, name="hours_chart"),
    path("over-delivery/", simulator.over_delivery, name="over_delivery"),
    path("simulator/", simulator.simulator, name="simulator"),
    path("simulator/<uuid:public_id>/", simulator.rebalancing, name="rebalancing"),
    path(
        "simulator/<uuid:public_id>/apply/",
        simulator.rebalancing_apply,
        name="rebalancing_apply",
    ),
    path(
        "simulator/<uuid:public_id>/undo/",
        simulator.rebalancing_undo,
        name="rebalancing_undo",
    ),
    path(
        "simulator/<uuid:public_id>/before.json",
        simulator.rebalancing_chart,
        {"when": "before"},
        name="rebalancing_before",
    ),
    path(
        "simulator/<uuid:public_id>/after.json",
        simulator.rebalancing_chart,
        {"when": "after"},
        name="rebalancing_after",
    ),
    path("members/<uuid:public_id>/experience/", experience.panel, name="member_experience"),
    path(
        "members/<uuid:public_id>/experience/questions/",
        experience.questions,
        name="questions",
    ),
    path("members/<uuid:public_id>/time/", effort.of_member, name="member_time"),
    path("members/<uuid:public_id>/experience/minutes/", experience.minutes, name="minutes"),
    path("members/<uuid:public_id>/experience/place/", experience.override, name="override"),
    path("members/<uuid:public_id>/experience/lift/", experience.lift, name="lift"),
    path("members/<uuid:public_id>/task-force/", task_forces.task_force, name="task_force"),
    path(
        "members/<uuid:public_id>/task-force/share/", task_forces.share, name="task_force_share"
    ),
    path(
        "members/<uuid:public_id>/task-force/<int:share_id>/leave/",
        task_forces.leave,
        name="task_force_leave",
    ),
    path("task-forces/", task_forces.task_forces, name="task_forces"),
    path("people/", people.people, name="people"),
    path("people/absences/<int:absence_id>/", people.absence, name="absence"),
    path(
        "people/absences/<int:absence_id>/cancel/", people.absence_cancel, name="absence_cancel"
    ),
    path("people/<uuid:public_id>/", people.contributor, name="contributor"),
    path("people/<uuid:public_id>/away/", people.absence_add, name="absence_add"),
    path("unserved/", unserved.unserved, name="unserved"),
    path("segments/", segments.segments, name="segments"),
    path("segments/add/", segments.add, name="segment_add"),
    path("segments/count/", segments.count, name="segment_count"),
    path("segments/<slug:key>/", segments.edit, name="segment"),
    path("segments/<slug:key>/move/", segments.move, name="segment_move"),
    path("segments/<slug:key>/retire/", segments.retire, name="segment_retire"),
    path("segments/<slug:key>/reinstate/", segments.reinstate, name="segment_reinstate"),
]
