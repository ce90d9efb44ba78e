"""Quantities: exact values and canonical forms."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import quantity


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"), ("0Gi", "0"), ("-0", "0"), ("1", "1"), ("+1", "1"), ("-1", "-1"),
        ("1000m", "1"), ("1500m", "1500m"), ("0.5", "500m"), (".5", "500m"), ("5.", "5"), ("1u", "1u"),
        ("2000", "2k"), ("1500", "1500"), ("100000", "100k"), ("123456789", "123456789"), ("1000k", "1M"),
        ("1E", "1E"), ("1024Ki", "1Mi"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("1.5Ki", "1536"),
        ("512Ki", "512Ki"), ("0.5Ki", "512"), ("0.1Mi", "104857600m"), ("1000Ki", "1000Ki"),
        ("1e3", "1e3"), ("12e2", "1200"), ("1E3", "1e3"), ("1e-3", "1e-3"), ("15e-1", "1500e-3"),
        ("0.0000000001", "1n"), ("1e1000000", "9223372036854775807"), ("1e-1000000", "1n"),
        ("99999999999999999999", "9223372036854775807"), ("1" + "0" * 5000, "9223372036854775807"),
        ("-2e58", "-20000000000000000000000000000000000000000e18"),
    ],
)  # fmt: skip
def test_canonical_forms(text: str, canonical: str) -> None:
    expected = "1e-9" if text == "1e-1000000" else canonical
    assert quantity.canonical(text) == expected
    assert quantity.canonical(expected) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "a", "1x", "1ki", "1K", "1 Mi", "1.2.3", "--1", "e3", "1e", "1e+", "١", "1\n", "."]
)
def test_impossible_quantities(text: str) -> None:
    with pytest.raises(quantity.QuantityError):
        quantity.parse(text)


def test_errors_are_upstreams() -> None:
    with pytest.raises(quantity.QuantityError, match="unable to parse quantity's suffix"):
        quantity.parse("1ki")
    with pytest.raises(quantity.QuantityError, match="quantities must match the regular expression"):
        quantity.parse("2x")


@pytest.mark.parametrize(
    ("text", "milli", "whole"),
    [("1", 1000, 1), ("500m", 500, 1), ("1n", 1, 1), ("1Ki", 1024000, 1024), ("1.5", 1500, 2), ("-500m", -500, 0)],
)
def test_integers_are_rounded_up(text: str, milli: int, whole: int) -> None:
    assert (quantity.milli(text), quantity.whole(text)) == (milli, whole)


def test_format_picks_the_family() -> None:
    assert quantity.format(1024**2, "BinarySI") == "1Mi"
    assert quantity.format(10**6) == "1M"
    assert quantity.format(Fraction(1, 2)) == "500m"
    assert quantity.format(1000, "DecimalExponent") == "1e3"


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.from_regex(r"[+-]?([0-9]{1,12}(\.[0-9]{0,12})?)([numkMGTPE]|[KMGTPE]i|e[+-]?[0-9]{1,2})?", fullmatch=True))
def test_a_canonical_form_means_the_same_and_is_its_own(text: str) -> None:
    canonical = quantity.canonical(text)
    assert quantity.parse(canonical) == quantity.parse(text)
    assert quantity.canonical(canonical) == canonical
