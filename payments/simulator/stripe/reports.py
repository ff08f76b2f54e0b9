"""Report runs: the itemized payout reconciliation as CSV, in major units, with the columns asked for."""

import csv
import io
import zoneinfo
from datetime import UTC, datetime
from typing import Any

from payments.simulator.stripe import currencies, errors, events, files, listing, objects, parameters, render
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
REPORT = "payout_reconciliation.itemized.5"
TAKES = 1
TIMES = ("automatic_payout_effective_at", "available_on", "charge_created", "created")
PLAIN = (
    "automatic_payout_id",
    "balance_transaction_id",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "payment_intent_id",
    "charge_id",
    "customer_facing_amount",
    "customer_facing_currency",
    "customer_id",
    "customer_email",
    "customer_name",
    "customer_description",
    "payment_method_type",
    "card_brand",
    "card_country",
    "card_funding",
    "dispute_reason",
    "statement_descriptor",
    "trace_id",
    "trace_id_status",
)
# Documented columns that nothing in the simulator fills.
EMPTY = (
    "connected_account_country",
    "connected_account_direct_charge_id",
    "connected_account_id",
    "connected_account_name",
    "destination_payment_id",
    "invoice_id",
    "invoice_number",
    "is_link",
    "order_id",
    "regulatory_tag",
    "subscription_id",
)
DEFAULT = (
    "automatic_payout_id",
    "automatic_payout_effective_at",
    "balance_transaction_id",
    "created",
    "available_on",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "payment_intent_id",
    "charge_id",
)
KNOWN = {*PLAIN, *EMPTY, *TIMES, *(f"{name}_utc" for name in TIMES)}
METADATA = ("payment_metadata[", "refund_metadata[", "transfer_metadata[")


def create(call: Call) -> Json:
    """POST /v1/reporting/report_runs"""
    params = call.params
    parameters.required(params, "report_type")
    if params["report_type"] != REPORT:
        raise errors.InvalidError(
            f"The simulator does not know the report type {params['report_type']}.", "report_type"
        )
    wishes = params.get("parameters") or {}
    for name in ("interval_start", "interval_end"):
        if name not in wishes:
            raise errors.InvalidError(f"Missing required param: parameters[{name}].", f"parameters[{name}]")
    _check(wishes)
    shop = call.shop
    run = objects.ReportRun(
        id=shop.new_id("frr_1"),
        created=call.now,
        report_type=REPORT,
        parameters=wishes,
        url=f"{call.base_url}/v1/files",
    )
    shop.save(run)
    shop.later(TAKES, "run_report", run.id)
    return show(shop, run)


def _check(wishes: Json) -> None:
    try:
        zoneinfo.ZoneInfo(wishes.get("timezone") or "Etc/UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise errors.InvalidError("Unknown timezone.", "parameters[timezone]") from error
    for column in wishes.get("columns") or ():
        if str(column) not in KNOWN and not str(column).startswith(METADATA):
            raise errors.InvalidError(f"Unknown column: {column}", "parameters[columns]")


def run_report(shop: Shop, run: objects.ReportRun) -> None:
    """Write the file."""
    columns = run.parameters.get("columns") or list(DEFAULT)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    zone = zoneinfo.ZoneInfo(run.parameters.get("timezone") or "Etc/UTC")
    for payout in _payouts(shop, run.parameters):
        for row in _rows(shop, payout, run.parameters):
            values = _values(shop, payout, row, zone)
            writer.writerow([_cell(shop, values, row, column) for column in columns])
    file = objects.File(
        id=shop.new_id("file_1"),
        created=shop.now(),
        filename=f"{run.id}.csv",
        content=text.getvalue(),
        url=run.url,
    )
    shop.save(file)
    run.file, run.status, run.succeeded_at = file.id, "succeeded", shop.now()
    shop.save(run)
    events.emit(shop, "reporting.report_run.succeeded", show(shop, run))


def _payouts(shop: Shop, wishes: Json) -> list[objects.Payout]:
    start, end = wishes["interval_start"], wishes["interval_end"]
    return [
        payout
        for payout in shop.tables["payout"].values()
        if start <= payout.arrival_date < end and wishes.get("currency") in {None, payout.currency}
    ]


def _rows(shop: Shop, payout: objects.Payout, wishes: Json) -> list[objects.BalanceTransaction]:
    """What the payout contains; its own row is the total, not a part."""
    category = wishes.get("reporting_category")
    return [
        row
        for row in shop.tables["balance_transaction"].values()
        if row.payout == payout.id and row.type != "payout" and category in {None, row.reporting_category}
    ]


def _origin(
    shop: Shop, source: str | None
) -> tuple[objects.Charge | None, objects.Refund | None, objects.Dispute | None]:
    refund = shop.find(objects.Refund, source)
    dispute = shop.find(objects.Dispute, source)
    charge_id = refund.charge if refund else dispute.charge if dispute else source
    return shop.find(objects.Charge, charge_id), refund, dispute


def _values(
    shop: Shop, payout: objects.Payout, row: objects.BalanceTransaction, zone: zoneinfo.ZoneInfo
) -> dict[str, str]:
    charge, refund, dispute = _origin(shop, row.source)
    values = {
        "automatic_payout_id": payout.id,
        "balance_transaction_id": row.id,
        "currency": row.currency,
        "gross": str(currencies.major(row.amount, row.currency)),
        "fee": str(currencies.major(row.fee, row.currency)),
        "net": str(currencies.major(row.amount - row.fee, row.currency)),
        "reporting_category": row.reporting_category,
        "source_id": row.source or "",
        "description": row.description or "",
        "dispute_reason": dispute.reason if dispute else "",
        "trace_id": payout.trace or "",
        "trace_id_status": "supported" if payout.trace else "pending",
    }
    moments = {
        "automatic_payout_effective_at": payout.arrival_date,
        "available_on": row.available_on,
        "created": row.created,
    }
    if charge is not None:
        moments["charge_created"] = charge.created
        values.update(_charge_values(shop, charge))
        facing = refund.amount if refund else dispute.amount if dispute else charge.amount
        values["customer_facing_amount"] = str(currencies.major(facing if row.amount > 0 else -facing, charge.currency))
    for name, moment in moments.items():
        values[name] = datetime.fromtimestamp(moment, zone).strftime("%Y-%m-%d %H:%M:%S")
        values[f"{name}_utc"] = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return values


def _charge_values(shop: Shop, charge: objects.Charge) -> dict[str, str]:
    method = render.payment_method(shop.known(objects.PaymentMethod, charge.payment_method))
    customer = shop.find(objects.Customer, charge.customer)
    card = method.get("card", {})
    return {
        "payment_intent_id": charge.payment_intent,
        "charge_id": charge.id,
        "customer_facing_currency": charge.currency,
        "customer_id": charge.customer or "",
        "customer_email": (customer.email if customer else None) or "",
        "customer_name": (customer.name if customer else None) or "",
        "customer_description": (customer.description if customer else None) or "",
        "payment_method_type": method["type"],
        "card_brand": card.get("brand", ""),
        "card_country": card.get("country", ""),
        "card_funding": card.get("funding", ""),
        "statement_descriptor": charge.given.get("statement_descriptor") or "",
    }


def _cell(shop: Shop, values: dict[str, str], row: objects.BalanceTransaction, column: str) -> str:
    if not column.startswith(METADATA):
        return values.get(column, "")
    family, _, key = column.rstrip("]").partition("[")
    charge, refund, _ = _origin(shop, row.source)
    if family == "payment_metadata" and charge is not None:
        return shop.known(objects.PaymentIntent, charge.payment_intent).metadata.get(key, "")
    if family == "refund_metadata" and refund is not None:
        return refund.metadata.get(key, "")
    return ""


def show(shop: Shop, run: objects.ReportRun) -> Json:
    """A report run as Stripe's object."""
    file = shop.find(objects.File, run.file)
    return {
        "id": run.id,
        "object": "reporting.report_run",
        "created": run.created,
        "error": None,
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
