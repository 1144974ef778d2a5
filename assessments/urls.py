"""Addresses below /assessments/."""

from django.urls import path

from assessments import views

app_name = "assessments"

urlpatterns = [
    path("", views.assessments, name="list"),
    path("new/", views.create, name="create"),
    path("<uuid:pk>/", views.sheet_page, name="sheet"),
    path("<uuid:pk>/sheet.xlsx", views.download, name="download"),
    *(path(f"<uuid:pk>/{verb}/", views.step, {"verb": verb}, name=verb) for verb in views.DONE),
    path("<uuid:pk>/<slug:village>/<slug:indicator>/", views.records, name="records"),
]
