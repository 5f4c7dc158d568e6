//! Part 3, sections 15.2 and 15.3: EncryptDecrypt, EncryptDecrypt2.
//!
//! The initialisation vector that is answered is the one to go on with: two commands one after the other do what one
//! with all the data would (CVE-2021-3446, CVE-2026-21444: it was not moved on, or the first one came back).

use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::profile::MAX_BUFFER;
use crate::rc::{Rc, Result};
use crate::structures::{Parameters, SymMode};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use crate::wire::{Bytes, SecretBytes};
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, Mode};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x164,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: ENCRYPT,
        run: encrypt_decrypt,
    },
    Command {
        code: 0x193,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: encrypt_decrypt_2,
    },
];

/// `TPM2B_IV`
type Iv = Bytes<BLOCK_LEN>;

/// What both commands are asked; they differ in the order of their parameters.
struct Wish<'a> {
    data: &'a [u8],
    decrypt: bool,
    mode: Option<Mode>,
    iv: Iv,
    /// Numbers of the parameters mode, initialisation vector, data.
    numbers: [u8; 3],
}

fn encrypt_decrypt(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let (decrypt, mode, iv) = (call.params.get()?, call.params.get()?, call.params.get()?);
    let wish = Wish {
        data: call.params.sized(MAX_BUFFER)?,
        decrypt,
        mode,
        iv,
        numbers: [2, 3, 4],
    };
    call.params.end()?;
    run(core, call, &wish)
}

fn encrypt_decrypt_2(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let wish = Wish {
        data: call.params.sized(MAX_BUFFER)?,
        decrypt: call.params.get()?,
        mode: call.params.get()?,
        iv: call.params.get()?,
        numbers: [3, 4, 1],
    };
    call.params.end()?;
    run(core, call, &wish)
}

fn run(core: &mut Core<'_>, call: &mut Call<'_>, wish: &Wish<'_>) -> Result<()> {
    let [key, ..] = call.handles;
    let (mode, cipher) = cipher(core, key, wish)?;
    let [_, iv_number, data_number] = wish.numbers;
    let mut iv = [0; BLOCK_LEN];
    let wanted = if mode == Mode::Ecb { 0 } else { BLOCK_LEN };
    if wish.iv.len() != wanted {
        return Err(Rc::SIZE.parameter(iv_number));
    }
    iv.iter_mut()
        .zip(wish.iv.as_slice())
        .for_each(|(to, from)| *to = *from);
    let mut done = Ok(());
    let result = SecretBytes::<MAX_BUFFER>::filled(wish.data.len(), |data| {
        data.iter_mut()
            .zip(wish.data)
            .for_each(|(to, from)| *to = *from);
        done = match wish.decrypt {
            true => cipher.decrypt(mode, &mut iv, data),
            false => cipher.encrypt(mode, &mut iv, data),
        };
    });
    // Only whole blocks in these modes.
    done.map_err(|_| Rc::SIZE.parameter(data_number))?;
    call.out.put(&result.ok_or(Rc::FAILURE)?)?;
    call.out.sized(iv.get(..wanted).unwrap_or_default())
}

/// The key as a cipher, and the mode: the key's, or the caller's if it leaves it open.
fn cipher(core: &mut Core<'_>, key: Handle, wish: &Wish<'_>) -> Result<(Mode, Cipher)> {
    core.refuse_sequence(key, Rc::KEY.handle(1))?;
    let [mode_number, ..] = wish.numbers;
    core.with_object(key, |object| {
        let Parameters::SymCipher { symmetric } = object.public.parameters else {
            return Err(Rc::KEY.handle(1));
        };
        let needed = if wish.decrypt {
            ObjectAttributes::DECRYPT
        } else {
            ObjectAttributes::SIGN
        };
        // A parent's key decrypts for the TPM alone.
        if object.public.has(ObjectAttributes::RESTRICTED) || !object.public.has(needed) {
            return Err(Rc::ATTRIBUTES.handle(1));
        }
        let mode = match (symmetric.mode, wish.mode) {
            (Some(SymMode::Cmac), None) => return Err(Rc::MODE.handle(1)),
            (Some(SymMode::Encrypt(mode)), None) | (None, Some(mode)) => mode,
            (Some(SymMode::Encrypt(own)), Some(wanted)) if own == wanted => own,
            _ => return Err(Rc::MODE.parameter(mode_number)),
        };
        let sensitive = object.sensitive().map_err(|rc| rc.handle(1))?;
        let cipher = sensitive.data.expose(|key| symmetric.cipher(key))?;
        Ok((mode, cipher))
    })?
}
