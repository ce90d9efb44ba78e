"""Network policies (networking.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, IntOrString

PACKAGE = "networking/v1"


class NetworkPolicyPort(Record, frozen=True, kw_only=True):
    """Ports traffic may use."""

    end_port: Int32 | None = None
    port: IntOrString | None = None
    protocol: Annotated[str | None, Field(enum=("TCP", "UDP", "SCTP"))] = None


class IPBlock(Record, frozen=True, kw_only=True):
    """Addresses of a network, without some."""

    cidr: Annotated[str, Field(required=True)] = always("")
    except_: Annotated[list[str], Field(list_type="atomic")] = field(name="except", default_factory=list)


class NetworkPolicyPeer(Record, frozen=True, kw_only=True):
    """Whom traffic may come from or go to."""

    ip_block: IPBlock | None = None
    namespace_selector: LabelSelector | None = None
    pod_selector: LabelSelector | None = None


class NetworkPolicyEgressRule(Record, frozen=True, kw_only=True):
    """Traffic that may leave."""

    ports: Annotated[list[NetworkPolicyPort], Field(list_type="atomic")] = []
    to: Annotated[list[NetworkPolicyPeer], Field(list_type="atomic")] = []


class NetworkPolicyIngressRule(Record, frozen=True, kw_only=True):
    """Traffic that may come in."""

    from_: Annotated[list[NetworkPolicyPeer], Field(list_type="atomic")] = field(name="from", default_factory=list)
    ports: Annotated[list[NetworkPolicyPort], Field(list_type="atomic")] = []


class NetworkPolicySpec(Record, frozen=True, kw_only=True):
    """What traffic the selected pods may have."""

    egress: Annotated[list[NetworkPolicyEgressRule], Field(list_type="atomic")] = []
    ingress: Annotated[list[NetworkPolicyIngressRule], Field(list_type="atomic")] = []
    pod_selector: LabelSelector = field(default_factory=LabelSelector)
    policy_types: Annotated[list[str], Field(enum=("Ingress", "Egress"), list_type="atomic")] = []


class NetworkPolicy(Record, frozen=True, kw_only=True):
    """What traffic the selected pods of a namespace may have."""

    api_version: str = always("networking.k8s.io/v1")
    kind: str = always("NetworkPolicy")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: NetworkPolicySpec = field(default_factory=NetworkPolicySpec)
