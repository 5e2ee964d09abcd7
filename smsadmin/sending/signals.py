"""What the flow tells others without knowing them."""

from django.dispatch import Signal

#: Messages have reached a settled status. Arguments: ids.
settled = Signal()
