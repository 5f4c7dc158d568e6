"""tpm2-pytss: the enhanced system API with a salted, encrypting session; contexts; a policy."""
import os

from tpm2_pytss import ESAPI, TCTILdr
from tpm2_pytss.constants import ESYS_TR, TPM2_ALG, TPM2_CAP, TPM2_SE, TPMA_SESSION
from tpm2_pytss.types import (
    TPM2B_AUTH,
    TPM2B_DIGEST,
    TPM2B_PUBLIC,
    TPM2B_SENSITIVE_CREATE,
    TPM2B_SENSITIVE_DATA,
    TPMS_SENSITIVE_CREATE,
    TPMT_PUBLIC,
    TPMT_SIG_SCHEME,
    TPMT_SYM_DEF,
    TPMU_SYM_KEY_BITS,
    TPMU_SYM_MODE,
)

name, _, options = os.environ["TPM2TOOLS_TCTI"].partition(":")
tpm = ESAPI(TCTILdr(name, options))
symmetric = TPMT_SYM_DEF(
    algorithm=TPM2_ALG.AES, keyBits=TPMU_SYM_KEY_BITS(sym=128), mode=TPMU_SYM_MODE(sym=TPM2_ALG.CFB)
)

parent, *_ = tpm.create_primary(None, "ecc")
session = tpm.start_auth_session(parent, ESYS_TR.NONE, TPM2_SE.HMAC, symmetric, TPM2_ALG.SHA256)
tpm.trsess_set_attributes(
    session, TPMA_SESSION.CONTINUESESSION | TPMA_SESSION.DECRYPT | TPMA_SESSION.ENCRYPT, 0xFF
)

# A key whose auth value is never seen on the wire
sensitive = TPM2B_SENSITIVE_CREATE(TPMS_SENSITIVE_CREATE(userAuth=TPM2B_AUTH(b"auth")))
signer = TPM2B_PUBLIC.parse(
    "ecc:ecdsa-sha256", objectAttributes="fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign"
)
private, public, *_ = tpm.create(parent, sensitive, signer, session1=session)
key = tpm.load(parent, private, public)
tpm.tr_set_auth(key, "auth")
digest, ticket = tpm.hash(b"message", TPM2_ALG.SHA256)
scheme = TPMT_SIG_SCHEME(scheme=TPM2_ALG.NULL)
tpm.trsess_set_attributes(session, TPMA_SESSION.CONTINUESESSION | TPMA_SESSION.DECRYPT, 0xFF)
signature = tpm.sign(key, digest, scheme, ticket, session1=session)
tpm.verify_signature(key, digest, signature)
changed = bytearray(bytes(digest))
changed[0] ^= 1
try:
    tpm.verify_signature(key, bytes(changed), signature)
except Exception as error:
    assert error.rc == 0x2DB, hex(error.rc)
else:
    raise SystemExit("a wrong digest was accepted")

# Contexts go out and come back
saved = tpm.context_save(key)
tpm.flush_context(key)
key = tpm.context_load(saved)
tpm.tr_set_auth(key, "auth")
tpm.sign(key, digest, scheme, ticket)
tpm.flush_context(key)

# Sealed under a policy, opened by a policy session
trial = tpm.start_auth_session(ESYS_TR.NONE, ESYS_TR.NONE, TPM2_SE.TRIAL, symmetric, TPM2_ALG.SHA256)
tpm.policy_pcr(trial, b"", "sha256:16")
policy = tpm.policy_get_digest(trial)
tpm.flush_context(trial)
template = TPM2B_PUBLIC(TPMT_PUBLIC.parse("keyedhash", objectAttributes="fixedtpm|fixedparent"))
template.publicArea.authPolicy = policy
sealed = TPM2B_SENSITIVE_CREATE(TPMS_SENSITIVE_CREATE(data=TPM2B_SENSITIVE_DATA(b"sealed")))
private, public, *_ = tpm.create(parent, sealed, template)
handle = tpm.load(parent, private, public)
opener = tpm.start_auth_session(ESYS_TR.NONE, ESYS_TR.NONE, TPM2_SE.POLICY, symmetric, TPM2_ALG.SHA256)
tpm.policy_pcr(opener, b"", "sha256:16")
assert bytes(tpm.unseal(handle, session1=opener)) == b"sealed"

more, capabilities = tpm.get_capability(TPM2_CAP.COMMANDS, 0, 1000)
assert len(list(capabilities.data.command)) > 60
print("ok")
