from django.urls import path, re_path

from grids.api.views import GridDetail, GridList

urlpatterns = [
    path("grids/", GridList.as_view(), name="grids"),
    re_path(r"^grids/(?P<code>[0-9]{9,30})/$", GridDetail.as_view(), name="grid"),
]
