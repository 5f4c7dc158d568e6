# swtpm_cert: the same certificates as Debian's from the same words
. "$LIB"
openssl genrsa -out rsa.pem 2048
openssl pkcs8 -topk8 -in rsa.pem -passout pass:secret -out locked.pem
openssl req -x509 -new -key rsa.pem -subj '/C=US/CN=an RSA authority' -days 9 -out rsa.crt
openssl req -x509 -new -key rsa.pem -subj '/CN=no identifier' -days 9 -out bare.crt -config <(printf '[req]\ndistinguished_name=d\n[d]\n')
for curve in prime256v1 secp384r1 secp521r1; do
    openssl ecparam -name $curve -genkey -noout -out $curve.pem
    openssl pkcs8 -topk8 -nocrypt -in $curve.pem -out $curve.p8.pem
    openssl ec -in $curve.pem -pubout -out $curve.pub
    openssl req -x509 -new -key $curve.pem -subj "/O=An organisation/CN=$curve" -days 9 -out $curve.crt
done
openssl genrsa 2048 | openssl rsa -pubout -out ek.pub
modulus=$(openssl rsa -pubin -in ek.pub -noout -modulus | cut -d= -f2)
point=$(openssl ec -pubin -in secp384r1.pub -noout -text -conv_form uncompressed | sed -n '/pub:/,/ASN1/p' | grep '^ ' | tr -d ' :\n')
x=${point:2:96} y=${point:98:96}
TPM='--tpm-manufacturer id:00001014 --tpm-model swtpm --tpm-version id:20191023'
SPEC='--tpm-spec-family 2.0 --tpm-spec-level 0 --tpm-spec-revision 164'
PLATFORM='--platform-manufacturer Fedora --platform-model QEMU --platform-version 2.1'

same() {
    "$THEIRS/swtpm_cert" --tpm2 "$@" --out-cert theirs.der
    "$OURS/swtpm_cert" --tpm2 "$@" --out-cert ours.der
    content theirs.der >theirs.txt
    content ours.der >ours.txt
    diff -u theirs.txt ours.txt
    for field in -serial -pubkey -issuer; do
        cmp <(openssl x509 -inform DER -in theirs.der -noout $field) <(openssl x509 -inform DER -in ours.der -noout $field)
    done
    openssl x509 -inform DER -in ours.der -out ours.pem
    openssl verify -ignore_critical -partial_chain -CAfile "$issuer" ours.pem
    # The same length, but for a time or a signature that is a byte longer.
    [ $(($(stat -c %s ours.der) - $(stat -c %s theirs.der))) -le 4 ]
    [ $(($(stat -c %s theirs.der) - $(stat -c %s ours.der))) -le 4 ]
}
signed() {
    issuer=$2
    local key=$1
    shift 2
    same --signkey $key --issuercert $issuer "$@"
}
signed rsa.pem rsa.crt --pubkey ek.pub $TPM $SPEC --serial 77 --days 10 --subject 'C=US,ST=NY,L=New York,CN=foo:bar'
signed rsa.pem rsa.crt --modulus $modulus $TPM $SPEC --subject 'CN=unknown' --days -1
signed rsa.pem rsa.crt --modulus $modulus --exponent 17 $TPM $SPEC --serial 128 --allow-signing
signed rsa.pem rsa.crt --ecc-x $x --ecc-y $y --ecc-curveid secp384r1 $TPM $SPEC --subject 'CN=Übung,O=a\,b' --days -1
signed rsa.pem rsa.crt --ecc-x $x --ecc-y $y --ecc-curveid secp384r1 $TPM $SPEC --allow-signing
signed rsa.pem rsa.crt --modulus $modulus $TPM $PLATFORM $SPEC --type platform --allow-signing --decryption
signed rsa.pem rsa.crt --ecc-x $x --ecc-y $y --ecc-curveid secp384r1 $TPM $PLATFORM --type platform
for curve in prime256v1 secp384r1 secp521r1; do
    signed $curve.pem $curve.crt --pubkey ek.pub $TPM $SPEC
    signed $curve.p8.pem $curve.crt --pubkey ek.pub $TPM $SPEC
done
printf secret >password
for given in '--signkey-password secret' '--signkey-pwd pass:secret' '--signkey-pwd secret' '--signkey-pwd file:password' '--signkey-pwd env:PASSWORD'; do
    PASSWORD=secret signed locked.pem rsa.crt --pubkey ek.pub $TPM $SPEC $given
done

# The same refusals.
refused() {
    [ "$(code "$THEIRS/swtpm_cert" --tpm2 --out-cert no "$@")" = 1 ]
    [ "$(code "$OURS/swtpm_cert" --tpm2 --out-cert no.ours "$@")" = 1 ]
    [ ! -s no.ours ]
}
S='--signkey rsa.pem --issuercert rsa.crt'
refused --pubkey ek.pub $S $SPEC
refused --pubkey ek.pub $S $TPM
refused --pubkey ek.pub $S $TPM $SPEC --type nonsense
refused --pubkey ek.pub $S $TPM $SPEC --type platform
refused --pubkey ek.pub --signkey rsa.pem $TPM $SPEC
refused --pubkey ek.pub --issuercert rsa.crt $TPM $SPEC
refused --pubkey ek.pub --signkey rsa.pem --issuercert prime256v1.crt $TPM $SPEC
refused --pubkey ek.pub --signkey ek.pub --issuercert rsa.crt $TPM $SPEC
refused --pubkey ek.pub --signkey nonexistent --issuercert rsa.crt $TPM $SPEC
refused --pubkey ek.pub --signkey rsa.pem --issuercert rsa.pem $TPM $SPEC
refused --pubkey ek.pub --signkey locked.pem --issuercert rsa.crt $TPM $SPEC
refused --pubkey ek.pub --signkey locked.pem --issuercert rsa.crt $TPM $SPEC --signkey-password wrong
refused --pubkey ek.pub $S $TPM $SPEC --signkey-pwd env:NO_SUCH_VARIABLE
refused --pubkey nonexistent $S $TPM $SPEC
refused $S $TPM $SPEC
refused --modulus abc $S $TPM $SPEC
refused --modulus zz $S $TPM $SPEC
refused --modulus aabb --ecc-x aa $S $TPM $SPEC
refused --ecc-x aa $S $TPM $SPEC
refused --ecc-x $x --ecc-y $y --ecc-curveid nonsense $S $TPM $SPEC
refused --pubkey ek.pub $S $TPM $SPEC --serial x
refused --pubkey ek.pub $S $TPM $SPEC --subject nonsense
refused --pubkey ek.pub $S $TPM $SPEC --subject CN=
refused --pubkey ek.pub $S $TPM $SPEC --bogus
# Ours alone: an authority without a key identifier; a point that is on no curve, a TPM 1.2, keys elsewhere.
"$OURS/swtpm_cert" --tpm2 --pubkey ek.pub --signkey rsa.pem --issuercert bare.crt $TPM $SPEC --pem --out-cert ours.pem
openssl verify -ignore_critical -partial_chain -CAfile bare.crt ours.pem
[ "$(code "$OURS/swtpm_cert" --tpm2 $S $TPM $SPEC --ecc-x 11 --ecc-y 22)" = 1 ]
[ "$(code "$OURS/swtpm_cert" --pubkey ek.pub $S $TPM $SPEC)" = 1 ]
grep -q tpm2 said
[ "$(code "$OURS/swtpm_cert" --tpm2 --pubkey ek.pub --signkey pkcs11:token=x --issuercert rsa.crt $TPM $SPEC)" = 1 ]
grep -q pkcs11 said

# To standard output, in PEM, and with the header of old.
for tools in "$THEIRS" "$OURS"; do
    "$tools/swtpm_cert" --tpm2 --pubkey ek.pub $S $TPM $SPEC -pem | openssl x509 -noout
    "$tools/swtpm_cert" --tpm2 --pubkey ek.pub $S $TPM $SPEC --add-header --out-cert headed
    head -c 7 headed | xxd -p
done | uniq -c | grep '^ *2 100100' >/dev/null
diff -u <("$THEIRS/swtpm_cert" --print-capabilities) <("$OURS/swtpm_cert" --print-capabilities)
