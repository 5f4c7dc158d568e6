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
tpm2_startauthsession -Q --audit-session -S audit.ctx
tpm2_getrandom -S audit.ctx --hex 8 >/dev/null
tpm2_flushcontext audit.ctx
tpm2_dictionarylockout -c
# All sessions and objects go
tpm2_startauthsession -Q -S one.ctx
tpm2_startauthsession -Q -S two.ctx
tpm2_flushcontext -s
tpm2_flushcontext -l
tpm2_flushcontext -t
[ -z "$(tpm2_getcap handles-loaded-session)$(tpm2_getcap handles-saved-session)$(tpm2_getcap handles-transient)" ]
