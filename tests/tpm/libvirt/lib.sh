# What the scripts of this folder share: namespaces, a libvirt in them, a guest that uses its TPM, and the judge of it

# enter ARGUMENTS: runs the script again in namespaces of its own
# libvirt finds swtpm's programs by its path, and runs them as user tss. The machine's libvirt is not touched, and every
# process ends with the script.
enter() {
    if [ "${1:-}" != inside ]; then
        # Other users must reach the program; where it was built they may not.
        cp "$IRONROOT" "$HERE/ironroot"
        "$HERE/ironroot" tpm install-links "$HERE/links" >/dev/null
        exec unshare --mount --pid --fork --kill-child --mount-proc bash -x "$0" inside
    fi
    cd "$HERE"
    case ${PEER:-} in swtpm) ;; *) export PATH=$HERE/links:$PATH ;; esac
    PATH=$PATH:/usr/sbin
    mount --make-rprivate /
}

# empty_libvirt: a libvirt that nobody has used yet, in this mount namespace
empty_libvirt() {
    local etc folder
    etc=$(mktemp -d -p "$HERE")
    cp -a /etc/libvirt/. "$etc/"
    for folder in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /var/log/swtpm \
        /var/lib/swtpm-localca; do
        mkdir -p $folder
        mount -t tmpfs -o mode=755 tmpfs $folder
    done
    cp -a "$etc/." /etc/libvirt/
    cat >>/etc/libvirt/qemu.conf <<'CONF'
security_driver = "none"
namespaces = []
cgroup_controllers = []
CONF
    chown tss /var/lib/swtpm-localca
    # Debian's file names Debian's tool.
    if [ -z "${PEER:-}" ] && [ -e /etc/swtpm_setup.conf ]; then
        sed "s,/usr/bin/swtpm_localca,$HERE/links/swtpm_localca," /etc/swtpm_setup.conf >"$etc/setup.conf"
        mount --bind "$etc/setup.conf" /etc/swtpm_setup.conf
    fi
}

# await_libvirt [URI]
await_libvirt() {
    for _ in $(seq 200); do virsh ${1:+-c "$1"} version >/dev/null 2>&1 && break; sleep 0.1; done
    virsh ${1:+-c "$1"} domcapabilities --virttype qemu | grep -A99 '<tpm' | grep emulator >/dev/null
}

# daemon NAME UUID: a libvirt in namespaces of its own, at a socket in the common folder. SHARED: the folder of TPMs
daemon() {
    mkdir -p "$1"
    export -f empty_libvirt
    unshare --mount --uts bash -xeuc '
        hostname "$1"
        empty_libvirt
        printf "stdio_handler = \"file\"\nremember_owner = 0\n" >>/etc/libvirt/qemu.conf
        printf "host_uuid = \"%s\"\nunix_sock_dir = \"%s\"\n" "$2" "$HERE/$1" >>/etc/libvirt/libvirtd.conf
        if [ -n "${SHARED:-}" ]; then
            mkdir /var/lib/libvirt/swtpm
            mount --bind "$SHARED" /var/lib/libvirt/swtpm
            export LD_PRELOAD=$HERE/as_nfs.so
        fi
        exec libvirtd --pid-file "$HERE/$1/pid"
    ' daemon "$1" "$2" >"$1/log" 2>&1 &
}

# two_libvirts: daemons at the URIs $here and $there, each with folders, a host name and a host's UUID of its own
two_libvirts() {
    # QEMU has a user of its own.
    mkdir -m 777 streams
    daemon here 11111111-2222-4333-8444-555555555501
    daemon there 11111111-2222-4333-8444-555555555502
    here="qemu+unix:///system?socket=$HERE/here/libvirt-sock"
    there="qemu+unix:///system?socket=$HERE/there/libvirt-sock"
    for uri in "$here" "$there"; do await_libvirt "$uri"; done
    [ "$(virsh -c "$here" hostname)" != "$(virsh -c "$there" hostname)" ]
}

# make_guest: initrd, vmlinuz, console
make_guest() {
    mkdir -p root/bin root/dev root/proc root/sys
    cp "$BUSYBOX" root/bin/busybox
    cp "$(dirname "$LIB")/init" root/init
    chmod +x root/init
    (cd root && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) | gzip -1 >initrd
    cp "$KERNEL" vmlinuz
    touch console
    chmod 666 initrd vmlinuz console
}

# install_guest MORE: a machine named guest
install_guest() {
    virt-install --virt-type qemu --name guest --memory 192 --osinfo detect=off,require=off --import \
        --network none --graphics none --noautoconsole --memballoon none \
        --serial "file,path=$HERE/console" --xml ./devices/serial/source/@append=on \
        --boot "kernel=$HERE/vmlinuz,initrd=$HERE/initrd,kernel_args=console=ttyS0 quiet panic=-1" \
        --tpm backend.type=emulator,backend.version=2.0,model=tpm-crb "$@"
}

# say COUNT: waits until the guest has said so many lines more
say() {
    local wanted=$(($(grep -c '^STATE' console) + $1))
    for _ in $(seq 600); do
        [ "$(grep -c '^STATE' console)" -ge $wanted ] && return
        sleep 0.2
    done
    tail -5 console
    return 1
}
# last FIELD: of the last line that is whole
last() { grep '^STATE.*[0-9A-F]\{64\} [0-9a-f]\{64\}' console | tail -1 | cut -d' ' -f$((1 + $1)); }
swtpms() { pgrep -u tss -f 'swtpm socket' || true; }

# judge STEPS LINES: every line that the guest ever said. The PCR is that of its count, the index has its total, the
# session its digest; the count went back so many times, and no oftener; there are so many lines at least.
judge() {
    python3 - console "$@" <<'CHECK'
import hashlib, re, sys
back, least = int(sys.argv[2]), int(sys.argv[3])
form = re.compile(r"STATE \d+ \d+ \d+ [0-9A-F]{64} [0-9a-f]{64}\s*")
lines = [line.split() for line in open(sys.argv[1], errors="replace") if form.fullmatch(line)]
assert len(lines) >= least, len(lines)
def chain(count):
    pcr = bytes(32)
    for _ in range(count):
        pcr = hashlib.sha256(pcr + b"\x11" * 32).digest()
    return pcr.hex().upper()
# TPM2_PolicyAuthValue on a fresh session
session = hashlib.sha256(bytes(32) + bytes.fromhex("0000016b")).hexdigest()
for _, count, total, index, pcr, digest in lines:
    assert index == total, (count, total, index)
    assert pcr == chain(int(count)), (count, pcr)
    assert digest == session, (count, digest)
counts = [int(line[1]) for line in lines]
assert sum(1 for a, b in zip(counts, counts[1:]) if b <= a) == back, counts
CHECK
}
