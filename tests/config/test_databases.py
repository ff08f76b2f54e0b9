"""How each role connects."""

from typing import Any

import pytest
from pydantic import SecretStr

from config import databases, environment

URL = SecretStr("postgresql://app:pass%2Fword@db.internal:6432/countinghouse?sslmode=require")


def options(**fields: object) -> dict[str, Any]:
    made = environment.Environment.model_validate({"database_url": URL, **fields})
    return databases.databases(made)["default"]


def test_an_address_is_taken_apart_as_libpq_does() -> None:
    database = options()

    assert [database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "countinghouse", "app", "pass/word", "db.internal", "6432",
    ]  # fmt: skip
    assert database["OPTIONS"]["sslmode"] == "require"


def test_the_web_draws_from_a_pool_of_the_size_it_is_told() -> None:
    database = options(countinghouse_role="web", database_pool_min=1, database_pool_max=7)

    pool = database["OPTIONS"]["pool"]
    assert (pool["min_size"], pool["max_size"]) == (1, 7)
    assert "CONN_MAX_AGE" not in database


@pytest.mark.parametrize("role", ["worker", "shell"])
def test_others_keep_a_connection_and_check_it(role: str) -> None:
    database = options(countinghouse_role=role)

    assert "pool" not in database["OPTIONS"]
    assert database["CONN_MAX_AGE"] > 0
    assert database["CONN_HEALTH_CHECKS"] is True


def test_behind_pgbouncer_nothing_outlives_a_transaction() -> None:
    kept = options()["OPTIONS"]
    bouncing = options(prepared_statements=False)["OPTIONS"]

    assert {"server_side_binding", "prepare_threshold", "options"} <= kept.keys()
    assert not {"server_side_binding", "prepare_threshold", "options"} & bouncing.keys()
