from django.urls import include, path
from rest_framework.routers import SimpleRouter

from success.api import (
    after_move,
    doing,
    explain,
    forecast,
    margin,
    measures,
    outlook,
    renewal_dues,
    renewals,
    retention,
    story,
)
from success.api.asks import Asks
from success.api.audit import AuditTrail
from success.api.batches import PlanBatches
from success.api.bulk import BulkActs
from success.api.interventions import Interventions
from success.api.members import Members
from success.api.milestones import Declarations
from success.api.outcomes import Fits, GoalChanges, Outcomes
from success.api.paths import Lint
from success.api.plans import Plans
from success.api.plays import Plays
from success.api.profiles import ProfileImports, ProfilesExport
from success.api.promises import Promises
from success.api.reviews import Reviews
from success.api.saved_views import SavedViews
from success.api.templates import Templates
from success.api.trials import Backtests, EffectView

app_name = "api"

router = SimpleRouter()
router.register("members", Members, basename="members")
router.register("interventions", Interventions, basename="interventions")
router.register("bulk-acts", BulkActs, basename="bulk-acts")
router.register("saved-views", SavedViews, basename="saved-views")
router.register("templates", Templates, basename="templates")
router.register("paths/lint", Lint, basename="paths-lint")
router.register("plans", Plans, basename="plans")
router.register("plays", Plays, basename="plays")
router.register("plan-batches", PlanBatches, basename="plan-batches")
router.register("outcomes", Outcomes, basename="outcomes")
router.register("goal-changes", GoalChanges, basename="goal-changes")
router.register("fits", Fits, basename="fits")
router.register("declarations", Declarations, basename="declarations")
router.register("promises", Promises, basename="promises")
router.register("asks", Asks, basename="asks")
router.register("reviews", Reviews, basename="reviews")
router.register("profiles/export", ProfilesExport, basename="profiles-export")
router.register("profiles/imports", ProfileImports, basename="profile-imports")
router.register("backtests", Backtests, basename="backtests")
router.register("audit", AuditTrail, basename="audit")

urlpatterns = [
    path("", include(router.urls)),
    path("measures/explain", explain.ExplainView.as_view(), name="measures-explain"),
    path("measures/revenue", measures.RevenueView.as_view(), name="measures-revenue"),
    path(
        "measures/revenue/movements",
        measures.MovementsView.as_view(),
        name="measures-revenue-movements",
    ),
    path("measures/our-work", doing.OurWorkView.as_view(), name="measures-our-work"),
    path("measures/integrity", doing.IntegrityView.as_view(), name="measures-integrity"),
    path("measures/vector", measures.VectorView.as_view(), name="measures-vector"),
    path(
        "measures/stalled-and-lapsed",
        outlook.StalledAndLapsedView.as_view(),
        name="measures-stalled-and-lapsed",
    ),
    path("measures/first-value", outlook.FirstValueView.as_view(), name="measures-first-value"),
    path("measures/forecast", forecast.ForecastView.as_view(), name="measures-forecast"),
    path(
        "measures/forecast/accounts",
        forecast.ForecastAccountsView.as_view(),
        name="measures-forecast-accounts",
    ),
    path(
        "measures/forecast/back-test",
        forecast.ForecastBackTestView.as_view(),
        name="measures-forecast-back-test",
    ),
    path(
        "measures/after-a-move",
        after_move.AfterMoveView.as_view(),
        name="measures-after-a-move",
    ),
    path("measures/story", story.StoryView.as_view(), name="measures-story"),
    path("measures/retention", retention.RetentionView.as_view(), name="measures-retention"),
    path("measures/renewals", renewals.RenewalsView.as_view(), name="measures-renewals"),
    path(
        "measures/renewals/available",
        renewal_dues.AvailableView.as_view(),
        name="measures-renewals-available",
    ),
    path("measures/margin", margin.MarginView.as_view(), name="measures-margin"),
    path(
        "measures/margin/members",
        margin.MemberMarginsView.as_view(),
        name="measures-margin-members",
    ),
    path("measures/effects/<slug:key>", EffectView.as_view(), name="measures-effect"),
    path("measures/promises", outlook.KeptView.as_view(), name="measures-promises"),
    path("measures/success-gap", outlook.GapView.as_view(), name="measures-success-gap"),
]
