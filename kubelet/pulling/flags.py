"""The kubelet's flags about images, in upstream's names where upstream has them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from images.registry.trust import DEFAULT_CERTS_DIR
from kubelet.pulling.collector import CollectorPolicy


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How images are pulled and when they are removed.

    network_namespace: a path, where pulls are made from; "" for the kubelet's own. max_parallel: 0 for no limit.
    """

    certs_dir: Path = DEFAULT_CERTS_DIR
    network_namespace: str = ""
    max_parallel: int = 1
    qps: float = 5.0
    burst: int = 10
    collector: CollectorPolicy = field(default_factory=CollectorPolicy)


def add_flags(group: argparse._ArgumentGroup) -> None:
    """Flags for `from_args`."""
    certs = "authorities of registries: HOST:PORT/*.crt in it (default: %(default)s)"
    group.add_argument("--registry-certs-dir", type=Path, default=DEFAULT_CERTS_DIR, metavar="DIR", help=certs)
    namespace = "network namespace, as a path, that pulls are made from (default: the kubelet's own)"
    group.add_argument("--image-pull-netns", default="", metavar="PATH", help=namespace)
    serial = "one pull after the other (default: true)"
    group.add_argument("--serialize-image-pulls", default=True, type=_truth, metavar="true|false", help=serial)
    parallel = "pulls at once when they are not serialized, 0 for any number (default: %(default)s)"
    group.add_argument("--max-parallel-image-pulls", default=0, type=int, metavar="PULLS", help=parallel)
    rate = "pulls per second in the long run, 0 for any number (default: %(default)s)"
    group.add_argument("--registry-qps", default=5.0, type=float, metavar="PULLS", help=rate)
    burst = "pulls at once before --registry-qps counts (default: %(default)s)"
    group.add_argument("--registry-burst", default=10, type=int, metavar="PULLS", help=burst)
    high = "unused images are removed once so much of the disk is used (default: %(default)s)"
    group.add_argument("--image-gc-high-threshold", default=85, type=_percent, metavar="PERCENT", help=high)
    low = "... until no more than this is (default: %(default)s)"
    group.add_argument("--image-gc-low-threshold", default=80, type=_percent, metavar="PERCENT", help=low)
    least = "how long an image stays at least (default: %(default)s)"
    group.add_argument("--minimum-image-ttl-seconds", default=120.0, type=float, metavar="SECONDS", help=least)
    most = "how long an unused image stays at most, 0 for ever (default: %(default)s)"
    group.add_argument("--image-maximum-gc-age-seconds", default=0.0, type=float, metavar="SECONDS", help=most)


def from_args(args: argparse.Namespace) -> ImageConfig:
    """What `add_flags`' flags say."""
    return ImageConfig(
        certs_dir=args.registry_certs_dir.absolute(),
        network_namespace=args.image_pull_netns,
        max_parallel=1 if args.serialize_image_pulls else args.max_parallel_image_pulls,
        qps=args.registry_qps,
        burst=args.registry_burst,
        collector=CollectorPolicy(
            high_threshold=args.image_gc_high_threshold,
            low_threshold=args.image_gc_low_threshold,
            minimum_age=args.minimum_image_ttl_seconds,
            maximum_unused_age=args.image_maximum_gc_age_seconds,
        ),
    )


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"


def _percent(text: str) -> int:
    if not text.isdecimal() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 100")
    return int(text)
