from django.urls import path

from assessments.api.views import AssessmentList, ScoreList, Sheet

urlpatterns = [
    path("assessments/", AssessmentList.as_view(), name="assessments"),
    path("assessments/<uuid:pk>/scores/", ScoreList.as_view(), name="scores"),
    path("assessments/<uuid:pk>/sheet.xlsx", Sheet.as_view(), name="sheet"),
]
