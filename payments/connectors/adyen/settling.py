"""How Adyen is asked about settlement: by the numbers of its batches, for it has no list of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from payments.connectors import http
from payments.connectors.adyen import reports, settlement
from payments.connectors.answers import NothingToldYet
from payments.connectors.settlements import Announced, Balance, PayoutNews, SettlementLine

MISSING: Final = 3
"""So many numbers after the last file may be missing before the rest is believed not to be there yet."""


@dataclass(frozen=True)
class AdyenSettling:
    """`payments.connectors.settlements.Settling` for one merchant account at Adyen."""

    source: reports.Source
    gate: http.Gate

    def settlement_files(self, since: datetime, until: datetime, *, newest: str = "") -> Iterator[Announced]:  # noqa: ARG002
        """The batches after `newest` whose reports are there, whatever their days: numbers are asked for in turn.

        One that is missing may come later, so the next ones are tried too (docs/decisions/0020).
        """
        number, missing = int(newest or 0), 0
        while missing < MISSING:
            number += 1
            batch = reports.announced(str(number))
            if self._is_there(batch.name):
                missing = 0
                yield batch
            else:
                missing += 1

    def _is_there(self, name: str) -> bool:
        try:
            with reports.opened(self.source, name, self.gate):
                return True
        except NothingToldYet:
            return False

    def settlement_file(self, announced: Announced) -> Iterator[bytes]:
        """The report of a batch."""
        with reports.opened(self.source, announced.name, self.gate) as pieces:
            yield from pieces

    def read_settlement(self, announced: Announced, content: BinaryIO) -> Iterator[SettlementLine]:
        """The lines of a batch."""
        return settlement.read(content, announced.reference, self.source.merchant_account)

    def identify(self, name: str, content: BinaryIO) -> Announced:  # noqa: ARG002  names may be changed
        """The batch that the first line names."""
        return settlement.identify(content, self.source.merchant_account)

    def balances(self) -> list[Balance]:
        """Adyen cannot be asked."""
        return []

    def payouts(self, since: datetime) -> Iterator[PayoutNews]:  # noqa: ARG002
        """Only the files of batches tell of them."""
        yield from ()
