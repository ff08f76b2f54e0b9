"""Whether the settings of an account at Stripe are right, by their form and by three harmless questions."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from payments.connectors import answers, checks
from payments.connectors.checks import Finding
from payments.connectors.stripe import mapping, webhooks

HOST: Final = "https://api.stripe.com"


def findings(
    *, api_key: str, publishable_key: str, webhook_secrets: Sequence[str], base_url: str | None, livemode: bool
) -> Iterator[Finding]:
    """Each setting in turn."""
    mode = "live" if livemode else "test"
    yield checks.address(base_url)
    yield checks.formed("API key", [api_key], rf"(sk|rk)_{mode}_\w{{10,}}", f"sk_{mode}_… or rk_{mode}_…")
    wanted = f"pk_{mode}_…"
    yield checks.formed("publishable key", [publishable_key], rf"pk_{mode}_\w{{10,}}", wanted)
    yield checks.formed("webhook secret", webhook_secrets, r"whsec_[\w+/=]{16,}", "whsec_…, of the webhook endpoint")
    base, headers = base_url or HOST, {"Authorization": f"Bearer {api_key}"}
    payments = checks.ask("GET", f"{base}/v1/payment_intents?limit=1", headers)
    yield from checks.reached(payments)
    yield _opens(payments, "API key", "may read payments", mode)
    if payments.status == 200:
        asked = checks.ask("GET", f"{base}/v1/disputes?limit=1", headers)
        yield _opens(asked, "disputes", "may be read; whether also answered, only an answer tells", mode)
        yield from _told(checks.ask("GET", f"{base}/v1/events?limit=1", headers), livemode=livemode, mode=mode)


def _opens(asked: checks.Asked, setting: str, can: str, mode: str) -> Finding:
    if asked.status == 200:
        return Finding(setting, right=True, says=can)
    if asked.status == 401:
        return Finding(setting, right=False, says=f"Stripe does not know it: take the {mode} key of this account")
    if asked.status == 403:
        return Finding(setting, right=False, says="Stripe knows it, but it lacks a right that we need")
    return Finding(setting, right=None, says="not tried: there was no answer to learn from")


def _told(asked: checks.Asked, *, livemode: bool, mode: str) -> Iterator[Finding]:
    """What the newest event says of the account: its environment, and the API version of its list."""
    yield _opens(asked, "events", "may be read, so that lost notifications are found", mode)
    if asked.answer is None or asked.status != 200:
        return
    newest: dict[str, Any] = next(iter(answers.content(asked.answer).get("data") or []), {})
    if newest and newest.get("livemode") is not livemode:
        yield Finding("environment", right=False, says=f"the account's events are not of the {mode} environment")
    elif newest:
        yield Finding("environment", right=True, says=mode)
    if newest:
        yield _version(newest.get("api_version"))


def _version(version: object) -> Finding:
    try:
        webhooks.require_version(version)
    except mapping.UnreadableError as error:
        return Finding("API version", right=False, says=f"events are {error}")
    return Finding("API version", right=True, says=f"events are told in {version}")
