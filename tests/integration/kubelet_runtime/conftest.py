from tests.support.images import machine_images as machine_images
from tests.support.runtime import node as node
from tests.support.runtime import node_network as node_network
