"""Quantities: "500m", "1Gi", "1e3". Exact values and upstream's canonical form (`resource.Quantity`)."""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from typing import Literal

Family = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

_PARTS = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:([numkMGTPE])|([KMGTPE]i)|[eE]([+-]?[0-9]+))?")
SHAPE = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_SHAPE = re.compile(SHAPE)
_DECIMAL_EXPONENTS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIXES = {exponent: suffix for suffix, exponent in _DECIMAL_EXPONENTS.items()}
_BINARY_EXPONENTS = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
_MAXIMUM = 2**63 - 1
_NANO = 10**9
_MAX_DIGITS = 200  # beyond these a value is capped or rounds to nano; absurd negative ones are cut
_MAX_EXPONENT = 60
_LONGEST_CACHED = 64  # no honest quantity is longer


class QuantityError(ValueError):
    """The text is not a quantity; the message is upstream's."""


def parse(text: str) -> Fraction:
    """The exact value, rounded up to nano and capped at 2**63-1 as upstream does. Raises `QuantityError`."""
    return _cached(text)[0]


def milli(text: str) -> int:
    """The value in thousandths, rounded up: "0.5" is 500."""
    return _cached(text)[1]


def whole(text: str) -> int:
    """The value as an integer, rounded up: "1Ki" is 1024, "1500m" is 2."""
    return _cached(text)[2]


def canonical(text: str) -> str:
    """The one form upstream stores and answers: "1000m" is "1", "1024Ki" is "1Mi". Raises `QuantityError`."""
    return _cached(text)[3]


def _cached(text: str) -> tuple[Fraction, int, int, str]:
    return _readings(text) if len(text) <= _LONGEST_CACHED else _readings.__wrapped__(text)


@functools.lru_cache(4096)
def _readings(text: str) -> tuple[Fraction, int, int, str]:
    """Value, thousandths, whole and canonical form: what callers want again and again of the same few texts."""
    value, family = _parse(text)
    thousandths = value * 1000
    return (
        value,
        -(-thousandths.numerator // thousandths.denominator),
        -(-value.numerator // value.denominator),
        format(value, family),
    )


def format(value: Fraction | int, family: Family = "DecimalSI") -> str:
    """A value in canonical form: the largest suffix that leaves no fraction."""
    value = _rounded(Fraction(value))
    if value == 0:
        return "0"
    if family == "BinarySI" and (abs(value) < 1024 or value.denominator != 1):
        family = "DecimalSI"
    if family == "BinarySI":
        return _format_binary(value.numerator)
    return _format_decimal(value, exponential=family == "DecimalExponent")


def _parse(text: str) -> tuple[Fraction, Family]:
    match = _PARTS.fullmatch(text)
    if match is None:
        if _SHAPE.fullmatch(text) is None:
            raise QuantityError(f"quantities must match the regular expression '{SHAPE}'")
        raise QuantityError("unable to parse quantity's suffix")
    sign, integer, fraction, bare_fraction, decimal, binary, exponent = match.groups()
    number = _number(integer or "0", fraction or bare_fraction or "")
    family: Family = "DecimalSI"
    if binary:
        number *= 1024 ** _BINARY_EXPONENTS[binary]
        family = "BinarySI"
    elif exponent:
        number = _shift(number, exponent)
        family = "DecimalExponent"
    elif decimal:
        number *= Fraction(10) ** _DECIMAL_EXPONENTS[decimal]
    return _rounded(-number if sign == "-" else number), family


def _number(integer: str, fraction: str) -> Fraction:
    integer = integer.lstrip("0") or "0"
    if len(integer) > _MAX_DIGITS:
        return Fraction(10**_MAX_DIGITS)
    fraction = fraction[:_MAX_DIGITS].rstrip("0")
    return Fraction(int(integer + fraction), 10 ** len(fraction))


def _shift(number: Fraction, exponent: str) -> Fraction:
    digits = exponent.lstrip("+-").lstrip("0")
    power = int(digits or "0") if len(digits) < 4 else _MAX_EXPONENT + _MAX_DIGITS
    power = min(power, _MAX_EXPONENT + _MAX_DIGITS)
    return number * Fraction(10) ** (-power if exponent.startswith("-") else power)


def _rounded(value: Fraction) -> Fraction:
    """Away from zero to whole nanos; not above the largest 64-bit integer."""
    if value > _MAXIMUM:
        return Fraction(_MAXIMUM)
    if _NANO % value.denominator == 0:
        return value
    nanos = abs(value) * _NANO
    up = Fraction(-(-nanos.numerator // nanos.denominator), _NANO)
    return -up if value < 0 else up


def _format_binary(value: int) -> str:
    exponent = 0
    while value % 1024 == 0 and exponent < len(_BINARY_SUFFIXES) - 1:
        value //= 1024
        exponent += 1
    return f"{value}{_BINARY_SUFFIXES[exponent]}"


def _format_decimal(value: Fraction, *, exponential: bool) -> str:
    number, exponent = value * _NANO, -9
    mantissa = number.numerator
    while mantissa % 1000 == 0 and exponent < 18:
        mantissa //= 1000
        exponent += 3
    if exponential:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIXES[exponent]}"
