"""The simulator as an ASGI application."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette

from payments.simulator.control import Control
from payments.simulator.treasury import Treasury
from payments.simulator.world import World

logger = logging.getLogger(__name__)

TICK = 0.1


def build(world: World) -> Starlette:
    """All wire protocols and the control side, around one world."""
    routes = [*Control(world).routes(), *Treasury(world).routes()]
    for twin in world.twins.values():
        # The PSPs' own paths under /_sim come first; /v1 catches all that is below it.
        routes = [*routes, *twin.routes()]
    return Starlette(routes=routes, lifespan=_lifespan(world))


def _lifespan(world: World) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        world.notifier.start()
        for twin in world.twins.values():
            twin.restored()
        ticking = asyncio.create_task(_tick(world))
        try:
            yield
        finally:
            ticking.cancel()
            await world.notifier.stop()
            world.journal.close()

    return lifespan


async def _tick(world: World) -> None:
    while True:
        try:
            world.tick()
        except Exception:
            # One broken timer must not stop the time of everything else.
            logger.exception("a timer failed")
        await asyncio.sleep(TICK)
