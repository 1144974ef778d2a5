"""Pages of the first start, and of plans as files."""

from django.urls import path

from gridgov.plans import views

urlpatterns = [
    path("", views.first_account, name="setup"),
    path("township/", views.township, name="setup_township"),
    path("plans/", views.plans, name="plans"),
    path("plans/<slug:code>/file/", views.plan_file, name="plan_file"),
    path("people/<slug:code>/", views.people, name="setup_people"),
]
