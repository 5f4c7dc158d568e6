#!/usr/bin/env python3
"""Makes curves.txt: rare algorithms, answered by Debian's swtpm.

Each line is a command and its answer, in hexadecimal; `tests/algorithms.rs` gives the commands to our TPM and wants the same
answers. Keys have private numbers that are worked out here, so that every answer follows from the commands: the numbers of
curves, parameters that are known or not, signatures that swtpm made (and the same, spoilt), agreement, ciphers, MACs. What swtpm signs
with ECDAA is checked here with plain numbers. Needs swtpm and Python's standard library:

    python3 curves.py > curves.txt
"""

import hashlib
import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "crypto", "testdata"))
import state  # noqa: E402
from state import Swtpm, frame, sized, u  # noqa: E402

state.PORT = 29961

dice = random.Random(30)
NULL, PASSWORD = 0x40000007, 0x40000009
ECC, SYM, SHA1, SHA256, SHA384, SHA512, NONE = 0x23, 0x25, 4, 11, 12, 13, 0x10
ECDSA, ECDH, ECDAA, SM2, SCHNORR, MQV = 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D
HASHES = {SHA1: "sha1", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}
USER, NO_DA, DECRYPT, SIGN = 0x40, 0x400, 0x20000, 0x40000


def load_curves():
    """The curves of the crypto crate's model, which needs the package `cryptography` only for what is not used here."""
    import types

    for name in ("cryptography",):
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = types.ModuleType(name)
    import tpm_vectors_more as model

    names = {2: "p224", 3: "p256", 4: "p384", 5: "p521", 0x10: "bn256", 0x20: "sm2"}
    return {number: model.Curve(name) for number, name in names.items()}


def h(*words):
    return b"".join(struct.pack(">H", word) for word in words)


def name_of(public):
    return h(SHA256) + hashlib.sha256(public).digest()


def ecc(curve, number, d, attributes, scheme):
    x, y = map(curve.octets, curve.times(d))
    public = h(ECC, SHA256) + u(USER | NO_DA | attributes) + h(0, NONE) + scheme + h(number, NONE)
    public += sized(x) + sized(y)
    secret = h(ECC, 0, 0) + sized(curve.octets(d))
    return sized(secret), sized(public)


def main():
    curves = load_curves()
    tpm = Swtpm()
    lines = []

    def answered(command):
        """TPM_RC_RETRY and TPM_RC_TESTING are no answers."""
        while True:
            answer = tpm.send(command)
            if answer[6:10] not in (u(0x922), u(0x90A)):
                return answer

    def ask(command):
        answer = answered(command)
        lines.append(command.hex() + " " + answer.hex())
        return answer

    def quietly(command):
        """Not for the file: the answer is another every time."""
        answer = answered(command)
        assert answer[6:10] == bytes(4), answer.hex()
        return answer

    quietly(frame(0x144, [], h(0)))

    def external(secret, public):
        answer = ask(frame(0x167, [], secret + public + u(NULL)))
        return struct.unpack(">I", answer[10:14])[0] if answer[6:10] == bytes(4) else None

    def flush(handle):
        ask(frame(0x165, [], u(handle)))

    for number in list(curves) + [0, 6, 0x12, 0x21, 0x40]:
        ask(frame(0x178, [], h(number)))
    for number in [2, 3, 0x10, 0x20, 0, 6, 0x21]:
        for scheme in (
            h(NONE), h(ECDSA, SHA256), h(ECDH, SHA384), h(ECDAA, SHA256, 0), h(ECDAA, SHA1, 99), h(SM2, SHA256),
            h(SCHNORR, SHA512), h(MQV, SHA256), h(SM2, 0x11), h(0x14, SHA256), h(0x60, SHA256), h(ECDAA, SHA256),
        ):
            ask(frame(0x18A, [], h(ECC, NONE) + scheme + h(number, NONE)))
    for parts in (h(6, 128, 0x3F), h(6, 256, 0x3F), h(6, 100, 0x3F), h(6, 128, 0x3E), h(6, 128), h(0x11, 128, 0x43), h(NONE)):
        ask(frame(0x18A, [], h(SYM) + parts))

    for number, curve in curves.items():
        d = curve.scalar()
        # Keys with each scheme: loaded or refused.
        for attributes in (SIGN, DECRYPT, SIGN | DECRYPT):
            for scheme in (h(NONE), h(SM2, SHA256), h(SCHNORR, SHA256), h(ECDAA, SHA256, 0), h(MQV, SHA256)):
                handle = external(*ecc(curve, number, d, attributes, scheme))
                if handle:
                    flush(handle)
        handle = external(*ecc(curve, number, d, SIGN, h(NONE)))
        for scheme in (ECDSA, SM2, SCHNORR):
            for hash_number, hash_name in HASHES.items():
                data = hashlib.new(hash_name, dice.randbytes(20)).digest()
                wanted = h(scheme, hash_number)
                ticket = h(0x8024) + u(NULL) + h(0)
                signed = quietly(frame(0x15D, [handle], sized(data) + wanted + ticket, [b""]))
                area = struct.unpack(">I", signed[10:14])[0]
                signature = signed[14 : 14 + area]
                ask(frame(0x177, [handle], sized(data) + signature))
                spoilt = bytearray(signature)
                spoilt[dice.randrange(6, len(spoilt))] ^= 1 << dice.randrange(8)
                others = [bytes(spoilt), h(dice.choice([ECDSA, SM2, SCHNORR, ECDAA, 0x14])) + signature[2:]]
                others += [signature[:-1], signature[:2] + h(0x11) + signature[4:], h(NONE)]
                for other in others:
                    # A prefix of another structure may be one of its own; what does not fit is a size.
                    ask(frame(0x177, [handle], sized(data) + other))
                ask(frame(0x177, [handle], sized(data[:-1] + bytes([data[-1] ^ 1])) + signature))
        flush(handle)
        handle = external(*ecc(curve, number, d, DECRYPT, h(NONE)))
        for _ in range(3):
            x, y = map(curve.octets, curve.times(curve.scalar()))
            ask(frame(0x154, [handle], sized(sized(x) + sized(y)), [b""]))
        ask(frame(0x154, [handle], sized(sized(y) + sized(x)), [b""]))
        flush(handle)

        # ECDAA: s·G = r·G + T·Q, T = H(nonce ‖ digest), as swtpm does it.
        handle = external(*ecc(curve, number, d, SIGN, h(ECDAA, SHA256, 0)))
        committed = quietly(frame(0x18B, [handle], h(4, 0, 0) + h(0, 0), [b""]))
        size = struct.unpack(">I", committed[10:14])[0]
        body = committed[14 : 14 + size]
        count = struct.unpack(">H", body[-2:])[0]
        coordinate = lambda at: (int.from_bytes(body[at + 2 : at + 2 + struct.unpack(">H", body[at : at + 2])[0]], "big"))
        at = 2 + struct.unpack(">H", body[:2])[0]
        at += 2 + struct.unpack(">H", body[at : at + 2])[0] + 2
        x = coordinate(at)
        y = coordinate(at + 2 + struct.unpack(">H", body[at : at + 2])[0])
        assert curve.holds((x, y))
        data = dice.randbytes(32)
        signed = quietly(
            frame(0x15D, [handle], sized(data) + h(ECDAA, SHA256, count) + h(0x8024) + u(NULL) + h(0), [b""])
        )
        size = struct.unpack(">I", signed[10:14])[0]
        signature = signed[14 : 14 + size]
        length = struct.unpack(">H", signature[4:6])[0]
        nonce, s = signature[6 : 6 + length], int.from_bytes(signature[8 + length :], "big")
        t = int.from_bytes(hashlib.sha256(nonce + data).digest(), "big") % curve.n
        assert curve.times(s) == curve.plus((x, y), curve.times(t * d % curve.n)), number
        ask(frame(0x177, [handle], sized(data) + signature))
        flush(handle)

    # AES in every mode, and CMAC.
    for bits in (128, 256):
        for mode in (0x40, 0x41, 0x42, 0x43, 0x44, 0x3F):
            key, seed = dice.randbytes(bits // 8), dice.randbytes(32)
            attributes = USER | NO_DA | SIGN | (0 if mode == 0x3F else DECRYPT)
            public = h(SYM, SHA256) + u(attributes) + h(0) + h(6, bits, mode) + sized(hashlib.sha256(seed + key).digest())
            secret = h(SYM, 0) + sized(seed) + sized(key)
            handle = external(sized(secret), sized(public))
            for length in (0, 1, 15, 16, 17, 32, 33, 100):
                data = dice.randbytes(length)
                if mode == 0x43 and length % 16:
                    # The vector behind a partial block: zeros in the specification's code, key stream in swtpm's.
                    continue
                if mode == 0x3F:
                    for scheme in (NONE, 0x3F, 0x43):
                        ask(frame(0x155, [handle], sized(data) + h(scheme), [b""]))
                iv = b"" if mode == 0x44 else dice.randbytes(16)
                for decrypt in (0, 1):
                    tail = bytes([decrypt]) + h(dice.choice([NONE, mode])) + sized(iv)
                    ask(frame(0x193, [handle], sized(data) + tail, [b""]))
            flush(handle)
    # A key for CMAC that should encrypt, too.
    key, seed = dice.randbytes(16), dice.randbytes(32)
    public = h(SYM, SHA256) + u(USER | SIGN | DECRYPT) + h(0) + h(6, 128, 0x3F) + sized(hashlib.sha256(seed + key).digest())
    handle = external(sized(h(SYM, 0) + sized(seed) + sized(key)), sized(public))
    if handle:
        flush(handle)
    tpm.process.terminate()
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
