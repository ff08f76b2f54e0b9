"""What can happen to a request on its way to a PSP's own work and back: latency, broken connections, refusals."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from payments.simulator.scenarios import TRANSPORT, Facts
from payments.simulator.world import World

Headers = list[tuple[bytes, bytes]]
GARBAGE = b"<html><body>It works!</body></html>"
# What may become of a file on its way, although the answer looks whole: the end is missing, a part is no text.
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated_200": lambda body: body[: len(body) * 2 // 3],
    "corrupted_200": lambda body: body[: len(body) // 2] + b"\x00\xff\xfe\x9f" * 16 + body[len(body) // 2 + 64 :],
}
REFUSED = {"error_503_before": 503, "rate_limit_429": 429}


@dataclass(slots=True)
class Reply:
    """An answer before the PSP's usual headers are added."""

    status: int
    body: bytes
    headers: Headers = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a scenario looks at: the operation's names, the account, the facts."""

    names: tuple[str, ...]
    account: str
    facts: Callable[[], Facts]


async def carry(
    world: World, asked: Asked, refusal: Callable[[int], Reply], work: Callable[[float], Awaitable[Reply]]
) -> Reply | None:
    """The answer as the client gets it; None when its connection shall break.

    `refusal` words a status before anything was done; `work` does it after so many seconds.
    """
    fault = world.scenarios.pick(TRANSPORT, asked.names, asked.account, asked.facts)
    kind = fault.fault if fault else ""
    if kind == "reset_before":
        return None
    if kind in REFUSED:
        return refusal(REFUSED[kind])
    slow = fault.options["ms"] if fault and kind == "slow" else 0
    reply = await work((world.latency.ms + slow) / 1_000)
    if fault and kind == "hang":
        # It is done, and its key is free again: only the answer hangs.
        await asyncio.sleep(fault.options["seconds"])
    if kind == "reset_after":
        return None
    if kind == "garbage_200":
        return Reply(200, GARBAGE, [(b"content-type", b"text/html")])
    if kind in DAMAGES:
        reply.body = DAMAGES[kind](reply.body)
    return reply
