"""Where Adyen's reports lie, and how they are fetched: from the account's own report host, by name.

Source: docs.adyen.com/reporting/automatically-get-reports.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urljoin

from payments.connectors import http
from payments.connectors.answers import NothingToldYet

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
