"""Addresses (contract.md)."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from gridgov.health import healthz, readyz
from incidents.views.public import feedback
from members.urls import roster_patterns

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("gridgov.desk.urls")),
    path("setup/", include("gridgov.plans.urls")),
    path("admin/", admin.site.urls),
    path("incidents/", include("incidents.urls")),
    path("inbox/", include("members.urls")),
    path("roster/", include(roster_patterns)),
    path("feedback/<slug:token>/", feedback, name="feedback"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("inspections/", include("inspections.urls")),
    path("assessments/", include("assessments.urls")),
    path("open311/v2/", include("incidents.api.open311.urls")),
    path("api/v1/", include("gridgov.desk.api.urls")),
]

handler400 = "gridgov.desk.views.bad_request"
handler500 = "gridgov.desk.views.server_error"
