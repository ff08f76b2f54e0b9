"""Webhooks leave here: at least once, some at a time, again with a growing pause until accepted."""

import asyncio
import heapq
import logging
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from payments.simulator.clock import DAY, Clock
from payments.simulator.outbound import Sender
from payments.simulator.scenarios import WEBHOOK, Facts, Scenarios

logger = logging.getLogger(__name__)

WORKERS = 12
TIMEOUT = 10.0
LONGEST_PAUSE = 8.0
GIVE_UP_AFTER = 3 * DAY
LONGEST_HOLD = 5.0


class Channel(Protocol):
    """How one PSP addresses, signs and judges a delivery to one address."""

    @property
    def url(self) -> str:
        """Where to."""

    def headers(self, body: bytes, now: int, /) -> dict[str, str]:
        """The headers with the signature for a delivery attempt at `now`."""

    def forge(self, body: bytes, now: int, /) -> tuple[dict[str, str], bytes]:
        """The same message as an attacker would send it."""

    def accepts(self, status: int, answer: bytes, /) -> bool:
        """Whether the receiver's answer is an acknowledgement."""


@dataclass(slots=True)
class Delivery:
    """One message to one address."""

    account: str
    id: str
    facts: Facts
    channel: Channel
    body: Callable[[], bytes]
    created: int
    done: Callable[[], None]
    attempts: int = 0
    forged: bool = False


class Notifier:
    """The queue of deliveries and the workers that empty it."""

    def __init__(self, clock: Clock, scenarios: Scenarios) -> None:
        self._clock = clock
        self._scenarios = scenarios
        self._queue: deque[Delivery] = deque()
        self._wake = asyncio.Semaphore(0)
        self._late: list[tuple[float, int, Delivery]] = []
        self._held: defaultdict[str, list[Delivery]] = defaultdict(list)
        self._sender = Sender(TIMEOUT)
        self._workers: list[asyncio.Task[None]] = []
        self._busy = self._retrying = self._sequence = 0
        self._epoch = 0
        self.delivered = self.failed_attempts = self.given_up = self.lost = self.forged = 0

    def start(self) -> None:
        """Begin to deliver."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def stop(self) -> None:
        """Stop delivering; what is not delivered is known to the journal."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._sender.close()

    def submit(self, delivery: Delivery) -> None:
        """Deliver as soon as a worker is free, unless a scenario has other plans."""
        scenario = self._scenarios.pick(WEBHOOK, ("webhook",), delivery.account, lambda: delivery.facts)
        match scenario.fault if scenario else None:
            case "webhook_lost":
                self.lost += 1
                delivery.done()
                return
            case "webhook_doubled":
                self._put(_copy(delivery))
            case "webhook_forged":
                forgery = _copy(delivery)
                forgery.forged = True
                self._put(forgery)
            case "webhook_late" if scenario:
                self._hold_until(self._clock.time() + scenario.options["seconds"], delivery)
                return
            case "webhook_reordered":
                self._hold_back(delivery)
                return
        self._put(delivery)

    def tick(self) -> None:
        """Release what was late on purpose and is due."""
        while self._late and self._late[0][0] <= self._clock.time():
            self._put(heapq.heappop(self._late)[2])

    def clear(self) -> None:
        """Forget everything that waits; what is under way is not tried again."""
        self._epoch += 1
        self._queue.clear()
        self._late.clear()
        for held in self._held.values():
            held.clear()  # whoever is to release it later finds nothing
        self._held.clear()

    def status(self) -> dict[str, int]:
        """Counts; `waiting` is 0 when everything has been delivered or given up."""
        held = sum(len(deliveries) for deliveries in self._held.values())
        waiting = len(self._queue) + self._busy + self._retrying + len(self._late) + held
        return {
            "waiting": waiting,
            "retrying": self._retrying,
            "delivered": self.delivered,
            "failed_attempts": self.failed_attempts,
            "given_up": self.given_up,
            "lost": self.lost,
            "forged": self.forged,
        }

    def _put(self, delivery: Delivery) -> None:
        self._queue.append(delivery)
        self._wake.release()

    def _hold_until(self, due: float, delivery: Delivery) -> None:
        self._sequence += 1
        heapq.heappush(self._late, (due, self._sequence, delivery))

    def _hold_back(self, delivery: Delivery) -> None:
        """Let the next message of the account overtake this one; if none comes, go after a while."""
        held = self._held[delivery.account]
        held.append(delivery)

        def release() -> None:
            if delivery in held:
                held.remove(delivery)
                self._put(delivery)

        asyncio.get_running_loop().call_later(LONGEST_HOLD, release)

    def _overtaken(self, account: str) -> None:
        if self._held:
            for delivery in self._held.pop(account, []):
                self._put(delivery)

    async def _work(self) -> None:
        while True:
            await self._wake.acquire()
            if not self._queue:
                continue
            delivery = self._queue.popleft()
            self._busy += 1
            try:
                await self._deliver(delivery)
            finally:
                self._busy -= 1

    async def _deliver(self, delivery: Delivery) -> None:
        body, channel = delivery.body(), delivery.channel
        if delivery.forged:
            headers, body = channel.forge(body, self._clock.now())
        else:
            headers = channel.headers(body, self._clock.now())
        delivery.attempts += 1
        epoch = self._epoch
        try:
            status, answer = await self._sender.post(channel.url, headers, body)
            accepted = channel.accepts(status, answer)
        except (OSError, EOFError, ValueError) as error:
            logger.debug("webhook %s failed: %r", delivery.id, error)
            accepted = False
        if delivery.forged:
            self.forged += 1
        elif accepted:
            self.delivered += 1
            delivery.done()
            self._overtaken(delivery.account)
        elif epoch == self._epoch:
            self._again(delivery)

    def _again(self, delivery: Delivery) -> None:
        self.failed_attempts += 1
        if self._clock.now() - delivery.created > GIVE_UP_AFTER:
            self.given_up += 1
            delivery.done()
            return
        pause = min(2.0 ** (delivery.attempts - 1), LONGEST_PAUSE)
        self._retrying += 1
        epoch = self._epoch

        def retry() -> None:
            self._retrying -= 1
            if epoch == self._epoch:
                self._put(delivery)

        asyncio.get_running_loop().call_later(pause, retry)


def _copy(delivery: Delivery) -> Delivery:
    """A second delivery of the same message that nobody waits for."""
    return Delivery(
        account=delivery.account,
        id=delivery.id,
        facts=delivery.facts,
        channel=delivery.channel,
        body=delivery.body,
        created=delivery.created,
        done=lambda: None,
    )
