"""Ids of senders in the directory that have none of their own at their provider: numbers and names are what they are
called."""


def of_name(name: str) -> str:
    """Of an alphanumeric sender."""
    return f"name:{name}"


def of_sender(sender: str) -> str:
    """Of a sender as it stands on a message: a number in E.164, a short code, or a name, which has a letter."""
    return of_name(sender) if any(map(str.isalpha, sender)) else sender
