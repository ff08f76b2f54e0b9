"""The settlement detail report of a batch as CSV, and its download.

Source: docs.adyen.com/reporting/settlement-reconciliation/transaction-level/settlement-details-report.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping

import orjson
from starlette.types import Receive, Scope, Send

from payments.simulator import differences, transit, wire
from payments.simulator.adyen import accounting, batches, currencies, money, objects, sheets
from payments.simulator.adyen.shop import Shop
from payments.simulator.scenarios import Facts
from payments.simulator.settlement import Difference
from payments.simulator.transit import Reply
from payments.simulator.world import World

OPERATION = "reports.download"
COLUMNS = [
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
    "Markup (NC)",
    "Scheme Fees (NC)",
    "Interchange (NC)",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Batch Number",
    "Reserved4",
    "Reserved5",
    "Reserved6",
    "Reserved7",
    "Reserved8",
    "Reserved9",
    "Reserved10",
    "Booking Date",
    "Booking Date TimeZone",
    "Metadata",
    "Balance Currency",
    "Net Debit (BC)",
    "Net Credit (BC)",
    "Payment Fees (NC)",
    "DCC Markup (NC)",
    "Funds Destination",
    "Balance Platform Debit",
    "Balance Platform Credit",
    "Shopper Country",
    "Clearing Network",
    "Merchant Order Reference",
    "Dispute Reference",
    "ARN",
    "Settlement Flow",
    "Authorisation Code",
    "Gross Fees (NC)",
]


def content(shop: Shop, batch: objects.Batch) -> str:
    """The whole file, with what a scenario has it say wrongly."""
    wrong = differences.open_rows(shop)
    told = (one for row in batch.rows for one in _told(shop, shop.known(objects.Movement, row), wrong.get(row, [])))
    return sheets.written(shop.setting("report_columns", COLUMNS), (_row(shop, one) for one in told))


def _told(shop: Shop, movement: objects.Movement, wrong: list[Difference]) -> list[objects.Movement]:
    for one in wrong:
        match one.fault:
            case "row_lost":
                return []
            case "row_doubled":
                return [movement, movement]
            case "row_wrong":
                movement = money.altered(shop, movement, one.delta)
    return [movement]


def _row(shop: Shop, movement: objects.Movement) -> sheets.Row:
    debit, credit = _sides(movement.net, shop.currency)
    row = {
        **sheets.common(shop, movement.created),
        "Creation Date": sheets.moment(movement.created),
        "Booking Date TimeZone": "CET",
        "Type": movement.type,
        "Modification Reference": movement.modification,
        "Net Currency": shop.currency,
        "Net Debit (NC)": debit,
        "Net Credit (NC)": credit,
        "Batch Number": movement.batch,
    }
    return {**row, **_of_payment(shop, movement)} if movement.payment else row


def _sides(amount: int, currency: str) -> tuple[str, str]:
    """Debit and credit, unsigned, in major units; empty where there is nothing."""
    shown = f"{currencies.major(abs(amount), currency):f}"
    return (shown if amount < 0 else "", shown if amount > 0 else "")


def _gross(movement: objects.Movement) -> sheets.Row:
    debit, credit = _sides(movement.gross, movement.currency)
    return {
        "Gross Currency": movement.currency,
        "Gross Debit (GC)": debit,
        "Gross Credit (GC)": credit,
        "Exchange Rate": movement.rate,
    }


def _of_payment(shop: Shop, movement: objects.Movement) -> sheets.Row:
    payment = shop.known(objects.Payment, movement.payment)
    row = {
        **sheets.of_payment(shop, payment, movement.modification),
        **(_gross(movement) if movement.currency else {}),
        "Payment Method Variant": _variant(payment),
        "Metadata": orjson.dumps(payment.metadata).decode() if payment.metadata else "",
        "Shopper Country": payment.country or "",
        "Authorisation Code": payment.auth_code,
        "Dispute Reference": movement.modification if shop.find(objects.Dispute, movement.modification) else "",
    }
    for name in ("commission", "markup", "scheme", "interchange"):
        # A fee is a cost: what it would be as a debit.
        row[_FEES[name]] = _sides(-getattr(movement, name), shop.currency)[0]
    return row


_FEES = {
    "commission": "Commission (NC)",
    "markup": "Markup (NC)",
    "scheme": "Scheme Fees (NC)",
    "interchange": "Interchange (NC)",
}


def _variant(payment: objects.Payment) -> str:
    if not payment.card:
        return payment.method
    return f"{payment.card['brand']}standard{payment.card['funding'].lower()}"


class Download:
    """GET of a report, with the report user's name and password or the API key."""

    def __init__(self, world: World, shops: Mapping[str, Shop]) -> None:
        self._world = world
        self._shops = shops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers, path = dict(scope["headers"]), scope["path_params"]
        shop = next((s for s in self._shops.values() if s.merchant == path["merchant"]), None)
        if shop is None or not _opens(shop, headers):
            asks = [(b"www-authenticate", b'Basic realm="reports"')]
            await wire.respond(send, 401, asks, b"Unauthorized")
            return
        asked = transit.Asked((OPERATION,), shop.account.code, Facts)

        async def work(_pause: float) -> Reply:
            text = _file(shop, path["file"])
            if text is None:
                return Reply(404, b"No such report.")
            return Reply(200, text.encode(), [(b"content-type", b"text/csv")])

        reply = await transit.carry(self._world, asked, lambda status: Reply(status, b"Try again later."), work)
        if reply is None:
            await wire.reset(scope, receive)
        else:
            await wire.respond(send, reply.status, list(reply.headers), reply.body)


def _file(shop: Shop, name: str) -> str | None:
    """The report of this name."""
    if batches.lost(shop, name):
        return None
    report = shop.find(objects.Report, name)
    if report is not None:
        return accounting.content(shop, report)
    batch = next((batch for batch in shop.tables["batch"].values() if batch.file == name), None)
    return content(shop, batch) if batch else None


def _opens(shop: Shop, headers: Mapping[bytes, bytes]) -> bool:
    key = headers.get(b"x-api-key", b"").decode("latin-1")
    if key:
        return hmac.compare_digest(key.encode(), shop.account.api_key.encode())
    kind, _, credentials = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    try:
        given = base64.b64decode(credentials) if kind.lower() == "basic" else b""
    except binascii.Error:
        return False
    user, password = shop.setting("report_user", ""), shop.setting("report_password")
    wanted = user if password is None else f"{user}:{password}"
    return bool(user) and hmac.compare_digest(given, wanted.encode())
