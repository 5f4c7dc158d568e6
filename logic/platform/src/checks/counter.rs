//! What a monotonic counter must do while power is there.

use crate::{CounterError, HardwareCounter};

/// Checks the [`HardwareCounter`] contract. Advances the counter by 5, if it can go that far.
///
/// # Panics
/// When a promise is broken.
pub fn check_counter<C: HardwareCounter>(counter: &mut C) {
    let start = counter.read().expect("a counter can be read");
    assert!(
        counter.limit() >= start,
        "the present value is within the limit"
    );
    counter
        .advance_to(start)
        .expect("advancing to the present value is allowed");
    assert_eq!(
        counter.read(),
        Ok(start),
        "advancing to the present value changes nothing"
    );

    let limit = counter.limit();
    let steps = [1, 2, 5].map(|step| start.saturating_add(step));
    for value in steps.into_iter().filter(|value| *value <= limit) {
        let before = counter.read().expect("a counter can be read");
        counter
            .advance_to(value)
            .expect("a counter can be advanced, by one and by more");
        assert_eq!(
            counter.read(),
            Ok(value),
            "it then has the value it was given"
        );
        if value > before {
            let back = counter.advance_to(before);
            assert_eq!(
                back,
                Err(CounterError::WouldDecrease),
                "a counter never goes back"
            );
            let to_zero = counter.advance_to(0);
            assert_eq!(
                to_zero,
                Err(CounterError::WouldDecrease),
                "not even to zero"
            );
            assert_eq!(counter.read(), Ok(value), "a refused step changes nothing");
        }
    }
    if let Some(beyond) = limit.checked_add(1) {
        let before = counter.read();
        assert_eq!(
            counter.advance_to(beyond),
            Err(CounterError::Exhausted),
            "there is a limit"
        );
        assert_eq!(counter.read(), before, "a refused step changes nothing");
    }
}

/// Checks that a counter has the value it was left at after `reopen`, which gives it up and opens it
/// again from what the machine keeps. Advances it by 20, if it can go that far.
///
/// # Panics
/// When it has not.
pub fn check_counter_keeps_its_value<C: HardwareCounter>(
    mut counter: C,
    mut reopen: impl FnMut(C) -> C,
) {
    for _ in 0..20 {
        let value = counter.read().expect("a counter can be read");
        if value == counter.limit() {
            return;
        }
        counter
            .advance_to(value + 1)
            .expect("a counter can be advanced");
        counter = reopen(counter);
        assert_eq!(counter.read(), Ok(value + 1), "the value survives");
    }
}
