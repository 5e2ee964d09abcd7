"""How a Twilio account is spoken to, where its documents leave that open or to choose: Connection.options.

docs/integrations/twilio.md says of each what is known.
"""

from dataclasses import dataclass

from smsadmin.providers.options import AccountOptions

#: The longest that Twilio keeps a message in its queue, which is also what it does unless told otherwise (seconds).
MOST_VALIDITY = 36_000


@dataclass(frozen=True, slots=True)
class Options(AccountOptions):
    """What is left to choose, or what nobody says."""

    smart_encoded: bool = False  # Twilio puts look-alikes into a text, so that it fits GSM-7
    validity: int = 0  # seconds a message may wait at Twilio; 0: as long as Twilio does by itself
    answers_keywords: bool = True  # Twilio answers STOP, START and HELP itself
    overrides: str = ""  # how Twilio repeats a call to us that failed, as the fragment of its address

    def told(self, address: str) -> str:
        """An address of ours as Twilio is told it: with how it is to repeat calls that fail."""
        return f"{address}#{self.overrides}" if self.overrides else address
