"""Report runs: itemized reports as CSV with the columns asked for, in that order."""

import csv
import io
import zoneinfo
from typing import Any

from payments.simulator import differences
from payments.simulator.stripe import errors, events, files, itemized, listing, objects, parameters
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import INT, STR
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

CREATE: parameters.Spec = {
    "report_type": STR,
    "parameters": {
        "interval_start": INT,
        "interval_end": INT,
        "timezone": STR,
        "currency": STR,
        "reporting_category": STR,
        "columns": parameters.LIST,
    },
    "expand": parameters.LIST,
}
TAKES = 1


def create(call: Call) -> Json:
    """POST /v1/reporting/report_runs"""
    params = call.params
    parameters.required(params, "report_type")
    report = itemized.REPORTS.get(params["report_type"])
    if report is None:
        raise errors.InvalidError(
            f"The simulator does not know the report type {params['report_type']}.", "report_type"
        )
    wishes = params.get("parameters") or {}
    for name in ("interval_start", "interval_end"):
        if name not in wishes:
            raise errors.InvalidError(f"Missing required param: parameters[{name}].", f"parameters[{name}]")
    _check(report, wishes)
    shop = call.shop
    run = objects.ReportRun(
        id=shop.new_id("frr_1"),
        created=call.now,
        report_type=params["report_type"],
        parameters=wishes,
        url=f"{call.base_url}/v1/files",
    )
    shop.save(run)
    shop.later(TAKES, "run_report", run.id)
    return show(shop, run)


def _check(report: itemized.Report, wishes: Json) -> None:
    if wishes["interval_start"] >= wishes["interval_end"]:
        raise errors.InvalidError("interval_start must be before interval_end.", "parameters[interval_start]")
    try:
        zoneinfo.ZoneInfo(wishes.get("timezone") or "Etc/UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise errors.InvalidError("Unknown timezone.", "parameters[timezone]") from error
    for column in wishes.get("columns") or ():
        if not report.knows(str(column)):
            raise errors.InvalidError(f"Unknown column: {column}", "parameters[columns]")


def run_report(shop: Shop, run: objects.ReportRun) -> None:
    """Write the file, unless a scenario has it get lost."""
    fault = differences.at_file(shop, run.report_type)
    if fault is not None:
        differences.note(shop, fault.fault, 0, shop.account.currency, file=run.id)
        run.status, run.error = "failed", "The report could not be made. Please try again."
        shop.save(run)
        events.emit(shop, "reporting.report_run.failed", show(shop, run))
        return
    file = objects.File(
        id=shop.new_id("file_1"),
        created=shop.now(),
        filename=f"{run.id}.csv",
        content=_content(shop, run),
        url=run.url,
    )
    shop.save(file)
    run.file, run.status, run.succeeded_at = file.id, "succeeded", shop.now()
    shop.save(run)
    events.emit(shop, "reporting.report_run.succeeded", show(shop, run))


def _content(shop: Shop, run: objects.ReportRun) -> str:
    report = itemized.REPORTS[run.report_type]
    columns = [str(column) for column in run.parameters.get("columns") or report.default]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    zone = zoneinfo.ZoneInfo(run.parameters.get("timezone") or "Etc/UTC")
    writer.writerows(report.rows(shop, run.parameters, columns, zone))
    return text.getvalue()


def show(shop: Shop, run: objects.ReportRun) -> Json:
    """A report run as Stripe's object."""
    file = shop.find(objects.File, run.file)
    return {
        "id": run.id,
        "object": "reporting.report_run",
        "created": run.created,
        "error": run.error,
        "livemode": False,
        "parameters": run.parameters,
        "report_type": run.report_type,
        "result": files.show(file) if file else None,
        "status": run.status,
        "succeeded_at": run.succeeded_at,
    }


def retrieve(call: Call) -> Json:
    """GET /v1/reporting/report_runs/{id}"""
    return show(call.shop, call.shop.get(objects.ReportRun, call.args[0]))


def list_all(call: Call) -> Json:
    """GET /v1/reporting/report_runs"""
    rows = call.shop.newest(objects.ReportRun)
    return listing.page(rows, call.params, lambda run: show(call.shop, run), "/v1/reporting/report_runs")
