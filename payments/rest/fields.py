"""What requests and answers are made of: their base models, amounts, currencies, countries, ids, texts, metadata."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from annotated_types import GroupedMetadata, MaxLen, MinLen
from django.conf import settings
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from payments.kernel import money, redaction
from payments.rest import cards, countries

MAX_PAIRS: Final = 50
MAX_GIVEN: Final = 20
LONGEST_GIVEN: Final = 10_000
TEST_PREFIX: Final = "test_"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Also what breaks lines and turns the direction of writing: a text would show as another one."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Input(BaseModel):
    """The base of every request model: nothing is coerced, nothing unknown is passed over, nothing changes later."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Output(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("parameter_invalid", "Control characters are not allowed")
    if cards.look_like_number(text):
        raise PydanticCustomError("card_number_refused", "This looks like a card number, which is never sent to us")
    if redaction.holds_key(text):
        raise PydanticCustomError("secret_refused", "This holds a secret key, which is written into no object")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("parameter_invalid", "Nothing but blanks")
    return text


def _time(given: object) -> object:
    """Digits alone would be taken for seconds since 1970."""
    if not (isinstance(given, datetime) or (isinstance(given, str) and _TIME.fullmatch(given))):
        raise PydanticCustomError(
            "parameter_invalid", "Not a time of ISO 8601 with its zone, like 2026-11-22T00:00:00Z"
        )
    return given


def whole_number(text: object) -> object:
    """Digits and nothing else: pydantic would take a blank, a sign or an underscore along."""
    if not isinstance(text, str) or (text.isascii() and text.isdigit()):
        return text
    raise PydanticCustomError("parameter_invalid", "Not a whole number")


def _given(text: str) -> str:
    """Outside production a PSP's published test number may stand for its encrypted form, behind `test_`."""
    if text.startswith(TEST_PREFIX) and not settings.PRODUCTION:
        return text
    return _plain(text)


def _few(given: dict[str, str]) -> dict[str, str]:
    if len(given) > MAX_GIVEN:
        raise PydanticCustomError("parameter_invalid", "At most 20 pairs")
    return given


def _currency(code: str) -> str:
    if code not in money.IN_USE:
        raise PydanticCustomError("currency_unknown", "Not a currency of ISO 4217, in capital letters")
    return code


def _country(code: str) -> str:
    if code not in countries.ALPHA_2:
        raise PydanticCustomError("parameter_invalid", "Not a country of ISO 3166-1 (two capital letters)")
    return code


def _metadata(pairs: dict[str, str]) -> dict[str, str]:
    if len(pairs) > MAX_PAIRS:
        raise PydanticCustomError("parameter_invalid", "At most 50 pairs are kept")
    return pairs


@dataclass(frozen=True)
class Line(GroupedMetadata):
    """A line of text without control characters or card numbers: `Annotated[str, fields.Line(500)]`."""

    longest: int
    shortest: int = 1

    def __iter__(self) -> Iterator[object]:
        yield MinLen(self.shortest)
        yield MaxLen(self.longest)
        yield AfterValidator(_plain)
        if self.shortest:
            yield AfterValidator(_not_blank)


def id_of(prefix: str) -> StringConstraints:
    """The id of an object of one kind: `Annotated[str, fields.id_of("cus")]`; services say whether it exists."""
    return StringConstraints(pattern=f"^{prefix}_[0-9a-f]{{32}}$")


Amount = Annotated[int, Field(strict=True, gt=0, lt=money.LIMIT, description="In the currency's minor units.")]
"""Some money, in minor units."""

AmountInQuery = Annotated[
    int,
    Field(strict=False, gt=0, lt=money.LIMIT, description="In the currency's minor units."),
    BeforeValidator(whole_number),
]
"""Some money in a query string, where everything is text."""

AmountOrZero = Annotated[int, Field(strict=True, ge=0, lt=money.LIMIT, description="In the currency's minor units.")]
"""Money or none, in minor units."""

Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_time)]
"""A moment, in ISO 8601 with its zone."""

Currency = Annotated[
    str, AfterValidator(_currency), Field(description="ISO 4217.", json_schema_extra={"pattern": "^[A-Z]{3}$"})
]

Country = Annotated[
    str, AfterValidator(_country), Field(description="ISO 3166-1 alpha-2.", json_schema_extra={"pattern": "^[A-Z]{2}$"})
]

Reference = Annotated[str, Line(100)]
"""The client's own name for something."""

Metadata = Annotated[
    dict[Annotated[str, Line(40)], Annotated[str, Line(500, shortest=0)]],
    AfterValidator(_metadata),
    Field(
        description="Up to 50 pairs of the client's own; no card numbers.",
        json_schema_extra={"maxProperties": MAX_PAIRS},
    ),
]

Details = Annotated[
    dict[Annotated[str, Line(60)], Annotated[str, MaxLen(LONGEST_GIVEN), AfterValidator(_given)]],
    AfterValidator(_few),
    Field(
        description="What the provider's own fields or its action gave: encrypted values, codes, results."
        " Forgotten once the provider has answered.",
        json_schema_extra={"maxProperties": MAX_GIVEN},
    ),
]
"""What only the PSP can read, or what it wants to know of the customer now."""


class Browser(Input):
    """What 3-D Secure wants to know of the customer's browser; an app says its channel only."""

    channel: Literal["Web", "iOS", "Android"] = "Web"
    origin: Annotated[str, Line(200)] | None = None
    accept_header: Annotated[str, Line(200)] | None = None
    user_agent: Annotated[str, Line(500)] | None = None
    language: Annotated[str, Line(20)] | None = None
    color_depth: Annotated[int, Field(ge=1, le=64)] | None = None
    screen_height: Annotated[int, Field(ge=0, le=100_000)] | None = None
    screen_width: Annotated[int, Field(ge=0, le=100_000)] | None = None
    time_zone_offset: Annotated[int, Field(ge=-900, le=900, description="Minutes behind UTC.")] | None = None
    java_enabled: bool | None = None
    native_three_ds: Annotated[
        bool | None, Field(description="Whether the provider's own component shows the challenge, where there is one.")
    ] = None
