"""The composition root of addresses: names the apps, holds none of their rules."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
