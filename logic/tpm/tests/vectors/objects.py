#!/usr/bin/env python3
"""Makes objects.txt: what another TPM (swtpm) makes of keys whose secrets are known.

Storage keys with fixed private parts and seeds are imported into swtpm; everything it then
protects under them can be opened by whoever has the seeds. Needs swtpm and python3-cryptography.

    ./objects.py > objects.txt
"""

import hashlib
import hmac
import socket
import struct
import subprocess
import sys
import tempfile
import time

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB as CfbMode
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB as CfbMode

OWNER, NULL, PASSWORD = 0x40000001, 0x40000007, 0x40000009
RSA, AES, KEYEDHASH, XOR, HMAC = 0x01, 0x06, 0x08, 0x0A, 0x05
SHA256, SHA384, NONE, ECDSA, SP108, ECC, SYM, CFB = 0x0B, 0x0C, 0x10, 0x18, 0x22, 0x23, 0x25, 0x43
FIXED_TPM, FIXED_PARENT, ORIGIN, USER, NO_DA = 0x2, 0x10, 0x20, 0x40, 0x400
RESTRICTED, DECRYPT, SIGN = 0x10000, 0x20000, 0x40000


def u8(n):
    return struct.pack(">B", n)


def u16(n):
    return struct.pack(">H", n)


def u32(n):
    return struct.pack(">I", n)


def sized(data):
    return u16(len(data)) + data


def secret(what, length=32):
    """Fixed bytes that look like nothing."""
    return hashlib.shake_256(b"ironroot vectors: " + what.encode()).digest(length)


def digest(alg, data):
    return hashlib.new({SHA256: "sha256", SHA384: "sha384"}[alg], data).digest()


def name(alg, public):
    return u16(alg) + digest(alg, public)


class Tpm:
    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        path = self.dir.name + "/socket"
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.dir.name, "--server",
             "type=unixio,path=" + path, "--flags", "not-need-init,startup-clear"])
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)

    def run(self, code, handles=(), params=b"", auths=None, returns_handle=False):
        """Sends a command; gives (handle, parameters) or the parameters alone."""
        auths = [PASSWORD] if auths is None else auths
        body = b"".join(u32(h) for h in handles)
        if auths:
            area = b"".join(u32(a) + sized(b"") + u8(a == PASSWORD) + sized(b"") for a in auths)
            body += u32(len(area)) + area
        body += params
        self.socket.sendall(struct.pack(">HII", 0x8002 if auths else 0x8001, 10 + len(body), code) + body)
        head = self.socket.recv(10, socket.MSG_WAITALL)
        _, size, rc = struct.unpack(">HII", head)
        rest = self.socket.recv(size - 10, socket.MSG_WAITALL) if size > 10 else b""
        if rc:
            sys.exit(f"command {code:#x}: {rc:#x}")
        handle = None
        if returns_handle:
            handle, rest = struct.unpack(">I", rest[:4])[0], rest[4:]
        if auths:
            length = struct.unpack(">I", rest[:4])[0]
            rest = rest[4:4 + length]
        return (handle, rest) if returns_handle else rest

    def flush(self, handle):
        self.run(0x165, params=u32(handle), auths=[])


def split(data, count):
    """The first `count` sized buffers, and what is left."""
    parts = []
    for _ in range(count):
        length = struct.unpack(">H", data[:2])[0]
        parts.append(data[2:2 + length])
        data = data[2 + length:]
    return parts, data


def show(key, value):
    print(f"{key} = {value.hex()}")


def public(kind, alg, attributes, parameters, unique, policy=b""):
    return u16(kind) + u16(alg) + u32(attributes) + sized(policy) + parameters + unique


def sensitive(kind, auth, seed, data):
    return u16(kind) + sized(auth) + sized(seed) + sized(data)


def bring(tpm, parent, area, secret_area):
    """Imports and loads an object that is known through and through."""
    params = sized(b"") + sized(area) + sized(sized(secret_area)) + sized(b"") + u16(NONE)
    (private,), _ = split(tpm.run(0x156, [parent], params), 1)
    handle, _ = tpm.run(0x157, [parent], sized(private) + sized(area), returns_handle=True)
    return handle


def create(tpm, label, parent, area, auth, data, code=0x153):
    params = sized(sized(auth) + sized(data)) + sized(area) + sized(b"outside") + u32(0)
    answer = tpm.run(code, [parent], params)
    (private, made, creation, creation_hash), _ = split(answer, 4)
    show(label + "_private", private)
    show(label + "_public", made)
    show(label + "_creation", creation)
    show(label + "_creation_hash", creation_hash)
    return private, made


def ecc_parent(tpm, primary):
    """A parent on P-256 with SHA-256 and AES-128."""
    private = ec.derive_private_key(int.from_bytes(secret("ecc"), "big") >> 1, ec.SECP256R1())
    point = private.public_key().public_numbers()
    unique = sized(point.x.to_bytes(32, "big")) + sized(point.y.to_bytes(32, "big"))
    area = public(ECC, SHA256, USER | NO_DA | RESTRICTED | DECRYPT,
                  u16(AES) + u16(128) + u16(CFB) + u16(NONE) + u16(3) + u16(NONE), unique)
    secret_area = sensitive(ECC, b"", secret("ecc seed"),
                            private.private_numbers().private_value.to_bytes(32, "big"))
    show("ecc_public", area)
    show("ecc_sensitive", secret_area)
    return bring(tpm, primary, area, secret_area)


def rsa_parent(tpm, primary):
    """A parent with RSA-2048, SHA-384 and AES-256."""
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    area = public(RSA, SHA384, USER | NO_DA | RESTRICTED | DECRYPT,
                  u16(AES) + u16(256) + u16(CFB) + u16(NONE) + u16(2048) + u32(0),
                  sized(numbers.public_numbers.n.to_bytes(256, "big")))
    secret_area = sensitive(RSA, b"", secret("rsa seed", 48), numbers.p.to_bytes(128, "big"))
    show("rsa_public", area)
    show("rsa_sensitive", secret_area)
    return bring(tpm, primary, area, secret_area)


def children(tpm, label, parent):
    """What a parent protects, and what is encrypted to it."""
    read = tpm.run(0x173, [parent], auths=[])
    (_, own_name, qualified), _ = split(read, 3)
    show(label + "_name", own_name)
    show(label + "_qualified_name", qualified)
    sealed = public(KEYEDHASH, SHA256, USER | NO_DA, u16(NONE), sized(b""))
    create(tpm, label + "_sealed", parent, sealed, b"auth", b"sealed under " + label.encode())
    key = public(ECC, SHA256, ORIGIN | USER | SIGN,
                 u16(NONE) + u16(ECDSA) + u16(SHA256) + u16(3) + u16(NONE), sized(b"") + sized(b""))
    create(tpm, label + "_key", parent, key, b"", b"")
    params = sized(b"credential of " + label.encode()) + sized(own_name)
    (blob, encrypted), _ = split(tpm.run(0x168, [parent], params, auths=[]), 2)
    show(label + "_credential", blob)
    show(label + "_credential_secret", encrypted)


def moving(tpm, primary):
    """An HMAC key that may be duplicated; gives its two halves."""
    policy = digest(SHA256, bytes(32) + u32(0x16C) + u32(0x14B))
    area = public(KEYEDHASH, SHA256, USER | NO_DA | SIGN, u16(HMAC) + u16(SHA256), sized(b""), policy)
    params = sized(sized(b"dup auth") + sized(b"the key that moves")) + sized(area) + sized(b"") + u32(0)
    (private, made), _ = split(tpm.run(0x153, [primary], params), 2)
    show("moving_public", made)
    return private, made


def duplicates(tpm, primary, halves, label, parent):
    """The key that moves, duplicated to a parent, with and without an inner wrapping."""
    private, made = halves
    handle, _ = tpm.run(0x157, [primary], sized(private) + sized(made), returns_handle=True)
    for inner in (False, True):
        session, _ = tpm.run(0x176, [NULL, NULL], sized(bytes(16)) + sized(b"") + u8(1) + u16(NONE)
                             + u16(SHA256), auths=[], returns_handle=True)
        tpm.run(0x16C, [session], u32(0x14B), auths=[])
        symmetric = u16(AES) + u16(128) + u16(CFB) if inner else u16(NONE)
        key = secret("inner " + label, 16) if inner else b""
        answer = tpm.run(0x14B, [handle, parent], sized(key) + symmetric, auths=[session])
        (_, duplicate, seed), _ = split(answer, 3)
        which = f"{label}_{'inner' if inner else 'outer'}"
        show(which + "_duplicate", duplicate)
        show(which + "_seed", seed)
        if inner:
            show(which + "_key", key)
    tpm.flush(handle)


def derived(tpm, primary):
    """Children of a derivation parent."""
    seed, key = secret("derivation seed"), secret("derivation key")
    area = public(KEYEDHASH, SHA256, USER | NO_DA | RESTRICTED | DECRYPT,
                  u16(XOR) + u16(SHA256) + u16(SP108), sized(hmac.digest(seed, key, "sha256")))
    secret_area = sensitive(KEYEDHASH, b"", seed, key)
    parent = bring(tpm, primary, area, secret_area)
    show("derivation_public", area)
    show("derivation_sensitive", secret_area)
    kinds = {
        "hmac": (KEYEDHASH, SHA256, SIGN, u16(HMAC) + u16(SHA384)),
        "aes": (SYM, SHA384, DECRYPT, u16(AES) + u16(256) + u16(CFB)),
        "p256": (ECC, SHA256, SIGN, u16(NONE) + u16(ECDSA) + u16(SHA256) + u16(3) + u16(NONE)),
        "p384": (ECC, SHA256, SIGN, u16(NONE) + u16(NONE) + u16(4) + u16(NONE)),
    }
    for label, (kind, alg, use, parameters) in kinds.items():
        for where in ("template", "data"):
            derive = sized(b"label " + label.encode()) + sized(b"context")
            template = public(kind, alg, FIXED_PARENT | USER | use, parameters,
                              derive if where == "template" else sized(b"") + sized(b""))
            data = derive if where == "data" else b""
            show(f"derived_{label}_{where}", template)
            handle, answer = tpm.run(0x191, [parent], sized(sized(b"") + sized(data)) + sized(template),
                                     returns_handle=True)
            (_, made, _), _ = split(answer, 3)
            show(f"derived_{label}_{where}_public", made)
            tpm.flush(handle)


def kdfa(key, label, context, length):
    """KDFa with SHA-256, up to one digest."""
    fixed = label + b"\0" + context + u32(8 * length)
    return hmac.digest(key, u32(1) + fixed, "sha256")[:length]


def short_coordinate(tpm, parent):
    """A duplicate wrapped here, not by a TPM, with an ephemeral key whose x begins with a zero that is not sent."""
    own = ec.derive_private_key(int.from_bytes(secret("ecc"), "big") >> 1, ec.SECP256R1())
    numbers = None
    while numbers is None or numbers.x >> 248 != 0:
        ephemeral = ec.generate_private_key(ec.SECP256R1())
        numbers = ephemeral.public_key().public_numbers()
    x = numbers.x.to_bytes(31, "big")
    shared = ephemeral.exchange(ec.ECDH(), own.public_key())
    own_x = own.public_key().public_numbers().x.to_bytes(32, "big")
    seed = hashlib.sha256(u32(1) + shared + b"DUPLICATE\0" + x + own_x).digest()
    inner_seed, data = secret("short seed"), b"wrapped without a TPM"
    area = public(KEYEDHASH, SHA256, USER | NO_DA, u16(NONE), sized(digest(SHA256, inner_seed + data)))
    plain = sized(sensitive(KEYEDHASH, b"short", inner_seed, data))
    key = kdfa(seed, b"STORAGE", name(SHA256, area), 16)
    encryptor = Cipher(algorithms.AES(key), CfbMode(bytes(16))).encryptor()
    wrapped = encryptor.update(plain) + encryptor.finalize()
    integrity = hmac.digest(kdfa(seed, b"INTEGRITY", b"", 32), wrapped + name(SHA256, area), "sha256")
    duplicate = sized(integrity) + wrapped
    sent = sized(x) + sized(numbers.y.to_bytes(32, "big"))
    # The other TPM takes it, too.
    tpm.run(0x156, [parent], sized(b"") + sized(area) + sized(duplicate) + sized(sent) + u16(NONE))
    show("short_public", area)
    show("short_duplicate", duplicate)
    show("short_seed", sent)


def main():
    print("# Made by objects.py with swtpm. name = hexadecimal bytes")
    tpm = Tpm()
    template = public(ECC, SHA256, FIXED_TPM | FIXED_PARENT | ORIGIN | USER | NO_DA | RESTRICTED | DECRYPT,
                      u16(AES) + u16(128) + u16(CFB) + u16(NONE) + u16(3) + u16(NONE), sized(b"") + sized(b""))
    params = sized(sized(b"") + sized(b"")) + sized(template) + sized(b"outside") + u32(0)
    primary, answer = tpm.run(0x131, [OWNER], params, returns_handle=True)
    (made, creation, creation_hash), _ = split(answer, 3)
    show("primary_public", made)
    show("primary_creation", creation)
    show("primary_creation_hash", creation_hash)
    (_, own_name, qualified), _ = split(tpm.run(0x173, [primary], auths=[]), 3)
    show("primary_name", own_name)
    show("primary_qualified_name", qualified)
    derived(tpm, primary)
    tpm.flush(0x80000001)
    halves = moving(tpm, primary)
    # Three slots: the primary key, a parent, and one more.
    for label, make in {"ecc": ecc_parent, "rsa": rsa_parent}.items():
        parent = make(tpm, primary)
        children(tpm, label, parent)
        duplicates(tpm, primary, halves, label, parent)
        if label == "ecc":
            short_coordinate(tpm, parent)
        tpm.flush(parent)
    tpm.process.terminate()


main()
