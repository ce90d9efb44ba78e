"""The sides from which an object can be written: itself, its status, and what else its kind offers. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.errors import FieldError


@dataclass(frozen=True, slots=True)
class View:
    """`prepare(new, old)` keeps what this view may not change; `validate(new, old)` judges the outcome."""

    prepare: Callable[[Any, Any], Any]
    validate: Callable[[Any, Any], list[FieldError]]
