//! What `swtpm_cert --help` says.

pub(super) const TEXT: &str = "\
Usage: swtpm_cert --tpm2 [options]

Writes a certificate for a key in a TPM 2.0; the TPM is not asked.

The key that the certificate is for, one of:
--pubkey FILE             a public key in PEM
--modulus HEX             an RSA modulus; --exponent NUMBER if it is not 65537
--ecc-x HEX --ecc-y HEX   a point; --ecc-curveid secp256r1 (default), secp384r1 or secp521r1

Who signs:
--signkey FILE            private key in PEM (RSA, ECC)
--signkey-password PASS   its password
--signkey-pwd PWD         its password, see below
--issuercert FILE         the certificate of the key, in PEM

What the certificate says:
--type ek|platform        for the endorsement key (default) or the platform
--subject NAME            as C=US,ST=NY,L=New York,CN=a machine
--serial NUMBER           serial number (default 1)
--days NUMBER             valid from now for so long (default 365), -1 for ever
--tpm-manufacturer S --tpm-model S --tpm-version S
--platform-manufacturer S --platform-model S --platform-version S
--tpm-spec-family S --tpm-spec-level N --tpm-spec-revision N
--allow-signing           the key may sign
--decryption              the key may decrypt (default without --allow-signing)

--out-cert FILE           where it goes (default: standard output)
--pem                     PEM instead of DER
--tpm2                    must be given: there are no certificates for TPM 1.2
--add-header              TPM 1.2's header before a certificate in DER
--parentkey-password P, --parentkey-pwd P
                          for signing keys in TPMs; taken, without effect
--print-capabilities      what this program can do, in JSON
--version                 the version
--help                    this text

PWD is a password, or pass:PASSWORD, fd:DESCRIPTOR, file:FILE, env:VARIABLE.
";
