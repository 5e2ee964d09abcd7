"""The one thing that everything which goes on for long must know: whether this worker is asked to stop."""

from threading import Event

#: Set then. What is under way is written, and nothing else is begun.
stopping = Event()
