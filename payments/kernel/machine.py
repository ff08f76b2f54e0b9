"""A state machine is one table: (state, event) -> state."""

from collections.abc import Iterable, Mapping

from payments.kernel.errors import Bug


class IllegalMove(Bug):
    """The table has no such move."""


class Machine:
    """The moves of one kind of object, its initial state, and the diagram of both."""

    def __init__(self, initial: str, table: Mapping[tuple[str, str], str]) -> None:
        self.initial = str(initial)
        self.table = {(str(state), event): str(target) for (state, event), target in table.items()}
        self.states = list(dict.fromkeys([self.initial, *(s for s, _ in self.table), *self.table.values()]))

    def allows(self, state: str, event: str) -> bool:
        """True when `event` may happen to an object in `state`."""
        return (state, event) in self.table

    def after(self, state: str, event: str) -> str:
        """The state that `event` leads to; `IllegalMove` when the table has no such move."""
        try:
            return self.table[state, event]
        except KeyError:
            raise IllegalMove(f"{event!r} cannot happen in state {state!r}") from None

    def terminal(self) -> list[str]:
        """States that no event leaves."""
        leaving = {state for state, _ in self.table}
        return [state for state in self.states if state not in leaving]

    def diagram(self) -> Iterable[str]:
        """The lines of a Mermaid state diagram, moves grouped by their two ends."""
        yield "stateDiagram-v2"
        yield f"    [*] --> {self.initial}"
        edges: dict[tuple[str, str], list[str]] = {}
        for (state, event), target in self.table.items():
            edges.setdefault((state, target), []).append(event)
        for (state, target), events in edges.items():
            yield f"    {state} --> {target}: {', '.join(events)}"
        for state in self.terminal():
            yield f"    {state} --> [*]"
