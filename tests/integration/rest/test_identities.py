"""Who may do what over REST, with real roles, tokens and certificates."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.apiserver import Answer, Apiserver

RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def server(cluster: Apiserver) -> Apiserver:
    cluster.authority.issue("jane", "jane", ("devs",))
    cluster.authority.issue_node("n1")
    create(cluster, "/api/v1/nodes", {"metadata": {"name": "n1"}})
    create(cluster, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "robot"}})
    return cluster


def create(server: Apiserver, path: str, tree: Any) -> Any:
    answer = server.request("POST", path, tree)
    assert answer.status == 201, answer.body
    return answer.json


def token(server: Apiserver, account: str, **spec: Any) -> str:
    path = f"/api/v1/namespaces/default/serviceaccounts/{account}/token"
    issued: str = create(server, path, {"spec": spec})["status"]["token"]
    return issued


def ask(server: Apiserver, bearer: str, path: str) -> Answer:
    return server.request("GET", path, identity=None, headers={"Authorization": f"Bearer {bearer}"})


def test_a_role_counts_from_the_moment_it_is_bound_until_it_is_gone(server: Apiserver) -> None:
    path = "/api/v1/namespaces/default/pods"
    refused = server.request("GET", path, identity="jane")
    assert refused.status == 403
    assert refused.json["message"] == (
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    role = {"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    binding = {
        "metadata": {"name": "r"},
        "roleRef": reference,
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "devs"}],
    }
    create(server, f"{RBAC}/namespaces/default/rolebindings", binding)
    pending = server.request("GET", path, identity="jane").json["message"]
    assert pending.endswith(': RBAC: role.rbac.authorization.k8s.io "r" not found')
    create(server, f"{RBAC}/namespaces/default/roles", role)
    assert server.request("GET", path, identity="jane").status == 200
    assert server.request("GET", "/api/v1/namespaces/kube-system/pods", identity="jane").status == 403
    server.request("DELETE", f"{RBAC}/namespaces/default/rolebindings/r")
    assert server.request("GET", path, identity="jane").status == 403


def test_nobody_hands_out_more_than_they_have(server: Apiserver) -> None:
    grant = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["create"]}
    create(server, f"{RBAC}/clusterroles", {"metadata": {"name": "maker"}, "rules": [grant]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "maker"}
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "jane"}
    create(
        server,
        f"{RBAC}/clusterrolebindings",
        {"metadata": {"name": "m"}, "roleRef": reference, "subjects": [subject]},
    )
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    refused = server.request(
        "POST", f"{RBAC}/clusterroles", {"metadata": {"name": "x"}, "rules": [everything]}, identity="jane"
    )
    assert refused.status == 403
    assert "is attempting to grant RBAC permissions not currently held" in refused.json["message"]
    same = server.request(
        "POST", f"{RBAC}/clusterroles", {"metadata": {"name": "x"}, "rules": [grant]}, identity="jane"
    )
    assert same.status == 201


def test_impersonation_needs_permission(server: Apiserver) -> None:
    headers = {"Impersonate-User": "joe"}
    assert server.request("GET", "/api/v1/nodes", identity="jane", headers=headers).json["message"] == (
        'users "joe" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    answer = server.request("GET", "/api/v1/nodes", headers=headers)
    assert 'User "joe" cannot list resource "nodes"' in answer.json["message"]


def test_a_token_lives_as_long_as_its_account(server: Apiserver) -> None:
    create(server, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "brief"}})
    bearer = token(server, "brief")
    path = "/api/v1/namespaces/default/pods"
    assert 'User "system:serviceaccount:default:brief"' in ask(server, bearer, path).json["message"]
    assert ask(server, bearer, "/apis").status == 200
    server.request("DELETE", "/api/v1/namespaces/default/serviceaccounts/brief")
    assert ask(server, bearer, "/apis").status == 401
    create(server, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "brief"}})
    assert ask(server, bearer, "/apis").status == 401


def test_tampered_and_foreign_tokens(server: Apiserver) -> None:
    header, body, signature = token(server, "robot").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["sub"] = "system:serviceaccount:kube-system:admin"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    for bearer in (f"{header}.{forged}.{signature}", f"{header}.{body}.", token(server, "robot", audiences=["vault"])):
        assert ask(server, bearer, "/apis").status == 401


def test_token_review_knows_its_own(server: Apiserver) -> None:
    review = {"spec": {"token": token(server, "robot", audiences=["vault"]), "audiences": ["vault"]}}
    status = create(server, "/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    assert status["authenticated"] is True
    assert status["user"]["username"] == "system:serviceaccount:default:robot"
    review = {"spec": {"token": "garbage"}}
    status = create(server, "/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    assert not status.get("authenticated")


def test_a_kubelet_reads_the_secrets_of_its_own_pods_only(server: Apiserver) -> None:
    for name in ("mine", "other"):
        create(server, "/api/v1/namespaces/default/secrets", {"metadata": {"name": name}})
    pod = {
        "metadata": {"name": "p"},
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": "mine"}}]}],
        },
    }
    path = "/api/v1/namespaces/default/secrets"
    assert server.request("GET", f"{path}/mine", identity="kubelet-n1").status == 403
    create(server, "/api/v1/namespaces/default/pods", pod)
    assert server.request("GET", f"{path}/mine", identity="kubelet-n1").status == 200
    refused = server.request("GET", f"{path}/other", identity="kubelet-n1")
    assert refused.json["message"].endswith(": no relationship found between node 'n1' and this object")
    assert server.request("GET", path, identity="kubelet-n1").status == 403
    assert server.request("GET", f"{path}?fieldSelector=metadata.name%3Dmine", identity="kubelet-n1").status == 200


def test_a_kubelet_cannot_speak_for_another_node(server: Apiserver) -> None:
    create(server, "/api/v1/nodes", {"metadata": {"name": "n2"}})
    patch = {"status": {"phase": "Running"}}
    content_type = "application/merge-patch+json"
    own = server.request("PATCH", "/api/v1/nodes/n1/status", patch, identity="kubelet-n1", content_type=content_type)
    other = server.request("PATCH", "/api/v1/nodes/n2/status", patch, identity="kubelet-n1", content_type=content_type)
    assert own.status == 200
    assert (other.status, other.json["reason"]) == (403, "Forbidden")
    assert 'node "n1" is not allowed to modify node "n2"' in other.json["message"]


def test_others_can_check_tokens_with_the_published_keys(server: Apiserver) -> None:
    import jwt

    bearer = token(server, "robot")
    configuration = json.loads(ask(server, bearer, "/.well-known/openid-configuration").body)
    keys = {key["kid"]: jwt.PyJWK(key) for key in json.loads(ask(server, bearer, "/openid/v1/jwks").body)["keys"]}
    key = keys[jwt.get_unverified_header(bearer)["kid"]]
    claims = jwt.decode(
        bearer,
        key,
        algorithms=configuration["id_token_signing_alg_values_supported"],
        issuer=configuration["issuer"],
        audience=configuration["issuer"],
    )
    assert claims["sub"] == "system:serviceaccount:default:robot"
