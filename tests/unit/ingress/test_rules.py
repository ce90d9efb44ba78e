"""Ingresses compiled to a routing table: precedence, defaults, conflicts, what is told of mistakes."""

from __future__ import annotations

import pytest

from ingress import rules
from ingress.model import Answer, Forward, PathKind, PathMatch, Protocol, Redirect
from tests.support import ingresses as support
from tests.support.ingresses import AnyService, answered, backend, ingress, path, rule, service_of


def where(*made: object, host: str, asked: str, services: AnyService | None = None) -> str:
    compiled = rules.compile(list(made), services or AnyService())  # type: ignore[arg-type]
    return service_of(answered(compiled.table, host, asked).action)


@pytest.mark.parametrize("seed", range(150))
def test_requests_go_where_the_documentation_says(seed: int) -> None:
    made = support.random_ingresses(seed)
    table = rules.compile(made, AnyService()).table
    for host, asked in support.random_requests(seed, 40):
        got = service_of(answered(table, host, asked).action)
        assert got == support.documented(made, host, asked), f"seed {seed}: {host}{asked}"


# The table of examples in upstream's documentation of Ingress: kind, paths, request, the path that has it.
DOCUMENTED = [
    ("Prefix", ["/"], "/anything", "/"),
    ("Exact", ["/foo"], "/foo", "/foo"),
    ("Exact", ["/foo"], "/bar", ""),
    ("Exact", ["/foo"], "/foo/", ""),
    ("Exact", ["/foo/"], "/foo", ""),
    ("Prefix", ["/foo"], "/foo", "/foo"),
    ("Prefix", ["/foo"], "/foo/", "/foo"),
    ("Prefix", ["/foo/"], "/foo", "/foo/"),
    ("Prefix", ["/foo/"], "/foo/", "/foo/"),
    ("Prefix", ["/aaa/bb"], "/aaa/bbb", ""),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb/"], "/aaa/bbb", "/aaa/bbb/"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb/", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb/ccc", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbbxyz", ""),
    ("Prefix", ["/", "/aaa"], "/aaa/ccc", "/aaa"),
    ("Prefix", ["/", "/aaa", "/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", ["/", "/aaa", "/aaa/bbb"], "/ccc", "/"),
    ("Prefix", ["/aaa"], "/ccc", ""),
    ("ImplementationSpecific", [""], "/ccc", ""),
]


@pytest.mark.parametrize(("kind", "paths", "asked", "has_it"), DOCUMENTED)
def test_paths_match_as_documented(kind: str, paths: list[str], asked: str, has_it: str) -> None:
    made = ingress(rule("", *(path(text, f"s{number}", kind) for number, text in enumerate(paths))))
    wanted = f"s{paths.index(has_it)}" if has_it in paths else support.NOTHING
    assert where(made, host="any.org", asked=asked) == wanted


def test_what_requests_escape_is_compared_escaped() -> None:
    made = ingress(rule("", path("/a b", "blank"), path("/é", "accent", "Exact"), path("/c%20d", "escaped")))
    assert where(made, host="h", asked="/a%20b/x") == "blank"
    assert where(made, host="h", asked="/%C3%A9") == "accent"
    assert where(made, host="h", asked="/c%20d") == "escaped"


def test_exact_comes_before_prefix() -> None:
    made = ingress(rule("", path("/foo", "prefix"), path("/foo", "exact", "Exact")))
    assert where(made, host="h", asked="/foo") == "exact"
    assert where(made, host="h", asked="/foo/bar") == "prefix"


def test_a_wildcard_stands_for_one_label() -> None:
    made = ingress(rule("*.foo.com", path("/", "wild")), rule("", path("/", "any")))
    assert where(made, host="bar.foo.com", asked="/") == "wild"
    assert where(made, host="foo.com", asked="/") == "any"


def test_the_older_ingress_has_a_path_that_two_claim() -> None:
    younger = ingress(rule("h", path("/x/", "young")), name="young", age=1)
    older = ingress(rule("h", path("/x", "old")), name="old", age=9)
    compiled = rules.compile([younger, older], AnyService())
    assert service_of(answered(compiled.table, "h", "/x/y").action) == "old"
    [problem] = compiled.problems["default", "young"]
    assert problem.reason == "PathConflict"
    assert "default/old" in problem.message
    assert ("default", "old") not in compiled.problems


def test_what_no_path_matches_goes_to_the_hosts_own_default_backend() -> None:
    other = ingress(name="other", age=9, defaultBackend=backend("other"))
    made = ingress(rule("h", path("/x", "x")), defaultBackend=backend("own"))
    assert where(other, made, host="h", asked="/y") == "own"
    assert where(other, made, host="unknown", asked="/y") == "other"


def test_a_host_without_paths_sends_all_to_the_default_backend() -> None:
    made = ingress(rule("h"), defaultBackend=backend("own"))
    assert where(made, host="h", asked="/y") == "own"


def test_without_a_default_backend_the_answer_is_404() -> None:
    table = rules.compile([], AnyService()).table
    action = answered(table, "h", "/").action
    assert isinstance(action, Answer)
    assert action.status == 404


def test_a_missing_service_answers_503_and_is_told() -> None:
    made = ingress(rule("h", path("/", "gone"), path("/x", "web")))
    compiled = rules.compile([made], AnyService("gone"))
    action = answered(compiled.table, "h", "/").action
    assert isinstance(action, Answer)
    assert action.status == 503
    assert service_of(answered(compiled.table, "h", "/x").action) == "web"
    [problem] = compiled.problems["default", "web"]
    assert problem.reason == "ServiceNotFound"
    assert "default/gone" in problem.message
    assert ("default", "gone") in compiled.services


def test_ports_are_found_by_name_and_number() -> None:
    made = ingress(rule("h", path("/a", "web", port="http"), path("/b", "web", port=80), path("/c", "web", port="no")))
    compiled = rules.compile([made], AnyService())
    assert [backend.port_name for backend in compiled.table.backends().values()] == ["http"]
    [problem] = compiled.problems["default", "web"]
    assert problem.reason == "PortNotFound"
    assert "80 (http)" in problem.message


@pytest.mark.parametrize(
    ("said", "protocol"),
    [("kubernetes.io/h2c", Protocol.H2C), ("kubernetes.io/ws", Protocol.HTTP), ("https", Protocol.HTTPS)],
)
def test_the_ports_protocol_is_the_backends(said: str, protocol: Protocol) -> None:
    services = AnyService(ports=[{"port": 80, "protocol": "TCP", "appProtocol": said}])
    [found] = rules.compile([ingress(rule("h", path("/", "web")))], services).table.backends().values()
    assert found.protocol is protocol


def test_annotations_set_timeouts_and_rewriting() -> None:
    annotations = {"timeout": "1m30s", "idle-timeout": "500ms", "rewrite-prefix": "/v2", "backend-protocol": "GRPC"}
    made = ingress(rule("h", path("/x", "web")), annotations=annotations)
    action = answered(rules.compile([made], AnyService()).table, "h", "/x").action
    assert isinstance(action, Forward)
    assert (action.timeout_seconds, action.idle_seconds, action.rewrite_prefix) == (90.0, 0.5, "/v2")
    assert [share.backend and share.backend.protocol for share in action.shares] == [Protocol.H2C]


def test_a_redirect_takes_the_place_of_the_backend() -> None:
    annotations = {"redirect": "https://new.example.com:8443/x?y=1", "redirect-code": "308"}
    made = ingress(rule("h", path("/", "web")), annotations=annotations)
    action = answered(rules.compile([made], AnyService()).table, "h", "/x").action
    assert action == Redirect(308, "https", "new.example.com", 8443, "/x?y=1")


def test_wrong_annotations_are_told_and_left_out() -> None:
    annotations = {
        "timeout": "soon",
        "idle-timeout": f"{'9' * 400}h",
        "redirect": "javascript:alert(1)",
        "retries": "99",
        "https-redirect": "yes",
    }
    compiled = rules.compile([ingress(rule("h", path("/", "web")), annotations=annotations)], AnyService())
    assert service_of(answered(compiled.table, "h", "/").action) == "web"
    assert {problem.reason for problem in compiled.problems["default", "web"]} == {"InvalidAnnotation"}
    assert len(compiled.problems["default", "web"]) == 5


def test_only_hosts_with_a_certificate_are_sent_to_https() -> None:
    tls = [{"hosts": ["safe"], "secretName": "s"}]
    rules_of_both = (rule("safe", path("/", "web")), rule("plain", path("/", "web")))
    table = rules.compile(
        [ingress(*rules_of_both, annotations={"https-redirect": "true"}, tls=tls)], AnyService()
    ).table
    assert answered(table, "safe", "/").https_only
    assert not answered(table, "plain", "/").https_only


def test_certificates_are_by_host_and_the_older_ingress_keeps_its_own() -> None:
    older = ingress(name="old", age=5, tls=[{"hosts": ["h"], "secretName": "a"}], defaultBackend=backend("x"))
    younger = ingress(rule("g"), name="young", tls=[{"secretName": "c"}, {"hosts": ["h"], "secretName": "b"}])
    compiled = rules.compile([younger, older], AnyService())
    assert compiled.table.certificates == {"h": ("default", "a"), "g": ("default", "c")}
    assert [problem.reason for problem in compiled.problems["default", "young"]] == ["CertificateConflict"]


def test_a_path_with_a_question_mark_is_told_and_left_out() -> None:
    compiled = rules.compile([ingress(rule("h", path("/a?b", "web")))], AnyService())
    assert [problem.reason for problem in compiled.problems["default", "web"]] == ["InvalidPath"]
    assert compiled.table.backends() == {}


def test_paths_that_differ_in_their_last_slash_are_one_prefix() -> None:
    [made] = [ingress(rule("h", path("/a/", "one"), path("/a", "two")))]
    compiled = rules.compile([made], AnyService())
    host = next(host for host in compiled.table.hosts if host.name == "h")
    assert [route.match for route in host.routes[:-1]] == [PathMatch(PathKind.PREFIX, "/a")]
    assert "twice in this Ingress" in compiled.problems["default", "web"][0].message
