"""Addresses of what was said to members."""

from django.urls import URLPattern

app_name = "communications"
urlpatterns: list[URLPattern] = []
