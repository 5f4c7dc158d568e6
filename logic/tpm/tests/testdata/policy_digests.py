#!/usr/bin/env python3
"""Policy digests as Part 3, section 23 of the TPM 2.0 Library specification defines them, with hashlib only.

    python3 policy_digests.py > policy_digests.txt

The inputs stand here and in tests/policies.rs. Policies A, B and C are those of the TCG EK Credential Profile
(version 2.x, annex B); what is printed for them are the profile's values.
"""
import hashlib

HASHES = ["sha1", "sha256", "sha384", "sha512"]


def be(value, size):
    return value.to_bytes(size, "big")


class Policy:
    def __init__(self, name):
        self.name = name
        self.digest = bytes(self.size())

    def size(self):
        return hashlib.new(self.name).digest_size

    def hash(self, *parts):
        return hashlib.new(self.name, b"".join(parts)).digest()

    def step(self, code, *parts):
        self.digest = self.hash(self.digest, be(code, 4), *parts)
        return self

    def update(self, code, name, reference=b""):
        self.step(code, name)
        self.digest = self.hash(self.digest, reference)
        return self

    def clear(self):
        self.digest = bytes(self.size())
        return self


def policies(n):
    size = Policy(n).size()
    filled = lambda byte: bytes([byte]) * size
    yield "auth_value", Policy(n).step(0x16B)
    yield "password", Policy(n).step(0x16B)
    yield "physical_presence", Policy(n).step(0x187)
    yield "command_code", Policy(n).step(0x16C, be(0x15E, 4))
    yield "locality_3_4", Policy(n).step(0x16F, b"\x18")
    yield "locality_then_smaller", Policy(n).step(0x16F, b"\x18").step(0x16F, b"\x08")
    yield "nv_written_yes", Policy(n).step(0x18F, b"\x01")
    yield "nv_written_no", Policy(n).step(0x18F, b"\x00")
    yield "cp_hash", Policy(n).step(0x16E, filled(0x11))
    yield "name_hash", Policy(n).step(0x170, filled(0x12))
    yield "template", Policy(n).step(0x190, filled(0x13))
    yield "parameters", Policy(n).step(0x19C, filled(0x14))
    name = b"\x00\x0b" + b"\x21" * 32
    parent = b"\x00\x0b" + b"\x22" * 32
    yield "duplication_select_with_object", Policy(n).step(0x188, name, parent, b"\x01")
    yield "duplication_select", Policy(n).step(0x188, parent, b"\x00")
    yield "or_of_two", Policy(n).step(0x171, filled(0), filled(0x31))
    eight = [filled(0)] + [filled(0x40 + at) for at in range(7)]
    yield "or_of_eight", Policy(n).step(0x171, *eight)
    yield "secret_owner_with_reference", Policy(n).update(0x151, be(0x40000001, 4), b"reference")
    yield "secret_endorsement", Policy(n).update(0x151, be(0x4000000B, 4))
    yield "authorize", Policy(n).step(0x16B).clear().update(0x16A, name, b"ref")
    operand = b"\x00" * 8
    arguments = Policy(n).hash(operand, be(0, 2), be(7, 2))
    yield "counter_timer", Policy(n).step(0x16D, arguments)
    arguments = Policy(n).hash(be(0x20000144, 4), be(0, 2), be(1, 2), be(2, 4), be(0x144, 4))
    yield "capability", Policy(n).step(0x19B, arguments)
    # PCRs 0, 7 and 23 of the SHA-256 bank, each 32 zero bytes.
    selection = be(1, 4) + be(0x0B, 2) + b"\x03\x81\x00\x80"
    yield "pcr", Policy(n).step(0x17F, selection, Policy(n).hash(bytes(96)))


def profile():
    """The EK Credential Profile's policies for SHA-256."""
    a = Policy("sha256").update(0x151, be(0x4000000B, 4))
    index = bytes.fromhex("000b0c9d717e9c3fe69fda41769450bb145957f8b3610e084dbf65591a5d11ecd83f")
    c = Policy("sha256").step(0x192, index)
    b = Policy("sha256").step(0x171, a.digest, c.digest)
    return [("policy_a", a), ("policy_b", b), ("policy_c", c)]


for hash_name in HASHES:
    for what, policy in policies(hash_name):
        print(hash_name, what, policy.digest.hex())
for what, policy in profile():
    print("sha256", what, policy.digest.hex())
