from django.urls import path

from inspections.api.views import DutyList, PatrolList

urlpatterns = [
    path("patrols/", PatrolList.as_view(), name="patrols"),
    path("duties/", DutyList.as_view(), name="duties"),
]
