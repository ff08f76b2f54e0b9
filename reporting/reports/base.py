"""What a report is: its columns, its rows, and what its totals are held to. All of it becomes one COPY."""

import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, Final, Self

from payments.kernel import ids, money
from payments.kernel.errors import Refusal


class ReportIntervalInvalid(Refusal):
    """The interval of a report ends after it begins, in this century or the next."""

    code, status = "report_interval_invalid", 422


class TimezoneUnknown(Refusal):
    """There is no such time zone in the IANA database."""

    code, status = "timezone_unknown", 400


class Kind(StrEnum):
    """What a column holds, and so how it is written."""

    TEXT = "text"
    WORD = "word"
    ID = "id"
    AMOUNT = "amount"
    MINOR = "minor"
    COUNT = "count"
    DECIMAL = "decimal"
    DAY = "day"
    TIME = "time"
    LOCAL_TIME = "local_time"


MEANINGS: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "Text of others; one that a spreadsheet would take for a formula is preceded by `'`.",
    Kind.WORD: "A word of ours.",
    Kind.ID: "An id, as the API shows it.",
    Kind.AMOUNT: "Decimal in major units, with the decimals of ISO 4217.",
    Kind.MINOR: "Whole number of minor units.",
    Kind.COUNT: "Whole number.",
    Kind.DECIMAL: "Decimal number.",
    Kind.DAY: "ISO 8601, in the chosen time zone.",
    Kind.TIME: "ISO 8601 in UTC, with `Z`.",
    Kind.LOCAL_TIME: "ISO 8601 in the chosen time zone, with its offset.",
}

FORMS: Final[Mapping[Kind, str]] = {
    # OWASP, CSV injection: also behind a tab or line break, and in the full-width forms of some input methods
    Kind.TEXT: """CASE WHEN left({0}, 1) IN ('=', '+', '-', '@', E'\\t', E'\\r', E'\\n', '＝', '＋', '－', '＠')
             THEN '''' || ({0}) ELSE {0} END""",  # noqa: RUF001
    Kind.WORD: "{0}",
    Kind.ID: "{0}",
    Kind.AMOUNT: "({0}) * unit.value",
    Kind.MINOR: "{0}",
    Kind.COUNT: "{0}",
    Kind.DECIMAL: "{0}",
    Kind.DAY: "to_char({0}, 'YYYY-MM-DD')",
    Kind.TIME: """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')""",
    Kind.LOCAL_TIME: """to_char({0}, 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM')""",
}
"""The SQL of each kind around a column's expression. The session's time zone is the chosen one."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the header, its kind, the SQL of its value, and what it means."""

    name: str
    kind: Kind
    expression: str
    meaning: str

    @property
    def sql(self) -> str:
        """The SQL of what stands in the file."""
        return FORMS[self.kind].format(self.expression)


def money_columns(name: str, minor: str, meaning: str) -> tuple[Column, Column]:
    """An amount as everybody reads it, and the same in minor units; null leaves both cells empty."""
    return (
        Column(name, Kind.AMOUNT, minor, meaning),
        Column(f"{name}_minor", Kind.MINOR, minor, "The same in minor units."),
    )


VERSION: Final = Column("report_version", Kind.WORD, "%(version)s", "Version of this list of columns.")
"""What every row of ours begins with."""


def public_id(prefix: str, column: str) -> str:
    """SQL of a public id: `pi`, `i.id` -> `pi_0198…`; null stays null."""
    return f"'{prefix}_' || replace({column}::text, '-', '')"


YEARS: Final = range(2000, 2200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a report is about: from `interval_start`, inclusive, to `interval_end`, exclusive.

    `timezone` (IANA) is that of `created_local`; `currency`, `client_id` and `legal_entity_id` (whose books it is
    booked in) narrow the rows. Refuses an interval that is none, and an unknown time zone or currency.
    """

    interval_start: datetime
    interval_end: datetime
    timezone: str = "UTC"
    currency: str | None = None
    client_id: str | None = None
    legal_entity_id: str | None = None

    def __post_init__(self) -> None:
        for name, moment in (("interval_start", self.interval_start), ("interval_end", self.interval_end)):
            if moment.year not in YEARS:
                raise ReportIntervalInvalid(f"Years from {YEARS.start} to {YEARS.stop - 1}.", param=name)
        if self.interval_end <= self.interval_start:
            raise ReportIntervalInvalid("The interval ends before it begins, or when it begins.", param="interval_end")
        if self.timezone not in zones():
            raise TimezoneUnknown(f"{self.timezone!r} is not a time zone.", param="timezone")
        if self.currency is not None:
            money.exponent(self.currency)

    def days(self) -> tuple[date, date]:
        """The first and the last day of which something is in the report, in the chosen time zone."""
        zone = zoneinfo.ZoneInfo(self.timezone)
        last = self.interval_end - timedelta(microseconds=1)
        return self.interval_start.astimezone(zone).date(), last.astimezone(zone).date()

    def as_json(self) -> dict[str, Any]:
        """For rows and manifests; times in UTC."""
        return {
            "interval_start": _utc(self.interval_start),
            "interval_end": _utc(self.interval_end),
            "timezone": self.timezone,
            "currency": self.currency,
            "client": self.client_id,
            **({"legal_entity": self.legal_entity_id} if self.legal_entity_id else {}),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """What `as_json` has written."""
        return cls(
            interval_start=datetime.fromisoformat(given["interval_start"]),
            interval_end=datetime.fromisoformat(given["interval_end"]),
            timezone=given["timezone"],
            currency=given["currency"],
            client_id=given["client"],
            legal_entity_id=given.get("legal_entity"),
        )


@cache
def zones() -> frozenset[str]:
    """The names of the IANA database that say a time zone."""
    return frozenset(name for name in zoneinfo.available_timezones() if name not in ("Factory", "localtime"))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Binds = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the totals of a file are, and the query that says them from another source than the rows.

    There is a total for each word of the column `by` and currency: how many rows, and what the one column of `sums`
    comes to. Without `by` each column of `sums` is a total, called like the column without `_minor`, that counts what
    the column `count` says, or rows. A column `x_minor` may have a currency of its own, in `x_currency`. `query` gives
    (word, currency, count, minor units), bound like the rows.
    """

    query: str
    by: str = ""
    sums: tuple[str, ...]
    count: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the manifest: how totals are made from the cells."""
        return {"by": self.by, "sums": list(self.sums), "count": self.count}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows out of the ledger and of what never changes, and what they must come to.

    Rows come from `source`, those of which `where` is true, in `order`. `columns` are only ever appended to, or the
    `version` changes; one of them is `currency`. `client` is the SQL of whose payment a row is, None where rows are
    not of payments: such a report is for staff. `binds` gives the values for the SQL besides those of `bound(…)`.
    """

    name: str
    version: int
    title: str
    use: str
    columns: tuple[Column, ...]
    source: str
    where: str = "true"
    order: str
    client: str | None = None
    control: Control
    binds: Binds = dict

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def query(self) -> str:
        """The SELECT of the file. Its parameters are `bound(…)`."""
        columns = ",\n       ".join(f'{column.sql} AS "{column.name}"' for column in self.columns)
        currency = next(column.expression for column in self.columns if column.name.lower() == "currency")
        client = "" if self.client is None else f"AND (%(client)s::uuid IS NULL OR {self.client} = %(client)s)"
        return f"""
SELECT {columns}
  FROM {self.source}
  JOIN unnest(%(currencies)s::text[], %(units)s::numeric[]) AS unit (currency, value) ON unit.currency = {currency}
 WHERE {self.where}
   AND (%(currency)s::text IS NULL OR {currency} = %(currency)s)
   {client}
 ORDER BY {self.order}"""  # noqa: S608  our own SQL; what callers say is bound

    def bound(self, parameters: Parameters, running: tuple[str, str]) -> dict[str, Any]:
        """The values of both queries, but for those of `ENTRIES`; transactions from the first id of `running` to before
        its second may not have ended."""
        return {
            "version": self.version,
            "interval_start": parameters.interval_start,
            "interval_end": parameters.interval_end,
            "running_from": running[0],
            "running_to": running[1],
            "currency": parameters.currency,
            "client": ids.decode("cli", parameters.client_id) if parameters.client_id else None,
            "entity": ids.decode("le", parameters.legal_entity_id) if parameters.legal_entity_id else None,
            "currencies": list(money.EXPONENTS),
            "units": [Decimal(1).scaleb(-exponent) for exponent in money.EXPONENTS.values()],
            **self.binds(),
        }


ENDED: Final = """(t.xid < %(running_from)s::xid8 OR t.xid >= %(running_to)s::xid8)
   AND (%(entity)s::uuid IS NULL OR t.place IN (
        SELECT code FROM payments_provideraccount WHERE legal_entity_id = %(entity)s
         UNION ALL SELECT code FROM reporting_bankaccount WHERE legal_entity_id = %(entity)s))"""
"""Ids and clocks are not commit order: rows of transactions from which on some still ran are left for the next file, so
that nothing slips in behind what was read. Ids beyond those that were given out are those of another server, out of a
dump: they have ended. Of one legal entity they are those in its own books."""

WITHIN: Final = f"""t.effective_at >= %(interval_start)s AND t.effective_at < %(interval_end)s
   AND {ENDED}"""
"""The ledger's transfers `t` of the interval, by when the money moved."""

ENTRIES: Final = f"""
SELECT payments_uuid_floor(min(t.booked_at) - interval '1 minute') AS entries_from,
       payments_uuid_floor(max(t.booked_at) + interval '1 hour') AS entries_to
  FROM payments_transfer t WHERE {WITHIN}"""  # noqa: S608  our own SQL
"""Entries are written with their transfer: the ids of those of the interval bound the monthly partitions to be read.
An hour is longer than any statement that books a set may take: the ids of its last entries are of its end. Asked for
before the rows, so that the planner knows how many entries there are between them."""

ENTRIES_WITHIN: Final = "e.id BETWEEN %(entries_from)s::uuid AND %(entries_to)s::uuid"
"""The entries `e` of the interval, and perhaps some of before and after it."""

BOTH_SIDES: Final = f"""
    SELECT e.currency, count(*) AS entries,
           -coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0) AS credits,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0) AS debits
      FROM payments_transfer t JOIN payments_entry e ON e.transfer_id = t.id AND {ENTRIES_WITHIN}
     WHERE {WITHIN} AND (%(currency)s::text IS NULL OR e.currency = %(currency)s)
     GROUP BY e.currency"""  # noqa: S608  our own SQL
"""What all entries of the interval come to, by currency and side; each side is the other's proof."""


def state_at_end(prefix: str, key: str) -> str:
    """SQL that joins `state.word`, the state of an object at the interval's end; null when it has never changed.

    Out of the changes themselves, never of a column that changes: the last one before the end leads to it, or else the
    first one after it leads away.
    """
    return f"""LEFT JOIN LATERAL (
    SELECT CASE WHEN s.at < %(interval_end)s THEN s.to_state ELSE s.from_state END AS word
      FROM payments_statechange s WHERE s.object_id = {public_id(prefix, key)}
     ORDER BY s.at < %(interval_end)s DESC, CASE WHEN s.at < %(interval_end)s THEN s.id END DESC, s.id
     LIMIT 1) state ON true"""  # noqa: S608  our own SQL
