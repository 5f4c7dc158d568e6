# clevis seals a secret to the TPM, with and without PCRs
. "$LIB"
printf 'a secret of the disk' >secret
clevis encrypt tpm2 '{}' <secret >jwe
clevis decrypt <jwe >out
same secret out
clevis encrypt tpm2 '{"pcr_bank":"sha256","pcr_ids":"15,16","key":"rsa","hash":"sha256"}' <secret >jwe
clevis decrypt <jwe >out
same secret out
tpm2_pcrextend 16:sha256="$(printf x | sha256sum | cut -d' ' -f1)"
clevis decrypt <jwe >out 2>/dev/null && exit 1
tpm2_pcrreset 16
clevis decrypt <jwe >out
same secret out
