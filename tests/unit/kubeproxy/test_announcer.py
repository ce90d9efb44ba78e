"""What a node sends when it takes over an address."""

from __future__ import annotations

from kubeproxy.announcer import advertisement, gratuitous_arp


def test_a_gratuitous_arp_names_sender_and_target_alike() -> None:
    mac = bytes.fromhex("020304050607")
    frame = gratuitous_arp(mac, "10.0.255.1")
    assert frame[:14] == b"\xff" * 6 + mac + b"\x08\x06"
    # Ethernet, IPv4, address lengths, request.
    assert frame[14:22] == bytes.fromhex("0001080006040001")
    assert frame[22:] == mac + bytes([10, 0, 255, 1]) + bytes(6) + bytes([10, 0, 255, 1])


def test_an_advertisement_overrides_what_was_known_of_the_address() -> None:
    mac = bytes.fromhex("020304050607")
    message = advertisement(mac, "fd00::1")
    assert message[:8] == bytes.fromhex("88000000a0000000")
    assert message[8:] == bytes.fromhex("fd000000000000000000000000000001") + b"\x02\x01" + mac
