"""Settlement files are fetched: hourly, when a PSP says that one is ready, by hand; what does not come is missed."""

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from payments.connectors.settlements import Announced, FileKind
from payments.gateway import accounts, events
from payments.gateway import settlements as asked
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, jobs, unit
from payments.kernel.jobs import Retry
from reporting import selectors
from reporting.models import SettlementFile
from reporting.models.settlements import Source
from reporting.services import conflicts, missing, payouts, settlements

log = structlog.get_logger(__name__)

BY: Final = "settlement"
RETRY: Final = timedelta(minutes=10)
SOON: Final = timedelta(minutes=2)
"""A report that was asked for is made in about a minute."""
SECONDS: Final = 240
"""A look stops after this long, between two files, and goes on with its next turn."""
FAILURES: Final = 3
"""So many files in a row that the PSP fails to give: the others wait for its recovery."""
REFUSED_AGAIN: Final = timedelta(hours=20)
"""A file that was refused may have been put right at the PSP: once a day it is fetched anew."""


def fetch_all() -> None:
    """Wish for a look at the files of every account; also of disabled ones: what they took is still settled."""
    with unit.work():
        for account in ProviderAccount.objects.order_by("code"):
            jobs.enqueue("fetch_settlements", unique=f"settlements:{account.pk}", account_id=account.pk)


def fetch(account_id: str) -> None:
    """Keep every file that the account's PSP has ready and we have not, the oldest first, and learn of its payouts.

    What should be there by now and is not becomes a discrepancy. Raises `Retry` when the PSP fails to answer, or when
    there is more than fits one turn; what is kept stays.
    """
    account = accounts.account(account_id)
    look = _Look(account)
    try:
        look.over(_ready(account))
        payouts.learn_all(account, asked.payouts(account, missing.since(account)))
    except events.NotTold as reason:
        look.problem = str(reason)
    with unit.work():
        for reference, (since, why) in {**missing.gaps(account), **look.late}.items():
            conflicts.miss(account, reference, f"{why} {look.problem}".strip(), since)
    if look.problem:
        log.warning("settlement_not_told", account=account.code, why=look.problem)
        raise Retry(RETRY, look.problem)
    if look.unfinished:
        raise Retry(timedelta(0), "more files are ready than fit one turn")
    if look.waits and not look.late:
        raise Retry(SOON, "a file is being made")


class _Look:
    """One look at a PSP's files: what is late, since when and why; what went wrong; whether there is more."""

    def __init__(self, account: ProviderAccount) -> None:
        self.account, self.ends = account, time.monotonic() + SECONDS
        self.late: dict[str, tuple[datetime, str]] = {}
        self.problem, self.waits, self.unfinished = "", False, False

    def over(self, ready: Iterator[Announced]) -> None:
        """Keep what is ready; raises `NotTold` when the PSP fails again and again."""
        failures = 0
        for announced in ready:
            if not _wanted(self.account, announced):
                continue
            if time.monotonic() > self.ends:
                self.unfinished = True
                return
            try:
                self._keep(announced)
                failures = 0
            except events.NotYet as reason:
                self.waits = True
                self._wait(announced, str(reason))
            except events.NotTold as reason:
                self.problem, failures = str(reason), failures + 1
                self._wait(announced, str(reason))
                if failures == FAILURES:
                    raise

    def _keep(self, announced: Announced) -> None:
        pieces = asked.file(self.account, announced)
        settlements.store(self.account, announced, pieces, source=Source.FETCHED, by=BY)

    def _wait(self, announced: Announced, why: str) -> None:
        """It may come yet, until its day is long over."""
        since = missing.over(announced.day) if announced.day else clock.now()
        if clock.now() - since >= missing.OVERDUE:
            self.late[announced.reference] = (since, f"{announced.name} is announced and cannot be had: {why}.")


def fetch_one(account_id: str, announced: Announced, told_at: datetime) -> None:
    """Keep one file that its PSP said at `told_at` is ready; also when one of its reference is loaded: it may differ.

    Raises `Retry` while it cannot be had; after `OVERDUE` it is missed, unless one of its reference is there, and left
    to the hourly look.
    """
    account = accounts.account(account_id)
    try:
        pieces = asked.file(account, announced)
        settlements.store(account, announced, pieces, source=Source.FETCHED, by=BY)
    except events.NotTold as reason:
        if clock.now() - told_at < missing.OVERDUE:
            raise Retry(RETRY, str(reason)) from reason
        if selectors.standing_file(account.pk, announced.reference) is not None:
            log.info("settlement_not_told_again", account=account.code, name=announced.name, why=str(reason))
            return
        why = f"{announced.name} was announced and cannot be had: {reason}."
        with unit.work():
            conflicts.miss(account, announced.reference, why, told_at)


def _ready(account: ProviderAccount) -> Iterator[Announced]:
    """What the PSP has. Batches are numbered: where one is lacking, it is asked from there on as well."""
    for newest in missing.before_gaps(account):
        yield from asked.announced(account, missing.since(account), clock.now(), newest=newest)


def _wanted(account: ProviderAccount, announced: Announced) -> bool:
    files = SettlementFile.objects.filter(account=account, reference=announced.reference)
    if selectors.standing_file(account.pk, announced.reference) is not None:
        return False
    return not files.filter(source=Source.FETCHED, created_at__gt=clock.now() - REFUSED_AGAIN).exists()


def wish(account_id: str, announced: Announced | None) -> None:
    """A PSP says that a file is ready, or that there is news: fetch it soon. Opens a unit of work."""
    with unit.work():
        if announced is None:
            jobs.enqueue("fetch_settlements", unique=f"settlements:{account_id}", account_id=account_id)
            return
        said = {
            "reference": announced.reference,
            "kind": announced.kind.value,
            "called": announced.name,
            "day": announced.day.isoformat() if announced.day else "",
            "currency": announced.currency,
            "total_minor": "" if announced.total_minor is None else str(announced.total_minor),
        }
        told_at = clock.now().isoformat()
        unique = f"settlement:{account_id}:{announced.reference}"[:120]
        jobs.enqueue("fetch_settlement", unique=unique, account_id=account_id, told_at=told_at, **said)  # type: ignore[arg-type]  # texts


def announced_by(said: dict[str, str]) -> Announced:
    """What `wish` has written down."""
    return Announced(
        reference=said["reference"],
        kind=FileKind(said["kind"]),
        name=said["called"],
        day=date.fromisoformat(said["day"]) if said["day"] else None,
        currency=said["currency"],
        total_minor=int(said["total_minor"]) if said["total_minor"] else None,
    )
