"""The flow without its surroundings, as the tests of sending have it."""

from tests.sending.conftest import _fresh, clock, drain, number, provider, rings

__all__ = ["_fresh", "clock", "drain", "number", "provider", "rings"]
