"""The doors of reports."""

from typing import Annotated, Any

from django.http import FileResponse
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from rest_framework.request import Request

from payments.kernel import money
from payments.kernel.errors import Refusal
from payments.rest import fields, pages, wire
from payments.rest.models import ApiClient
from reporting import selectors, shapes
from reporting.documents import (
    CLOSES,
    LINK,
    MANIFEST,
    READY,
    REPORT,
    REPORT_BODY,
    STATUS,
    TIE_OUTS,
    ClosesObject,
    LinkObject,
    ManifestObject,
    ReportObject,
    StatusObject,
    TieOutsObject,
)
from reporting.models import FileFormat, ReportRun, Way
from reporting.reports import base
from reporting.reports.catalogue import REPORTS
from reporting.services import exports, files, links
from reporting.states import RunStatus
from reporting.uptime import status


def _known(name: str) -> str:
    if name not in REPORTS:
        raise PydanticCustomError("parameter_invalid", "Not a report: see docs/reports.md")
    return name


ReportName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(REPORTS)})]


class ReportParameters(wire.Input):
    """What the file is about: rows from `interval_start`, inclusive, to `interval_end`, exclusive."""

    interval_start: fields.Time
    interval_end: fields.Time
    timezone: Annotated[str, fields.Line(64), Field(description="IANA; that of created_local.")] = "UTC"
    currency: fields.Currency | None = None


class ReportBody(wire.Input):
    """A report to be produced."""

    report: ReportName
    parameters: ReportParameters
    format: Annotated[FileFormat, Field(strict=False)] = FileFormat.CSV


class ReportFilters(pages.Query):
    """Filters of the list of reports."""

    report: ReportName | None = None
    status: Annotated[RunStatus, Field(strict=False)] | None = None


def _run(client: ApiClient, report_id: str) -> ReportRun:
    return selectors.run(report_id, client_id=client.pk)


def _parameters(body: ReportBody) -> base.Parameters:
    """The rules' parameters; what they refuse is named as it stands in the body."""
    try:
        return base.Parameters(**dict(body.parameters))
    except Refusal as refusal:
        raise type(refusal)(refusal.detail, param=f"parameters.{refusal.param}") from None


def _by(call: wire.Call) -> str:
    return f"api {call.client.name}"[:80]


class Reports(wire.Door):
    """`/v1/reports`"""

    @wire.operation(
        name="reports.create",
        summary="Ask for a report",
        scope="reports:write",
        status=201,
        body=ReportBody,
        answers=ReportObject,
        render=shapes.report,
        recorded=_run,
        refuses=(base.ReportIntervalInvalid, base.TimezoneUnknown, money.UnknownCurrency, exports.ReportForStaff),
        example_body=REPORT_BODY,
        example=REPORT,
    )
    def post(self, call: wire.Call, body: ReportBody) -> ReportRun:
        """It is produced soon: the event `report.ready`, or its status, says when it can be downloaded."""
        return exports.request(
            body.report, _parameters(body), by=_by(call), client_id=call.client.pk, file_format=body.format
        )

    @wire.operation(
        name="reports.list",
        summary="List reports",
        scope="reports:read",
        paged=True,
        query=ReportFilters,
        answers=ReportObject,
        render=shapes.report,
        example={"data": [READY], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, query: ReportFilters) -> pages.Page[Any]:
        """Newest first."""
        wanted = query.model_dump(include={"report", "status"}, exclude_none=True)
        return pages.page(selectors.runs_of(call.client.pk).filter(**wanted), query)


class ReportDoor(wire.Door):
    """`/v1/reports/{id}`"""

    @wire.operation(
        name="reports.retrieve",
        summary="Retrieve a report",
        scope="reports:read",
        answers=ReportObject,
        render=shapes.report,
        example=READY,
    )
    def get(self, call: wire.Call, report_id: str) -> ReportRun:
        """How far it is, and what came of it."""
        return _run(call.client, report_id)


class ReportCancel(wire.Door):
    """`/v1/reports/{id}/cancel`"""

    @wire.operation(
        name="reports.cancel",
        summary="Cancel a report",
        scope="reports:write",
        answers=ReportObject,
        render=shapes.report,
        recorded=_run,
        refuses=(exports.ReportUnexpectedState,),
        example=REPORT | {"status": "canceled"},
    )
    def post(self, call: wire.Call, report_id: str) -> ReportRun:
        """No file will be made."""
        return exports.cancel(report_id, client_id=call.client.pk, by=_by(call))


class ReportDownload(wire.Door):
    """`/v1/reports/{id}/download`"""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  DRF's signature
        """The file is what it is, whatever the caller accepts."""
        self.perform_authentication(request)
        self.check_permissions(request)

    @wire.operation(
        name="reports.download",
        summary="Download the file of a report",
        scope="reports:read",
        media=tuple(dict.fromkeys(files.CONTENT_TYPES.values())),
        refuses=(exports.ReportNotReady, exports.ReportNotTied, exports.ReportFileGone),
        example=None,
    )
    def get(self, call: wire.Call, report_id: str) -> FileResponse:
        """CSV (RFC 4180), or the same packed by gzip. The manifest's SHA-256 is of the unpacked bytes."""
        found = exports.download(report_id, client_id=call.client.pk, by=_by(call), way=Way.API)
        return FileResponse(found.open(), as_attachment=True, filename=found.name, content_type=found.content_type)


class ReportLink(wire.Door):
    """`/v1/reports/{id}/link`"""

    @wire.operation(
        name="reports.link",
        summary="Make a link to the file of a report",
        scope="reports:read",
        answers=LinkObject,
        render=shapes.link,
        refuses=(exports.ReportNotReady, exports.ReportNotTied, exports.ReportFileGone),
        example=LINK,
    )
    def get(self, call: wire.Call, report_id: str) -> links.Link:
        """A new one each time; it opens the file for fifteen minutes to whoever holds it, without a key."""
        return links.make(report_id, client_id=call.client.pk, by=_by(call))


class ReportManifest(wire.Door):
    """`/v1/reports/{id}/manifest`"""

    @wire.operation(
        name="reports.manifest",
        summary="Retrieve the manifest of a report",
        scope="reports:read",
        answers=ManifestObject,
        refuses=(exports.ReportNotReady,),
        example=MANIFEST,
    )
    def get(self, call: wire.Call, report_id: str) -> dict[str, object]:
        """What proves the file: hash, rows, control totals, and the manifest before it."""
        return exports.manifest(report_id, client_id=call.client.pk)


class TieOuts(wire.Door):
    """`/v1/tie_outs`"""

    @wire.operation(
        name="tie_outs.list",
        summary="What is unexplained at each provider account",
        scope="finance:read",
        answers=TieOutsObject,
        render=shapes.tie_outs,
        example=TIE_OUTS,
    )
    def get(self, call: wire.Call) -> list[Any]:  # noqa: ARG002  every door's signature
        """The newest of each account and currency, in their order. It is about everybody's money, not one client's."""
        return [row for _, row in sorted(selectors.unexplained().items())]


class Closes(wire.Door):
    """`/v1/closes`"""

    @wire.operation(
        name="closes.list",
        summary="How far the close of each legal entity is",
        scope="finance:read",
        answers=ClosesObject,
        render=shapes.closes,
        example=CLOSES,
    )
    def get(self, call: wire.Call) -> list[Any]:  # noqa: ARG002  every door's signature
        """The last day and the last month of each that are over. It is about everybody's money, not one client's."""
        return selectors.last_closes()


class StatusDoor(wire.Door):
    """`/v1/status`"""

    @wire.operation(
        name="status.retrieve",
        summary="Whether payments go through",
        scope="status:read",
        answers=StatusObject,
        render=shapes.status,
        example=STATUS,
    )
    def get(self, call: wire.Call) -> status.Status:  # noqa: ARG002  every door's signature
        """By method and country, now and on each of the last 90 days, with what is and was wrong. The same for all."""
        return status.now()
