//! What swtpm says of itself.

/// The version that is stood in for.
pub(super) const VERSION: &str = "0.7.1";

/// One line.
pub(super) fn version() -> String {
    format!(
        "TPM emulator version {VERSION}, stood in for by Ironroot {}",
        env!("CARGO_PKG_VERSION")
    )
}

/// Without an interface.
pub(super) const GENERAL: &str = "\
TPM emulator with choice of interface.

Usage: swtpm socket [options]
       swtpm chardev [options]
       swtpm -v|--version

Use the --help option to see the help screen for each interface type.
Use the --version options to see version information.
";

/// Of one interface.
pub(super) fn of(interface: &str) -> String {
    let channel = match interface {
        "chardev" => DEVICE,
        _ => SOCKET,
    };
    format!("Usage: swtpm {interface} [options]\n\n{ABOUT}\n{channel}{OPTIONS}")
}

const ABOUT: &str = "\
This is Ironroot's TPM 2.0 with swtpm's command line. State is kept in Ironroot's own format; swtpm's
state is recognised and left alone.
";

/// The data channel of `swtpm chardev`.
const DEVICE: &str = "  --vtpm-proxy      have the kernel make a /dev/tpmN, and answer what comes from there. That takes root and
                    the module tpm_vtpm_proxy; no INIT is needed; the device goes when this program ends
  -c, --chardev DEVICE
                    data channel over this character device
  -f, --fd FD       data channel over this open character device, or a descriptor of /dev/vtpmx
";

/// The data channel of `swtpm socket`.
const SOCKET: &str = "  --server [type=tcp][,port=PORT[,bindaddr=ADDRESS]][,fd=FD][,disconnect]
  --server type=unixio[,path=PATH][,fd=FD][,mode=0...][,uid=UID][,gid=GID][,disconnect]
                    data channel; fd is a connected client; disconnect: one answer for each connection
  -p, --port PORT   data channel at this port of 127.0.0.1
  -f, --fd FD       data channel over this connected socket
  -t, --terminate   end when a client of the data channel goes
";

/// Of both.
const OPTIONS: &str = "  --tpm2            TPM 2.0; there is no other, and without the option nothing starts
  --tpmstate dir=DIR[,mode=0...] | backend-uri=dir://DIR
                    the directory of the state, which only its owner can read whatever the mode; the
                    variable TPM_PATH can be used instead
  --ctrl type=unixio|tcp[,path=PATH][,port=PORT[,bindaddr=ADDRESS]][,fd=FD|clientfd=FD][,mode=0...]
         [,uid=UID][,gid=GID]
                    control channel: a Unix socket, a port (on 127.0.0.1 by default), a socket that
                    listens already (fd), or a connected client (clientfd)
  --flags [not-need-init][,startup-clear|startup-state|startup-none]
                    power without INIT over the control channel; a Startup to begin with
  --locality [reject-locality-4][,allow-set-locality]
                    no locality 4 over the control channel; the vendor command that sets the locality
  --key file=PATH|fd=FD[,mode=aes-cbc|aes-256-cbc][,format=hex|binary][,remove=true|false]
  --key pwdfile=PATH|pwdfd=FD[,mode=aes-cbc|aes-256-cbc][,remove=true|false][,kdf=sha512|pbkdf2]
                    encrypt the state; the mode says how long the key is (16 or 32 bytes), the cipher is
                    always XChaCha20-Poly1305 and the password's kdf always PBKDF2
  --migration-key   the same, for state blobs that go out over the control channel
  --migration [incoming][,release-lock-outgoing]
                    incoming: INIT takes the state's lock and reads it, not the start, for another process
                    still has it; release-lock-outgoing: let go of the lock when the last state blob went out
  --log file=PATH|fd=FD[,level=N][,prefix=PREFIX][,truncate]
                    log to a file instead of standard error; - for none
  --pid file=PATH|fd=FD
                    write the process's number
  -r, --runas USER  become this user first
  -d, --daemon      return when the TPM can be used
  --seccomp action=none|kill
                    none: do not give up system calls after the start
  --print-capabilities
                    print what this program can do, as JSON
  --print-states    print which states there are, as JSON
  -h, --help        print this
";
