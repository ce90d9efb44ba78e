from msgspec.structs import replace

from api import codec
from api.types import Namespace, Pod
from controllers.namespace.controller import content_resources
from controllers.namespace.plan import Content, finalized, status

NOW = 1_700_000_000.0


def going(**conditions) -> Namespace:
    tree = {"metadata": {"name": "n"}, "spec": {"finalizers": ["kubernetes", "example.com/mine"]}}
    return codec.from_tree(Namespace, tree)


def said(content):
    return {each.type: (each.status, each.reason, each.message) for each in status(going(), content, NOW).conditions}


def test_what_remains_is_told():
    content = Content(remaining={"pods": 2, "configmaps": 1}, finalizers={"example.com/keep": 1})
    found = said(content)
    assert found["NamespaceContentRemaining"] == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: configmaps. has 1 resource instances, pods. has 2 resource instances",
    )
    assert found["NamespaceFinalizersRemaining"] == (
        "True",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances",
    )
    assert found["NamespaceDeletionContentFailure"][0] == "False"
    assert found["NamespaceDeletionDiscoveryFailure"][:2] == ("False", "ResourcesDiscovered")


def test_refused_deletions_are_told():
    found = said(Content(failures=["no"]))
    assert found["NamespaceDeletionContentFailure"] == (
        "True",
        "ContentDeletionFailed",
        "Failed to delete all resource types, 1 remaining: no",
    )


def test_a_condition_that_stays_keeps_its_transition_time():
    first = replace(going(), status=status(going(), Content(remaining={"pods": 2}), NOW))
    again = status(first, Content(remaining={"pods": 1}), NOW + 100)
    assert {each.last_transition_time for each in again.conditions} == {"2023-11-14T22:13:20Z"}
    over = status(first, Content(), NOW + 100)
    changed = [each.type for each in over.conditions if each.last_transition_time == "2023-11-14T22:15:00Z"]
    assert changed == ["NamespaceContentRemaining"]


def test_only_our_finalizer_is_removed():
    assert finalized(going()).spec.finalizers == ["example.com/mine"]


def test_pods_are_deleted_first_and_every_kind_once():
    resources = content_resources()
    assert resources[0].record is Pod
    plurals = [resource.plural for resource in resources]
    assert {"configmaps", "secrets", "services", "deployments", "endpointslices", "events"} <= set(plurals)
    assert len(plurals) == len(set(plurals))
