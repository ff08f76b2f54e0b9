#!/usr/bin/env python
"""The command line: three verbs that start before there is a database, and Django's commands."""

import os
import runpy
import sys

OWN = {"stack": "config.stack", "simulator": "payments.simulator", "demo": "config.demo"}
INTERRUPTED = 130  # exit status of what Ctrl-C ended, as of shells


def main() -> None:
    """Run the module of the first argument, or Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb in OWN:
        del sys.argv[1]
    elif not verb.startswith("-"):
        sys.argv[1:2] = [verb.replace("-", "_")]  # verify-report, as people write it: modules have no dash
    try:
        runpy.run_module(OWN.get(verb, "django"), run_name="__main__", alter_sys=False)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
