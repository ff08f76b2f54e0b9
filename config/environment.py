"""What the environment says: typed, checked once at start, refused by the variable's name."""

import base64
import binascii
import datetime
import enum
import ipaddress
import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pydantic_settings
from django.core.exceptions import ImproperlyConfigured
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from config import processes

DEVELOPMENT_KEY = "development-only-" + "0" * 40
DEVELOPMENT_DATA_KEY = base64.b64encode(DEVELOPMENT_KEY[:32].encode()).decode()
DATA_KEY_BYTES = 32
BANK_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}:[A-Z]{3}")
TWO_ACCOUNTS = re.compile(r"[a-z0-9-]{1,40}:[a-z0-9-]{1,40}")
LIMIT_OF_ONE = re.compile(r"[A-Z]{3}:[0-9]{1,12}")
DAYS_TO_SETTLE = re.compile(r"[a-z0-9-]*(/[a-z0-9_]+)?:[0-9]{1,3}")
DEMO_LIMITS_OF_ONE = [f"{currency}:5000" for currency in ["USD", "EUR", "GBP"]]
DEMO_BANK_ACCOUNTS = [
    f"main-{currency.lower()}:{currency}" for currency in ["USD", "EUR", "GBP", "MXN", "BRL", "JPY", "SGD"]
]
Names = Annotated[list[str], NoDecode]


class Role(enum.StrEnum):
    """What this process is; the supervisor sets it. It decides how the database is connected to."""

    WEB = "web"
    WORKER = "worker"
    SHELL = "shell"


class GlAccount(pydantic.BaseModel):
    """From a day on, what an account of the ledger is called in the general ledger of the company."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    code: str = pydantic.Field(pattern=r"^[a-z_]+(/[a-z0-9_-]+)?$", description="`psp_fees/stripe-us`, or all of them.")
    name: str = pydantic.Field(min_length=1, max_length=100, description="A sub-account stands behind a colon.")
    number: str = pydantic.Field("", max_length=20)
    since: datetime.date


class Environment(pydantic_settings.BaseSettings):
    """Every variable the platform reads, besides the secrets of provider accounts."""

    model_config = pydantic_settings.SettingsConfigDict(
        extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    countinghouse_env: Literal["development", "test", "production"] = "development"
    countinghouse_role: Role = Role.SHELL
    embedded_servers: bool = pydantic.Field(False, description="Set by the supervisor when it started its own servers.")
    lone_worker: bool = pydantic.Field(
        False, description="Set by the supervisor when no other worker can be on its database: it takes over at once."
    )
    debug: bool = False

    secret_key: pydantic.SecretStr = pydantic.SecretStr(DEVELOPMENT_KEY)
    key_pepper: pydantic.SecretStr = pydantic.Field(
        pydantic.SecretStr(DEVELOPMENT_KEY), description="Mixed into the hashes of API keys and blind indexes."
    )
    personal_data_keys: Annotated[list[pydantic.SecretStr], NoDecode] = pydantic.Field(
        [pydantic.SecretStr(DEVELOPMENT_DATA_KEY)],
        description="What personal data is encrypted by: 32 bytes in base64 each, the newest first, with commas.",
    )

    second_factor: bool | None = pydantic.Field(
        None, description="Whether staff sign in with a code from an app as well. Production always asks for it."
    )

    web_threads: int = pydantic.Field(16, ge=1, description="How many requests the web server works on at a time.")
    database_url: pydantic.SecretStr | None = None
    database_pool_min: int = pydantic.Field(2, ge=0)
    database_pool_max: int = pydantic.Field(16, ge=1)
    prepared_statements: bool = pydantic.Field(
        True, description="0 behind PgBouncer: no prepared statements and no connection options."
    )
    redis_url: pydantic.SecretStr | None = None
    broker_url: pydantic.SecretStr | None = pydantic.Field(None, description="Celery's broker; REDIS_URL unless set.")

    allowed_hosts: Names = ["127.0.0.1", "localhost", "[::1]"]
    csrf_trusted_origins: Names = []
    trusted_proxies: Annotated[list[ipaddress.IPv4Network | ipaddress.IPv6Network], NoDecode] = pydantic.Field(
        [], description="Addresses or networks of our own proxies, whose X-Forwarded-For says who asks: 10.0.0.0/8,…"
    )
    public_url: str = pydantic.Field("http://127.0.0.1:8000", description="Where customers and clients reach us.")
    simulator_url: str = pydantic.Field("", description="The PSP simulator; refused in production.")

    bank_accounts: Names = pydantic.Field(
        [], description="Our accounts at banks, from which finance pays refunds: code:currency, separated by commas."
    )
    settle_alone: Names = pydantic.Field(
        [], description="Up to how much one person of finance settles a difference alone: currency:minor units."
    )
    settles_within: Names = pydantic.Field(
        [], description="In how many days a PSP settles what it took: account:5, account/method:20, /method:9 or :7."
    )
    canaries: Names = pydantic.Field(
        [], description="Synthetic payments of live accounts, each made at a test account: stripe-eu:stripe-eu-test."
    )
    incidents_hurry: int = pydantic.Field(
        1, ge=1, le=20, description="For demonstrations: incidents wait so many times shorter. Refused in production."
    )
    refund_undo_seconds: int = pydantic.Field(
        30, ge=0, le=86_400, description="How long a refund made by a person is held, to be taken back; 0: not at all."
    )

    files_bucket: str = pydantic.Field(
        "", description="The S3 bucket in which files are kept; its keys come from AWS_… as everywhere. Empty: RUN_DIR."
    )
    files_endpoint: str = pydantic.Field("", description="Where the bucket is, when not at Amazon.")
    files_region: str = ""
    smtp_url: pydantic.SecretStr | None = pydantic.Field(
        None, description="Who sends our mail: smtp://user:password@host:587, smtps:// for TLS from the start."
    )
    mail_from: str = pydantic.Field("countinghouse@localhost", description="Whose name our mail carries.")
    reports_kept_days: int = pydantic.Field(
        400, ge=1, description="How long the files of reports are kept; a report can be made again, byte for byte."
    )
    raw_kept_days: int = pydantic.Field(
        180, ge=30, description="How long what PSPs sent is kept as it came; disputes may want it for half a year."
    )
    gl_accounts: list[GlAccount] = pydantic.Field(
        [], description="What journals call our accounts, as a JSON list. Lines are added, never changed."
    )

    run_dir: Path = Path(".run")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    metrics_token: pydantic.SecretStr | None = pydantic.Field(
        None, description="What monitoring shows to read /metrics; without one it is read from inside, past the proxy."
    )

    otel_exporter_otlp_endpoint: str = pydantic.Field(
        "", description="The OpenTelemetry collector that takes our traces, by OTLP over HTTP; empty: nobody does."
    )
    otel_exporter_otlp_traces_endpoint: str = ""
    otel_sdk_disabled: bool = False

    @property
    def traced(self) -> bool:
        """Whether somebody collects traces; the other OTEL_… variables are read by OpenTelemetry's own library."""
        endpoint = self.otel_exporter_otlp_traces_endpoint or self.otel_exporter_otlp_endpoint
        return bool(endpoint) and not self.otel_sdk_disabled

    @property
    def serves(self) -> bool:
        """Whether this process works for others, web or worker; commands that people type do not."""
        return self.countinghouse_role is not Role.SHELL

    @pydantic.field_validator(
        "allowed_hosts",
        "csrf_trusted_origins",
        "trusted_proxies",
        "bank_accounts",
        "settle_alone",
        "settles_within",
        "canaries",
        "personal_data_keys",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @pydantic.field_validator("personal_data_keys")
    @classmethod
    def _of_32_bytes(cls, value: list[pydantic.SecretStr]) -> list[pydantic.SecretStr]:
        if not value or not all(_data_key(each) for each in value):
            raise PydanticCustomError("personal_data_keys", "Input should be 32 bytes in base64, several with commas")
        return value

    @pydantic.field_validator("bank_accounts")
    @classmethod
    def _named(cls, value: list[str]) -> list[str]:
        if not all(BANK_ACCOUNT.fullmatch(each) for each in value):
            raise PydanticCustomError("bank_accounts", "Input should be like main-eu:EUR,main-us:USD")
        return value

    @pydantic.field_validator("settle_alone")
    @classmethod
    def _limited(cls, value: list[str]) -> list[str]:
        if not all(LIMIT_OF_ONE.fullmatch(each) for each in value):
            raise PydanticCustomError("settle_alone", "Input should be like USD:5000,JPY:5000, in minor units")
        return value

    @pydantic.field_validator("settles_within")
    @classmethod
    def _in_days(cls, value: list[str]) -> list[str]:
        if not all(DAYS_TO_SETTLE.fullmatch(each) for each in value):
            raise PydanticCustomError("settles_within", "Input should be like :7,main-eu:10,main-eu/sepa_debit:20")
        return value

    @pydantic.field_validator("canaries")
    @classmethod
    def _two_accounts(cls, value: list[str]) -> list[str]:
        if not all(TWO_ACCOUNTS.fullmatch(each) for each in value):
            raise PydanticCustomError("canaries", "Input should be like stripe-eu:stripe-eu-test")
        return value

    @property
    def canaries_through(self) -> dict[str, str]:
        """Account -> the account at whose test environment its canary pays."""
        return dict(each.split(":") for each in self.canaries)

    @property
    def limits_of_one(self) -> dict[str, int]:
        """Currency -> minor units; without a line two people settle every difference. Outside production the demo's."""
        named = self.settle_alone or ([] if self.production else DEMO_LIMITS_OF_ONE)
        return {currency: int(minor) for currency, minor in (each.split(":") for each in named)}

    @property
    def days_to_settle(self) -> dict[str, int]:
        """Account, account/method, /method or "" (all others) -> days; 10 for what nobody names."""
        named = dict(each.rsplit(":", 1) for each in self.settles_within)
        return {"": 10} | {where: int(days) for where, days in named.items()}

    @property
    def currencies_at_banks(self) -> dict[str, str]:
        """Code of a bank account -> its currency; outside production one for each currency of the demo."""
        named = self.bank_accounts or ([] if self.production else DEMO_BANK_ACCOUNTS)
        return dict(each.split(":") for each in named)

    @property
    def data_keys(self) -> tuple[bytes, ...]:
        """The keys of personal data, the newest first."""
        return tuple(map(_data_key, self.personal_data_keys))

    @property
    def asks_second_factor(self) -> bool:
        """Whether nobody of the staff gets in by a password alone."""
        return self.production if self.second_factor is None else self.second_factor

    @property
    def production(self) -> bool:
        """Whether real money moves."""
        return self.countinghouse_env == "production"

    @property
    def broker(self) -> str:
        """Where Celery's messages go; empty when there is nowhere."""
        url = self.broker_url or self.redis_url
        return url.get_secret_value() if url else ""


def _data_key(given: pydantic.SecretStr) -> bytes:
    """The 32 bytes that it stands for; b"" when it stands for none."""
    try:
        key = base64.b64decode(given.get_secret_value(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return key if len(key) == DATA_KEY_BYTES else b""


def load() -> Environment:
    """Read the environment, outside production completed by the running stack's; raises ImproperlyConfigured."""
    if os.environ.get("COUNTINGHOUSE_ENV") != "production" and not os.environ.get("DATABASE_URL"):
        for name, value in stack_environment(Path(os.environ.get("RUN_DIR") or ".run")).items():
            os.environ.setdefault(name, value)
    try:
        environment = Environment()
    except pydantic.ValidationError as error:
        raise ImproperlyConfigured("; ".join(_sentences(error))) from None
    refusals = list(_refusals(environment))
    if refusals:
        raise ImproperlyConfigured("; ".join(refusals))
    return environment


def stack_environment(run_dir: Path) -> dict[str, str]:
    """The variables of the stack running in a directory; none when none runs there."""
    try:
        stack: dict[str, Any] = json.loads((run_dir / "stack.json").read_text())
    except FileNotFoundError:
        return {}
    return dict(stack["environment"]) if processes.alive(stack["pid"]) else {}


def _sentences(error: pydantic.ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]


def _refusals(environment: Environment) -> list[str]:
    if environment.production:
        return _production_refusals(environment)
    if environment.countinghouse_role is not Role.SHELL and environment.database_url is None:
        return ["no database: run `make up`, or set DATABASE_URL"]
    return []


def _production_refusals(environment: Environment) -> list[str]:
    """What must not be so where real money moves."""
    weak = {DEVELOPMENT_KEY, ""}
    rules = {
        "DATABASE_URL: production needs a database of its own": environment.database_url is None,
        "REDIS_URL: production needs a Redis or Valkey of its own": environment.redis_url is None,
        "EMBEDDED_SERVERS: production does not run on embedded servers": environment.embedded_servers,
        "SECOND_FACTOR: production never lets staff in without one": environment.second_factor is False,
        "DEBUG: production does not run with DEBUG": environment.debug,
        "INCIDENTS_HURRY: production does not hurry incidents along": environment.incidents_hurry != 1,
        "SIMULATOR_URL: production does not talk to the simulator": environment.simulator_url != "",
        "SECRET_KEY: production needs one of its own, at least 50 characters": (
            environment.secret_key.get_secret_value() in weak or len(environment.secret_key) < 50
        ),
        "KEY_PEPPER: production needs one of its own, at least 32 characters": (
            environment.key_pepper.get_secret_value() in weak or len(environment.key_pepper) < 32
        ),
        "PERSONAL_DATA_KEYS: production needs keys of its own": any(
            key.get_secret_value() == DEVELOPMENT_DATA_KEY for key in environment.personal_data_keys
        ),
        "ALLOWED_HOSTS: production names its hosts": not environment.allowed_hosts or "*" in environment.allowed_hosts,
        "PUBLIC_URL: production is reached by https": not environment.public_url.startswith("https://"),
    }
    return [sentence for sentence, broken in rules.items() if broken]
