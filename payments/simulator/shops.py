"""What the twins of all PSPs do alike: keep a shop for each account, fire its timers, forget it."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from payments.simulator import causes
from payments.simulator.clock import Timer
from payments.simulator.tables import DAY_END, Tables
from payments.simulator.world import World

S = TypeVar("S", bound=Tables)

# What a timer does: the kind of record it names, and what happens to that record (shop, record, detail). Without a
# kind it gets the name as it is.
Actions = Mapping[str, tuple[str, Callable[[Any, Any, str], object]]]


class Shops(Generic[S]):
    """The accounts of one PSP; a twin adds its wire protocol."""

    name: str
    actions: ClassVar[Actions]
    handlers: ClassVar[causes.Handlers]

    def __init__(self, world: World) -> None:
        self._world = world
        self._shops: dict[str, S] = {}

    def start_account(self, code: str) -> None:
        """From now on the account has its days."""
        self._shops[code].have_days()

    def day_end(self, shop: S) -> None:
        """It is midnight UTC."""
        raise NotImplementedError

    def resume(self, shop: S) -> None:
        """Deliver what had not been delivered when the process ended."""
        raise NotImplementedError

    def acknowledge(self, shop: S, row: dict[str, Any]) -> None:
        """A journal row says that a message was delivered."""
        raise NotImplementedError

    def fire(self, timer: Timer) -> None:
        """Something is due. An action may have a detail behind a point."""
        shop = self._shops[timer.account]
        if timer.action == DAY_END:
            shop.have_days()
            self.day_end(shop)
            return
        action, _, detail = timer.action.partition(".")
        kind, act = self.actions[action]
        target = shop.tables[kind].get(timer.target) if kind else timer.target
        if target is not None:
            act(shop, target, detail)

    def cause(self, account: str, wish: dict[str, Any]) -> dict[str, Any]:
        """Let something happen to the account's money. Raises BadCauseError."""
        return causes.plan(self._shops[account], self.handlers, wish)

    def caused(self, account: str) -> dict[str, Any]:
        """What was to happen to it, and what its settlement says wrongly."""
        return causes.shown(self._shops[account])

    def tables(self, account: str) -> S:
        """The records of the account."""
        return self._shops[account]

    def restore(self, account: str, kind: str, row: dict[str, Any]) -> None:
        """Take back a row from the journal."""
        shop, table = self._shops[account], kind.partition(".")[2]
        if table == "delivered":
            self.acknowledge(shop, row)
        else:
            shop.restore(table, row)

    def restored(self) -> None:
        """The journal has been read: go on where the process ended."""
        for shop in self._shops.values():
            shop.have_days()
            self.resume(shop)

    def clear(self) -> None:
        """Forget every object; accounts stay."""
        for shop in self._shops.values():
            shop.forget()
            shop.have_days()
            self._world.journal.note(shop.account.code, f"{self.name}.clear", shop.account.code, {})
