"""Matters over REST: fetch through scope, one action, answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import FileResponse, Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common import clock
from gridgov.common.api.pages import listing, page_of
from gridgov.common.api.parsing import FormBody
from gridgov.common.api.problems import problem_of
from gridgov.common.api.repeat import answer, body_hash
from gridgov.common.api.schema import REPLAYED_HEADER, repeatable
from gridgov.common.api.views import AnyFormat, View, checked, one, ready
from gridgov.common.errors import DomainError, Invalid
from gridgov.common.models import User
from gridgov.common.paging import Key, Page
from gridgov.common.prepared import Prepared
from grids.models import Rule
from incidents import due
from incidents.actions import Outcome, attach, perform, report
from incidents.actions.result import replay_of
from incidents.api.inputs import (
    NAMED,
    ActionInput,
    DueQuery,
    IncidentQuery,
    Named,
    ReceiptQuery,
    ReportInput,
    UploadInput,
    named_member,
)
from incidents.api.serializers import (
    BatchItemSerializer,
    CategorySerializer,
    DetailSerializer,
    DueSerializer,
    HistorySerializer,
    IncidentSerializer,
    ReceiptsSerializer,
    UploadSerializer,
    in_brief,
)
from incidents.enums import CategoryKind
from incidents.models import Category, Incident, Transition, Upload
from incidents.permissions import allowed_actions, may_see_requester
from incidents.permissions.seeing import seen
from incidents.querysets import ListFilters
from incidents.receipts import receipts_of
from incidents.search.reading import search
from incidents.workflow import TRANSITIONS

MOST_AT_ONCE = 100
GONE = serializers.ListField(
    child=serializers.UUIDField(),
    required=False,
    help_text=gettext_lazy("With updated_since: what one saw and may no longer see."),
)


class CategoryList(View):
    @extend_schema(operation_id="categories", responses=CategorySerializer(many=True))
    def get(self, request: Request) -> Response:
        """The kinds of matters of the townships one works in, with their limits and what they require."""
        rows = list(Category.objects.visible_to(request.user).active().select_related("procedure"))
        rules = Rule.objects.filter(township__in={row.township_id for row in rows})
        known = {(rule.township_id, rule.rule_id): rule for rule in rules}
        return Response(CategorySerializer([_category(row, known) for row in rows], many=True).data)


def _category(row: Category, known: dict[tuple[str, str], Rule]) -> dict[str, Any]:
    def rule(rule_id: str) -> dict[str, str] | None:
        found = known.get((str(row.township_id), rule_id))
        return {"id": rule_id, "clause": found.clause, "text": found.text} if found else None

    spec = row.procedure.spec
    steps = {"feedback": spec.feedback, "return_visit": spec.return_visit, "verify": spec.verify}
    return {
        "code": row.code,
        "name": row.name,
        "kind": row.kind,
        "township": row.township_id,
        "limits": {key: {"n": limit.n, "unit": limit.unit} for key, limit in spec.limits.items()},
        "requires": [
            {"name": name, "when": when, "rule": rule(spec.rules.get(name, ""))}
            for name, when in steps.items()
            if when != "none"
        ],
        "must_report": row.must_report,
        "rule": rule(row.rule_id),
    }


class IncidentList(View):
    @extend_schema(
        operation_id="incidents", parameters=[IncidentQuery], responses=page_of(IncidentSerializer, gone=GONE)
    )
    def get(self, request: Request) -> Response:
        """What one sees, newest arrival first."""
        asked = self.asked(IncidentQuery)
        as_of = clock.now()
        key, since = asked.pop("cursor", None), asked.pop("updated_since", None)
        filters = ListFilters(**asked)
        more: dict[str, Any] = {}
        if since is not None:
            page, more = _changes(request.user, since, key)
        elif filters.q:
            page = search(request.user, filters, key).page
        else:
            page = Incident.objects.page_for(request.user, filters, key)
        return listing(
            request,
            [in_brief(row) for row in page.rows],
            following=page.next.encode() if page.next else None,
            before=page.previous.encode() if page.previous else None,
            as_of=as_of,
            **more,
        )

    @extend_schema(
        operation_id="report",
        request=ReportInput,
        responses=repeatable(IncidentSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request) -> Response:
        """Reports a matter. Photos follow by POST uploads/, before or after."""
        given = self.taken(ReportInput)
        outcome = _report(request.user, given, Named(request.user, [given]))
        return answer(in_brief(outcome.incident), replayed=outcome.replayed)


def _changes(user: User, since: datetime, key: Key | None) -> tuple[Page[Incident], dict[str, Any]]:
    found = Incident.objects.changed_for(user, since, key)
    if found is None:
        text = _("Too much has changed since then; load the whole list.")
        raise Invalid(text, code="load_anew", errors={"updated_since": [text]})
    return found.page, {"gone": [str(pk) for pk in found.gone]}


def _report(user: User, given: dict[str, Any], named: Named) -> Outcome:
    client_uuid, content = given.pop("client_uuid"), body_hash(given, "report")
    try:
        grid = named.grid(given["grid"])
        given |= {"grid": grid, "category": named.category(grid.township_code, given["category"])}
        if given.get("on_behalf_of"):
            given["on_behalf_of"] = named_member(user, given["on_behalf_of"])
    except DomainError:  # a repeat is answered even where its grid or category has ended since
        before = replay_of(Incident, "reporter_user", user, client_uuid, content)
        if before is None:
            raise
        return Outcome(Incident.objects.for_list().get(pk=before.pk), replayed=True)
    return report(user=user, client_uuid=client_uuid, body_hash=content, **given)


class IncidentBatch(View):
    @extend_schema(
        operation_id="report_batch",
        request=ReportInput(many=True),
        responses=BatchItemSerializer(many=True),
    )
    def post(self, request: Request) -> Response:
        """Up to 100 reports at once, each by itself: what one lacks does not hold back the others. Sending the same list
        again reports only what is missing."""
        items = request.data
        if not isinstance(items, list) or len(items) > MOST_AT_ONCE:
            text = _("Send a list of at most %(most)s reports.") % {"most": MOST_AT_ONCE}
            raise Invalid(text, code="invalid_batch")
        given = [_checked_item(item) for item in items]
        named = Named(request.user, [one for one in given if isinstance(one, dict)])
        return Response([_item(request, *pair, named) for pair in enumerate(zip(items, given, strict=True))])


def _checked_item(item: Any) -> dict[str, Any] | ValidationError:
    try:
        return checked(ReportInput, item)
    except ValidationError as error:
        return error


def _item(request: Request, index: int, pair: tuple[Any, Any], named: Named) -> dict[str, Any]:
    item, given = pair
    sent = item.get("client_uuid") if isinstance(item, dict) else None
    found: dict[str, Any] = {"index": index, "client_uuid": sent if isinstance(sent, str) else None}
    try:
        if isinstance(given, ValidationError):
            raise given
        outcome = _report(request.user, given, named)
    except Exception as error:  # noqa: BLE001  one that fails must not hold back the others for ever
        body = problem_of(error, request._request)  # noqa: SLF001
        return {**found, "status": body["status"], "problem": body}
    return {**found, "status": 200 if outcome.replayed else 201, "body": in_brief(outcome.incident)}


class ReceiptList(View):
    @extend_schema(operation_id="receipts", parameters=[ReceiptQuery], responses=ReceiptsSerializer)
    def get(self, request: Request) -> Response:
        """What of a day's own reports has arrived, by the client's own numbers, with its photos. The newest 500."""
        day = self.asked(ReceiptQuery).get("day") or clock.today()
        return Response(ReceiptsSerializer(receipts_of(request.user, day)).data)


class IncidentDetail(View):
    @extend_schema(operation_id="incident", responses=DetailSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(detail(request.user, seen(request.user, pk)))


def detail(user: User, incident: Incident) -> Any:
    parties = list(incident.parties.all()) if incident.category.kind == CategoryKind.DISPUTE else []
    context = {
        "uploads": FILES_OF(incident.pk),
        "allowed": allowed_actions(user, incident),
        "parties": parties,
        "sees_people": bool(parties or hasattr(incident, "requester")) and may_see_requester(user, incident),
    }
    vars(incident)["context"] = context
    return ready(DetailSerializer).to_representation(incident)


FILES_OF: Prepared[Upload] = Prepared(
    lambda incident: Upload.objects.filter(incident=incident).order_by("created_at", "id")
)


class IncidentAction(View):
    @extend_schema(
        operation_id="act",
        request=ActionInput,
        responses={200: DetailSerializer},
        parameters=[
            REPLAYED_HEADER,
            OpenApiParameter("action", OpenApiTypes.STR, OpenApiParameter.PATH, enum=sorted(TRANSITIONS)),
        ],
    )
    def post(self, request: Request, pk: UUID, action: str) -> Response:
        """Takes one of the actions that the matter lists in `allowed_actions`, with the arguments listed there."""
        if action not in TRANSITIONS:
            raise Http404
        incident = seen(request.user, pk)
        given = self.taken(ActionInput)
        call, content = given.pop("client_uuid"), body_hash(given, incident.pk, action)
        outcome = carry_out(request.user, incident, action, given, client_uuid=call, content=content)
        return answer(detail(request.user, outcome.incident), replayed=outcome.replayed, created=200)


def carry_out(
    user: User,
    incident: Incident,
    action: str,
    given: Mapping[str, Any],
    *,
    client_uuid: UUID,
    content: str,
    batch: UUID | None = None,
) -> Outcome:
    """One action, with what its arguments name looked up for this matter."""
    given, unknown = dict(given), None
    if given.get("on_behalf_of"):
        try:
            given["on_behalf_of"] = named_member(user, given["on_behalf_of"])
        except Invalid:  # whose rights would count, nobody knows: only a repeat is answered
            if replay_of(Transition, "user", user, client_uuid, content) is None:
                raise
            return Outcome(incident, replayed=True)
    for name in NAMED.keys() & given.keys():
        try:
            given[name] = NAMED[name](user, incident, given[name])
        except Invalid as error:
            unknown = error
    found = {name: value for name, value in given.items() if unknown is None or name not in NAMED}
    return perform(
        user=user,
        incident=incident,
        action=action,
        client_uuid=client_uuid,
        body_hash=content,
        batch=batch,
        unknown=unknown,
        **found,
    )


class IncidentHistory(View):
    @extend_schema(operation_id="history", responses=HistorySerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """All steps, oldest first."""
        incident = seen(request.user, pk)
        people = ("actor", "entered_by", "in_place_of", "responsible")
        rows = list(incident.history.select_related(*people).order_by("seq"))
        for row in rows:
            row.incident = incident  # its procedure names the steps
        return Response(HistorySerializer({"results": rows}).data)


class IncidentDue(View):
    @extend_schema(operation_id="due", parameters=[DueQuery], responses=DueSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Why it is due when it is due; with `start`, what if the clock had begun then."""
        asked = self.asked(DueQuery)
        return Response(DueSerializer(due.explain(seen(request.user, pk), start=asked.get("start"))).data)


class UploadList(View):
    parser_classes = (FormBody,)

    @extend_schema(
        operation_id="upload",
        request=UploadInput,
        responses=repeatable(UploadSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request) -> Response:
        """A file: photo (JPEG, PNG, WebP, HEIC), document (PDF, docx, xlsx), video (mp4) or audio (m4a, amr). It may arrive
        before its report and waits for it 7 days."""
        given = self.taken(UploadInput)
        upload, replayed = attach(user=request.user, name=given["file"].name, **given)
        return answer(UploadSerializer(upload).data, replayed=replayed)


class UploadFile(View):
    content_negotiation_class = AnyFormat

    @extend_schema(
        operation_id="upload_file",
        responses={(200, "*/*"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request, pk: UUID) -> FileResponse:
        """The file itself, for whoever sees its matter; anything but a photo as a download."""
        return serve(one(Upload.objects.visible_to(request.user), pk=pk))


def serve(upload: Upload) -> FileResponse:
    """A stored file: a photo in place under a name of our own, anything else as a download, and never as anything else."""
    try:
        file = upload.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    image = upload.content_type.startswith("image/")
    name = upload.name or f"{upload.pk}.{upload.file.name.rpartition('.')[2]}"
    response = FileResponse(file, as_attachment=not image, filename=name, content_type=upload.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
