"""Simulator time: real time plus an offset, and the timers that fall due on it."""

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

from payments.simulator.journal import Journal

DAY = 86_400


@dataclass(slots=True)
class Timer:
    """Something that happens by itself at a moment of simulator time."""

    id: int
    due: float
    psp: str
    account: str
    action: str
    target: str


class Clock:
    """Seconds since the epoch as the PSPs see them. Only forwards, but for a new beginning."""

    def __init__(self, journal: Journal, fire: Callable[[Timer], None]) -> None:
        self.offset = 0
        self._journal = journal
        self._fire = fire
        self._pinned: float | None = None
        self._timers: dict[int, Timer] = {}
        self._heap: list[tuple[float, int]] = []
        self._last = 0

    def time(self) -> float:
        """Now, with fractions; while a timer runs, the moment it was due."""
        return self._pinned if self._pinned is not None else time.time() + self.offset

    def now(self) -> int:
        """Now in whole seconds, as PSPs stamp their objects."""
        return int(self.time())

    def schedule(self, due: float, psp: str, account: str, action: str, target: str) -> None:
        """Let `action` happen to `target` at `due` (simulator time)."""
        self._last += 1
        self._keep(Timer(self._last, due, psp, account, action, target))

    def _keep(self, timer: Timer) -> None:
        self._timers[timer.id] = timer
        heapq.heappush(self._heap, (timer.due, timer.id))
        self._journal.note(timer.account, "timer", timer.id, timer)

    def restore(self, row: dict[str, object]) -> None:
        """Take back a timer from the journal; a row with only an id says that it has fired."""
        if "due" in row:
            timer = Timer(**row)  # type: ignore[arg-type]
            self._last = max(self._last, timer.id)
            if timer.id not in self._timers:
                heapq.heappush(self._heap, (timer.due, timer.id))
            self._timers[timer.id] = timer
        else:
            self._timers.pop(int(str(row["id"])), None)

    def restore_offset(self, offset: int) -> None:
        """Take back from the journal how far the clock had been moved on."""
        self.offset = offset

    def run_due(self) -> int:
        """Fire everything due by now; how many fired."""
        return self._run_until(self.time())

    def advance(self, seconds: int) -> int:
        """Move time on, firing on the way what falls due, in order; how many fired."""
        fired = self._run_until(self.time() + seconds)
        self.offset += seconds
        self._journal.note("", "clock", "offset", {"offset": self.offset})
        return fired

    def begin_anew(self, at: int | None = None) -> None:
        """Be at the real time again, or at `at` before it; for when nothing is left that remembers another."""
        self.offset = 0 if at is None else at - int(time.time())
        self._journal.note("", "clock", "offset", {"offset": self.offset})

    def _run_until(self, moment: float) -> int:
        fired = 0
        while self._heap and self._heap[0][0] <= moment:
            due, timer_id = heapq.heappop(self._heap)
            timer = self._timers.pop(timer_id, None)
            if timer is None:
                continue
            self._journal.note(timer.account, "timer", timer_id, {"id": timer_id})
            # A timer that is late because the process was down still happens "when it was due".
            self._pinned = due
            try:
                self._fire(timer)
            finally:
                self._pinned = None
            fired += 1
        return fired

    def has(self, psp: str, account: str, action: str) -> bool:
        """Whether such a timer waits."""
        return any((t.psp, t.account, t.action) == (psp, account, action) for t in self._timers.values())

    def pending(self) -> int:
        """How many timers wait."""
        return len(self._timers)

    def forget(self, psp: str) -> None:
        """Drop all timers of one PSP."""
        for timer_id in [t.id for t in self._timers.values() if t.psp == psp]:
            del self._timers[timer_id]
            self._journal.note("", "timer", timer_id, {"id": timer_id})
