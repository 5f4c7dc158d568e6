//! Claims and verdicts for people and for programs.

use super::verify::Outcome;
use crate::image::shared::to_hex as hex;
use ironroot_attest::Claims;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Texts in a token are the device's: control characters in them could rewrite the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The verdict, the checks, then the claims.
pub(super) fn outcome_text(outcome: &Outcome<'_>) -> String {
    let mut text = String::new();
    let verdict = if outcome.is_accepted() {
        "ACCEPTED"
    } else {
        "REFUSED"
    };
    let _ = writeln!(text, "{verdict}");
    for check in &outcome.checks {
        let (mark, words) = match &check.result {
            Ok(words) => ("ok  ", words),
            Err(words) => ("FAIL", words),
        };
        let _ = writeln!(text, "  {mark} {:<16} {}", check.name, printable(words));
    }
    if let Some(claims) = &outcome.claims {
        text.push_str(&claims_text(claims));
    }
    text
}

/// The same as one object.
pub(super) fn outcome_json(outcome: &Outcome<'_>) -> Value {
    let checks: Vec<Value> = outcome
        .checks
        .iter()
        .map(|check| {
            let (ok, words) = match &check.result {
                Ok(words) => (true, words),
                Err(words) => (false, words),
            };
            json!({ "name": check.name, "ok": ok, "detail": words })
        })
        .collect();
    json!({
        "verified": outcome.claims.is_some(),
        "accepted": outcome.is_accepted(),
        "checks": checks,
        "claims": outcome.claims.as_ref().map(claims_json),
    })
}

/// Claims of a token nobody checked, saying so first.
pub(super) fn unverified_text(claims: &Claims<'_>) -> String {
    format!(
        "NOT VERIFIED: anybody could have written this; use `ironroot attest verify`\n{}",
        claims_text(claims)
    )
}

/// The same as one object.
pub(super) fn unverified_json(claims: &Claims<'_>) -> Value {
    json!({ "verified": false, "accepted": false, "claims": claims_json(claims) })
}

fn claims_text(claims: &Claims<'_>) -> String {
    let mut text = String::from("claims\n");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<24} {value}");
    };
    let world = if claims.client_id.is_non_secure() {
        "non-secure"
    } else {
        "secure"
    };
    let lifecycle = claims.lifecycle;
    line("profile", claims.profile.name().into());
    line("challenge", hex(claims.nonce.as_bytes()));
    line("instance id", hex(claims.instance_id.as_bytes()));
    line("implementation id", hex(&claims.implementation_id));
    line("client id", format!("{} ({world})", claims.client_id.get()));
    line(
        "lifecycle",
        format!("{:#06x} ({})", lifecycle.value(), lifecycle.state().name()),
    );
    if let Some(seed) = claims.boot_seed {
        line("boot seed", hex(seed.as_bytes()));
    }
    if let Some(reference) = claims.certification_reference {
        line("certification reference", printable(reference));
    }
    if let Some(service) = claims.verification_service {
        line("verification service", printable(service));
    }
    for component in claims.software_components.clone() {
        line(
            "software",
            printable(component.measurement_type.unwrap_or("(no type)")),
        );
        line("  measurement", hex(component.measurement_value));
        line("  signer", hex(component.signer_id));
        if let Some(version) = component.version {
            line("  version", printable(version));
        }
        if let Some(description) = component.measurement_description {
            line("  measured with", printable(description));
        }
    }
    text
}

fn claims_json(claims: &Claims<'_>) -> Value {
    let components: Vec<Value> = claims
        .software_components
        .clone()
        .map(|component| {
            json!({
                "type": component.measurement_type,
                "measurement": hex(component.measurement_value),
                "signer": hex(component.signer_id),
                "version": component.version,
                "description": component.measurement_description,
            })
        })
        .collect();
    json!({
        "profile": claims.profile.name(),
        "challenge": hex(claims.nonce.as_bytes()),
        "instance_id": hex(claims.instance_id.as_bytes()),
        "implementation_id": hex(&claims.implementation_id),
        "client_id": claims.client_id.get(),
        "lifecycle": claims.lifecycle.value(),
        "lifecycle_state": claims.lifecycle.state().name(),
        "boot_seed": claims.boot_seed.map(|seed| hex(seed.as_bytes())),
        "certification_reference": claims.certification_reference,
        "verification_service": claims.verification_service,
        "software_components": components,
    })
}
