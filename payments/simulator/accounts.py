"""Merchant accounts of the simulated PSPs: keys, webhook address, country, settlement currency."""

from dataclasses import asdict, dataclass, field
from typing import Any

from payments.simulator.journal import Journal


@dataclass(slots=True)
class Account:
    """One account at one PSP, as whoever starts the simulator configured it."""

    code: str
    psp: str
    api_key: str
    publishable_key: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    country: str = "US"
    currency: str = "usd"
    events: list[str] = field(default_factory=lambda: ["*"])
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def both_keys(self) -> list[str]:
        """The keys that open it: the secret one, and the one for browsers and apps if there is one."""
        return [key for key in (self.api_key, self.publishable_key) if key]


class BadAccountError(ValueError):
    """The configuration of an account does not make sense."""


class Accounts:
    """All accounts, by code and by (PSP, API key)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._by_code: dict[str, Account] = {}
        self._by_key: dict[tuple[str, str], Account] = {}

    def put(self, code: str, settings: dict[str, Any]) -> Account:
        """Create or change an account. Fields that are not named keep their value."""
        known = self._by_code.get(code)
        row = {**(asdict(known) if known else {}), **settings, "code": code}
        unknown = set(row) - set(Account.__dataclass_fields__)
        if unknown:
            raise BadAccountError(f"unknown fields: {', '.join(sorted(unknown))}")
        if not isinstance(row.get("psp"), str) or not isinstance(row.get("api_key"), str):
            raise BadAccountError("psp and api_key are required strings")
        if row["psp"] == "stripe" and not row["api_key"].startswith("sk_test_"):
            raise BadAccountError("a Stripe key of the simulator starts with sk_test_")
        account = Account(**row)
        if account.publishable_key and account.psp == "stripe" and not account.publishable_key.startswith("pk_test_"):
            raise BadAccountError("a publishable key of the simulator starts with pk_test_")
        if account.psp == "adyen" and not _hexadecimal(account.webhook_secret):
            raise BadAccountError("an HMAC key of Adyen is written in hexadecimal digits")
        for key in account.both_keys:
            owner = self._by_key.get((account.psp, key))
            if owner is not None and owner.code != code:
                raise BadAccountError(f"one of its keys belongs to account {owner.code}")
        return self._keep(account)

    def _keep(self, account: Account) -> Account:
        old = self._by_code.get(account.code)
        if old is not None:
            for key in old.both_keys:
                del self._by_key[old.psp, key]
            # Others hold the object: change it in place.
            for name in Account.__dataclass_fields__:
                setattr(old, name, getattr(account, name))
            account = old
        self._by_code[account.code] = account
        self._by_key.update({(account.psp, key): account for key in account.both_keys})
        self._journal.note(account.code, "account", account.code, account)
        return account

    def restore(self, row: dict[str, Any]) -> None:
        """Take back an account from the journal."""
        self._keep(Account(**row))

    def get(self, code: str) -> Account | None:
        """The account of this code."""
        return self._by_code.get(code)

    def by_key(self, psp: str, api_key: str) -> Account | None:
        """The account that this key opens, be it secret or publishable."""
        return self._by_key.get((psp, api_key))

    def all(self) -> list[Account]:
        """Every account, in the order they were made."""
        return list(self._by_code.values())


def _hexadecimal(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True
