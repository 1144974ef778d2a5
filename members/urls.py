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

# Below /roster/.
roster_patterns = [
    path("", views.roster, name="roster"),
    path("numbers/", views.numbers, name="numbers"),
    path("worker.js", views.numbers_worker, name="numbers-worker"),
    path("roster.xlsx", views.roster_workbook, name="roster-workbook"),
    path("import/", views.roster_import, name="roster-import"),
    path("import/<uuid:pk>/", views.roster_import_check, name="roster-import-check"),
    path("import/<uuid:pk>/errors/", views.roster_import_errors, name="roster-import-errors"),
]
