"""Opens an encrypted MCUboot image with the cryptography package, as a second opinion.

usage: open.py IMAGE KEY       KEY: a PEM file, or the digits of a key-encryption key
Prints the payload in hexadecimal digits. Fails when the content key does not come out, or when the plain
text does not have the image's hash. Formats: MCUboot's design and encryption documents.
"""

import hashlib
import struct
import sys

from cryptography.hazmat.primitives import hashes, hmac, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def areas(image, at):
    while True:
        magic, total = struct.unpack_from("<HH", image, at)
        assert magic in (0x6907, 0x6908)
        entries, end = at + 4, at + total
        while entries < end:
            kind, length = struct.unpack_from("<HH", image, entries)
            yield magic == 0x6908, kind, image[entries + 4 : entries + 4 + length]
            entries += 4 + length
        at = end
        if magic == 0x6907:
            return


def counter_mode(key, data):
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).decryptor()
    return cipher.update(data) + cipher.finalize()


def ecies(shared, data, hash_algorithm, key_length):
    size = hash_algorithm.digest_size
    tag, wrapped = data[:size], data[size:]
    assert len(wrapped) == key_length
    derived = HKDF(hash_algorithm, key_length + size, None, b"MCUBoot_ECIES_v1").derive(shared)
    mac = hmac.HMAC(derived[key_length:], hash_algorithm)
    mac.update(wrapped)
    mac.verify(tag)
    return counter_mode(derived[:key_length], wrapped)


def content_key(kind, data, key, length):
    if kind == 0x31:
        return keywrap.aes_key_unwrap(bytes.fromhex(key), data)
    private = serialization.load_pem_private_key(open(key, "rb").read(), None)
    if kind == 0x30:
        mask = padding.MGF1(hashes.SHA256())
        return private.decrypt(data, padding.OAEP(mask, hashes.SHA256(), None))
    if kind == 0x32:
        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data[:65])
        return ecies(private.exchange(ec.ECDH(), peer), data[65:], hashes.SHA256(), length)
    peer = x25519.X25519PublicKey.from_public_bytes(data[:32])
    hash_algorithm = {0x33: hashes.SHA256(), 0x34: hashes.SHA512()}[kind]
    return ecies(private.exchange(peer), data[32:], hash_algorithm, length)


def main(path, key):
    image = open(path, "rb").read()
    header_size, protected, payload_size, flags = struct.unpack_from("<HHII", image, 8)
    end = header_size + payload_size
    length = {4: 16, 8: 32}[flags & 12]
    entries = list(areas(image, end))
    wrapped = [(kind, data) for _, kind, data in entries if 0x30 <= kind <= 0x34]
    assert len(wrapped) == 1 and not any(p for p, kind, _ in entries if 0x30 <= kind <= 0x34)
    plain = counter_mode(content_key(*wrapped[0], key, length), image[header_size:end])
    signed = image[:header_size] + plain + image[end : end + protected]
    digests = {0x10: "sha256", 0x11: "sha384", 0x12: "sha512"}
    found = [(digests[kind], data) for _, kind, data in entries if kind in digests]
    assert [hashlib.new(name, signed).digest() for name, _ in found] == [d for _, d in found]
    print(plain.hex())


main(*sys.argv[1:])
