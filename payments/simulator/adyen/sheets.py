"""What Adyen's reports have in common: CSV by column names, and the columns that every row of them has."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from payments.simulator.adyen import objects
from payments.simulator.adyen.notifications import ZONE
from payments.simulator.adyen.shop import Shop

Row = dict[str, Any]


def written(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The whole file; a column that a row does not have is empty, and what has no column is left out."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def moment(seconds: int) -> str:
    """As reports write it, in the zone that stands beside it."""
    return datetime.fromtimestamp(seconds, ZONE).strftime("%Y-%m-%d %H:%M:%S")


def common(shop: Shop, created: int) -> Row:
    """Whose row it is, and when it was booked."""
    return {
        "Company Account": shop.company,
        "Merchant Account": shop.merchant,
        "Booking Date": moment(created),
        "TimeZone": "CET",
    }


def of_payment(shop: Shop, payment: objects.Payment, modification: str) -> Row:
    """Which payment, and which of its modifications."""
    change = shop.find(objects.Modification, modification)
    return {
        "Psp Reference": payment.id,
        "Merchant Reference": payment.reference,
        "Payment Method": payment.variant,
        "Modification Merchant Reference": change.reference if change else "",
    }
