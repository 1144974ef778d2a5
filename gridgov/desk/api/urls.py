"""Everything under /api/v1/: the rooms' own addresses, and those that gather from several."""

from django.urls import include, path, re_path
from django.views.generic import TemplateView

from gridgov.common.api.views import Nothing
from gridgov.desk.api.views import Login, Logout, Me, OpenAPI, Tasks

app_name = "api"
urlpatterns = [
    path("auth/token/", Login.as_view(), name="login"),
    path("auth/logout/", Logout.as_view(), name="logout"),
    path("me/", Me.as_view(), name="me"),
    path("tasks/", Tasks.as_view(), name="tasks"),
    path("", include("grids.api.urls")),
    path("", include("incidents.api.urls")),
    path("", include("inspections.api.urls")),
    path("", include("assessments.api.urls")),
    path("schema/", OpenAPI.as_view(), name="schema"),
    path("docs/", TemplateView.as_view(template_name="api_docs.html"), name="docs"),
    re_path(r"", Nothing.as_view()),
]
