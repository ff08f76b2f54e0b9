"""What the bench keeps beside the code: the table of the back office, as `bench/office.md`."""

from collections.abc import Mapping
from typing import Any

from tests.load import office, report


def table(at: str, machine: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """The page: what was asked where, each group of pages beside its aim, and every kind of page."""
    lines = [
        f"# The back office with {result['intents']:,} payments behind it",
        "",
        f'Written by `make bench ARGS="--only office"` on {at[:10]}: {machine["system"]}, {machine["cores"]} cores,'
        f" Python {machine['python']}; load average {_load(result['load_asking'])} before it was asked and"
        f" {_load(result['load_after'])} after; yardstick {result['yardstick_ms']:.2f} ms.",
        f"{result['database_gb']:.1f} GB, {report.filled(result)}. Milliseconds by the clock, over HTTP,"
        " beside processor time.",
        "",
        *_head("pages", "aim (p95)"),
    ]
    for group, whole in result["groups"].items():
        aim, met = office.AIMS[group], "met" if whole["p95"] <= office.AIMS[group] else "missed"
        lines.append(_row(f"{group}, {whole['requests']} requests", whole, f"{aim}: {met}"))
    for group, kinds in result["kinds"].items():
        lines += ["", f"## {group.capitalize()}", "", *_head("kind"), *(_row(name, one) for name, one in kinds.items())]
    return "\n".join(lines) + "\n"


def _head(first: str, *more: str) -> list[str]:
    names = (first, "p50", "p95", "max", "queries", "in queries", "processor, web", "processor, PostgreSQL", *more)
    return [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]


def _row(name: str, one: Mapping[str, Any], *more: str) -> str:
    return f"| {' | '.join([name, *report.page(one), *more])} |"


def _load(averages: list[float]) -> str:
    return " / ".join(f"{average:.1f}" for average in averages)
