"""How Stripe is asked about settlement: payouts, their itemised reports, the movements of a day, the balance."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import orjson

from payments.connectors import http
from payments.connectors.answers import NothingToldYet
from payments.connectors.settlements import Announced, Balance, FileKind, FileRefused, PayoutNews, SettlementLine
from payments.connectors.stripe import mapping, payouts, requests, settlement
from payments.kernel import money

Json = Mapping[str, Any]

CLIENT: Final = http.Client(read_seconds=http.FILE_SECONDS)
FILES: Final = "https://files.stripe.com"

RECONCILED_WITHIN: Final = timedelta(days=7)
"""How long after it was made a payout may still be sorted by Stripe before its report can be asked for."""
FAILS_WITHIN: Final = timedelta(days=21)
"""How long after it was made a payout may still change: the bank takes days to send money back."""
SETTLED_AFTER: Final = timedelta(minutes=15)
"""How long after its end a day is final: what was made in its last second is listed by then."""

DAY: Final = timedelta(days=1)
RUNS: Final = 3
"""Runs of a report that failed, after which it is not asked for anew until Stripe has forgotten them (a day)."""

WAITING: Final = frozenset(["interval_start", "interval_end", "parameters[interval_start]", "parameters[interval_end]"])
"""What Stripe finds fault with while its data are not complete for the time that is asked for."""


@dataclass(frozen=True)
class Files:
    """Where an account's files lie, without a trailing slash, and what opens them."""

    api_key: str = field(repr=False)
    address: str
    gate: http.Gate

    @contextmanager
    def opened(self, file: str) -> Iterator[Iterator[bytes]]:
        """A file by its id, in pieces. It fails as a request does."""
        self.gate.enter("get /v1/files")
        url = f"{self.address}/v1/files/{quote(file, safe='')}/contents"
        with CLIENT.download(url, {"Authorization": f"Bearer {self.api_key}"}) as answer:
            if answer.status == 429:
                self.gate.refused()
            if answer.status != 200:
                raise http.FailedError(f"HTTP {answer.status} for the file {file}")
            yield answer.pieces


@dataclass(frozen=True)
class StripeSettling:
    """`payments.connectors.settlements.Settling` for one account at Stripe.

    `ask` and `listed` are the connector's: one request, and a list page by page.
    """

    ask: Callable[..., dict[str, Any]]
    listed: Callable[[requests.Verb, Json], Iterator[Json]]
    files: Files

    def settlement_files(self, since: datetime, until: datetime, *, newest: str = "") -> Iterator[Announced]:  # noqa: ARG002  Stripe has lists
        """Every day that has ended, and every automatic payout that Stripe has sorted."""
        made = {"gte": int((since - RECONCILED_WITHIN).timestamp()), "lt": int(until.timestamp())}
        found = [
            (payouts.made_at(payout), payouts.announced(payout))
            for payout in self.listed(requests.PAYOUTS, {"created": made})
            if payouts.is_itemised(payout)
        ]
        found += [(ended, of_day(ended.date() - DAY)) for ended in _days(since, until)]
        yield from (one for _, one in sorted(found, key=lambda each: (each[0], each[1].reference)))

    def settlement_file(self, announced: Announced) -> Iterator[bytes]:
        """The movements of a day as Stripe lists them, without what names people; or the report of a payout."""
        if announced.kind is FileKind.ACTIVITY:
            yield from self._activity(date.fromisoformat(announced.reference))
            return
        with self.files.opened(self._report(announced)) as pieces:
            yield from pieces

    def _activity(self, day: date) -> Iterator[bytes]:
        begins = _midnight(day)
        created = {"gte": int(begins.timestamp()), "lt": int((begins + DAY).timestamp())}
        wanted = {"created": created, "expand": ["data.source"]}
        yield settlement.begins(day)
        count = 0
        for movement in self.listed(requests.MOVEMENTS, wanted):
            if movement.get("balance_type") in {None, "payments"}:
                count += 1
                yield settlement.kept(movement)
        yield settlement.ends(count)

    def _report(self, announced: Announced) -> str:
        """The id of the file that a report run has written.

        The key follows from what is asked for, so that asking again asks about the run that there is; after one that
        has failed there is another one.
        """
        params = _run(announced)
        key = f"report-{announced.reference}-{hashlib.sha256(orjson.dumps(params)).hexdigest()[:16]}"
        for _ in range(RUNS):
            run = self._ran(key, params)
            match run.get("status"):
                case "succeeded":
                    return mapping.text(mapping.part(run, "result"), "id")
                case "failed":
                    key = f"{key[:200]}-{mapping.text(run, 'id')[-12:]}"
                case _:
                    raise NothingToldYet(f"Stripe is at work on {announced.name}")
        raise http.FailedError(f"Stripe has failed {RUNS} times to make {announced.name}")

    def _ran(self, key: str, params: Json) -> dict[str, Any]:
        """The run of this key as it is now: begun, or found."""
        try:
            run = self.ask(requests.RUN_REPORT, key=key, params=params)
        except mapping.RefusedError as refusal:
            if refusal.error.get("param") in WAITING:
                raise NothingToldYet("Stripe's data are not complete for that time") from refusal
            raise
        return self.ask(requests.REPORT_RUN, mapping.text(run, "id")) if run.get("status") == "pending" else run

    def read_settlement(self, announced: Announced, content: BinaryIO) -> Iterator[SettlementLine]:
        """The movements of a day, or what a payout was made of."""
        if announced.kind is FileKind.ACTIVITY:
            return settlement.read_activity(content, announced.reference)
        total = None if announced.total_minor is None else (announced.currency, announced.total_minor)
        return settlement.read_payout(content, announced.reference, total)

    def identify(self, name: str, content: BinaryIO) -> Announced:  # noqa: ARG002  names may be changed
        """The payout that a report is of; Stripe is asked what it came to."""
        reference = settlement.payout_of(content)
        if not mapping.PAYOUT.fullmatch(reference):
            raise FileRefused(f"{reference!a} is no automatic payout of Stripe's.")
        try:
            payout = self.ask(requests.PAYOUT, reference)
        except mapping.RefusedError as refusal:
            if refusal.status == 404:
                raise FileRefused(f"Stripe knows no payout {reference} of this account.") from None
            raise
        return payouts.announced(payout)

    def balances(self) -> list[Balance]:
        """What is available and what is not yet, by currency."""
        said, sums = self.ask(requests.BALANCE), dict[str, int]()
        for part in ("available", "pending"):
            for one in mapping.rows({"data": said.get(part)}):
                amount = mapping.from_stripe(one.get("amount"), one.get("currency"))
                code = amount.currency.code
                sums[code] = sums.get(code, 0) + money.to_minor(amount)
        return [Balance(currency=code, amount_minor=minor) for code, minor in sorted(sums.items())]

    def payouts(self, since: datetime) -> Iterator[PayoutNews]:
        """Every payout that was made since then, or so shortly before that it may have changed."""
        made = {"gte": int((since - FAILS_WITHIN).timestamp())}
        return map(payouts.news, self.listed(requests.PAYOUTS, {"created": made}))


# --- what is asked for ---------------------------------------------------------------------------------------------


def of_day(day: date) -> Announced:
    """The movements of a day."""
    return Announced(
        reference=day.isoformat(), kind=FileKind.ACTIVITY, name=f"balance_transactions_{day}.jsonl", day=day
    )


def _run(announced: Announced) -> dict[str, Any]:
    """What a report run is asked for: all payouts of the currency that arrive on that day, of which one is read."""
    if announced.day is None:
        raise NothingToldYet(f"Stripe does not say when {announced.reference} arrives")
    begins = int(_midnight(announced.day).timestamp())
    parameters = {
        "interval_start": begins,
        "interval_end": begins + int(DAY.total_seconds()),
        "timezone": "Etc/UTC",
        "currency": announced.currency.lower(),
        "columns": [*settlement.COLUMNS, *settlement.OPTIONAL],
    }
    return {"report_type": payouts.REPORT, "parameters": parameters}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _days(since: datetime, until: datetime) -> Iterator[datetime]:
    """The ends of the days that became final from `since` on and before `until`."""
    ended = _midnight((since - SETTLED_AFTER).astimezone(UTC).date())
    while ended + SETTLED_AFTER < until:
        if ended + SETTLED_AFTER >= since:
            yield ended
        ended += DAY
