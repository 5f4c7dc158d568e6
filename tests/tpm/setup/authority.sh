# swtpm_localca: Debian's authority works with ours and the other way round, also at the same moment
. "$LIB"
configure theirs "$THEIRS"
configure ours "$OURS"
key=$(openssl genrsa 2048 | openssl rsa -noout -modulus | cut -d= -f2)
words="--ek $key --vmid foo:bar --tpm-spec-family 2.0 --tpm-spec-level 0 --tpm-spec-revision 164
    --tpm-manufacturer id:00001014 --tpm-model swtpm --tpm-version id:20191023 --tpm2 --optsfile localca.options"
# issue TOOLS CONFIGURATION TYPE FOLDER
issue() {
    mkdir -p "$4"
    "$1/swtpm_localca" $words --configfile "$2" --type "$3" --dir "$4"
}
verify() {
    openssl x509 -inform DER -in "$1" -out leaf.pem
    openssl verify -ignore_critical -CAfile "$2/swtpm-localca-rootca-cert.pem" -untrusted "$2/issuercert.pem" leaf.pem
    cat leaf.pem "$2/issuercert.pem" "$2/swtpm-localca-rootca-cert.pem" >chain.pem
    certtool --verify-chain --infile chain.pem
}
for authority in ours theirs; do
    tools=$THEIRS
    [ $authority = ours ] && tools=$OURS
    # Who comes first makes it.
    issue "$tools" $authority.localca.conf ek first
    for kind in ek platform; do
        issue "$OURS" $authority.localca.conf $kind by-us
        issue "$THEIRS" $authority.localca.conf $kind by-them
        content by-us/$kind.cert >by-us.txt
        content by-them/$kind.cert >by-them.txt
        diff -u by-them.txt by-us.txt
        verify by-us/$kind.cert $authority.ca
        verify by-them/$kind.cert $authority.ca
    done
    diff -u <(printf '6') $authority.ca/certserial
    # At once: each number is given once.
    pids=
    for number in 1 2 3 4; do
        issue "$OURS" $authority.localca.conf ek at-once.$number.us & pids="$pids $!"
        issue "$THEIRS" $authority.localca.conf ek at-once.$number.them & pids="$pids $!"
    done
    for pid in $pids; do wait $pid; done
    for file in at-once.*/ek.cert; do
        openssl x509 -inform DER -in $file -noout -serial
    done | sort -u | wc -l | grep '^8$' >/dev/null
    rm -r at-once.* first by-us by-them
done
content ours.ca/issuercert.pem PEM >ours.txt
content theirs.ca/issuercert.pem PEM >theirs.txt
diff -u <(grep -v 'Identifier\|[0-9A-F]:' theirs.txt) <(grep -v 'Identifier\|[0-9A-F]:' ours.txt)
for file in signkey.pem swtpm-localca-rootca-privkey.pem; do
    [ "$(stat -c %a ours.ca/$file)" = "$(stat -c %a theirs.ca/$file)" ]
done

# Passwords: of the root by the environment, of the signing key by the configuration; each reads the other's.
export SWTPM_ROOTCA_PASSWORD=root-secret
for maker in "$OURS" "$THEIRS"; do
    rm -rf secret.ca
    cat >secret.conf <<CONF
statedir = $HERE/secret.ca
signingkey = $HERE/secret.ca/signkey.pem
signingkey_password = key-secret # a word
issuercert = $HERE/secret.ca/issuercert.pem
CONF
    issue "$maker" secret.conf ek out
    grep -q 'ENCRYPTED PRIVATE KEY' secret.ca/signkey.pem
    grep -q 'ENCRYPTED PRIVATE KEY' secret.ca/swtpm-localca-rootca-privkey.pem
    for user in "$OURS" "$THEIRS"; do
        issue "$user" secret.conf ek out
        verify out/ek.cert secret.ca
    done
    sed -i 's/key-secret/wrong/' secret.conf
    [ "$(code issue "$OURS" secret.conf ek out)" = 1 ]
done
unset SWTPM_ROOTCA_PASSWORD

# A signing key of one's own, of another kind.
openssl ecparam -name prime256v1 -genkey -noout -out own.pem
openssl req -x509 -new -key own.pem -subj '/CN=own' -days 9 -out own.crt
printf 'signingkey = own.pem\nissuercert=own.crt\nstatedir = own.ca' >own.conf
issue "$OURS" own.conf ek out
openssl x509 -inform DER -in out/ek.cert -noout -issuer | grep 'CN *= *own' >/dev/null
ls own.ca | diff -u <(echo certserial) -

# The same refusals.
for tools in "$THEIRS" "$OURS"; do
    run="$tools/swtpm_localca $words --type ek"
    [ "$(code $run --dir nonexistent --configfile ours.localca.conf)" = 1 ]
    [ "$(code $run --dir out --configfile nonexistent)" = 1 ]
    [ "$(code $run --dir out --configfile /dev/null)" = 1 ]
    [ "$(code $run --dir out --configfile ours.localca.conf --optsfile nonexistent)" = 1 ]
    [ "$(code $run --dir out --configfile ours.localca.conf --ek abc)" = 1 ]
done
# What is no serial number is not begun anew.
echo lost >ours.ca/certserial
[ "$(code issue "$OURS" ours.localca.conf ek out)" = 1 ]
