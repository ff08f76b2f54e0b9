"""How much memory each program holds once it has worked."""

from typing import Any

from tests.load import machine, rig


def measure(platform: rig.Rig) -> dict[str, dict[str, Any]]:
    """By program: its processes, the largest one's resident memory, and what they take altogether, in MB."""
    return {
        name: {
            "processes": len(pids),
            "largest_rss_mb": max(machine.rss_megabytes([pid]) for pid in pids),
            "together_mb": machine.private_megabytes(pids),
        }
        for name, pids in machine.families(platform.roots()).items()
    }
