"""Field numbers of core/v1: pods, containers and nodes."""

from __future__ import annotations

PACKAGE = "core/v1"

MESSAGES: dict[str, str] = {
    "Container": (
        "name=1 args=4 command=3 env=7 envFrom=19 image=2 imagePullPolicy=14 lifecycle=12 livenessProbe=10 "
        "ports=6 readinessProbe=11 resizePolicy=23 resources=8 restartPolicy=24 restartPolicyRules=25 "
        "securityContext=15 startupProbe=22 stdin=16 stdinOnce=17 terminationMessagePath=13 "
        "terminationMessagePolicy=20 tty=18 volumeDevices=21 volumeMounts=9 workingDir=5"
    ),
    "ContainerExtendedResourceRequest": "containerName=1 resourceName=2 requestName=3",
    "ContainerImage": "names=1 sizeBytes=2",
    "ContainerPort": "name=1 containerPort=3 hostIP=5 hostPort=2 protocol=4",
    "ContainerResizePolicy": "resourceName=1 restartPolicy=2",
    "ContainerRestartRule": "action=1 exitCodes=2",
    "ContainerRestartRuleOnExitCodes": "operator=1 values=2",
    "ContainerState": "running=2 terminated=3 waiting=1",
    "ContainerStateRunning": "startedAt=1",
    "ContainerStateTerminated": "containerID=7 exitCode=1 finishedAt=6 message=4 reason=3 signal=2 startedAt=5",
    "ContainerStateWaiting": "message=2 reason=1",
    "ContainerStatus": (
        "name=1 allocatedResources=10 allocatedResourcesStatus=14 containerID=8 image=6 imageID=7 lastState=3 "
        "ready=4 resources=11 restartCount=5 started=9 state=2 stopSignal=15 user=13 volumeMounts=12"
    ),
    "ContainerUser": "linux=1",
    "EphemeralContainer": (
        "name=1.1 args=1.4 command=1.3 env=1.7 envFrom=1.19 image=1.2 imagePullPolicy=1.14 lifecycle=1.12 "
        "livenessProbe=1.10 ports=1.6 readinessProbe=1.11 resizePolicy=1.23 resources=1.8 restartPolicy=1.24 "
        "restartPolicyRules=1.25 securityContext=1.15 startupProbe=1.22 stdin=1.16 stdinOnce=1.17 "
        "targetContainerName=2 terminationMessagePath=1.13 terminationMessagePolicy=1.20 tty=1.18 "
        "volumeDevices=1.21 volumeMounts=1.9 workingDir=1.5"
    ),
    "Node": "metadata=1 spec=2 status=3",
    "NodeAddress": "address=2 type=1",
    "NodeAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution=2 requiredDuringSchedulingIgnoredDuringExecution=1"
    ),
    "NodeCondition": "lastHeartbeatTime=3 lastTransitionTime=4 message=6 reason=5 status=2 type=1",
    "NodeConfigSource": "configMap=2",
    "NodeConfigStatus": "active=2 assigned=1 error=4 lastKnownGood=3",
    "NodeDaemonEndpoints": "kubeletEndpoint=1",
    "NodeFeatures": "supplementalGroupsPolicy=1",
    "NodeRuntimeHandler": "name=1 features=2",
    "NodeRuntimeHandlerFeatures": "recursiveReadOnlyMounts=1 userNamespaces=2",
    "NodeSelector": "nodeSelectorTerms=1",
    "NodeSelectorRequirement": "key=1 operator=2 values=3",
    "NodeSelectorTerm": "matchExpressions=1 matchFields=2",
    "NodeSpec": "configSource=6 externalID=2 podCIDR=1 podCIDRs=7 providerID=3 taints=5 unschedulable=4",
    "NodeStatus": (
        "addresses=5 allocatable=2 capacity=1 conditions=4 config=11 daemonEndpoints=6 declaredFeatures=14 "
        "features=13 images=8 nodeInfo=7 phase=3 runtimeHandlers=12 volumesAttached=10 volumesInUse=9"
    ),
    "NodeSwapStatus": "capacity=1",
    "NodeSystemInfo": (
        "architecture=10 bootID=3 containerRuntimeVersion=6 kernelVersion=4 kubeProxyVersion=8 "
        "kubeletVersion=7 machineID=1 operatingSystem=9 osImage=5 swap=11 systemUUID=2"
    ),
    "Pod": "metadata=1 spec=2 status=3",
    "PodAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution=2 requiredDuringSchedulingIgnoredDuringExecution=1"
    ),
    "PodAffinityTerm": (
        "labelSelector=1 matchLabelKeys=5 mismatchLabelKeys=6 namespaceSelector=4 namespaces=2 topologyKey=3"
    ),
    "PodAntiAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution=2 requiredDuringSchedulingIgnoredDuringExecution=1"
    ),
    "PodCondition": "lastProbeTime=3 lastTransitionTime=4 message=6 observedGeneration=7 reason=5 status=2 type=1",
    "PodDNSConfig": "nameservers=1 options=3 searches=2",
    "PodDNSConfigOption": "name=1 value=2",
    "PodIP": "ip=1",
    "PodOS": "name=1",
    "PodReadinessGate": "conditionType=1",
    "PodResourceClaim": "name=1 resourceClaimName=3 resourceClaimTemplateName=4",
    "PodResourceClaimStatus": "name=1 resourceClaimName=2",
    "PodSchedulingGate": "name=1",
    "PodSecurityContext": (
        "appArmorProfile=11 fsGroup=5 fsGroupChangePolicy=9 runAsGroup=6 runAsNonRoot=3 runAsUser=2 "
        "seLinuxChangePolicy=13 seLinuxOptions=1 seccompProfile=10 supplementalGroups=4 "
        "supplementalGroupsPolicy=12 sysctls=7 windowsOptions=8"
    ),
    "PodSpec": (
        "activeDeadlineSeconds=5 affinity=18 automountServiceAccountToken=21 containers=2 dnsConfig=26 "
        "dnsPolicy=6 enableServiceLinks=30 ephemeralContainers=34 hostAliases=23 hostIPC=13 hostNetwork=11 "
        "hostPID=12 hostUsers=37 hostname=16 hostnameOverride=41 imagePullSecrets=15 initContainers=20 "
        "nodeName=10 nodeSelector=7 os=36 overhead=32 preemptionPolicy=31 priority=25 priorityClassName=24 "
        "readinessGates=28 resourceClaims=39 resources=40 restartPolicy=3 runtimeClassName=29 "
        "schedulerName=19 schedulingGates=38 securityContext=14 serviceAccount=9 serviceAccountName=8 "
        "setHostnameAsFQDN=35 shareProcessNamespace=27 subdomain=17 terminationGracePeriodSeconds=4 "
        "tolerations=22 topologySpreadConstraints=33 volumes=1 schedulingGroup=43"
    ),
    "PodStatus": (
        "allocatedResources=19 conditions=2 containerStatuses=8 ephemeralContainerStatuses=13 "
        "extendedResourceClaimStatus=18 hostIP=5 hostIPs=16 initContainerStatuses=10 message=3 "
        "nominatedNodeName=11 observedGeneration=17 phase=1 podIP=6 podIPs=12 qosClass=9 reason=4 resize=14 "
        "resourceClaimStatuses=15 resources=20 startTime=7 nodeAllocatableResourceClaimStatuses=21"
    ),
    "PodTemplate": "metadata=1 template=2",
    "PodTemplateSpec": "metadata=1 spec=2",
}
