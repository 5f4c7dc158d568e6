"""swtpm with everything given as inherited descriptors: both channels, the key, the log, the process's number.

Arguments: the program, a folder to work in.
"""

import os
import socket
import struct
import subprocess
import sys

program, folder = sys.argv[1:]
GET_RANDOM = bytes.fromhex("80010000000c0000017b0008")
STARTUP = bytes.fromhex("80010000000c000001440000")


def asked(control, number, body=b"", more=0):
    control.sendall(struct.pack(">I", number) + body)
    answer = control.recv(4 + more, socket.MSG_WAITALL)
    assert answer[:4] == bytes(4), (number, answer)
    return answer[4:]


def served(options, descriptors):
    command = [program, "socket", "--tpm2", "--tpmstate", f"dir={folder}/state"] + options
    return subprocess.Popen(command, pass_fds=descriptors)


# A connected client of the control channel, and one of the data channel; the rest beside them.
control, their_control = socket.socketpair()
data, their_data = socket.socketpair()
key_out, key_in = os.pipe()
os.write(key_in, b"a password")
os.close(key_in)
pid = open(f"{folder}/pid", "w+")
log = open(f"{folder}/log", "w+")
numbers = [their_control.fileno(), their_data.fileno(), key_out, pid.fileno(), log.fileno()]
server = served(
    [
        f"--ctrl=type=unixio,clientfd={numbers[0]}",
        f"--server=type=unixio,fd={numbers[1]}",
        f"--key=pwdfd={numbers[2]},mode=aes-256-cbc",
        f"--pid=fd={numbers[3]}",
        f"--log=fd={numbers[4]},prefix=here:",
    ],
    numbers,
)
assert asked(control, 1, more=4) == struct.pack(">I", 0x1FFFF)
asked(control, 2, bytes(4))
data.sendall(STARTUP)
assert data.recv(10, socket.MSG_WAITALL)[6:] == bytes(4)
data.sendall(GET_RANDOM)
assert len(data.recv(20, socket.MSG_WAITALL)) == 20
assert asked(control, 15, more=4) == struct.pack(">I", 1)
asked(control, 3)
assert server.wait(60) == 0
assert open(f"{folder}/pid").read().strip() == str(server.pid)
assert "here:ended in order" in open(f"{folder}/log").read()

# A control socket that listens; one answer for each client of the data channel.
listening = socket.socket(socket.AF_UNIX)
listening.bind(f"{folder}/control")
listening.listen(1)
with open(f"{folder}/password", "w") as file:
    file.write("a password")
server = served(
    [
        f"--ctrl=type=unixio,fd={listening.fileno()}",
        f"--server=type=unixio,path={folder}/data,disconnect",
        f"--key=pwdfile={folder}/password,mode=aes-256-cbc,remove=true",
        "--flags=startup-clear",
    ],
    [listening.fileno()],
)
control = socket.socket(socket.AF_UNIX)
control.connect(f"{folder}/control")
assert asked(control, 1, more=4) == struct.pack(">I", 0x1FFFF)
assert not os.path.exists(f"{folder}/password")
for _ in range(2):
    data = socket.socket(socket.AF_UNIX)
    data.connect(f"{folder}/data")
    data.sendall(GET_RANDOM)
    assert len(data.recv(20, socket.MSG_WAITALL)) == 20
    assert data.recv(1) == b""
asked(control, 3)
assert server.wait(60) == 0
