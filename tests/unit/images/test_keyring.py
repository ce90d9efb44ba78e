"""Which credentials are for which image, and how they are read."""

from __future__ import annotations

import base64
import json

import pytest

from images.registry import challenge
from images.registry.challenge import Challenge
from images.registry.keyring import Credential, MalformedCredentials, matching, parse_config, parse_legacy_config
from images.registry.trust import Trust, is_loopback


def auth(user: str, password: str = "p") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def users(config: dict[str, object], repository: str) -> list[str]:
    return [found.username for found in matching(parse_config(json.dumps({"auths": config})), repository)]


@pytest.mark.parametrize(
    ("pattern", "repository", "fits"),
    [
        ("example.com", "example.com/team/app", True),
        ("https://example.com/v2/", "example.com/team/app", True),
        ("example.com:5000", "example.com/team/app", False),
        ("example.com:5000", "example.com:5000/app", True),
        ("*.example.com", "eu.example.com/app", True),
        ("*.example.com", "a.eu.example.com/app", False),
        ("example.com/team", "example.com/team/app", True),
        ("example.com/team", "example.com/teams/app", False),
        ("https://index.docker.io/v1/", "docker.io/library/busybox", True),
        ("docker.io", "example.com/library/busybox", False),
    ],
)
def test_credentials_are_matched_as_kubernetes_does(pattern: str, repository: str, fits: bool) -> None:
    assert users({pattern: auth("me")}, repository) == (["me"] if fits else [])


def test_the_most_specific_credential_goes_first() -> None:
    config = {"example.com": auth("any"), "example.com/team": auth("team"), "*.com": auth("star")}
    assert users(config, "example.com/team/app") == ["team", "any", "star"]


def test_a_password_may_have_colons_and_the_old_form_is_read() -> None:
    entries = parse_legacy_config(json.dumps({"example.com": {**auth("me", "a:b"), "email": "x@example.com"}}))
    assert matching(entries, "example.com/app") == [Credential("me", "a:b")]
    assert "a:b" not in repr(entries)


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"auths": {"x": {"auth": "bm9jb2xvbg=="}}}', '{"auths": {"x": 1}}']
)
def test_what_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(MalformedCredentials):
        parse_config(text)


def test_challenges_are_read_whatever_their_order() -> None:
    bearer = 'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push"'
    expected = Challenge("bearer", "https://auth.example.com/token", "registry", "repository:a/b:pull,push")
    assert challenge.parse(['Basic realm="x"', bearer]) == expected
    assert challenge.parse(["Basic realm=x"]) == Challenge("basic", "x")
    assert challenge.parse(["Negotiate"]) is None
    url = Challenge("bearer", "https://auth.example.com/token?x=1", "reg istry").token_url("repository:a:pull")
    assert url == "https://auth.example.com/token?x=1&service=reg+istry&scope=repository%3Aa%3Apull"


@pytest.mark.parametrize(
    ("domain", "loopback"),
    [
        *(("localhost:5000", True), ("127.0.0.1", True), ("127.3.2.1:80", True), ("[::1]:5000", True)),
        *(("example.com", False), ("10.0.0.1:5000", False), ("localhost.example.com", False)),
    ],
)
def test_only_loopback_registries_need_no_certificate(domain: str, loopback: bool) -> None:
    assert is_loopback(domain) == loopback
    assert Trust().is_insecure(domain) == loopback
    assert Trust(insecure=frozenset([domain])).is_insecure(domain)
