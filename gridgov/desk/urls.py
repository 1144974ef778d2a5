"""Pages that gather from several rooms."""

from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.i18n import set_language

from gridgov.desk import grid_pages, views
from grids.views import importing
from grids.views.calendar import calendar

urlpatterns = [
    path("", views.desk, name="desk"),
    path("neglected/", views.neglected, name="neglected"),
    path("clock/", views.system_time, name="clock"),
    path("audit/", views.audit_trail, name="audit"),
    path("grids/", grid_pages.tree, name="grids"),
    path("grids/<slug:code>/", grid_pages.detail, name="grid"),
    path("grids/<slug:code>/calendar/", calendar, name="calendar"),
    path("grids/<slug:code>/tree.xlsx", importing.tree_workbook, name="grids-workbook"),
    path("grids/<slug:code>/import/", importing.start, name="grids-import"),
    path("grids/<slug:code>/import/<uuid:pk>/", importing.check, name="grids-import-check"),
    path("grids/<slug:code>/import/<uuid:pk>/errors/", importing.errors, name="grids-import-errors"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", views.PasswordChange.as_view(), name="password_change"),
    path("language/", set_language, name="set_language"),
]
