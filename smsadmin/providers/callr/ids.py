"""Callr's ids as they are kept here."""

#: Of the sender that Callr picks by destination: one row of the directory for each account.
POOL = "pool"


def of_message(given: str) -> str:
    """API v2 writes in lower case what the earlier one writes in capitals (Callr docs, "Migrating from JSON-RPC")."""
    return given.lower()
