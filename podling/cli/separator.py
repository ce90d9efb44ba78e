"""Where a command's own options end and those of what it runs begin: behind the image, or the container's name.

`podling run busybox ls -l` and `podling exec web sh -c ...` are typed as with Docker; with a `--` nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence

# The options that take a value of their own word.
_VALUES = {
    "run": {
        *("--name", "--env", "-e", "--env-file", "--publish", "-p", "--volume", "-v", "--network", "--memory", "-m"),
        *("--cpus", "--entrypoint", "--workdir", "-w", "--user", "-u", "--hostname", "--restart", "--pull", "--node"),
        *("--namespace", "-n", "--dir"),
    },
    "exec": {"--container", "-c", "--namespace", "-n", "--dir"},
}


def separated(words: Sequence[str]) -> list[str]:
    """The command line with a `--` where the inner command begins, and before the `-` of `build -`."""
    if words and words[0] == "build" and "--" not in words:
        return _with_standard_input(words)
    if not words or words[0] not in _VALUES or "--" in words:
        return list(words)
    values = _VALUES[words[0]]
    index = 1
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in values else 1
    inner = index + 1
    # Options of ours may also follow the name, as kubectl has it: then the rest is not the inner command.
    if inner >= len(words) or (words[0] == "exec" and words[inner].startswith("-")):
        return list(words)
    return [*words[:inner], "--", *words[inner:]]


def _with_standard_input(words: Sequence[str]) -> list[str]:
    """A lone `-` is the context, unless it is the Dockerfile's name: no option."""
    for index, word in enumerate(words):
        if word == "-" and words[index - 1] not in ("-f", "--file"):
            return [*words[:index], *words[index + 1 :], "--", "-"]
    return list(words)
