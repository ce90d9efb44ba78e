"""Scalar wire types: what JSON shows as a string or number but the API constrains further.

The constraints are checked while decoding; `api.codec` turns a violation into upstream's message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class Format:
    """The name OpenAPI and the decoder know a scalar by."""

    name: str


QUANTITY_PATTERN = (
    r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?\Z"  # upstream resource.ParseQuantity
)
TIME_PATTERN = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z"
BASE64_PATTERN = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z"

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1), Format("int32")]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1), Format("int64")]
Quantity = Annotated[str, Meta(pattern=QUANTITY_PATTERN), Format("quantity")]
Time = Annotated[str, Meta(pattern=TIME_PATTERN), Format("date-time")]
MicroTime = Annotated[str, Meta(pattern=TIME_PATTERN), Format("micro-time")]
Base64 = Annotated[str, Meta(pattern=BASE64_PATTERN), Format("byte")]
IntOrString = Annotated[int | str, Format("int-or-string")]
