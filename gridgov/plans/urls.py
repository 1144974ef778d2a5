"""Pages of the first start."""

from django.urls import path

from gridgov.plans import views

urlpatterns = [
    path("", views.first_account, name="setup"),
    path("township/", views.township, name="setup_township"),
    path("people/<slug:code>/", views.people, name="setup_people"),
]
