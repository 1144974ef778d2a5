"""Addresses below /incidents/. The requester's page stands outside: it is in gridgov/urls.py."""

from django.urls import path

from incidents.views import (
    bulk,
    importing,
    lists,
    matter,
    mediation,
    orders,
    papers,
    people_actions,
    phone,
    public,
    report,
    similar,
    uploads,
)

app_name = "incidents"

urlpatterns = [
    path("", lists.incidents, name="list"),
    path("bulk/", bulk.bulk, name="bulk"),
    path("bulk/<uuid:batch>/", bulk.done, name="bulk-done"),
    path("bulk/<uuid:batch>/undo/", bulk.undo, name="bulk-undo"),
    path("new/", report.report, name="new"),
    path("phone/", phone.phone, name="phone"),
    path("similar/", similar.similar, name="similar"),
    path("import/", importing.start, name="import"),
    path("import/template/", importing.template, name="import-template"),
    path("import/<uuid:pk>/", importing.check, name="import-check"),
    path("import/<uuid:pk>/errors/", importing.errors, name="import-errors"),
    path("orders/", orders.orders, name="orders"),
    path("orders/columns/<uuid:pk>/", orders.columns, name="order-columns"),
    path("orders/<int:mapping_pk>/<uuid:pk>/", orders.check, name="order-check"),
    path("orders/<int:mapping_pk>/<uuid:pk>/errors/", orders.errors, name="order-errors"),
    path("orders/<int:mapping_pk>/replies/", orders.replies, name="order-replies"),
    path("orders/<int:mapping_pk>/drop/", orders.drop, name="drop-order-mapping"),
    path("uploads/", uploads.receive, name="upload"),
    path("uploads/<uuid:pk>/", uploads.photo, name="photo"),
    path("uploads/<uuid:pk>/small/", uploads.small_photo, name="small-photo"),
    path("uploads/<uuid:pk>/drop/", uploads.drop, name="drop-upload"),
    path("<uuid:pk>/", matter.matter, name="detail"),
    path("<uuid:pk>/actions/<slug:action>/", matter.act, name="act"),
    path("<uuid:pk>/notice/", matter.copied, name="notice"),
    path("<uuid:pk>/mediations/new/", mediation.mediation, name="new-mediation"),
    path("<uuid:pk>/mediations/<uuid:mediation_pk>/", mediation.mediation, name="mediation"),
    path("<uuid:pk>/mediations/<uuid:mediation_pk>/<slug:name>/", papers.paper, name="mediation-paper"),
    path("<uuid:pk>/papers/<slug:name>/", papers.paper, name="paper"),
    path("<uuid:pk>/join/", similar.joined, name="join"),
    path("<uuid:pk>/parties/", people_actions.add, name="parties"),
    path("<uuid:pk>/parties/remove/", people_actions.remove, name="party-removal"),
    path("<uuid:pk>/reveal/", people_actions.look, name="reveal"),
    path("<uuid:pk>/answer/", people_actions.answer, name="answer"),
    path("<uuid:pk>/slip/", public.slip, name="slip"),
]
