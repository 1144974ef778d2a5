from django.urls import path

from incidents.api import views

urlpatterns = [
    path("categories/", views.CategoryList.as_view(), name="categories"),
    path("incidents/", views.IncidentList.as_view(), name="incidents"),
    path("incidents/batch/", views.IncidentBatch.as_view(), name="incident-batch"),
    path("receipts/", views.ReceiptList.as_view(), name="receipts"),
    path("incidents/<uuid:pk>/", views.IncidentDetail.as_view(), name="incident"),
    path(
        "incidents/<uuid:pk>/actions/<slug:action>/", views.IncidentAction.as_view(), name="incident-action"
    ),
    path("incidents/<uuid:pk>/history/", views.IncidentHistory.as_view(), name="incident-history"),
    path("incidents/<uuid:pk>/due/", views.IncidentDue.as_view(), name="incident-due"),
    path("uploads/", views.UploadList.as_view(), name="uploads"),
    path("uploads/<uuid:pk>/file", views.UploadFile.as_view(), name="upload-file"),
]
