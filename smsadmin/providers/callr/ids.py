"""Callr's ids as they are kept here: of messages, and of senders, which have none of their own at Callr."""

#: Of the sender that Callr picks by destination: one row of the directory for each account.
POOL = "pool"


def of_message(given: str) -> str:
    """API v2 writes in lower case what the earlier one writes in capitals (Callr docs, "Migrating from JSON-RPC")."""
    return given.lower()


def of_name(name: str) -> str:
    """Of an alphanumeric sender in the directory."""
    return f"name:{name}"


def of_sender(sender: str) -> str:
    """Of a sender as Callr names it on a message: a number in E.164, a short code, or a name, which has a letter."""
    return of_name(sender) if any(map(str.isalpha, sender)) else sender
