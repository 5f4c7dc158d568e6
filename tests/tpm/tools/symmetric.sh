# EncryptDecrypt2: modes and key sizes (the tool cannot do ECB); openssl agrees
. "$LIB"
tpm2_createprimary -Q -C o -c primary.ctx
head -c 1000 /dev/urandom >odd
head -c 1600 /dev/urandom >whole
head -c 16 /dev/urandom >iv
for bits in 128 $([ "${AES192:-}" = none ] || echo 192) 256; do
    for mode in cfb cbc ctr ofb; do
        tidy
        head -c $((bits / 8)) /dev/urandom >key
        tpm2_create -Q -C primary.ctx -G "aes${bits}${mode}" -u own.pub -r own.priv
        tpm2_load -Q -C primary.ctx -u own.pub -r own.priv -c own.ctx
        file=odd
        [ "$mode" = cbc ] && file=whole
        tpm2_encryptdecrypt -Q -c own.ctx --iv iv -o cipher "$file"
        tpm2_encryptdecrypt -Q -d -c own.ctx --iv iv -o plain cipher
        same "$file" plain
        differ cipher plain
    done
    tpm2_import -Q -C primary.ctx -G aes -i key -u key.pub -r key.priv
    tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
    tpm2_encryptdecrypt -Q -c key.ctx --mode cfb --iv iv -o cipher odd
    openssl enc "-aes-${bits}-cfb" -K "$(xxd -p -c 64 key)" -iv "$(xxd -p -c 64 iv)" -in odd -out expected
    same cipher expected
done
