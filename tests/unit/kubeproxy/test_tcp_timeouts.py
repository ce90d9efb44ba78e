"""The kernel's memory of silent TCP connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeproxy import tcp_timeouts


def test_half_closed_connections_are_remembered_for_an_hour(tmp_path: Path) -> None:
    for state, value in (("established", "432000\n"), ("close_wait", "60\n")):
        (tmp_path / f"nf_conntrack_tcp_timeout_{state}").write_text(value)
    tcp_timeouts.apply(tmp_path)
    assert (tmp_path / "nf_conntrack_tcp_timeout_close_wait").read_text() == "3600"
    assert (tmp_path / "nf_conntrack_tcp_timeout_established").read_text() == "86400"


def test_a_kernel_without_connection_tracking_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="established"):
        tcp_timeouts.apply(tmp_path)
