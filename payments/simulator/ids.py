"""Object ids: a counter and the seed, so that a run can be repeated to the last character."""

import hashlib

from payments.simulator.journal import Journal

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Ids:
    """Unique within a run; two runs with the same seed and the same requests agree."""

    def __init__(self, seed: str, journal: Journal) -> None:
        self._journal = journal
        self._count = 0
        self.reseed(seed)

    def reseed(self, seed: str) -> None:
        """Set the seed: at start, or as the journal of an earlier run says."""
        digest = hashlib.sha256(f"countinghouse simulator {seed}".encode()).digest()
        self.seed = seed
        self._tag = "".join(_DIGITS[byte % 62] for byte in digest[:12])
        self._secret = "".join(_DIGITS[byte % 62] for byte in digest[12:30])
        self._capitals = "".join(_DIGITS[byte % 36] for byte in digest[:9])

    def restore(self, row: dict[str, object]) -> None:
        """Go on counting where the journal ended."""
        self.reseed(str(row["seed"]))
        self._count = int(str(row["count"]))

    def next(self, prefix: str) -> str:
        """A new id: prefix, counter in base 62, the run's tag."""
        self._step()
        return f"{prefix}{self._digits()}{self._tag}"

    def reference(self) -> str:
        """A new id of 16 capitals and digits."""
        self._step()
        return f"{self._digits(36)}{self._capitals}"

    def _step(self) -> None:
        self._count += 1
        self._journal.note("", "ids", "ids", {"seed": self.seed, "count": self._count})

    def secret(self, prefix: str) -> str:
        """A new token that looks like a secret: client secrets, webhook secrets."""
        self._count += 1
        return f"{prefix}{self._secret}{self._digits()}"

    def _digits(self, base: int = 62) -> str:
        number, digits = self._count, ""
        while number:
            number, rest = divmod(number, base)
            digits = _DIGITS[rest] + digits
        return digits.rjust(7, "0")
