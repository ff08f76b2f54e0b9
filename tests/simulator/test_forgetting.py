"""What the simulator is told to forget never comes, however long ago it set out."""

import asyncio
import json
from pathlib import Path

import pytest

from payments.simulator import notifier
from payments.simulator.clock import Clock
from payments.simulator.journal import Journal
from payments.simulator.notifier import Delivery, Notifier
from payments.simulator.scenarios import Facts, Scenarios
from tests.simulator import process


class Letter:
    """A message to an inbox, which has arrived when the inbox says 200."""

    def __init__(self, url: str) -> None:
        self.url = url

    def headers(self, body: bytes, now: int, /) -> dict[str, str]:
        return {}

    def forge(self, body: bytes, now: int, /) -> tuple[dict[str, str], bytes]:
        raise NotImplementedError

    def accepts(self, status: int, answer: bytes, /) -> bool:
        return status == 200


def letter(inbox: process.Inbox, name: str) -> Delivery:
    return Delivery("m-1", name, Facts(), Letter(inbox.url), lambda: json.dumps(name).encode(), 0, lambda: None)


def came(inbox: process.Inbox) -> list[str]:
    return [json.loads(body) for _, body in inbox.deliveries]


async def until_quiet(post: Notifier) -> None:
    while post.status()["waiting"]:
        await asyncio.sleep(0.01)


@pytest.fixture
def scenarios(monkeypatch: pytest.MonkeyPatch) -> Scenarios:
    """No faults; who holds a message back does so for a moment."""
    monkeypatch.setattr(notifier, "LONGEST_HOLD", 0.05)
    return Scenarios("forgetting")


@pytest.fixture
def post(tmp_path: Path, scenarios: Scenarios) -> Notifier:
    """A notifier of this process, which a loop has yet to start."""
    return Notifier(Clock(Journal(None), lambda _: None), scenarios)


def test_what_was_held_back_is_forgotten(post: Notifier, scenarios: Scenarios, inbox: process.Inbox) -> None:
    async def story() -> None:
        post.start()
        scenarios.add({"fault": "webhook_reordered", "times": 1})
        post.submit(letter(inbox, "held back"))
        post.clear()
        passed = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(2 * notifier.LONGEST_HOLD, passed.set_result, None)
        await passed
        post.submit(letter(inbox, "another"))
        await until_quiet(post)
        await post.stop()

    asyncio.run(story())
    assert came(inbox) == ["another"]


def test_what_was_under_way_is_not_tried_again(post: Notifier, inbox: process.Inbox) -> None:
    inbox.refusals = 1

    async def story() -> None:
        post.start()
        post.submit(letter(inbox, "refused"))
        while not post.status()["waiting"] or post._queue:
            await asyncio.sleep(0)
        post.clear()
        await until_quiet(post)
        await post.stop()
        assert (inbox.attempts, post.failed_attempts) == (1, 0)

    asyncio.run(story())
    assert came(inbox) == []
