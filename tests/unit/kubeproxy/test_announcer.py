"""What a node sends when it takes over an address."""

from __future__ import annotations

from kubeproxy.announcer import gratuitous_arp


def test_a_gratuitous_arp_names_sender_and_target_alike() -> None:
    mac = bytes.fromhex("020304050607")
    frame = gratuitous_arp(mac, "10.0.255.1")
    assert frame[:14] == b"\xff" * 6 + mac + b"\x08\x06"
    # Ethernet, IPv4, address lengths, request.
    assert frame[14:22] == bytes.fromhex("0001080006040001")
    assert frame[22:] == mac + bytes([10, 0, 255, 1]) + bytes(6) + bytes([10, 0, 255, 1])
