from controllers.ownership import claim
from tests.support.objects import owner, pod, replica_set


def names(pods):
    return [each.metadata.name for each in pods]


def selects(labels):
    return labels.get("app") == "web"


def test_owned_orphaned_and_strayed_pods_are_told_apart():
    mine, other = replica_set("mine", {"app": "web"}), replica_set("other", {"app": "web"})
    by_me, by_other = {"ownerReferences": [owner(mine)]}, {"ownerReferences": [owner(other)]}
    claims = claim(
        mine,
        selects,
        [
            pod("owned", labels={"app": "web"}, meta=by_me),
            pod("strayed", labels={"app": "else"}, meta=by_me),
            pod("orphan", labels={"app": "web"}),
            pod("stranger", labels={"app": "else"}),
            pod("theirs", labels={"app": "web"}, meta=by_other),
            pod("going", labels={"app": "web"}, meta={"deletionTimestamp": "2024-01-01T00:00:00Z"}),
        ],
    )
    assert (names(claims.owned), names(claims.adopt), names(claims.release)) == (["owned"], ["orphan"], ["strayed"])


def test_an_owner_being_deleted_neither_adopts_nor_releases():
    going = replica_set("mine", {"app": "web"}, meta={"deletionTimestamp": "2024-01-01T00:00:00Z"})
    strayed = pod("strayed", labels={}, meta={"ownerReferences": [owner(going)]})
    claims = claim(going, selects, [strayed, pod("orphan", labels={"app": "web"})])
    assert (claims.owned, claims.adopt, claims.release) == ([], [], [])
