"""State machines: the table is all there is, and the diagram shows all of it."""

import pytest

from payments.intents.states import ATTEMPT, CAPTURE, INTENT
from payments.kernel.errors import Bug
from payments.kernel.machine import IllegalMove, Machine
from payments.orders.states import ORDER
from refunds.states import REFUND

DOOR = Machine("open", {("open", "shut"): "shut", ("shut", "open"): "open", ("shut", "wall_up"): "gone"})
MACHINES = {"intent": INTENT, "attempt": ATTEMPT, "capture": CAPTURE, "order": ORDER, "refund": REFUND}


def test_a_move_of_the_table() -> None:
    assert DOOR.after("open", "shut") == "shut"
    assert DOOR.allows("open", "shut")


@pytest.mark.parametrize(("state", "event"), [("open", "open"), ("gone", "open"), ("ajar", "shut"), ("open", "")])
def test_a_move_that_the_table_lacks_is_a_bug(state: str, event: str) -> None:
    assert not DOOR.allows(state, event)
    with pytest.raises(IllegalMove, match=f"'{event}' cannot happen in state '{state}'"):
        DOOR.after(state, event)
    assert issubclass(IllegalMove, Bug)


def test_states_stand_in_the_order_of_the_table_beginning_with_the_initial_one() -> None:
    assert DOOR.states == ["open", "shut", "gone"]
    assert DOOR.terminal() == ["gone"]


def test_the_diagram_shows_every_move() -> None:
    assert list(DOOR.diagram()) == [
        "stateDiagram-v2",
        "    [*] --> open",
        "    open --> shut: shut",
        "    shut --> open: open",
        "    shut --> gone: wall_up",
        "    gone --> [*]",
    ]


def test_moves_between_the_same_two_states_share_an_arrow() -> None:
    both = Machine("a", {("a", "x"): "b", ("a", "y"): "b"})
    assert "    a --> b: x, y" in list(both.diagram())


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_of_ours_can_be_reached(name: str) -> None:
    machine = MACHINES[name]
    reached: set[str] = {machine.initial}
    before: set[str] = set()
    while reached != before:
        before = set(reached)
        reached |= {target for (state, _), target in machine.table.items() if state in before}
    assert reached == set(machine.states)


@pytest.mark.parametrize(
    ("name", "terminal"),
    [
        ("intent", {"reversed", "canceled", "expired"}),
        ("attempt", {"capture_failed"}),  # evidence of money beats a belief that there was none
        ("capture", {"reversed"}),
        ("order", {"canceled", "expired"}),
    ],
)
def test_what_has_ended_has_ended(name: str, terminal: set[str]) -> None:
    assert set(MACHINES[name].terminal()) == terminal


@pytest.mark.parametrize(
    ("state", "evidence"),
    [
        ("declined", {"authorize", "capture"}),
        ("failed", {"authorize", "capture"}),
        ("voided", {"capture"}),  # it holds nothing any more
        ("expired", {"capture"}),
    ],
)
def test_an_attempt_that_came_to_nothing_takes_evidence_of_money_and_nothing_else(
    state: str, evidence: set[str]
) -> None:
    assert {event for at, event in ATTEMPT.table if at == state} == evidence


def test_an_unknown_outcome_is_never_lost_again_and_never_closed_by_age() -> None:
    assert not ATTEMPT.allows("unknown", "lose")
    assert not ATTEMPT.allows("unknown", "expire")
