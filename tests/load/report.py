"""The results as tables on a terminal."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich import box, console, table

PROGRAMS = ("web", "worker", "postgres", "simulator", "valkey", "receiver", "driver")
OURS = ("web", "worker", "postgres", "valkey")
"""What the platform needs; the simulator and the two ends of the load run on the same cores, and are not ours."""


def machine(terminal: console.Console, facts: Mapping[str, Any]) -> None:
    """Where it was measured, and how quiet it was there."""
    load = " ".join(f"{average:.2f}" for average in facts["load"])
    terminal.print(
        f"{facts['cores']} cores, {facts['system']}, Python {facts['python']}; load average {load},"
        f" yardstick {facts['yardstick_ms']:.1f} ms",
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
        ("yardstick, ms", lambda result: f"{result['yardstick_ms']:.1f}"),
    ]
    for label, value in facts:
        shown.add_row(label, *(value(result) for result in results))
    shown.add_section()
    for program in PROGRAMS:
        shown.add_row(
            f"CPU ms/payment: {program}", *(f"{result['cpu_ms_per_payment'][program]:.2f}" for result in results)
        )
    shown.add_row("CPU ms/payment: the platform", *(f"{platform_cpu(result):.2f}" for result in results))


def platform_cpu(result: Mapping[str, Any]) -> float:
    """Processor milliseconds that a payment costs the platform itself."""
    return sum(float(result["cpu_ms_per_payment"][program]) for program in OURS)


TABLES: Mapping[str, tuple[str, Callable[[table.Table, Any], None]]] = {
    "flow": ("Whole payments, closed loop: order + intent + confirm + notification + ledger + delivery", _flow),
}
