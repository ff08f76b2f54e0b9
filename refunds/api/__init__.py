"""The doors of refunds and of disputes."""
