"""The driver's two sockets: CSI for whoever uses it, Registration for the kubelet that is to find it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
from google.protobuf import wrappers_pb2
from grpc.aio import ServicerContext as Context

from cluster.connection import SERVER_OPTIONS
from cluster.pb import csi_pb2 as pb
from cluster.pb import pluginregistration_pb2 as registration_pb
from cluster.pb.csi_pb2_grpc import (
    IdentityServicer,
    add_ControllerServicer_to_server,
    add_IdentityServicer_to_server,
    add_NodeServicer_to_server,
)
from cluster.pb.pluginregistration_pb2_grpc import RegistrationServicer, add_RegistrationServicer_to_server
from csi.local import NAME
from csi.local.controller import LocalController
from csi.local.locks import Locks
from csi.local.node import LocalNode
from csi.local.volumes import Volumes

VERSION = "1.0.0"
DRAIN_SECONDS = 2.0


class LocalDriver:
    """directory: where the volumes are. endpoint: the CSI socket. registry: the kubelet's plugin folder."""

    def __init__(self, directory: Path, node_id: str, endpoint: Path, registry: Path) -> None:
        volumes, locks = Volumes(directory), Locks()
        self._volumes = volumes
        self._csi = grpc.aio.server(options=SERVER_OPTIONS)
        add_IdentityServicer_to_server(_Identity(), self._csi)
        add_ControllerServicer_to_server(LocalController(volumes, node_id, locks), self._csi)
        add_NodeServicer_to_server(LocalNode(volumes, node_id, locks), self._csi)
        self._registration = grpc.aio.server(options=SERVER_OPTIONS)
        add_RegistrationServicer_to_server(_Registration(endpoint), self._registration)
        self._sockets = {endpoint: self._csi, registry / f"{NAME}-reg.sock": self._registration}

    async def start(self) -> None:
        """Mend what a crash left, then serve: CSI first, then say so. Raises OSError when a socket cannot be made."""
        await asyncio.to_thread(self._volumes.recover)
        for socket, server in self._sockets.items():
            socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            socket.unlink(missing_ok=True)
            try:
                server.add_insecure_port(f"unix://{socket}")
            except RuntimeError as error:
                raise OSError(f"cannot listen on {socket}: {error}") from error
            await server.start()

    async def close(self) -> None:
        """Be gone for the kubelet first, then end what is being done."""
        for socket, server in reversed(self._sockets.items()):
            await server.stop(DRAIN_SECONDS)
            socket.unlink(missing_ok=True)


class _Identity(IdentityServicer):  # type: ignore[misc]
    async def GetPluginInfo(self, request: pb.GetPluginInfoRequest, context: Context) -> pb.GetPluginInfoResponse:
        return pb.GetPluginInfoResponse(name=NAME, vendor_version=VERSION)

    async def GetPluginCapabilities(
        self, request: pb.GetPluginCapabilitiesRequest, context: Context
    ) -> pb.GetPluginCapabilitiesResponse:
        service, expansion = pb.PluginCapability.Service, pb.PluginCapability.VolumeExpansion
        services = (service.CONTROLLER_SERVICE, service.VOLUME_ACCESSIBILITY_CONSTRAINTS)
        capabilities = [pb.PluginCapability(service=service(type=each)) for each in services]
        capabilities.append(pb.PluginCapability(volume_expansion=expansion(type=expansion.ONLINE)))
        return pb.GetPluginCapabilitiesResponse(capabilities=capabilities)

    async def Probe(self, request: pb.ProbeRequest, context: Context) -> pb.ProbeResponse:
        return pb.ProbeResponse(ready=wrappers_pb2.BoolValue(value=True))


class _Registration(RegistrationServicer):  # type: ignore[misc]
    def __init__(self, endpoint: Path) -> None:
        self._endpoint = endpoint

    async def GetInfo(self, request: registration_pb.InfoRequest, context: Context) -> registration_pb.PluginInfo:
        return registration_pb.PluginInfo(
            type="CSIPlugin", name=NAME, endpoint=str(self._endpoint), supported_versions=["1.0.0"]
        )

    async def NotifyRegistrationStatus(
        self, request: registration_pb.RegistrationStatus, context: Context
    ) -> registration_pb.RegistrationStatusResponse:
        return registration_pb.RegistrationStatusResponse()
