//! Storage keys, and salts encrypted to them (Part 1, annexes B.10.2 and C.6.1).

use super::client::Command;
use super::crypto::{self, Hash};
use super::machine::Machine;
use super::session::Auth;
use super::{alg, cc, rh};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::rsa::{Encryption, RsaPublicKey};

/// A loaded storage key.
pub struct StorageKey {
    pub handle: u32,
    pub name: Vec<u8>,
    /// Its unique field: modulus, or x and y.
    pub unique: Vec<Vec<u8>>,
}

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
const STORAGE: u32 = 0x0003_0472;

/// A P-256 storage key of a hierarchy.
pub fn storage_ecc(machine: &mut Machine, hierarchy: u32, auth: &[u8]) -> StorageKey {
    let parameters = [alg::AES, 128, alg::CFB, alg::NULL, 3, alg::NULL, 0, 0];
    make(machine, hierarchy, alg::ECC, &parameters, auth, 2)
}

/// An RSA-2048 storage key of a hierarchy.
pub fn storage_rsa(machine: &mut Machine, hierarchy: u32, auth: &[u8]) -> StorageKey {
    let parameters = [alg::AES, 128, alg::CFB, alg::NULL, 2048, 0, 0, 0];
    make(machine, hierarchy, alg::RSA, &parameters, auth, 1)
}

fn make(
    machine: &mut Machine,
    hierarchy: u32,
    kind: u16,
    parameters: &[u16],
    auth: &[u8],
    uniques: usize,
) -> StorageKey {
    let mut template = Vec::new();
    template.extend(kind.to_be_bytes());
    template.extend(alg::SHA256.to_be_bytes());
    template.extend(STORAGE.to_be_bytes());
    template.extend([0, 0]);
    parameters
        .iter()
        .for_each(|word| template.extend(word.to_be_bytes()));
    let mut sensitive = (auth.len() as u16).to_be_bytes().to_vec();
    sensitive.extend(auth);
    sensitive.extend([0, 0]);
    let command = Command::new(cc::CREATE_PRIMARY)
        .handle(hierarchy)
        .sized(&sensitive)
        .sized(&template)
        .sized(b"")
        .u32(0);
    let reply = machine
        .send(&command, &mut [Auth::password(b"")])
        .expect("the storage key is made");
    let mut reader = reply.reader();
    let public = reader.sized().to_vec();
    let name = [&alg::SHA256.to_be_bytes()[..], &crypto::sha256(&[&public])].concat();
    // Behind type, name algorithm, attributes, policy and the parameters.
    let skip = 10 + 2 * (parameters.len() - uniques);
    let mut unique = super::Reader(&public[skip..]);
    let unique = (0..uniques).map(|_| unique.sized().to_vec()).collect();
    StorageKey {
        handle: reply.handle,
        name,
        unique,
    }
}

impl StorageKey {
    /// A salt of 32 bytes for it: encrypted, and in the clear.
    pub fn salt(&self) -> (Vec<u8>, Vec<u8>) {
        let mut drbg = Drbg::new(&Secret::new([9; 32]), b"test");
        match &self.unique[..] {
            [modulus] => {
                let key = RsaPublicKey::new(modulus, 0).unwrap();
                let salt = vec![0x5a; 32];
                let mut encrypted = vec![0; modulus.len()];
                let scheme = Encryption::Oaep {
                    hash: Hash::Sha256,
                    label: b"SECRET\0",
                };
                key.encrypt(scheme, &salt, &mut drbg, &mut encrypted)
                    .unwrap();
                (encrypted, salt)
            }
            [x, y] => {
                let key = EcPoint::new(Curve::P256, x, y).unwrap();
                let own = EcScalar::random(Curve::P256, &mut drbg).unwrap();
                let public = own.public().unwrap();
                let shared = own.multiply(&key).unwrap();
                let mut encrypted = Vec::new();
                for coordinate in [public.x(), public.y()] {
                    encrypted.extend((coordinate.len() as u16).to_be_bytes());
                    encrypted.extend(coordinate);
                }
                // KDFe: one block.
                let parts = [
                    &1u32.to_be_bytes()[..],
                    shared.x(),
                    b"SECRET\0",
                    public.x(),
                    key.x(),
                ];
                (encrypted, crypto::sha256(&parts))
            }
            _ => panic!("a storage key has one or two unique fields"),
        }
    }
}

/// The null hierarchy: its keys need no owner.
pub const NULL: u32 = rh::NULL;
