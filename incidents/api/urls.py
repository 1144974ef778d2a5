from django.urls import path

from incidents.api import bulk, mediation, people, similar, views

urlpatterns = [
    path("categories/", views.CategoryList.as_view(), name="categories"),
    path("incidents/", views.IncidentList.as_view(), name="incidents"),
    path("incidents/batch/", views.IncidentBatch.as_view(), name="incident-batch"),
    path("incidents/bulk/", bulk.IncidentBulk.as_view(), name="incident-bulk"),
    path("incidents/bulk/<uuid:batch>/undo/", bulk.BulkUndo.as_view(), name="incident-bulk-undo"),
    path("receipts/", views.ReceiptList.as_view(), name="receipts"),
    path("incidents/similar/", similar.IncidentSimilar.as_view(), name="incident-similar"),
    path("incidents/<uuid:pk>/", views.IncidentDetail.as_view(), name="incident"),
    path(
        "incidents/<uuid:pk>/actions/<slug:action>/", views.IncidentAction.as_view(), name="incident-action"
    ),
    path("incidents/<uuid:pk>/history/", views.IncidentHistory.as_view(), name="incident-history"),
    path("incidents/<uuid:pk>/due/", views.IncidentDue.as_view(), name="incident-due"),
    path("incidents/<uuid:pk>/parties/", people.PartyList.as_view(), name="incident-parties"),
    path("incidents/<uuid:pk>/parties/remove/", people.PartyRemoval.as_view(), name="incident-party-removal"),
    path("incidents/<uuid:pk>/reveal/", people.IncidentReveal.as_view(), name="incident-reveal"),
    path("incidents/<uuid:pk>/answer/", people.IncidentAnswer.as_view(), name="incident-answer"),
    path("incidents/<uuid:pk>/calls/", people.IncidentCalls.as_view(), name="incident-calls"),
    path("incidents/<uuid:pk>/join/", people.IncidentJoin.as_view(), name="incident-join"),
    path("incidents/<uuid:pk>/mediations/", mediation.MediationList.as_view(), name="incident-mediations"),
    path(
        "incidents/<uuid:pk>/mediations/<uuid:mediation>/",
        mediation.MediationDetail.as_view(),
        name="incident-mediation",
    ),
    path("uploads/", views.UploadList.as_view(), name="uploads"),
    path("uploads/<uuid:pk>/file", views.UploadFile.as_view(), name="upload-file"),
]
