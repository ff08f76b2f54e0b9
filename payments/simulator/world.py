"""What every simulated PSP shares: time, ids, accounts, faults, notifications, the journal."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from starlette.routing import BaseRoute

from payments.simulator.accounts import Accounts
from payments.simulator.clock import Clock, Timer
from payments.simulator.ids import Ids
from payments.simulator.journal import Journal
from payments.simulator.notifier import Notifier
from payments.simulator.rates import Rates
from payments.simulator.scenarios import Scenarios


class Twin(Protocol):
    """One simulated PSP."""

    name: str

    def routes(self) -> list[BaseRoute]:
        """The paths of its wire protocol."""

    def open_account(self, code: str) -> None:
        """An account of this PSP was made or changed."""

    def start_account(self, code: str) -> None:
        """The account begins to live; a replayed one does so in `restored`."""

    def fire(self, timer: Timer) -> None:
        """A timer of this PSP is due."""

    def book(self, account: str) -> Iterator[dict[str, Any]]:
        """Every object of the account that moved or would move money."""

    def cause(self, account: str, wish: dict[str, Any]) -> dict[str, Any]:
        """Let something happen to the account's money. Raises BadCauseError."""

    def caused(self, account: str) -> dict[str, Any]:
        """What was to happen to it, and what its settlement says wrongly."""

    def tables(self, account: str) -> Any:
        """The records of the account: `payments.simulator.tables.Tables`."""

    def restore(self, account: str, kind: str, row: dict[str, Any]) -> None:
        """Take back a row from the journal; `kind` begins with the PSP's name and a point."""

    def restored(self) -> None:
        """The journal has been read: deliver what was not delivered."""

    def clear(self) -> None:
        """Forget every object; accounts stay."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes, on top of the work."""

    ms: float = 0.0


class World:
    """The simulator's state."""

    def __init__(self, seed: str, journal: Path | None, url: str = "") -> None:
        # Where it can be reached: stands in messages that nobody's request caused.
        self.url = url
        self.journal = Journal(journal)
        self.ids = Ids(seed, self.journal)
        self.accounts = Accounts(self.journal)
        self.rates = Rates(self.journal)
        self.clock = Clock(self.journal, self._fire)
        self.scenarios = Scenarios(seed)
        self.notifier = Notifier(self.clock, self.scenarios)
        self.latency = Latency()
        self.twins: dict[str, Twin] = {}

    def add(self, twin: Twin) -> None:
        """Take up a PSP; its accounts are opened in it."""
        self.twins[twin.name] = twin

    def put_account(self, code: str, settings: dict[str, Any]) -> None:
        """Create or change an account. Raises BadAccountError."""
        if "psp" in settings and settings["psp"] not in self.twins:
            known = ", ".join(sorted(self.twins))
            raise UnknownPspError(f"unknown psp {settings['psp']!r}; known: {known}")
        account = self.accounts.put(code, settings)
        self.twins[account.psp].open_account(code)
        self.twins[account.psp].start_account(code)

    def _fire(self, timer: Timer) -> None:
        self.twins[timer.psp].fire(timer)

    def replay(self) -> None:
        """Become what the journal remembers, then go on writing it."""
        for account, kind, row in self.journal.replay():
            match kind:
                case "account":
                    self.accounts.restore(row)
                    self.twins[row["psp"]].open_account(row["code"])
                case "ids":
                    self.ids.restore(row)
                case "clock":
                    self.clock.restore_offset(row["offset"])
                case "rates":
                    self.rates.restore(row["rates"])
                case "timer":
                    self.clock.restore(row)
                case _:
                    self.twins[kind.partition(".")[0]].restore(account, kind, row)
        self.journal.open()

    def clear(self, begin_at: int | None = None) -> None:
        """Forget every object, fault and waiting notification; keep the accounts.

        Time is the real one again, or begins at `begin_at`: for who wants to write a past.
        """
        self.scenarios.clear()
        self.notifier.clear()
        self.latency = Latency()
        self.rates.clear()
        for name in self.twins:
            self.clock.forget(name)
        self.clock.begin_anew(begin_at)
        for twin in self.twins.values():
            twin.clear()
        self.journal.flush()

    def tick(self) -> None:
        """Let happen what is due."""
        self.clock.run_due()
        self.notifier.tick()
        self.journal.flush()


class UnknownPspError(ValueError):
    """An account for a PSP that is not simulated."""
