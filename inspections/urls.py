"""Addresses below /inspections/."""

from django.urls import path

from inspections import views

app_name = "inspections"

urlpatterns = [
    path("", views.patrols, name="list"),
    path("duties/", views.duties, name="duties"),
    path("new/", views.new_patrol, name="new"),
    path("patrols/<uuid:pk>/", views.patrol, name="patrol"),
]
