"""The payments accounting report: what happened to each payment on a day, for accounts that want it.

Source: docs.adyen.com/reporting/invoice-reconciliation/payment-accounting-report.
"""

from datetime import UTC, datetime

from payments.simulator.adyen import currencies, objects, sheets
from payments.simulator.adyen.shop import Shop

COLUMNS = [
    *("Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method"),
    *("Booking Date", "TimeZone", "Main Currency", "Main Amount", "Record Type", "Payment Currency"),
    *("Received (PC)", "Authorised (PC)", "Captured (PC)", "Settlement Currency", "Payable (SC)", "Commission (SC)"),
    *("Markup (SC)", "Scheme Fees (SC)", "Interchange (SC)", "Processing Fee Currency", "Processing Fee (FC)"),
    *("User Name", "Payment Method Variant", "Modification Merchant Reference", "Modification Psp Reference"),
    *("Reserved4", "Reserved5", "Reserved6", "Reserved7", "Reserved8", "Reserved9", "Reserved10"),
]
# What a record adds to or takes from the columns Received, Authorised and Captured.
SIGNS = {
    "Received": (1, 0, 0),
    "Authorised": (-1, 1, 0),
    "Refused": (-1, 0, 0),
    "Error": (-1, 0, 0),
    "SentForSettle": (0, -1, 1),
    "CaptureFailed": (0, 0, -1),
    "SentForRefund": (0, 0, -1),
    "RefundFailed": (0, 0, 1),
    "RefundedReversed": (0, 0, 1),
}
ENDED = {True: (0, -1, 0), False: (-1, 0, 0)}


def note(
    shop: Shop, payment: objects.Payment, record: str, amount: int, change: objects.Modification | None = None
) -> None:
    """Something happened to the payment, or to one of its modifications."""
    if shop.setting("accounting_report"):
        signs = SIGNS.get(record) or ENDED[payment.authorised > 0]
        entry = objects.Entry(
            id=shop.world.ids.next("ent_"),
            created=shop.now(),
            type=record,
            payment=payment.id,
            amount=amount,
            signs=list(signs),
            modification=change.id if change else "",
        )
        shop.save(entry)


def close_day(shop: Shop) -> objects.Report | None:
    """The report of what no report has told yet; None when there is nothing."""
    rows = list(shop.unreported)
    if not rows:
        return None
    day = datetime.fromtimestamp(shop.now() - 1, UTC).strftime("%Y_%m_%d")
    report = objects.Report(f"payments_accounting_report_{day}.csv", shop.now(), rows)
    shop.save(report)
    for row in rows:
        entry = shop.known(objects.Entry, row)
        entry.reported = True
        shop.save(entry)
    return report


def content(shop: Shop, report: objects.Report) -> str:
    """The whole file."""
    return sheets.written(COLUMNS, (_row(shop, shop.known(objects.Entry, row)) for row in report.rows))


def _row(shop: Shop, entry: objects.Entry) -> sheets.Row:
    payment = shop.known(objects.Payment, entry.payment)
    shown = currencies.major(entry.amount, payment.currency)
    received, authorised, captured = (f"{shown * sign:f}" if sign else "" for sign in entry.signs)
    return {
        **sheets.common(shop, entry.created),
        **sheets.of_payment(shop, payment, entry.modification),
        "Main Currency": payment.currency,
        "Main Amount": f"{shown:f}",
        "Record Type": entry.type,
        "Payment Currency": payment.currency,
        "Received (PC)": received,
        "Authorised (PC)": authorised,
        "Captured (PC)": captured,
        "Settlement Currency": shop.currency,
        "Payment Method Variant": payment.variant,
        "Modification Psp Reference": entry.modification,
    }
