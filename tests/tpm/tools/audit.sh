# SetCommandCodeAuditStatus, GetCommandAuditDigest: openssl checks the signature, sha256sum the digest
. "$LIB"
tpm2_setcommandauditstatus TPM2_CC_GetRandom
tpm2_getcap audit-commands >list 2>/dev/null || tpm2_getcap commands-audit >list
grep -q GetRandom list || grep -qi 0x17b list
tpm2_setcommandauditstatus -g sha256
tpm2_getrandom -o random 8
signing_key ecc256:ecdsa-sha256 key
tidy
tpm2_readpublic -Q -c key.ctx -f pem -o key.pem
tidy
# The digest after one command alone: what came before is told, and gone.
tpm2_getcommandauditdigest -Q -c key.ctx -g sha256 -m first -s first.sig -f plain
tpm2_getrandom -o random 8
tidy
tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
tpm2_getcommandauditdigest -Q -c key.ctx -g sha256 -m second -s second.sig -f plain -q abcd
openssl dgst -sha256 -verify key.pem -signature second.sig second
differ first second
# H(0 || cpHash || rpHash) of GetRandom(8)
hash() { openssl dgst -sha256 -binary; }
{
    head -c 32 /dev/zero
    printf '\000\000\001\173\000\010' | hash
    { printf '\000\000\000\000\000\000\001\173\000\010' && cat random; } | hash
} | hash >expected
# The attestation ends with two digests, of commands and of their list.
tail -c 68 second | head -c 34 | tail -c 32 >told
same expected told
printf '\000\000\001\100\000\000\001\173' | hash >expected
tail -c 32 second >told
same expected told
tpm2_setcommandauditstatus -c TPM2_CC_GetRandom
refused tpm2_setcommandauditstatus -C e TPM2_CC_GetRandom
