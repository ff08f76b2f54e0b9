"""Finance's mornings in the shop's past: settlement is fetched and compared, the bank's statement uploaded.

The days are closed by the worker once it runs, one after the other.
"""

import contextlib
import http.client
import io
import urllib.parse
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from config import accounts
from config.demo.past import Past
from payments.gateway import accounts as gateway
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, drain
from payments.kernel.jobs import Queue, Retry
from reporting.models import BankAccount
from reporting.services import fetching, statements, tieout

HOUR: Final = 7
MADE_WITHIN: Final = timedelta(minutes=2)
"""In which a PSP has made a report that it was asked for."""
FAY: Final = "staff finance"


@dataclass
class Mornings:
    """What finance does every day at seven, by the clock of the past."""

    past: Past
    simulator: str

    def begin(self) -> None:
        """Write down since when settlement is ours, and the bank accounts that the PSPs pay to."""
        self._accounts().update(settles_from=self.past.now().date())
        gateway.forget()
        found = {one["account"]: one for one in self.past.ask("GET", "/_sim/bank/accounts")["bank_accounts"]}
        for account in self._accounts():
            at = found[account.code]
            draft = statements.Draft(
                code=f"{account.code}-{at['currency'].lower()}",
                legal_entity=account.legal_entity_id,
                currency=at["currency"],
                iban=at["bank_account"],
                dialect={},
            )
            statements.open_account(draft, by=FAY)

    def live(self, day: datetime) -> str:
        """The morning of a day; what it came to."""
        self._settlement(day)
        with clock.at(self.past.now()):
            for bank in BankAccount.objects.exclude(iban=""):
                self._statement(bank, day)
            drain.drain(Queue.FINANCE)
            for account in self._accounts():
                tieout.tie_out_account(account.pk)
        return "settled"

    def _settlement(self, day: datetime) -> None:
        """A report that has to be made is fetched a little later."""
        for moment in (day, day + MADE_WITHIN):
            self.past.move_to(moment)
            with clock.at(self.past.now()):
                for account in self._accounts():
                    with contextlib.suppress(Retry):
                        fetching.fetch(account.pk)
                drain.drain(Queue.FINANCE)
            self.past.settle()

    def _statement(self, bank: BankAccount, day: datetime) -> None:
        yesterday = day.date() - timedelta(days=1)
        query = urllib.parse.urlencode({"account": bank.iban, "day": yesterday, "format": "camt053"})
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.simulator).netloc, timeout=30)
        connection.request("GET", f"/_sim/bank/statement?{query}")
        content = io.BytesIO(connection.getresponse().read())
        connection.close()
        statements.upload(statements.Upload(file=content, name=f"{bank.code}_{yesterday}.xml"), by=FAY)

    @staticmethod
    def _accounts() -> QuerySet[ProviderAccount]:
        return ProviderAccount.objects.filter(code__in=[account.code for account in accounts.ACCOUNTS]).order_by("code")
