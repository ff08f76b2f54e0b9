"""What PSPs have to tell when they are asked: their own lists of events, or their reports, read again."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from payments.connectors import http
from payments.connectors.answers import NothingToldYet
from payments.gateway import accounts, limits
from payments.gateway.models import ProviderAccount, Psp
from payments.kernel import unit
from payments.kernel.errors import Bug


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
    unit.refuse_open_transaction("a question to a PSP")
    try:
        if account.psp == Psp.ADYEN:
            accounts.secret(account.code, accounts.REPORT_USER)
        listed = accounts.connector(account, interactive=False).events_since(since, until)
    except Bug as unset:  # an account that is no longer used may have lost its secrets
        raise NotTold(str(unset)) from unset
    while (body := _next(listed)) is not None:
        yield body


def _next(listed: Iterator[bytes]) -> bytes | None:
    try:
        with limits.behind(limits.Priority.REPORTS):
            return next(listed, None)
    except NothingToldYet as missing:
        raise NotYet(str(missing)) from missing
    except http.FailedError as failure:
        raise NotTold(str(failure)) from failure
