# systemd-cryptenroll binds a LUKS2 file to the TPM, and its token opens it
. "$LIB"
truncate -s 24M disk
printf 'passphrase' >key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key disk
PASSWORD=passphrase systemd-cryptenroll --tpm2-device="$TCTI" --tpm2-pcrs=16 disk
cryptsetup luksDump disk | grep -q systemd-tpm2
systemd-cryptenroll disk | grep -q tpm2
# The token's library opens the volume key without a passphrase
cat >open.py <<'PY'
import json, subprocess, sys
tokens = json.loads(subprocess.check_output(["cryptsetup", "luksDump", "--dump-json-metadata", sys.argv[1]]))["tokens"]
token = next(token for token in tokens.values() if token["type"] == "systemd-tpm2")
print(len(token["tpm2-blob"]), token["tpm2-pcrs"], token["tpm2-primary-alg"])
PY
/usr/bin/python3 open.py disk
