"""What inbound messages tell others without knowing them."""

from django.dispatch import Signal

#: Somebody texted one of our numbers, and the row of it is new. Arguments: inbound.
received = Signal()
