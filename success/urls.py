"""Addresses of the staff's workspace and of the members' portal."""

from django.urls import URLPattern, path

from success.views import measures, member_panels, members, portal, reviews, runs, today

app_name = "success"
urlpatterns: list[URLPattern] = [
    path("today/", today.today, name="today"),
    path("today/<uuid:public_id>/", today.item, name="item"),
    path("today/<uuid:public_id>/claim/", today.claim, name="claim"),
    path("today/<uuid:public_id>/release/", today.release, name="release"),
    path("today/<uuid:public_id>/snooze/", today.snooze, name="snooze"),
    path("today/<uuid:public_id>/complete/", today.complete, name="complete"),
    path("today/<uuid:public_id>/undo/", today.undo, name="undo"),
    path("members/", members.members, name="members"),
    path("members/<uuid:public_id>/", members.member, name="member"),
    path("members/<uuid:public_id>/people/", member_panels.people, name="member_people"),
    path("members/<uuid:public_id>/items/", member_panels.items, name="member_items"),
    path(
        "members/<uuid:public_id>/involvement/",
        member_panels.involvement,
        name="member_involvement",
    ),
    path("members/<uuid:public_id>/terms/", member_panels.terms, name="member_terms"),
    path("members/<uuid:public_id>/facts/", member_panels.facts, name="member_facts"),
    path("members/<uuid:public_id>/timeline/", member_panels.history, name="member_timeline"),
    path("members/<uuid:public_id>/review/", reviews.panel, name="member_review"),
    path("members/<uuid:public_id>/review/schedule/", reviews.schedule, name="review_schedule"),
    path("reviews/", reviews.reviews, name="reviews"),
    path("reviews/<uuid:public_id>/", reviews.review, name="review"),
    path("reviews/<uuid:public_id>/move/", reviews.move, name="review_move"),
    path("reviews/<uuid:public_id>/cancel/", reviews.cancel, name="review_cancel"),
    path("reviews/<uuid:public_id>/hold/", reviews.hold, name="review_hold"),
    path("calendar/", reviews.calendar, name="calendar"),
    path("calendar/new/", reviews.calendar_new, name="calendar_new"),
    path("calendar/end/", reviews.calendar_end, name="calendar_end"),
    path("calendar/<slug:secret>.ics", reviews.calendar_feed, name="calendar_feed"),
    path("measures/", measures.measures, name="measures"),
    path("measures/states.json", measures.states_chart, name="measures_states_chart"),
    path("measures/retention.json", measures.retention_chart, name="measures_retention_chart"),
    path("measures/waterfall.json", measures.waterfall_chart, name="measures_waterfall_chart"),
    path("measures/movements/", measures.movements, name="movements"),
    path("measures/movements.csv", measures.movements_export, name="movements_export"),
    path("runs/", runs.runs, name="runs"),
    path("runs/start/", runs.night_start, name="night_start"),
    path("runs/<int:night_id>/", runs.night, name="night"),
    path("path/", portal.path, name="path"),
]
