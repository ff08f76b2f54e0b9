"""The results as tables on a terminal."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rich import box, console, table

PROGRAMS = ("web", "worker", "postgres", "simulator", "valkey", "receiver", "driver")
OURS = ("web", "worker", "postgres", "valkey")
"""What the platform needs; the simulator and the two ends of the load run on the same cores, and are not ours."""


def machine(terminal: console.Console, facts: Mapping[str, Any]) -> None:
    """Where it was measured, and how quiet it was there."""
    load = " ".join(f"{average:.2f}" for average in facts["load"])
    terminal.print(
        f"{facts['cores']} cores, {facts['system']}, Python {facts['python']}; load average {load}",
        highlight=False,
    )


def row(terminal: console.Console, name: str, result: Any, seconds: float) -> None:
    """One row of the bench."""
    title, draw = TABLES[name]
    shown = table.Table(title=f"{title} ({seconds:.0f} s)", title_justify="left", box=box.SIMPLE)
    draw(shown, result)
    terminal.print(shown)


def _columns(shown: table.Table, first: str, others: Iterable[str]) -> None:
    shown.add_column(first)
    for name in others:
        shown.add_column(name, justify="right")


def _flow(shown: table.Table, results: list[dict[str, Any]]) -> None:
    _columns(shown, "", [f"PSP {result['psp_ms']} ms" for result in results])
    facts: list[tuple[str, Callable[[Any], str]]] = [
        ("payments/s", lambda result: f"{result['payments_per_second']:.1f}"),
        ("payments, clients", lambda result: f"{result['payments']:,}, {result['clients']}"),
        ("seconds, of which drain", lambda result: f"{result['seconds']:.1f}, {result['drain_seconds']:.1f}"),
        ("load average before", lambda result: f"{result['load_before'][0]:.2f}"),
        ("yardstick, ms", lambda result: f"{result['yardstick_ms']:.2f}"),
    ]
    for label, value in facts:
        shown.add_row(label, *(value(result) for result in results))
    shown.add_section()
    for program in PROGRAMS:
        shown.add_row(
            f"CPU ms/payment: {program}", *(f"{result['cpu_ms_per_payment'][program]:.2f}" for result in results)
        )
    shown.add_row("CPU ms/payment: the platform", *(f"{platform_cpu(result):.2f}" for result in results))
    shown.add_row(
        "the same in yardsticks", *(f"{platform_cpu(result) / result['yardstick_ms']:.1f}" for result in results)
    )


def platform_cpu(result: Mapping[str, Any]) -> float:
    """Processor milliseconds that a payment costs the platform itself."""
    return sum(float(result["cpu_ms_per_payment"][program]) for program in OURS)


def _latency(shown: table.Table, result: Mapping[str, Any]) -> None:
    _columns(shown, "ms", ["p50", "p95", "p99"])
    for call, cuts in result["calls"].items():
        shown.add_row(call, *(f"{cuts[name]:.1f}" for name in ("p50", "p95", "p99")))
    shown.caption = (
        f"{result['payments']:,} payments, {result['rate']:.1f} a second at random, PSP {result['psp_ms']} ms;"
        f" begun at most {result['latest_start_ms']:.1f} ms late;"
        f" load average before {result['load_before'][0]:.2f}"
    )


def _intake(shown: table.Table, results: list[dict[str, Any]]) -> None:
    _columns(shown, "", [result["name"] for result in results])
    facts: list[tuple[str, Callable[[Any], str]]] = [
        ("stored/s", lambda result: f"{result['per_second']:.0f}"),
        ("notifications, bytes each", lambda result: f"{result['notifications']:,}, {result['bytes']:,}"),
        ("p95, ms", lambda result: f"{result['milliseconds']['p95']:.1f}"),
        ("CPU ms each: web", lambda result: f"{result['cpu_ms_each']['web']:.2f}"),
        ("CPU ms each: worker", lambda result: f"{result['cpu_ms_each']['worker']:.2f}"),
        ("CPU ms each: postgres", lambda result: f"{result['cpu_ms_each']['postgres']:.2f}"),
        ("acted upon, s later", lambda result: f"{result['drain_seconds']:.1f}" if result["drain_seconds"] else "–"),
        ("load average before", lambda result: f"{result['load_before'][0]:.2f}"),
    ]
    for label, value in facts:
        shown.add_row(label, *(value(result) for result in results))


def _memory(shown: table.Table, result: Mapping[str, Mapping[str, float]]) -> None:
    _columns(shown, "MB", ["processes", "largest, resident", "together"])
    for program, facts in result.items():
        shown.add_row(
            program,
            f"{facts['processes']:.0f}",
            f"{facts['largest_rss_mb']:.0f}",
            f"{facts['together_mb']:.0f}",
        )


def _eligibility(shown: table.Table, result: Mapping[str, Any]) -> None:
    _columns(shown, "ms", ["p50", "p95", "p99"])
    shown.add_row("own time", *(f"{result['milliseconds'][name]:.2f}" for name in ("p50", "p95", "p99")))
    shown.caption = f"{result['carts']:,} carts from many countries"


def _routing(shown: table.Table, result: Mapping[str, Any]) -> None:
    _columns(shown, "ms", ["p50", "p95", "p99"])
    for case, cuts in result["cases"].items():
        shown.add_row(case, *(f"{cuts[name]:.3f}" for name in ("p50", "p95", "p99")))
    shown.caption = f"{result['plans']:,} plans each, {result['rules']} rules, {result['accounts']} accounts"


def _bulk(shown: table.Table, result: Mapping[str, Any]) -> None:
    _columns(shown, "", [""])
    shown.add_row("rows uploaded and checked", f"{result['rows']:,} ({result['kilobytes']:,} kB)")
    shown.add_row("read and kept, s", f"{result['upload_seconds']:.2f}")
    shown.add_row("checked, s", f"{result['check_seconds']:.2f}")
    shown.add_row("refunds/s, sent and answered", f"{result['refunds_per_second']:.1f}")
    shown.add_row("a single refund meanwhile, s", f"{result['single_refund_seconds']:.2f}")
    shown.caption = f"{result['refunded']:,} refunded; load average before {result['load_before'][0]:.2f}"


def _finance(shown: table.Table, result: Mapping[str, Any]) -> None:
    _columns(shown, "", ["s", "bare, s", "of bare"])
    for one in result["reports"]:
        label = f"report {one['report']}, {one['rows']:,} rows; worker +{one['above_idle_mb']:.1f} MB"
        bare = sum(one["bare_seconds"]) / len(one["bare_seconds"])
        shown.add_row(label, f"{one['seconds']:.1f}", f"{bare:.1f}", f"{one['ratio']:.2f} as fast")
    settled = result["settlement"]
    taken = settled["load_seconds"] - settled["post_seconds"]
    for like, copied, ratio in (("lines", "_lines", "ratio"), ("texts, nothing indexed", "", "ratio_of_texts")):
        bare = settled[f"copy{copied}_seconds"] + settled[f"join{copied}_seconds"]
        label = f"{settled['lines']:,} lines loaded and matched, beside COPY + JOIN of {like}"
        shown.add_row(label, f"{taken:.1f}", f"{bare:.1f}", f"{settled[ratio]:.1f} × as long")
    shown.add_row("postings of their fees", f"{settled['post_seconds']:.1f}")
    shown.add_row("tie-out of that day", f"{max(result['tie_out']['seconds']):.2f}")
    shown.caption = f"load average before {result['load_before'][0]:.2f}, after {result['load_after'][0]:.2f}"


def _floor(shown: table.Table, result: Mapping[str, Any]) -> None:
    _columns(shown, "", ["statements", "commits"])
    for call, counted in result["calls"].items():
        shown.add_row(call, str(counted["statements"]), str(counted["commits"]))
    shown.add_section()
    shown.add_row("floor: writes and locks only", str(result["statements"]), str(result["commits"]))
    ratio = f", of which the whole flow reaches {result['ratio']:.2f}" if "ratio" in result else ""
    shown.caption = (
        f"pgbench, {result['clients']} clients: {result['payments_per_second']:.0f} payments/s{ratio};"
        f" PostgreSQL CPU {result['cpu_ms_per_payment']['postgres']:.2f} ms/payment;"
        f" load average before {result['load_before'][0]:.2f}"
    )


SLOWEST: Final = 8
"""So many kinds of pages of a group are shown; bench/results.json has all."""


def _dashboards(shown: table.Table, result: Mapping[str, Any]) -> None:
    _pages(shown, result)
    counting, rows = result["counting"], result["filled"]
    shown.caption = (
        f"{result['attempts']:,} attempts in {rows['reporting_attemptsday']:,} sums of days;"
        f" counting {counting['attempts']:,} attempts: {counting['seconds']:.2f} s,"
        f" nothing new: {counting['idle_seconds'] * 1000:.0f} ms;"
        f" load average before {result['load_before'][0]:.2f}"
    )


def _sums(shown: table.Table, result: Mapping[str, Any]) -> None:
    _columns(shown, "processor seconds", ["", "of the payments'"])
    whole = result["paying_seconds"]
    for label in ("paying", "summing", "scraping", "counting"):
        seconds = result[f"{label}_seconds"]
        shown.add_row(label, f"{seconds:.2f}", f"{seconds / whole:.2%}")
    shown.caption = (
        f"{result['payments']:,} payments; load average before {result['load_before'][0]:.2f};"
        f" yardstick {result['yardstick_ms']:.2f} ms"
    )


def _office(shown: table.Table, result: Mapping[str, Any]) -> None:
    _pages(shown, result)
    shown.caption = (
        f"{result['intents']:,} payments, {result['database_gb']:.1f} GB, {filled(result)};"
        f" load average {result['load_asking'][0]:.2f} before, {result['load_after'][0]:.2f} after;"
        f" yardstick {result['yardstick_ms']:.2f} ms"
    )


def filled(result: Mapping[str, Any]) -> str:
    """How long filling the shop took, where it was not kept from a run before."""
    return f"filled in {result['fill_seconds']:,.0f} s" if "fill_seconds" in result else "filled by a run before"


def _pages(shown: table.Table, result: Mapping[str, Any]) -> None:
    """A row for each group of pages, and under it the kinds of which the slowest requests take longest."""
    _columns(shown, "ms", ["p50", "p95", "max", "queries", "in queries", "CPU web", "CPU PostgreSQL"])
    for group, whole in result["groups"].items():
        shown.add_section()
        shown.add_row(f"{group}, {whole['requests']} requests", *page(whole))
        slowest = sorted(result["kinds"][group].items(), key=lambda kind: -kind[1]["p95"])
        for name, one in slowest[:SLOWEST]:
            shown.add_row(f"  {name}", *page(one))


def page(one: Mapping[str, Any]) -> list[str]:
    """The figures of one kind of request, rounded."""
    cpu = one["cpu_ms"]
    figures = (one["p50"], one["p95"], one["max"], one["queries"], one["database_ms"], cpu["web"], cpu["postgres"])
    return [f"{figure:.0f}" for figure in figures]


TABLES: Mapping[str, tuple[str, Callable[[table.Table, Any], None]]] = {
    "flow": ("Whole payments, closed loop: order + intent + confirm + notification + ledger + delivery", _flow),
    "latency": ("The platform's own time for a call, at 30 % of its throughput", _latency),
    "intake": ("Signed notifications accepted and stored", _intake),
    "sums": ("What counting costs beside the payments that are counted", _sums),
    "eligibility": ("What a cart can be paid with: from its facts to the answer", _eligibility),
    "memory": ("Memory after the load; `together` counts what is shared once", _memory),
    "routing": ("Who takes a payment: the time of one decision", _routing),
    "bulk": ("A file of refunds: read, checked, and refunded row by row", _bulk),
    "finance": ("A very large day: reports, settlement, tie-out, beside the same by bare SQL", _finance),
    "dashboards": ("Dashboards, each with the sums of a hundred million attempts behind it", _dashboards),
    "office": ("Pages of the back office over HTTP, and what they cost within", _office),
    "floor": ("SQL of one payment, and its floor: the same writes, locks and commits without us", _floor),
}
