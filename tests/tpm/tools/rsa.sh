# RSA_Encrypt, RSA_Decrypt in all paddings; openssl on the other side
. "$LIB"
printf 'a message' >message
tpm2_createprimary -Q -C o -c primary.ctx
tpm2_create -Q -C primary.ctx -G rsa2048 -u key.pub -r key.priv \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt'
tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
tpm2_readpublic -Q -c key.ctx -f pem -o key.pem
for scheme in rsaes oaep; do
    tidy
    tpm2_rsaencrypt -c key.ctx -s "$scheme" -o cipher message
    tpm2_rsadecrypt -c key.ctx -s "$scheme" -o plain cipher
    same message plain
    printf '\x5a' | dd of=cipher bs=1 seek=100 conv=notrunc status=none
    refused tpm2_rsadecrypt -c key.ctx -s "$scheme" -o plain cipher
done
tidy
openssl pkeyutl -encrypt -pubin -inkey key.pem -pkeyopt rsa_padding_mode:oaep \
    -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 -in message -out cipher
tpm2_rsadecrypt -c key.ctx -s oaep -o plain cipher
same message plain
openssl pkeyutl -encrypt -pubin -inkey key.pem -in message -out cipher
tpm2_rsadecrypt -c key.ctx -s rsaes -o plain cipher
same message plain
(head -c 1 /dev/zero; head -c 255 /dev/urandom) >number
tpm2_rsaencrypt -c key.ctx -s null -o cipher number
tpm2_rsadecrypt -c key.ctx -s null -o plain cipher
same number plain
