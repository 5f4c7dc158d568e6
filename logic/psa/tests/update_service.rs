//! Firmware Update, call by call (PSA Firmware Update API 1.0.1), with the real bootloader between resets.

mod common;

use common::firmware::{LIMIT, Machine, SECTOR, map, spec};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Reason, Slot};
use ironroot_client::fwu::{self, Completion};
use ironroot_image::Refusal;
use ironroot_platform::Flash;
use ironroot_psa_api::fwu::{
    ComponentInfo, ComponentState as State, INSTALL, MAX_WRITE_SIZE, QUERY, START, WRITE, reason,
};
use ironroot_psa_api::{Error, Status};

const REFUSED: Status = Status(-7);

fn install_both(machine: &mut Machine) {
    for component in [0, 1] {
        machine.prepare(component, &spec(2, 1500).build()).unwrap();
    }
    assert_eq!(fwu::install(machine), Ok(Completion::Reboot));
    assert_eq!(machine.states(), (State::Staged, State::Staged));
    machine.reset();
}

#[test]
fn an_update_of_both_images_goes_through_every_state_and_stays() {
    let mut machine = Machine::new();
    assert_eq!(machine.states(), (State::Ready, State::Ready));
    assert_eq!(fwu::start(&mut machine, 0, &[]), Ok(()));
    assert_eq!(machine.states(), (State::Writing, State::Ready));
    let image = spec(2, 1500).build();
    machine.write_from(0, &image, 0).unwrap();
    assert_eq!(fwu::finish(&mut machine, 0), Ok(()));
    assert_eq!(machine.states(), (State::Candidate, State::Ready));
    machine.prepare(1, &spec(2, 800).build()).unwrap();
    assert_eq!(fwu::install(&mut machine), Ok(Completion::Reboot));
    assert_eq!(machine.states(), (State::Staged, State::Staged));
    assert_eq!(fwu::request_reboot(&mut machine), Ok(()));
    assert_eq!(machine.resets(), 1);

    machine.reset();
    assert_eq!(machine.versions, (2, 2));
    assert_eq!(machine.states(), (State::Trial, State::Trial));
    assert_eq!(fwu::accept(&mut machine), Ok(()));
    assert_eq!(machine.states(), (State::Updated, State::Updated));

    machine.reset();
    assert_eq!(machine.versions, (2, 2));
    assert_eq!(machine.states(), (State::Updated, State::Updated));
    for component in [0, 1] {
        assert_eq!(fwu::clean(&mut machine, component), Ok(()));
    }
    assert_eq!(machine.states(), (State::Ready, State::Ready));
    let old = machine.slot_bytes(Image::Secure, Slot::A);
    assert!(
        old.iter().all(|byte| *byte == 0xff),
        "the old image is gone"
    );
    machine.reset();
    assert_eq!(machine.versions, (2, 2));
}

#[test]
fn a_trial_that_is_not_accepted_goes_back_and_says_so_until_it_is_cleaned() {
    let mut machine = Machine::new();
    install_both(&mut machine);
    assert_eq!(machine.states(), (State::Trial, State::Trial));
    for _ in 0..3 {
        machine.reset();
        assert_eq!(machine.versions, (1, 1));
        for component in [0, 1] {
            let info = machine.query(component);
            assert_eq!((info.state, info.error), (State::Failed, Status(-132)));
            assert_eq!(info.reason, Reason::TrialFailed.number());
        }
    }
    fwu::clean(&mut machine, 0).unwrap();
    assert_eq!(machine.states(), (State::Ready, State::Failed));
}

#[test]
fn a_rejected_trial_goes_back_at_the_reset_with_the_applications_reason() {
    let mut machine = Machine::new();
    install_both(&mut machine);
    assert_eq!(fwu::reject(&mut machine, REFUSED), Ok(Completion::Reboot));
    assert_eq!(machine.states(), (State::Rejected, State::Rejected));
    assert_eq!(machine.query(0).error, REFUSED);
    let bad_state = Some(Error::BadState);
    assert_eq!(fwu::accept(&mut machine).err(), bad_state, "too late");
    assert_eq!(fwu::reject(&mut machine, REFUSED).err(), bad_state);
    assert_eq!(fwu::install(&mut machine).err(), bad_state);
    machine.reset();
    assert_eq!(machine.versions, (1, 1));
    let info = machine.query(1);
    assert_eq!(
        (info.state, info.error, info.reason),
        (State::Failed, REFUSED, reason::REJECTED)
    );
}

#[test]
fn a_staged_update_can_be_rejected_and_is_never_tried() {
    let mut machine = Machine::new();
    machine.prepare(1, &spec(2, 1500).build()).unwrap();
    fwu::install(&mut machine).unwrap();
    assert_eq!(
        fwu::reject(&mut machine, Status::SUCCESS),
        Ok(Completion::Done)
    );
    assert_eq!(machine.query(1).state, State::Failed);
    machine.reset();
    assert_eq!(machine.versions, (1, 1));
    assert_eq!(machine.query(1).state, State::Failed);
}

#[test]
fn one_image_alone_is_updated_while_the_other_is_left_alone() {
    let mut machine = Machine::new();
    let before = machine.slot_bytes(Image::Secure, Slot::A);
    machine.prepare(1, &spec(2, 1500).build()).unwrap();
    fwu::install(&mut machine).unwrap();
    machine.reset();
    assert_eq!(machine.versions, (1, 2));
    assert_eq!(machine.states(), (State::Ready, State::Trial));
    fwu::accept(&mut machine).unwrap();
    assert_eq!(machine.states(), (State::Ready, State::Updated));
    assert_eq!(machine.slot_bytes(Image::Secure, Slot::A), before);
}

#[test]
fn a_candidate_waits_over_resets_with_its_digest() {
    let mut machine = Machine::new();
    machine.prepare(0, &spec(2, 1500).build()).unwrap();
    let digest = machine.query(0).candidate_digest;
    assert_ne!(digest, [0; 32]);
    for _ in 0..2 {
        machine.reset();
        let info = machine.query(0);
        assert_eq!(
            (info.state, info.candidate_digest),
            (State::Candidate, digest)
        );
    }
    assert_eq!(fwu::install(&mut machine), Ok(Completion::Reboot));
}

#[test]
fn a_missing_dependency_keeps_the_candidate_until_it_is_there() {
    let mut machine = Machine::new();
    let dependent = spec(2, 900).needs(Image::NonSecure, 2).build();
    machine.prepare(0, &dependent).unwrap();
    assert_eq!(fwu::install(&mut machine), Err(Error::DependencyNeeded));
    assert_eq!(machine.states(), (State::Candidate, State::Ready));
    machine.reset();
    assert_eq!(fwu::install(&mut machine), Err(Error::DependencyNeeded));
    machine.prepare(1, &spec(2, 900).build()).unwrap();
    assert_eq!(
        fwu::install(&mut machine),
        Ok(Completion::Reboot),
        "both at once"
    );
    machine.reset();
    assert_eq!(machine.versions, (2, 2));
    assert_eq!(machine.states(), (State::Trial, State::Trial));
}

#[test]
fn images_that_the_bootloader_would_refuse_fail_with_its_reason_and_keep_it_over_resets() {
    let good = spec(2, 1500).build();
    let mut flipped = good.clone();
    flipped[700] ^= 1;
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let mut cut = good.clone();
    cut.truncate(1000);
    let rolled_back = common::firmware::Spec {
        counter: 0,
        ..spec(2, 600)
    };
    let (refused, denied, invalid) = (
        Error::InvalidSignature,
        Error::NotPermitted,
        Error::InvalidArgument,
    );
    let image = |refusal| Reason::Image(refusal).number();
    let cases: [(Vec<u8>, Error, u8); 7] = [
        (flipped, refused, image(Refusal::HashMismatch)),
        (forged, refused, image(Refusal::SignatureInvalid)),
        (rolled_back.build(), denied, image(Refusal::CounterTooLow)),
        (spec(1, 600).build(), denied, reason::NOT_NEWER),
        (spec(0, 600).build(), denied, image(Refusal::CounterTooLow)),
        (
            b"no image at all".to_vec(),
            invalid,
            image(Refusal::NoImage),
        ),
        (cut, invalid, image(Refusal::ProtectedArea)),
    ];
    let mut machine = Machine::new();
    for (bytes, error, reason) in cases {
        machine.download(0, &bytes).unwrap();
        assert_eq!(fwu::finish(&mut machine, 0), Err(error), "{reason}");
        machine.reset();
        let info = machine.query(0);
        assert_eq!(
            (info.state, info.error, info.reason),
            (State::Failed, error.status(), reason)
        );
        assert_eq!(fwu::install(&mut machine), Err(Error::BadState));
        fwu::clean(&mut machine, 0).unwrap();
    }
    assert_eq!(machine.versions, (1, 1));
    machine.prepare(0, &good).unwrap();
}

#[test]
fn a_candidate_that_changed_on_flash_fails_at_installation_and_takes_the_set_with_it() {
    let mut machine = Machine::new();
    for component in [0, 1] {
        machine.prepare(component, &spec(2, 900).build()).unwrap();
    }
    let at = map().slot(Image::NonSecure, Slot::B).offset + 200;
    machine.flash.0.borrow_mut().corrupt(at, 1);
    assert_eq!(fwu::install(&mut machine), Err(Error::InvalidSignature));
    assert_eq!(machine.states(), (State::Failed, State::Failed));
    machine.reset();
    assert_eq!(machine.versions, (1, 1));
}

#[test]
fn a_staged_image_that_is_bad_at_the_boot_fails_with_the_bootloaders_reason_and_the_set_goes_back()
{
    let mut machine = Machine::new();
    for component in [0, 1] {
        machine.prepare(component, &spec(2, 900).build()).unwrap();
    }
    fwu::install(&mut machine).unwrap();
    let at = map().slot(Image::NonSecure, Slot::B).offset + 200;
    machine.flash.0.borrow_mut().corrupt(at, 1);
    machine.reset();
    assert_eq!(machine.versions, (2, 1));
    assert_eq!(machine.states(), (State::Rejected, State::Failed));
    let (first, second) = (machine.query(0), machine.query(1));
    assert_eq!(first.reason, reason::SET_BROKEN);
    assert_eq!(second.reason, Reason::Image(Refusal::HashMismatch).number());
    assert_eq!(fwu::accept(&mut machine), Err(Error::BadState));
    machine.reset();
    assert_eq!(machine.versions, (1, 1));
    assert_eq!(machine.states(), (State::Failed, State::Failed));
    assert_eq!(machine.query(0).reason, reason::SET_BROKEN);

    // Alone it simply does not start.
    let mut machine = Machine::new();
    machine.prepare(1, &spec(2, 900).build()).unwrap();
    fwu::install(&mut machine).unwrap();
    machine.flash.0.borrow_mut().corrupt(at, 1);
    machine.reset();
    let info = machine.query(1);
    assert_eq!((machine.versions, info.state), ((1, 1), State::Failed));
    assert_eq!(info.error, Error::InvalidSignature.status());
}

#[test]
fn a_download_goes_on_where_the_reset_left_it() {
    let image = spec(2, 3000).build();
    let mut machine = Machine::new();
    fwu::start(&mut machine, 0, &[]).unwrap();
    machine.write_from(0, &image[..2500], 0).unwrap();
    assert_eq!(machine.query(0).written, 2500);
    machine.reset();
    let info = machine.query(0);
    assert_eq!(
        (info.state, info.written),
        (State::Writing, 2048),
        "whole sectors"
    );
    for _ in 0..3 {
        machine.reset();
        assert_eq!(
            machine.query(0).written,
            2048,
            "an idle reset costs nothing"
        );
    }
    machine.write_from(0, &image, 2048).unwrap();
    assert_eq!(fwu::finish(&mut machine, 0), Ok(()));
}

#[test]
fn blocks_may_come_in_any_order_and_again_but_not_with_other_bytes() {
    let image = spec(2, 1500).build();
    let mut machine = Machine::new();
    fwu::start(&mut machine, 0, &[]).unwrap();
    for at in (0..image.len()).step_by(256).rev() {
        let end = image.len().min(at + 256);
        for _ in 0..2 {
            assert_eq!(
                fwu::write(&mut machine, 0, at as u32, &image[at..end]),
                Ok(())
            );
        }
    }
    let other = [!image[0], 0, 0, 0];
    assert_eq!(
        fwu::write(&mut machine, 0, 0, &other),
        Err(Error::InvalidArgument)
    );
    assert_eq!(fwu::finish(&mut machine, 0), Ok(()));
}

#[test]
fn a_write_never_leaves_the_component_whatever_offset_and_length_say() {
    let mut machine = Machine::new();
    fwu::start(&mut machine, 0, &[]).unwrap();
    let before: Vec<u8> = machine.flash.0.borrow().bytes().to_vec();
    let refused = Err(Error::InvalidArgument);
    let block = [0x5a; MAX_WRITE_SIZE + 1];
    assert_eq!(fwu::write(&mut machine, 0, 0, &block), refused, "too long");
    assert_eq!(fwu::write(&mut machine, 0, 0, &[]), refused, "empty");
    for offset in [1, 2, 3, 5, LIMIT - 1, u32::MAX] {
        assert_eq!(
            fwu::write(&mut machine, 0, offset, &block[..4]),
            refused,
            "unaligned"
        );
    }
    let beyond = [
        (LIMIT, 1),
        (LIMIT - 4, 5),
        (LIMIT - 1024 + 4, 1024),
        (LIMIT + SECTOR, 4),
        (u32::MAX - 3, 4),
        (u32::MAX - 3, 1024),
        (0x8000_0000, 4),
        (0u32.wrapping_sub(LIMIT), 16),
    ];
    for (offset, len) in beyond {
        assert_eq!(
            fwu::write(&mut machine, 0, offset, &block[..len]),
            refused,
            "{offset:#x}"
        );
    }
    assert_eq!(machine.flash.0.borrow().bytes(), before);
    assert_eq!(
        fwu::write(&mut machine, 0, LIMIT - 4, &block[..3]),
        Ok(()),
        "the last bytes"
    );
    assert_eq!(
        fwu::write(&mut machine, 0, 0, &block[..MAX_WRITE_SIZE]),
        Ok(())
    );
    assert_eq!(machine.query(0).max_size, LIMIT);
    for absent in 2..=255 {
        let missing = Err(Error::DoesNotExist);
        assert_eq!(fwu::start(&mut machine, absent, &[]), missing);
        assert_eq!(fwu::write(&mut machine, absent, 0, &[1; 4]), missing);
        assert_eq!(fwu::finish(&mut machine, absent), missing);
        assert_eq!(fwu::cancel(&mut machine, absent), missing);
        assert_eq!(fwu::clean(&mut machine, absent), missing);
        assert_eq!(fwu::query(&mut machine, absent).map(drop), missing);
    }
}

#[test]
fn a_tail_is_padded_as_erased() {
    let mut machine = Machine::new();
    fwu::start(&mut machine, 0, &[]).unwrap();
    fwu::write(&mut machine, 0, 0, &[1, 2, 3, 4, 5]).unwrap();
    let slot = machine.slot_bytes(Image::Secure, Slot::B);
    assert_eq!(
        slot[..12],
        [1, 2, 3, 4, 5, 255, 255, 255, 255, 255, 255, 255]
    );
    assert_eq!(fwu::write(&mut machine, 0, 8, &[6; 4]), Ok(()));
}

#[test]
fn messages_of_the_wrong_form_are_refused_and_change_nothing() {
    let mut machine = Machine::new();
    let programmer_error = Error::ProgrammerError.status();
    for inputs in [&[][..], &[&[][..]], &[&[0, 0]], &[&[0; 4]]] {
        for kind in (START..=QUERY).filter(|kind| ![INSTALL, 1008, 1009].contains(kind)) {
            let expected = match kind {
                1007 if inputs.first().is_some_and(|input| input.len() == 4) => {
                    Error::BadState.status()
                }
                _ => programmer_error,
            };
            assert_eq!(
                machine.message(kind, inputs, &[68]).0,
                expected,
                "{kind} {inputs:?}"
            );
        }
    }
    fwu::start(&mut machine, 0, &[]).unwrap();
    for offset in [&[0; 3][..], &[0; 8], &[]] {
        assert_eq!(
            machine.message(WRITE, &[&[0], offset, &[1; 4]], &[]).0,
            programmer_error
        );
    }
    for kind in [0, 1000, 1011, i32::from(i16::MAX)] {
        assert_eq!(
            machine.message(kind, &[&[0]], &[]).0,
            Error::NotSupported.status()
        );
    }
    assert_eq!(machine.states(), (State::Writing, State::Ready));
}

#[test]
fn a_manifest_apart_from_the_image_is_refused() {
    let mut machine = Machine::new();
    assert_eq!(
        fwu::start(&mut machine, 0, &[1]),
        Err(Error::InvalidArgument)
    );
    assert_eq!(machine.query(0).state, State::Ready);
}

#[test]
fn a_caller_with_tf_ms_structure_gets_that_much_and_a_smaller_one_nothing() {
    let mut machine = Machine::new();
    for (room, given) in [(60, 60), (67, 60), (68, 68), (100, 68)] {
        let (status, outputs) = machine.message(QUERY, &[&[0]], &[room]);
        assert_eq!((status, outputs[0].len()), (Status::SUCCESS, given));
    }
    let (status, outputs) = machine.message(QUERY, &[&[0]], &[59]);
    assert_eq!(
        (status, outputs[0].len()),
        (Error::BufferTooSmall.status(), 0)
    );
    assert_eq!(ComponentInfo::TF_M_SIZE, 60);
}

#[test]
fn an_update_cancelled_says_so_and_is_cleaned() {
    let mut machine = Machine::new();
    for finished in [false, true] {
        machine.download(0, &spec(2, 900).build()).unwrap();
        if finished {
            fwu::finish(&mut machine, 0).unwrap();
        }
        assert_eq!(fwu::cancel(&mut machine, 0), Ok(()));
        let info = machine.query(0);
        assert_eq!(
            (info.state, info.reason),
            (State::Failed, reason::CANCELLED)
        );
        assert_eq!(fwu::cancel(&mut machine, 0), Err(Error::BadState));
        fwu::clean(&mut machine, 0).unwrap();
    }
}

#[test]
fn what_others_install_and_confirm_while_the_device_is_off_is_seen() {
    let mut machine = Machine::new();
    machine.prepare(0, &spec(2, 900).build()).unwrap();
    machine.install_from_outside(
        Image::Secure,
        Slot::B,
        &spec(3, 900).build(),
        Request::Trial,
    );
    machine.reset();
    assert_eq!(
        (machine.versions, machine.query(0).state),
        ((3, 1), State::Trial)
    );
    machine.reset();
    assert_eq!(
        (machine.versions, machine.query(0).state),
        ((1, 1), State::Failed)
    );
    machine.install_from_outside(
        Image::Secure,
        Slot::B,
        &spec(3, 900).build(),
        Request::Permanent,
    );
    machine.reset();
    assert_eq!(
        (machine.versions, machine.query(0).state),
        ((3, 1), State::Ready)
    );
    machine.prepare(0, &spec(4, 900).build()).unwrap();
}

#[test]
fn only_sectors_that_hold_something_are_erased() {
    let mut machine = Machine::new();
    let erases = |machine: &Machine| -> u32 { machine.flash.0.borrow().erases().iter().sum() };
    fwu::start(&mut machine, 0, &[]).unwrap();
    let before = erases(&machine);
    machine.write_from(0, &spec(2, 900).build(), 0).unwrap();
    fwu::cancel(&mut machine, 0).unwrap();
    fwu::clean(&mut machine, 0).unwrap();
    assert_eq!(erases(&machine) - before, 2);
    fwu::start(&mut machine, 0, &[]).unwrap();
    assert_eq!(erases(&machine) - before, 2);
    assert_eq!(machine.flash.geometry().sector_size, SECTOR);
}
