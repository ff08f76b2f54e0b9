"""Where Cowrie's connector is tried: all that the contract suite needs to know of a PSP that nobody has heard of."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from payments.connectors import base
from payments.connectors.base import Outcome, PspEvent, Verdict
from payments.connectors.declines import Category
from payments.connectors.disputes import Standing
from payments.kernel import clock
from tests.connectors import benches
from tests.connectors.benches import Declining, Moved
from tests.connectors.cowrie import connector
from tests.connectors.cowrie.server import Server

CARDS: Final = {
    "approved": "shell_good",
    "pending_refund": "shell_slow_refund",
    "challenge": "shell_ask",
    "absent": "shell_ask",
    "unknown": "shell_of_another_sea",
}
OPERATIONS: Final = {
    "authorize": "pay",
    **{verb: verb for verb in ("capture", "cancel", "adjust", "reverse", "refund")},
}


class Control(benches.Simulator):
    """The control side of Cowrie's own server."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.start())
        self.server = server

    def fault(self, operation: str, fault: str, account: str, **options: Any) -> None:
        """Let the next such operation go wrong."""
        self.server.faults.append({"operation": operation, "fault": fault, **options})

    def calm(self) -> None:
        """No faults any more."""
        self.server.faults.clear()


@dataclass
class CowrieBench:
    """Cowrie answers at once, and can be asked."""

    simulator: benches.Simulator
    server: Server
    psp: str = "cowrie"
    account: str = "cowrie-beach"
    operations: Mapping[str, str] = field(default_factory=lambda: OPERATIONS)
    answers: Mapping[str, Verdict] = field(
        default_factory=lambda: {
            "capture": Verdict.APPROVED,
            "cancel": Verdict.CANCELED,
            "adjust": Verdict.APPROVED,
            "refund": Verdict.APPROVED,
        }
    )
    remembers: timedelta = timedelta(hours=1)
    declines: tuple[Declining, ...] = (
        Declining("shell_poor", "insufficient_funds", Category.SOFT, may_retry=True),
        Declining("shell_broken", "processing_error", Category.SOFT, may_retry=True),
        Declining("shell_thief", "lost_or_stolen_card", Category.FRAUD, may_retry=False),
        Declining("shell_old", "expired_card", Category.HARD, may_retry=False),
    )

    disputed: Mapping[str, str] = field(default_factory=dict)
    silence: Standing = Standing.EXPIRED

    def news(self, payment: str) -> list[PspEvent]:
        """Shells are handed over: there are no disputes."""
        return []

    def connector(self, *, base_url: str | None = None, webhook_secrets: tuple[str, ...] = ()) -> base.Connector:
        """A connector for the account."""
        secret = (webhook_secrets or ("tide",))[0].encode()
        return connector.CowrieConnector(connector.Settings(base_url=base_url or self.simulator.url, secret=secret))

    def card(self, name: str) -> Mapping[str, Any]:
        """Cards are tokens."""
        return {"type": "card", "token": CARDS.get(name, name)}

    def challenge(self, outcome: Outcome, *, passed: bool) -> Mapping[str, str]:
        """The customer answers on its page."""
        assert outcome.next_action is not None
        said = json.dumps({"word": "yes" if passed else "no"}).encode()
        request = urllib.request.Request(outcome.next_action["url"], data=said)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=120):  # noqa: S310
            return {"payment": outcome.provider_reference}

    def final(self, outcome: Outcome) -> Outcome:
        """It says it at once."""
        return outcome

    def bounced(self, request: base.Refund, outcome: Outcome) -> Outcome:
        """It can be asked."""
        assert outcome.provider_reference
        return self.connector().find(request, provider_reference="", sent_at=clock.now() - 2 * self.remembers)

    def moved(self, reference: str) -> Moved:
        """Add up its rows."""
        rows = [row for row in self.server.payments.values() if row["reference"] == reference]
        refunds = [one for row in rows for one in row["refunds"] if one["status"] != "back"]
        return Moved(
            reserved=sum(row["amount"] for row in rows if row["status"] == "reserved"),
            captured=sum(row["captured"] for row in rows),
            refunded=sum(one["amount"] for one in refunds),
            refunds=len(refunds),
        )


@contextlib.contextmanager
def bench(_simulator: benches.Simulator) -> Iterator[benches.Bench]:
    """A bench with a server of its own."""
    server = Server()
    control = Control(server)
    try:
        yield CowrieBench(control, server)
    finally:
        server.stop()
