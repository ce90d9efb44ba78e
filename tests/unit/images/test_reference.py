import pytest

from images.errors import InvalidReference
from images.reference import is_digest, parse

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("me/app", "docker.io/me/app:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("registry.example.com/a/b/c", "registry.example.com/a/b/c:latest"),
        ("Upper/app", "Upper/app:latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        (f"busybox@{DIGEST}", f"docker.io/library/busybox@{DIGEST}"),
        (f"busybox:1@{DIGEST}", f"docker.io/library/busybox:1@{DIGEST}"),
        ("a__b/c-d.e", "docker.io/a__b/c-d.e:latest"),
    ],
)
def test_short_names_resolve_as_dockers_do(written: str, full: str) -> None:
    assert str(parse(written)) == full


@pytest.mark.parametrize(
    "written",
    [
        "",
        ":tag",
        "busybox:",
        "busy box",
        "a//b",
        "-a",
        "a@sha256:12",
        "busybox:b@d",
        "../x",
        "a/../b",
        "x" * 300,
        DIGEST,
    ],
)
def test_what_cannot_name_an_image_is_refused(written: str) -> None:
    with pytest.raises(InvalidReference):
        parse(written)


def test_upper_case_is_refused_in_dockers_words() -> None:
    with pytest.raises(InvalidReference, match=r"repository name \(library/BusyBox\) must be lowercase"):
        parse("BusyBox")


def test_a_digest_is_an_id_and_not_a_name() -> None:
    assert is_digest(DIGEST)
    assert not is_digest("sha256:12")
    assert not is_digest("busybox")
