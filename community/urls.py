"""Addresses of what members do together."""

from django.urls import URLPattern, path

from community.views import panels

app_name = "community"
urlpatterns: list[URLPattern] = [
    path("members/<uuid:public_id>/alongside/", panels.alongside, name="member_alongside"),
]
