"""A month of a shop at both PSPs, day by day: trade at noon, settlement and the bank's statement the next morning."""

import contextlib
import io
import itertools
import json
import math
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import time_machine
from django.db import connection
from django.utils import timezone

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.intents import rulebook
from payments.kernel.jobs import Retry
from reporting.models import BankAccount, Discrepancy
from reporting.services import fetching, reconciliation, statements
from tests import factories
from tests.stories import adyen

DAY: Final = timedelta(days=1)
NOON, MORNING = 12, 6
ACCOUNTS: Final = ("stripe-us", "stripe-eu", "adyen-eu")
AMOUNTS: Final = {
    "USD": 2000, "EUR": 1999, "GBP": 1750, "CHF": 2500, "JPY": 3000, "SEK": 19900, "PLN": 9900, "AUD": 3100,
    "CAD": 2800, "SGD": 2650, "KWD": 5120, "ISK": 250000,
}  # fmt: skip
"""Twelve currencies, among them one without decimals, one with three, and one of which the PSPs have two views."""


@dataclass
class Month:
    """The shop, the PSPs, their bank, and what day it is for all of them."""

    shop: factories.Shop
    sim: factories.Simulator
    ahead: timedelta = timedelta(0)
    """How far the shop's and the PSPs' day is before the machine's."""
    clock: time_machine.travel | None = None
    paid: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    """Payments by account and currency, oldest first."""
    turns: Iterator[int] = field(default_factory=itertools.count)

    # --- the day

    def until(self, hour: int) -> None:
        """Let time pass, here and at the PSPs, to the next time that it is so late."""
        now = timezone.now()
        then = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        self._pass(((then if then > now else then + DAY) - now).total_seconds())

    def settle_down(self) -> None:
        """Everything that was said is heard, and done."""
        self._travel(4)
        self.sim.quiet()
        self.work()

    def _pass(self, seconds: float) -> None:
        self.sim.advance(math.ceil(seconds))
        self._travel(math.ceil(seconds))

    def _travel(self, seconds: int) -> None:
        """Our own clock follows the PSPs': they refuse a signature of another time."""
        self.end()
        self.ahead += timedelta(seconds=seconds)
        self.clock = time_machine.travel(timezone.now() + self.ahead)
        self.clock.start()

    def end(self) -> None:
        """Be back in the machine's own time."""
        if self.clock is not None:
            self.clock.stop()

    def work(self) -> None:
        """What a worker does: PostgreSQL, which lives in its own time, is told what is due."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE payments_job SET due_at = now() WHERE due_at <= %s", [timezone.now()])
        factories.work()

    # --- trade

    def trades(self, many: int) -> None:
        """Some customers pay, in currencies and at accounts in turn."""
        for _ in range(many):
            turn = next(self.turns)
            currencies = list(AMOUNTS)
            self.pays(ACCOUNTS[turn % len(ACCOUNTS)], currencies[turn // len(ACCOUNTS) % len(currencies)])

    def pays(
        self, account: str, currency: str, amount: int = 0, *, token: str = "pm_card_visa", holder: str = "Ada Lovelace"
    ) -> dict[str, Any]:
        """A customer pays at one account."""
        amount = amount or AMOUNTS[currency]
        wish = self.shop.intent(self.shop.order(amount, currency, country="NL"))
        if account.startswith("stripe"):
            paid = self.shop.confirm(wish, token, account)
        else:
            paid = adyen.confirm(self.shop, wish, holder)
        self.paid.setdefault((account, currency), []).append(paid)
        return paid

    def paid_at(self, account: str, currency: str) -> dict[str, Any]:
        """The first payment at an account in a currency; one is made, a day before, where there is none."""
        return self.paid[account, currency][0]

    def captures(self, account: str, currency: str, amount: int, *, part: int) -> None:
        """A reservation of which a part is taken, and the rest is let go."""
        wish = self.shop.intent(self.shop.order(amount, currency, country="NL"), capture_method="manual")
        self.shop.confirm(wish, "pm_card_visa", account)
        self.shop.post(f"payment_intents/{wish['id']}/capture", {"amount": part})

    def refunds(self, paid: Mapping[str, Any], amount: int) -> None:
        """The shop gives some of it back."""
        self.shop.post("refunds", {"payment_intent": paid["id"], "amount": amount, "reason": "goodwill"})

    # --- the simulator's levers

    def cause(self, account: str, cause: str, **facts: Any) -> dict[str, Any]:
        """Something happens at the PSP."""
        return self._ask(f"/_sim/settlement/{account}", {"cause": cause, **facts})

    def wrong(self, account: str, fault: str, **facts: Any) -> None:
        """Something in the settlement will be wrong."""
        self._ask("/_sim/scenarios", {"fault": fault, "account": account, **facts})

    def rates(self, **per_dollar: str) -> None:
        """What a dollar buys from now on."""
        self._ask("/_sim/rates", per_dollar, "PUT")

    def faults(self) -> set[str]:
        """What is wrong in the settlement, by the PSPs' own book of truth."""
        return {one["fault"] for one in self.sim.book() if one["object"] == "difference"}

    def file_is_there(self) -> None:
        """What was lost is put in its place, and announced again."""
        [lost] = [one for one in self.sim.book() if one["object"] == "difference" and one["fault"] == "file_lost"]
        self.cause(lost["account"], "file_corrected", file=lost["file"])

    def _ask(self, path: str, body: Mapping[str, Any] | None = None, method: str | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(f"{self.sim.url}{path}", data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(asked, timeout=120) as answer:  # noqa: S310  our own address
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
        return found

    # --- the morning after

    def bank(self) -> None:
        """Finance writes down where the PSPs pay to."""
        ProviderAccount.objects.update(currencies=[], countries=[])
        accounts.forget()
        rulebook.forget()
        told = self._ask("/_sim/bank/accounts")
        for account in ProviderAccount.objects.filter(code__in=ACCOUNTS):
            at = next(one for one in told["bank_accounts"] if one["account"] == account.code)
            draft = statements.Draft(
                code=f"bank-{account.code}",
                legal_entity=account.legal_entity_id,
                currency=at["currency"],
                iban=at["bank_account"],
                dialect={},
            )
            statements.open_account(draft, by="staff fay")

    def morning(self) -> None:
        """Settlement is fetched and compared; finance uploads the statement of the day before."""
        self.until(MORNING)
        self.fetch()
        self.until(MORNING + 1)  # a report that Stripe has begun for us is there an hour later
        self.fetch()
        for bank in BankAccount.objects.all():
            self._statement(bank)
        self.work()
        reconciliation.find_overdue()

    def fetch(self) -> None:
        """Every account is asked for its files, and what came is loaded."""
        for account in ProviderAccount.objects.filter(code__in=ACCOUNTS):
            with contextlib.suppress(Retry):  # a report is being made, or the PSP fails to answer: next hour
                fetching.fetch(account.pk)
        self.settle_down()

    def _statement(self, bank: BankAccount) -> None:
        yesterday = (timezone.now() - DAY).date()
        query = urllib.parse.urlencode({"account": bank.iban, "day": yesterday, "format": "camt053"})
        with urllib.request.urlopen(f"{self.sim.url}/_sim/bank/statement?{query}", timeout=120) as answer:  # noqa: S310
            content = answer.read()
        statements.upload(statements.Upload(file=io.BytesIO(content), name=f"{yesterday}.xml"), by="staff fay")


def differences() -> Counter[tuple[str, str]]:
    """How many differences of each kind stand how."""
    return Counter(Discrepancy.objects.values_list("kind", "status"))
