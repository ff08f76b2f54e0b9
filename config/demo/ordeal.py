"""An outage from its first minute to its last, as the shop, the terminal and the page of it see it."""

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from rich import box, table

from config.demo import crowd, proofs, stage
from config.demo.asking import Failed, check, wait_until
from config.demo.crowd import Crowd
from config.demo.story import Browser
from payments.gateway import shifts
from payments.intents import routing, rulebook
from reporting.management import live
from reporting.models import Diversion, EntryKind, Incident
from reporting.services import shifting
from reporting.states import DiversionStatus
from reporting.uptime import incidents, postmortem, probing
from reporting.uptime.findings import place

ILL: Final = "adyen-eu"
"""The account that fails."""
STEADY: Final = 90.0
"""Seconds for which all goes well before."""
FOUND_WITHIN: Final = 300.0
ROUND: Final = 60.0
"""Detection and traffic take their steps every minute, by sums that may be two minutes old."""
AGREES: Final = (0.5, 2.0)
"""What detection says was not approved, over what the shop has counted: an estimate, and not another order of size."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, in words and as the simulator's scenario; whether calls stay without an answer for long."""

    words: str
    over: str
    scenario: Mapping[str, Any]
    open_ends: bool = False


FAULTS: Final[Mapping[str, Fault]] = {
    "issuers": Fault(
        f"Card issuers cannot be reached any more from {ILL}", "Issuers answer again",
        {"fault": "issuer_outage", "operation": "payments", "account": ILL},
    ),
    "dark": Fault(
        f"The provider of {ILL} does not answer any more", "The provider answers again",
        {"fault": "reset_before", "operation": "payments", "account": ILL},
        open_ends=True,
    ),
}  # fmt: skip


class Ordeal:
    """The outage: when what happened (`moments`), which incident it became, and what the shop saw of it."""

    def __init__(self, platform: str, simulator: str, shoppers: Crowd, fault: Fault) -> None:
        self.platform, self.simulator, self.shoppers, self.fault = platform, simulator, shoppers, fault
        self.moments: dict[str, datetime] = {}
        self.rates: dict[str, int] = {}
        self._incident = ""
        self._scenario = ""

    @property
    def incident(self) -> Incident:
        """The incident as it stands now; where it became part of a wider one, that one."""
        row = Incident.objects.select_related("merged_into").get(pk=self._incident)
        while row.merged_into is not None:
            row = row.merged_into
        return row

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """What happens and what has to come of it, one after the other."""
        yield f"Customers pay by card from {crowd.COUNTRY}, at two provider accounts", self._steady
        yield self.fault.words, self._break
        yield "Detection finds it, and an incident opens", self._found
        yield "Its payments go to the other account", self._moved
        yield "The terminal and the page show what it costs", self._seen
        yield self.fault.over, self._mend
        yield "A hundredth of its payments try it again", lambda: self._tried(DiversionStatus.PROBING)
        yield "A tenth of its payments try it again", lambda: self._tried(DiversionStatus.WIDENING)
        yield "All of its payments go there again", lambda: self._tried(DiversionStatus.BACK)
        yield "The incident closes by itself", self._closed
        yield "Payments are shared as before", self._as_before
        yield "The shop's count and the incident's estimate agree", self._agreed
        book = partial(proofs.compare, self.simulator, open_ends=self.fault.open_ends)
        yield "The PSP's book and ours agree, object by object", book
        yield "Every invariant holds", proofs.verify

    # --- before and during

    def _steady(self) -> str:
        self.shoppers.start()
        began = time.monotonic()
        self._wait(lambda: time.monotonic() - began > STEADY, "a minute and a half of customers", STEADY)
        sales = crowd.lately(self.shoppers, STEADY)
        check(sum(one.paid for one in sales) > 0.8 * len(sales) > 0, f"only a few of {len(sales)} payments went well")
        check(crowd.shares(sales).get(ILL, 0) > 0.25, f"{ILL} takes too few: {crowd.told(sales)}")
        open_ = [row.words for row in Incident.objects.filter(status="open", kind__in=shifting.MOVES)]
        check(not open_, f"something was found while all was well: {open_}")
        return f"{crowd.told(sales)} payments; no incident is open"

    def _break(self) -> str:
        self._scenario = self._simulate("POST", "/_sim/scenarios", self.fault.scenario)["id"]
        return self._now("fault began")

    def _found(self) -> str:
        def rows() -> Any:
            return Incident.objects.filter(kind__in=shifting.MOVES, opened_at__gte=self.moments["fault began"])

        self._wait(lambda: rows().filter(scope__account=ILL).exists(), "an incident of this account", FOUND_WITHIN)
        row = rows().filter(scope__account=ILL).order_by("opened_at")[0]
        self._incident = row.pk
        self.moments["found"] = row.opened_at
        rate = postmortem.amounts(row.per_minute_minor) or "nothing"
        return (
            f"{row.opened_at:%H:%M:%S}, {self._after('fault began', 'found')} after it began: "
            f"{row.get_kind_display()}, {place(row.scope)}. {row.words}\n    {rate} a minute is not approved"
        )

    def _moved(self) -> str:
        before = crowd.told(self.shoppers.sales(self.moments["fault began"] - timedelta(seconds=STEADY),
                                                self.moments["fault began"]))  # fmt: skip
        self._wait(lambda: self._diversion(DiversionStatus.AWAY), "sending its payments elsewhere", 2 * ROUND)
        moved = Diversion.objects.get(incident=self.incident)
        self.moments["moved away"] = moved.step_at
        since = moved.step_at + timedelta(seconds=2 * shifts.CACHE_SECONDS)
        self._wait(lambda: len(self.shoppers.sales(since)) >= 10, "ten more payments", 2 * ROUND)
        sales = self.shoppers.sales(since)
        there = crowd.shares(sales).get(ILL, 0)
        check(there == 0, f"{there:.0%} of the payments still go to {ILL}")
        return (
            f"{moved.step_at:%H:%M:%S}. Before: {before}. Now: {crowd.told(sales)}\n    {self._line(EntryKind.MOVED)}"
        )

    def _seen(self) -> str:
        """The page has the incident and its amount; the terminal draws what it would draw."""
        page = Browser(self.platform, "engineer", stage.PASSWORD)

        def shows() -> bool:
            row, content = self.incident, page.get("/admin/uptime/")
            costs = [postmortem.amounts({code: minor}) for code, minor in row.lost_minor.items()]
            return row.pk in content and all(one in content for one in costs)

        wait_until(shows, "the page's showing the incident and its amount", seconds=30, pause=1)
        stage.TERMINAL.print()
        live.show(sys.stdout, once=True, every=1)
        return (
            f"{postmortem.amounts(self.incident.lost_minor)} was not approved so far, on {self.platform}/admin/uptime/"
        )

    # --- after

    def _mend(self) -> str:
        """Before it is tried again for the first time."""
        left = self.moments["moved away"] + self._rest * 0.6 - timezone.now()
        until = time.monotonic() + left.total_seconds()
        self._wait(lambda: time.monotonic() > until, "the end of it", max(0.0, left.total_seconds()))
        self._simulate("DELETE", f"/_sim/scenarios/{self._scenario}")
        return self._now("fault ended")

    def _tried(self, status: DiversionStatus) -> str:
        """The next share of its payments, or a later one if two steps followed each other quickly."""
        names = {DiversionStatus.PROBING: "1 % back", DiversionStatus.WIDENING: "10 % back",
                 DiversionStatus.BACK: "all back"}  # fmt: skip
        later = list(names)[list(names).index(status) :]
        waits = self._rest if status is DiversionStatus.PROBING else probing.PATIENCE / settings.INCIDENTS_HURRY
        self._wait(lambda: self._diversion(*later), names[status], waits.total_seconds() + 4 * ROUND)
        kind = EntryKind.RESTORED if status is DiversionStatus.BACK else EntryKind.PROBING
        entries = [one for one in incidents.timeline(self.incident.pk) if one.kind == kind]
        entry = entries[0] if status is DiversionStatus.PROBING else entries[-1]
        self.moments[names[status]] = entry.at
        return f"{entry.at:%H:%M:%S}. {entry.words}"

    def _closed(self) -> str:
        self._wait(lambda: self.incident.closed_at, "its end", 10 * ROUND)
        row = self.incident
        check(not row.closed_by, f"{row.closed_by} has closed it")
        self.moments["closed"] = row.closed_at or timezone.now()
        return f"{row.closed_at:%H:%M:%S}. {row.closed_because}"

    def _as_before(self) -> str:
        self._wait(lambda: len(crowd.lately(self.shoppers)) >= 20, "twenty payments", 2 * ROUND)
        sales = crowd.lately(self.shoppers)
        check(crowd.shares(sales).get(ILL, 0) > 0.25, f"{ILL} takes too few: {crowd.told(sales)}")
        check(sum(one.paid for one in sales) > 0.8 * len(sales), f"only a few of {len(sales)} payments went well")
        return crowd.told(sales)

    def _agreed(self) -> str:
        self.shoppers.stop()
        check(not self.shoppers.broken, "; ".join(self.shoppers.broken[:3]))
        estimate, counted = self.incident.lost_minor.get(crowd.CURRENCY, 0), self.refused()
        least, most = AGREES
        check(least * counted <= estimate <= most * counted, f"{estimate} is estimated, {counted} was counted")
        return f"estimated {self._money(estimate)}, counted {self._money(counted)}"

    # --- figures

    def refused(self) -> int:
        """Minor units that were asked for at the ill account while it was, and not approved there."""
        sales = self.shoppers.sales(self.moments["fault began"], self.moments.get("fault ended"))
        return sum(one.minor for one in sales for account, status in one.tried
                   if account == ILL and status != "succeeded")  # fmt: skip

    def saved(self) -> int:
        """Minor units that were approved elsewhere of payments that would have gone to the ill account while it was."""
        sales = self.shoppers.sales(self.moments["fault began"], self.moments.get("fault ended"))
        return sum(one.minor for one in sales if one.paid and one.first != ILL and _rightful(one) == ILL)

    def again(self) -> int:
        """Minor units that were declined at the ill account and paid elsewhere at the second try."""
        sales = self.shoppers.sales(self.moments["fault began"], self.moments.get("fault ended"))
        return sum(one.minor for one in sales if one.paid and one.first == ILL and len(one.tried) > 1)

    def summary(self) -> table.Table:
        """When what happened, and what it cost; as far as it went."""
        rows = table.Table(box=box.SIMPLE, title=f"{self.fault.words}", title_justify="left")
        for title in ("What", "When", "After it began"):
            rows.add_column(title, justify="left" if title == "What" else "right")
        for name, at in self.moments.items():
            rows.add_row(name.capitalize(), f"{at:%H:%M:%S}", self._after("fault began", name))
        if not self._incident:
            return rows
        money = {
            "Not approved, by the incident's estimate": self.incident.lost_minor.get(crowd.CURRENCY, 0),
            "Not approved at the account, by the shop's count": self.refused(),
            "Saved: paid elsewhere because it was avoided": self.saved(),
            "Saved: paid elsewhere at the second try": self.again(),
        }
        rows.add_section()
        for name, minor in money.items():
            rows.add_row(name, self._money(minor), "")
        return rows

    # --- what the steps need

    @property
    def _rest(self) -> timedelta:
        return shifting.REST / settings.INCIDENTS_HURRY

    def _wait(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        """Until it is so, with what the shop sees meanwhile on the screen."""

        def looked() -> object:
            stage.say(f"{timezone.now():%H:%M:%S} {crowd.told(crowd.lately(self.shoppers, 20))}")
            return condition()

        wait_until(looked, what, seconds=seconds + 5, pause=0.5)

    def _diversion(self, *statuses: DiversionStatus) -> bool:
        return Diversion.objects.filter(incident=self.incident, status__in=statuses).exists()

    def _line(self, kind: EntryKind) -> str:
        return next((one.words for one in incidents.timeline(self.incident.pk) if one.kind == kind), "")

    def _now(self, name: str) -> str:
        self.moments[name] = timezone.now()
        return f"{self.moments[name]:%H:%M:%S}"

    def _after(self, first: str, then: str) -> str:
        seconds = int((self.moments[then] - self.moments[first]).total_seconds()) if first in self.moments else 0
        return f"{seconds // 60}:{seconds % 60:02d} min"

    def _money(self, minor: int) -> str:
        return postmortem.amounts({crowd.CURRENCY: minor})

    def _simulate(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.simulator}{path}", data, method=method)  # noqa: S310  our own
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.loads(answer.read() or b"{}")
        except OSError as reason:
            raise Failed(f"the simulator did not take {path}: {reason}") from reason


def _rightful(sale: crowd.Sale) -> str:
    """The account that routing would have named first if nothing had been avoided."""
    now = rulebook.book()
    able = [replace(one, takes=lambda _facts: True) for one in now.candidates]
    facts = routing.Facts(intent_id=sale.intent, currency=crowd.CURRENCY, country=crowd.COUNTRY, amount=sale.minor)
    return routing.plan(replace(now, candidates=able, shifts=(), troubled={}), facts).first.code
