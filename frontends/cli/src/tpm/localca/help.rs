//! What `swtpm_localca --help` says.

pub(super) const TEXT: &str = "\
Usage: swtpm_localca --tpm2 --type ek|platform --ek KEY --dir DIR [options]

Issues a certificate for a TPM 2.0 from an authority in a folder, which is made if there is none.

--type ek|platform    what is certified; the file is DIR/ek.cert or DIR/platform.cert
--ek KEY              the RSA modulus in hexadecimal digits, or x=HEX,y=HEX,id=secp384r1
--dir DIR             where the certificate goes
--vmid ID             the virtual machine's name, which the certificate is issued to
--configfile FILE     statedir, signingkey, signingkey_password, issuercert, certserial
                      (default: swtpm-localca.conf in ~/.config, then in /etc)
--optsfile FILE       more options for swtpm_cert, the platform's for example
                      (default: swtpm-localca.options in ~/.config, then in /etc)
--logfile FILE        append to this file instead of speaking
--tpm-spec-family S --tpm-spec-level N --tpm-spec-revision N
--tpm-manufacturer S --tpm-model S --tpm-version S
                      what the certificate says of the TPM
--tpm2                must be given: there are no certificates for TPM 1.2
--allow-signing       the key may sign
--decryption          the key may decrypt
--version             the version
--help, -h            this text

The password of the root's key is taken from the environment: SWTPM_ROOTCA_PASSWORD.
";
