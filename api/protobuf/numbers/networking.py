"""Field numbers of networking/v1."""

from __future__ import annotations

PACKAGE = "networking/v1"

MESSAGES: dict[str, str] = {
    "HTTPIngressPath": "backend=2 path=1 pathType=3",
    "HTTPIngressRuleValue": "paths=1",
    "IPAddress": "metadata=1 spec=2",
    "IPAddressSpec": "parentRef=1",
    "IPBlock": "cidr=1 except=2",
    "Ingress": "metadata=1 spec=2 status=3",
    "IngressBackend": "resource=3 service=4",
    "IngressClass": "metadata=1 spec=2",
    "IngressClassParametersReference": "apiGroup=1 kind=2 name=3 scope=4 namespace=5",
    "IngressClassSpec": "controller=1 parameters=2",
    "IngressLoadBalancerIngress": "ip=1 hostname=2 ports=4",
    "IngressLoadBalancerStatus": "ingress=1",
    "IngressPortStatus": "port=1 protocol=2 error=3",
    "IngressRule": "host=1 http=2.1",
    "IngressServiceBackend": "name=1 port=2",
    "IngressSpec": "defaultBackend=1 ingressClassName=4 rules=3 tls=2",
    "IngressStatus": "loadBalancer=1",
    "IngressTLS": "hosts=1 secretName=2",
    "NetworkPolicy": "metadata=1 spec=2",
    "NetworkPolicyEgressRule": "ports=1 to=2",
    "NetworkPolicyIngressRule": "from=2 ports=1",
    "NetworkPolicyPeer": "ipBlock=3 namespaceSelector=2 podSelector=1",
    "NetworkPolicyPort": "port=2 protocol=1 endPort=3",
    "NetworkPolicySpec": "egress=3 ingress=2 podSelector=1 policyTypes=4",
    "ParentReference": "group=1 resource=2 namespace=3 name=4",
    "ServiceBackendPort": "name=1 number=2",
    "ServiceCIDR": "metadata=1 spec=2 status=3",
    "ServiceCIDRSpec": "cidrs=1",
    "ServiceCIDRStatus": "conditions=1",
}
