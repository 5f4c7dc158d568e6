//! Test images only: an echo service in the PSA Root of Trust, for measuring a bare call, and the witness of
//! the attacks by DMA ([`dma`]).

mod dma;

use ironroot_psa_api::Status;
use ironroot_spm::{
    Message, PartitionFailure, Provider, RootServices, ServiceAccess, ServiceInfo, VersionPolicy,
};

/// Hundredths of a second: short, for the attack tests exhaust it many times.
pub(crate) const TIME_BUDGET: u32 = 50;

/// Number of the echo among the root services.
const ECHO: u32 = 0xEC40;

/// The product's services and the echo: SID 0xF002, stateless handle 9.
pub(crate) const SERVICES: [ServiceInfo; 6] = {
    let [a, b, c, d, e] = ironroot_psa::SERVICES;
    let echo = ServiceInfo {
        sid: 0xF002,
        name: "TEST_ROOT_ECHO",
        version: 1,
        version_policy: VersionPolicy::Strict,
        non_secure_clients: true,
        access: ServiceAccess::Stateless(8),
        provider: Provider::Root(ECHO),
    };
    [a, b, c, d, e, echo]
};

/// The product's services with the echo in front.
pub(crate) struct Services<S>(S);

/// Puts the echo in front.
pub(crate) fn with_test_services<S>(product: S) -> Services<S> {
    Services(product)
}

/// The product's services behind the echo.
pub(crate) fn product<S>(services: &mut Services<S>) -> &mut S {
    &mut services.0
}

impl<S: RootServices> RootServices for Services<S> {
    fn call(&mut self, service: u32, message: &mut Message<'_>) -> Status {
        if service == ECHO {
            match message.kind() {
                dma::COPY => dma::copy(message),
                dma::INSPECT => dma::inspect(message),
                _ => echo(message),
            }
        } else {
            self.0.call(service, message)
        }
    }

    fn partition_failed(&mut self, failure: PartitionFailure) {
        self.0.partition_failed(failure);
    }
}

/// Writes the first input to the first output, 64 bytes at a time.
fn echo(message: &mut Message<'_>) -> Status {
    let mut chunk = [0; 64];
    loop {
        let count = message.read(0, &mut chunk);
        let Some(data) = chunk.get(..count).filter(|data| !data.is_empty()) else {
            return Status::SUCCESS;
        };
        if message.write(0, data).is_err() {
            return Status::SUCCESS;
        }
    }
}
