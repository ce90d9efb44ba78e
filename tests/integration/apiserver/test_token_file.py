"""Static bearer tokens: a file of them, as upstream's --token-auth-file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.apiserver import Apiserver


def with_tokens(apiserver: Apiserver, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    flags = [*apiserver.flags(), f"--token-auth-file={file}"]
    monkeypatch.setattr(apiserver, "flags", lambda: flags)
    apiserver.stop()


def test_a_token_of_the_file_is_its_user(apiserver: Apiserver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text('secret,ann,1,"system:masters,staff"\nplain,bob,2\n')
    with_tokens(apiserver, monkeypatch, file)
    apiserver.start()

    def get(token: str) -> int:
        path = "/api/v1/namespaces/default/configmaps"
        return apiserver.request("GET", path, identity=None, headers={"Authorization": f"Bearer {token}"}).status

    assert [get("secret"), get("plain"), get("guessed")] == [200, 403, 401]


def test_a_file_that_makes_no_sense_is_said(
    apiserver: Apiserver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text("only-a-token\n")
    with_tokens(apiserver, monkeypatch, file)
    with pytest.raises(pytest.fail.Exception, match="line 1: expected token,user,uid"):
        apiserver.start()
