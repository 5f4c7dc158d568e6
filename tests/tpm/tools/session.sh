# Sessions: HMAC, bound, salted, encrypting, auditing; contexts saved and loaded
. "$LIB"
tpm2_createprimary -Q -C o -G ecc -p secret -c primary.ctx
tpm2_createprimary -Q -C o -G rsa -c rsa.ctx
for options in '' '--tpmkey-context rsa.ctx' '--tpmkey-context rsa.ctx --bind-context primary.ctx --bind-auth secret' \
    '--bind-context primary.ctx --bind-auth secret'; do
    tidy
    # shellcheck disable=SC2086
    tpm2_startauthsession -Q --hmac-session -S session.ctx $options
    tpm2_sessionconfig session.ctx --enable-encrypt --enable-decrypt 2>/dev/null || true
    printf 'data' | tpm2_create -Q -C primary.ctx -P session:session.ctx+secret -i - -u s.pub -r s.priv
    refused tpm2_create -Q -C primary.ctx -P session:session.ctx+wrong -G ecc -u s.pub -r s.priv
    tpm2_dictionarylockout -c
    tpm2_load -Q -C primary.ctx -P session:session.ctx+secret -u s.pub -r s.priv -c s.ctx
    [ "$(tpm2_unseal -c s.ctx)" = data ]
    tpm2_getrandom -S session.ctx --hex 8 >/dev/null
    tpm2_flushcontext session.ctx
done
# What an audit session saw, under a signature: openssl checks that and the digest
rm primary.ctx
signing_key ecc256:ecdsa-sha256 key
tidy
tpm2_readpublic -Q -c key.ctx -f pem -o key.pem
tidy
tpm2_startauthsession -Q --audit-session -S audit.ctx
tpm2_getrandom -S audit.ctx -o random 8
tpm2_getsessionauditdigest -Q -c key.ctx -g sha256 -m seen -s seen.sig -f plain -S audit.ctx
tpm2_flushcontext audit.ctx
openssl dgst -sha256 -verify key.pem -signature seen.sig seen
hash() { openssl dgst -sha256 -binary; }
# H(0 || cpHash || rpHash) of GetRandom(8)
{
    head -c 32 /dev/zero
    printf '\000\000\001\173\000\010' | hash
    { printf '\000\000\000\000\000\000\001\173\000\010' && cat random; } | hash
} | hash >expected
tail -c 32 seen >told
same expected told
tpm2_dictionarylockout -c
# All sessions and objects go
tpm2_startauthsession -Q -S one.ctx
tpm2_startauthsession -Q -S two.ctx
tpm2_flushcontext -s
tpm2_flushcontext -l
tpm2_flushcontext -t
[ -z "$(tpm2_getcap handles-loaded-session)$(tpm2_getcap handles-saved-session)$(tpm2_getcap handles-transient)" ]
