"""Random nodes, pods and budgets for the scheduler's tests, with every rule of placement among them."""

from __future__ import annotations

import random

from api import codec
from api.types import Pod, PodDisruptionBudget
from tests.support import placement_reference as reference
from tests.support.objects import namespace, node, pod

APPS = ("web", "db", "job")
ZONES = ("x", "y", "z")
NAMESPACES = ("default", "shop")
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


class Dice(random.Random):
    def sometimes(self, share, value, otherwise=None):
        return value() if self.random() < share else otherwise

    def node(self, number):
        labels = {"tier": self.choice("abc"), "size": str(self.randrange(5))}
        if self.random() < 0.85:
            labels[ZONE] = self.choice(ZONES)
        taints = self.sometimes(0.25, lambda: [{"key": "k", "value": self.choice("uv"), "effect": self.effect()}])
        return node(
            f"n{number}",
            cpu=str(self.randint(2, 4)),
            pods=str(self.choice((3, 5, 110))),
            labels=labels,
            taints=taints,
            unschedulable=self.random() < 0.08,
            **self.sometimes(0.3, lambda: {"example.com/gpu": "2"}, {}),
        )

    def effect(self):
        return self.choice(("NoSchedule", "NoExecute", "PreferNoSchedule"))

    def pod(self, name, on=""):
        requests = {"cpu": f"{self.choice((0, 100, 500, 1000, 1500))}m"}
        if self.random() < 0.15:
            requests["example.com/gpu"] = "1"
        spec = {"priority": self.choice((0, 0, 10, 100))}
        if self.random() < 0.2:
            spec["tolerations"] = [self.choice(TOLERATIONS)]
        if self.random() < 0.2:
            spec["nodeSelector"] = {"tier": self.choice("abc")}
        if self.random() < 0.5:
            spec["affinity"] = self.affinity()
        if self.random() < 0.3:
            spec["topologySpreadConstraints"] = [self.constraint() for _ in range(self.randint(1, 2))]
        made = pod(
            name,
            namespace=self.choice(NAMESPACES),
            labels={"app": self.choice(APPS), "rev": self.choice("12")},
            requests=requests,
            on=on,
            meta=self.sometimes(0.1, lambda: {"deletionTimestamp": "2024-01-01T00:00:00Z"} if on else {}, {}),
            **spec,
        )
        return self.sometimes(0.2, lambda: with_port(made, self.choice((80, 443)), self.choice(ADDRESSES)), made)

    def affinity(self):
        result = {}
        if self.random() < 0.3:
            terms = [{"matchExpressions": [self.requirement()]} for _ in range(self.randint(1, 2))]
            if self.random() < 0.3:
                field = {"key": "metadata.name", "operator": self.choice(("In", "NotIn")), "values": ["n1"]}
                terms[0]["matchFields"] = [field]
            required = {"nodeSelectorTerms": terms}
            result["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": required}
        if self.random() < 0.4:
            result["podAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [self.term()]}
        if self.random() < 0.5:
            result["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [self.term()]}
        return result

    def requirement(self):
        operator = self.choice(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
        if operator in ("Gt", "Lt"):
            return {"key": "size", "operator": operator, "values": [str(self.randrange(5))]}
        key = self.choice(("tier", ZONE))
        values = {"values": [self.choice("abcxyz")]} if operator in ("In", "NotIn") else {}
        return {"key": key, "operator": operator, **values}

    def selector(self):
        expression = {"key": "rev", "operator": self.choice(("In", "NotIn")), "values": ["1"]}
        return {
            "matchLabels": {"app": self.choice(APPS)},
            "matchExpressions": self.sometimes(0.2, lambda: [expression], []),
        }

    def term(self):
        term = {"topologyKey": self.choice((ZONE, HOST)), "labelSelector": self.selector()}
        if self.random() < 0.2:
            term["namespaces"] = [self.choice(NAMESPACES)]
        if self.random() < 0.2:
            term["namespaceSelector"] = self.choice(({}, {"matchLabels": {"team": "a"}}))
        return term

    def constraint(self):
        constraint = {
            "topologyKey": self.choice((ZONE, HOST)),
            "maxSkew": self.randint(1, 2),
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": self.selector(),
        }
        if self.random() < 0.3:
            constraint["minDomains"] = self.randint(1, 4)
        if self.random() < 0.3:
            constraint["nodeAffinityPolicy"] = self.choice(("Honor", "Ignore"))
        if self.random() < 0.3:
            constraint["nodeTaintsPolicy"] = self.choice(("Honor", "Ignore"))
        return constraint

    def world(self, nodes, pods):
        placed = [self.pod(f"old-{number}", on=f"n{self.randrange(nodes)}") for number in range(pods)]
        return reference.World(
            [self.node(number) for number in range(nodes)],
            placed,
            [namespace("default", {"team": "a"}), namespace("shop", {"team": "b"})],
        )


TOLERATIONS = (
    {"operator": "Exists"},
    {"key": "k", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "k", "operator": "Equal", "value": "u"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
)
ADDRESSES = ("", "10.0.0.1", "10.0.0.2")


def with_port(made, port, address):
    tree = codec.to_tree(made)
    tree["spec"]["containers"][0]["ports"] = [{"containerPort": port, "hostPort": port, "hostIP": address}]
    return codec.from_tree(Pod, tree)


def budget(dice, name):
    tree = {
        "metadata": {"name": name, "namespace": dice.choice(NAMESPACES)},
        "spec": {"selector": {"matchLabels": {"app": dice.choice(APPS)}}},
        "status": {"disruptionsAllowed": dice.randrange(2)},
    }
    return codec.from_tree(PodDisruptionBudget, tree)
