#!/usr/bin/env python3
"""Makes state.txt: random commands on NV, PCRs, hierarchies, lockout and capabilities, answered by Debian's swtpm.

Each line is a command and its answer, in hexadecimal, or one of `reset` (power off and on), `locality N` (for what
follows), `measure DATA` (the signals of a measurement by hardware). `tests/against_swtpm.rs` gives the
commands to our TPM and wants the same answers. Commands whose answers must differ (random numbers, clocks, keys) are
not asked. Needs swtpm and Python's standard library:

    python3 state.py > state.txt
"""

import random
import socket
import struct
import subprocess
import sys
import tempfile
import time

PORT = 29931
OWNER, NULL, LOCKOUT, ENDORSEMENT, PLATFORM = 0x40000001, 0x40000007, 0x4000000A, 0x4000000B, 0x4000000C
SHA1, SHA256, SHA384, SHA512 = 4, 11, 12, 13
LEN = {SHA1: 20, SHA256: 32, SHA384: 48, SHA512: 64}
RETRY = 0x922
dice = random.Random(20)


class Swtpm:
    def __init__(self):
        directory = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + directory,
             "--server", "type=tcp,port=%d" % PORT, "--ctrl", "type=tcp,port=%d" % (PORT + 1)])
        time.sleep(0.5)
        self.control = socket.create_connection(("127.0.0.1", PORT + 1))
        self.init()
        self.data = socket.create_connection(("127.0.0.1", PORT))
        self.data.settimeout(5)

    def init(self):
        self.control.sendall(struct.pack(">II", 2, 0))
        assert self.control.recv(4) == bytes(4)

    def locality(self, number):
        self.control.sendall(struct.pack(">IB3x", 5, number))
        assert self.control.recv(4) == bytes(4)

    def measure(self, data):
        for request in (struct.pack(">I", 6), struct.pack(">II", 7, len(data)) + data, struct.pack(">I", 8)):
            self.control.sendall(request)
            assert self.control.recv(4) == bytes(4)

    def send(self, command):
        self.data.sendall(command)
        answer = b""
        while len(answer) < 10 or len(answer) < struct.unpack(">I", answer[2:6])[0]:
            more = self.data.recv(4096)
            if not more:
                raise SystemExit("swtpm hung up at " + command.hex())
            answer += more
        return answer


def sized(data):
    return struct.pack(">H", len(data)) + data


def u(*numbers):
    return b"".join(struct.pack(">I", number) for number in numbers)


def frame(code, handles=(), params=b"", auths=None):
    body = u(*handles)
    if auths is not None:
        area = b"".join(u(0x40000009) + bytes(2) + b"\1" + sized(auth) for auth in auths)
        body += u(len(area)) + area
    body += params
    return struct.pack(">HII", 0x8001 if auths is None else 0x8002, len(body) + 10, code) + body


INDICES = [0x01000000 + number for number in range(4)]
PIN = {index: dice.choice([b"", b"pin"]) for index in INDICES}
BITS = {
    "ppwrite": 0, "ownerwrite": 1, "authwrite": 2, "policywrite": 3, "policydelete": 10, "writelocked": 11,
    "writeall": 12, "writedefine": 13, "writestclear": 14, "globallock": 15, "ppread": 16, "ownerread": 17,
    "authread": 18, "policyread": 19, "noda": 25, "orderly": 26, "clearstclear": 27, "readlocked": 28,
    "written": 29, "platformcreate": 30, "readstclear": 31,
}


def attributes():
    value = dice.choice([0, 0, 0, 1, 2, 4, 8, 9, dice.randrange(16)]) << 4
    for name in ("ownerwrite", "ownerread", "authread", "noda"):
        value |= (dice.random() < 0.85) << BITS[name]
    value |= (dice.random() < 0.5) << BITS["authwrite"]
    for name in ("ppwrite", "ppread", "orderly", "writestclear", "readstclear", "globallock", "writedefine",
                 "clearstclear", "writeall"):
        value |= (dice.random() < 0.12) << BITS[name]
    for name in ("platformcreate", "written", "writelocked", "readlocked", "policywrite", "policyread", "policydelete"):
        value |= (dice.random() < 0.02) << BITS[name]
    return value | (dice.random() < 0.02) << dice.randrange(32)


def define():
    bits, alg = attributes(), dice.choice([SHA256] * 4 + [SHA1, SHA384, 0x11])
    size = dice.choice([8, 8, 8, LEN.get(alg, 8), dice.randrange(40), 2048, 2049, 1100])
    index = dice.choice(INDICES)
    public = u(index) + struct.pack(">HI", alg, bits) + sized(dice.choice([b""] * 8 + [bytes(32), bytes(5)]))
    public = sized(public + struct.pack(">H", size))
    by = PLATFORM if bits >> 30 & 1 and dice.random() < 0.9 else dice.choice([OWNER] * 9 + [PLATFORM, ENDORSEMENT])
    return frame(0x12A, [by], sized(PIN[index]) + public, [b""])


def on_index(code, params=b""):
    index = dice.choice(INDICES)
    by = dice.choice([OWNER] * 6 + [PLATFORM, index, index, index, dice.choice(INDICES)])
    auth = PIN[by] if by in PIN and dice.random() < 0.9 else b"" if by not in PIN else b"wrong"
    return frame(code, [by, index], params, [auth])


def write():
    data = dice.randbytes(dice.choice([0, 1, 4, 8, 8, 8, 20, 32]))
    return on_index(0x137, sized(data) + struct.pack(">H", dice.choice([0, 0, 0, 0, 1, 4, 9, 100])))


def read():
    return on_index(0x14E, struct.pack(">HH", dice.choice([0, 1, 8, 8, 8, 20, 32, 1025]),
                                       dice.choice([0, 0, 0, 1, 4, 50])))


def pcr_extend():
    banks = [dice.choice([SHA1, SHA256, SHA384, SHA512]) for _ in range(dice.randrange(4))]
    values = u(len(banks)) + b"".join(struct.pack(">H", bank) + dice.randbytes(LEN[bank]) for bank in banks)
    return frame(0x182, [dice.choice([0, 3, 10, 15, 16, 17, 20, 22, 23, 24, NULL])], values, [b""])


def selection():
    banks = [dice.choice([SHA1, SHA256, SHA384, SHA512, SHA256, 0x11 if dice.random() < 0.1 else SHA1])
             for _ in range(dice.choice([0, 1, 1, 2, 4]))]
    return u(len(banks)) + b"".join(
        struct.pack(">HB", bank, 3) + bytes(dice.choice([0, 0, 1, 2, 0x81, 0xFF]) for _ in range(3)) for bank in banks)


def capability():
    what, first = dice.choice([
        (1, 0), (1, 0x01000000), (1, 0x01000003), (1, 0x80000000), (1, 0x81000000), (1, 0x40000000), (1, 0x90000000),
        (5, 0), (5, 1), (7, 0), (7, 3), (9, 0x40000000), (9, 5), (6, 0x20D + 1), (6, 0x300), (6, 0x200), (11, 0),
        (6, 0x20F), (6, 0x105), (1, 0x4000000A)])
    count = dice.choice([0, 1, 2, 3, 5])
    if (what, first) == (7, 0) or (what, first) == (7, 3):
        count = min(count, 5)
    if (what, first) in ((6, 0x200), (6, 0x105)):
        count = 1
    # Behind these we have countdown timers, swtpm has none.
    if (what, first) in ((9, 0x40000000), (1, 0x4000000A)):
        count = min(count, 3)
    return frame(0x17A, [], u(what, first, count))


def allocate():
    banks = [(dice.choice(list(LEN)), dice.choice([0xFFFFFF, 0xFFFFFF, 0x020001, 0, 0x1FFFF])) for _ in range(2)]
    return frame(0x12B, [PLATFORM], u(len(banks)) + b"".join(
        struct.pack(">HB", bank, 3) + struct.pack("<I", bits)[:3] for bank, bits in banks), [b""])


def hierarchy_control():
    return frame(0x121, [dice.choice([OWNER, ENDORSEMENT, PLATFORM, PLATFORM, PLATFORM])],
                 u(dice.choice([OWNER, ENDORSEMENT, 0x4000000D, NULL])) + bytes([dice.choice([0] + [1] * 8 + [2])]), [b""])


def policy():
    alg = dice.choice([SHA1, SHA256, SHA512, 0x10, 0x11])
    digest = bytes(LEN.get(alg, 0)) if dice.random() < 0.7 else bytes(7)
    return frame(0x12E, [dice.choice([OWNER, ENDORSEMENT, PLATFORM, LOCKOUT])], sized(digest) + struct.pack(">H", alg), [b""])


def spoilt():
    """A command with its parameters cut or with bytes too many."""
    command = dice.choice(KINDS)()
    if dice.random() < 0.5:
        command = command[:max(10, len(command) - dice.randrange(1, 4))]
    else:
        command += dice.randbytes(dice.randrange(1, 3))
    return command[:2] + struct.pack(">I", len(command)) + command[6:]


KINDS = (
    [define] * 12 + [write] * 8 + [read] * 8 + [pcr_extend] * 3 + [capability] * 4 + [
        lambda: on_index(0x134), lambda: on_index(0x134), lambda: on_index(0x134),
        lambda: on_index(0x135, struct.pack(">Q", dice.getrandbits(64))),
        lambda: on_index(0x136, sized(dice.randbytes(dice.randrange(30)))),
        lambda: on_index(0x138), lambda: on_index(0x14F),
        lambda: frame(0x169, [dice.choice(INDICES)]), lambda: frame(0x169, [dice.choice(INDICES)]),
        lambda: frame(0x122, [dice.choice([OWNER, OWNER, PLATFORM]), dice.choice(INDICES)], b"", [b""])
        if dice.random() < 0.5 else read(),
        lambda: frame(0x132, [OWNER], b"", [b""]) if dice.random() < 0.3 else read(),
        lambda: frame(0x17E, [], selection()),
        lambda: frame(0x13C, [dice.choice([4, 16, 21, NULL])], sized(dice.randbytes(9)), [b""]),
        lambda: frame(0x13D, [dice.choice([0, 16, 20, 23, 24])], b"", [b""]),
        hierarchy_control, policy,
        lambda: frame(0x13A, [LOCKOUT], u(dice.choice([1, 3, 30]), 1000, 1000), [b""]),
        lambda: frame(0x139, [LOCKOUT], b"", [b""]),
        lambda: frame(0x127, [dice.choice([LOCKOUT, PLATFORM, OWNER])], bytes([dice.choice([0, 1, 2])]), [b""])
        if dice.random() < 0.2 else write(),
        lambda: frame(0x126, [dice.choice([LOCKOUT, PLATFORM])], b"", [b""]) if dice.random() < 0.15 else write(),
        lambda: frame(0x130, [OWNER], bytes([dice.choice([0, 1, 3, 253, 255, 4])]), [b""]),
        lambda: frame(0x128, [OWNER], struct.pack(">Q", 0), [b""]),
        lambda: frame(0x17D, [], sized(dice.randbytes(20)) + struct.pack(">H", dice.choice([SHA1, SHA512, 0x11])) + u(NULL)),
        lambda: frame(0x146, [], sized(dice.randbytes(dice.choice([0, 5, 128])))),
        lambda: frame(0x143, [], bytes([dice.choice([0, 2])])),
        lambda: frame(0x144, [], bytes(2)),
    ])


def main():
    tpm = Swtpm()
    lines = []

    def ask(command):
        answer = tpm.send(command)
        if answer[6:10] == u(RETRY):
            answer = tpm.send(command)
        lines.append(command.hex() + " " + answer.hex())
        return answer

    ask(frame(0x144, [], bytes(2)))
    allocated = False
    for _ in range(2300):
        if dice.random() < 0.05:
            number = dice.choice([0, 0, 1, 2, 2, 3])
            tpm.locality(number)
            lines.append("locality %d" % number)
        if dice.random() < 0.01:
            data = dice.randbytes(12)
            tpm.measure(data)
            lines.append("measure " + data.hex())
            for number in (0, 17, 20):
                ask(frame(0x17E, [], u(1) + struct.pack(">HB", SHA256, 3) + struct.pack("<I", 1 << number)[:3]))
        if dice.random() < 0.004:
            ask(allocate())
            allocated = True
        if dice.random() < 0.015:
            state = 0 if allocated else dice.choice([0, 1, 1])
            allocated = False
            ask(frame(0x145, [], struct.pack(">H", state)))
            if dice.random() < 0.3:
                ask(capability())
            tpm.init()
            lines.append("reset")
            number = dice.choice([0, 0, 0, 3, 1])
            tpm.locality(number)
            lines.append("locality %d" % number)
            if dice.random() < 0.25:
                data = dice.randbytes(8)
                tpm.measure(data)
                lines.append("measure " + data.hex())
            started = ask(frame(0x144, [], struct.pack(">H", dice.choice([0, 1]))))
            if started[6:10] != bytes(4):
                tpm.locality(0)
                lines.append("locality 0")
                ask(frame(0x144, [], bytes(2)))
            tpm.locality(0)
            lines.append("locality 0")
            ask(frame(0x17E, [], u(1) + struct.pack(">HB", SHA256, 3) + b"\1\0\2"))
        elif dice.random() < 0.06:
            ask(spoilt())
        else:
            ask(dice.choice(KINDS)())
    tpm.process.terminate()
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
