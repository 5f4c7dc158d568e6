//! `--key` and `--migration-key`.

use super::options::{Outcome, Wrong};
use super::parts::Parts;
use ironroot_tpmd::{KeyForm, KeyPlace, KeySource, SwtpmKey};

/// Where the key of that option is, and how it is written there.
pub(super) fn key(option: &'static str, text: &str) -> Outcome<KeySource> {
    let known = [
        "file", "fd", "pwdfile", "pwdfd", "mode", "format", "remove", "kdf",
    ];
    // swtpm says "key" for both.
    let parts = Parts::of("key", text, &known)?;
    let len = match parts.get("mode").unwrap_or("aes-128-cbc") {
        "aes-cbc" | "aes-128-cbc" => 16,
        "aes-256-cbc" => 32,
        other => {
            return Err(Wrong::said(format!("Unknown encryption mode '{other}'.")));
        }
    };
    let form = match parts.get("format").unwrap_or("hex") {
        "hex" => KeyForm::Hexadecimal,
        "binary" => KeyForm::Binary,
        other => return Err(Wrong::said(format!("Unknown key format '{other}'."))),
    };
    if let Some(kdf) = parts
        .get("kdf")
        .filter(|kdf| !["sha512", "pbkdf2"].contains(kdf))
    {
        return Err(Wrong::said(format!("Unknown kdf '{kdf}'.")));
    }
    let remove = match parts.get("remove").unwrap_or("false") {
        "true" | "1" => true,
        "false" | "0" => false,
        other => {
            return Err(Wrong::said(format!("'{other}' is neither true nor false")));
        }
    };
    let file = |name| parts.get(name).map(|path| KeyPlace::File(path.into()));
    let descriptor = |name| Ok(parts.descriptor(name)?.map(KeyPlace::Descriptor));
    let (place, form) = match (file("file"), descriptor("fd")?) {
        (Some(place), _) | (None, Some(place)) => (place, form),
        (None, None) => match (file("pwdfile"), descriptor("pwdfd")?) {
            (Some(place), _) | (None, Some(place)) => (place, KeyForm::Password),
            (None, None) => {
                return Err(Wrong::said(format!(
                    "Either --{option} file=, fd=, pwdfile= or pwdfd= must be given."
                )));
            }
        },
    };
    Ok(KeySource::Swtpm(SwtpmKey {
        place,
        form,
        len,
        remove,
    }))
}
