#!/usr/bin/env python3
"""Makes commands.txt: commands with keys that are given from outside, answered by Debian's swtpm.

The same lines as in state.txt. Keys are loaded with their private part, so that every answer asked for here is fixed
by the command: agreements, MACs, ciphers, PKCS #1 signatures, certificates, parameters; and what is refused, with its
code. Commands whose answers hold random numbers or clocks are asked only where they are refused. Not asked is where swtpm
is at fault: a handle's number in CertifyX509, TPM_RC_FAILURE for a ciphertext that is none.

    python3 commands.py > commands.txt
"""

import hashlib
import random
import struct
import sys

from state import NULL, OWNER, PLATFORM, SHA1, SHA256, SHA384, Swtpm, frame, sized, u

dice = random.Random(21)
RSA, HMAC, AES, KEYEDHASH, XOR, NONE = 1, 5, 6, 8, 10, 0x10
RSASSA, RSAES, RSAPSS, OAEP, ECDSA, ECDH, ECDAA, SM2, SCHNORR, ECMQV = range(0x14, 0x1E)
ECC, SYMCIPHER, CMAC, CTR, OFB, CBC, CFB, ECB = 0x23, 0x25, 0x3F, 0x40, 0x41, 0x42, 0x43, 0x44
USER, NO_DA, RESTRICTED, DECRYPT, SIGN = 1 << 6, 1 << 10, 1 << 16, 1 << 17, 1 << 18
FIRST = 0x80000000

# P-256, for points from outside.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
A, B = P - 3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def words(*numbers):
    return b"".join(struct.pack(">H", number) for number in numbers)


def add(one, other):
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % P == 0:
            return None
        slope = (3 * one[0] * one[0] + A) * pow(2 * one[1], -1, P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(number, point):
    sum_ = None
    for bit in bin(number)[2:]:
        sum_ = add(sum_, sum_)
        if bit == "1":
            sum_ = add(sum_, point)
    return sum_


def coordinates(point):
    return sized(point[0].to_bytes(32, "big")) + sized(point[1].to_bytes(32, "big"))


def prime(bits):
    while True:
        number = dice.getrandbits(bits) | 3 << bits - 2 | 1
        if number % 65537 != 1 and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7, 11)):
            return number


def public(kind, attributes, parameters, unique, name_alg=SHA256):
    return struct.pack(">HHI", kind, name_alg, USER | NO_DA | attributes) + sized(b"") + parameters + unique


def sensitive(kind, secret, seed=b""):
    return words(kind) + sized(b"") + sized(seed) + sized(secret)


def external(area, secret, hierarchy=NULL):
    return frame(0x167, [], sized(secret) + sized(area) + u(hierarchy))


def curve_key(attributes, scheme, number):
    area = public(ECC, attributes, words(NONE) + scheme + words(3, NONE), coordinates(times(number, G)))
    return external(area, sensitive(ECC, number.to_bytes(32, "big")))


def hidden_key(kind, attributes, parameters, secret):
    seed = bytes([7]) * 32
    unique = sized(hashlib.sha256(seed + secret).digest())
    return external(public(kind, attributes, parameters, unique), sensitive(kind, secret, seed))


def rsa_key(attributes, scheme, p, q):
    area = public(RSA, attributes, words(NONE) + scheme + words(2048) + u(0), sized((p * q).to_bytes(256, "big")))
    return external(area, sensitive(RSA, p.to_bytes(128, "big")))


def main():
    tpm = Swtpm()
    lines = []

    def ask(command):
        answer = tpm.send(command)
        lines.append(command.hex() + " " + answer.hex())
        return answer

    def on_key(code, params, auths=(b"",), handles=(FIRST,)):
        return ask(frame(code, list(handles), params, list(auths)))

    def with_key(load, work):
        if ask(load)[6:10] == bytes(4):
            work()
            ask(frame(0x165, [], u(FIRST)))

    ask(frame(0x144, [], bytes(2)))
    for curve in (2, 3, 4, 5, 0x10, 0x20, 0, 6, 0x99):
        ask(frame(0x178, [], words(curve)))
    tests = [words(RSA, NONE, NONE, bits) + u(0) for bits in (1024, 2048, 3072, 512, 2047, 0)]
    tests += [words(RSA, NONE, scheme, SHA256, 2048) + u(0) for scheme in (RSASSA, RSAPSS, OAEP, ECDSA, 0x99)]
    tests += [words(ECC, NONE, scheme, SHA256, 3, NONE) for scheme in (ECDSA, ECDH, SCHNORR, RSASSA, 0x99)]
    tests += [words(ECC, NONE, ECDAA, SHA256, 0, 3, NONE), words(ECC, NONE, NONE, 3, NONE), words(ECC, NONE, NONE, 7, NONE)]
    tests += [words(SYMCIPHER, AES, bits, mode) for bits in (128, 256, 64) for mode in (CTR, OFB, CBC, CFB, ECB, CMAC, NONE, 9)]
    tests += [words(KEYEDHASH, HMAC, SHA1), words(KEYEDHASH, XOR, SHA256, 0x22), words(KEYEDHASH, NONE), words(KEYEDHASH, 9), words(9)]
    for test in tests:
        ask(frame(0x18A, [], test))

    theirs = [coordinates(times(number, G)) for number in (3, 5, 2**200 + 7)]
    wrong = theirs[0][:-1] + bytes([theirs[0][-1] ^ 1])

    def agree():
        for point in theirs + [wrong, sized(b"") + sized(b""), theirs[0] + b"\0"]:
            on_key(0x154, sized(point))
            for scheme in (ECDH, NONE, ECDSA, 0x99):
                on_key(0x18D, sized(point) + sized(theirs[1]) + words(scheme, 7))
        on_key(0x18D, sized(theirs[0]) + sized(wrong) + words(ECDH, 0))
        on_key(0x18B, sized(sized(b"") + sized(b"")) + sized(b"") + sized(b""))
        on_key(0x155, sized(b"data") + words(SHA256))

    with_key(curve_key(DECRYPT, words(NONE), 11), agree)
    with_key(curve_key(DECRYPT, words(ECDH, SHA256), 12), agree)
    with_key(curve_key(SIGN, words(ECDSA, SHA256), 13), agree)
    for code in (0, 6, 0x99):
        ask(frame(0x18E, [], words(code)))
    ask(frame(0x18E, [], words(3) + b"\0"))

    def commit():
        none = sized(sized(b"") + sized(b""))
        y = sized(bytes(32))
        for params in (sized(wrong) + sized(b"") + sized(b""), none + sized(b"x") + sized(b""), none + sized(b"") + y,
                       none + sized(b"x") + y, none + sized(b"") + sized(b"") + b"\0", b"", none):
            on_key(0x18B, params)
        digest = sized(bytes(32))
        ticket = bytes.fromhex("8024400000070000")
        for scheme in (words(ECDAA, SHA256, 0), words(ECDAA, SHA256, 99), words(ECDAA, SHA384, 0), words(NONE), words(ECDSA, SHA256)):
            on_key(0x15D, digest + scheme + ticket)

    with_key(curve_key(SIGN, words(ECDAA, SHA256, 0), 14), commit)

    def macs():
        for size in (0, 1, 15, 16, 17, 100):
            for scheme in (CMAC, NONE, SHA256, SHA1, HMAC, 0x99):
                on_key(0x155, sized(dice.randbytes(size)) + words(scheme))
        for scheme in (CMAC, NONE, SHA256):
            started = on_key(0x15B, sized(b"") + words(scheme))
            if started[6:10] == bytes(4):
                sequence = FIRST + 1
                for size in (0, 5, 16, 40):
                    on_key(0x15C, sized(dice.randbytes(size)), handles=[sequence])
                on_key(0x13E, sized(b"end") + u(OWNER), handles=[sequence])

    key = dice.randbytes(16)
    with_key(hidden_key(SYMCIPHER, SIGN, words(AES, 128, NONE), key), macs)
    with_key(hidden_key(SYMCIPHER, SIGN, words(AES, 128, CMAC), key), macs)
    with_key(hidden_key(SYMCIPHER, SIGN | DECRYPT, words(AES, 128, CFB), key), macs)
    with_key(hidden_key(SYMCIPHER, DECRYPT, words(AES, 128, NONE), key), macs)
    with_key(hidden_key(KEYEDHASH, SIGN, words(HMAC, SHA256), dice.randbytes(40)), macs)
    with_key(hidden_key(KEYEDHASH, SIGN, words(NONE), dice.randbytes(20)), macs)
    with_key(hidden_key(KEYEDHASH, SIGN | DECRYPT, words(NONE), dice.randbytes(20)), macs)

    def ciphers():
        for mode in (CTR, OFB, CBC, CFB, ECB, NONE, CMAC, 9):
            # After part of a block in CFB, our vector to go on with is another one.
            for size in (0, 16, 17, 48) if mode in (CTR, OFB, CBC, ECB, CMAC, 9) else (0, 16, 48):
                vector = sized(b"" if mode == ECB else dice.randbytes(16))
                data = sized(dice.randbytes(size))
                for decrypt in (b"\0", b"\1"):
                    on_key(0x164, decrypt + words(mode) + vector + data)
                    on_key(0x193, data + decrypt + words(mode) + vector)
        on_key(0x193, sized(bytes(16)) + b"\2" + words(CFB) + sized(bytes(16)))
        on_key(0x193, sized(bytes(16)) + b"\0" + words(CFB) + sized(bytes(15)))

    for bits in (128, 256):
        for mode in (NONE, CFB, CBC):
            key = dice.randbytes(bits // 8)
            with_key(hidden_key(SYMCIPHER, SIGN | DECRYPT, words(AES, bits, mode), key), ciphers)

    p, q = prime(1024), prime(1024)
    modulus = p * q
    ticket = bytes.fromhex("8024400000070000")

    def signs():
        for hash_, size in ((SHA256, 32), (SHA1, 20), (SHA384, 48), (SHA256, 31), (SHA256, 0)):
            digest = sized(dice.randbytes(size))
            on_key(0x15D, digest + words(RSASSA, hash_) + ticket)
        on_key(0x15D, sized(bytes(32)) + words(ECDSA, SHA256) + ticket)
        on_key(0x15D, sized(bytes(32)) + words(NONE) + ticket)
        certificates()

    def element(tag, *parts):
        content = b"".join(parts)
        size = len(content)
        head = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + struct.pack(">H", size)
        return bytes([tag]) + head + content

    def certificates():
        name = element(0x30, element(0x31, element(0x30, bytes.fromhex("0603550403"), element(0x0C, b"name"))))
        validity = element(0x30, element(0x17, b"260101000000Z"), element(0x17, b"360101000000Z"))

        def extension(oid, bits):
            return element(0x30, bytes.fromhex(oid), bytes.fromhex("0101ff"), element(4, element(3, bits)))

        def usage(bits):
            return extension("0603551d0f", bits)

        def whole(*extensions):
            return element(0x30, name, validity, name, element(0xA3, element(0x30, *extensions)))

        own = struct.pack(">I", USER | NO_DA | SIGN)

        def attributes(word):
            return extension("06076781050a010101", b"\0" + word)

        good = usage(b"\x07\x80")
        cases = [whole(good), whole(attributes(own), good), whole(good, attributes(own)), whole(usage(b"\x01\x06")),
                 whole(usage(b"\x06\x40")), whole(usage(b"\x05\x20")), whole(usage(b"\x04\x10")),
                 whole(usage(b"\x03\x08")), whole(usage(b"\x07\x80\x80")), whole(), whole(attributes(own)),
                 element(0x31, whole(good)), whole(good) + b"\0", whole(good)[:-1],
                 element(0x30, name, validity, element(0xA3, element(0x30, good))), element(0x30, name, validity, name),
                 element(0x30, element(0x30, bytes.fromhex("06092a864886f70d01010b0500")), name, validity, name,
                         element(0xA3, element(0x30, good))),
                 element(0x30, name, name, name, name, name, element(0xA3, element(0x30, good))), b"", b"\x30"]
        for case in cases:
            for scheme in (words(RSASSA, SHA256), words(RSASSA, SHA384)):
                on_key(0x197, sized(b"") + scheme + sized(case), auths=(b"", b""), handles=(FIRST, FIRST))
        for params in (sized(b"x") + words(RSASSA, SHA256) + sized(cases[0]), sized(b"") + words(ECDSA, SHA256) + sized(cases[0]),
                       sized(b"") + words(NONE) + sized(cases[0])):
            on_key(0x197, params, auths=(b"", b""), handles=(FIRST, FIRST))
        ask(frame(0x197, [FIRST, FIRST], sized(b"") + words(RSASSA, SHA256) + sized(cases[0]), [b""]))

    with_key(rsa_key(SIGN, words(NONE), p, q), signs)
    with_key(rsa_key(SIGN, words(RSASSA, SHA256), p, q), signs)

    def decrypts():
        message = dice.randrange(modulus).to_bytes(256, "big")
        on_key(0x159, sized(message) + words(NONE) + sized(b""))
        on_key(0x159, sized(message) + words(OAEP, SHA256) + sized(b"label"))
        ask(frame(0x174, [FIRST], sized(message) + words(NONE) + sized(b"")))
        ask(frame(0x174, [FIRST], sized(b"\5") + words(NONE) + sized(b"")))

    with_key(rsa_key(DECRYPT, words(NONE), p, q), decrypts)

    def codes(*numbers):
        return u(len(numbers), *numbers)

    for what in (3, 4):
        for first, count in ((0, 10), (0x12E, 3), (0, 0), (0x141, 2)):
            ask(frame(0x17A, [], u(what, first, count)))
    for who, hash_, chosen, cleared in (
            (OWNER, NONE, (0x17B, 0x145, 0x999, 0x126), ()), (PLATFORM, NONE, (0x144,), (0x17B, 0x140)),
            (OWNER, SHA384, (1,), ()), (OWNER, SHA1, (), (2,)), (OWNER, 0x99, (), ()), (0x4000000B, NONE, (), ())):
        ask(frame(0x140, [who], words(hash_) + codes(*chosen) + codes(*cleared), [b""]))
        ask(frame(0x17A, [], u(4, 0, 20)))
    ask(frame(0x140, [OWNER], words(NONE) + u(255) + bytes(4 * 255) + u(0), [b""]))
    ask(frame(0x140, [OWNER], words(NONE) + u(2, 0x17B), [b""]))
    for who in (PLATFORM, OWNER):
        ask(frame(0x12D, [who], codes(0x126) + codes(), [b""]))
        ask(frame(0x13F, [who], u(0x01020304), [b""]))
    ask(frame(0x12D, [PLATFORM], codes(0x126) + codes(), [b"wrong"]))
    ask(frame(0x13F, [PLATFORM], u(1), [b"wrong"]))
    ask(frame(0x17A, [], u(6, 0x20C, 1)))
    ask(frame(0x133, [0x4000000B, NULL], sized(b"") + words(0x99), [b"", b""]))
    ask(frame(0x133, [OWNER, NULL], sized(b"") + words(NONE), [b"", b""]))
    ask(frame(0x133, [0x4000000B, NULL], sized(b"") + words(NONE), [b""]))
    tpm.process.terminate()
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
