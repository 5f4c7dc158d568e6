//! NOR flash and a counter in RAM, on a power supply that can be cut.
//!
//! The model is stricter than any real part: it refuses a unit that was ever touched since its last
//! completed erase, even one that reads as erased, and remembers the refusal as a
//! [violation](ModelFlash::violations). One [`Power`] may feed several parts, so that a sweep counts and
//! cuts all their operations as one sequence.
//!
//! ```
//! use ironroot_platform::model::{Cut, Effect, ModelFlash, Power};
//! use ironroot_platform::{Flash, FlashError, Geometry};
//!
//! let geometry = Geometry { sector_size: 256, sectors: 4, write_unit: 4, erased: 0xff };
//! let power = Power::new();
//! let mut flash = ModelFlash::new(geometry, &power);
//! power.cut_at(1, Cut { effect: Effect::Partial, unstable: false, seed: 7 });
//! flash.program(0, &[0; 4]).unwrap(); // operation 0
//! assert_eq!(flash.program(4, &[0; 4]), Err(FlashError::PowerCut)); // operation 1: torn
//! power.on();
//! // Whatever it reads as now, the unit is not erased.
//! assert_eq!(flash.program(4, &[0; 4]), Err(FlashError::NotErased));
//! flash.erase(0).unwrap();
//! flash.program(4, &[0; 4]).unwrap();
//! ```

mod counter;
mod flash;
mod power;

pub use counter::ModelCounter;
pub use flash::ModelFlash;
pub use power::{Cut, Effect, Power};
