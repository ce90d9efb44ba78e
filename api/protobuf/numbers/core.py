"""Field numbers of core/v1: everything else of the core group."""

from __future__ import annotations

PACKAGE = "core/v1"

MESSAGES: dict[str, str] = {
    "Affinity": "nodeAffinity=1 podAffinity=2 podAntiAffinity=3",
    "AppArmorProfile": "localhostProfile=2 type=1",
    "Binding": "metadata=1 target=2",
    "Capabilities": "add=1 drop=2",
    "ClientIPConfig": "timeoutSeconds=1",
    "ConfigMap": "metadata=1 binaryData=3 data=2 immutable=4",
    "ConfigMapEnvSource": "name=1.1 optional=2",
    "ConfigMapKeySelector": "name=1.1 key=2 optional=3",
    "ConfigMapNodeConfigSource": "name=2 kubeletConfigKey=5 namespace=1 resourceVersion=4 uid=3",
    "DaemonEndpoint": "Port=1",
    "EndpointAddress": "hostname=3 ip=1 nodeName=4 targetRef=2",
    "EndpointPort": "name=1 appProtocol=4 port=2 protocol=3",
    "EndpointSubset": "addresses=1 notReadyAddresses=2 ports=3",
    "Endpoints": "metadata=1 subsets=2",
    "EnvFromSource": "configMapRef=2 prefix=1 secretRef=3",
    "EnvVar": "name=1 value=2 valueFrom=3",
    "EnvVarSource": "configMapKeyRef=3 fieldRef=1 fileKeyRef=5 resourceFieldRef=2 secretKeyRef=4",
    "Event": (
        "metadata=1 action=12 count=8 eventTime=10 firstTimestamp=6 involvedObject=2 lastTimestamp=7 "
        "message=4 reason=3 related=13 reportingComponent=14 reportingInstance=15 series=11 source=5 type=9"
    ),
    "EventSeries": "count=1 lastObservedTime=2",
    "EventSource": "component=1 host=2",
    "ExecAction": "command=1",
    "FileKeySelector": "key=3 optional=4 path=2 volumeName=1",
    "GRPCAction": "port=1 service=2",
    "HTTPGetAction": "host=3 httpHeaders=5 path=1 port=2 scheme=4",
    "HTTPHeader": "name=1 value=2",
    "HostAlias": "hostnames=2 ip=1",
    "HostIP": "ip=1",
    "Lifecycle": "postStart=1 preStop=2 stopSignal=3",
    "LifecycleHandler": "exec=1 httpGet=2 sleep=4 tcpSocket=3",
    "LimitRange": "metadata=1 spec=2",
    "LimitRangeItem": "default=4 defaultRequest=5 max=2 maxLimitRequestRatio=6 min=3 type=1",
    "LimitRangeSpec": "limits=1",
    "LinuxContainerUser": "gid=2 supplementalGroups=3 uid=1",
    "LoadBalancerIngress": "hostname=2 ip=1 ipMode=3 ports=4",
    "LoadBalancerStatus": "ingress=1",
    "LocalObjectReference": "name=1",
    "Namespace": "metadata=1 spec=2 status=3",
    "NamespaceCondition": "lastTransitionTime=4 message=6 reason=5 status=2 type=1",
    "NamespaceSpec": "finalizers=1",
    "NamespaceStatus": "conditions=2 phase=1",
    "ObjectFieldSelector": "apiVersion=1 fieldPath=2",
    "ObjectReference": "name=3 apiVersion=5 fieldPath=7 kind=1 namespace=2 resourceVersion=6 uid=4",
    "PortStatus": "error=3 port=1 protocol=2",
    "PreferredSchedulingTerm": "preference=2 weight=1",
    "Probe": (
        "exec=1.1 failureThreshold=6 grpc=1.4 httpGet=1.2 initialDelaySeconds=2 periodSeconds=4 "
        "successThreshold=5 tcpSocket=1.3 terminationGracePeriodSeconds=7 timeoutSeconds=3"
    ),
    "ReplicationController": "metadata=1 spec=2 status=3",
    "ReplicationControllerCondition": "lastTransitionTime=3 message=5 reason=4 status=2 type=1",
    "ReplicationControllerSpec": "minReadySeconds=4 replicas=1 selector=2 template=3",
    "ReplicationControllerStatus": (
        "availableReplicas=5 conditions=6 fullyLabeledReplicas=2 observedGeneration=3 readyReplicas=4 replicas=1"
    ),
    "ResourceClaim": "name=1 request=2",
    "ResourceFieldSelector": "containerName=1 divisor=3 resource=2",
    "ResourceHealth": "health=2 message=3 resourceID=1",
    "ResourceQuota": "metadata=1 spec=2 status=3",
    "ResourceQuotaSpec": "hard=1 scopeSelector=3 scopes=2",
    "ResourceQuotaStatus": "hard=1 used=2",
    "ResourceRequirements": "claims=3 limits=1 requests=2",
    "ResourceStatus": "name=1 resources=2",
    "SELinuxOptions": "level=4 role=2 type=3 user=1",
    "ScopeSelector": "matchExpressions=1",
    "ScopedResourceSelectorRequirement": "operator=2 scopeName=1 values=3",
    "SeccompProfile": "localhostProfile=2 type=1",
    "Secret": "metadata=1 data=2 immutable=5 stringData=4 type=3",
    "SecretEnvSource": "name=1.1 optional=2",
    "SecretKeySelector": "name=1.1 key=2 optional=3",
    "SecurityContext": (
        "allowPrivilegeEscalation=7 appArmorProfile=12 capabilities=1 privileged=2 procMount=9 "
        "readOnlyRootFilesystem=6 runAsGroup=8 runAsNonRoot=5 runAsUser=4 seLinuxOptions=3 seccompProfile=11 "
        "windowsOptions=10"
    ),
    "Service": "metadata=1 spec=2 status=3",
    "ServiceAccount": "metadata=1 automountServiceAccountToken=4 imagePullSecrets=3 secrets=2",
    "ServicePort": "name=1 appProtocol=6 nodePort=5 port=3 protocol=2 targetPort=4",
    "ServiceSpec": (
        "allocateLoadBalancerNodePorts=20 clusterIP=3 clusterIPs=18 externalIPs=5 externalName=10 "
        "externalTrafficPolicy=11 healthCheckNodePort=12 internalTrafficPolicy=22 ipFamilies=19 "
        "ipFamilyPolicy=17 loadBalancerClass=21 loadBalancerIP=8 loadBalancerSourceRanges=9 ports=1 "
        "publishNotReadyAddresses=13 selector=2 sessionAffinity=7 sessionAffinityConfig=14 "
        "trafficDistribution=23 type=4"
    ),
    "ServiceStatus": "conditions=2 loadBalancer=1",
    "SessionAffinityConfig": "clientIP=1",
    "SleepAction": "seconds=1",
    "Sysctl": "name=1 value=2",
    "TCPSocketAction": "host=2 port=1",
    "Taint": "effect=3 key=1 timeAdded=4 value=2",
    "Toleration": "effect=4 key=1 operator=2 tolerationSeconds=5 value=3",
    "TopologySpreadConstraint": (
        "labelSelector=4 matchLabelKeys=8 maxSkew=1 minDomains=5 nodeAffinityPolicy=6 nodeTaintsPolicy=7 "
        "topologyKey=2 whenUnsatisfiable=3"
    ),
    "TypedLocalObjectReference": "name=3 apiGroup=1 kind=2",
    "TypedObjectReference": "name=3 apiGroup=1 kind=2 namespace=4",
    "WeightedPodAffinityTerm": "podAffinityTerm=2 weight=1",
    "WindowsSecurityContextOptions": "gmsaCredentialSpec=2 gmsaCredentialSpecName=1 hostProcess=4 runAsUserName=3",
}
