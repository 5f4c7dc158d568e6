# The same TPM comes from Debian's swtpm_setup and from ours, with Debian's swtpm
. "$LIB"
configure theirs "$THEIRS"
configure ours "$OURS"

for options in \
    '--create-ek-cert --create-platform-cert --create-spk --lock-nvram' \
    '--createek --ecc --create-spk --pcr-banks sha1,sha512' \
    '--create-ek-cert --rsa-keysize 3072 --pcr-banks -' \
    '--allow-signing --createek' \
    '--allow-signing --decryption --createek --rsa-keysize 3072'; do
    locked=
    case $options in *--lock-nvram*) locked=locked ;; esac
    rm -rf debian mixed
    make debian "$THEIRS" "$THEIRS" --config theirs.setup.conf $options
    make mixed "$OURS" "$THEIRS" --config ours.setup.conf $options
    look debian "$THEIRS" seen "$locked"
    look mixed "$THEIRS" seen "$locked"
    diff -u debian.seen mixed.seen
done
