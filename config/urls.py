"""Every route of the platform; the only module that opens the doors of the apps."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

# The REST API: each line names one door, `path("orders", orders_api.Orders.as_view())`.
V1: list[URLPattern | URLResolver] = []

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(V1)),
    path("admin/", admin.site.urls),
]
