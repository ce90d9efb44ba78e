"""Scalar wire types: what JSON shows as a string or number but the API constrains further.

Ranges are checked while decoding. Strings that upstream parses (quantities, times, base64) are only marked:
`api.canonical` checks them once, when an object is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class Format:
    """The name OpenAPI and the decoder know a scalar by."""

    name: str


Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1), Format("int32")]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1), Format("int64")]
Quantity = Annotated[str, Format("quantity")]
Time = Annotated[str, Format("date-time")]
MicroTime = Annotated[str, Format("micro-time")]
Base64 = Annotated[str, Format("byte")]
IntOrString = Annotated[int | str, Format("int-or-string")]
