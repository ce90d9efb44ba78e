"""The stages of a Dockerfile: what each is made from, and which of them a build needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from podling.build import words
from podling.build.dockerfile import Dockerfile, Instruction
from podling.build.words import WordError
from podling.errors import CommandError

SCRATCH = "scratch"


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows. `base` is an image's name, `scratch`, or an earlier stage's index."""

    index: int
    name: str
    base: str | int
    platform: str
    start: Instruction
    instructions: tuple[Instruction, ...] = ()

    @property
    def label(self) -> str:
        """What it is called in the progress."""
        return self.name or f"stage-{self.index}"


@dataclass
class _Opened:
    start: Instruction
    instructions: list[Instruction] = field(default_factory=list)


def global_arguments(dockerfile: Dockerfile, given: Mapping[str, str], built_in: Mapping[str, str]) -> dict[str, str]:
    """The ARGs before the first FROM: what FROM lines may use. Raises DockerfileError."""
    found = dict(built_in)
    for instruction in dockerfile.instructions:
        if instruction.keyword != "ARG":
            break
        for name, default in arguments(dockerfile, instruction, found):
            value = given.get(name, default)
            if value is not None:
                found[name] = value
    return found


def arguments(
    dockerfile: Dockerfile, instruction: Instruction, variables: Mapping[str, str]
) -> list[tuple[str, str | None]]:
    """Names and defaults an ARG declares. Raises DockerfileError."""
    found: list[tuple[str, str | None]] = []
    known = dict(variables)
    try:
        for word in words.split(instruction.rest, dockerfile.escape):
            name, equals, value = word.partition("=")
            if not name:
                raise WordError(f"{word} has no name before its =")
            default = words.expand(value, known, dockerfile.escape) if equals else None
            found.append((name, default))
            if default is not None:
                known[name] = default
    except WordError as error:
        raise dockerfile.error(instruction, str(error)) from None
    return found


def split(dockerfile: Dockerfile, variables: Mapping[str, str]) -> list[Stage]:
    """All stages. `variables` are the global arguments. Raises DockerfileError."""
    opened: list[_Opened] = []
    for instruction in dockerfile.instructions:
        if instruction.keyword == "FROM":
            opened.append(_Opened(instruction))
        elif opened:
            opened[-1].instructions.append(instruction)
        elif instruction.keyword != "ARG":
            raise dockerfile.error(instruction, f"{instruction.keyword} comes before the first FROM; only ARG may")
    if not opened:
        raise dockerfile.error(dockerfile.instructions[-1], "there is no FROM: say which image to build on")
    stages: list[Stage] = []
    for each in opened:
        stages.append(_stage(dockerfile, each, stages, variables))
    return stages


def _stage(dockerfile: Dockerfile, opened: _Opened, before: Sequence[Stage], variables: Mapping[str, str]) -> Stage:
    start = opened.start
    try:
        expanded = [words.expand(word, variables, dockerfile.escape) for word in words.split(start.rest)]
        platform = words.expand(start.flag("platform"), variables, dockerfile.escape)
    except WordError as error:
        raise dockerfile.error(start, str(error)) from None
    if len(expanded) not in (1, 3) or (len(expanded) == 3 and expanded[1].upper() != "AS"):
        raise dockerfile.error(start, "FROM is written FROM IMAGE [AS NAME]")
    base, name = expanded[0], expanded[2].lower() if len(expanded) == 3 else ""
    if not base:
        raise dockerfile.error(start, f"{start.rest} names no image: the variable in it is not set before FROM")
    earlier = _find(before, base)
    return Stage(
        len(before), name, base if earlier is None else earlier.index, platform, start, tuple(opened.instructions)
    )


def _find(stages: Sequence[Stage], name: str) -> Stage | None:
    """The last stage of a name."""
    return next((stage for stage in reversed(stages) if stage.name and stage.name == name.lower()), None)


def find_source(stages: Sequence[Stage], here: Stage, name: str) -> Stage | None:
    """The stage a `--from` means, by name or number; None when it is an image's name."""
    before = stages[: here.index]
    if name.isdecimal() and int(name) < len(before):
        return before[int(name)]
    return _find(before, name)


def not_yet(stages: Sequence[Stage], here: Stage, name: str) -> str:
    """Why a name is no source although a stage has it; "" when none has."""
    found = _find(stages[here.index :], name)
    if found is None:
        return ""
    return "a stage cannot take from itself" if found is here else f"stage {name} comes later: move it before this one"


def target(stages: Sequence[Stage], name: str) -> Stage:
    """The stage to build. Raises CommandError."""
    if not name:
        return stages[-1]
    found = _find(stages, name)
    if found is None and name.isdecimal() and int(name) < len(stages):
        found = stages[int(name)]
    if found is None:
        known = ", ".join(stage.name for stage in stages if stage.name) or "none has a name"
        raise CommandError(f"there is no stage {name!r} for --target; there are: {known}")
    return found
