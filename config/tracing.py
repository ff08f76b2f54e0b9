"""Traces, where the environment names an OpenTelemetry collector; elsewhere nothing that exports is even imported."""

import importlib

from config.environment import Environment


def begin(environment: Environment) -> None:
    """Tell spans of this process to the collector that the standard variables name (`OTEL_EXPORTER_OTLP_ENDPOINT`)."""
    if environment.traced:
        importlib.import_module("config.otlp").begin(environment)
