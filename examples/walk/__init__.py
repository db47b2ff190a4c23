"""Microsoft's migration guide, walked from end to end on this machine: ``make demo``."""
