"""Amounts of resources, exact, in billionths of their unit, and as quantities in the form people use for them."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from api import quantity
from api.pod_resources import NANO, Amounts, add, amounts, nanos

__all__ = ["ONE", "Amounts", "add", "amounts", "nanos", "text"]

ONE: Final = NANO
_KIBI: Final = 1024 * NANO


@lru_cache(4096)
def text(resource: str, value: int) -> str:
    """An amount as a quantity: bytes in powers of 1024 where they are such ("256Mi"), all else in powers of ten."""
    in_bytes = resource.endswith(("memory", "storage")) or "hugepages-" in resource
    family: quantity.Family = "BinarySI" if in_bytes and value % _KIBI == 0 else "DecimalSI"
    return quantity.format(Fraction(value, NANO), family)
