from django.urls import path

from success.api import measures

urlpatterns = [
    path("measures/revenue", measures.RevenueView.as_view(), name="measures-revenue"),
    path(
        "measures/revenue/movements",
        measures.MovementsView.as_view(),
        name="measures-revenue-movements",
    ),
    path("measures/vector", measures.VectorView.as_view(), name="measures-vector"),
]
