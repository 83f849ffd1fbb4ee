"""Addresses of the staff's workspace and of the members' portal."""

from django.urls import URLPattern

app_name = "success"
urlpatterns: list[URLPattern] = []
