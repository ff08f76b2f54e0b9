"""What goes wrong: a refusal is the caller's fault and becomes problem+json; a bug is ours and pages."""

from typing import ClassVar


class Bug(Exception):
    """Something that cannot happen has happened: the transaction is rolled back and somebody is told."""


class Refusal(Exception):
    """The caller asked for something that is not allowed; nothing was changed.

    A subclass stands beside the rule that refuses. Its docstring is the sentence that clients read in
    `docs/errors.md`, `code` is what their programs match on, and `status` is the HTTP status.
    """

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str, *, param: str | None = None, **more: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param
        self.more = more


def invariant(condition: object, why: str) -> None:
    """Raise `Bug` unless `condition` holds; `why` says what was believed."""
    if not condition:
        raise Bug(why)


def refusals() -> dict[str, type[Refusal]]:
    """Every refusal the loaded code can make, by its code, in alphabetical order."""
    found: dict[str, type[Refusal]] = {}
    pending = [Refusal]
    while pending:
        for kind in pending.pop().__subclasses__():
            pending.append(kind)
            if "code" in vars(kind):
                found[kind.code] = kind
    return dict(sorted(found.items()))
