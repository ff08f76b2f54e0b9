#!/usr/bin/env python
"""The command line: Django's commands, and three that start before there is a database."""

import os
import runpy
import sys

from django.core import management

from config.nodatabase.base import NoDatabaseError


def main(arguments: list[str]) -> None:
    """Run `stack`, `simulator` or `demo`, or hand the arguments to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    own = {"stack": "config.stack", "simulator": "payments.simulator", "demo": "config.demo"}
    verb = arguments[1] if len(arguments) > 1 else ""
    if verb in own:
        sys.argv = [f"manage.py {verb}", *arguments[2:]]
        runpy.run_module(own[verb], run_name="__main__", alter_sys=True)
        return
    try:
        management.execute_from_command_line(arguments)
    except NoDatabaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv)
