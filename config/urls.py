"""Every route of the platform."""

