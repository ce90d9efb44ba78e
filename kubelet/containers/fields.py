"""Fields of a pod as text: `fieldRef` and `resourceFieldRef` of environments and downward-API files.

Source: upstream's pkg/fieldpath (ExtractFieldPathAsString) and pkg/api/v1/resource (ExtractContainerResourceValue).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from api import quantity
from api.types import Container, Pod, ResourceFieldSelector

_SUBSCRIPT = re.compile(r"(metadata\.(?:labels|annotations))\['([^']*)'\]\Z")


class FieldError(Exception):
    """The reference names nothing this node knows. The text is upstream's."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What a pod's containers may be told of it beyond its object; empty until known.

    second_pod_ip, second_host_ip: of the other IP family in a dual-stack cluster.
    """

    pod_ip: str = ""
    host_ip: str = ""
    node_allocatable: Mapping[str, str] | None = None
    second_pod_ip: str = ""
    second_host_ip: str = ""


def pod_field(pod: Pod, path: str, facts: PodFacts) -> str:
    """The value of a `fieldRef`. Raises FieldError."""
    metadata = pod.metadata
    subscript = _SUBSCRIPT.match(path)
    if subscript is not None:
        mapping = metadata.annotations if subscript[1].endswith("annotations") else metadata.labels
        return mapping.get(subscript[2], "")
    values = {
        "metadata.name": metadata.name,
        "metadata.namespace": metadata.namespace,
        "metadata.uid": metadata.uid,
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.hostIP": facts.host_ip,
        "status.hostIPs": ",".join(filter(None, (facts.host_ip, facts.second_host_ip))),
        "status.podIP": facts.pod_ip,
        "status.podIPs": ",".join(filter(None, (facts.pod_ip, facts.second_pod_ip))),
    }
    if path in values:
        return values[path]
    if path == "metadata.labels":
        return format_map(metadata.labels)
    if path == "metadata.annotations":
        return format_map(metadata.annotations)
    raise FieldError(f"unsupported fieldPath: {path}")


def format_map(mapping: Mapping[str, str]) -> str:
    """`key="value"` lines, sorted by key, as downward-API files show maps."""
    return "\n".join(f"{key}={quote(mapping[key])}" for key in sorted(mapping))


def quote(text: str) -> str:
    """A Go string literal (strconv.Quote)."""
    simple = {
        '"': '\\"',
        "\\": "\\\\",
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
    }
    return '"' + "".join(simple.get(char) or _printable(char) for char in text) + '"'


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def resource_field(
    pod: Pod, selector: ResourceFieldSelector, default: Container | None, allocatable: Mapping[str, str]
) -> str:
    """The value of a `resourceFieldRef`, rounded up to whole divisors.

    default: the container it stands in, when it names none. A limit that is not set is the node's allocatable; a
    request that is not set is 0. Raises FieldError.
    """
    container = _container(pod, selector.container_name, default)
    side, _, resource = selector.resource.partition(".")
    if side not in ("limits", "requests") or not resource:
        raise FieldError(f"unsupported container resource : {selector.resource}")
    stated = container.resources.limits if side == "limits" else container.resources.requests
    text = stated.get(resource, "0")
    if side == "limits" and quantity.parse(text) == 0:
        text = allocatable.get(resource, "0")
    divisor = Fraction(quantity.parse(selector.divisor or "0")) or Fraction(1)
    return str(ceil(Fraction(quantity.parse(text)) / divisor))


def _container(pod: Pod, name: str, default: Container | None) -> Container:
    if not name:
        if default is None:
            raise FieldError("container name is required")
        return default
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        if container.name == name:
            return container
    raise FieldError(f"container {name} not found")
