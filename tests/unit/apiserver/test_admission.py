"""Admission: service accounts, tolerations, priorities, node taints, NodeRestriction, RBAC escalation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, priorities, scheme
from api.errors import Forbidden, NotFound
from api.types import (
    AggregationRule,
    BoundObjectReference,
    ClusterRole,
    Container,
    LabelSelector,
    LocalObjectReference,
    Node,
    NodeSpec,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodSpec,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    ServiceAccount,
    Subject,
    Taint,
    TokenRequest,
    TokenRequestSpec,
    Toleration,
    VolumeMount,
)
from apiserver.admission.chain import CREATE, DELETE, UPDATE, Admission, Request
from apiserver.admission.escalation import EscalationCheck
from apiserver.admission.namespaces import NamespaceLifecycle
from apiserver.admission.node_restriction import NodeRestriction
from apiserver.admission.nodes import TaintNodesByCondition
from apiserver.admission.pods import DefaultTolerationSeconds
from apiserver.admission.priorities import Priority
from apiserver.admission.service_accounts import MOUNT_PATH, ServiceAccountPlugin
from apiserver.auth.user import LOOPBACK, User
from apiserver.requests import Attributes, Decision, WriteOptions
from apiserver.storage.cache import ResourceCache
from apiserver.stored import Stored

KUBELET = User("system:node:n1", groups=("system:nodes", "system:authenticated"))
JANE = User("jane", groups=("system:authenticated",))


class Reader:
    """A reader whose cache is always fresh."""

    def __init__(self, plural: str, *records: Any) -> None:
        resource = scheme.find(plural)
        self.cache = ResourceCache(resource)
        self.cache.load([stored(record) for record in records], 10)

    async def fresh(self, revision: int | None) -> None:
        return None


def stored(record: Any) -> Stored:
    metadata = record.metadata
    data = codec.with_resource_version(codec.encode(record), 5)
    return Stored(scheme.of(record), metadata.namespace, metadata.name, 5, data)


def request(
    operation: str, new: Any, old: Any = None, *, user: User = JANE, subresource: str = "", plural: str = ""
) -> Request:
    subject = new if new is not None else old
    resource = scheme.find(plural) if plural else scheme.of(subject)
    metadata = subject.metadata
    return Request(user, operation, resource, subresource, metadata.namespace, metadata.name, new, old, WriteOptions())


def pod(name: str = "p", *, node: str = "", uid: str = "", spec: PodSpec | None = None, **metadata: Any) -> Pod:
    spec = spec or PodSpec(containers=[Container(name="c", image="i")], node_name=node)
    return Pod(metadata=ObjectMeta(name=name, namespace="default", uid=uid, **metadata), spec=spec)


CLASSES = Reader("priorityclasses", *priorities.bootstrap())


def account(name: str = "default", **fields: Any) -> ServiceAccount:
    return ServiceAccount(metadata=ObjectMeta(name=name, namespace="default"), **fields)


async def test_a_pod_runs_as_default_and_finds_its_token() -> None:
    plugin = ServiceAccountPlugin(Reader("serviceaccounts", account()))
    spec = PodSpec(
        containers=[
            Container(name="c", image="i"),
            Container(name="own", image="i", volume_mounts=[VolumeMount(name="v", mount_path=MOUNT_PATH)]),
        ],
        init_containers=[Container(name="i", image="i")],
    )
    admitted = (await plugin.create(request(CREATE, pod(spec=spec)))).spec
    assert (admitted.service_account_name, admitted.service_account) == ("default", "default")
    (volume,) = admitted.volumes
    assert volume.name.startswith("kube-api-access-")
    assert volume.projected.default_mode == 0o644
    token, authority, namespace = volume.projected.sources
    assert (token.service_account_token.path, token.service_account_token.expiration_seconds) == ("token", 3607)
    assert authority.config_map.name == "kube-root-ca.crt"
    assert namespace.downward_api.items[0].field_ref.field_path == "metadata.namespace"
    mounts = [container.volume_mounts for container in (*admitted.containers, *admitted.init_containers)]
    assert [[mount.name for mount in each] for each in mounts] == [[volume.name], ["v"], [volume.name]]
    assert mounts[0][0].read_only


@pytest.mark.parametrize(("by_pod", "by_account", "mounted"), [(False, None, 0), (None, False, 0), (True, False, 1)])
async def test_automounting_can_be_declined(by_pod: bool | None, by_account: bool | None, mounted: int) -> None:
    plugin = ServiceAccountPlugin(Reader("serviceaccounts", account(automount_service_account_token=by_account)))
    spec = replace(pod().spec, automount_service_account_token=by_pod)
    assert len((await plugin.create(request(CREATE, pod(spec=spec)))).spec.volumes) == mounted


async def test_pull_secrets_come_from_the_account_unless_the_pod_has_its_own() -> None:
    secret = LocalObjectReference(name="pull")
    plugin = ServiceAccountPlugin(Reader("serviceaccounts", account(image_pull_secrets=[secret])))
    assert (await plugin.create(request(CREATE, pod()))).spec.image_pull_secrets == [secret]
    own = replace(pod().spec, image_pull_secrets=[LocalObjectReference(name="own")])
    admitted = await plugin.create(request(CREATE, pod(spec=own)))
    assert [reference.name for reference in admitted.spec.image_pull_secrets] == ["own"]


async def test_a_missing_account_is_refused_in_upstreams_words() -> None:
    plugin = ServiceAccountPlugin(Reader("serviceaccounts"))
    spec = replace(pod().spec, service_account_name="nobody")
    with pytest.raises(Forbidden) as refused:
        await plugin.create(request(CREATE, pod(spec=spec)))
    assert refused.value.message == (
        'pods "p" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found'
    )


async def test_mirror_pods_get_nothing_and_may_ask_for_nothing() -> None:
    plugin = ServiceAccountPlugin(Reader("serviceaccounts"))
    mirror = pod(annotations={"kubernetes.io/config.mirror": "x"})
    assert await plugin.create(request(CREATE, mirror)) == mirror
    wanting = replace(mirror, spec=replace(mirror.spec, service_account_name="default"))
    with pytest.raises(Forbidden, match="a mirror pod may not reference service accounts"):
        await plugin.create(request(CREATE, wanting))


async def test_default_tolerations_are_added_where_missing() -> None:
    plugin = DefaultTolerationSeconds()
    admitted = (await plugin.create(request(CREATE, pod()))).spec.tolerations
    assert [(t.key, t.effect, t.toleration_seconds) for t in admitted] == [
        ("node.kubernetes.io/not-ready", "NoExecute", 300),
        ("node.kubernetes.io/unreachable", "NoExecute", 300),
    ]
    everything = replace(pod().spec, tolerations=[Toleration(operator="Exists")])
    assert len((await plugin.create(request(CREATE, pod(spec=everything)))).spec.tolerations) == 1
    own = Toleration(key="node.kubernetes.io/not-ready", operator="Exists", effect="NoExecute", toleration_seconds=5)
    admitted = (await plugin.create(request(CREATE, pod(spec=replace(pod().spec, tolerations=[own]))))).spec.tolerations
    assert [t.toleration_seconds for t in admitted] == [5, 300]


@pytest.mark.parametrize(
    ("name", "priority"), [("", 0), ("system-cluster-critical", 2000000000), ("system-node-critical", 2000001000)]
)
async def test_priorities(name: str, priority: int) -> None:
    spec = replace(pod().spec, priority_class_name=name)
    admitted = (await Priority(CLASSES).create(request(CREATE, pod(spec=spec)))).spec
    assert (admitted.priority, admitted.preemption_policy) == (priority, "PreemptLowerPriority")


async def test_priorities_cannot_be_made_up() -> None:
    with pytest.raises(Forbidden, match="no PriorityClass with name high was found"):
        await Priority(CLASSES).create(request(CREATE, pod(spec=replace(pod().spec, priority_class_name="high"))))
    with pytest.raises(Forbidden, match=r"the integer value of priority \(7\) must not be provided in pod spec"):
        await Priority(CLASSES).create(request(CREATE, pod(spec=replace(pod().spec, priority=7))))


async def test_new_nodes_are_tainted_once() -> None:
    node = Node(metadata=ObjectMeta(name="n1"))
    admitted = await TaintNodesByCondition().create(request(CREATE, node))
    assert admitted.spec.taints == [Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule")]
    assert await TaintNodesByCondition().create(request(CREATE, admitted)) == admitted


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_the_systems_namespaces_stay(name: str) -> None:
    record = scheme.find("namespaces").record(metadata=ObjectMeta(name=name))
    with pytest.raises(Forbidden) as refused:
        Admission([NamespaceLifecycle()]).delete(request(DELETE, None, record))
    assert refused.value.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


class TestNodeRestriction:
    """What kubelet n1 may write."""

    def admission(self, *pods: Pod) -> Admission:
        return Admission([NodeRestriction(Reader("pods", *pods))])

    async def create(self, record: Any, *pods: Pod, subresource: str = "", plural: str = "") -> None:
        await self.admission(*pods).create(
            request(CREATE, record, user=KUBELET, subresource=subresource, plural=plural)
        )

    def update(self, new: Any, old: Any, subresource: str = "") -> None:
        self.admission().update(request(UPDATE, new, old, user=KUBELET, subresource=subresource))

    def delete(self, old: Any) -> None:
        self.admission().delete(request(DELETE, None, old, user=KUBELET))

    async def test_others_are_not_concerned(self) -> None:
        await self.admission().create(request(CREATE, pod(), user=JANE))

    async def test_a_kubelet_without_a_name_may_nothing(self) -> None:
        nameless = User("mallory", groups=("system:nodes",))
        with pytest.raises(Forbidden, match='could not determine node from user "mallory"'):
            await self.admission().create(request(CREATE, pod(), user=nameless))

    async def test_only_mirror_pods_of_its_own(self) -> None:
        with pytest.raises(Forbidden, match='node "n1" can only create mirror pods'):
            await self.create(pod(node="n1"))
        owner = OwnerReference(api_version="v1", kind="Node", name="n1", uid="u")
        mirror = {"annotations": {"kubernetes.io/config.mirror": "x"}, "owner_references": [owner]}
        await self.create(pod(node="n1", **mirror))
        with pytest.raises(Forbidden, match=r"with spec.nodeName set to itself"):
            await self.create(pod(node="n2", **mirror))

    def test_status_of_its_own_pods_only(self) -> None:
        own, other = pod(node="n1"), pod(node="n2")
        self.update(own, own, "status")
        with pytest.raises(Forbidden, match=r"can only update pod status for pods with spec.nodeName set to itself"):
            self.update(other, other, "status")
        labelled = replace(own, metadata=replace(own.metadata, labels={"a": "b"}))
        with pytest.raises(Forbidden, match="cannot update labels through pod status"):
            self.update(labelled, own, "status")
        with pytest.raises(Forbidden, match="can only create and delete mirror pods"):
            self.update(own, own)

    def test_deletes_its_own_pods_only(self) -> None:
        self.delete(pod(node="n1"))
        with pytest.raises(Forbidden, match=r"can only delete pods with spec.nodeName set to itself"):
            self.delete(pod(node="n2"))

    async def test_its_own_node_only(self) -> None:
        own, other = Node(metadata=ObjectMeta(name="n1")), Node(metadata=ObjectMeta(name="n2"))
        await self.create(own)
        self.update(own, own, "status")
        with pytest.raises(Forbidden, match='node "n1" is not allowed to modify node "n2"'):
            await self.create(other)
        with pytest.raises(Forbidden, match='is not allowed to modify node "n2"'):
            self.update(other, other, "status")

    def test_no_taints_and_no_restricted_labels(self) -> None:
        own = Node(metadata=ObjectMeta(name="n1"), spec=NodeSpec(taints=[Taint(key="a", effect="NoSchedule")]))
        with pytest.raises(Forbidden, match="is not allowed to modify taints"):
            self.update(replace(own, spec=NodeSpec()), own)

        def labelled(label: str) -> Node:
            return replace(own, metadata=replace(own.metadata, labels={label: "x"}))

        for label in ("kubernetes.io/hostname", "example.com/x", "plain", "node.kubernetes.io/anything"):
            self.update(labelled(label), own)
        for label in ("node-restriction.kubernetes.io/x", "node-role.kubernetes.io/master", "a.k8s.io/x"):
            with pytest.raises(Forbidden, match=f"is not allowed to modify labels: {label}"):
                self.update(labelled(label), own)

    async def test_leases(self) -> None:
        lease = scheme.find("leases").record

        def of(namespace: str, name: str) -> Any:
            return lease(metadata=ObjectMeta(name=name, namespace=namespace))

        await self.create(of("kube-node-lease", "n1"))
        with pytest.raises(Forbidden, match="same name as the requesting node"):
            await self.create(of("kube-node-lease", "n2"))
        with pytest.raises(Forbidden, match='in the "kube-node-lease" system namespace'):
            await self.create(of("default", "n1"))

    async def test_tokens_for_pods_on_it_only(self) -> None:
        async def ask(reference: BoundObjectReference | None, *pods: Pod) -> None:
            wanted = TokenRequest(
                metadata=ObjectMeta(name="default", namespace="default"),
                spec=TokenRequestSpec(bound_object_ref=reference),
            )
            await self.create(wanted, *pods, subresource="token", plural="serviceaccounts")

        def to(uid: str) -> BoundObjectReference:
            return BoundObjectReference(api_version="v1", kind="Pod", name="p", uid=uid)

        await ask(to("u"), pod(node="n1", uid="u"))
        with pytest.raises(Forbidden, match="not bound to a pod"):
            await ask(None)
        with pytest.raises(Forbidden, match="without a uid"):
            await ask(to(""), pod(node="n1", uid="u"))
        with pytest.raises(Forbidden, match="bound to a pod scheduled on a different node"):
            await ask(to("u"), pod(node="n2", uid="u"))
        with pytest.raises(NotFound):
            await ask(to("u"))


class Holder:
    """An authorizer of somebody who holds some rules."""

    def __init__(self, rules: Sequence[PolicyRule], verbs: Sequence[str] = ()) -> None:
        self._rules = list(rules)
        self._verbs = verbs

    def authorize(self, attributes: Attributes) -> Decision:
        return Decision(attributes.verb in self._verbs)

    def rules_for(self, user: User, namespace: str) -> tuple[list[PolicyRule], list[str]]:
        return self._rules, []


READ_PODS = PolicyRule(api_groups=[""], resources=["pods"], verbs=["get", "list"])
READ_SECRETS = PolicyRule(api_groups=[""], resources=["secrets"], verbs=["get"])


class TestEscalation:
    def check(self, holder: Holder, record: Any, old: Any = None, user: User = JANE) -> None:
        role = Role(metadata=ObjectMeta(name="r", namespace="default"), rules=[READ_SECRETS])
        plugin = EscalationCheck(holder, lambda plural, namespace, name: role if name == "r" else None)
        plugin.update(request(UPDATE if old else CREATE, record, old, user=user))

    def role(self, *rules: PolicyRule) -> Role:
        return Role(metadata=ObjectMeta(name="new", namespace="default"), rules=list(rules))

    def binding(self, name: str = "r") -> RoleBinding:
        return RoleBinding(
            metadata=ObjectMeta(name="b", namespace="default"),
            role_ref=RoleRef(api_group="rbac.authorization.k8s.io", kind="Role", name=name),
            subjects=[Subject(kind="User", name="jane")],
        )

    def test_what_one_holds_one_may_grant(self) -> None:
        self.check(Holder([READ_PODS]), self.role(PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])))

    def test_more_than_that_not(self) -> None:
        with pytest.raises(Forbidden) as refused:
            self.check(Holder([READ_PODS]), self.role(READ_PODS, READ_SECRETS))
        assert refused.value.message == (
            'roles.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=["system:authenticated"]) '
            "is attempting to grant RBAC permissions not currently held:\n"
            '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
        )

    def test_the_escalate_verb_and_the_masters_pass(self) -> None:
        self.check(Holder([], ["escalate"]), self.role(READ_SECRETS))
        self.check(Holder([]), self.role(READ_SECRETS), user=LOOPBACK)

    def test_an_update_that_grants_nothing_new_passes(self) -> None:
        old = self.role(READ_SECRETS)
        self.check(Holder([]), replace(old, metadata=replace(old.metadata, labels={"a": "b"})), old)

    def test_aggregation_needs_everything(self) -> None:
        wide = ClusterRole(
            metadata=ObjectMeta(name="w"),
            aggregation_rule=AggregationRule(cluster_role_selectors=[LabelSelector()]),
            rules=[],
        )
        with pytest.raises(Forbidden):
            self.check(Holder([READ_PODS]), wide)

    def test_binding_a_role_grants_its_rules(self) -> None:
        with pytest.raises(Forbidden, match="not currently held"):
            self.check(Holder([READ_PODS]), self.binding())
        self.check(Holder([READ_SECRETS]), self.binding())
        self.check(Holder([], ["bind"]), self.binding())

    def test_binding_a_role_that_does_not_exist(self) -> None:
        with pytest.raises(NotFound, match=r'roles.rbac.authorization.k8s.io "ghost" not found'):
            self.check(Holder([READ_PODS]), self.binding("ghost"))
