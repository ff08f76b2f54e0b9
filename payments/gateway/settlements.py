"""What PSPs say about settlement when they are asked: their files, payouts and balances, behind all that is urgent."""

from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from payments.connectors.base import Connector
from payments.connectors.settlements import Announced, Balance, PayoutNews, SettlementLine, Settling
from payments.gateway import accounts, events
from payments.gateway.events import NotTold
from payments.gateway.models import ProviderAccount
from payments.kernel import unit


def announced(account: ProviderAccount, since: datetime, until: datetime, *, newest: str = "") -> Iterator[Announced]:
    """The files that are ready for what became final from `since` on and before `until`, oldest first.

    Some may have been told before. `newest` is the reference of the last batch that is known. Raises `NotTold`, which
    may be after some of it.
    """
    return events.each(_reporter(account).settlement_files(since, until, newest=newest))


def file(account: ProviderAccount, announced: Announced) -> Iterator[bytes]:
    """A file in pieces, as the PSP gives it. Raises `events.NotYet` while it is not there, else `NotTold`."""
    return events.each(_reporter(account).settlement_file(announced))


def payouts(account: ProviderAccount, since: datetime) -> Iterator[PayoutNews]:
    """Payouts that were made or may have changed since then. Raises `NotTold`."""
    return events.each(_reporter(account).payouts(since))


def balances(account: ProviderAccount) -> list[Balance]:
    """What the PSP says it owes; nothing where it cannot be asked. Raises `NotTold`."""
    return events.answer(_reporter(account).balances)


def identify(account: ProviderAccount, name: str, content: BinaryIO) -> Announced:
    """What a file covers that somebody brings; the PSP may be asked. Raises `settlements.FileRefused` or `NotTold`."""
    unit.refuse_open_transaction("a question to a PSP")
    settling = _settling(accounts.connector(account, interactive=False))
    return events.answer(lambda: settling.identify(name, content))


def read(account: ProviderAccount, announced: Announced, content: BinaryIO) -> Iterator[SettlementLine]:
    """The lines of a file, without asking anybody. Raises `FileRefused`, which may be after the last one."""
    return _settling(accounts.connector(account, interactive=False)).read_settlement(announced, content)


def _reporter(account: ProviderAccount) -> Settling:
    return _settling(events.reporter(account))


def _settling(connector: Connector) -> Settling:
    if connector.settling is None:
        raise NotTold("this PSP tells nothing of settlement")
    return connector.settling
