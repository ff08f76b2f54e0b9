"""The books of the tests: what PSPs and people say, so that a day of October can be closed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connections

from payments.gateway.models import LegalEntity, ProviderAccount
from payments.kernel import clock, jobs
from payments.kernel.jobs import Queue
from reporting.models import Close, SettlementFile, TieOut
from reporting.services import closing
from tests import factories


def entity() -> LegalEntity:
    """The company of the account stripe-us."""
    return ProviderAccount.objects.get(code="stripe-us").legal_entity


def in_utc() -> None:
    """The company's days are those of UTC."""
    LegalEntity.objects.filter(pk=entity().pk).update(time_zone="UTC")


def told(day: datetime, *, unexplained: int = 0, code: str = "stripe-us") -> None:
    """The PSP has told of a day (UTC), and its balance was compared with ours an hour after it."""
    account = ProviderAccount.objects.get(code=code)
    SettlementFile.objects.create(
        account=account, kind="activity", reference=f"{day:%Y-%m-%d}", name="activity", day=day.date(),
        source="fetched", file=f"settlements/{day:%Y-%m-%d}", size=1, sha256="0" * 64, status="loaded",
    )  # fmt: skip
    compared(day.replace(hour=1) + timedelta(days=1), unexplained=unexplained, code=code)


def compared(at: datetime, *, unexplained: int = 0, code: str = "stripe-us") -> None:
    """The PSP's balance was compared with ours."""
    TieOut.objects.create(
        account=ProviderAccount.objects.get(code=code), currency="USD", as_of=at, ledger_minor=1000, timing_minor=0,
        psp_minor=1000 + unexplained, open_minor=0, unexplained_minor=unexplained,
    )  # fmt: skip


def run(at: datetime) -> None:
    """What the timetable does at a moment, until nothing is left to be done."""
    for _ in range(70):
        with clock.at(at):
            try:
                closing.run(entity().pk)
            except jobs.Retry:
                factories.work(Queue.FINANCE)
                continue
            return
    raise AssertionError("it never ends")


def close_of(day: datetime, kind: str = "day") -> Close:
    """The close of a day, as it is in the database."""
    return Close.objects.get(day=day.date(), kind=kind, entity=entity())


def says(close: Close) -> dict[str, tuple[str, str]]:
    """Item -> state and words."""
    return {check.item: (check.state, check.says) for check in close.checks.all()}


@contextmanager
def side_by_side(*acts: Callable[[], Any]) -> Iterator[list[Any]]:
    """Do all of it at once, each in a thread of its own; what each gave or raised, in order, is there afterwards."""
    start, found = threading.Barrier(len(acts)), [None] * len(acts)

    def one(index: int, act: Callable[[], Any]) -> None:
        try:
            start.wait(120)
            found[index] = act()
        except Exception as error:  # noqa: BLE001  the caller looks
            found[index] = error  # type: ignore[call-overload]  # whatever it is
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(index, act)) for index, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    yield found
