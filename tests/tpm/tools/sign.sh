# Sign, VerifySignature, in all schemes; a signature that was changed is refused; openssl agrees
. "$LIB"
head -c 300 /dev/urandom >message
for algorithm in rsa2048 rsa1024 rsa3072; do
    signing_key "$algorithm" key
    for scheme in rsassa rsapss; do
        tidy
        for hash in sha1 sha256 sha384 sha512; do
            tpm2_sign -c key.ctx -g "$hash" -s "$scheme" -o sig message
            tpm2_verifysignature -c key.ctx -g "$hash" -s sig -m message
        done
    done
    tpm2_sign -c key.ctx -g sha256 -s rsassa -f plain -o plain message
    tpm2_readpublic -Q -c key.ctx -f pem -o key.pem
    openssl dgst -sha256 -verify key.pem -signature plain message
    refused tpm2_verifysignature -c key.ctx -g sha256 -s sig -m "$LIB"
done
for algorithm in ecc256 ecc384 ecc521; do
    signing_key "$algorithm" key
    for hash in sha256 sha384 sha512; do
        tidy
        tpm2_sign -c key.ctx -g "$hash" -s ecdsa -o sig message
        tpm2_verifysignature -c key.ctx -g "$hash" -s sig -m message
    done
    tpm2_sign -c key.ctx -g sha256 -s ecdsa -f plain -o plain message
    tpm2_readpublic -Q -c key.ctx -f pem -o key.pem
    openssl dgst -sha256 -verify key.pem -signature plain message
    tpm2_sign -c key.ctx -g sha256 -s ecdsa -o sig message
    printf '\x5a' | dd of=sig bs=1 seek=20 conv=notrunc status=none
    refused tpm2_verifysignature -c key.ctx -g sha256 -s sig -m message
done
tidy
# A restricted key signs only what the TPM hashed
tpm2_create -Q -C primary.ctx -G ecc256:ecdsa-sha256:null -u r.pub -r r.priv \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|restricted'
tpm2_load -Q -C primary.ctx -u r.pub -r r.priv -c r.ctx
tpm2_hash -C o -g sha256 -o digest -t ticket message
tpm2_sign -c r.ctx -g sha256 -d -t ticket -o sig digest
tpm2_verifysignature -c r.ctx -g sha256 -s sig -m message
refused tpm2_sign -c r.ctx -g sha256 -d -o sig digest
# A hash that begins like one of the TPM's own structures gets no ticket
printf '\xffTCG and more' >forged
tpm2_hash -C o -g sha256 -o digest -t ticket forged
refused tpm2_sign -c r.ctx -g sha256 -d -t ticket -o sig digest
