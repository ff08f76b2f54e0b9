"""What a PSP tells, in neutral words: announcements, and lines as a connector would make them of a file."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone

from payments.connectors.settlements import Announced, FileKind, LineType, SettlementLine
from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from reporting.models import SettlementFile
from reporting.models.settlements import Source
from reporting.services import loading, settlements

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DAY = date(2026, 11, 2)


def batch(reference: str = "42", **facts: Any) -> Announced:
    """A payable batch."""
    said: dict[str, Any] = {"kind": FileKind.BATCH, "name": f"batch_{reference}.csv", **facts}
    return Announced(reference=reference, **said)


def day(when: date = DAY) -> Announced:
    """What moved on a day."""
    return Announced(reference=when.isoformat(), kind=FileKind.ACTIVITY, name=f"activity_{when}.csv", day=when)


def line(key: str, settled: int = 1000, *, fee: int = 0, **facts: Any) -> SettlementLine:
    """A movement in EUR, of a capture unless it says something else."""
    said: dict[str, Any] = {
        "key": key, "type": LineType.CAPTURE, "psp_type": "Settled", "occurred_at": NOON, "gross_minor": settled,
        "gross_currency": "EUR", "settled_minor": settled, "currency": "EUR", "fee_minor": fee, "tax_minor": 0,
        "rate": None, "payment_reference": f"pay_{key}", "movement_reference": f"mod_{key}", "our_reference": "",
        "payout_reference": "", "method": "visa", "detail": "", **facts,
    }  # fmt: skip
    return SettlementLine(**said)


def paid_out(reference: str, amount: int, **facts: Any) -> SettlementLine:
    """The line by which a payout leaves."""
    said = {"type": LineType.PAYOUT, "psp_type": "MerchantPayout", "payment_reference": "", "movement_reference": "",
            "payout_reference": reference, "method": "", "detail": "TX1 batch", **facts}  # fmt: skip
    return line(f"{reference}:out", -amount, **said)


def closed(reference: str = "42", *lines: SettlementLine) -> list[SettlementLine]:
    """A batch of these lines (two, unless given), which pays out what they come to."""
    told = list(lines or (line(f"{reference}:1", 1000, fee=30), line(f"{reference}:2", 500)))
    told = [one._replace(payout_reference=reference) for one in told]
    return [*told, paid_out(reference, sum(one.net_minor for one in told))]


def kept(account: ProviderAccount, announced: Announced, content: bytes = b"a file") -> SettlementFile:
    """The file, stored and not loaded."""
    return settlements.store(account, announced, [content], source=Source.FETCHED, by="a test").file


def loaded(
    account: ProviderAccount, announced: Announced, lines: Iterable[SettlementLine], content: bytes = b"a file"
) -> SettlementFile:
    """The file, with these lines loaded or refused."""
    file = kept(account, announced, content)
    loading.take(file, account, lines, by="a test")
    file.refresh_from_db()
    return file


@contextmanager
def later(*, days: int, hours: int = 0) -> Iterator[None]:
    """At six o'clock on a later day, or hours after it."""
    morning = timezone.now().replace(hour=6, minute=0, second=0, microsecond=0)
    with clock.at(morning + timedelta(days=days, hours=hours)):
        yield
