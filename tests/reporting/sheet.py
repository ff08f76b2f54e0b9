"""Settlement files as a PSP writes them: a settlement detail report, whole, and with one thing changed."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from payments.gateway import accounts

COLUMNS = """Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,
Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,
Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Payment Method Variant,
Modification Merchant Reference,Batch Number,Booking Date,Booking Date TimeZone"""
HEADER = next(csv.reader([COLUMNS.replace("\n", "")]))

Row = dict[str, str]


def rows(batch: str = "42") -> list[Row]:
    """A payment of 10.00 with its fees, a refund of 5.00, and the payout of what is left."""
    ours = {"Company Account": "Co", "Merchant Account": merchant(), "Batch Number": batch, "TimeZone": "UTC",
            "Creation Date": "2026-11-02 12:00:00", "Booking Date": "2026-11-02 12:00:00",
            "Booking Date TimeZone": "UTC", "Gross Currency": "EUR", "Net Currency": "EUR", "Exchange Rate": "1",
            "Payment Method": "visa"}  # fmt: skip
    return [
        {**ours, "Psp Reference": "PSP0000000000001", "Merchant Reference": "order1", "Type": "Settled",
         "Modification Reference": "PSP00000000000C1", "Gross Credit (GC)": "20.00", "Net Credit (NC)": "19.40",
         "Markup (NC)": "0.30", "Scheme Fees (NC)": "0.10", "Interchange (NC)": "0.20"},
        {**ours, "Psp Reference": "PSP0000000000001", "Merchant Reference": "order1", "Type": "Refunded",
         "Modification Reference": "PSP00000000000R1", "Gross Debit (GC)": "5.00", "Net Debit (NC)": "5.00"},
        {**ours, "Type": "MerchantPayout", "Payment Method": "", "Gross Currency": "", "Exchange Rate": "",
         "Modification Reference": f"TX0000001XT batch {batch}, {merchant()}", "Net Debit (NC)": "14.40"},
    ]  # fmt: skip


def merchant() -> str:
    """Whose files these are."""
    return accounts.secret("adyen-eu", "MERCHANT_ACCOUNT")[0]


def written(told: Sequence[Row], header: Sequence[str] = HEADER, **options: Any) -> bytes:
    """The rows as a file."""
    text = io.StringIO(newline="")
    sheet = csv.DictWriter(text, header, restval="", extrasaction="ignore", lineterminator="\r\n", **options)
    sheet.writeheader()
    sheet.writerows(told)
    return text.getvalue().encode()


def batch(reference: str = "42", change: Callable[[list[Row]], None] = lambda _: None) -> bytes:
    """A whole file, after `change`."""
    told = rows(reference)
    change(told)
    return written(told)
