"""Changes of headers as Envoy's fields for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.pb import xds_pb2 as pb
from ingress.model import HeaderChanges

_OVERWRITE = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_APPEND = pb.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD


def change_headers(
    made: pb.Route | pb.WeightedCluster.ClusterWeight, request: HeaderChanges, response: HeaderChanges
) -> None:
    """Write the changes into a message."""
    made.request_headers_to_add.extend(_options(request))
    made.request_headers_to_remove.extend(request.remove)
    made.response_headers_to_add.extend(_options(response))
    made.response_headers_to_remove.extend(response.remove)


def _options(changes: HeaderChanges) -> Iterator[pb.HeaderValueOption]:
    for headers, action in ((changes.overwrite, _OVERWRITE), (changes.add, _APPEND)):
        for name, value in headers:
            # A percent sign would begin a variable.
            header = pb.HeaderValue(key=name, value=value.replace("%", "%%"))
            yield pb.HeaderValueOption(header=header, append_action=action)
