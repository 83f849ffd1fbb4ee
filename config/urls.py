"""The composition root of addresses: names the apps, holds none of their rules."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("success.urls")),
    path("coverage/", include("coverage.urls")),
    path("messages/", include("communications.urls")),
    path("accounts/", include("allauth.urls")),
    path("", include("config.kernel.urls")),
]
