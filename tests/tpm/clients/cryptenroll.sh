# systemd-cryptenroll binds a LUKS2 file to the TPM, and what it sealed opens the file. (The token itself wants a device node.)
. "$LIB"
truncate -s 24M disk
printf 'passphrase' >key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key disk
PASSWORD=passphrase systemd-cryptenroll --tpm2-device="$TCTI" --tpm2-pcrs=16 disk
cryptsetup luksDump disk | grep systemd-tpm2 >/dev/null
systemd-cryptenroll disk | grep tpm2 >/dev/null
# The token in the header says what was sealed, and to which PCR
cat >open.py <<'PY'
import json, subprocess, sys
tokens = json.loads(subprocess.check_output(["cryptsetup", "luksDump", "--dump-json-metadata", sys.argv[1]]))["tokens"]
token = next(token for token in tokens.values() if token["type"] == "systemd-tpm2")
assert token["tpm2-pcrs"] == [16] and token["tpm2-blob"], token
PY
/usr/bin/python3 open.py disk
# What systemd sealed is what opens the disk, and only while the PCR is as it was
cat >unpack.py <<'PY'
import base64, json, subprocess, sys
tokens = json.loads(subprocess.check_output(["cryptsetup", "luksDump", "--dump-json-metadata", sys.argv[1]]))["tokens"]
token = next(token for token in tokens.values() if token["type"] == "systemd-tpm2")
blob = base64.b64decode(token["tpm2-blob"])
private = 2 + int.from_bytes(blob[:2], "big")
open("key.priv", "wb").write(blob[:private])
open("key.pub", "wb").write(blob[private:])
print(token["tpm2-pcr-bank"], token.get("tpm2-primary-alg"))
PY
read -r bank primary < <(/usr/bin/python3 unpack.py disk)
tidy
tpm2_createprimary -Q -C o -G "$primary" -c primary.ctx
tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
tpm2_startauthsession -Q --policy-session -S session.ctx
tpm2_policypcr -Q -S session.ctx -l "$bank:16"
tpm2_unseal -c key.ctx -p session:session.ctx -o secret
tpm2_flushcontext session.ctx
base64 -w0 secret >opens
cryptsetup open --test-passphrase --key-file opens disk
tpm2_pcrextend "16:$bank=$(head -c 100 /dev/zero | "${bank}sum" | cut -d' ' -f1)"
tpm2_startauthsession -Q --policy-session -S session.ctx
tpm2_policypcr -Q -S session.ctx -l "$bank:16"
refused tpm2_unseal -c key.ctx -p session:session.ctx -o secret
