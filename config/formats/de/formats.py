"""The same as everywhere in the house."""

from config.formats.house import *  # noqa: F403  Django reads this module by name
