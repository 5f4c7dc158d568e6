//! Encrypted images, against the vectors: the right content key, the right plain text, at any offset; and
//! nothing for any other device.

mod common;

use common::{Vector, unhex, vectors};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ecdsa::P256PrivateKey;
use ironroot_crypto::rsa::{MAX_PUBLIC_DER_LEN, RsaPrivateKey};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_image::build::{BuildError, Encryption, Recipe};
use ironroot_image::encryption::{
    ContentKey, Decrypted, Decryption, EncryptionScheme, PayloadCipher, SavedForm, SavedKeys,
    schemes,
};
use ironroot_image::trailer::Alignment;
use ironroot_image::{
    ImageSource, Keys, Policy, Refusal, Slot, Verified, Version, peek, suites, tlv,
};

/// The vectors that a device has to decrypt.
fn encrypted() -> impl Iterator<Item = Vector> {
    vectors()
        .into_iter()
        .filter(|v| v.expect == "accept" && v.enc != "none" && v.slot == "secondary")
}

fn payload_file(vector: &Vector) -> Option<Vec<u8>> {
    let name = vector.payload.as_ref()?;
    std::fs::read(common::directory().join(format!("payload/{name}.bin"))).ok()
}

#[test]
fn content_key_and_plain_text_are_those_the_image_was_made_from() {
    let mut checked = 0;
    for vector in encrypted() {
        let key = vector.decryption_key(false);
        let decryption = Decryption::new(vector.scheme().unwrap(), &key);
        let slot = vector.slot_bytes();
        let source = Decrypted::open(slot.as_slice(), &decryption).unwrap();
        let found = source.cipher().unwrap().key();
        if let Some(expected) = &vector.image_key {
            assert!(
                found.expose(|bytes| bytes == unhex(expected)),
                "{}",
                vector.file
            );
        }
        let header = peek(slot.as_slice()).unwrap();
        let mut plain = vec![0; header.payload_size as usize];
        source
            .read_at(u32::from(header.header_size), &mut plain)
            .unwrap();
        let file = payload_file(&vector).unwrap();
        assert_eq!(plain[..file.len()], file, "{}", vector.file);
        assert!(plain[file.len()..].iter().all(|byte| *byte == 0));
        checked += 1;
    }
    assert_eq!(checked, 22);
}

#[test]
fn blocks_of_any_offset_and_length_give_the_same_plain_text() {
    for vector in encrypted().filter(|v| v.file.contains("p256-enc") || v.file.contains("hmac512"))
    {
        let key = vector.decryption_key(false);
        let decryption = Decryption::new(vector.scheme().unwrap(), &key);
        let slot = vector.slot_bytes();
        let source = Decrypted::open(slot.as_slice(), &decryption).unwrap();
        let mut whole = vec![0; slot.len()];
        source.read_at(0, &mut whole).unwrap();
        let header = peek(slot.as_slice()).unwrap();
        let payload = usize::from(header.header_size)..header.payload_end().unwrap() as usize;
        assert_eq!(
            whole[..payload.start],
            slot[..payload.start],
            "the header stays"
        );
        assert_eq!(
            whole[payload.end..],
            slot[payload.end..],
            "what follows stays"
        );
        assert_ne!(whole[payload.clone()], slot[payload.clone()]);
        for step in [1, 7, 15, 16, 17, 32, 63, 64, 65, 100, 256, 1000, 4096] {
            let mut pieces = Vec::new();
            for offset in (0..slot.len()).step_by(step) {
                let mut piece = vec![0; step.min(slot.len() - offset)];
                source.read_at(offset as u32, &mut piece).unwrap();
                pieces.extend(piece);
            }
            assert_eq!(pieces, whole, "{} in steps of {step}", vector.file);
            // And back: the same operation gives the cipher text again, block by block.
            for (index, piece) in pieces.chunks_mut(step).enumerate() {
                source.cipher().unwrap().apply((index * step) as u32, piece);
            }
            assert_eq!(pieces, slot, "{} back in steps of {step}", vector.file);
        }
    }
}

#[test]
fn a_foreign_device_gets_nothing() {
    for vector in encrypted() {
        let slot = vector.slot_bytes();
        let scheme = vector.scheme().unwrap();
        let open =
            |key: &[u8]| Decrypted::open(slot.as_slice(), &Decryption::new(scheme, key)).err();
        let own = vector.decryption_key(false);
        assert_eq!(open(&own), None);
        assert_eq!(
            open(&vector.decryption_key(true)),
            Some(Refusal::ContentKey)
        );
        assert_eq!(
            open(&own[1..]),
            Some(Refusal::ContentKey),
            "{}",
            vector.file
        );
        assert_eq!(open(&[]), Some(Refusal::ContentKey));
        assert_eq!(
            open(&vec![0; own.len()]),
            Some(Refusal::ContentKey),
            "{}",
            vector.file
        );
        assert_eq!(open(&vec![0xff; own.len()]), Some(Refusal::ContentKey));
        for other in schemes::ALL {
            if other.name() != scheme.name() {
                let opened = Decrypted::open(slot.as_slice(), &Decryption::new(other, &own));
                assert_eq!(opened.err(), Some(Refusal::EncryptionScheme), "{other:?}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_a_wrapped_key_is_refused_in_the_same_words() {
    let mut tried = 0;
    for vector in encrypted().filter(|v| !v.file.contains("hdr") && !v.file.contains("rsa")) {
        let (key, scheme) = (vector.decryption_key(false), vector.scheme().unwrap());
        let decryption = Decryption::new(scheme, &key);
        let data = wrapped(&vector);
        assert!(decryption.unwrap_key(&data).is_ok());
        // The curve's points take long; a few bits of each byte show as much.
        for bit in (0..data.len() * 8).step_by(if data.len() > 100 { 37 } else { 5 }) {
            // RFC 7748, section 5: the top bit of an X25519 point is not part of it.
            if vector.enc.starts_with("x25519") && bit == 255 {
                continue;
            }
            let mut altered = data.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let refused = decryption.unwrap_key(&altered).err();
            assert_eq!(
                refused,
                Some(Refusal::ContentKey),
                "{} bit {bit}",
                vector.file
            );
            tried += 1;
        }
        for len in [0, 1, data.len() - 1] {
            let refused = decryption.unwrap_key(&data[..len]).err();
            assert_eq!(refused, Some(Refusal::TlvLength));
        }
        let longer = [&data[..], &[0]].concat();
        assert_eq!(
            decryption.unwrap_key(&longer).err(),
            Some(Refusal::TlvLength)
        );
    }
    assert!(tried > 500, "{tried}");
}

/// The data of the vector's TLV with the content key.
fn wrapped(vector: &Vector) -> Vec<u8> {
    let kind = format!("{:#06x}", vector.scheme().unwrap().tlv());
    let tlv = vector.tlvs.iter().find(|tlv| tlv.kind == kind).unwrap();
    let at = tlv.offset as usize;
    vector.slot_bytes()[at..at + usize::from(tlv.len)].to_vec()
}

#[test]
fn altered_rsa_keys_are_refused_in_the_same_words() {
    let vector = encrypted().find(|v| v.enc == "rsa2048-128").unwrap();
    let key = vector.decryption_key(false);
    let decryption = Decryption::new(vector.scheme().unwrap(), &key);
    let data = wrapped(&vector);
    for bit in [0, 7, 8, 1000, 2047] {
        let mut altered = data.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            decryption.unwrap_key(&altered).err(),
            Some(Refusal::ContentKey)
        );
    }
    // Not below the modulus, and a fixed point of the power.
    for fill in [0xff, 0] {
        let refused = decryption.unwrap_key(&[fill; 256]).err();
        assert_eq!(refused, Some(Refusal::ContentKey));
    }
}

#[test]
fn an_installed_image_is_taken_in_the_clear_and_not_decrypted_again() {
    for file in ["p256-enc-ec256", "rsa2048-enc-rsa", "ed25519-enc-x25519"] {
        let file = format!("encrypted/{file}-clear.bin");
        let vector = vectors().into_iter().find(|v| v.file == file).unwrap();
        assert_eq!(vector.judge(), Ok(()));
        let tlv = vector.judge_and(|image| image.content_key_tlv()).unwrap();
        assert_eq!(tlv.unwrap().kind, vector.scheme().unwrap().tlv());
        let key = vector.decryption_key(false);
        vector.on_device(|slot, policy| {
            let decryption = Decryption::new(policy.encryption.unwrap(), &key);
            let source = Decrypted::open(slot, &decryption).unwrap();
            let refused = Verified::check(source, policy).err();
            assert_eq!(refused, Some(Refusal::HashMismatch));
            let mut without = *policy;
            without.encryption = None;
            let refused = Verified::check(slot, &without).err();
            assert_eq!(refused, Some(Refusal::EncryptedInPrimary));
        });
    }
}

#[test]
fn what_is_encrypted_is_refused_where_nobody_decrypts() {
    for vector in encrypted() {
        vector.on_device(|slot, policy| {
            let mut without = *policy;
            without.encryption = None;
            let refused = Verified::check(slot, &without).err();
            assert_eq!(refused, Some(Refusal::EncryptionUnsupported));
            // A device that decrypts, but was handed the slot as it is.
            let refused = Verified::check(slot, policy).err();
            assert_eq!(refused, Some(Refusal::HashMismatch), "{}", vector.file);
        });
    }
}

#[test]
fn two_content_keys_a_misplaced_one_and_one_without_a_flag_are_refused() {
    let vector = vectors()
        .into_iter()
        .find(|v| v.file == "encrypted/none-enc-kw128.bin")
        .unwrap();
    let key = vector.decryption_key(false);
    let wrapped = wrapped(&vector);
    let slot = vector.slot_bytes();
    let header = peek(slot.as_slice()).unwrap();
    let area = header.signed_len().unwrap() as usize;
    let total = u16::from_le_bytes([slot[area + 2], slot[area + 3]]);
    // A second TLV of another kind behind the first: swapped in, or beside it.
    for kind in [0x30u16, 0x31, 0x32, 0x33, 0x34] {
        let mut two = slot.clone();
        let at = area + usize::from(total);
        let entry = [&kind.to_le_bytes()[..], &24u16.to_le_bytes(), &wrapped].concat();
        two[at..at + entry.len()].copy_from_slice(&entry);
        two[area + 2..area + 4].copy_from_slice(&(total + 28).to_le_bytes());
        let decryption = Decryption::new(&schemes::KEY_WRAP_AES128, &key);
        let opened = Decrypted::open(two.as_slice(), &decryption);
        assert_eq!(opened.err(), Some(Refusal::DuplicateTlv), "{kind:#x}");
        let cipher = Decrypted::open(slot.as_slice(), &decryption)
            .unwrap()
            .into_cipher();
        let source = Decrypted::with_cipher(two.as_slice(), cipher.unwrap());
        vector.on_device(|_, policy| {
            let refused = Verified::check(&source, policy).err();
            assert_eq!(refused, Some(Refusal::DuplicateTlv), "{kind:#x}");
        });
    }
}

#[test]
fn keys_of_the_wrong_length_are_no_content_keys() {
    for scheme in schemes::ALL {
        for len in 0..=64 {
            let key = ContentKey::new(scheme, &vec![1; len]);
            assert_eq!(key.is_some(), len == scheme.key_len(), "{scheme:?} {len}");
        }
    }
    let header = peek(encrypted().next().unwrap().slot_bytes().as_slice()).unwrap();
    let scheme = &schemes::KEY_WRAP_AES128;
    let (one, two) = (
        ContentKey::new(scheme, &[1; 16]),
        ContentKey::new(scheme, &[2; 16]),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.matches(&one) && !one.matches(&two));
    let cipher = PayloadCipher::new(one, &header);
    assert!(!cipher.key().matches(&two));
}

/// A device's private key of a scheme, from the vectors, and what images are wrapped with for it.
fn device(scheme: &EncryptionScheme) -> (Vec<u8>, Vec<u8>) {
    let vector = encrypted()
        .find(|v| v.scheme().unwrap().name() == scheme.name())
        .or_else(|| encrypted().find(|v| v.scheme().unwrap().tlv() == scheme.tlv()))
        .unwrap();
    let private = vector.decryption_key(false);
    let public = match scheme.tlv() {
        tlv::ENC_KW => private.clone(),
        tlv::ENC_EC256 => {
            let key = P256PrivateKey::from_bytes(&Secret::from_slice(&private).unwrap()).unwrap();
            key.public().to_sec1().to_vec()
        }
        tlv::ENC_RSA2048 => {
            let mut der = [0; MAX_PUBLIC_DER_LEN];
            let key = RsaPrivateKey::from_pkcs1_der(&private)
                .unwrap()
                .public()
                .unwrap();
            let len = key.to_pkcs1_der(&mut der);
            der[..len].to_vec()
        }
        _ => {
            let key = X25519PrivateKey::from_bytes(Secret::from_slice(&private).unwrap());
            key.public().to_vec()
        }
    };
    (private, public)
}

fn drbg() -> Drbg {
    Drbg::new(&Secret::new([7; 32]), b"test")
}

#[test]
fn images_of_every_scheme_come_back_on_their_device_and_on_no_other() {
    for scheme in schemes::ALL.iter().copied() {
        let (private, public) = device(scheme);
        let mut drbg = drbg();
        let key = ContentKey::generate(scheme, &mut drbg).unwrap();
        let wrapped = key.wrap(&public, &mut drbg).unwrap();
        for (payload_len, header_size) in [(1000, 32), (1, 32), (16, 0x800), (17, 40), (0, 32)] {
            let payload = vec![0x5a; payload_len];
            let recipe = Recipe {
                header_size,
                encryption: Some(scheme),
                ..Recipe::new(&suites::UNSIGNED_SHA256, None, Version::new(1, 2, 3))
            };
            let make = |clear| {
                let mut out = vec![0; 0x4000];
                let encryption = Encryption {
                    key: &key,
                    wrapped: wrapped.as_slice(),
                    clear,
                };
                let unsigned = recipe.assemble(&payload, &mut out).unwrap();
                unsigned
                    .finish_encrypted(None, &encryption)
                    .unwrap()
                    .to_vec()
            };
            let (image, clear) = (make(false), make(true));
            assert_eq!(image.len(), clear.len());
            assert_eq!((image != clear), payload_len > 0);

            let policy = Policy {
                encryption: Some(scheme),
                slot: Slot::Secondary,
                ..Policy::new(&suites::UNSIGNED_SHA256, Keys::Unsigned, 0x4000)
            };
            let decryption = Decryption::new(scheme, &private);
            let source = Decrypted::open(image.as_slice(), &decryption).unwrap();
            let verified = Verified::check(source, &policy).unwrap();
            let mut plain = vec![0; clear.len()];
            verified.source().read_at(0, &mut plain).unwrap();
            assert!(plain == clear, "{scheme:?}");
            assert_eq!(&plain[usize::from(header_size)..][..payload_len], payload);
            // In the clear it is taken where nothing is decrypted, and only there.
            assert!(Verified::check(clear.as_slice(), &policy).is_ok());
            if payload_len > 0 {
                let source = Decrypted::open(clear.as_slice(), &decryption).unwrap();
                let refused = Verified::check(source, &policy).err();
                assert_eq!(refused, Some(Refusal::HashMismatch));
            }
        }
    }
}

#[test]
fn key_wrap_repeats_itself_and_the_other_schemes_do_not() {
    for scheme in schemes::ALL.iter().copied() {
        let (_, public) = device(scheme);
        let mut drbg = drbg();
        let key = ContentKey::generate(scheme, &mut drbg).unwrap();
        let (one, two) = (key.wrap(&public, &mut drbg), key.wrap(&public, &mut drbg));
        let same = one.unwrap().as_slice() == two.unwrap().as_slice();
        assert_eq!(same, scheme.tlv() == tlv::ENC_KW, "{scheme:?}");
    }
}

#[test]
fn keys_that_are_no_recipients_are_refused() {
    for scheme in schemes::ALL.iter().copied() {
        let (_, public) = device(scheme);
        let mut drbg = drbg();
        let key = ContentKey::generate(scheme, &mut drbg).unwrap();
        let mut longer = public.clone();
        longer.push(0);
        assert!(key.wrap(&public[1..], &mut drbg).is_err(), "{scheme:?}");
        assert!(key.wrap(&longer, &mut drbg).is_err(), "{scheme:?}");
        assert!(key.wrap(&[], &mut drbg).is_err(), "{scheme:?}");
        if scheme.tlv() != tlv::ENC_KW {
            // No point of the curve, one of low order, no DER.
            assert!(
                key.wrap(&vec![0; public.len()], &mut drbg).is_err(),
                "{scheme:?}"
            );
        }
    }
}

#[test]
fn a_recipe_with_encryption_needs_a_key_of_its_scheme() {
    let scheme = &schemes::KEY_WRAP_AES128;
    let make = |recipe: Option<_>, key: Option<&'static EncryptionScheme>, cut: usize| {
        let mut out = vec![0; 0x400];
        let recipe = Recipe {
            encryption: recipe,
            ..Recipe::new(&suites::UNSIGNED_SHA256, None, Version::new(1, 0, 0))
        };
        let unsigned = recipe.assemble(b"payload", &mut out).unwrap();
        let Some(scheme) = key else {
            return unsigned.finish(None).map(|_| ());
        };
        let key = ContentKey::new(scheme, &vec![1; scheme.key_len()]).unwrap();
        let wrapped = key.wrap(&device(scheme).1, &mut drbg()).unwrap();
        let encryption = Encryption {
            key: &key,
            wrapped: &wrapped.as_slice()[cut..],
            clear: false,
        };
        unsigned.finish_encrypted(None, &encryption).map(|_| ())
    };
    assert_eq!(make(Some(scheme), Some(scheme), 0), Ok(()));
    let refused = Err(BuildError::Encryption);
    assert_eq!(make(None, Some(scheme), 0), refused);
    assert_eq!(make(Some(scheme), None, 0), refused);
    assert_eq!(make(Some(scheme), Some(scheme), 1), refused);
    assert_eq!(
        make(Some(scheme), Some(&schemes::KEY_WRAP_AES256), 0),
        refused
    );
    assert_eq!(
        make(Some(scheme), Some(&schemes::ECIES_P256_AES128), 0),
        refused
    );
}

#[test]
fn trailers_keep_content_keys_where_mcuboot_looks_for_them() {
    let align_up = |len: u32, align: u32| len.div_ceil(align) * align;
    for alignment in [Alignment::Eight, Alignment::Sixteen, Alignment::ThirtyTwo] {
        let a = alignment.bytes();
        for scheme in schemes::ALL.iter().copied() {
            let (private, public) = device(scheme);
            let decryption = Decryption::new(scheme, &private);
            let mut drbg = drbg();
            let keys = [0, 1].map(|_| ContentKey::generate(scheme, &mut drbg).unwrap());
            for (form, len) in [
                (SavedForm::Plain, scheme.key_len() as u32),
                (SavedForm::Wrapped, u32::from(scheme.tlv_len())),
            ] {
                // Facts, trailer layout: swap_size - 1x and - 2x, x = align_up(key or TLV, A).
                let swap_size = 0x800;
                let saved = SavedKeys::below(swap_size, alignment, form, &decryption).unwrap();
                let unit = align_up(len, a);
                assert_eq!(saved.unit_len(), unit);
                assert_eq!(saved.offset(Slot::Primary), swap_size - unit);
                assert_eq!(saved.offset(Slot::Secondary), swap_size - 2 * unit);
                assert_eq!(saved.start(), swap_size - 2 * unit);
                for erased in [0xff, 0x00] {
                    let mut slot = vec![erased; 0x1000];
                    for (key, place) in keys.iter().zip([Slot::Primary, Slot::Secondary]) {
                        let none = saved.read(&slot.as_slice(), place, erased, &decryption);
                        assert!(none.unwrap().is_none());
                        let wrapped = key.wrap(&public, &mut drbg).unwrap();
                        let bytes = saved.encode(key, wrapped.as_slice()).unwrap();
                        let at = saved.offset(place) as usize;
                        bytes.expose(|bytes| {
                            slot[at..at + unit as usize].copy_from_slice(&bytes[..unit as usize]);
                        });
                        assert!(
                            slot[at + len as usize..at + unit as usize]
                                .iter()
                                .all(|b| *b == 0xff)
                        );
                        let read = saved.read(&slot.as_slice(), place, erased, &decryption);
                        assert!(read.unwrap().unwrap().matches(key));
                    }
                    if form == SavedForm::Wrapped && scheme.tlv() == tlv::ENC_KW {
                        slot[saved.offset(Slot::Primary) as usize] ^= 1;
                        let read = saved.read(&slot.as_slice(), Slot::Primary, erased, &decryption);
                        assert_eq!(read.err(), Some(Refusal::ContentKey));
                    }
                }
                let short = saved.encode(&keys[0], &[0; 3]).err();
                assert_eq!(short.is_some(), form == SavedForm::Wrapped);
                assert!(SavedKeys::below(2 * unit - 1, alignment, form, &decryption).is_none());
            }
        }
    }
}

#[test]
fn another_images_content_key_opens_but_its_plain_text_is_refused() {
    // The same device, two images: the key TLVs exchanged. Wrapping does not bind a key to its image; the
    // image hash, over the plain text, does.
    for scheme in ["kw-128", "ec256-128", "x25519-128"] {
        let one = encrypted().find(|v| v.enc == scheme).unwrap();
        let (private, public) = device(one.scheme().unwrap());
        let foreign = ContentKey::generate(one.scheme().unwrap(), &mut drbg()).unwrap();
        let wrapped = foreign.wrap(&public, &mut drbg()).unwrap();
        let kind = format!("{:#06x}", one.scheme().unwrap().tlv());
        let at = one.tlvs.iter().find(|tlv| tlv.kind == kind).unwrap().offset as usize;
        one.on_device(|slot, policy| {
            let mut slot = slot.to_vec();
            slot[at..at + wrapped.as_slice().len()].copy_from_slice(wrapped.as_slice());
            let decryption = Decryption::new(policy.encryption.unwrap(), &private);
            let source = Decrypted::open(slot.as_slice(), &decryption).unwrap();
            assert!(source.cipher().unwrap().key().matches(&foreign));
            let refused = Verified::check(source, policy).err();
            assert_eq!(refused, Some(Refusal::HashMismatch), "{}", one.file);
        });
    }
}

#[test]
fn a_cut_ciphertext_is_refused_at_every_length() {
    let vector = encrypted()
        .find(|v| v.file.contains("none-enc-kw128"))
        .unwrap();
    let key = vector.decryption_key(false);
    let decryption = Decryption::new(vector.scheme().unwrap(), &key);
    let end = vector.header.as_ref().unwrap().end as usize;
    let slot = vector.slot_bytes();
    assert!(Decrypted::open(&slot[..end], &decryption).is_ok());
    for len in 0..end {
        assert!(Decrypted::open(&slot[..len], &decryption).is_err(), "{len}");
    }
}
