"""Dockerfiles read: lines, forms, here-documents, errors with their line."""

from __future__ import annotations

import pytest

from podling.build import stages
from podling.build.dockerfile import Dockerfile, DockerfileError, parse


def read(text: str) -> Dockerfile:
    return parse(text.encode(), "Dockerfile")


def test_continuations_comments_and_blank_lines() -> None:
    [first, run] = read("# hello\n\nFROM busybox\nRUN a && \\\n# not this\n\n  b\\\n  c \n").instructions
    assert (first.keyword, first.line) == ("FROM", 3)
    assert (run.line, run.rest) == (4, "a &&   b  c")


def test_the_escape_directive() -> None:
    [run] = read("# escape=`\nRUN a `\n  b\\\n").instructions
    assert run.rest == "a   b\\"
    with pytest.raises(DockerfileError, match=r"^Dockerfile:1: escape is"):
        read("# escape=x\nFROM a\n")


def test_a_directive_after_the_first_instruction_is_a_comment() -> None:
    [_, run] = read("FROM a\n# escape=`\nRUN x \\\ny\n").instructions
    assert run.rest == "x y"


def test_here_documents() -> None:
    text = "FROM a\nRUN <<EOF\n# kept\n\nx \\\nEOF\nCOPY <<-'A' <<B /to/\n\tone $X\n\tA\ntwo\nB\nCMD x\n"
    _, run, copy, cmd = read(text).instructions
    assert [(each.name, each.text, each.literal) for each in run.heredocs] == [("EOF", "# kept\n\nx \\\n", False)]
    assert [(each.text, each.literal) for each in copy.heredocs] == [("one $X\n", True), ("two\n", False)]
    assert (cmd.keyword, cmd.line) == ("CMD", 12)


@pytest.mark.parametrize("rest", ["echo $((1<<2))", "cat x<<y", 'echo "a <<b"c'])
def test_what_only_looks_like_a_here_document(rest: str) -> None:
    assert read(f"FROM a\nRUN {rest}\n").instructions[1].heredocs == ()


def test_forms_and_flags() -> None:
    text = 'FROM --platform=linux/amd64 a AS b\nRUN ["x", "y z"]\nCMD [ "$X" == 1 ]\nCOPY --from=b --chown=1:2 x y\n'
    start, run, cmd, copy = read(text).instructions
    assert start.flag("platform") == "linux/amd64"
    assert run.words == ("x", "y z")
    assert cmd.words is None
    assert copy.flags == (("from", "b"), ("chown", "1:2"))
    assert copy.rest == "x y"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":1: it is empty"),
        ("FROM a\nCOPPY x y\n", r":2: unknown instruction: COPPY \(did you mean COPY\?\)"),
        ("FROM a\nRUN\n", r":2: RUN needs at least one argument"),
        ("FROM a\n\nCOPY --form=b x y\n", r":3: unknown flag --form of COPY"),
        ("FROM a\nSHELL /bin/sh\n", r":2: SHELL is written as JSON"),
        ("FROM a\nRUN <<EOF\nx\n", r":2: the here-document EOF is not ended"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=message):
        read(text)


def split(text: str, **given: str) -> list[stages.Stage]:
    file = read(text)
    return stages.split(file, stages.global_arguments(file, given, {}))


def test_stages_names_and_global_arguments() -> None:
    text = "ARG BASE=one\nARG TAG=${BASE}-x\nFROM ${BASE}:${TAG} AS Build\nFROM build\nFROM two\n"
    first, second, third = split(text)
    assert (first.base, first.name, second.base, third.base) == ("one:one-x", "build", 0, "two")
    assert split(text, BASE="three")[0].base == "three:three-x"
    assert stages.find_source([first, second, third], third, "BUILD") == first
    assert stages.find_source([first, second, third], third, "1") == second
    assert stages.find_source([first, second, third], second, "2") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN x\nFROM a\n", r":1: RUN comes before the first FROM"),
        ("ARG A\n", r":1: there is no FROM"),
        ("FROM $NOPE\n", r":1: \$NOPE names no image"),
        ("FROM a b\n", r":1: FROM is written"),
    ],
)
def test_stages_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=message):
        split(text)
