from django.urls import include, path
from rest_framework.routers import SimpleRouter

from success.api import measures, outlook
from success.api.interventions import Interventions
from success.api.members import Members

app_name = "api"

router = SimpleRouter()
router.register("members", Members, basename="members")
router.register("interventions", Interventions, basename="interventions")

urlpatterns = [
    path("", include(router.urls)),
    path("measures/revenue", measures.RevenueView.as_view(), name="measures-revenue"),
    path(
        "measures/revenue/movements",
        measures.MovementsView.as_view(),
        name="measures-revenue-movements",
    ),
    path("measures/vector", measures.VectorView.as_view(), name="measures-vector"),
    path(
        "measures/stalled-and-lapsed",
        outlook.StalledAndLapsedView.as_view(),
        name="measures-stalled-and-lapsed",
    ),
    path("measures/first-value", outlook.FirstValueView.as_view(), name="measures-first-value"),
    path("measures/promises", outlook.KeptView.as_view(), name="measures-promises"),
    path("measures/success-gap", outlook.GapView.as_view(), name="measures-success-gap"),
]
