//! A quote of the daemon, as a verifier sees it who knows the key, the nonce and the values.

use ironroot_crypto::tpm::ec::{Curve, EcPoint};
use ironroot_tests::tpm_client::{TpmDaemon, over_unix};
use ironroot_tpm_client::{Client, Doubt, Expected, Template, check_quote};
use tempfile::TempDir;

/// x and y at the end of a public area on P-256.
fn public_key(public: &[u8]) -> EcPoint {
    let coordinates = &public[public.len() - 68..];
    let (x, y) = coordinates.split_at(34);
    assert_eq!((&x[..2], &y[..2]), (&[0, 32][..], &[0, 32][..]));
    EcPoint::new(Curve::P256, &x[2..], &y[2..]).unwrap()
}

/// The value of one register of the SHA-256 bank.
fn value(client: &mut Client, pcr: u8) -> [u8; 32] {
    let answer = client.pcr_read(&[pcr]).unwrap();
    answer[answer.len() - 32..].try_into().unwrap()
}

#[test]
fn a_quote_of_the_daemon_is_believed_for_its_own_registers_only() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (state, data) = (path("state"), path("data"));
    let _daemon = TpmDaemon::start(&["--state", &state, "--unix", &data]).unwrap();
    let mut client = over_unix(data.as_ref());
    let root = client.create_primary(&Template::ecc_storage(3)).unwrap();
    let made = client.create(root, &Template::ecc_sign(true), b"").unwrap();
    let key = client.load(root, &made).unwrap();
    client.pcr_extend(16, &[7; 32]).unwrap();
    let public = public_key(&made.public);
    let zero = (0, value(&mut client, 0));
    let extended = (16, value(&mut client, 16));
    assert_ne!(extended.1, [0; 32]);
    let (signed, signature) = client.quoted(key, &[0, 16], b"a nonce").unwrap();
    let judge = |nonce: &[u8], pcrs: &[(u8, [u8; 32])]| {
        let expected = Expected {
            key: &public,
            nonce,
            pcrs,
        };
        check_quote(&signed, &signature, &expected)
    };
    assert_eq!(judge(b"a nonce", &[zero, extended]), Ok(()));
    assert_eq!(judge(b"another", &[zero, extended]), Err(Doubt::Nonce));
    assert_eq!(judge(b"a nonce", &[extended]), Err(Doubt::Selection));
    assert_eq!(
        judge(b"a nonce", &[zero, (17, extended.1)]),
        Err(Doubt::Selection)
    );
    assert_eq!(
        judge(b"a nonce", &[zero, (16, [0; 32])]),
        Err(Doubt::Values)
    );
    // What is no quote, by the same key.
    let (signed, signature) = client.time_attested(key, b"a nonce").unwrap();
    let expected = Expected {
        key: &public,
        nonce: b"a nonce",
        pcrs: &[zero, extended],
    };
    assert_eq!(
        check_quote(&signed, &signature, &expected),
        Err(Doubt::Kind)
    );
}
