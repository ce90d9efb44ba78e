"""What becomes of requests, as Envoy's actions: forwarding by weight with retries, redirecting, rewriting. Pure."""

from __future__ import annotations

import re

from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from cluster.pb import xds_pb2 as pb
from ingress.model import Forward, Mirror, PathKind, PathMatch, Redirect, Share
from ingress.xds.headers import change_headers
from ingress.xds.resource import packed

HTTPS_ONLY = Redirect(308, scheme="https")
# Nothing of such a request has reached a server: any may be tried again.
RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"
# These may be repeated even if one was (RFC 9110, idempotent methods): a server that ends hangs up on some.
RETRY_IDEMPOTENT = f"reset,{RETRY_UNSENT}"
IDEMPOTENT_METHODS = "GET|HEAD|OPTIONS|PUT|DELETE|TRACE"
# No cluster has this name: what is sent there is answered 500.
INVALID_BACKEND = "-"
_HOST_PICKS = 5
_FIRST_BACKOFF_MS, _MOST_BACKOFF_MS = 20, 250
_PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_CODES = {
    301: pb.RedirectAction.MOVED_PERMANENTLY,
    302: pb.RedirectAction.FOUND,
    303: pb.RedirectAction.SEE_OTHER,
    307: pb.RedirectAction.TEMPORARY_REDIRECT,
    308: pb.RedirectAction.PERMANENT_REDIRECT,
}
_WHOLE_PATH = "^/.*$"


def forward(action: Forward, match: PathMatch, retry_on: str) -> pb.RouteAction:
    """retry_on: Envoy's words for what is tried again."""
    made = pb.RouteAction(
        timeout=_duration(action.timeout_seconds),
        idle_timeout=_duration(action.idle_seconds),
        host_rewrite_literal=action.rewrite_host,
        request_mirror_policies=[_mirror(each) for each in action.mirrors],
        cluster_not_found_response_code=pb.RouteAction.INTERNAL_SERVER_ERROR,
    )
    _send(made, action.shares)
    if action.retries:
        # An attempt that took too long is not repeated: what it asked for may still be under way.
        words = RETRY_UNSENT if action.attempt_seconds else retry_on
        made.retry_policy.CopyFrom(_retry_policy(action.retries, words))
        if action.attempt_seconds:
            made.retry_policy.per_try_timeout.CopyFrom(_duration(action.attempt_seconds))
    if action.rewrite_path is not None:
        _replace(made, _WHOLE_PATH, action.rewrite_path or "/")
    elif action.rewrite_prefix is not None:
        _replace_prefix(made, match, action.rewrite_prefix)
    return made


def _send(made: pb.RouteAction, shares: tuple[Share, ...]) -> None:
    if len(shares) == 1 and shares[0] == Share(shares[0].backend, shares[0].weight):
        made.cluster = _cluster(shares[0])
        return
    for share in shares:
        weight = made.weighted_clusters.clusters.add(name=_cluster(share), weight=UInt32Value(value=share.weight))
        change_headers(weight, share.request_headers, share.response_headers)


def _cluster(share: Share) -> str:
    return share.backend.name if share.backend is not None else INVALID_BACKEND


def _mirror(mirror: Mirror) -> pb.RouteAction.RequestMirrorPolicy:
    part = pb.FractionalPercent(numerator=mirror.millionths, denominator=pb.FractionalPercent.MILLION)
    return pb.RouteAction.RequestMirrorPolicy(
        cluster=mirror.backend.name,
        runtime_fraction=pb.RuntimeFractionalPercent(default_value=part),
        disable_shadow_host_suffix_append=True,
    )


def _retry_policy(retries: int, retry_on: str) -> pb.RetryPolicy:
    other_host = pb.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts",
        typed_config=packed(_PREVIOUS_HOSTS, pb.PreviousHostsPredicate()),
    )
    return pb.RetryPolicy(
        retry_on=retry_on,
        num_retries=UInt32Value(value=retries),
        retry_host_predicate=[other_host],
        host_selection_retry_max_attempts=_HOST_PICKS,
        retry_back_off=pb.RetryPolicy.RetryBackOff(
            base_interval=_duration(_FIRST_BACKOFF_MS / 1000), max_interval=_duration(_MOST_BACKOFF_MS / 1000)
        ),
    )


def redirect(action: Redirect, match: PathMatch) -> pb.RedirectAction:
    made = pb.RedirectAction(response_code=_CODES[action.code], host_redirect=action.host, port_redirect=action.port)
    if action.scheme:
        made.scheme_redirect = action.scheme
    if action.prefix is not None:
        _replace_prefix(made, match, action.prefix)
    elif action.path:
        made.path_redirect = action.path
    return made


def _replace_prefix(made: pb.RouteAction | pb.RedirectAction, match: PathMatch, target: str) -> None:
    """Replace the matched prefix (of an exact path: all of it), with one slash where the two meet."""
    prefix = match.path.rstrip("/")
    if match.kind is PathKind.EXACT:
        made.prefix_rewrite = target
    elif target.rstrip("/"):
        made.prefix_rewrite = target.rstrip("/") if prefix else f"{target.rstrip('/')}/"
    elif prefix:
        _replace(made, f"^{re.escape(prefix)}/*", "/")


def _replace(made: pb.RouteAction | pb.RedirectAction, pattern: str, text: str) -> None:
    made.regex_rewrite.pattern.regex = pattern
    # A backslash would begin a reference to a group.
    made.regex_rewrite.substitution = text.replace("\\", "\\\\")


def _duration(seconds: float) -> Duration:
    whole = int(seconds)
    return Duration(seconds=whole, nanos=round((seconds - whole) * 1_000_000_000))
