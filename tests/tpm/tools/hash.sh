# Hash, HashSequenceStart, SequenceUpdate, SequenceComplete; HMAC, HMAC_Start
. "$LIB"
printf 'short' >short
head -c 5000 /dev/urandom >long
for algorithm in sha1 sha256 sha384 sha512; do
    for file in short long; do
        tpm2_hash -C o -g "$algorithm" -o digest -t ticket "$file"
        [ "$(xxd -p -c 64 digest)" = "$("${algorithm}sum" "$file" | cut -d' ' -f1)" ]
    done
done
tpm2_createprimary -Q -C o -c primary.ctx
printf 'the key of this test, 32 bytes..' >key
tpm2_import -Q -C primary.ctx -G hmac -i key -u hmac.pub -r hmac.priv
tpm2_load -Q -C primary.ctx -u hmac.pub -r hmac.priv -c hmac.ctx
for file in short long; do
    tpm2_hmac -c hmac.ctx -g sha256 -o mac "$file"
    openssl dgst -sha256 -mac hmac -macopt "key:$(cat key)" -binary -out expected "$file"
    same mac expected
done
