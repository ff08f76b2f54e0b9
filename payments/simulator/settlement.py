"""What the settlement of every simulated PSP has in common: causes, differences, lines of the merchant's bank."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

Json = dict[str, Any]


@dataclass(slots=True)
class Cause:
    """Something that whoever runs the simulator wants to happen to the money: true, at the PSP as well.

    `status`: planned, done, refused (`result` says why, else which object it made).
    """

    kind: ClassVar[str] = "cause"
    id: str
    created: int
    cause: str
    wish: Json = field(default_factory=dict)
    day: str = ""
    status: str = "planned"
    result: str = ""


@dataclass(slots=True)
class Difference:
    """Something that the PSP's books or its files say wrongly, and the merchant has to find.

    `where`: books (then the payout follows), or file (only a report says so). `amount` is what is told minus what
    would be true, in the smallest unit of the settlement currency. `status`: open, corrected.
    """

    kind: ClassVar[str] = "difference"
    id: str
    created: int
    fault: str
    where: str
    amount: int
    currency: str
    # The line as its report names it: the id of a balance transaction, or of the modification; `key` is our own id.
    line: str = ""
    key: str = ""
    type: str = ""
    payment: str = ""
    # What was asked for: where money is converted, `amount` may differ from it by a rounding.
    delta: int = 0
    # Which file says so; empty when the books do.
    file: str = ""
    status: str = "open"


@dataclass(slots=True)
class BankEntry:
    """A line of the merchant's bank account: `amount` above 0 came, below 0 left, in the currency's ISO minor unit.

    `text` is what the statement shows of the sender's words, `reference` the end-to-end reference if there was one,
    `code` the kind: payout, payout_returned, withdrawal, top_up, fee, other. `about` is the PSP's id of the payout.
    """

    kind: ClassVar[str] = "bank_entry"
    id: str
    created: int
    amount: int
    currency: str
    code: str
    text: str
    reference: str = ""
    party: str = ""
    about: str = ""


KINDS: dict[str, type[Any]] = {cls.kind: cls for cls in (Cause, Difference, BankEntry)}
