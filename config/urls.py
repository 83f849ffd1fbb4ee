"""The composition root of addresses: names the apps, holds none of their rules."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from communications.urls import notice_patterns
from communications.views import hooks
from config.kernel import api_addresses, not_found
from config.kernel.permissions import public
from success.views import home

handler500 = "config.kernel.api_addresses.failed"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("", include("success.urls")),
    path("community/", include("community.urls")),
    path("coverage/", include("coverage.urls")),
    path("messages/", include("communications.urls")),
    path("notices/", include(notice_patterns)),
    path("webhooks/mail/<path:rest>", hooks.hook, name="mail-hooks"),
    # The association enters addresses; allauth's page for one's own writes on being seen.
    path(
        "accounts/email/",
        public(RedirectView.as_view(url=settings.LOGIN_REDIRECT_URL)),
        name="account-email-is-entered-by-staff",
    ),
    path("accounts/", include("allauth.urls")),
    path("", include("config.kernel.urls")),
    path("api/v1/", include("success.api.urls")),
    path("api/v1/", include("coverage.api.urls")),
    path("api/v1/", include("engagement.api.urls")),
    path("api/v1/", include("communications.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path(
        "api/docs/",
        SpectacularSwaggerView.as_view(template_name="api/docs.html", url_name="api-schema"),
        name="api-docs",
    ),
    re_path(r"^api(?:/|$)", api_addresses.elsewhere, name="api-elsewhere"),
]
if settings.WAYMARK_ADMIN_PATH:
    urlpatterns.append(path(settings.WAYMARK_ADMIN_PATH, admin.site.urls))
# with a last slash, so that an address without one is still sent to the one that has it
urlpatterns.append(re_path(r"^.*/$", not_found.nowhere, name="nowhere"))
