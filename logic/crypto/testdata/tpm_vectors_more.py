"""Vectors for the TPM's rarer algorithms: SHA-3, SM3, SM4, CMAC, three more curves, and the schemes on all six.

`python3 tpm_vectors_more.py` rewrites tpm_hashes.txt, tpm_sm4.txt, tpm_cmac.txt, tpm_curves.txt and tpm_schemes.txt
beside it. Hashes, ciphers and CMAC are OpenSSL's (hashlib, the package `cryptography`); so are keys and signatures on
P-224. Everything else on curves is worked out below with plain numbers, and compared with the examples that
GM/T 0003.5 prints.
"""

import hashlib
import os
import random

from cryptography.hazmat.decrepit.ciphers.modes import CFB, OFB
from cryptography.hazmat.primitives import cmac as cmacs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HERE = os.path.dirname(os.path.abspath(__file__))
rng = random.Random("more tpm vectors")


def write(name, records):
    with open(os.path.join(HERE, name), "w") as out:
        out.write("# Made by tpm_vectors_more.py.\n")
        for record in records:
            out.write("\n")
            for key, value in record.items():
                text = value.hex() if isinstance(value, bytes) else str(value)
                out.write(f"{key} = {text}".rstrip() + "\n")


def digest(name, *parts):
    return hashlib.new(name, b"".join(parts)).digest()


# --- Hashes, ciphers, CMAC: OpenSSL -------------------------------------------------------------------------------

MORE_HASHES = ("sm3", "sha3_256", "sha3_384", "sha3_512")


def hash_vectors():
    import hmac

    for name in MORE_HASHES:
        block = hashlib.new(name).block_size
        for length in (0, 1, 3, block - 2, block - 1, block, block + 1, 2 * block, 500):
            data = rng.randbytes(length)
            key = rng.randbytes(rng.choice((1, 32, block - 1, block, block + 1, 200)))
            mac = hmac.new(key, data, name).digest()
            yield {"hash": name, "data": data, "digest": digest(name, data), "key": key, "hmac": mac}


def sm4_vectors():
    makers = {"ecb": lambda iv: modes.ECB(), "cbc": modes.CBC, "cfb": CFB, "ofb": OFB, "ctr": modes.CTR}
    for mode, maker in makers.items():
        whole = mode in ("ecb", "cbc")
        for length in (16, 32, 160) if whole else (1, 15, 16, 17, 32, 100):
            key, iv, message = rng.randbytes(16), rng.randbytes(16), rng.randbytes(length)
            if mode == "ctr" and length > 16:
                iv = b"\xff" * 16
            encryptor = Cipher(algorithms.SM4(key), maker(iv)).encryptor()
            ciphertext = encryptor.update(message) + encryptor.finalize()
            yield {"mode": mode, "key": key, "iv": iv, "message": message, "ciphertext": ciphertext}


def cmac_vectors():
    for name, algorithm, lengths in (("aes", algorithms.AES, (16, 24, 32)), ("sm4", algorithms.SM4, (16,))):
        for key_length in lengths:
            for length in (0, 1, 15, 16, 17, 31, 32, 33, 64, 300):
                key, message = rng.randbytes(key_length), rng.randbytes(length)
                mac = cmacs.CMAC(algorithm(key))
                mac.update(message)
                yield {"cipher": name, "key": key, "message": message, "mac": mac.finalize()}


# --- Curves: y² = x³ + ax + b -------------------------------------------------------------------------------------

u = -7530851732716300289
CURVES = {
    # p, a, b, x, y, n
    "p224": (
        2**224 - 2**96 + 1,
        -3,
        0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4,
        0xB70E0CBD6BB4BF7F321390B94A03C1D356C21122343280D6115C1D21,
        0xBD376388B5F723FB4C22DFE6CD4375A05A07476444D5819985007E34,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
    ),
    "p256": (
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        -3,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "p384": (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        -3,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    "p521": (
        2**521 - 1,
        -3,
        0x051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        0xC6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
        0x11839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
        2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    ),
    "bn256": (
        36 * u**4 + 36 * u**3 + 24 * u**2 + 6 * u + 1,
        0,
        3,
        1,
        2,
        36 * u**4 + 36 * u**3 + 18 * u**2 + 6 * u + 1,
    ),
    "sm2": (
        0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
        -3,
        0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
        0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
        0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
        0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    ),
}
NEW = ("p224", "bn256", "sm2")


class Curve:
    def __init__(self, name):
        self.name = name
        self.p, self.a, self.b, x, y, self.n = CURVES[name]
        self.g = (x, y)
        self.length = (self.p.bit_length() + 7) // 8
        assert self.holds(self.g) and self.times(self.n, self.g) is None

    def holds(self, point):
        x, y = point
        return (y * y - x**3 - self.a * x - self.b) % self.p == 0

    def plus(self, left, right):
        if left is None or right is None:
            return left or right
        (x1, y1), (x2, y2) = left, right
        if x1 == x2 and (y1 + y2) % self.p == 0:
            return None
        if left == right:
            slope = (3 * x1 * x1 + self.a) * pow(2 * y1, -1, self.p)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, self.p)
        x3 = (slope * slope - x1 - x2) % self.p
        return x3, (slope * (x1 - x3) - y1) % self.p

    def times(self, k, point=None):
        result, addend = None, point or self.g
        while k:
            if k & 1:
                result = self.plus(result, addend)
            addend = self.plus(addend, addend)
            k >>= 1
        return result

    def octets(self, number):
        return number.to_bytes(self.length, "big")

    def scalar(self):
        return rng.randrange(1, self.n)


def number(data):
    return int.from_bytes(data, "big")


def ecdsa(curve, d, data):
    """FIPS 186-5, section 6.4.1, with a random k."""
    z = number(data[: curve.length])
    k = curve.scalar()
    r = curve.times(k)[0] % curve.n
    return r, (z + r * d) * pow(k, -1, curve.n) % curve.n


def sm2_sign(curve, d, k, data):
    r = (number(data) + curve.times(k)[0]) % curve.n
    return r, (k - r * d) * pow(1 + d, -1, curve.n) % curve.n


def schnorr_sign(curve, d, k, name, data):
    challenge = digest(name, curve.octets(curve.times(k)[0]), data)[: curve.length]
    r = number(challenge) % curve.n
    return r, (k + r * d) % curve.n


def mqv(curve, own, peer):
    (ds, de), (qs, qe) = own, peer
    f = (curve.n.bit_length() + 1) // 2
    half = lambda point: (1 << f) + point[0] % (1 << f)
    secret = (de + half(curve.times(de)) * ds) % curve.n
    return curve.times(secret, curve.plus(qe, curve.times(half(qe), qs)))


def sm2_agree(curve, own, peer):
    (ds, de), (qs, qe) = own, peer
    w = (curve.n.bit_length() + 1) // 2 - 1
    half = lambda point: (1 << w) + point[0] % (1 << w)
    secret = (ds + half(curve.times(de)) * de) % curve.n
    return curve.times(secret, curve.plus(qs, curve.times(half(qe), qe)))


def kdf2(name, secret, length):
    blocks = (digest(name, secret, i.to_bytes(4, "big")) for i in range(1, 200))
    return b"".join(blocks)[:length]


def encrypt(curve, name, point, k, message):
    x, y = map(curve.octets, curve.times(k, point))
    mask = kdf2(name, x + y, len(message))
    return curve.times(k), bytes(m ^ s for m, s in zip(message, mask)), digest(name, x, message, y)


def check_gmt_0003():
    """The examples of GM/T 0003.5, annexes A to C; they are in the Rust tests, too."""
    curve = Curve("sm2")
    z = lambda point: digest(
        "sm3",
        (128).to_bytes(2, "big") + b"1234567812345678",
        curve.octets(curve.a % curve.p) + curve.octets(curve.b) + curve.octets(curve.g[0]) + curve.octets(curve.g[1]),
        curve.octets(point[0]) + curve.octets(point[1]),
    )
    d = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
    k = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
    e = digest("sm3", z(curve.times(d)), b"message digest")
    assert e.hex().upper() == "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"
    assert sm2_sign(curve, d, k, e) == (
        0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3,
        0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA,
    )
    a = (
        0x81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029,
        0xD4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3,
    )
    b = (
        0x785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5,
        0x7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6,
    )
    points = lambda keys: tuple(map(curve.times, keys))
    shared = sm2_agree(curve, a, points(b))
    assert shared == sm2_agree(curve, b, points(a))
    secret = curve.octets(shared[0]) + curve.octets(shared[1]) + z(curve.times(a[0])) + z(curve.times(b[0]))
    assert kdf2("sm3", secret, 16).hex().upper() == "6C89347354DE2484C60B4AB1FDE4C6E5"
    c1, c2, c3 = encrypt(curve, "sm3", curve.times(d), k, b"encryption standard")
    assert c1[0] == 0x04EBFC718E8D179862043226 * 2**160 + 0x8E77FEB6415E2EDE0E073C0F4F640ECD2E149A73
    assert c2.hex().upper() == "21886CA989CA9C7D58087307CA93092D651EFA"
    assert c3.hex().upper() == "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"


CURVE_HASHES = ("sha1", "sha256", "sha384", "sha512")


def curve_vectors():
    """As tpm_ec.txt has them for the other three."""
    for name in NEW:
        curve = Curve(name)
        for d in [1, 2, curve.n - 1, curve.n - 2] + [curve.scalar() for _ in range(6)]:
            public, peer = curve.times(d), curve.times(curve.scalar())
            record = {"curve": name, "d": curve.octets(d)}
            record |= {"x": curve.octets(public[0]), "y": curve.octets(public[1])}
            record |= {"peer_x": curve.octets(peer[0]), "peer_y": curve.octets(peer[1])}
            record["shared"] = curve.octets(curve.times(d, peer)[0])
            key = ec.derive_private_key(d, ec.SECP224R1()) if name == "p224" else None
            if key:
                numbers = key.public_key().public_numbers()
                assert (numbers.x, numbers.y) == public
            for hash_name in CURVE_HASHES:
                data = rng.randbytes(hashlib.new(hash_name).digest_size)
                if key:
                    algorithm = utils.Prehashed(getattr(hashes, hash_name.upper())())
                    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(algorithm)))
                else:
                    r, s = ecdsa(curve, d, data)
                record[f"{hash_name}_digest"] = data
                record[f"{hash_name}_r"], record[f"{hash_name}_s"] = curve.octets(r), curve.octets(s)
            extra = rng.randbytes((curve.n.bit_length() + 64 + 7) // 8)
            record["extra_bits"] = extra
            record["extra_scalar"] = curve.octets(number(extra) % (curve.n - 1) + 1)
            k, t = curve.scalar(), curve.scalar()
            record["k"], record["t"] = curve.octets(k), curve.octets(t)
            record["k_plus_t_d"] = curve.octets((k + t * d) % curve.n)
            yield record


def square_root(curve, square):
    """By Tonelli and Shanks; `None`: there is none."""
    p = curve.p
    if pow(square, (p - 1) // 2, p) != 1:
        return None
    odd, twos = p - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    other = next(z for z in range(2, p) if pow(z, (p - 1) // 2, p) == p - 1)
    c, root, t = pow(other, odd, p), pow(square, (odd + 1) // 2, p), pow(square, odd, p)
    while t != 1:
        i, power = 0, t
        while power != 1:
            i, power = i + 1, power * power % p
        step = pow(c, 1 << (twos - i - 1), p)
        twos, c = i, step * step % p
        root, t = root * step % p, t * c % p
    return root


def hashed_point(curve, name):
    """s2 and y2 of TPM2_Commit: a digest that is a point's x, modulo the prime."""
    while True:
        s2 = rng.randbytes(20)
        x = number(digest(name, s2)) % curve.p
        y = square_root(curve, (x**3 + curve.a * x + curve.b) % curve.p)
        if y is not None:
            return s2, (x, y)


def scheme_vectors():
    check_gmt_0003()
    for curve_name in CURVES:
        curve = Curve(curve_name)
        o = curve.octets
        for name in CURVE_HASHES + MORE_HASHES:
            d, k = curve.scalar(), curve.scalar()
            public = curve.times(d)
            data = rng.randbytes(hashlib.new(name).digest_size)
            record = {"curve": curve_name, "hash": name, "d": o(d), "x": o(public[0]), "y": o(public[1])}
            record |= {"k": o(k), "digest": data}
            for kind, (r, s) in (
                ("sm2", sm2_sign(curve, d, k, data)),
                ("schnorr", schnorr_sign(curve, d, k, name, data)),
            ):
                record[f"{kind}_r"], record[f"{kind}_s"] = o(r), o(s)
            record["reduced"] = o(number(data) % curve.n)
            message = rng.randbytes(rng.randrange(200))
            c1, c2, c3 = encrypt(curve, name, public, k, message)
            record |= {"message": message, "c1_x": o(c1[0]), "c1_y": o(c1[1]), "c2": c2, "c3": c3}
            own, peer = (d, k), (curve.scalar(), curve.scalar())
            record["peer_d"], record["peer_k"] = map(o, peer)
            points = tuple(map(curve.times, peer))
            for kind, shared in (("mqv", mqv(curve, own, points)), ("sm2", sm2_agree(curve, own, points))):
                record[f"{kind}_shared_x"], record[f"{kind}_shared_y"] = map(o, shared)
            assert mqv(curve, peer, tuple(map(curve.times, own))) == mqv(curve, own, points)
            s2, (x2, y2) = hashed_point(curve, name)
            record |= {"s2": s2, "x2": o(x2), "y2": o(y2)}
            yield record


def main():
    write("tpm_hashes.txt", list(hash_vectors()))
    write("tpm_sm4.txt", list(sm4_vectors()))
    write("tpm_cmac.txt", list(cmac_vectors()))
    write("tpm_curves.txt", list(curve_vectors()))
    write("tpm_schemes.txt", list(scheme_vectors()))


if __name__ == "__main__":
    main()
