"""The entry point: what becomes of Ctrl-C."""

from __future__ import annotations

import sys

import pytest

from podling.__main__ import main


class _Interrupted:
    """An import during which Ctrl-C is pressed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "podling.cli.separator":
            raise KeyboardInterrupt


def test_ctrl_c_while_the_command_still_imports_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "podling.cli.separator", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
