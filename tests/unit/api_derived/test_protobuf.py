"""Protobuf bodies as kubectl 1.32 sent them."""

import base64

import pytest

from api import protobuf
from api.codec import from_tree
from api.scheme import by_kind

# What kubectl 1.32 sent for `create deployment web --image=python --replicas=3 --port=80`, and so on.
BODIES = [
    ("create deployment",
     "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EroBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEogBCAMSDAoKCgNhcHASA3dl"
     "YhpuChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEk4SMAoGcHl0aG9uEgZweXRob24qADIKCgAQABhQIgAqAEIAagByAIABAIgBAJAB"
     "AKIBABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA==",
     {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
      "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "strategy": {},
               "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                   {"name": "python", "image": "python", "ports": [{"containerPort": 80}], "resources": {}}]}}},
      "status": {}}),
    ("create secret",
     "azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA=",
     {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}}),
    ("create role",
     "azhzAAokChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgRSb2xlEiIKEQoBchIAGgAiACoAMgA4AEIAEg0KA2dldBIAGgRwb2RzGgAi"
     "AA==",
     {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
      "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}),
    ("auth can-i",
     "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPAoQCgASABoAIgAqADIAOABCABIeChwK"
     "B2RlZmF1bHQSA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=",
     {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
      "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}}, "status": {}}),
    ("create service nodeport",
     "azhzAAoNCgJ2MRIHU2VydmljZRJlChsKAW4SABoAIgAqADIAOABCAFoICgNhcHASAW4SQgoeCgc4MC1odHRwEgNUQ1AYUCIKCAEQABoEaHR0"
     "cCgAEggKA2FwcBIBbhoAIghOb2RlUG9ydDoAQgBSAFoAYABoABoCCgAaACIA",
     {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "n", "labels": {"app": "n"}},
      "spec": {"ports": [{"name": "80-http", "protocol": "TCP", "port": 80, "targetPort": "http"}],
               "selector": {"app": "n"}, "type": "NodePort"}, "status": {"loadBalancer": {}}}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_bodies_of_kubectl(body, expected):
    tree = protobuf.decode(base64.b64decode(body))
    record = by_kind(expected["apiVersion"], expected["kind"]).record
    assert (tree["apiVersion"], tree["kind"]) == (expected["apiVersion"], expected["kind"])
    assert from_tree(record, tree) == from_tree(record, expected)
