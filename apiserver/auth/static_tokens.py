"""The static token file: lines of `token,user,uid[,"group1,group2"]` (upstream's --token-auth-file)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from apiserver.auth.user import ALL_AUTHENTICATED, User


def read(file: Path) -> Mapping[str, User]:
    """Users by token. Raises OSError, and ValueError naming the line that does not fit."""
    users: dict[str, User] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.reader(lines), start=1):
            if not row or row[0].startswith("#"):
                continue
            if len(row) < 3:
                raise ValueError(
                    f"{file}, line {number}: expected token,user,uid and perhaps groups, found {len(row)} columns"
                )
            token, name, uid = (column.strip() for column in row[:3])
            if not token or not name:
                raise ValueError(f"{file}, line {number}: token and user name must not be empty")
            groups = [group.strip() for group in row[3].split(",")] if len(row) > 3 and row[3] else []
            users[token] = User(name, uid, (*groups, ALL_AUTHENTICATED))
    return users
