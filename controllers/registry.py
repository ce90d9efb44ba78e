"""Which controllers there are."""

from __future__ import annotations

from controllers.attach_detach.controller import AttachDetachController
from controllers.cluster_role_aggregation import ClusterRoleAggregator
from controllers.config import ControllersConfig
from controllers.context import Context
from controllers.cronjob.controller import CronJobController
from controllers.daemonset.controller import DaemonSetController
from controllers.deployment.controller import DeploymentController
from controllers.disruption.controller import DisruptionController
from controllers.endpoints.endpoints_controller import EndpointsController
from controllers.endpoints.mirroring import EndpointSliceMirroringController
from controllers.endpoints.slice_controller import EndpointSliceController
from controllers.ephemeral_volume import EphemeralVolumeController
from controllers.garbage_collector.controller import GarbageCollector
from controllers.horizontal_autoscaler.controller import HorizontalAutoscaler
from controllers.job.controller import JobController
from controllers.load_balancer.controller import LoadBalancerController
from controllers.local_storage.provisioner import LocalProvisioner
from controllers.local_storage.resizer import LocalResizer
from controllers.local_storage.snapshotter import LocalSnapshotter
from controllers.namespace.controller import NamespaceController
from controllers.node_lifecycle.controller import NodeLifecycleController
from controllers.node_lifecycle.evictor import TaintEvictor
from controllers.persistent_volume.binder import PersistentVolumeBinder
from controllers.pod_gc import PodGarbageCollector
from controllers.replicaset.controller import ReplicaController
from controllers.replicaset.kinds import REPLICA_SETS, REPLICATION_CONTROLLERS
from controllers.resource_quota.controller import ResourceQuotaController
from controllers.root_ca import RootCAPublisher
from controllers.service_account import ServiceAccountController
from controllers.service_cidrs import ServiceCIDRController
from controllers.snapshots.controller import SnapshotController
from controllers.statefulset.controller import StatefulSetController
from controllers.ttl_after_finished import TTLAfterFinishedController
from controllers.volume_protection.attributes_classes import AttributesClassProtection
from controllers.volume_protection.claims import ClaimProtection
from controllers.volume_protection.volumes import VolumeProtection


def add_all(context: Context, config: ControllersConfig, certificates: str) -> None:
    """Attach every controller to the context. certificates: PEM of the cluster's authority.

    The order is that in which controllers hear of a change: what traffic follows comes first.
    """
    EndpointSliceController(context)
    EndpointsController(context)
    EndpointSliceMirroringController(context)
    LoadBalancerController(context, config.load_balancer_addresses, config.load_balancer_reserved)
    ServiceCIDRController(context)
    ReplicaController(context, REPLICA_SETS)
    ReplicaController(context, REPLICATION_CONTROLLERS)
    DeploymentController(context)
    StatefulSetController(context)
    JobController(context)
    CronJobController(context)
    TTLAfterFinishedController(context)
    DaemonSetController(context)
    NodeLifecycleController(context, config.node_grace_seconds)
    TaintEvictor(context)
    ServiceAccountController(context)
    RootCAPublisher(context, certificates)
    NamespaceController(context)
    DisruptionController(context)
    HorizontalAutoscaler(context, config.autoscaler)
    ResourceQuotaController(context)
    GarbageCollector(context)
    PodGarbageCollector(context, config.terminated_pod_threshold)
    ClusterRoleAggregator(context)
    PersistentVolumeBinder(context)
    LocalProvisioner(context, config.connection)
    LocalResizer(context, config.connection)
    SnapshotController(context)
    LocalSnapshotter(context, config.connection)
    EphemeralVolumeController(context)
    AttachDetachController(context)
    ClaimProtection(context)
    VolumeProtection(context)
    AttributesClassProtection(context)
