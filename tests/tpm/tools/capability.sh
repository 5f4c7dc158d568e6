# GetCapability: every group tpm2_getcap knows
. "$LIB"
tpm2_getcap -l >list
for capability in algorithms commands ecc-curves handles-loaded-session handles-nv-index handles-pcr \
    handles-permanent handles-persistent handles-saved-session handles-transient pcrs \
    properties-fixed properties-variable; do
    tpm2_getcap "$capability" >"$capability"
done
grep -q 'sha256' pcrs
grep -q 'TPM2_PT_FAMILY_INDICATOR' properties-fixed
grep -q '2.0' properties-fixed
grep -q 'TPM2_CC_CreatePrimary' commands
grep -q 'TPM2_ECC_NIST_P256' ecc-curves
[ "$(wc -l <handles-pcr)" = 24 ]
# One property, and from the middle
tpm2_getcap handles-permanent | grep '0x4000000B' >/dev/null
tpm2_testparms rsa2048:aes128cfb
tpm2_testparms ecc256:ecdsa:null
tpm2_testparms aes256cfb
refused tpm2_testparms ecc521:ecdsa-sha1024
