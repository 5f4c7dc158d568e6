"""A second implementation of "keys from seeds", derivation id 1: docs/decisions/0012-keys-from-seeds.md.

Python 3 and its standard library only; written from the document, not from the Rust code. It builds the templates of
the TCG's EK credential profile and of the usual storage keys, derives the primary keys that they make from given
seeds, and writes them as vectors:

    python3 tests/tpm/derivation.py            writes logic/crypto/testdata/tpm_primary.json
    python3 tests/tpm/derivation.py --check    compares instead; exit status 1 if anything differs

The derivation may never change: keys that people depend on would be others after an update.
"""

import hashlib
import hmac
import json
import math
import os
import random
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "..", "logic", "crypto", "testdata", "tpm_primary.json")

# --- The derivation ---------------------------------------------------------------------------------------------


def kdfa(key, label, context, length):
    """KDFa of TPM 2.0 Part 1 with SHA-512; the context is contextU and contextV in one."""
    out, counter = b"", 0
    while len(out) < length:
        counter += 1
        fixed = label + b"\0" + context + struct.pack(">I", 8 * length)
        out += hmac.new(key, struct.pack(">I", counter) + fixed, "sha512").digest()
    return out[:length]


def source_of(seed, hierarchy, template, data=b""):
    message = b"IRONROOT PRIMARY 1\0" + struct.pack(">II", hierarchy, len(template)) + template + data
    return hmac.new(seed, message, "sha512").digest()


def draw(source, label, index, length):
    return kdfa(source, label, struct.pack(">I", index), length)


SMALL_PRIMES = [p for p in range(3, 2000, 2) if all(p % q for q in range(3, math.isqrt(p) + 1, 2))]


def is_prime(number):
    """Any test will do: what comes out is the first prime, however it is found. Here, Miller-Rabin."""
    if any(number % p == 0 for p in SMALL_PRIMES) or pow(2, number - 1, number) != 1:
        return False
    twos = ((number - 1) & (1 - number)).bit_length() - 1
    rng = random.Random(number)
    for _ in range(24):
        power = pow(rng.randrange(2, number - 1), (number - 1) >> twos, number)
        if power != 1 and all(pow(power, 1 << i, number) != number - 1 for i in range(twos)):
            return False
    return True


def rsa_primes(source, bits, exponent):
    half, first, index = bits // 2, None, 0
    while True:
        start = int.from_bytes(draw(source, b"RSA PRIME", index, half // 8), "big")
        index += 1
        start |= (3 << (half - 2)) | 1
        window = range(start, min(start + 2 * 4096, 1 << half), 2)
        prime = next((c for c in window if math.gcd(c - 1, exponent) == 1 and is_prime(c)), None)
        if prime is None:
            continue
        if first is None:
            first = prime
        elif abs(first - prime).bit_length() > half - 100:
            return first, prime


u = -7530851732716300289
CURVES = {
    # name: TPM_ECC_CURVE, p, a, b, x, y, n
    "P-224": (
        2,
        (1 << 224) - (1 << 96) + 1,
        -3,
        0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4,
        0xB70E0CBD6BB4BF7F321390B94A03C1D356C21122343280D6115C1D21,
        0xBD376388B5F723FB4C22DFE6CD4375A05A07476444D5819985007E34,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
    ),
    "BN-P256": (
        0x10,
        36 * u**4 + 36 * u**3 + 24 * u**2 + 6 * u + 1,
        0,
        3,
        1,
        2,
        36 * u**4 + 36 * u**3 + 18 * u**2 + 6 * u + 1,
    ),
    "SM2": (
        0x20,
        (1 << 256) - (1 << 224) - (1 << 96) + (1 << 64) - 1,
        -3,
        0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
        0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
        0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
        0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    ),
    "P-256": (
        3,
        (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1,
        -3,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "P-384": (
        4,
        (1 << 384) - (1 << 128) - (1 << 96) + (1 << 32) - 1,
        -3,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    "P-521": (
        5,
        (1 << 521) - 1,
        -3,
        0x051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        0xC6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
        0x11839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
        (1 << 521) - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    ),
}


def ec_scalar(source, curve):
    n = CURVES[curve][6]
    length = (n.bit_length() + 64 + 7) // 8
    return int.from_bytes(draw(source, b"EC SCALAR", 0, length), "big") % (n - 1) + 1


def ec_public(curve, d):
    _, p, a, b, x, y, n = CURVES[curve]

    def add(left, right):
        if left is None or right is None:
            return left or right
        (x1, y1), (x2, y2) = left, right
        if x1 == x2 and (y1 + y2) % p == 0:
            return None
        slope = (3 * x1 * x1 + a) * pow(2 * y1, -1, p) if left == right else (y2 - y1) * pow(x2 - x1, -1, p)
        x3 = (slope * slope - x1 - x2) % p
        return x3, (slope * (x1 - x3) - y1) % p

    result, addend = None, (x, y)
    while d:
        if d & 1:
            result = add(result, addend)
        addend = add(addend, addend)
        d >>= 1
    assert (result[1] ** 2 - result[0] ** 3 - a * result[0] - b) % p == 0
    return result


def symmetric_key(source, length):
    return draw(source, b"SYMMETRIC", 0, length)


def keyed_hash_key(source, length):
    return draw(source, b"KEYEDHASH", 0, length)


def seed_value(source, length):
    return draw(source, b"SEED", 0, length)


# --- Templates: TPMT_PUBLIC as TPM2_CreatePrimary gets it ---------------------------------------------------------

OWNER, NULL, ENDORSEMENT, PLATFORM = 0x40000001, 0x40000007, 0x4000000B, 0x4000000C
ALG = {"rsa": 1, "hmac": 5, "aes": 6, "keyedhash": 8, "xor": 10, "sha256": 11, "sha384": 12, "sha512": 13, "null": 16}
ALG |= {"ecc": 0x23, "symcipher": 0x25, "cfb": 0x43, "kdf1_sp800_108": 0x22, "rsassa": 0x14, "ecdsa": 0x18, "sha1": 4}
ALG |= {"sm3": 0x12, "sm4": 0x13, "sm2": 0x1B, "sha3_256": 0x27}

FIXED_TPM, FIXED_PARENT, SENSITIVE_ORIGIN, USER_WITH_AUTH, ADMIN_WITH_POLICY = 1 << 1, 1 << 4, 1 << 5, 1 << 6, 1 << 7
NO_DA, RESTRICTED, DECRYPT, SIGN = 1 << 10, 1 << 16, 1 << 17, 1 << 18

EK_LOW = FIXED_TPM | FIXED_PARENT | SENSITIVE_ORIGIN | ADMIN_WITH_POLICY | RESTRICTED | DECRYPT
EK_HIGH = EK_LOW | USER_WITH_AUTH
SRK = FIXED_TPM | FIXED_PARENT | SENSITIVE_ORIGIN | USER_WITH_AUTH | NO_DA | RESTRICTED | DECRYPT
LEAF = FIXED_TPM | FIXED_PARENT | SENSITIVE_ORIGIN | USER_WITH_AUTH
assert (EK_LOW, EK_HIGH) == (0x000300B2, 0x000300F2)


def u16(value):
    return struct.pack(">H", value)


def sized(value):
    return u16(len(value)) + value


def policy_a(name):
    """TPM2_PolicySecret of the endorsement hierarchy."""

    def h(data):
        return hashlib.new(name, data).digest()

    zero = bytes(hashlib.new(name).digest_size)
    return h(h(zero + struct.pack(">II", 0x151, ENDORSEMENT)))


def policy_b(name):
    """TPM2_PolicyOR of policy A and TPM2_PolicyAuthorizeNV of the profile's index."""

    def h(data):
        return hashlib.new(name, data).digest()

    size = hashlib.new(name).digest_size
    index = {"sha256": 0x01C07F01, "sha384": 0x01C07F02, "sha512": 0x01C07F03, "sm3": 0x01C07F04}[name]
    # Policy-written, write-all, readable by owner, platform, authorisation and policy, no DA, written.
    nv_public = struct.pack(">IHI", index, ALG[name], 0x220F1008) + sized(policy_a(name)) + u16(size + 2)
    nv_name = u16(ALG[name]) + h(nv_public)
    policy_c = h(bytes(size) + struct.pack(">I", 0x192) + nv_name)
    return h(bytes(size) + struct.pack(">I", 0x171) + policy_a(name) + policy_c)


# What the profile prints.
assert policy_a("sha256").hex() == "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
assert policy_b("sha256").hex() == "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"


def public(kind, name, attributes, policy, parameters, unique):
    return u16(ALG[kind]) + u16(ALG[name]) + struct.pack(">I", attributes) + sized(policy) + parameters + unique


def aes_cfb(bits):
    return cfb("aes", bits) if bits else u16(ALG["null"])


def cfb(cipher, bits):
    return u16(ALG[cipher]) + u16(bits) + u16(ALG["cfb"])


def scheme(*algorithms):
    return b"".join(u16(ALG[algorithm]) for algorithm in algorithms or ("null",))


def rsa(name, attributes, policy, bits, unique=b"", aes=128, exponent=0, signing=()):
    parameters = aes_cfb(aes) + scheme(*signing) + u16(bits) + struct.pack(">I", exponent)
    return public("rsa", name, attributes, policy, parameters, sized(unique))


def ecc(name, attributes, policy, curve, unique=(b"", b""), aes=128, signing=()):
    parameters = aes_cfb(aes) + scheme(*signing) + u16(CURVES[curve][0]) + scheme()
    return public("ecc", name, attributes, policy, parameters, sized(unique[0]) + sized(unique[1]))


def templates():
    """name, hierarchy, template, kind, details"""
    a, b = policy_a, policy_b
    zeros = bytes(32)
    yield "EK L-1", ENDORSEMENT, rsa("sha256", EK_LOW, a("sha256"), 2048, bytes(256)), "rsa", 2048
    yield "EK L-2", ENDORSEMENT, ecc("sha256", EK_LOW, a("sha256"), "P-256", (zeros, zeros)), "ecc", "P-256"
    yield "EK H-1", ENDORSEMENT, rsa("sha256", EK_HIGH, b("sha256"), 2048), "rsa", 2048
    yield "EK H-2", ENDORSEMENT, ecc("sha256", EK_HIGH, b("sha256"), "P-256"), "ecc", "P-256"
    yield "EK H-3", ENDORSEMENT, ecc("sha384", EK_HIGH, b("sha384"), "P-384", aes=256), "ecc", "P-384"
    yield "EK H-4", ENDORSEMENT, ecc("sha512", EK_HIGH, b("sha512"), "P-521", aes=256), "ecc", "P-521"
    yield "EK H-6", ENDORSEMENT, rsa("sha384", EK_HIGH, b("sha384"), 3072, aes=256), "rsa", 3072
    yield "EK H-7", ENDORSEMENT, rsa("sha384", EK_HIGH, b("sha384"), 4096, aes=256), "rsa", 4096
    yield "SRK RSA-2048, unique empty", OWNER, rsa("sha256", SRK, b"", 2048), "rsa", 2048
    yield "SRK RSA-2048, unique zeros", OWNER, rsa("sha256", SRK, b"", 2048, bytes(256)), "rsa", 2048
    yield "SRK P-256, unique empty", OWNER, ecc("sha256", SRK, b"", "P-256"), "ecc", "P-256"
    yield "SRK P-256, unique zeros", OWNER, ecc("sha256", SRK, b"", "P-256", (zeros, zeros)), "ecc", "P-256"
    yield "storage P-384", OWNER, ecc("sha384", SRK, b"", "P-384", aes=256), "ecc", "P-384"
    yield "storage P-521", OWNER, ecc("sha512", SRK, b"", "P-521", aes=256), "ecc", "P-521"
    yield "storage RSA-4096", OWNER, rsa("sha512", SRK, b"", 4096, aes=256), "rsa", 4096
    yield "signing RSA-1024", NULL, rsa("sha1", LEAF | SIGN, b"", 1024, aes=0), "rsa", 1024
    other = rsa("sha256", LEAF | SIGN, b"", 2048, aes=0, exponent=65539, signing=("rsassa", "sha256"))
    yield "signing RSA-2048, e = 65539", OWNER, other, "rsa", 2048
    signing = ecc("sha256", LEAF | SIGN, b"", "P-256", (b"IDEVID", b""), aes=0, signing=("ecdsa", "sha256"))
    yield "signing P-256, a word in unique", PLATFORM, signing, "ecc", "P-256"
    for kind, length in (("null", 32), ("hmac", 48), ("xor", 64)):
        details = {"null": (), "hmac": ("sha384",), "xor": ("sha512", "kdf1_sp800_108")}[kind]
        template = public("keyedhash", "sha256", LEAF | SIGN, b"", scheme(kind, *details), sized(b""))
        yield f"keyed hash, {kind}", OWNER, template, "bytes", ("keyedhash", length)
    for bits in (128, 192, 256):
        template = public("symcipher", "sha256", LEAF | DECRYPT, b"", aes_cfb(bits), sized(b""))
        yield f"AES-{bits}", OWNER, template, "bytes", ("symcipher", bits // 8)


def more_templates():
    """What came later; behind the others, so that those stay where they were."""
    for curve in ("P-224", "BN-P256", "SM2"):
        signing = ecc("sha256", LEAF | SIGN, b"", curve, aes=0, signing=("ecdsa", "sha256"))
        yield f"signing {curve}", OWNER, signing, "ecc", curve
        yield f"storage {curve}", OWNER, ecc("sha3_256", SRK, b"", curve), "ecc", curve
    # As the profile's template H-5 has it, but as a storage root.
    parameters = cfb("sm4", 128) + scheme() + u16(CURVES["SM2"][0]) + scheme()
    template = public("ecc", "sm3", SRK, b"", parameters, sized(b"") + sized(b""))
    yield "storage SM2, SM3, SM4", OWNER, template, "ecc", "SM2"
    parameters = u16(ALG["null"]) + scheme("sm2", "sm3") + u16(CURVES["SM2"][0]) + scheme()
    template = public("ecc", "sm3", LEAF | SIGN, b"", parameters, sized(b"") + sized(b""))
    yield "signing SM2 with SM3", PLATFORM, template, "ecc", "SM2"
    template = public("symcipher", "sm3", LEAF | DECRYPT, b"", cfb("sm4", 128), sized(b""))
    yield "SM4", OWNER, template, "bytes", ("symcipher", 16)
    template = public("keyedhash", "sha256", LEAF | SIGN, b"", scheme("hmac", "sha3_256"), sized(b""))
    yield "keyed hash, hmac with SHA3-256", OWNER, template, "bytes", ("keyedhash", 32)
    parameters = cfb("sm4", 128) + scheme() + u16(CURVES["SM2"][0]) + scheme()
    template = public("ecc", "sm3", EK_HIGH, policy_b("sm3"), parameters, sized(b"") + sized(b""))
    yield "EK H-5", ENDORSEMENT, template, "ecc", "SM2"


def octets(number, length):
    return number.to_bytes(length, "big").hex()


def derive(seed, hierarchy, template, data, kind, details):
    source = source_of(seed, hierarchy, template, data)
    name_size = {4: 20, 11: 32, 12: 48, 13: 64, 0x12: 32, 0x27: 32}[struct.unpack(">H", template[2:4])[0]]
    record = {"source": source.hex(), "seed_value": seed_value(source, name_size).hex()}
    if kind == "rsa":
        # Behind the unique field's size, wherever that is: the four bytes before it.
        unique = 2 + 256 if template.endswith(u16(256) + bytes(256)) else 2
        exponent = struct.unpack(">I", template[-unique - 4 : -unique])[0] or 65537
        p, q = rsa_primes(source, details, exponent)
        record["p"], record["n"] = octets(p, details // 16), octets(p * q, details // 8)
        record["e"] = exponent
    elif kind == "ecc":
        d = ec_scalar(source, details)
        length = (CURVES[details][1].bit_length() + 7) // 8
        x, y = ec_public(details, d)
        record["d"], record["x"], record["y"] = octets(d, length), octets(x, length), octets(y, length)
    else:
        purpose, length = details
        make = keyed_hash_key if purpose == "keyedhash" else symmetric_key
        record["key"] = make(source, length).hex()
    return record


SEEDS = ((bytes(range(64)), b""), (hashlib.sha512(b"a second seed").digest(), b"caller's data"))


def vectors():
    rounds = [(make, number, *SEEDS[number]) for make in (templates, more_templates) for number in (0, 1)]
    for make, round_number, seed, data in rounds:
        for name, hierarchy, template, kind, details in make():
            # The second time, only what is quick.
            if round_number == 1 and kind == "rsa" and details > 2048:
                continue
            record = {
                "name": name,
                "seed": seed.hex(),
                "hierarchy": hierarchy,
                "template": template.hex(),
                "data": data.hex(),
                "kind": kind,
            }
            yield record | derive(seed, hierarchy, template, data, kind, details)


def main():
    text = json.dumps({"derivation": 1, "keys": list(vectors())}, indent=1) + "\n"
    if "--check" in sys.argv:
        with open(VECTORS) as file:
            same = file.read() == text
        print("the vectors are those of this program" if same else "the vectors differ")
        sys.exit(0 if same else 1)
    with open(VECTORS, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
