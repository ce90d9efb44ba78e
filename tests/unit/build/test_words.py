"""Variables, quotes and words."""

from __future__ import annotations

import pytest

from podling.build import ignore, words
from podling.build.words import WordError

KNOWN = {"x": "1", "empty": "", "path": "a b", "file": "a.tar.gz", "dir": "/x/y/z"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$x-${x}", "1-1"),
        ("${nope:-y}${x:-y}${empty:-y}${empty-y}", "y1y"),
        ("${nope:+y}|${x:+y}|${empty:+y}|${empty+y}", "|y||y"),
        ("${nope:-${x}}", "1"),
        (r"\$x $x\y", "$x 1y"),
        ("'$x' \"$x\"", "$x 1"),
        (r'"a\"b\n"', r'a"b\n'),
        ("$", "$"),
        ("$nope.", "."),
        ("${file%.*}|${file%%.*}|${file#*.}|${file##*.}", "a.tar|a|tar.gz|gz"),
        ("${file%zip}${file#?}${nope#a}", "a.tar.gz.tar.gz"),
        ("${file/a/$x}|${file//a/o}|${file/t*g/}|${file//nope/y}", "1.tar.gz|o.tor.gz|a.z|a.tar.gz"),
        (r"${dir//\//-}|${dir/\*/}|${file%$nope}", "-x-y-z|/x/y/z|a.tar.gz"),
    ],
)
def test_variables_are_replaced_as_docker_does(text: str, result: str) -> None:
    assert words.expand(text, KNOWN) == result


@pytest.mark.parametrize("text", ["${x", "'a", '"a', "${}", "${x^y}", "${x/a}", "${nope:?must be set}"])
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(WordError):
        words.expand(text, KNOWN)


def test_words_and_assignments() -> None:
    assert words.split(r'a "b c" d\ e ' + "'f  g'") == ["a", '"b c"', r"d\ e", "'f  g'"]
    assert list(words.assignments('A=1 B="$path" C=c\\ d', KNOWN)) == [("A", "1"), ("B", "a b"), ("C", "c d")]
    assert list(words.assignments("KEY the whole $x rest", KNOWN)) == [("KEY", "the whole 1 rest")]
    assert words.expand_variables('say "$x" \\$x it\'s', KNOWN) == 'say "1" $x it\'s'


@pytest.mark.parametrize(
    ("patterns", "left_out", "kept"),
    [
        ("*.log", ["a.log"], ["a.txt", "sub/a.log"]),
        ("**/*.log", ["a.log", "sub/deep/a.log"], ["a.txt"]),
        ("sub", ["sub", "sub/x", "sub/deep/y"], ["subway"]),
        ("/sub/\n!sub/keep", ["sub", "sub/x"], ["sub/keep", "sub/keep/below"]),
        ("*\n!*.md\nREADME.md", ["a", "README.md"], ["docs.md"]),
        ("# comment\n\n a? ", ["ab"], ["a", "abc", "# comment"]),
        ("x[0-9]", ["x1"], ["xa"]),
        ("x[[]", ["x["], ["x"]),
        ("sub/**/end", ["sub/end", "sub/a/b/end"], ["sub/other"]),
    ],
)
def test_dockerignore(patterns: str, left_out: list[str], kept: list[str]) -> None:
    ignored = ignore.parse(patterns)
    assert [path for path in left_out if not ignored(path)] == []
    assert [path for path in kept if ignored(path)] == []
