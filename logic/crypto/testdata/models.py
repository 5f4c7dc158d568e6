"""Second implementations, written from the descriptions and not from the Rust code.

Python 3 and its standard library only. `python3 models.py` rewrites drbg.txt, hmac_drbg.txt,
key_tree.txt and rsa_generate.txt beside it; they must come out unchanged for ever, since stored
keys depend on them.
"""

import hashlib
import hmac
import math
import os
import random
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def mac(key, message, name="sha256"):
    return hmac.new(key, message, name).digest()


def hkdf(salt, ikm, info, length, name="sha256"):  # RFC 5869
    prk = mac(salt, ikm, name)
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = mac(prk, block + info + bytes([counter]), name)
        out += block
        counter += 1
    return out[:length]


def chacha20_block(key, counter):  # RFC 8439, section 2.3, nonce of zeros
    def rotate(x, n):
        return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF

    start = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key))
    start += [counter, 0, 0, 0]
    s = start[:]
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in (columns + diagonals) * 10:
        s[a] = (s[a] + s[b]) & 0xFFFFFFFF
        s[d] = rotate(s[d] ^ s[a], 16)
        s[c] = (s[c] + s[d]) & 0xFFFFFFFF
        s[b] = rotate(s[b] ^ s[c], 12)
        s[a] = (s[a] + s[b]) & 0xFFFFFFFF
        s[d] = rotate(s[d] ^ s[a], 8)
        s[c] = (s[c] + s[d]) & 0xFFFFFFFF
        s[b] = rotate(s[b] ^ s[c], 7)
    return struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(s, start)))


class Drbg:
    """Fast key erasure over ChaCha20; requests are served in parts of at most 65,536 bytes."""

    def __init__(self, seed, personalisation):
        self.key = hkdf(b"ironroot drbg 1", seed, personalisation, 32)

    def fill(self, length):
        out = b""
        while length > 0:
            part = min(length, 1 << 16)
            blocks = -(-(32 + part) // 64)
            stream = b"".join(chacha20_block(self.key, i) for i in range(blocks))
            self.key = stream[:32]
            out += stream[32 : 32 + part]
            length -= part
        return out

    def reseed(self, fresh):
        self.key = hkdf(self.key, fresh, b"ironroot drbg reseed", 32)


class HmacDrbg:
    """SP 800-90A rev. 1, section 10.1.2."""

    def __init__(self, name, entropy, nonce, personalisation):
        self.name = name
        size = hashlib.new(name).digest_size
        self.key, self.value = b"\0" * size, b"\1" * size
        self.update(entropy + nonce + personalisation)

    def update(self, data):
        self.key = mac(self.key, self.value + b"\0" + data, self.name)
        self.value = mac(self.key, self.value, self.name)
        if data:
            self.key = mac(self.key, self.value + b"\1" + data, self.name)
            self.value = mac(self.key, self.value, self.name)

    def reseed(self, entropy, additional):
        self.update(entropy + additional)

    def generate(self, additional, length):
        if additional:
            self.update(additional)
        out = b""
        while len(out) < length:
            self.value = mac(self.key, self.value, self.name)
            out += self.value
        self.update(additional)
        return out[:length]


def key_tree(huk, purpose, context, length):
    info = struct.pack(">Q", len(purpose)) + purpose + struct.pack(">Q", len(context)) + context
    return hkdf(b"ironroot key tree 1", huk, info, length)


SMALL_PRIMES = [p for p in range(3, 1 << 16, 2) if all(p % q for q in range(3, math.isqrt(p) + 1, 2))]


def is_prime(candidate, bases, size):
    if pow(2, candidate - 1, candidate) != 1:
        return False
    twos = ((candidate - 1) & -(candidate - 1)).bit_length() - 1
    for _ in range(5):
        base = 0
        while base <= 1:
            base = int.from_bytes(bases.fill(size), "big") >> 1
        power = pow(base, (candidate - 1) >> twos, candidate)
        squares = [pow(power, 1 << i, candidate) for i in range(twos)]
        if power != 1 and candidate - 1 not in squares:
            return False
    return True


def random_prime(drbg, size, exponent):
    bases = Drbg(drbg.fill(32), b"miller-rabin bases")
    while True:
        start = int.from_bytes(drbg.fill(size), "big") | (3 << (8 * size - 2)) | 1
        for candidate in range(start, start + 2 * 4096, 2):
            if any(candidate % p == 0 for p in SMALL_PRIMES) or candidate % exponent == 1:
                continue
            if is_prime(candidate, bases, size):
                return candidate


def rsa_generate(drbg, bits):
    exponent, half = 65537, bits // 2
    while True:
        p, q = (random_prime(drbg, half // 8, exponent) for _ in range(2))
        if abs(p - q) < 1 << (half - 100):
            continue
        d = pow(exponent, -1, math.lcm(p - 1, q - 1))
        if d >= 1 << half:
            p, q = max(p, q), min(p, q)
            return p * q, exponent, d, p, q


def write(name, records):
    with open(os.path.join(HERE, name), "w") as out:
        out.write("# Made by models.py.\n")
        for record in records:
            out.write("\n")
            for key, value in record.items():
                text = value if isinstance(value, str) else value.hex()
                out.write(f"{key} = {text}".rstrip() + "\n")


def main():
    rng = random.Random("vectors")

    records = []
    for personalisation in (b"", b"vault", b"x" * 100):
        seed = rng.randbytes(32)
        drbg = Drbg(seed, personalisation)
        record = {"seed": seed, "personalisation": personalisation}
        for i, length in enumerate((1, 24, 32, 33, 96, 97, 200)):
            record[f"fill_{length}"] = drbg.fill(length)
        fresh = rng.randbytes(17)
        drbg.reseed(fresh)
        record["reseed"] = fresh
        record["after_reseed"] = drbg.fill(64)
        record["long_sha256"] = hashlib.sha256(drbg.fill(65536 + 1000)).digest()
        record["after_long"] = drbg.fill(8)
        records.append(record)
    write("drbg.txt", records)

    # The first vector of NIST CAVP's HMAC_DRBG (SHA-256, no reseed): two requests, the second kept.
    nist = HmacDrbg(
        "sha256",
        bytes.fromhex("ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488"),
        bytes.fromhex("659ba96c601dc69fc902940805ec0ca8"),
        b"",
    )
    nist.generate(b"", 128)
    assert nist.generate(b"", 128).hex().startswith("e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6")
    records = []
    for name in ("sha256", "sha384", "sha512"):
        for personal, extra, fresh in ((0, 0, 0), (32, 0, 0), (0, 24, 0), (32, 24, 40), (0, 0, 32)):
            size = hashlib.new(name).digest_size
            record = {
                "hash": name,
                "entropy": rng.randbytes(size),
                "nonce": rng.randbytes(size // 2),
                "personalisation": rng.randbytes(personal),
                "additional": rng.randbytes(extra),
                "reseed": rng.randbytes(fresh),
            }
            drbg = HmacDrbg(name, record["entropy"], record["nonce"], record["personalisation"])
            record["first"] = drbg.generate(record["additional"], 100)
            if fresh:
                drbg.reseed(record["reseed"], record["additional"])
            record["second"] = drbg.generate(record["additional"], 2 * size)
            records.append(record)
    write("hmac_drbg.txt", records)

    records = []
    for purpose, context in ((b"vault", b""), (b"", b"vault"), (b"client", b"\xff\xff\xff\xff"), (b"a" * 70, b"b" * 300)):
        huk = rng.randbytes(32)
        record = {"huk": huk, "purpose": purpose, "context": context}
        record["key"] = key_tree(huk, purpose, context, 32)
        record["long_key"] = key_tree(huk, purpose, context, 100)
        records.append(record)
    write("key_tree.txt", records)

    records = []
    for bits in (2048, 3072):
        seed = rng.randbytes(32)
        n, e, d, p, q = rsa_generate(Drbg(seed, b"rsa"), bits)
        sizes = {"n": n, "d": d, "p": p, "q": q}
        record = {"bits": str(bits), "seed": seed, "personalisation": b"rsa"}
        record.update({k: v.to_bytes((v.bit_length() + 7) // 8, "big") for k, v in sizes.items()})
        records.append(record)
    write("rsa_generate.txt", records)


if __name__ == "__main__":
    main()
