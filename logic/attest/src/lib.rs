#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod cbor;
mod claims;
mod component;
mod encode;
mod make;
mod verify;

pub use claims::{
    BootSeed, Challenge, Claims, ClaimsError, ClientId, ImplementationId, InstanceId, Lifecycle,
    LifecycleState, Profile,
};
pub use component::{ComponentError, SoftwareComponent, SoftwareComponents};
pub use make::{Evidence, MAX_COMPONENTS, MakeError, make, size};
pub use verify::{TokenError, UnverifiedToken, VerifiedToken};
