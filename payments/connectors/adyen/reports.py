"""Where Adyen's reports lie, and how they are fetched: from the account's own report host, by name.

Source: docs.adyen.com/reporting/automatically-get-reports.
"""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urljoin

from payments.connectors import http
from payments.connectors.answers import NothingToldYet
from payments.connectors.settlements import Announced, FileKind, FileRefused

SETTLEMENT: Final = re.compile(r"settlement_detail_report_batch_(\d{1,18})\.csv", re.ASCII)

CLIENT: Final = http.Client(read_seconds=http.FILE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one merchant account's reports are: `address` without a trailing slash, and `user:password`."""

    address: str
    user: str = field(repr=False)
    merchant_account: str


def source(*, user: str, merchant_account: str, base_url: str | None, livemode: bool) -> Source:
    """At Adyen's own report host, or beside the API of a `base_url`.

    docs.adyen.com/reporting/automatically-get-reports.
    """
    own = f"https://ca-{'live' if livemode else 'test'}.adyen.com/reports/download"
    address = urljoin(base_url, "reports/download") if base_url else own
    return Source(address=address, user=user, merchant_account=merchant_account)


def announced(batch: str) -> Announced:
    """The settlement detail report of a batch, by its number. `FileRefused` when it is none."""
    if not (batch.isascii() and batch.isdigit() and 0 < len(batch) <= 18):
        raise FileRefused(f"{batch!a} is no number of a batch.")
    number = str(int(batch))
    return Announced(reference=number, kind=FileKind.BATCH, name=f"settlement_detail_report_batch_{number}.csv")


def named(name: str) -> Announced | None:
    """The settlement detail report of this name; None when it is another report's, or none."""
    found = SETTLEMENT.fullmatch(name)
    return announced(found[1]) if found else None


def fetch(source: Source, file: str, gate: http.Gate = http.OPEN) -> bytes:
    """The whole file, as `opened` gives it."""
    with opened(source, file, gate) as pieces:
        return b"".join(pieces)


@contextmanager
def opened(source: Source, file: str, gate: http.Gate = http.OPEN) -> Iterator[Iterator[bytes]]:
    """The file in pieces. `NothingToldYet` when there is none; it fails as a request does.

    Where it lies is our own rule: what a notification says of its address is not signed, and is not followed.
    """
    gate.enter("reports")
    url = f"{source.address}/MerchantAccount/{quote(source.merchant_account, safe='')}/{quote(file, safe='')}"
    credentials = base64.b64encode(source.user.encode()).decode()
    with CLIENT.download(url, {"Authorization": f"Basic {credentials}"}) as answer:
        if answer.status == 404:
            raise NothingToldYet(f"Adyen has no {file}")
        if answer.status == 429:
            gate.refused()
        if answer.status != 200:
            whose = ": see the report user and its roles" if answer.status in {401, 403} else ""
            raise http.FailedError(f"HTTP {answer.status} for {file}{whose}")
        yield answer.pieces
