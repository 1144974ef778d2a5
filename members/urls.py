"""Addresses below /inbox/."""

from django.urls import path

from members import views

app_name = "members"

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("read/", views.read_all, name="read-all"),
    path("leave/", views.leave, name="leave"),
    path("leave/<int:pk>/end/", views.back_from_leave, name="leave-end"),
    path("<int:pk>/open/", views.open_message, name="open"),
]
