"""Adds up what the services need, and words the difference as nft transactions.

Pure bookkeeping: the texts it returns are carried out by `kubeproxy.kernel`. The work of a change is proportional to
the change, not to the number of services.

A packet on its way while a transaction is committed may meet rules from before and map elements from after: the kernel
fixes the generation of rules once a packet, that of elements at each look-up. Hence chains are made in a transaction
before the one whose elements lead to them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from kubeproxy.ip_family import IPV4, IpFamily
from kubeproxy.items import TABLE, AffinitySet, Chain, Container, Element, Item
from kubeproxy.translate import ServiceRules

Owner = Hashable
Before = dict[Item, str | None]  # touched items and the values they had, None for those that were not there
EMPTY = ServiceRules()


class RuleSet:
    """The desired state: each owner's rules, and what follows from all of them together.

    When two owners want the same element of their own (two services with one external IP and port), the first has it
    until it lets go.
    """

    def __init__(self, ip: IpFamily = IPV4) -> None:
        self._ip = ip
        self._owners: dict[Owner, ServiceRules] = {}
        self._claims: dict[Item, tuple[Owner, ...]] = {}
        self._uses: dict[Item, int] = {}
        self._shared: dict[Item, str] = {}

    def rules_of(self, owner: Owner) -> ServiceRules:
        """What the owner has now; no rules when it is not known."""
        return self._owners.get(owner, EMPTY)

    @property
    def owners(self) -> Mapping[Owner, ServiceRules]:
        return self._owners

    def affinity_sets(self) -> list[str]:
        """The names of all affinity sets."""
        return [item.name for item in self._claims if isinstance(item, AffinitySet)]

    def __len__(self) -> int:
        """How many items there are."""
        return len(self._claims) + len(self._shared)

    def change(self, changes: Mapping[Owner, ServiceRules]) -> list[str]:
        """Take over the owners' new rules; returns the transactions, none when the kernel need not know."""
        before: Before = {}
        for owner, rules in changes.items():
            self._replace(owner, rules, before)
        return [text for text in self._render(before) if text]

    def whole(self, base: str, clients: Mapping[str, Iterable[str]], table: str = TABLE) -> str:
        """The transaction that replaces a table, whatever it is now, by the desired state.

        base: the fixed part of that table. clients: elements to keep of the affinity sets of those names.
        """
        before: Before = dict.fromkeys((*self._claims, *self._shared))
        kept = [
            f"add element {self._ip.nft} {table} {name} {{ {', '.join(elements)} }}\n"
            for name, elements in clients.items()
            if elements and AffinitySet(name) in self._claims
        ]
        # Adding the table first lets the deletion succeed when there is none.
        path = f"{self._ip.nft} {table}"
        head = f"add table {path}\ndelete table {path}\n{base}"
        return "".join((head, *self._render(before, table), *kept))

    def _replace(self, owner: Owner, new: ServiceRules, before: Before) -> None:
        old = self.rules_of(owner)
        for item in dict(old.own.items() ^ new.own.items()):
            before.setdefault(item, self._value(item))
        for item in old.shared.keys() ^ new.shared.keys():
            before.setdefault(item, self._value(item))
        for item in old.own.keys() - new.own.keys():
            self._release(item, owner)
        for item in new.own.keys() - old.own.keys():
            self._claims[item] = (*self._claims.get(item, ()), owner)
        for item in new.shared.keys() - old.shared.keys():
            self._uses[item] = self._uses.get(item, 0) + 1
            self._shared[item] = new.shared[item]
        for item in old.shared.keys() - new.shared.keys():
            self._uses[item] -= 1
            if not self._uses[item]:
                del self._uses[item], self._shared[item]
        if new.own or new.shared:
            self._owners[owner] = new
        else:
            self._owners.pop(owner, None)

    def _release(self, item: Item, owner: Owner) -> None:
        left = tuple(claimant for claimant in self._claims[item] if claimant != owner)
        if left:
            self._claims[item] = left
        else:
            del self._claims[item]

    def _value(self, item: Item) -> str | None:
        claimants = self._claims.get(item)
        if claimants:
            return self._owners[claimants[0]].own[item]
        return self._shared.get(item)

    def _render(self, before: Before, table: str = TABLE) -> tuple[str, str]:
        lines = _Lines(f"{self._ip.nft} {table}")
        for item, old in before.items():
            new = self._value(item)
            if old != new:
                lines.add(item, old, new)
        return lines.preparation(), lines.change()


class _Lines:
    """nft commands in an order in which each refers only to what exists."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._declared: list[str] = []
        self._filled: list[str] = []
        self._refilled: list[str] = []
        self._taken: dict[Container, list[str]] = {}
        self._put: dict[Container, list[str]] = {}
        self._emptied: list[str] = []
        self._dropped_chains: list[str] = []
        self._dropped_sets: list[str] = []

    def add(self, item: Item, before: str | None, after: str | None) -> None:
        match item:
            case Element():
                self._element(item, before, after)
            case Chain(name):
                self._chain(f"{self._table} {name}", before, after)
            case AffinitySet(name):
                if before is not None:
                    self._dropped_sets.append(f"delete set {self._table} {name}")
                if after is not None:
                    self._declared.append(f"add set {self._table} {name} {{ {after} }}")

    def preparation(self) -> str:
        """New sets and chains, which nothing leads to yet."""
        return _text(self._declared, self._filled)

    def change(self) -> str:
        """What traffic will notice."""
        taken = [f"delete element {self._table} {c} {{ {', '.join(keys)} }}" for c, keys in self._taken.items()]
        put = [f"add element {self._table} {c} {{ {', '.join(texts)} }}" for c, texts in self._put.items()]
        return _text(self._refilled, taken, put, self._emptied, self._dropped_chains, self._dropped_sets)

    def _element(self, element: Element, before: str | None, after: str | None) -> None:
        if before is not None:
            self._taken.setdefault(element.container, []).append(element.key)
        if after is not None:
            text = f"{element.key} : {after}" if after else element.key
            self._put.setdefault(element.container, []).append(text)

    def _chain(self, path: str, before: str | None, after: str | None) -> None:
        if after is None:
            self._emptied.append(f"flush chain {path}")
            self._dropped_chains.append(f"delete chain {path}")
            return
        rules = [f"add rule {path} {rule}" for rule in after.split("\n")]
        if before is None:
            self._declared.append(f"add chain {path}")
            self._filled.extend(rules)
        else:
            self._refilled.extend([f"flush chain {path}", *rules])


def _text(*groups: list[str]) -> str:
    return "".join(f"{line}\n" for group in groups for line in group)
