"""Whether the settings of an account at Adyen are right, by their form and by two harmless questions."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from payments.connectors import answers, checks, http
from payments.connectors.adyen import accounting, reports, transport
from payments.connectors.answers import NothingToldYet
from payments.connectors.checks import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the environment and the account's row say."""

    api_key: str = field(repr=False)
    client_key: str
    hmac_keys: Sequence[str] = field(repr=False)
    merchant_account: str
    base_url: str | None
    live_prefix: str
    region: str
    livemode: bool
    report_user: str = field(default="", repr=False)


def findings(given: Given) -> Iterator[Finding]:
    """Each setting in turn. Asking which payment methods there are moves nothing."""
    mode = "live" if given.livemode else "test"
    yield checks.address(given.base_url)
    yield checks.formed("client key", [given.client_key], rf"{mode}_\w{{10,}}", f"{mode}_…")
    yield checks.formed("HMAC key", given.hmac_keys, r"[0-9A-Fa-f]{64}", "64 hexadecimal digits")
    if given.livemode and not given.base_url:
        yield checks.formed(
            "live prefix", [given.live_prefix], r"[0-9a-f]+-[A-Za-z0-9]+", "1797a841fbb37ca7-CompanyName"
        )
    base = given.base_url or transport.address(livemode=given.livemode, prefix=given.live_prefix, region=given.region)
    headers = {"x-api-key": given.api_key, "Content-Type": "application/json"}
    body = orjson.dumps({"merchantAccount": given.merchant_account})
    asked = checks.ask("POST", f"{base}/paymentMethods", headers, body)
    yield from checks.reached(asked)
    yield from _opens(asked, given.merchant_account, mode)
    if asked.status == 200:
        disputes = transport.disputes_address(livemode=given.livemode, base_url=given.base_url)
        nobodys = {"merchantAccountCode": given.merchant_account, "disputePspReference": "NOBODYS"}
        url = f"{disputes}/retrieveApplicableDefenseReasons"
        yield _defends(checks.ask("POST", url, headers, orjson.dumps(nobodys)))
    yield _reports(given)


def _defends(asked: checks.Asked) -> Finding:
    """Disputes need a role of their own; with it Adyen says that there is no such dispute."""
    if asked.status in {401, 403}:
        says = "the API key lacks the role of API dispute management: disputes could not be answered"
        return Finding("disputes", right=False, says=says)
    if asked.status in {200, 400, 404, 422}:
        return Finding("disputes", right=True, says="may be answered")
    return Finding("disputes", right=None, says="not tried: there was no answer to learn from")


def _reports(given: Given) -> Finding:
    """The report of the day before yesterday is made, if any is."""
    if not given.report_user:
        says = "none (…_REPORT_USER): what no notification has told is not found out"
        return Finding("report user", right=None, says=says)
    there = reports.source(
        user=given.report_user,
        merchant_account=given.merchant_account,
        base_url=given.base_url,
        livemode=given.livemode,
    )
    file = accounting.accounting_file(datetime.fromtimestamp(time.time(), UTC).date() - timedelta(days=2))
    try:
        accounting.rows(reports.fetch(there, file), accounting.TOLD)
    except NothingToldYet:
        says = f"is let in; there is no {file}: let Adyen make this report daily"
        return Finding("report user", right=True, says=says)
    except http.FailedError as failure:
        return Finding("report user", right=False, says=str(failure))
    return Finding("report user", right=True, says=f"{file} can be read")


def _opens(asked: checks.Asked, merchant_account: str, mode: str) -> Iterator[Finding]:
    """Adyen says 401 for a key that it does not know, 403 for a merchant account that is not the key's."""
    if asked.status == 401:
        yield Finding("API key", right=False, says=f"Adyen does not know it in its {mode} environment")
    elif asked.status == 403:
        yield Finding("API key", right=None, says="Adyen knows it, or hides that it does not")
        says = f"{merchant_account} is not one that this API key may use"
        yield Finding("merchant account", right=False, says=says)
    elif asked.status == 200:
        yield Finding("API key", right=True, says=f"opens the {mode} environment")
        yield Finding("merchant account", right=True, says=f"{merchant_account} may be used")
    elif asked.answer is not None and 400 <= asked.status < 500 and asked.status != 429:
        said = answers.content(asked.answer).get("errorCode", "")
        yield Finding("merchant account", right=False, says=f"HTTP {asked.status} {said} for {merchant_account}")
    else:
        yield Finding("API key", right=None, says="not tried: there was no answer to learn from")
