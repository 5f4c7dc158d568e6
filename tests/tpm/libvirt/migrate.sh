# A machine moves from one libvirt to another and back while it runs, and its TPM with it: PCRs, indices, sessions
# The first way is virsh's (both daemons are its servers), the second the daemons' own (peer to peer).
set -eu
. "$LIB"
enter "$@"
make_guest
two_libvirts

LIBVIRT_DEFAULT_URI=$here install_guest --disk none
say 3
old=$(swtpms)
virsh -c "$here" migrate --live guest "$there" --migrateuri "unix://$HERE/streams/out"
before=$(last 1)
say 3
[ "$(last 1)" -gt "$before" ]
virsh -c "$there" domstate guest | grep running
virsh -c "$here" domstate guest | grep 'shut off'
# The TPM of the first machine is gone, the other is another process, with a state of its own.
[ "$(swtpms | wc -l)" = 1 ]
[ "$(swtpms)" != "$old" ]

virsh -c "$there" migrate --live --p2p --undefinesource --persistent guest "$here" --migrateuri "unix://$HERE/streams/in"
before=$(last 1)
say 3
[ "$(last 1)" -gt "$before" ]
virsh -c "$here" domstate guest | grep running
if virsh -c "$there" domstate guest; then exit 1; fi
virsh -c "$here" destroy guest
virsh -c "$here" undefine guest
[ -z "$(swtpms)" ]
judge 0 9
