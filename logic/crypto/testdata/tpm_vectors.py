"""Vectors for the TPM's algorithms, made by OpenSSL through the Python package `cryptography`.

`python3 tpm_vectors.py` rewrites tpm_kdf.txt, tpm_aes.txt, tpm_ec.txt and tpm_rsa.txt beside it. Inputs of
SP 800-38A and the hash values of FIPS 180-4 are the standards' own; the asserts compare a few outputs with
what the standards print.
"""

import hashlib
import hmac
import math
import os
import random

from cryptography.hazmat.decrepit.ciphers.modes import CFB, OFB
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

HERE = os.path.dirname(os.path.abspath(__file__))
HASHES = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
rng = random.Random("tpm vectors")


def write(name, records):
    with open(os.path.join(HERE, name), "w") as out:
        out.write("# Made by tpm_vectors.py with OpenSSL.\n")
        for record in records:
            out.write("\n")
            for key, value in record.items():
                text = value.hex() if isinstance(value, bytes) else str(value)
                out.write(f"{key} = {text}".rstrip() + "\n")


def kdf():
    records = []
    for name, algorithm in HASHES.items():
        for _ in range(4):
            data = rng.randbytes(rng.randrange(200))
            key = rng.randbytes(rng.randrange(1, 150))
            records.append(
                {
                    "kind": "hmac",
                    "hash": name,
                    "key": key,
                    "data": data,
                    "out": hmac.new(key, data, name).digest(),
                    "digest": hashlib.new(name, data).digest(),
                }
            )
        for bits in (8, 128, 256, 520, 1024):
            key, u, v = rng.randbytes(32), rng.randbytes(rng.randrange(40)), rng.randbytes(16)
            label = rng.choice([b"ATH", b"CFB", b"STORAGE", b"INTEGRITY"])
            length = bits // 8
            out = KBKDFHMAC(
                algorithm, Mode.CounterMode, length, 4, 4, CounterLocation.BeforeFixed, label, u + v, None
            ).derive(key)
            records.append(
                {"kind": "kdfa", "hash": name, "key": key, "label": label, "u": u, "v": v, "bits": bits, "out": out}
            )
            z, label = rng.randbytes(32), rng.choice([b"SECRET", b"DUPLICATE", b"IDENTITY"])
            out = ConcatKDFHash(algorithm, length, label + b"\0" + u + v).derive(z)
            records.append(
                {"kind": "kdfe", "hash": name, "key": z, "label": label, "u": u, "v": v, "bits": bits, "out": out}
            )
    write("tpm_kdf.txt", records)


def aes():
    # SP 800-38A, appendix F: one message, three keys, one initialisation vector, one counter.
    message = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    keys = (
        "2b7e151628aed2a6abf7158809cf4f3c",
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    )
    iv = bytes(range(16))
    counter = bytes(range(0xF0, 0x100))
    printed = {
        ("ecb", 16): "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
        ("cbc", 16): "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
        ("cfb", 16): "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b",
        ("ofb", 16): "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825",
        ("ctr", 16): "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
        ("ecb", 32): "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870",
        ("cbc", 32): "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
    }
    makers = {
        "ecb": lambda iv: modes.ECB(),
        "cbc": modes.CBC,
        "cfb": CFB,
        "ofb": OFB,
        "ctr": modes.CTR,
    }
    records = []

    def add(mode, key, iv, message):
        encryptor = Cipher(algorithms.AES(key), makers[mode](iv)).encryptor()
        ciphertext = encryptor.update(message) + encryptor.finalize()
        records.append({"mode": mode, "key": key, "iv": iv, "message": message, "ciphertext": ciphertext})
        return ciphertext

    for mode in makers:
        for key in map(bytes.fromhex, keys):
            ciphertext = add(mode, key, counter if mode == "ctr" else iv, message)
            expected = printed.get((mode, len(key)))
            assert expected is None or ciphertext.hex().startswith(expected), (mode, len(key))
    # A counter that wraps, and partial blocks.
    add("ctr", rng.randbytes(16), b"\xff" * 16, rng.randbytes(100))
    add("ctr", rng.randbytes(32), b"\0" * 11 + b"\xff" * 5, rng.randbytes(65))
    for mode in ("cfb", "ofb", "ctr"):
        for length in (1, 15, 17, 31, 200):
            add(mode, rng.randbytes(24), rng.randbytes(16), rng.randbytes(length))
    write("tpm_aes.txt", records)


def curves():
    records = []
    orders = {
        "p256": int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16),
        "p384": int("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16),
        "p521": (1 << 521) - int(
            "5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7", 16
        ),
    }
    for name, curve in (("p256", ec.SECP256R1()), ("p384", ec.SECP384R1()), ("p521", ec.SECP521R1())):
        length = (curve.key_size + 7) // 8
        n = orders[name]

        def octets(number):
            return number.to_bytes(length, "big")

        for d in [1, 2, n - 1, n - 2] + [rng.randrange(1, n) for _ in range(6)]:
            key = ec.derive_private_key(d, curve)
            public = key.public_key().public_numbers()
            peer = ec.derive_private_key(rng.randrange(1, n), curve)
            peer_public = peer.public_key().public_numbers()
            record = {
                "curve": name,
                "d": octets(d),
                "x": octets(public.x),
                "y": octets(public.y),
                "peer_x": octets(peer_public.x),
                "peer_y": octets(peer_public.y),
                "shared": key.exchange(ec.ECDH(), peer.public_key()),
            }
            for hash_name, algorithm in HASHES.items():
                digest = rng.randbytes(algorithm.digest_size)
                signature = key.sign(digest, ec.ECDSA(utils.Prehashed(algorithm)))
                r, s = utils.decode_dss_signature(signature)
                record[f"{hash_name}_digest"] = digest
                record[f"{hash_name}_r"] = octets(r)
                record[f"{hash_name}_s"] = octets(s)
            extra = rng.randbytes((curve.key_size + 64 + 7) // 8)
            record["extra_bits"] = extra
            record["extra_scalar"] = octets(int.from_bytes(extra, "big") % (n - 1) + 1)
            k, t = rng.randrange(1, n), rng.randrange(1, n)
            record["k"], record["t"] = octets(k), octets(t)
            record["k_plus_t_d"] = octets((k + t * d) % n)
            records.append(record)
    write("tpm_ec.txt", records)


def is_prime(number):
    if any(number % p == 0 for p in range(3, 2000, 2)):
        return False
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    for _ in range(20):
        power = pow(rng.randrange(2, number - 1), odd >> twos, number)
        if power != 1 and all(pow(power, 1 << i, number) != number - 1 for i in range(twos)):
            return False
    return True


def make_rsa(bits, e):
    """A key with any exponent; its primes are in no order."""
    while True:
        primes = []
        while len(primes) < 2:
            candidate = rng.getrandbits(bits // 2) | (3 << (bits // 2 - 2)) | 1
            if math.gcd(candidate - 1, e) == 1 and is_prime(candidate):
                primes.append(candidate)
        p, q = primes
        d = pow(e, -1, math.lcm(p - 1, q - 1))
        numbers = rsa.RSAPrivateNumbers(
            p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, p * q)
        )
        return numbers.private_key(), p, q


def rsa_vectors():
    records = []
    for bits in (1024, 2048, 3072, 4096):
        for e in (65537, 65539, 4294967291) if bits <= 2048 else (65537,):
            key, p, q = make_rsa(bits, e)
            public = key.public_key()
            n = public.public_numbers().n
            size = bits // 8
            record = {
                "bits": bits,
                "e": e,
                "n": n.to_bytes(size, "big"),
                "p": p.to_bytes(size // 2, "big"),
                "q": q.to_bytes(size // 2, "big"),
            }
            d = key.private_numbers().d
            number = rng.randrange(n)
            record["raw_in"] = number.to_bytes(size, "big")
            record["raw_private"] = pow(number, d, n).to_bytes(size, "big")
            record["raw_public"] = pow(number, e, n).to_bytes(size, "big")
            for name, algorithm in HASHES.items():
                digest = rng.randbytes(algorithm.digest_size)
                record[f"{name}_digest"] = digest
                prehashed = utils.Prehashed(algorithm)
                record[f"{name}_pkcs1"] = key.sign(digest, padding.PKCS1v15(), prehashed)
                longest = size - algorithm.digest_size - 2
                for kind, salt in (
                    ("digest", min(algorithm.digest_size, longest)),
                    ("maximum", longest),
                    ("empty", 0),
                ):
                    pss = padding.PSS(padding.MGF1(algorithm), salt)
                    record[f"{name}_pss_{kind}"] = key.sign(digest, pss, prehashed)
                room = size - 2 * algorithm.digest_size - 2
                label = rng.choice([b"", b"DUPLICATE\0", b"IDENTITY\0"])
                # OpenSSL 3.0 has no OAEP that is full at 1024 bits with SHA-512: room is -2.
                if room >= 0:
                    oaep = padding.OAEP(padding.MGF1(algorithm), algorithm, label or None)
                    for kind, length in (("empty", 0), ("some", room // 2), ("full", room)):
                        message = rng.randbytes(length)
                        record[f"{name}_oaep_{kind}_message"] = message
                        record[f"{name}_oaep_{kind}"] = public.encrypt(message, oaep)
                    record[f"{name}_label"] = label
            for kind, length in (("empty", 0), ("some", size // 3), ("full", size - 11)):
                message = rng.randbytes(length)
                record[f"pkcs1_{kind}_message"] = message
                record[f"pkcs1_{kind}"] = public.encrypt(message, padding.PKCS1v15())
            records.append(record)
    write("tpm_rsa.txt", records)


if __name__ == "__main__":
    kdf()
    aes()
    curves()
    rsa_vectors()
