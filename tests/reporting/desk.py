"""The finance desk of the tests: asks for reports by the API, lets a worker produce them, and reads them back."""

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from payments.kernel import clock
from payments.kernel.jobs import Queue
from reporting import selectors, shapes
from reporting.reports.base import Parameters
from reporting.services import exports
from tests import factories

OCTOBER = {"interval_start": "2026-10-01T00:00:00Z", "interval_end": "2026-11-01T00:00:00Z"}
ALWAYS = {"interval_start": "2026-01-01T00:00:00Z", "interval_end": "2027-06-01T00:00:00Z"}


def moment(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """A moment of October 2026, in UTC."""
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


@dataclass
class File:
    """A produced report."""

    run: Mapping[str, Any]
    manifest: Mapping[str, Any]
    raw: bytes

    @property
    def rows(self) -> list[dict[str, str]]:
        """What Python's csv module reads."""
        return list(csv.DictReader(io.StringIO(self.raw.decode(), newline=""), strict=True))

    def column(self, name: str) -> list[str]:
        """One column, top down."""
        return [row[name] for row in self.rows]

    def summed(self) -> list[tuple[str, str, int, int]]:
        """Movement, currency, count and minor units, added up here."""
        found: dict[tuple[str, str], list[int]] = {}
        for row in self.rows:
            found.setdefault((row["movement"], row["currency"]), []).append(int(row["amount_minor"]))
        return [(*key, len(amounts), sum(amounts)) for key, amounts in sorted(found.items())]

    def control(self) -> list[tuple[str, str, int, int]]:
        """The same as the manifest says."""
        return [
            (total["movement"], total["currency"], total["count"], total["amount_minor"])
            for total in self.manifest["control_totals"]
        ]

    def minor(self, name: str) -> dict[str, int]:
        """What the column of this name, in minor units, comes to by currency."""
        found: dict[str, int] = {}
        for row in self.rows:
            found[row["currency"]] = found.get(row["currency"], 0) + int(row[f"{name}_minor"] or 0)
        return found


@dataclass
class Desk:
    """One client that asks for reports."""

    shop: factories.Shop

    def ask(self, report: str = "payments", file_format: str = "csv", **parameters: Any) -> dict[str, Any]:
        """Ask; nothing is produced yet."""
        body = {"report": report, "parameters": {**ALWAYS, **parameters}, "format": file_format}
        return self.shop.post("reports", body)

    def read(self, run: Mapping[str, Any]) -> File:
        """Download a ready report."""
        answer = self.shop.call("GET", f"reports/{run['id']}/download", accept="text/csv")
        assert answer.status_code == 200, answer.content
        raw = b"".join(answer.streaming_content)
        answer.close()
        if run["format"] == "csv.gz":
            raw = gzip.decompress(raw)
        return File(run, self.shop.get(f"reports/{run['id']}/manifest"), raw)

    def file(self, report: str = "payments", **parameters: Any) -> File:
        """Ask, have it produced, and download it."""
        asked = self.ask(report, **parameters)
        factories.work(Queue.FINANCE)
        return self.read(self.shop.get(f"reports/{asked['id']}"))

    def book(self, report: str, file_format: str = "csv", **parameters: Any) -> File:
        """The same for staff: everybody's rows, and the reports that only staff can have."""
        given = {"timezone": "UTC", "currency": None, "client": None, **ALWAYS, **parameters}
        run = exports.request(report, Parameters.from_json(given), by="staff fay", file_format=file_format)
        factories.work(Queue.FINANCE)
        ready = selectors.run(run.pk, client_id=None)
        assert ready.manifest is not None, ready.error
        with exports.file_of(ready, untied=True).open() as kept:
            return File(shapes.report(ready), ready.manifest, kept.read())

    def paid(self, at: datetime, amount: int = 1999, currency: str = "USD", **facts: Any) -> dict[str, Any]:
        """A payment made at a moment."""
        with clock.at(at):
            return self.shop.paid(amount, currency=currency, **facts)

    def refunded(self, at: datetime, intent: Mapping[str, Any], amount: int) -> dict[str, Any]:
        """A refund asked for at a moment, sent and settled."""
        with clock.at(at):
            asked = self.shop.post("refunds", {"payment_intent": intent["id"], "amount": amount, "reason": "goodwill"})
        with clock.at(at + timedelta(seconds=1)):
            factories.work(Queue.MONEY)
        return self.shop.get(f"refunds/{asked['id']}")
