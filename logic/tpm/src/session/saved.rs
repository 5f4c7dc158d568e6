//! A session as bytes, for ContextSave. What comes back was authenticated; it is still read with care.

use super::{Binding, Cipher, Limit, LimitKind, PolicyState, Session};
use crate::handle::Kind;
use crate::rc::{Rc, Result};
use crate::structures::DigestBytes;
use crate::wire::{Input, Marshal, Output, Unmarshal};

impl Session {
    /// Writes it, key and all: the caller encrypts.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.handle)?;
        out.put(&self.hash)?;
        out.put(&self.cipher)?;
        out.put(&self.key)?;
        out.put(&self.nonce_tpm)?;
        optional(out, self.bound.as_ref(), |out, bound| out.raw(&bound.0))?;
        optional(out, self.guessable.as_ref(), |out, handle| out.put(handle))?;
        optional(out, self.audit.as_ref(), |out, digest| out.put(digest))?;
        out.put(&self.started)?;
        out.put(&self.epoch)?;
        optional(out, self.policy.as_ref(), |out, policy| policy.write(out))
    }

    /// Reads it.
    ///
    /// # Errors
    /// `VALUE`, `SIZE`, `HASH`, `INSUFFICIENT`: it is not what was written.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self> {
        let session = Self {
            handle: input.get()?,
            hash: input.get()?,
            cipher: Cipher::read(input)?,
            key: input.get()?,
            nonce_tpm: input.get()?,
            bound: read_optional(input, |input| array(input).map(Binding))?,
            guessable: read_optional(input, |input| input.get())?,
            audit: read_optional(input, |input| input.get())?,
            started: input.get()?,
            epoch: input.get()?,
            policy: read_optional(input, PolicyState::read)?,
        };
        match session.is_sound() {
            true => Ok(session),
            false => Err(Rc::VALUE),
        }
    }

    /// Digests are as long as the hash says; a policy stands with a policy handle, and only there.
    fn is_sound(&self) -> bool {
        let len = self.hash.digest_len();
        let policy_handle = match self.handle.kind() {
            Kind::HmacSession => false,
            Kind::PolicySession => true,
            _ => return false,
        };
        let audit = self.audit.is_none_or(|digest| digest.len() == len);
        let policy = self
            .policy
            .as_ref()
            .is_none_or(|policy| policy.digest.len() == len);
        audit
            && policy
            && policy_handle == self.policy.is_some()
            && (self.key.is_empty() || self.key.len() == len)
    }
}

impl PolicyState {
    fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.trial)?;
        out.put(&self.digest)?;
        optional(out, self.code.as_ref(), |out, code| out.put(code))?;
        out.put(&self.locality)?;
        optional(out, self.timeout.as_ref(), |out, timeout| out.put(timeout))?;
        optional(out, self.pcr_counter.as_ref(), |out, counter| {
            out.put(counter)
        })?;
        out.put(&self.auth_value_needed)?;
        out.put(&self.password_needed)?;
        out.put(&self.presence_needed)?;
        #[cfg(feature = "full")]
        out.put(&self.channel_needed)?;
        optional(out, self.nv_written.as_ref(), |out, written| {
            out.put(written)
        })?;
        optional(out, self.limit.as_ref(), |out, limit| out.put(limit))
    }

    fn read(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self {
            trial: input.get()?,
            digest: input.get()?,
            code: read_optional(input, |input| input.get())?,
            locality: input.get()?,
            timeout: read_optional(input, |input| input.get())?,
            pcr_counter: read_optional(input, |input| input.get())?,
            auth_value_needed: input.get()?,
            password_needed: input.get()?,
            presence_needed: input.get()?,
            #[cfg(feature = "full")]
            channel_needed: input.get()?,
            nv_written: read_optional(input, |input| input.get())?,
            limit: read_optional(input, |input| input.get())?,
        })
    }
}

impl Marshal for Limit {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&match self.kind {
            LimitKind::Command => 0u8,
            LimitKind::Names => 1,
            LimitKind::Template => 2,
            LimitKind::Parameters => 3,
        })?;
        out.put(&self.digest)
    }
}

impl Unmarshal for Limit {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let kind = match input.get::<u8>()? {
            0 => LimitKind::Command,
            1 => LimitKind::Names,
            2 => LimitKind::Template,
            3 => LimitKind::Parameters,
            _ => return Err(Rc::VALUE),
        };
        let digest: DigestBytes = input.get()?;
        Ok(Self { kind, digest })
    }
}

fn optional<T>(
    out: &mut Output<'_>,
    value: Option<&T>,
    write: impl FnOnce(&mut Output<'_>, &T) -> Result<()>,
) -> Result<()> {
    out.put(&value.is_some())?;
    value.map_or(Ok(()), |value| write(out, value))
}

fn read_optional<T>(
    input: &mut Input<'_>,
    read: impl FnOnce(&mut Input<'_>) -> Result<T>,
) -> Result<Option<T>> {
    match input.get::<bool>()? {
        true => read(input).map(Some),
        false => Ok(None),
    }
}

fn array<const N: usize>(input: &mut Input<'_>) -> Result<[u8; N]> {
    input.take(N)?.try_into().map_err(|_| Rc::INSUFFICIENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::Handle;
    use crate::structures::Nonce;
    use crate::wire::SecretBytes;
    use ironroot_crypto::tpm::cipher::CipherAlgorithm;
    use ironroot_crypto::tpm::hash::HashAlgorithm;
    use std::vec::Vec;

    fn bytes() -> Vec<u8> {
        let mut policy = PolicyState::new(false, HashAlgorithm::Sha256);
        policy.limit = Some(Limit {
            kind: LimitKind::Names,
            digest: DigestBytes::new(&[7; 32]).unwrap(),
        });
        policy.timeout = Some(77);
        let session = Session {
            handle: Handle(0x0300_0005),
            hash: HashAlgorithm::Sha256,
            cipher: Cipher::Cfb {
                algorithm: CipherAlgorithm::Aes,
                key_len: 16,
            },
            key: SecretBytes::new(&[9; 32]).unwrap(),
            nonce_tpm: Nonce::new(&[1; 16]).unwrap(),
            bound: None,
            guessable: Some(Handle::LOCKOUT),
            audit: None,
            policy: Some(policy),
            started: 5,
            epoch: 6,
        };
        let mut buffer = [0; 600];
        let mut out = Output::new(&mut buffer);
        session.write(&mut out).unwrap();
        out.written().to_vec()
    }

    #[test]
    fn a_session_comes_back_as_it_was() {
        let written = bytes();
        let session = Session::read(&mut Input::new(&written)).unwrap();
        assert_eq!(session.handle, Handle(0x0300_0005));
        assert_eq!(session.guessable, Some(Handle::LOCKOUT));
        assert!(session.key.matches(&[9; 32]));
        let policy = session.policy.unwrap();
        assert_eq!(policy.timeout, Some(77));
        assert_eq!(policy.limit.unwrap().digest.as_slice(), [7; 32]);
    }

    // CVE-2021-3623, CVE-2021-3746: sizes inside a restored structure were believed.
    #[test]
    fn cve_2021_3746_sizes_inside_a_session_are_not_believed() {
        let written = bytes();
        // The session's key: its size stands after handle, hash and cipher.
        for size in [31u16, 33, 64, 65, 0x7fff, 0xffff] {
            let mut wrong = written.clone();
            wrong[7..9].copy_from_slice(&size.to_be_bytes());
            assert!(
                Session::read(&mut Input::new(&wrong)).is_err(),
                "key of {size} bytes"
            );
        }
        for len in 0..written.len() {
            assert!(
                Session::read(&mut Input::new(&written[..len])).is_err(),
                "{len} bytes of it"
            );
        }
    }

    #[test]
    fn a_session_whose_parts_do_not_fit_together_is_refused() {
        let written = bytes();
        let mut wrong = written.clone();
        wrong[0] = 0x02; // the handle of an HMAC session, with a policy behind it
        assert!(Session::read(&mut Input::new(&wrong)).is_err());
        wrong[0] = 0x80;
        assert!(Session::read(&mut Input::new(&wrong)).is_err());
        let mut wrong = written;
        wrong[4..6].copy_from_slice(&[0, 0x0c]); // SHA-384, with digests of SHA-256
        assert!(Session::read(&mut Input::new(&wrong)).is_err());
    }
}
