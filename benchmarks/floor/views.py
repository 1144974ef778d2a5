"""The floor: a DRF endpoint with the same token check and the same fields, one transaction, two writes."""

from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.floor.models import FloorEvent, FloorReport
from gridgov.common import clock
from incidents.api.inputs import ReportInput


class FloorList(APIView):
    def post(self, request: Request) -> Response:
        """Two inserts."""
        serializer = ReportInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(serializer.validated_data)
        requester = given.pop("requester", None) or {}
        for name in ("escalate", "external_no", "external_due", "extra", "channel"):
            given.pop(name, None)
        now = clock.now()
        with transaction.atomic():
            row = FloorReport.objects.create(
                **given,
                requester_name=requester.get("name", ""),
                requester_phone=requester.get("phone", ""),
                status="reported",
                reported_at=now,
            )
            FloorEvent.objects.create(report=row, action="report", note="", at=now)
        return Response({"id": str(row.pk), "status": row.status, "version": row.version}, status=201)

    def put(self, request: Request) -> Response:
        """One update and one insert."""
        now = clock.now()
        with transaction.atomic():
            changed = FloorReport.objects.filter(
                pk=request.data["id"], version=request.data["version"]
            ).update(status=request.data["status"], version=request.data["version"] + 1)
            FloorEvent.objects.create(report_id=request.data["id"], action="start", note="", at=now)
        row = FloorReport.objects.get(pk=request.data["id"])
        return Response({"id": str(row.pk), "status": row.status, "version": row.version, "changed": changed})
