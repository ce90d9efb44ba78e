"""Amounts of bytes that are not whole."""

from __future__ import annotations

from api import quantity

_FRACTIONS = (".", "m", "u", "n", "e-", "E-")


def fractional(amount: str) -> bool:
    """Whether an amount of bytes has a fraction. Most can be seen not to have one without being parsed."""
    return any(mark in amount for mark in _FRACTIONS) and quantity.milli(amount) % 1000 != 0


def complaint(amount: str) -> str:
    return f'fractional byte value "{quantity.canonical(amount)}" is invalid, must be an integer'
