# Quote, Certify, CertifyCreation, GetTime, NV_Certify
. "$LIB"
tpm2_createek -Q -c ek.ctx -G ecc -u ek.pub
tpm2_createak -Q -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name
tpm2_pcrextend 16:sha256="$(printf x | sha256sum | cut -d' ' -f1)"
tpm2_quote -Q -c ak.ctx -l sha256:0,1,16 -q abcdef -m quote -s sig -o pcrs -g sha256
tpm2_readpublic -Q -c ak.ctx -f pem -o ak.pem
tpm2_checkquote -Q -u ak.pem -m quote -s sig -f pcrs -g sha256 -q abcdef
refused tpm2_checkquote -Q -u ak.pem -m quote -s sig -f pcrs -g sha256 -q abcd00
tpm2_print -t TPMS_ATTEST quote | grep 'pcrDigest' >/dev/null
tidy
tpm2_createek -Q -c ekr.ctx -G rsa -u ekr.pub
tpm2_createak -Q -C ekr.ctx -c akr.ctx -G rsa -g sha256 -s rsassa -u akr.pub -n akr.name
tpm2_quote -Q -c akr.ctx -l sha1:0+sha256:0,16 -q 11 -m quote -s sig -o pcrs -g sha256
tpm2_readpublic -Q -c akr.ctx -f pem -o akr.pem
tpm2_checkquote -Q -u akr.pem -m quote -s sig -f pcrs -g sha256 -q 11
tpm2_createprimary -Q -C o -G ecc -c primary.ctx --creation-data creation --creation-hash hash -t ticket
tpm2_certify -Q -c primary.ctx -C ak.ctx -g sha256 -o attestation -s sig
[ "$(head -c 6 attestation | xxd -p)" = ff5443478017 ]
tpm2_certifycreation -Q -C ak.ctx -c primary.ctx -d hash -t ticket -g sha256 -o sig --attestation creation.att
printf '\x00' | dd of=hash bs=1 seek=3 conv=notrunc status=none
refused tpm2_certifycreation -Q -C ak.ctx -c primary.ctx -d hash -t ticket -g sha256 -o sig --attestation x
tpm2_gettime -Q -c ak.ctx -g sha256 -q cafe -o sig --attestation time
tpm2_nvdefine -Q -C o -s 8 0x1500001
printf 'nv bytes' | tpm2_nvwrite -Q -C o -i - 0x1500001
tpm2_nvcertify -Q -C ak.ctx -c o -g sha256 -o sig --attestation nv --size 8 0x1500001
[ "$(head -c 6 nv | xxd -p)" = ff5443478014 ]
grep -q 'nv bytes' nv
