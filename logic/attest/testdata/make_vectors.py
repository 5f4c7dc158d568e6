#!/usr/bin/env python3
"""Makes vectors.txt with cbor2 and cryptography: nothing of Ironroot takes part.

    python3 -m venv venv && venv/bin/pip install cbor2 cryptography pycose
    venv/bin/python make_vectors.py > vectors.txt

Every line is `name verdict hex`. The verdict is what a verifier of RFC 9783 must say with the key below.
Tokens named `exact-…` are deterministic CBOR with an RFC 6979 signature, so our own bytes must equal them.
"""

import hashlib

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from pycose.headers import Algorithm
from pycose.keys import EC2Key
from pycose.messages import Sign1Message

# The attestation key of the example in RFC 9783's drafts (a JWK there); a test key, known to all.
D = 0x43FFFECB95F8085A7C40E1D3EA790BEF4EB78CDD77D58503A64C1600F91B33E7
KEY = ec.derive_private_key(D, ec.SECP256R1())
NUMBERS = KEY.public_key().public_numbers()
POINT = b"\x04" + NUMBERS.x.to_bytes(32, "big") + NUMBERS.y.to_bytes(32, "big")
UEID = b"\x01" + hashlib.sha256(POINT).digest()

BL = {1: "BL", 2: bytes([0x11] * 32), 4: "1.0.0", 5: bytes([0x21] * 32), 6: "SHA256"}
SPE = {1: "SPE", 2: bytes([0x12] * 32), 4: "2.3.4+5", 5: bytes([0x22] * 32), 6: "SHA256"}
NSPE = {2: bytes([0x13] * 48), 5: bytes([0x23] * 32)}


def claims(**changes):
    """The full RFC 9783 claim set; a change to None takes a claim away."""
    names = dict(nonce=10, ueid=256, profile=265, seed=268, client=2394, lifecycle=2395,
                 implementation=2396, certification=2398, software=2399, service=2400)
    values = dict(nonce=bytes(range(32)), ueid=UEID, profile="tag:psacertified.org,2023:psa#tfm",
                  seed=bytes([0x5A] * 32), client=-1, lifecycle=0x3000,
                  implementation=bytes([0x77] * 32), certification="1234567890123-12345",
                  software=[BL, SPE, NSPE], service="https://verify.example")
    values.update(changes)
    return {names[name]: value for name, value in values.items() if value is not None}


def profile_1(**changes):
    names = dict(profile=-75000, client=-75001, lifecycle=-75002, implementation=-75003,
                 seed=-75004, certification=-75005, software=-75006, no_software=-75007,
                 nonce=-75008, ueid=-75009, service=-75010)
    values = dict(profile="PSA_IOT_PROFILE_1", client=-1, lifecycle=0x3000,
                  implementation=bytes([0x77] * 32), seed=bytes([0x5A] * 32),
                  certification="1234567890123", software=[BL, SPE, NSPE], nonce=bytes(range(32)),
                  ueid=UEID, service="https://verify.example")
    values.update(changes)
    return {names[name]: value for name, value in values.items() if value is not None}


def sign(payload, protected=None, deterministic=False):
    protected = cbor2.dumps({1: -7}) if protected is None else protected
    structure = cbor2.dumps(["Signature1", protected, b"", payload])
    der = KEY.sign(structure, ec.ECDSA(hashes.SHA256(), deterministic_signing=deterministic))
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def token(claim_set, deterministic=False, payload=None, protected=None, unprotected=None, tag=18):
    payload = cbor2.dumps(claim_set, canonical=True) if payload is None else payload
    protected = cbor2.dumps({1: -7}) if protected is None else protected
    body = [protected, unprotected or {}, payload, sign(payload, protected, deterministic)]
    return cbor2.dumps(cbor2.CBORTag(tag, body) if tag else body)


def pycose_token(claim_set):
    message = Sign1Message(phdr={Algorithm: "ES256"}, payload=cbor2.dumps(claim_set))
    message.key = EC2Key(crv="P_256", x=POINT[1:33], y=POINT[33:], d=D.to_bytes(32, "big"))
    return message.encode()


def emit(name, verdict, data):
    print(name, verdict, data.hex())


print("# Made by make_vectors.py (cbor2, cryptography, pycose).")
emit("private-key", "-", D.to_bytes(32, "big"))
emit("public-key", "-", POINT)

emit("exact-full", "valid", token(claims(), True))
emit("exact-smallest", "valid", token(claims(seed=None, certification=None, service=None,
     software=[NSPE], nonce=bytes(64), client=2147483647, lifecycle=0x40A5), True))
emit("exact-profile-1", "valid", token(profile_1(), True))
emit("exact-profile-1-unmeasured", "valid", token(profile_1(software=None, no_software=1,
     certification=None, service=None, nonce=bytes(48)), True))

emit("pycose-full", "valid", pycose_token(claims()))
emit("claims-in-another-order", "valid", token(None, payload=cbor2.dumps(
     dict(reversed(list(claims().items()))))))
emit("unknown-claims", "valid", token(claims() | {"text": [1, {2: None}], 99999: 1.5, -1: b"x"}))
emit("key-id-in-both-headers", "valid", token(claims(), protected=cbor2.dumps({1: -7, 4: b"k"}),
     unprotected={4: b"kid"}))
emit("long-form-integers", "valid", token(None, payload=cbor2.dumps(claims(), canonical=True)
     .replace(bytes.fromhex("19095b193000"), bytes.fromhex("1a0000095b1a00003000"))))

full = token(claims())
emit("untagged", "malformed", token(claims(), tag=None))
emit("tagged-mac0", "malformed", token(claims(), tag=17))
emit("tagged-cwt", "malformed", cbor2.dumps(cbor2.CBORTag(61, cbor2.loads(full))))
emit("trailing-byte", "malformed", full + b"\0")
emit("signature-of-der", "malformed", cbor2.dumps(cbor2.CBORTag(18, [b"\xa1\x01\x26", {}, b"\xa0",
     KEY.sign(b"", ec.ECDSA(hashes.SHA256()))])))
emit("es384", "algorithm", token(claims(), protected=cbor2.dumps({1: -35})))
emit("no-algorithm", "algorithm", token(claims(), protected=b"\xa0"))
emit("algorithm-unprotected", "algorithm", token(claims(), protected=b"\xa0", unprotected={1: -7}))
emit("critical-header", "algorithm", token(claims(), protected=cbor2.dumps({1: -7, 2: [99], 99: 1})))
emit("zero-signature", "signature", full[:-64] + bytes(64))
emit("other-payload", "signature", full.replace(b"1.0.0", b"1.0.1"))

BAD = {
    "profile-missing": ("profile", claims(profile=None)),
    "profile-unknown": ("profile", claims(profile="http://arm.com/psa/2.0.0")),
    "profile-names-crossed": ("profile", claims(profile="PSA_IOT_PROFILE_1")),
    "nonce-missing": ("nonce", claims(nonce=None)),
    "nonce-31": ("nonce", claims(nonce=bytes(31))),
    "nonce-33": ("nonce", claims(nonce=bytes(33))),
    "nonce-array": ("malformed-claims", claims(nonce=[bytes(32)])),
    "ueid-missing": ("instance-id", claims(ueid=None)),
    "ueid-short": ("instance-id", claims(ueid=UEID[:32])),
    "ueid-type-2": ("instance-id", claims(ueid=b"\x02" + UEID[1:])),
    "implementation-missing": ("implementation-id", claims(implementation=None)),
    "implementation-33": ("implementation-id", claims(implementation=bytes(33))),
    "client-missing": ("client-id", claims(client=None)),
    "client-zero": ("client-id", claims(client=0)),
    "client-2-31": ("client-id", claims(client=1 << 31)),
    "lifecycle-missing": ("lifecycle", claims(lifecycle=None)),
    "lifecycle-7000": ("lifecycle", claims(lifecycle=0x7000)),
    "lifecycle-13000": ("lifecycle", claims(lifecycle=0x13000)),
    "lifecycle-negative": ("lifecycle", claims(lifecycle=-1)),
    "seed-7": ("boot-seed", claims(seed=bytes(7))),
    "seed-33": ("boot-seed", claims(seed=bytes(33))),
    "certification-13": ("certification-reference", claims(certification="1234567890123")),
    "certification-letters": ("certification-reference", claims(certification="123456789012a-12345")),
    "software-missing": ("software-components", claims(software=None)),
    "software-empty": ("software-components", claims(software=[])),
    "software-without-measurement": ("software-components", claims(software=[{5: bytes(32)}])),
    "software-without-signer": ("software-components", claims(software=[{2: bytes(32)}])),
    "software-short-measurement": ("software-components",
                                   claims(software=[{2: bytes(20), 5: bytes(32)}])),
    "service-empty": ("verification-service", claims(service="")),
    "p1-seed-missing": ("boot-seed", profile_1(seed=None)),
    "p1-seed-8": ("boot-seed", profile_1(seed=bytes(8))),
    "p1-both-software-claims": ("software-components", profile_1(no_software=1)),
    "p1-no-software-2": ("software-components", profile_1(software=None, no_software=2)),
    "p1-certification-19": ("certification-reference",
                            profile_1(certification="1234567890123-12345")),
}
for name, (verdict, claim_set) in BAD.items():
    emit(name, verdict, token(claim_set))
payload = cbor2.dumps(claims(), canonical=True)
emit("claim-twice", "malformed-claims", token(None, payload=b"\xab" + payload[1:] + b"\x19\x09\x5b\x19\x30\x00"))
emit("claims-indefinite", "malformed-claims", token(None, payload=b"\xbf" + payload[1:] + b"\xff"))
emit("claims-trailing", "malformed-claims", token(None, payload=payload + b"\0"))
emit("claims-cut", "malformed-claims", token(None, payload=payload[:-1]))
emit("claims-not-a-map", "malformed-claims", token(None, payload=b"\x80"))
emit("claim-nested-deeply", "malformed-claims", token(None,
     payload=b"\xab" + payload[1:] + b"\x19\xff\xff" + b"\x81" * 200 + b"\x00"))
