# CertifyX509: openssl takes the certificate that comes out, and finds its signature right
. "$LIB"
signing_key ecc256 key
tpm2_evictcontrol -Q -C o -c key.ctx 0x81010001
tidy
signing_key rsa2048 other
tpm2_evictcontrol -Q -C o -c other.ctx 0x81010002
tpm2_certifyX509certutil -o partial -d 365 -i 'O=Ironroot;CN=self' -s 'O=Ironroot;CN=self'
certify() {
    tidy
    python3 - "$@" <<'PYTHON'
import struct, subprocess, sys

subject, signer, scheme, out = int(sys.argv[1], 16), int(sys.argv[2], 16), sys.argv[3], sys.argv[4]
def sized(data):
    return struct.pack(">H", len(data)) + data
def der(tag, data):
    size = len(data)
    head = bytes([size]) if size < 128 else (b"\x81" if size < 256 else b"\x82") + size.to_bytes(1 + (size > 255), "big")
    return bytes([tag]) + head + data
def split(data):
    start, size = 2, data[1]
    if size > 127:
        start, size = 2 + size - 128, int.from_bytes(data[2:2 + size - 128], "big")
    return data[:start + size], data[start + size:], data[start:start + size]
def number(data):
    data = data.lstrip(b"\0")
    return der(2, (b"\0" if data[0] > 127 else b"") + data)

partial = open("partial", "rb").read()
password = bytes.fromhex("400000090000000000")
body = struct.pack(">III", subject, signer, 18) + 2 * password + sized(b"") + bytes.fromhex(scheme) + sized(partial)
frame = struct.pack(">HII", 0x8002, 10 + len(body), 0x197) + body
answer = subprocess.run(["tpm2_send"], input=frame, stdout=subprocess.PIPE, check=True).stdout
if struct.unpack(">I", answer[6:10])[0]:
    sys.exit("answer " + answer[6:10].hex())
rest = answer[14:]
def take():
    global rest
    size = struct.unpack(">H", rest[:2])[0]
    data, rest = rest[2:2 + size], rest[2 + size:]
    return data
added, digest = split(take())[2], take()
alg, rest = struct.unpack(">H", rest[:2])[0], rest[4:]
signature = take()
if alg == 0x18:
    signature = der(0x30, number(signature) + number(take()))
parts = []
while added:
    part, added, _ = split(added)
    parts.append(part)
version, serial, algorithm, public = parts
parts, inner = [], split(partial)[2]
while inner:
    part, inner, _ = split(inner)
    parts.append(part)
issuer, validity, name, extensions = parts
tbs = der(0x30, version + serial + algorithm + issuer + validity + name + public + extensions)
open(out, "wb").write(der(0x30, tbs + algorithm + der(3, b"\0" + signature)))
PYTHON
}
# Each key certifies itself: ECDSA, PKCS #1, PSS.
certify 81010001 81010001 0018000b ecdsa.der
certify 81010002 81010002 0014000b rsassa.der
certify 81010002 81010002 0016000c pss.der
for name in ecdsa rsassa pss; do
    openssl x509 -inform der -in $name.der -out $name.pem
    openssl x509 -in $name.pem -noout -text >$name.txt
    openssl verify -check_ss_sig -CAfile $name.pem $name.pem || openssl verify -partial_chain -check_ss_sig -trusted $name.pem $name.pem
done
grep -q ecdsa-with-SHA256 ecdsa.txt
grep -q rsassaPss pss.txt
# One key certifies the other.
certify 81010002 81010001 0018000b cross.der
openssl x509 -inform der -in cross.der -noout -pubkey >cross.pub
tpm2_readpublic -Q -c 0x81010002 -f pem -o other.pem
same cross.pub other.pem
# Not with an algorithm that is not the key's.
refused certify 81010002 81010001 0014000b wrong.der
