#!/usr/bin/env python3
"""Makes policy.txt: random commands on sessions and policies, answered by Debian's swtpm.

Each line is a command and its answer, in hexadecimal. A `~` before it: only size, response code, handle and parameters
are to be compared, for there is a nonce in it. `tests/policies_against_swtpm.rs` gives the commands to our TPM.

    python3 policy.py > policy.txt

Not asked, because swtpm is more lenient than the specification: audit attributes without audit (Part 2, section 8.4),
FlushContext of a session by a handle of the other type.
"""

import random
import struct
import sys

from state import LEN, SHA1, SHA256, SHA384, SHA512, OWNER, NULL, LOCKOUT, ENDORSEMENT, PLATFORM
from state import Swtpm, frame, sized, u

dice = random.Random(4)
INDEX = 0x01500000
HANDLES = [0x03000000, 0x03000001, 0x03000002]
# Left out: in a trial session a cpHash of PolicySecret overwrote a template, and swtpm takes it for a template still.
ODD = frame(0x190, [0x03000002], sized(b"\1" * 48)).hex()
digests = {}
hashes = {}


def h(*numbers):
    return b"".join(struct.pack(">H", number) for number in numbers)


def start():
    kind = dice.choice([1, 1, 1, 3, 3, 2 if dice.random() < 0.2 else 1])
    alg = dice.choice([SHA256, SHA256, SHA256, SHA1, SHA384, SHA512, 0x10 if dice.random() < 0.2 else SHA256])
    nonce = dice.choice([16, 16, 16, 20, 32, 15, 21, 33, 64, 0]) if dice.random() < 0.3 else 16
    symmetric = dice.choice([h(0x10)] * 4 + [h(6, 128, 0x43), h(6, 256, 0x43), h(6, 128, 0x42), h(6, 100, 0x43),
                                            h(0x0A, 0x0B), h(0x0A, 0x10), h(0x99)])
    salt = dice.choice([b""] * 9 + [b"salt"])
    params = sized(bytes(nonce)) + sized(salt) + bytes([kind]) + symmetric + h(alg)
    handles = [dice.choice([NULL] * 9 + [OWNER, 0x80000000]), dice.choice([NULL] * 9 + [OWNER, 0x80000001, 24, INDEX + 7])]
    return frame(0x176, handles, params), alg


def bad(params):
    """Sometimes cut, sometimes too long."""
    what = dice.random()
    if what < 0.04:
        return params[:dice.randrange(len(params) + 1)]
    if what < 0.07:
        return params + b"\0"
    return params


def near(session):
    return LEN[hashes.get(session, SHA256)]


def any_digest(session):
    size = dice.choice([near(session)] * 6 + [0, 20, 31, 32, 33, 64, 65])
    return bytes([dice.choice([1, 2])]) * size


def name():
    return dice.choice([b"\0\x0b" + b"n" * 32] * 4 + [b"\0\4" + b"n" * 20, b"\0\x0b" + b"n" * 31, b"\0\x11" + b"n" * 32,
                                                     b"", b"\0", u(OWNER)])


def operation():
    return dice.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xFFFF])


def selection():
    banks = [dice.choice([SHA1, SHA256, SHA384, SHA512, SHA256]) for _ in range(dice.choice([0, 1, 1, 2, 3]))]
    return u(len(banks)) + b"".join(
        h(bank) + b"\3" + bytes(dice.choice([0, 0, 1, 0x81, 0xFF]) for _ in range(3)) for bank in banks)


def assertion(session):
    own = digests.get(session, b"")
    pick = dice.choice
    table = [
        (0x16B, b""), (0x18C, b""), (0x187, b""), (0x189, b""), (0x180, b""), (0x189, b""),
        (0x16C, u(pick([0x15E, 0x153, 0x129, 0x14B, 0x11E, 0x123, 0, 0x20000000]))),
        (0x16F, bytes([pick([0, 1, 3, 8, 0x18, 0x1F, 0x20, 0x21, 0xFF])])),
        (0x18F, bytes([pick([0, 1, 2])])),
        (0x16E, sized(any_digest(session))), (0x170, sized(any_digest(session))), (0x190, sized(any_digest(session))),
        (0x188, sized(name()) + sized(name()) + bytes([pick([0, 1, 2])])),
        (0x171, u(pick([2, 2, 2, 1, 3])) + sized(own) + sized(bytes(32))),
        (0x171, u(2) + sized(b"x" * 20) + sized(own)), (0x171, u(pick([0, 9])) + sized(own) * 9),
        (0x171, u(8) + sized(b"y" * 32) * 7 + sized(own)),
        (0x17F, sized(pick([b"", b"", bytes(near(session)), bytes(31)])) + selection()),
        (0x16D, sized(pick([b"", b"", bytes(25), bytes(26), bytes(65)])) + h(pick([0, 0, 1, 25, 26, 0xFFFF]), pick([1, 1, operation()]))),
        (0x16A, sized(pick([own, bytes(32)])) + sized(pick([b"", b"ref", b"r" * 66])) + sized(name())
         + h(pick([0x8022, 0x8022, 0x8021])) + u(pick([NULL, OWNER, LOCKOUT])) + sized(pick([b"", bytes(32)]))),
        (0x172, sized(pick([bytes(8), b"", bytes(7)])) + sized(pick([b"", any_digest(session)])) + sized(b"ref")
         + sized(name()) + h(pick([0x8023, 0x8025, 0x8022])) + u(pick([NULL, OWNER, PLATFORM])) + sized(bytes(32))),
    ]
    code, params = pick(table)
    if (code, len(params)) == (0x16D, 0):
        code = 0x189
    return frame(code, [session], bad(params))


def secret(session):
    entity = dice.choice([OWNER, ENDORSEMENT, PLATFORM, LOCKOUT, NULL, INDEX, 0, 16, 24, 0x80000000])
    nonce = dice.choice([b""] * 5 + [bytes(16)])
    cp_hash = dice.choice([b""] * 3 + [any_digest(session)])
    params = sized(nonce) + sized(cp_hash) + sized(dice.choice([b"", b"ref", b"r" * 67])) + u(dice.choice([0, 0, 1000000]))
    auth = dice.choice([b""] * 9 + [b"\0\0"])
    return frame(0x151, [entity, session], bad(params), [auth] if dice.random() < 0.95 else None)


def nv(session):
    by = dice.choice([OWNER, INDEX, INDEX, PLATFORM])
    if dice.random() < 0.4:
        return frame(0x192, [by, INDEX, session], b"", [b""])
    operand = dice.choice([b"", b"\x80", b"\x7f\0", bytes(8), bytes(9), b"\x80\0\0\1"])
    return frame(0x149, [by, INDEX, session], bad(sized(operand) + h(dice.choice([0, 0, 4, 8, 9]), operation())), [b""])


def use(session):
    """The owner's policy, by this session: without key and HMAC."""
    attributes = dice.choice([1] * 8 + [0, 0x81, 0x41, 0x21, 0x09])
    area = u(session) + sized(bytes(16)) + bytes([attributes]) + sized(dice.choice([b""] * 6 + [b"x", bytes(32)]))
    if dice.random() < 0.1:
        area += dice.choice([area, u(0x40000009) + b"\0\0\1\0\0", u(0x03000009) + b"\0\0\1\0\0", b"\0"])
    code, handle, params = dice.choice([(0x129, OWNER, sized(b"")), (0x129, OWNER, sized(b"")), (0x129, ENDORSEMENT, sized(b"")),
                                        (0x182, 16, u(0))])
    body = u(handle, len(area)) + area + params
    return struct.pack(">HII", 0x8002, len(body) + 10, code) + body


def main():
    tpm = Swtpm()

    def ask(command, partly=False):
        answer = tpm.send(command)
        if (command.hex(), answer[6:10]) == (ODD, b"\0\0\1\xc4"):
            return answer
        print(("~" if partly else "") + command.hex(), answer.hex())
        return answer

    ask(frame(0x144, [], h(0)))
    public = u(INDEX) + h(SHA256) + u(0x02060006) + h(0) + h(8)
    ask(frame(0x12A, [OWNER], sized(b"") + sized(public), [b""]))
    for _ in range(1300):
        session = dice.choice(HANDLES + HANDLES + [0x03000003, 0x02000000])
        what = dice.random()
        if what < 0.12:
            command, alg = start()
            answer = ask(command, True)
            if answer[6:10] == bytes(4):
                handle = struct.unpack(">I", answer[10:14])[0]
                hashes[handle], digests[handle] = alg, bytes(LEN[alg])
        elif what < 0.17:
            ask(frame(0x165, [], u(dice.choice(HANDLES + [0x02000009, 0x03000005, 0x80000000, OWNER, 0x81000000]))))
        elif what < 0.20:
            ask(frame(0x182, [dice.choice([0, 16, 23])], u(1) + h(SHA256) + dice.randbytes(32), [b""]))
        elif what < 0.23:
            ask(frame(0x137, [OWNER, INDEX], sized(dice.randbytes(8)) + h(0), [b""]))
        elif what < 0.27 and digests.get(session):
            alg = hashes[session]
            ask(frame(0x12E, [OWNER], sized(digests[session]) + h(alg), [b""]))
            ask(use(session), True)
        elif what < 0.34:
            ask(use(session), True)
        elif what < 0.42:
            ask(secret(session))
        elif what < 0.48:
            ask(nv(session))
        else:
            ask(assertion(session))
        if session in digests:
            answer = ask(frame(0x189, [session]))
            if answer[6:10] == bytes(4):
                digests[session] = answer[12:]
    tpm.process.kill()


if __name__ == "__main__":
    sys.exit(main())
