"""Building: files as Dockerfiles say, a cache that is right, digests that come back, nothing left, nothing escaped."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from images.errors import ImageError
from images.image import Image
from images.store import Store
from podling.build.command import carry_out
from podling.build.mounts import Secret
from podling.build.options import BuildOptions
from podling.build.progress import Progress
from podling.errors import CommandError
from tests.support.cluster import eventually
from tests.support.images import machine_images as machine_images
from tests.support.runtime import processes_naming


class Site:
    """A store with busybox, and a build context."""

    def __init__(self, store: Store, context: Path) -> None:
        self.store = store
        self.context = context

    def write(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        file = self.context / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def build(self, dockerfile: str, **more: Any) -> Image:
        options = BuildOptions(
            context=self.context, dockerfile=dockerfile.encode(), dockerfile_name="Dockerfile", names=["app"], **more
        )
        return carry_out(self.store, options, Progress(quiet=False))

    def file(self, image: Image, path: str) -> Path:
        """A path in an image: in its topmost layer that has it."""
        return next(layer / path for layer in reversed(image.layers) if os.path.lexists(layer / path))


@pytest.fixture
def site(tmp_path: Path, machine_images: Store) -> Iterator[Site]:
    """Afterwards no mount, no half-made folder and no cgroup may be left."""
    store = Store(tmp_path / "store")
    archive = tmp_path / "busybox.tar"
    with archive.open("wb") as target:
        from images import saving

        saving.save(machine_images, ["busybox"], target)
    store.load(archive)
    (tmp_path / "context").mkdir()
    yield Site(store, tmp_path / "context")
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    incoming = store.root / "incoming"
    assert not incoming.exists() or not list(incoming.iterdir())


def links_of_a_new_namespace() -> list[str]:
    """Loopback, and what some kernels put beside it."""
    shown = subprocess.run(["unshare", "--net", "cat", "/proc/net/dev"], check=True, capture_output=True, text=True)
    return sorted(line.partition(":")[0].strip() for line in shown.stdout.splitlines() if ":" in line)


def cached(capsys: pytest.CaptureFixture[str]) -> int:
    return capsys.readouterr().out.count("CACHED")


def test_files_commands_and_stages(site: Site) -> None:
    site.write("src/run.sh", "#!/bin/sh\n", 0o755)
    site.write("src/deep/data.txt", "data")
    site.write("skip.log", "no")
    with tarfile.open(site.context / "bundle.tar.gz", "w:gz") as archive:
        archive.add(site.context / "src", "packed")
    image = site.build(
        """FROM busybox AS made
RUN echo made > /made && rm /etc/group
FROM busybox
WORKDIR /app
COPY . .
COPY --from=made --chown=www-data:7 --chmod=600 /made s* not-there* /out/
COPY --chmod=u=rwX,go=rX src /tree/
ADD bundle.tar.gz /unpacked/
COPY <<'EOF' /literal
$HOME
EOF
RUN <<EOF
rm /app/src/deep/data.txt
mkdir -p /late && ln -s ../app /late/link
EOF
USER www-data
RUN id -u > /tmp/who; ls /sys/class/net > /tmp/net
CMD ["run"]
""",
        ignore_text="*.log",
    )
    assert site.file(image, "app/src/run.sh").stat().st_mode & 0o7777 == 0o755
    made = site.file(image, "out/made")
    assert (made.read_text(), made.stat().st_uid, made.stat().st_gid) == ("made\n", 33, 7)
    assert made.stat().st_mode & 0o7777 == 0o600
    assert site.file(image, "tree/run.sh").stat().st_mode & 0o7777 == 0o755
    assert site.file(image, "tree/deep/data.txt").stat().st_mode & 0o7777 == 0o644
    assert site.file(image, "unpacked/packed/deep/data.txt").read_text() == "data"
    assert site.file(image, "literal").read_text() == "$HOME\n"
    assert site.file(image, "app/src/deep/data.txt").is_char_device()
    assert str(site.file(image, "late/link").readlink()) == "../app"
    assert site.file(image, "tmp/who").read_text() == "33\n"
    assert sorted(site.file(image, "tmp/net").read_text().split()) == links_of_a_new_namespace()
    assert not any(os.path.lexists(layer / "app/skip.log") for layer in image.layers)
    assert (image.config.user, image.config.working_dir, image.config.cmd) == ("www-data", "/app", ["run"])
    # What only the mounts of a command needed is not in the image.
    assert not any(os.path.lexists(layer / "etc/resolv.conf") for layer in image.layers)


FILE = "FROM busybox\nARG WHO=you\nCOPY a b /in/\nRUN cat /in/a > /out; echo $WHO >> /out\nLABEL x=1\n"


def test_the_cache_is_used_and_is_right(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write("a", "1")
    site.write("b", "1")
    first = site.build(FILE)
    assert cached(capsys) == 0
    os.utime(site.context / "a", (1, 1))
    site.write("unrelated", "x")
    assert site.build(FILE).id == first.id
    assert cached(capsys) == 2
    assert site.build(FILE.replace("x=1", "x=2")).id != first.id
    assert cached(capsys) == 2
    changed = site.build(FILE, arguments={"WHO": "me"})
    assert cached(capsys) == 1
    assert site.file(changed, "out").read_text() == "1me\n"
    site.write("a", "2")
    assert site.file(site.build(FILE), "out").read_text() == "2you\n"
    assert cached(capsys) == 0
    (site.context / "a").chmod(0o600)
    site.build(FILE)
    assert cached(capsys) == 0


def test_what_only_builds_could_use_can_be_dropped(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    text = "FROM busybox AS made\nRUN echo 1 > /made\nFROM busybox\nCOPY --from=made /made /other\n"
    image = site.build(text)
    layers = len(list((site.store.root / "layers").iterdir()))
    site.store.forget_builds()
    assert len(list((site.store.root / "layers").iterdir())) == layers - 1
    assert site.file(image, "other").read_text() == "1\n"
    capsys.readouterr()
    assert site.build(text).digest == image.digest
    assert cached(capsys) == 0


def test_a_failed_build_keeps_what_it_has_done(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    good = "FROM busybox\nRUN echo one > /one\n"
    with pytest.raises(CommandError, match=r"^Dockerfile:3: RUN echo oh; exit 7 ended with code 7: oh$"):
        site.build(good + "RUN echo oh; exit 7\n")
    capsys.readouterr()
    site.build(good)
    assert cached(capsys) == 1


def test_the_same_files_make_the_same_digest(site: Site, tmp_path: Path) -> None:
    site.write("a", "1")
    site.write("b", "1")
    first = site.build(FILE, use_cache=False)
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", site.context, elsewhere], check=True)
    site.context = elsewhere
    assert site.build(FILE, use_cache=False).digest == first.digest
    assert site.build(FILE, use_cache=False, epoch=1_000_000_000).digest != first.digest


def test_one_layer_twice_can_be_run_on(site: Site) -> None:
    site.write("a", "same")
    image = site.build("FROM busybox\nCOPY a /a\nRUN rm /a\nCOPY a /a\nRUN cat /a\n")
    assert len(image.diff_ids) == len(image.layers) + 1


def test_mounts_of_a_command(site: Site, tmp_path: Path) -> None:
    site.write("a", "bound")
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    text = """FROM busybox
RUN --mount=type=bind,source=a,target=/b --mount=type=secret,id=key --mount=type=tmpfs,target=/t \\
    cat /b /run/secrets/key > /seen; touch /t/x
RUN --mount=type=cache,target=/cache echo x >> /cache/n; wc -l < /cache/n > /count
"""
    image = site.build(text, secrets=[Secret("key", secret)])
    assert site.file(image, "seen").read_text() == "boundhidden"
    assert not any(os.path.lexists(layer / "run/secrets") for layer in image.layers)
    again = site.build(text.replace("echo x", "echo  x"), secrets=[Secret("key", secret)])
    assert site.file(again, "count").read_text() == "2\n"
    with pytest.raises(CommandError, match="there is no secret 'key'"):
        site.build(text, use_cache=False)


def test_triggers_of_a_base_run_in_what_is_built_on_it(site: Site) -> None:
    site.write("a", "from the second context")
    site.build("FROM busybox\nONBUILD COPY a /triggered\nRUN true > /x\n")
    site.store.tag("app", "base")
    image = site.build("FROM base\nRUN cat /triggered > /seen\n")
    assert site.file(image, "seen").read_text() == "from the second context"
    assert image.config.on_build is None


def test_scratch_targets_and_links_inside_the_image(site: Site) -> None:
    site.write("a", "1")
    text = "FROM scratch AS tiny\nCOPY a /a\nFROM busybox\nRUN mkdir /real && ln -s /real /alias\nCOPY a /alias/\n"
    assert [each.name for each in site.build(text, target="tiny").layers[0].iterdir()] == ["a"]
    image = site.build(text)
    assert site.file(image, "real/a").read_text() == "1"
    assert site.file(image, "alias").is_symlink()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM busybox\nCOPY nope /x\n", "there is no nope in the build context"),
        ("FROM busybox\nCOPY fil.txt /x\n", r"did you mean file\.txt\?"),
        ("FROM busybox\nCOPY escape /x\n", "escape leads out of the build context, to /etc/passwd"),
        ("FROM busybox\nCOPY out/passwd /x\n", "out/passwd leads out of the build context"),
        ("FROM busybox\nCOPY ../../etc/passwd /x\n", "there is no ../../etc/passwd"),
        ("FROM busybox\nCOPY left.log /x\n", r"left\.log is left out of the build context by \.dockerignore"),
        ("FROM busybox\nCOPY nope* none? /x/\n", r"there is no nope\* in the build context"),
        ("FROM busybox AS a\nCOPY --from=a /x /\n", "--from=a: a stage cannot take from itself"),
        (
            "FROM busybox AS a\nCOPY --from=b /x /\nFROM a AS b\nFROM a\n",
            "--from=b: stage b comes later: move it before this one",
        ),
        ("FROM busybox\nCOPY --chmod=rwx file.txt /\n", "'rwx' is no mode: write it as 0755"),
        ("FROM busybox\nCOPY file.txt left.log* sub /x\n", "there is no|write /x/"),
        (
            "FROM busybox\nCOPY --from=nobody/has:this /a /a\n",
            "cannot find registry|cannot reach registry|has no image",
        ),
        ("FROM busybox\nCOPY --chown=ghost file.txt /\n", "unable to find user ghost"),
        ("FROM busybox\nUSER ghost\nRUN x\n", "unable to find user ghost"),
        ("FROM busybox\nRUN --network=bridge x\n", "there are none and host"),
        ("FROM --platform=linux/s390x busybox\n", "cannot build for linux/s390x here"),
        ("FROM 127.0.0.1:1/missing\n", "cannot reach registry 127.0.0.1:1: Connection refused"),
        ("FROM busybox\nADD http://127.0.0.1:1/x /x\n", r"cannot fetch http://127\.0\.0\.1:1/x"),
        ("FROM busybox\nADD https://example.com/x.git /x\n", "is a git repository"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(site: Site, text: str, message: str) -> None:
    if "nobody/has" in text:
        text = text.replace("nobody/has:this", "127.0.0.1:1/has:this")
    site.write("file.txt", "x")
    site.write("left.log", "x")
    site.write("sub/x", "x")
    (site.context / "escape").symlink_to("/etc/passwd")
    (site.context / "out").symlink_to("/etc")
    with pytest.raises((CommandError, ImageError), match=rf"^Dockerfile:\d: .*({message})"):
        site.build(text, ignore_text="*.log")


def test_what_a_killed_build_left_is_ended_by_the_next(site: Site) -> None:
    asleep = f"sleep 98{os.getpid():08}"  # nobody else's on this machine
    script = (
        "import sys; from images.store import Store; from podling.build.command import carry_out;"
        "from podling.build.options import BuildOptions; from podling.build.progress import Progress;"
        f"carry_out(Store(sys.argv[1]), BuildOptions(None, b'FROM busybox\\nRUN echo on; {asleep}\\n', 'D'),"
        " Progress(quiet=False))"
    )
    build = subprocess.Popen([sys.executable, "-c", script, site.store.root], stdout=subprocess.PIPE, text=True)
    assert build.stdout is not None
    assert any("on" in line.split() for line in build.stdout)
    build.kill()
    build.wait()
    build.stdout.close()
    assert processes_naming(asleep) != []
    site.build("FROM busybox\nRUN true > /x\n")
    eventually("what was killed has ended", lambda: processes_naming(asleep) == [])


def test_a_link_of_an_image_does_not_lead_out_of_it(site: Site) -> None:
    site.write("a", "inside")
    image = site.build("FROM busybox\nRUN ln -s / /up && ln -s ../../../../../../../tmp /away\nCOPY a /away/escaped\n")
    assert site.file(image, "tmp/escaped").read_text() == "inside"
    assert not Path("/tmp/escaped").exists()
