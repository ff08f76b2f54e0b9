"""How each role connects to PostgreSQL: pooled, kept, or not at all."""

from typing import Any

from psycopg import conninfo

from config.environment import Environment, Role

# Milliseconds. A statement of the web is for a person who waits; a report or a settlement file may take longer.
STATEMENT_TIMEOUT = {Role.WEB: 15_000, Role.WORKER: 120_000, Role.SHELL: 0}
LOCK_TIMEOUT = 5_000
IDLE_IN_TRANSACTION_TIMEOUT = 60_000
ALONE = {"max_parallel_workers_per_gather": 0}
"""Of the web: a page wants its first rows, and parallel workers take the cores from payments before there are any."""
UNITS = "-c countinghouse.units=on"  # we are the platform: what a unit of work changes has its trace already
PREPARE_THRESHOLD = 2  # prepared the third time a connection sees a statement; Django's default is never


def databases(environment: Environment) -> dict[str, dict[str, Any]]:
    """Django's DATABASES."""
    if environment.database_url is None:
        return {"default": {"ENGINE": "config.nodatabase", "NAME": "none"}}
    address = conninfo.conninfo_to_dict(environment.database_url.get_secret_value())
    database: dict[str, Any] = {
        "ENGINE": "config.postgresql",
        "NAME": address.pop("dbname", ""),
        "USER": address.pop("user", ""),
        "PASSWORD": address.pop("password", ""),
        "HOST": address.pop("host", ""),
        "PORT": str(address.pop("port", "")),
        "OPTIONS": {**address, **_session(environment)},
        "CONN_HEALTH_CHECKS": True,  # a restarted server costs one look, not one failed request a connection
    }
    if environment.countinghouse_role is Role.WEB:
        database["OPTIONS"]["pool"] = {
            "min_size": environment.database_pool_min,
            "max_size": max(environment.database_pool_max, environment.database_pool_min),
            "timeout": 5,
            "max_idle": 300,
        }
    else:  # Celery closes a pool around every job, so workers keep their connections instead
        database["CONN_MAX_AGE"] = 600
    return {"default": database}


def _session(environment: Environment) -> dict[str, Any]:
    """Prepared statements and timeouts; behind PgBouncer the database role has to carry the timeouts."""
    options: dict[str, Any] = {"application_name": f"countinghouse-{environment.countinghouse_role}"}
    if not environment.prepared_statements:
        return options
    settings = {
        "statement_timeout": STATEMENT_TIMEOUT[environment.countinghouse_role],
        "lock_timeout": LOCK_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT,
        **(ALONE if environment.countinghouse_role is Role.WEB else {}),
    }
    return options | {
        "server_side_binding": True,
        "prepare_threshold": PREPARE_THRESHOLD,
        "options": " ".join([*(f"-c {name}={value}" for name, value in settings.items()), UNITS]),
    }
