"""The instructions of a build that change files: RUN, COPY, ADD, and the folder of WORKDIR."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from podling.build import (
    bases,
    cache,
    copying,
    execution,
    fetching,
    ignore,
    modes,
    mounts,
    paths,
    sources,
    stages,
    users,
    words,
)
from podling.build import state as states
from podling.build.copying import Ownership, Target
from podling.build.dockerfile import Instruction, without_heredocs
from podling.build.execution import Command
from podling.build.ignore import PatternError
from podling.build.modes import Chmod, ModeError
from podling.build.mounts import Bound, MountError, MountWish
from podling.build.sources import Origin, Source, SourceError
from podling.build.stages import Stage
from podling.build.state import State
from podling.build.users import UnknownUser
from podling.build.words import WordError
from podling.build.workspace import Mounted
from podling.errors import CommandError

if TYPE_CHECKING:
    from podling.build.builder import Build, Built

_SCRIPT = "/dev/shm/heredoc"
_UNREACHABLE = re.compile(r"bad address|resolv|Name or service not known|unreachable|Could not connect", re.IGNORECASE)
_NO_NETWORK = ". RUN has no network here: build with --network host to give it the machine's"


@dataclass(frozen=True)
class _Copy:
    """A COPY or ADD with its variables replaced."""

    words: Sequence[str]
    target: str
    is_folder: bool
    chown: str
    mode: Chmod | None


class Steps:
    """The steps of one build."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._context = self._open_context()

    def take(self, stage: Stage, built: Built, instruction: Instruction) -> Built:
        """What a stage is after an instruction. Raises CommandError."""
        try:
            if instruction.keyword == "RUN":
                return self._run(stage, built, instruction)
            if instruction.keyword in ("COPY", "ADD"):
                return self._copy(stage, built, instruction)
            state = states.apply(built.state, instruction, self._build.inputs)
            if instruction.keyword == "WORKDIR":
                return self._make_working_folder(replace(built, state=state), instruction)
        except (SourceError, WordError, MountError, ModeError, UnknownUser, PatternError) as error:
            raise CommandError(str(error)) from error
        history = states.history(instruction, self._build.created)
        return replace(built, state=state, history=(*built.history, history))

    def _open_context(self) -> Origin | None:
        options = self._build.options
        if options.context is None:
            return None
        try:
            ignored = ignore.parse(options.ignore_text)
        except PatternError as error:
            raise CommandError(f".dockerignore: {error}") from None
        return Origin(options.context, "the build context", strict=True, ignored=ignored)

    def _key(self, built: Built, *parts: object) -> str:
        return cache.key(self._build.options.epoch, built.diff_ids, *parts)

    def _make_working_folder(self, built: Built, instruction: Instruction) -> Built:
        folder, user = built.state.directory, built.state.config.user

        def work(mounted: Mounted) -> None:
            try:
                owner = users.identity(mounted.root, user, own_group=True)
                paths.make_folder(mounted.root, folder, owner.uid, owner.gid)
            except OSError as error:
                raise SourceError(f"cannot make the folder {folder}: {error.strerror}") from error

        return self._build.make(built, instruction, self._key(built, "WORKDIR", folder, user), work)

    def _run(self, stage: Stage, built: Built, instruction: Instruction) -> Built:
        build, state = self._build, built.state
        network = instruction.flag("network", build.options.network).replace("default", build.options.network)
        if network not in ("none", "host"):
            raise CommandError(f"--network={network}: there are none and host")
        if instruction.flag("security", "sandbox") != "sandbox":
            raise CommandError("--security=insecure is not supported: RUN has Docker's usual capabilities")
        argv, script = _command_line(state, instruction)
        wishes = [
            mounts.parse(states.expand(state, value, build.inputs))
            for name, value in instruction.flags
            if name == "mount"
        ]
        proxies = {name: value for name, value in build.options.arguments.items() if name in states.PROXY_ARGUMENTS}
        environment = {**proxies, **state.variables}
        with contextlib.ExitStack() as stack:
            bound = [self._bind(stage, state, wish, stack) for wish in wishes]
            counted = {name: value for name, value in environment.items() if name not in proxies}
            key = self._key(
                built,
                "RUN",
                argv,
                script,
                sorted(counted.items()),
                state.config.user,
                state.directory,
                network,
                [
                    (wish.kind, sorted(wish.values.items()), digest)
                    for wish, (_, digest) in zip(wishes, bound, strict=True)
                ],
            )

            def work(mounted: Mounted) -> None:
                command = self._command(mounted, state, argv, environment, network, [each for each, _ in bound])
                self._execute(mounted, command, script, instruction)

            return build.make(built, instruction, key, work)

    def _command(
        self,
        mounted: Mounted,
        state: State,
        argv: Sequence[str],
        environment: Mapping[str, str],
        network: str,
        bound: Sequence[Bound],
    ) -> Command:
        who = users.identity(mounted.root, state.config.user, own_group=True)
        variables = {"HOME": users.home(mounted.root, who.uid), **environment}
        return Command(argv, variables, state.directory, who.uid, who.gid, who.groups, bound, network)

    def _execute(self, mounted: Mounted, command: Command, script: str, instruction: Instruction) -> None:
        progress, scratch = self._build.progress, mounted.root.parent
        last: list[str] = []

        def say(line: str) -> None:
            progress.output(line)
            last[:] = [*last[-4:], line]

        if script:
            file = scratch / "script"
            file.write_text(script)
            file.chmod(0o755)
            command = replace(command, mounts=[*command.mounts, Bound(_SCRIPT, file, readonly=True)])
        code = execution.run(command, mounted.root, scratch, say)
        if code:
            said = f": {' | '.join(last)}" if last else ""
            hint = _NO_NETWORK if command.network == "none" and _UNREACHABLE.search(said) else ""
            raise CommandError(f"{instruction.text.partition(chr(10))[0]} ended with code {code}{said}{hint}")

    def _bind(self, stage: Stage, state: State, wish: MountWish, stack: contextlib.ExitStack) -> tuple[Bound, str]:
        """A mount, and a digest of what is in it as far as it may change the outcome."""
        readonly = wish.values.get("readonly", "") not in ("", "false")
        if wish.kind == "tmpfs":
            size = wish.values.get("size", "")
            return Bound(wish.target, None, options=(f"size={size}",) if size else ()), ""
        if wish.kind == "secret":
            return self._secret(wish), ""
        if wish.kind == "cache":
            name = hashlib.sha256((wish.values.get("id") or wish.target).encode()).hexdigest()
            folder = self._build.store.root / "build-mounts" / name
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(int(wish.values.get("mode", "0755"), 8))
            return Bound(wish.target, folder, readonly), ""
        origin = stack.enter_context(self._origin(stage, wish.values.get("from", "")))
        found = sources.find(origin, wish.values.get("source", "."))
        # What is written to a bind mount is lost in Docker; here nothing can be written to it.
        return Bound(wish.target, found[0].file, readonly=True), sources.digest(found)

    def _secret(self, wish: MountWish) -> Bound:
        wanted = wish.values.get("id", "")
        found = next((secret for secret in self._build.options.secrets if secret.id == wanted), None)
        if found is None:
            raise MountError(f"there is no secret {wanted!r}: give it with --secret id={wanted},src=FILE")
        return Bound(wish.target, found.source, readonly=True)

    def _copy(self, stage: Stage, built: Built, instruction: Instruction) -> Built:
        build = self._build
        wanted = self._read_copy(built.state, instruction)
        excluded = [value for name, value in instruction.flags if name == "exclude"]
        with contextlib.ExitStack() as stack:
            scratch = stack.enter_context(_scratch(build.received.directory))
            found: list[Source] = []
            if any(not fetching.is_address(word) for word in wanted.words):
                name = states.expand(built.state, instruction.flag("from"), build.inputs)
                origin = stack.enter_context(self._origin(stage, name))
                local = [word for word in wanted.words if not fetching.is_address(word)]
                found += sources.find_all(origin, local, excluded)
            found += self._fetched(instruction, wanted, scratch)
            texts = self._texts(built.state, instruction)
            many = len(found) + len(texts) > 1
            if many and not wanted.is_folder:
                raise SourceError(f"several files can only be copied into a folder: write {wanted.target}/")
            key = self._key(
                built,
                instruction.keyword,
                sources.digest(found),
                [each.is_folder for each in found],
                texts,
                wanted.target,
                wanted.is_folder,
                wanted.chown,
                wanted.mode.text if wanted.mode else None,
                instruction.flag("unpack"),
            )

            def work(mounted: Mounted) -> None:
                owner = users.identity(mounted.root, wanted.chown or "0:0", own_group=False)
                ownership = Ownership(owner.uid, owner.gid, wanted.mode)
                target = Target(mounted.root, wanted.target, wanted.is_folder)
                unpack = instruction.keyword == "ADD" and instruction.flag("unpack", "true") != "false"
                local = [each for each in found if each.file.parent != scratch]
                copying.copy(local, target, ownership, unpack=unpack)
                copying.copy([each for each in found if each.file.parent == scratch], target, ownership)
                for name, text in texts:
                    copying.write_text(text, name, target, ownership)

            return build.make(built, instruction, key, work)

    def _read_copy(self, state: State, instruction: Instruction) -> _Copy:
        escape = self._build.inputs.dockerfile.escape
        written = instruction.words
        if written is None:
            written = tuple(words.split(without_heredocs(instruction.rest), escape))
        expanded = [states.expand(state, word, self._build.inputs) for word in written]
        if len(expanded) + len(instruction.heredocs) < 2:
            raise CommandError(f"{instruction.keyword} needs a source and a destination")
        target = expanded[-1]
        chmod = states.expand(state, instruction.flag("chmod"), self._build.inputs)
        if instruction.keyword == "COPY" and any(map(fetching.is_address, expanded[:-1])):
            raise CommandError("COPY takes files of the context; to fetch an address, use ADD")
        chown = states.expand(state, instruction.flag("chown"), self._build.inputs)
        is_folder = target in (".", "..") or target.endswith(("/", "/.", "/.."))
        path = states.absolute(state, target)
        return _Copy(expanded[:-1], path, is_folder, chown, modes.parse(chmod) if chmod else None)

    def _fetched(self, instruction: Instruction, wanted: _Copy, scratch: Path) -> list[Source]:
        addresses = [word for word in wanted.words if fetching.is_address(word)]
        return [fetching.fetch(address, scratch, instruction.flag("checksum")) for address in addresses]

    def _texts(self, state: State, instruction: Instruction) -> list[tuple[str, str]]:
        """The here-documents of a COPY, as files of their names."""
        return [
            (each.name, each.text if each.literal else self._expanded_text(state, each.text))
            for each in instruction.heredocs
        ]

    def _expanded_text(self, state: State, text: str) -> str:
        # Quotes in a file are its own.
        lines = text.split("\n")
        return "\n".join(
            words.expand_variables(line, state.variables, self._build.inputs.dockerfile.escape) for line in lines
        )

    @contextlib.contextmanager
    def _origin(self, stage: Stage, name: str) -> Iterator[Origin]:
        """The root that files are taken from: the context, an earlier stage, an image."""
        build = self._build
        if not name:
            if self._context is None:
                raise SourceError("there is no build context: the Dockerfile came from standard input")
            yield self._context
            return
        earlier = stages.find_source(build.stages, stage, name)
        if earlier is None and (later := stages.not_yet(build.stages, stage, name)):
            raise SourceError(f"--from={name}: {later}")
        if earlier is not None:
            layers, label = build.stage(earlier).layers, f"stage {earlier.label}"
        else:
            if name.isdecimal():
                raise SourceError(f"--from={name}: there is no earlier stage of this number")
            layers, label = tuple(bases.find(build.store, name, build.options).layers), f"image {name}"
        with build.workspace.mounted(build.folders(layers)) as mounted:
            yield Origin(mounted.root, label, strict=False)


@contextlib.contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        yield Path(folder)


def _command_line(state: State, instruction: Instruction) -> tuple[list[str], str]:
    """The arguments, and the text of a script to be run when a here-document is one."""
    if not instruction.heredocs:
        return states.command_words(state, instruction), ""
    if not without_heredocs(instruction.rest):
        text = instruction.heredocs[0].text
        return ([_SCRIPT], text) if text.startswith("#!") else ([*state.shell, text], "")
    # A here-document for a command is the shell's to read.
    bodies = "".join(f"{each.text}{each.name}\n" for each in instruction.heredocs)
    return [*state.shell, f"{instruction.rest}\n{bodies}"], ""
