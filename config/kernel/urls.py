"""Addresses of the kernel's own pages; the root includes them."""

from django.urls import path

from config.kernel import views

urlpatterns = [
    path("gallery/", views.gallery, name="gallery"),
    path("gallery/portal/", views.gallery_portal, name="gallery_portal"),
    path("gallery/chart/<slug:kind>/", views.gallery_chart, name="gallery_chart"),
]
