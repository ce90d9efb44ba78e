"""Which VolumeAttachments a node is to have."""

from __future__ import annotations

from api import codec
from api.types import PersistentVolume, VolumeAttachment
from controllers.attach_detach.plan import attachment_name, attachment_of, plan


def volume(name: str, *modes: str) -> PersistentVolume:
    spec = {"accessModes": list(modes or ("ReadWriteOnce",)), "csi": {"driver": "d", "volumeHandle": f"h-{name}"}}
    return codec.from_tree(PersistentVolume, {"metadata": {"name": name}, "spec": spec})


def test_what_pods_need_is_attached_and_nothing_else() -> None:
    needed, left = volume("needed"), attachment_of(volume("left"), "n1")
    decided = plan("n1", {"needed": needed}, [left])
    assert [each.spec.source.persistent_volume_name for each in decided.create] == ["needed"]
    assert decided.create[0].metadata.name == attachment_name("h-needed", "d", "n1")
    assert decided.delete == [left]
    assert plan("n1", {"needed": needed}, decided.create).create == []


def test_an_attachment_made_by_hand_is_left() -> None:
    spec = {"attacher": "d", "nodeName": "n1", "source": {"persistentVolumeName": "v"}}
    by_hand = codec.from_tree(VolumeAttachment, {"metadata": {"name": "mine"}, "spec": spec})
    assert plan("n1", {}, [by_hand]).delete == []


def test_a_volume_of_one_node_waits_until_the_other_lets_go() -> None:
    elsewhere = attachment_of(volume("v"), "n2")
    decided = plan("n1", {"v": volume("v")}, [elsewhere])
    assert (decided.create, decided.refused) == ([], {"v": "n2"})
    assert len(plan("n1", {"v": volume("v", "ReadWriteMany")}, [elsewhere]).create) == 1
    assert plan("n2", {"v": volume("v")}, [elsewhere]).refused == {}
