"""The merchant's own bank, as far as the simulated PSPs pay to it and take from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from payments.simulator.accounts import Account
from payments.simulator.clock import DAY
from payments.simulator.settlement import BankEntry
from payments.simulator.tables import Tables

# ISO 4217: what a bank writes, whatever a PSP's API does.
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS = {**dict.fromkeys(_NONE.split(), 0), **dict.fromkeys(_THREE.split(), 3)}
# What had been on every bank account before, in major units.
OPENING = 10_000
# Made-up, with a check sum that holds.
COUNTRY, BANK = "NL", "SIMU"


@dataclass(frozen=True, slots=True)
class Words:
    """What a line of a statement says besides its amount."""

    code: str
    text: str
    reference: str = ""
    party: str = ""
    about: str = ""


def exponent(currency: str) -> int:
    """How many decimals a bank writes."""
    return _EXPONENTS.get(currency, 2)


def major(amount: int, currency: str) -> Decimal:
    """An amount of a bank entry in major units."""
    return Decimal(amount).scaleb(-exponent(currency))


def book(shop: Tables, amount: Decimal, currency: str, words: Words) -> BankEntry:
    """Money comes (above 0) or leaves, in major units."""
    code = currency.upper()
    minor = int(amount.scaleb(exponent(code)))
    entry = BankEntry(
        id=shop.world.ids.reference(),
        created=shop.now(),
        amount=minor,
        currency=code,
        code=words.code,
        text=words.text,
        reference=words.reference,
        party=words.party,
        about=words.about,
    )
    shop.save(entry)
    return entry


def number(account: Account) -> str:
    """The IBAN that the account is paid out to: several accounts may share one."""
    given = account.settings.get("bank_account")
    if given:
        return str(given)
    digits = f"{int.from_bytes(account.code.encode(), 'big') % 10**10:010d}"
    rearranged = "".join(str(int(letter, 36)) for letter in f"{BANK}{digits}{COUNTRY}00")
    return f"{COUNTRY}{98 - int(rearranged) % 97:02d}{BANK}{digits}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One day of a bank account, in major units; `sequence` counts the days of the year."""

    account: str
    currency: str
    day: int
    opening: Decimal
    entries: list[BankEntry]

    @property
    def closing(self) -> Decimal:
        """What is there in the evening."""
        return self.opening + sum((major(entry.amount, self.currency) for entry in self.entries), Decimal(0))


def statement(shops: Iterable[Tables], account: str, currency: str, day: int) -> Statement:
    """The lines of one day; `day` is its first second (UTC)."""
    entries = [
        entry
        for shop in shops
        if number(shop.account) == account
        for entry in shop.tables["bank_entry"].values()
        if entry.currency == currency and entry.created < day + DAY
    ]
    before = sum(entry.amount for entry in entries if entry.created < day)
    mine = sorted((entry for entry in entries if entry.created >= day), key=lambda entry: (entry.created, entry.id))
    return Statement(account, currency, day, OPENING + major(before, currency), mine)
