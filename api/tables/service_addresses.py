"""How IPAddresses and ServiceCIDRs are shown."""

from api.tables.layout import AGE, NAME, Cell, Column, Layout
from api.tables.text import NONE, age
from api.types import IPAddress, ParentReference, ServiceCIDR


def _parent(reference: ParentReference | None) -> str:
    """As `services/default/kubernetes`; the group behind the resource, no namespace for what has none."""
    if reference is None:
        return NONE
    resource = f"{reference.resource}.{reference.group}" if reference.group else reference.resource
    return "/".join(part for part in (resource, reference.namespace, reference.name) if part)


def _address_cells(address: IPAddress, now: float) -> list[Cell]:
    return [address.metadata.name, _parent(address.spec.parent_ref)]


def _range_cells(cidr: ServiceCIDR, now: float) -> list[Cell]:
    return [cidr.metadata.name, ",".join(cidr.spec.cidrs), age(cidr.metadata, now)]


IP_ADDRESSES = Layout(columns=(NAME, Column("ParentRef", "Whose address it is.")), cells=_address_cells)

SERVICE_CIDRS = Layout(
    columns=(NAME, Column("CIDRs", "The networks Service addresses come from."), AGE), cells=_range_cells
)
