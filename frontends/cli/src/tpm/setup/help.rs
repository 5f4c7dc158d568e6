//! What `swtpm_setup --help` says.

pub(super) const TEXT: &str = "\
Usage: swtpm_setup --tpm2 --tpm-state DIR [options]

Makes the state of a new TPM 2.0.

--tpm-state DIR, --tpmstate DIR
                     where the state goes: a directory (dir://DIR), or a file (file://FILE)
--tpm2               must be given: there is no TPM 1.2
--runas USER         go on as this user
--tpm PROGRAM        the TPM (default: swtpm, which is this program by another name)

What the TPM gets:
--createek           endorsement keys, one RSA and one on P-384
--rsa-keysize BITS   bits of the RSA keys: 2048 (default), 3072, 4096 as the TPM has them, or max
--allow-signing      endorsement keys that sign (not what the profile has), their templates beside them
--decryption         endorsement keys that decrypt (default without --allow-signing)
--create-ek-cert     certificates of the endorsement keys, in non-volatile memory
--create-platform-cert
                     a certificate of the platform
--create-spk         a storage primary key, RSA
--ecc                on P-384 instead
--lock-nvram         certificates cannot be written again
--pcr-banks LIST     banks to be active, as sha1,sha256; - leaves all active (default: the
                     configuration's, or else sha256)
--vmid ID            the virtual machine's name, for the certificates
--write-ek-cert-files DIR
                     the certificates as files, too

How the state is protected; the TPM must be started with the same:
--keyfile FILE, --keyfile-fd FD
                     the key, in hexadecimal digits
--pwdfile FILE, --pwdfile-fd FD
                     a passphrase
--cipher NAME        aes-128-cbc (default) or aes-256-cbc

What is there already is an error, unless:
--overwrite          replace it
--not-overwrite      leave it, and succeed
--reconfigure        keep it, but change the active banks

--config FILE        configuration (default: swtpm_setup.conf in ~/.config, then in /etc, then built in)
--create-config-files [overwrite|skip-if-exist][,root]
                     write a configuration for this user
--logfile FILE       append to this file instead of speaking
--print-capabilities what this program can do, in JSON
--version            the version
--help, -h           this text

Taken, without effect: --display, --swtpm_ioctl, --tcsd-system-ps-file, --ownerpass, --owner-well-known,
--srkpass, --srk-well-known. Refused: --take-ownership.
";
