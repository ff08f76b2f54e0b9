"""Documents that are made from the code: states, errors, events, invariants, connectors."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from django.urls import get_resolver

from payments.gateway import accounts
from payments.gateway.models import Psp
from payments.intents import states as intent_states
from payments.kernel import errors, invariants, retention
from payments.kernel.machine import Machine
from payments.methods import catalogue as methods
from payments.orders import states as order_states
from payments.webhooks import catalogue
from refunds import states as refund_states
from reporting import states as report_states
from reporting.reports import describe

NOTE: Final = "<!-- Made by `manage.py docs` from the code. Do not edit. -->"

MACHINES: Final[Mapping[str, tuple[Machine, str]]] = {
    "Order": (order_states.ORDER, "Its status follows its money."),
    "Payment intent": (intent_states.INTENT, "What a client must do, or may expect, next."),
    "Payment attempt": (
        intent_states.ATTEMPT,
        "`failed` means proof that nothing happened at the provider; `unknown` means that money may have moved; "
        "`pending` means that the provider has it and will say. Evidence of money beats every earlier belief.",
    ),
    "Capture": (intent_states.CAPTURE, "One capture of an authorisation."),
    "Routing rule": (intent_states.RULE, "Drafted by one person, approved and activated by others."),
    "Refund": (refund_states.REFUND, "Money on its way back."),
    "Dispute": (
        refund_states.DISPUTE,
        "It begins as the provider's first news of it say. What the provider says later replaces what it said before.",
    ),
    "Refund batch": (
        refund_states.BATCH,
        "An uploaded file of refunds: checked first, approved by a second person, then refunded row by row.",
    ),
    "Report run": (report_states.RUN, "A file that finance asked for."),
    "Settlement file": (report_states.FILE, "What a PSP says it did with our money, in one file."),
    "Payout": (report_states.PAYOUT, "Money on its way from a PSP to our bank."),
    "Discrepancy": (report_states.DISCREPANCY, "Something that ledger, PSP and bank do not agree about."),
    "Incident": (report_states.INCIDENT, "Something that is wrong: found by detection, over when it is found no more."),
    "Diversion": (
        report_states.DIVERSION,
        "Payments that go elsewhere while something is wrong, and come back by a hundredth, a tenth, and all.",
    ),
    "Close": (report_states.CLOSE, "A day or month of a legal entity, until its books take nothing more."),
}


def states() -> Iterable[str]:
    """docs/states.md"""
    yield from ("# States", "", "Each machine is one table in the code; these are its pictures.", "")
    for title, (machine, meaning) in MACHINES.items():
        yield from (f"## {title}", "", meaning, "", "```mermaid", *machine.diagram(), "```", "")


def refusals() -> Iterable[str]:
    """docs/errors.md"""
    _ = get_resolver().url_patterns  # every door is loaded, and with it every refusal
    yield from (
        "# Errors",
        "",
        "Every refusal is `application/problem+json` (RFC 9457) with these codes. Nothing was changed, unless the text",
        "says otherwise. A decline is no error: it is a 200 with the intent's `last_payment_error`.",
        "",
        "| code | status | meaning |",
        "|---|---|---|",
    )
    for code, kind in errors.refusals().items():
        yield f"| `{code}` | {kind.status} | {' '.join((kind.__doc__ or '').split())} |"


def events() -> Iterable[str]:
    """docs/events.md"""
    yield from (
        "# Events",
        "",
        "Sent to webhook endpoints, signed after Standard Webhooks, at least once, in order per object. `sequence`",
        "counts per object without gaps. `data.object` is the object as the API shows it, after the change.",
        "",
        "| type | meaning |",
        "|---|---|",
    )
    yield from (f"| `{type_}` | {meaning} |" for type_, meaning in catalogue.TYPES.items())


def checks() -> Iterable[str]:
    """docs/invariants.md"""
    yield from (
        "# Invariants",
        "",
        "What `manage.py verify` proves on the rows of a database.",
        "",
        "| number | check | what holds |",
        "|---|---|---|",
    )
    for check in sorted(invariants.CHECKS.values(), key=lambda check: (check.number, check.name)):
        yield f"| {check.number} | `{check.name}` | {check.title} |"


def kept() -> Iterable[str]:
    """docs/retention.md"""
    yield from (
        "# What is kept for how long",
        "",
        "Personal data ends when a customer is erased (`DELETE /v1/customers/{id}`, `manage.py erase`, the page of the",
        "customer). Besides, the job `forget_what_is_over` holds to these rules every hour:",
        "",
        "| rule | table | days | what |",
        "|---|---|---|---|",
    )
    for rule in sorted(retention.RULES.values(), key=lambda rule: rule.name):
        yield f"| `{rule.name}` | `{rule.table}` | {rule.kept().days} | {rule.what} |"
    yield from (
        "",
        "What customers type into fields of a payment method is forgotten with the PSP's answer, files of reports",
        "after `REPORTS_KEPT_DAYS`. Books, settlement files, statements of banks and the audit log are kept: the law",
        "wants them.",
    )


def connectors() -> Iterable[str]:
    """docs/connectors.md"""
    yield from (
        "# Connectors",
        "",
        "Payment methods, and what each provider lets us do with them: `payments/methods/catalogue.py`, as a table.",
        "",
        "| method | kind | customers in | currencies | confirmed by | how soon | can be paid for | disputes"
        " | refund window |",
        "|---|---|---|---|---|---|---|---|---|",
    )
    for method in methods.METHODS.values():
        where = (" ".join(sorted(codes)) or "all" for codes in (method.countries, method.currencies))
        window = f"{method.refund_window_days} days" if method.refund_window_days else "not said"
        facts = (method.confirmed_by, method.confirmed, method.expires_after or "", _yes(method.disputes), window)
        yield f"| {' | '.join(map(str, (f'`{method.code}`', method.family, *where, *facts)))} |"
    yield from (
        "",
        "| provider | method | called | manual capture | partial capture | several captures | held for longer | refund"
        " | partial refund | several refunds | saved | requires of the client |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    )
    for psp in Psp:
        for method in methods.METHODS.values():
            if (can := method.offers.get(psp)) is not None:
                may = (can.manual_capture, can.partial_capture, can.multiple_captures, can.extends)
                back = (can.refund, can.partial_refund, can.multiple_refunds)
                answers = " | ".join(map(_yes, (*may, *back, can.saves)))
                wants = ", ".join(f"`{name}`" for name in can.requires)
                yield f"| {psp.label} | `{method.code}` | {can.type} | {answers} | {wants} |"
    yield from (
        "",
        "Whether a provider undoes a payment of which nobody knows whether it was captured (a reversal).",
        "",
    )
    yield from ("| provider | reversals |", "|---|---|")
    yield from (f"| {psp.label} | {_yes(accounts.teller(psp).reverses)} |" for psp in Psp)
    yield from ("", "What each provider can be asked for afterwards, when its notifications were lost.", "")
    yield from ("| provider | what tells | how far back |", "|---|---|---|")
    for psp in Psp:
        teller = accounts.teller(psp)
        how = "its report of each day, when the day is over" if teller.tells_daily else "its own list of events"
        yield f"| {psp.label} | {how} | {teller.keeps_events.days} days |"


def _yes(fact: bool) -> str:  # noqa: FBT001
    return "yes" if fact else "no"


DOCUMENTS: Final[Mapping[str, Callable[[], Iterable[str]]]] = {
    "states.md": states,
    "errors.md": refusals,
    "events.md": events,
    "invariants.md": checks,
    "retention.md": kept,
    "connectors.md": connectors,
    "reports.md": lambda: describe.markdown().splitlines(),
}


def text(name: str) -> str:
    """One document, as it stands in docs/."""
    first, *rest = DOCUMENTS[name]()
    return "\n".join([first, "", NOTE, *rest]).rstrip() + "\n"
