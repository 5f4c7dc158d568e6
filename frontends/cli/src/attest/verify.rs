//! The verifier's policy, applied check by check: every failed check is reported, not only the first.

use super::reference::Reference;
use super::{Verify, input};
use crate::image::shared::from_hex;
use anyhow::{Context, bail};
use ironroot_attest::{
    Claims, ClaimsError, InstanceId, LifecycleState, Profile, TokenError, UnverifiedToken,
};
use ironroot_crypto::ecdsa::P256PublicKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};

/// What a token must fulfil.
pub(super) struct Policy {
    key: P256PublicKey,
    instance_id: Option<InstanceId>,
    challenge: Vec<u8>,
    profile: Option<Profile>,
    client_id: Option<i32>,
    lifecycles: Vec<LifecycleState>,
    reference: Option<Reference>,
}

impl Policy {
    pub(super) fn from_options(options: &Verify) -> anyhow::Result<Self> {
        let (key, point) = input::public_key(&options.key)?;
        let challenge = from_hex(&options.challenge)
            .context("--challenge: not an even number of hexadecimal digits")?;
        if !matches!(challenge.len(), 32 | 48 | 64) {
            bail!(
                "--challenge: {} bytes; it must be 32, 48 or 64",
                challenge.len()
            );
        }
        let mut lifecycles = vec![LifecycleState::Secured];
        lifecycles.extend(options.allow_lifecycle.iter().map(|state| state.state()));
        Ok(Self {
            key,
            instance_id: if options.any_instance_id {
                None
            } else {
                Some(instance_of(&point)?)
            },
            challenge,
            profile: options.profile.map(super::ProfileName::profile),
            client_id: options.client_id,
            lifecycles,
            reference: options
                .reference
                .as_deref()
                .map(Reference::load)
                .transpose()?,
        })
    }
}

/// PSA Attestation API: the hash of the public key as `psa_export_public_key` gives it.
fn instance_of(point: &[u8]) -> anyhow::Result<InstanceId> {
    let hash = digest(HashAlgorithm::Sha256, point)
        .to_array()
        .context("SHA-256")?;
    Ok(InstanceId::from_key_hash(&hash))
}

/// One check and what came of it.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) result: Result<String, String>,
}

/// What became of a token.
pub(super) struct Outcome<'a> {
    pub(super) checks: Vec<Check>,
    /// There only when the signature is right.
    pub(super) claims: Option<Claims<'a>>,
}

impl Outcome<'_> {
    /// Accepted: the claims are there and no check failed.
    pub(super) fn is_accepted(&self) -> bool {
        self.claims.is_some() && self.checks.iter().all(|check| check.result.is_ok())
    }
}

/// Judges a token.
pub(super) fn judge<'a>(token: &'a [u8], policy: &Policy) -> Outcome<'a> {
    let verified = UnverifiedToken::parse(token).and_then(|token| token.verify(&policy.key));
    let claims = match verified {
        Ok(token) => token.claims().clone(),
        Err(error) => {
            let name = if matches!(error, TokenError::Claims(_)) {
                "claims"
            } else {
                "signature"
            };
            let result = Err(token_in_words(error).to_owned());
            return Outcome {
                checks: vec![Check { name, result }],
                claims: None,
            };
        }
    };
    let mut checks = vec![
        Check {
            name: "signature",
            result: Ok("ES256, made with the given key".into()),
        },
        Check {
            name: "profile",
            result: profile(&claims, policy),
        },
        Check {
            name: "challenge",
            result: challenge(&claims, policy),
        },
        Check {
            name: "instance id",
            result: instance(&claims, policy),
        },
        Check {
            name: "lifecycle",
            result: lifecycle(&claims, policy),
        },
    ];
    if let Some(expected) = policy.client_id {
        checks.push(Check {
            name: "client id",
            result: client(&claims, expected),
        });
    }
    if let Some(reference) = &policy.reference {
        checks.extend(reference.judge(&claims));
    }
    Outcome {
        checks,
        claims: Some(claims),
    }
}

fn profile(claims: &Claims<'_>, policy: &Policy) -> Result<String, String> {
    match policy.profile {
        Some(wanted) if wanted != claims.profile => {
            Err(format!("{}, not {}", claims.profile.name(), wanted.name()))
        }
        _ => Ok(claims.profile.name().into()),
    }
}

fn challenge(claims: &Claims<'_>, policy: &Policy) -> Result<String, String> {
    if claims.nonce.as_bytes() == policy.challenge {
        Ok("the one that was sent".into())
    } else {
        Err("not the one that was sent: an old token, or another verifier's".into())
    }
}

fn instance(claims: &Claims<'_>, policy: &Policy) -> Result<String, String> {
    match policy.instance_id {
        None => Ok("not compared with the key (--any-instance-id)".into()),
        Some(expected) if expected == claims.instance_id => Ok("the hash of the key".into()),
        Some(_) => Err("not the hash of the key".into()),
    }
}

fn lifecycle(claims: &Claims<'_>, policy: &Policy) -> Result<String, String> {
    let state = claims.lifecycle.state();
    if policy.lifecycles.contains(&state) {
        Ok(state.name().into())
    } else {
        Err(format!(
            "{}: such a device may be under somebody else's control",
            state.name()
        ))
    }
}

fn client(claims: &Claims<'_>, expected: i32) -> Result<String, String> {
    match claims.client_id.get() {
        id if id == expected => Ok(id.to_string()),
        id => Err(format!("{id}, not {expected}")),
    }
}

/// A refusal of the envelope or the signature, for people.
pub(super) fn token_in_words(error: TokenError) -> &'static str {
    match error {
        TokenError::Malformed => "not a COSE_Sign1 attestation token",
        TokenError::Algorithm => {
            "signed with another algorithm than ES256, or with critical headers"
        }
        TokenError::Signature => "the signature is not this key's over these claims",
        TokenError::Claims(error) => claims_in_words(error),
    }
}

/// A refusal of the claims, for people.
pub(super) fn claims_in_words(error: ClaimsError) -> &'static str {
    match error {
        ClaimsError::Malformed => "the claims are not well-formed CBOR, or one is there twice",
        ClaimsError::Profile => "no profile, or an unknown one",
        ClaimsError::Nonce => "no challenge of 32, 48 or 64 bytes",
        ClaimsError::InstanceId => "no instance id of type RAND with 33 bytes",
        ClaimsError::ImplementationId => "no implementation id of 32 bytes",
        ClaimsError::ClientId => "no client id, or zero",
        ClaimsError::Lifecycle => "no lifecycle, or an undefined one",
        ClaimsError::BootSeed => "the boot seed is missing or has a wrong length",
        ClaimsError::CertificationReference => "the certification reference has a wrong form",
        ClaimsError::SoftwareComponents => "software components missing, empty or incomplete",
        ClaimsError::VerificationService => "the verification service is empty",
    }
}
