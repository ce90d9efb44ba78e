import pytest

from scheduler import config_file
from scheduler.profiles import ConfigError
from tests.support.objects import node, pod
from tests.support.scheduling import core_of, snapshot

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


def profiles(text):
    return config_file.parse(HEAD + text).profiles


def plugin(profile, name):
    return next((each for each in profile.plugins if each.name == name), None)


def test_without_anything_said_it_is_the_default_profile():
    (profile,) = profiles("").values()
    assert profile.name == "default-scheduler"
    weights = {each.name: each.weight for each in profile.plugins if each.score}
    assert weights == {
        "TaintToleration": 3,
        "NodeAffinity": 2,
        "PodTopologySpread": 2,
        "InterPodAffinity": 2,
        "NodeResourcesFit": 1,
        "NodeResourcesBalancedAllocation": 1,
        "ImageLocality": 1,
    }


def test_plugins_are_taken_out_put_in_and_weighed():
    text = """
profiles:
- schedulerName: one
  plugins:
    multiPoint: {disabled: [{name: ImageLocality}], enabled: [{name: NodeAffinity, weight: 9}]}
    filter: {disabled: [{name: NodePorts}, {name: TaintToleration}]}
    score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit, weight: 5}]}
    postFilter: {disabled: [{name: DefaultPreemption}]}
- schedulerName: two
"""
    one, two = profiles(text).values()
    assert plugin(one, "ImageLocality") is None and plugin(one, "NodePorts") is None
    assert plugin(one, "TaintToleration") is None  # neither filters nor scores any more
    assert [(each.name, each.weight) for each in one.plugins if each.score] == [("NodeResourcesFit", 5)]
    assert plugin(one, "NodeAffinity").filter is not None
    assert (one.preempts, two.preempts) == (False, True)


def test_pods_go_by_the_profile_they_name():
    text = """
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated}}
- schedulerName: tiers
  pluginConfig:
  - name: NodeAffinity
    args:
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{matchExpressions: [{key: tier, operator: Exists}]}]
"""
    nodes = [node("a"), node("b", labels={"tier": "1"})]
    for name, expected in (("default-scheduler", "b"), ("packing", "a"), ("tiers", "b")):
        scheduler = core_of(config_file.parse(HEAD + text), nodes)
        scheduler.pod_changed(None, pod("old", cpu="2", memory="4Gi", on="a"), 0.0)
        scheduler.pod_changed(None, pod("p", cpu="1", memory="1Gi", schedulerName=name), 0.0)
        assert scheduler.step(0.0).outcome.node == expected, name
    scheduler = core_of(config_file.parse(HEAD + text), nodes[:1])
    scheduler.pod_changed(None, pod("p", schedulerName="tiers"), 0.0)
    assert "1 node(s) didn't match scheduler-enforced node affinity" in scheduler.step(0.0).outcome.message


def fit(profile, state, cpu):
    from scheduler.pod_info import pod_info

    scores = plugin(profile, "NodeResourcesFit").score(pod_info(pod("p", cpu=cpu)), state, state.nodes.present)
    return {state.nodes.name(slot): float(scores[slot]) for slot in state.nodes.present.nonzero()[0]}


def test_requested_to_capacity_ratio_follows_its_shape():
    text = """
profiles:
- pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: RequestedToCapacityRatio
        resources: [{name: cpu, weight: 1}]
        requestedToCapacityRatio: {shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]}
"""
    (profile,) = profiles(text).values()
    assert fit(profile, snapshot([node("a", cpu="2"), node("b", cpu="4")]), "1") == {"a": 50, "b": 25}


def test_a_list_of_default_constraints_replaces_the_systems():
    text = """
profiles:
- pluginConfig:
  - name: PodTopologySpread
    args:
      defaultingType: List
      defaultConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}]
"""
    from tests.support.objects import service

    scheduler = core_of(config_file.parse(HEAD + text), [node("a"), node("b", cpu="1")])
    scheduler.service_changed(None, service("web", {"app": "web"}))
    scheduler.pod_changed(None, pod("old", labels={"app": "web"}, on="a"), 0.0)
    scheduler.pod_changed(None, pod("p", labels={"app": "web"}, cpu="2"), 0.0)
    message = scheduler.step(0.0).outcome.message
    assert "1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints" in message


def test_extended_resources_may_be_ignored():
    text = """
profiles:
- pluginConfig: [{name: NodeResourcesFit, args: {ignoredResourceGroups: [example.com]}}]
"""
    scheduler = core_of(config_file.parse(HEAD + text), [node("a")])
    scheduler.pod_changed(None, pod("p", requests={"example.com/gpu": "1"}), 0.0)
    assert scheduler.step(0.0).outcome.node == "a"


@pytest.mark.parametrize(
    "text, message",
    [
        ("profiles: [{plugins: {score: {enabled: [{name: Nope}]}}}]", "there is no plugin Nope"),
        ("profiles: [{schedulerName: a}, {schedulerName: a}]", "a is there twice"),
        ("extenders: [{}]", "no support for extenders"),
        ("podInitialBackoffSeconds: 0", "must be greater than 0"),
        ("podInitialBackoffSeconds: 20", "podMaxBackoffSeconds"),
        ("profils: []", "profils"),
        ("profiles: [{pluginConfig: [{name: NodeAffinity, args: {added: 1}}]}]", "added"),
        ("profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]", "[0, 100]"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(ConfigError) as caught:
        profiles(text)
    assert message in str(caught.value)


def test_another_kind_of_file_is_refused():
    with pytest.raises(ConfigError, match="KubeSchedulerConfiguration is expected"):
        config_file.parse("apiVersion: v1\nkind: Pod\n")
