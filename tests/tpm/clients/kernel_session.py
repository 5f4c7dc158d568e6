"""What a Linux kernel of 6.10 and later does with a TPM, from user space and with its own arithmetic.

A storage key in the null hierarchy, saved and loaded as a context; a session salted by it; GetRandom with an
encrypted answer, PCR_Extend and Create (encrypted both ways) in that session; every response HMAC is checked.
Hashes and HMAC are Python's, the curve and AES those of the package cryptography.
"""
import hashlib
import hmac
import os
import socket
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

NULL = 0x40000007
CONTINUE, DECRYPT, ENCRYPT = 0x01, 0x20, 0x40


def u16(number):
    return struct.pack(">H", number)


def u32(number):
    return struct.pack(">I", number)


def sized(data):
    return u16(len(data)) + data


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def kdfa(key, label, context_u, context_v, bits):
    assert bits <= 256
    return mac(key, u32(1), label, b"\0", context_u, context_v, u32(bits))[: bits // 8]


def kdfe(z, label, party_u, party_v):
    return sha256(u32(1), z, label, b"\0", party_u, party_v)


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, count):
        assert len(self.data) >= count, "the answer is too short"
        head, self.data = self.data[:count], self.data[count:]
        return head

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def sized(self):
        return self.take(self.u16())


class Tpm:
    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port))

    def frame(self, tag, code, body):
        self.stream.sendall(u16(tag) + u32(10 + len(body)) + u32(code) + body)
        answer = self.read(10)
        answer += self.read(struct.unpack(">I", answer[2:6])[0] - 10)
        code = struct.unpack(">I", answer[6:10])[0]
        if code:
            raise SystemExit("refused with 0x%03x" % code)
        return Reader(answer[10:])

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.stream.recv(count - len(data))
            assert part, "the TPM closed the connection"
            data += part
        return data

    def plain(self, code, body):
        return self.frame(0x8001, code, body)


class Session:
    """Salted by a key on P-256, unbound, AES-128-CFB."""

    def __init__(self, tpm, handle, x, y):
        self.tpm = tpm
        own = ec.generate_private_key(ec.SECP256R1())
        numbers = own.public_key().public_numbers()
        ephemeral = [number.to_bytes(32, "big") for number in (numbers.x, numbers.y)]
        theirs = ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
        ).public_key()
        salt = kdfe(own.exchange(ec.ECDH(), theirs), b"SECRET", ephemeral[0], x)
        self.caller = os.urandom(32)
        point = sized(ephemeral[0]) + sized(ephemeral[1])
        symmetric = u16(0x0006) + u16(128) + u16(0x0043)
        body = u32(handle) + u32(NULL) + sized(self.caller) + sized(point) + b"\0" + symmetric + u16(0x000B)
        answer = tpm.plain(0x176, body)
        self.handle = answer.u32()
        self.theirs = answer.sized()
        self.key = kdfa(salt, b"ATH", self.theirs, self.caller, 256)

    def cipher(self, auth, newer, older):
        material = kdfa(self.key + auth, b"CFB", newer, older, 256)
        return Cipher(algorithms.AES(material[:16]), CFB(material[16:]))

    def run(self, code, handles, names, params, attributes, auth=b""):
        """`params` begins with a sized buffer if it is to be encrypted."""
        self.caller = os.urandom(32)
        if attributes & DECRYPT:
            size = struct.unpack(">H", params[:2])[0]
            crypt = self.cipher(auth, self.caller, self.theirs).encryptor()
            params = params[:2] + crypt.update(params[2 : 2 + size]) + params[2 + size :]
        cp_hash = sha256(u32(code), *names, params)
        key = self.key + auth
        proof = mac(key, cp_hash, self.caller, self.theirs, bytes([attributes]))
        area = u32(self.handle) + sized(self.caller) + bytes([attributes]) + sized(proof)
        body = b"".join(map(u32, handles)) + u32(len(area)) + area + params
        answer = self.tpm.frame(0x8002, code, body)
        params = answer.take(answer.u32())
        self.theirs, back, proof = answer.sized(), answer.take(1), answer.sized()
        rp_hash = sha256(u32(0), u32(code), params)
        assert hmac.compare_digest(proof, mac(key, rp_hash, self.theirs, self.caller, back)), "the response HMAC is wrong"
        if attributes & ENCRYPT:
            size = struct.unpack(">H", params[:2])[0]
            crypt = self.cipher(auth, self.theirs, self.caller).decryptor()
            params = params[:2] + crypt.update(params[2 : 2 + size]) + params[2 + size :]
        return Reader(params)


def public(attributes, parameters, unique, kind=0x0023):
    return sized(u16(kind) + u16(0x000B) + u32(attributes) + sized(b"") + parameters + unique)


tpm = Tpm(int(os.environ["COMMAND_PORT"]))
storage = u16(0x0006) + u16(128) + u16(0x0043) + u16(0x0010) + u16(0x0003) + u16(0x0010)
template = public(0x00030472, storage, sized(bytes(32)) + sized(bytes(32)))
area = u32(0x40000009) + u16(0) + b"\1" + u16(0)
body = u32(NULL) + u32(len(area)) + area + sized(sized(b"") + sized(b"")) + template + u16(0) + u32(0)
answer = tpm.frame(0x8002, 0x131, body)
handle = answer.u32()
answer = Reader(answer.take(answer.u32()))
area = answer.sized()
answer.sized()
answer.sized()
answer.take(6)
answer.sized()
name = answer.sized()
assert name == u16(0x000B) + sha256(area), "the name is not that of the public area"
point = Reader(area[-68:])
x, y = point.sized(), point.sized()

# The context is all that the kernel keeps.
context = tpm.plain(0x162, u32(handle)).data
tpm.plain(0x165, u32(handle))
for _ in range(3):
    handle = tpm.plain(0x161, context).u32()
    session = Session(tpm, handle, x, y)
    tpm.plain(0x165, u32(handle))
    one = session.run(0x17B, [], [], u16(32), CONTINUE | ENCRYPT).sized()
    two = session.run(0x17B, [], [], u16(32), CONTINUE | ENCRYPT).sized()
    assert len(one) == len(two) == 32 and one != two
    digest = os.urandom(32)
    before = tpm.plain(0x17E, u32(1) + u16(0x000B) + b"\3\0\0\1").data[-32:]
    session.run(0x182, [16], [u32(16)], u32(1) + u16(0x000B) + digest, CONTINUE)
    after = tpm.plain(0x17E, u32(1) + u16(0x000B) + b"\3\0\0\1").data[-32:]
    assert after == sha256(before, digest), "the PCR is not what was extended"
    # A sealed secret that nobody on the wire can read
    handle = tpm.plain(0x161, context).u32()
    sensitive = sized(sized(b"auth") + sized(b"secret"))
    sealed = public(0x00000452, u16(0x0010), sized(b""), 0x0008)
    answer = session.run(
        0x153, [handle], [name], sensitive + sealed + u16(0) + u32(0), CONTINUE | DECRYPT | ENCRYPT
    )
    private, sealed = answer.sized(), answer.sized()
    area = u32(0x40000009) + u16(0) + b"\1" + u16(0)
    loaded = tpm.frame(0x8002, 0x157, u32(handle) + u32(len(area)) + area + sized(private) + sized(sealed)).u32()
    sealed_name = u16(0x000B) + sha256(sealed)
    # Not continued: the session ends with it.
    secret = session.run(0x15E, [loaded], [sealed_name], b"", ENCRYPT, b"auth").sized()
    assert secret == b"secret", secret
    tpm.plain(0x165, u32(loaded))
    tpm.plain(0x165, u32(handle))
print("ok")
