"""Asking the platform as a careful client does, and checking what it answers."""

import http.client
import itertools
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import redis
from django.db import DatabaseError, connection

PERSISTENCE: Final = 30.0
"""How long the shop's server goes on asking when something breaks on the other side, in seconds."""

_keys = itertools.count(1)


class Failed(Exception):
    """A check of the demo did not hold; the text says which."""


class ProviderAway(Failed):
    """The provider could not be reached, with proof that nothing happened: asking the same again says the same."""


def check(condition: object, what: str) -> None:
    """Raise `Failed` unless `condition` holds."""
    if not condition:
        raise Failed(what)


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 30, pause: float = 0.05) -> None:
    """Ask again and again; `Failed` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        check(time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s")
        time.sleep(pause)


def _holds(condition: Callable[[], object]) -> object:
    """Whether it does; a server that is just being restarted has not said so yet."""
    try:
        return condition()
    except (DatabaseError, redis.ConnectionError):
        connection.close()
        return False


def read(request: urllib.request.Request) -> Any:
    """What is answered: an object, or the bytes of anything that is not JSON."""
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  our own address
        return json.load(answer) if answer.headers.get_content_type() == "application/json" else answer.read()


@dataclass
class Client:
    """A shop's server at the API."""

    platform: str
    api_key: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request to the API, as a careful shop's server sends it: again, with its key, when no answer comes."""
        headers = {"authorization": f"Bearer {self.api_key}", "content-type": "application/json"}
        if method == "POST":
            headers["idempotency-key"] = f"demo-{os.getpid()}-{next(_keys)}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.platform}/v1/{path}", data, headers, method=method)  # noqa: S310
        deadline = time.monotonic() + PERSISTENCE
        while True:
            try:
                return read(request)
            except urllib.error.HTTPError as error:
                why = f"{method} {path} was answered {error.code}: {error.read().decode()[:300]}"
                if "provider_unavailable" in why:
                    raise ProviderAway(why) from error
                again = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or "idempotency_key_in_use" in why
            except (OSError, http.client.HTTPException) as error:
                why, again = f"{method} {path} was not answered: {error}", True
            check(again and time.monotonic() < deadline, why)
            time.sleep(0.5)
