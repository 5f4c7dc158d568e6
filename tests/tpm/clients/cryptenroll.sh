# systemd-cryptenroll binds a LUKS2 file to the TPM. Opening it by the token needs a device node, which only a guest has
. "$LIB"
truncate -s 24M disk
printf 'passphrase' >key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key disk
PASSWORD=passphrase systemd-cryptenroll --tpm2-device="$TCTI" --tpm2-pcrs=16 disk
cryptsetup luksDump disk | grep -q systemd-tpm2
systemd-cryptenroll disk | grep -q tpm2
# The token in the header says what was sealed, and to which PCR
cat >open.py <<'PY'
import json, subprocess, sys
tokens = json.loads(subprocess.check_output(["cryptsetup", "luksDump", "--dump-json-metadata", sys.argv[1]]))["tokens"]
token = next(token for token in tokens.values() if token["type"] == "systemd-tpm2")
assert token["tpm2-pcrs"] == [16] and token["tpm2-blob"], token
PY
/usr/bin/python3 open.py disk
