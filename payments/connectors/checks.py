"""What a harmless question to a PSP shows about an account's settings, in words for who has to mend them."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from payments.connectors import http

MOST_SKEW_SECONDS: Final = 30
"""Signatures of notifications may be five minutes off; a clock that is half a minute off drifts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting, whether it is right (None: it cannot be told), and what is to be known or done."""

    setting: str
    right: bool | None
    says: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what came of it: an answer, or why there was none."""

    host: str
    answer: http.Answer | None
    problem: str
    milliseconds: int

    @property
    def status(self) -> int:
        """The HTTP status; 0 without an answer."""
        return self.answer.status if self.answer is not None else 0


def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Asked:
    """Ask once."""
    host, began = urlsplit(url).netloc, time.monotonic()
    try:
        answer = http.BACKGROUND.send(method, url, headers, body)
    except http.FailedError as failure:
        return Asked(host, None, str(failure), 0)
    return Asked(host, answer, "", round((time.monotonic() - began) * 1000))


def reached(asked: Asked) -> Iterator[Finding]:
    """Whether the PSP answers, how fast, and whether its clock and ours agree."""
    if asked.answer is None:
        yield Finding("address", right=False, says=f"{asked.host} does not answer: {asked.problem}")
        return
    busy = asked.status == 429 or asked.status >= 500
    says = f"{asked.host} answers HTTP {asked.status}: try again later" if busy else f"{asked.host} answers"
    yield Finding("address", right=not busy, says=f"{says} ({asked.milliseconds} ms)")
    yield _clock(asked.answer.headers.get("Date", ""))


def _clock(date: str) -> Finding:
    try:
        there = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return Finding("clock", right=None, says="the answer does not say what time it is there")
    skew = round(time.time() - there.replace(tzinfo=there.tzinfo or UTC).timestamp())
    if abs(skew) <= MOST_SKEW_SECONDS:
        return Finding("clock", right=True, says="agrees with the PSP's")
    way = "ahead of" if skew > 0 else "behind"
    return Finding(
        "clock", right=False, says=f"is {abs(skew):,} s {way} the PSP's: set it, or notifications are refused"
    )


def address(base_url: str | None) -> Finding:
    """Whether the base URL, where one is given, is one that can be spoken to."""
    if not base_url:
        return Finding("base URL", right=True, says="the PSP's own")
    parts = urlsplit(base_url)
    if base_url.endswith("/"):
        return Finding("base URL", right=False, says="ends in a slash: every address would have two")
    if parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return Finding("base URL", right=True, says=f"{base_url}, instead of the PSP's own")
    return Finding("base URL", right=False, says=f"{base_url} is neither https nor on this machine")


def formed(setting: str, values: Sequence[str], form: str, wanted: str) -> Finding:
    """Whether each value has the form that the PSP gives it. No value is ever shown."""
    wrong = [value for value in values if not re.fullmatch(form, value)]
    if wrong:
        return Finding(setting, right=False, says=f"is not what the PSP makes: {wanted}")
    return Finding(
        setting, right=True, says="well-formed" if len(values) == 1 else f"{len(values)} values, well-formed"
    )
