"""The reader of the tour's pages: what it takes for files, commands and matching output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tour import Command, File, read


def steps(tmp_path: Path, text: str) -> tuple[File | Command, ...]:
    path = tmp_path / "page.md"
    path.write_text(text)
    return read(path).steps


def test_a_page_is_files_and_commands_in_order(tmp_path: Path) -> None:
    files = "Words.\n```yaml\n# a.yaml\nkind: Pod\n```\n```yaml\nnot: a file\n```\n"
    page = files + "```console\n$ one\nout\n$ two \\\n  more\nexit 3\n```\n"
    assert steps(tmp_path, page) == (
        File("a.yaml", "kind: Pod\n"),
        Command(10, "one", ("out",), 0, False),
        Command(12, "two \\\n  more", None, 3, False),
    )


def test_a_page_may_ask_for_a_cluster_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("<!-- cluster: own --nodes 2 -->\n")
    assert read(path).flags == ("--nodes", "2")
    path.write_text("text\n")
    assert read(path).flags is None


@pytest.mark.parametrize("block", ["```console\nout\n```\n", "```console retry\n$ one\n$ two\n```\n"])
def test_a_page_that_cannot_be_walked_says_where(tmp_path: Path, block: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        steps(tmp_path, block)


@pytest.mark.parametrize(
    ("expected", "output", "accepted"),
    [
        (None, "anything", True),
        (("a  b",), "a b\n", True),
        (("a",), "a\nb\n", False),
        (("a", "b"), "a\n", False),
        (("pod/web-... created",), "pod/web-x1 created\n", True),
        (("web ... Running",), "web 1/1 Running\n", True),
        (("web ... Running",), "web 1/1 Pending\n", False),
        (("a", "...", "z"), "a\nb\nc\nz\n", True),
        (("a", "...", "z"), "a\nz\n", True),
        (("a", "...", "z"), "a\nz\ny\n", False),
        (("1.5 (x)",), "125 (x)\n", False),
    ],
)
def test_output_is_matched_by_line(expected: tuple[str, ...] | None, output: str, accepted: bool) -> None:
    assert Command(1, "", expected, 0, False).accepts(output) is accepted
