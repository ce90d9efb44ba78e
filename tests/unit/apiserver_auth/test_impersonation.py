"""Acting as somebody else: what is asked of the authorizer, and who comes out."""

from __future__ import annotations

import pytest

from api import errors
from apiserver.auth.certificates import user_from_peer
from apiserver.auth.impersonation import impersonate, wanted
from apiserver.auth.user import ALL_AUTHENTICATED, User
from apiserver.requests import Attributes

ADMIN = User("admin", groups=(ALL_AUTHENTICATED,))


def run(*headers: tuple[str, str]) -> tuple[User, list[Attributes]]:
    asked: list[Attributes] = []
    return impersonate(ADMIN, wanted(headers), asked.append), asked


def test_user_groups_uid_and_extra_are_each_authorized() -> None:
    user, asked = run(
        ("impersonate-user", "jane"),
        ("Impersonate-Group", "devs"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-Acme.com%2Fproject", "x"),
        ("Accept", "*/*"),
    )
    assert user == User("jane", "7", ("devs", "ops", ALL_AUTHENTICATED), {"acme.com/project": ("x",)})
    assert [(one.verb, one.resource, one.subresource, one.name) for one in asked] == [
        ("impersonate", "users", "", "jane"),
        ("impersonate", "groups", "", "devs"),
        ("impersonate", "groups", "", "ops"),
        ("impersonate", "userextras", "acme.com/project", "x"),
        ("impersonate", "uids", "", "7"),
    ]


def test_a_service_account_gets_its_groups() -> None:
    user, asked = run(("Impersonate-User", "system:serviceaccount:a:robot"))
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:a", ALL_AUTHENTICATED)
    assert (asked[0].resource, asked[0].namespace, asked[0].name) == ("serviceaccounts", "a", "robot")


def test_the_anonymous_user_stays_unauthenticated() -> None:
    user, _ = run(("Impersonate-User", "system:anonymous"))
    assert user.groups == ("system:unauthenticated",)


def test_groups_without_a_user_are_an_error() -> None:
    with pytest.raises(errors.InternalError):
        run(("Impersonate-Group", "system:masters"))


def test_a_refusal_stops_it() -> None:
    def refuse(attributes: Attributes) -> None:
        raise errors.Forbidden(attributes.resource, attributes.name, "no")

    with pytest.raises(errors.Forbidden):
        impersonate(ADMIN, wanted([("Impersonate-User", "jane")]), refuse)


def test_certificate_subjects() -> None:
    subject = ((("organizationName", "devs"),), (("organizationName", "ops"),), (("commonName", "jane"),))
    dates = {"notBefore": "Jan  1 00:00:10 1970 GMT", "notAfter": "Jan  1 00:00:20 1970 GMT"}
    jane = User("jane", groups=("devs", "ops", ALL_AUTHENTICATED))
    for now, user in {9.0: None, 10.0: jane, 20.0: jane, 20.5: None}.items():
        assert user_from_peer({"subject": subject, **dates}, now) == user
    assert user_from_peer({"subject": ((("organizationName", "devs"),),), **dates}, 15.0) is None
    assert user_from_peer(None, 15.0) is None
