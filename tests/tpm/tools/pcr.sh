# PCR_Read, PCR_Extend, PCR_Event, PCR_Reset, PCR_Allocate
. "$LIB"
tpm2_pcrread sha256:0,16 -o before
head -c 64 before | cmp - <(head -c 64 /dev/zero)
printf 'an event' >event
digest=$(sha256sum event | cut -d' ' -f1)
tpm2_pcrextend 16:sha256="$digest"
expected=$( (head -c 32 /dev/zero; sha256sum event | cut -d' ' -f1 | xxd -r -p) | sha256sum | cut -d' ' -f1)
tpm2_pcrread sha256:16 -o after
[ "$(xxd -p -c 64 after)" = "$expected" ]
tpm2_pcrreset 16
tpm2_pcrread sha256:16 -o reset
same reset <(head -c 32 /dev/zero)
tpm2_pcrevent 16 event >digests
grep -q "$digest" digests
tpm2_pcrread sha256:16 -o event.pcr
same event.pcr after
refused tpm2_pcrreset 0
refused tpm2_pcrextend 17:sha256="$digest"
# Another choice of banks waits for the next start
tpm2_pcrallocate sha256:all+sha384:all >banks
grep -q 'sha384: \[ 0, 1' banks
tpm2_pcrread sha1:0 | grep '0 *: 0x' >/dev/null
