"""What detection hands to incidents: one thing that is wrong now, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from payments.kernel.attention import Severity
from payments.kernel.errors import invariant
from reporting.models.incidents import SCOPE, IncidentKind

GRAVEST_FIRST: Final = list(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now, at the narrowest place that explains it.

    `scope` is a subset of account, method, country, currency, channel, issuer with the one value of each; empty is
    everywhere. `since` is when it began. `per_minute` is what is not approved in a minute because of it, minor units by
    currency; `by_place` is the same by account, method, country and currency, where that can be told, and may be less
    than nothing there. `figures` says what was expected, seen, counted; `words` is the sentence about it for people.
    """

    kind: IncidentKind
    scope: Mapping[str, str]
    severity: Severity
    since: datetime
    per_minute: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    words: str = ""
    by_place: Mapping[tuple[str, ...], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        invariant(set(self.scope) <= set(SCOPE), f"{sorted(self.scope)} are dimensions of incidents")
        invariant(all(self.scope.values()), "a dimension of a scope has a value")
        invariant(all(minor >= 0 for minor in self.per_minute.values()), "nobody gains by what is wrong")


Scope = Mapping[str, str]


def within(part: Scope, whole: Scope) -> bool:
    """True when `part` lies in `whole`, or is the same."""
    return all(part.get(name) == value for name, value in whole.items())


def common(scopes: list[Scope]) -> dict[str, str]:
    """The narrowest scope in which all of them lie."""
    first, *others = scopes
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


def apart(one: Scope, other: Scope) -> bool:
    """True when nothing can lie in both."""
    return any(name in other and other[name] != value for name, value in one.items())


_SAID: Final = {"account": "at {}", "method": "by {}", "country": "from {}", "currency": "in {}", "channel": "on {}",
                "issuer": "of the issuer {}"}  # fmt: skip


def place(scope: Scope) -> str:
    """A scope in words: `at an account, by ideal, from NL`, or `everywhere`."""
    return ", ".join(_SAID[name].format(scope[name]) for name in SCOPE if name in scope) or "everywhere"
