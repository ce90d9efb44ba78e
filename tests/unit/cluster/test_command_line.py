from __future__ import annotations

import pytest

from cluster.command_line import Parser


def _cores(text: str) -> int:
    return int(text)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ([], "the following arguments are required: --node-cpu"),
        (["--node-cpu", "x"], "argument --node-cpu: invalid value: 'x'"),
        (["--node-cpu", "1", "--nodes", "3"], "unrecognized arguments: --nodes 3"),
        (["--node", "1"], "the following arguments are required: --node-cpu"),
    ],
)
def test_a_wrong_command_line_is_said_in_one_line(
    arguments: list[str], wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser("kubelet", "Runs pods.")
    parser.add_argument("--node-cpu", type=_cores, required=True)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"kubelet: {wrong}; `python -m kubelet --help` shows the flags\n"
