"""What PSPs have to tell when they are asked: their own lists of events, or their reports, read again."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from payments.connectors import http
from payments.connectors.answers import NothingToldYet
from payments.connectors.base import Connector
from payments.gateway import accounts, limits
from payments.gateway.models import ProviderAccount, Psp
from payments.kernel import unit
from payments.kernel.errors import Bug

Told = TypeVar("Told")


class NotTold(Exception):
    """The PSP's list could not be read, or not to its end; nothing is known about what it did not say."""


class NotYet(NotTold):
    """The day's report is not there: it may come later."""


def kept(account: ProviderAccount) -> timedelta:
    """How far back the account's PSP can be asked."""
    return accounts.teller(account.psp).keeps_events


def daily(account: ProviderAccount) -> bool:
    """Whether the account's PSP tells of whole days only."""
    return accounts.teller(account.psp).tells_daily


def told(account: ProviderAccount, since: datetime, until: datetime) -> Iterator[bytes]:
    """Everything the PSP has to tell from `since` on and before `until`, as it would have told it by webhook.

    Raises `NotTold` when an answer fails to come, which may be after some of it.
    """
    yield from each(reporter(account).events_since(since, until))


def reporter(account: ProviderAccount) -> Connector:
    """The connector for questions about what has happened; `NotTold` where a secret for them is lacking."""
    unit.refuse_open_transaction("a question to a PSP")
    try:
        if account.psp == Psp.ADYEN:
            accounts.secret(account.code, accounts.REPORT_USER)
        return accounts.connector(account, interactive=False)
    except Bug as unset:  # an account that is no longer used may have lost its secrets
        raise NotTold(str(unset)) from unset


def each(listed: Iterator[Told]) -> Iterator[Told]:
    """All that a question is answered by, each asked for behind what is urgent. `NotTold` may come after some of it."""
    while (found := answer(partial(next, listed, None))) is not None:
        yield found


def answer(ask: Callable[[], Told]) -> Told:
    """What a question is answered, behind what is urgent. Raises `NotTold`."""
    try:
        with limits.behind(limits.Priority.REPORTS):
            return ask()
    except NothingToldYet as missing:
        raise NotYet(str(missing)) from missing
    except http.FailedError as failure:
        raise NotTold(str(failure)) from failure
