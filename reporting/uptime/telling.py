"""What alerts say and whom they concern: pure rules and the bodies that channels take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from payments.kernel.attention import Severity

FLOOD: Final = 3
"""More new alerts than this in one message are one event of PagerDuty's: whoever is called is woken once."""
LISTED: Final = 20
"""So many alerts of one message are named; of the others it says how many they are."""
LONGEST: Final = 1_000
"""Characters of PagerDuty's summary are 1,024 at most (docs: Events API v2)."""

_GRAVEST_FIRST: Final = list(Severity)
_PAGERDUTY: Final = {Severity.URGENT: "critical", Severity.SOON: "warning", Severity.CALM: "info"}
_SIGNS: Final = {
    "opened": ":rotating_light:",
    "worse": ":rotating_light:",
    "repeated": ":hourglass:",
    "taken": ":eyes:",
    "closed": ":white_check_mark:",
}
_SAID: Final = {
    "opened": "",
    "worse": "Worse: ",
    "repeated": "Still: ",
    "taken": "Looked after: ",
    "closed": "Over: ",
}

Scope = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that is wrong: where it comes from (`source`), what it is about (`key`), in words for people.

    `more` are facts that stand below the words, `page` the path of the page that shows it.
    """

    source: str
    key: str
    kind: str
    severity: Severity
    words: str
    scope: Scope = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)
    page: str = ""
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One alert in a message: what of it is told (a value of `Told`), and the key by which the channel knows it."""

    told: str
    key: str
    severity: Severity
    kind: str
    words: str
    scope: Scope
    more: Mapping[str, str]
    link: str
    at: datetime

    @property
    def said(self) -> str:
        """The sentence, with what is new about it."""
        return f"{_SAID[self.told]}{self.words}"


def at_least(severity: str, least: str) -> bool:
    """True when it hurts at least as much to wait."""
    return _GRAVEST_FIRST.index(Severity(severity)) <= _GRAVEST_FIRST.index(Severity(least))


def concerns(scope: Scope, rule: Scope) -> bool:
    """True when something wrong in `scope` may be wrong in the rule's: what is wider concerns it too."""
    return all(scope.get(name, value) == value for name, value in rule.items())


def lies_in(scope: Scope, whole: Scope) -> bool:
    """True when all that is wrong lies in `whole`."""
    return all(scope.get(name) == value for name, value in whole.items())


def summary(lines: Sequence[Line]) -> str:
    """The message in one sentence: the gravest first, and how many others."""
    first = min(lines, key=lambda line: (line.told == "closed", _GRAVEST_FIRST.index(line.severity)))
    return first.said if len(lines) == 1 else f"{first.said} (and {len(lines) - 1} more)"


def email(lines: Sequence[Line], *, message: str) -> list[dict[str, Any]]:
    """One letter. Its name stays when it is sent again, so that a mailbox shows it once (RFC 5322, 3.6.4)."""
    text = "\n\n".join(_paragraph(line) for line in lines[:LISTED])
    subject = " ".join(f"{_urgency(lines)}{summary(lines)}".split())[:200]
    return [{"id": message, "subject": subject, "text": text + _others(lines) + "\n"}]


def slack(lines: Sequence[Line], *, message: str) -> list[dict[str, Any]]:
    """One message as incoming webhooks take it; `&`, `<` and `>` are Slack's own signs."""
    said = [f"{_SIGNS[line.told]} {_linked(line)}{_escaped(_facts(line, chr(10)))}" for line in lines[:LISTED]]
    return [{"text": "\n".join(said) + _others(lines) + f"\n_{message}_"}]


def pagerduty(lines: Sequence[Line], *, message: str) -> list[dict[str, Any]]:
    """Events of the Events API v2, each known by its key: doing them again does no harm.

    What belongs to one key is one event. Whoever calls says which keys have ended.
    """
    by_key: dict[str, list[Line]] = {}
    for line in lines:
        by_key.setdefault(line.key, []).append(line)
    return [_event(key, found, message) for key, found in by_key.items()]


def _event(key: str, lines: Sequence[Line], message: str) -> dict[str, Any]:
    told = {line.told for line in lines}
    if told == {"closed"}:
        return {"event_action": "resolve", "dedup_key": key}
    if told <= {"taken", "closed"}:
        return {"event_action": "acknowledge", "dedup_key": key}
    gravest = min(lines, key=lambda line: _GRAVEST_FIRST.index(line.severity))
    details = {**gravest.more, **{f"also {number}": line.words for number, line in enumerate(lines[1:LISTED], 2)}}
    payload = {
        "summary": summary(lines)[:LONGEST],
        "source": ", ".join(f"{name} {value}" for name, value in gravest.scope.items()) or "countinghouse",
        "severity": _PAGERDUTY[gravest.severity],
        "timestamp": gravest.at.isoformat(),
        "class": gravest.kind,
        "custom_details": {**details, "message": message},
    }
    links = [{"href": line.link, "text": line.words[:100]} for line in lines[:LISTED] if line.link]
    return {"event_action": "trigger", "dedup_key": key, "client": "Countinghouse", "payload": payload, "links": links}


def _urgency(lines: Sequence[Line]) -> str:
    wrong = [line for line in lines if line.told not in ("closed", "taken")]
    return "URGENT: " if any(line.severity is Severity.URGENT for line in wrong) else ""


def _paragraph(line: Line) -> str:
    return f"{line.said}{_facts(line, chr(10))}" + (f"\n{line.link}" if line.link else "")


def _facts(line: Line, before: str) -> str:
    facts = [f"{name}: {value}" for name, value in {**line.scope, **line.more}.items()]
    return before + ", ".join(facts) if facts and line.told != "closed" else ""


def _linked(line: Line) -> str:
    words = _escaped(line.said)
    return f"<{line.link}|{words.replace('|', '¦')}>" if line.link else words


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _others(lines: Sequence[Line]) -> str:
    return f"\n\nAnd {len(lines) - LISTED} more." if len(lines) > LISTED else ""
