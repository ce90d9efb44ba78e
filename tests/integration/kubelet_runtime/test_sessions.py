"""exec and attach, with and without a terminal."""

import asyncio

import pytest

from kubelet.runtime.base import ByteReader, ContainerStatus, ExecResult
from tests.support.runtime import Node, eventually, processes_naming, read_all


@pytest.fixture
async def container(node: Node) -> ContainerStatus:
    return await node.run(await node.sandbox(), "sleep 1000", env={"A": "from the container"}, working_dir="/tmp")


async def until(reader: ByteReader, wanted: bytes) -> bytes:
    """What was read up to and with something wanted."""
    data = b""
    async with asyncio.timeout(60):
        while wanted not in data:
            more = await reader.read(4096)
            assert more, f"ended after {data!r}"
            data += more
    return data


async def test_a_command_runs_as_the_container_does(node: Node, container: ContainerStatus) -> None:
    result = await node.open.exec_sync(container.id, ["sh", "-c", "echo $A; pwd; echo oops >&2; exit 7"], 60)
    assert result == ExecResult(stdout=b"from the container\n/tmp\n", stderr=b"oops\n", exit_code=7)


@pytest.mark.parametrize(("command", "code"), [(["no-such-command"], 127), (["/tmp"], 126)])
async def test_a_command_that_cannot_run(node: Node, container: ContainerStatus, command: list[str], code: int) -> None:
    result = await node.open.exec_sync(container.id, command, 60)
    assert result.exit_code == code
    assert result.stderr.startswith(b"exec failed: unable to start container process")


async def test_a_slow_command_is_killed(node: Node, container: ContainerStatus) -> None:
    with pytest.raises(TimeoutError):
        await node.open.exec_sync(container.id, ["sh", "-c", "sleep 987 & sleep 987"], 0.3)
    assert processes_naming(f"/{container.id}/exec-") == []
    alive = await node.open.exec_sync(container.id, ["true"], 60)
    assert alive.exit_code == 0


async def test_streams(node: Node, container: ContainerStatus) -> None:
    session = await node.open.exec(container.id, ["sh", "-c", "wc -c; echo done >&2"], stdin=True)

    async def feed() -> None:
        for _ in range(20):
            await session.write_stdin(b"x" * 50_000)
        await session.close_stdin()

    _, output, errors = await asyncio.gather(feed(), read_all(session.stdout), read_all(session.stderr))
    assert (output.strip(), errors.strip()) == (b"1000000", b"done")
    assert await session.wait() == 0
    await session.close()


async def test_without_input_a_command_reads_an_end(node: Node, container: ContainerStatus) -> None:
    session = await node.open.exec(container.id, ["cat"])
    assert await read_all(session.stdout) == b""
    assert await session.wait() == 0
    await session.close()


async def test_a_terminal(node: Node, container: ContainerStatus) -> None:
    session = await node.open.exec(container.id, ["sh"], tty=True, stdin=True)
    assert session.stderr is None
    await session.resize(2**32 - 1, 70_000)
    await session.resize(101, 37)
    await until(session.stdout, b"# ")
    await session.write_stdin(b"test -t 0 && echo is-$((1+1))-terminal; echo $TERM\n")
    assert b"xterm" in await until(session.stdout, b"xterm")
    await session.write_stdin(b"trap 'stty size' WINCH; echo re''ady\n")
    await until(session.stdout, b"ready")
    await session.resize(80, 24)
    await session.write_stdin(b"stty size\n")
    assert b"24 80" in await until(session.stdout, b"24 80")
    await session.write_stdin(b"exit 4\n")
    await read_all(session.stdout)
    assert await session.wait() == 4
    await session.close()


async def test_end_of_input_on_a_terminal_ends_a_shell(node: Node, container: ContainerStatus) -> None:
    session = await node.open.exec(container.id, ["sh"], tty=True, stdin=True)
    await until(session.stdout, b"# ")
    await session.close_stdin()
    await read_all(session.stdout)
    assert await session.wait() == 0
    await session.close()


async def test_closing_a_session_kills_its_command(node: Node, container: ContainerStatus) -> None:
    for tty in (False, True):
        session = await node.open.exec(container.id, ["sh", "-c", "echo up; exec sleep 987"], tty=tty)
        await until(session.stdout, b"up")
        await session.close()
        assert await session.wait() == 137

    async def gone() -> bool:
        left = await node.open.exec_sync(container.id, ["ps", "-o", "args"], 60)
        return b"sleep 1000" in left.stdout and b"sleep 987" not in left.stdout

    await eventually(gone, "the command is gone")


async def test_the_end_of_the_container_ends_its_sessions(node: Node, container: ContainerStatus) -> None:
    session = await node.open.exec(container.id, ["sh", "-c", "echo up; sleep 987"])
    await until(session.stdout, b"up\n")
    await node.open.stop_container(container.id, 0)
    assert await read_all(session.stdout) == b""
    assert await session.wait() == 137
    await session.close()


async def test_attach(node: Node) -> None:
    program = "while read line; do echo got $line; echo err $line >&2; done; exit 4"
    container = await node.run(await node.sandbox(), program, stdin=True, stdin_once=True)
    first, second = await node.open.attach(container.id, stdin=True), await node.open.attach(container.id)
    await first.write_stdin(b"one\ntwo\n")
    await until(first.stdout, b"got two\n")
    await second.write_stdin(b"never\n")
    await first.close_stdin()
    rest, errors, all_of_it = await asyncio.gather(
        read_all(first.stdout), read_all(first.stderr), read_all(second.stdout)
    )
    assert (rest, errors, all_of_it) == (b"", b"err one\nerr two\n", b"got one\ngot two\n")
    assert await first.wait() == 0
    await first.close()
    await second.close()
    assert (await node.ended(container.id)).exit_code == 4


async def test_input_stays_open_for_the_next_one(node: Node) -> None:
    container = await node.run(await node.sandbox(), "read a; read b; echo $a-$b", stdin=True)
    first = await node.open.attach(container.id, stdin=True)
    await first.write_stdin(b"one\n")
    await first.close_stdin()
    assert await asyncio.wait_for(first.wait(), 60) == 0
    await first.close()
    second = await node.open.attach(container.id, stdin=True)
    await second.write_stdin(b"two\n")
    assert await until(second.stdout, b"\n") == b"one-two\n"
    await second.close()


async def test_attach_to_a_terminal(node: Node) -> None:
    container = await node.run(await node.sandbox(), "sh", command=["sh"], stdin=True, tty=True)
    session = await node.open.attach(container.id, stdin=True)
    assert session.stderr is None
    await session.resize(99, 33)
    # conmon hears of the size and of what is typed by two ways.
    await session.write_stdin(b"while :; do stty size; sleep 0.1; done\n")
    assert b"33 99" in await until(session.stdout, b"33 99")
    await session.close()
    assert (await node.open.container_status(container.id)).pid
