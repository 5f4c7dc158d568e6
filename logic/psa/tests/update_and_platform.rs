//! Firmware update (what runs, and its confirmation), platform and the fault log.

mod common;

use common::{Device, Rig, boot_record, partition_failure, shared_data, small_map};
use ironroot_boot::fault::{Cause, FaultArea, FaultRecord, Origin, RECORD_SIZE};
use ironroot_boot::otp::Lifecycle;
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{Image, Slot};
use ironroot_client::{fwu, platform};
use ironroot_image::trailer::FlagState;
use ironroot_platform::model::{Cut, ModelFlash, Power};
use ironroot_platform::{Flash, Geometry};
use ironroot_psa::limits;
use ironroot_psa_api::fwu::{ComponentState, ImageVersion};
use ironroot_psa_api::platform::{IOCTL, IOCTL_FAULT, IOCTL_LIFECYCLE};
use ironroot_psa_api::service::PLATFORM;
use ironroot_psa_api::{Error, Status};
use ironroot_spm::{FailureCause, FailureOutcome};

/// Bootloader information "how image n runs", see `ironroot-boot`.
const RUNNING: u16 = 0x800;

/// An image header: magic, load address, header size, protected TLV size, image size, flags, version.
fn write_header(flash: &mut ModelFlash, image: Image, slot: Slot, version: [u8; 8]) {
    let mut header = [0; 32];
    header[..4].copy_from_slice(&0x96f3_b83d_u32.to_le_bytes());
    header[8..10].copy_from_slice(&32u16.to_le_bytes());
    header[12..16].copy_from_slice(&64u32.to_le_bytes());
    header[20..28].copy_from_slice(&version);
    flash
        .program(small_map().slot(image, slot).offset, &header)
        .unwrap();
}

fn on_trial(flash: &mut ModelFlash) {
    write_header(flash, Image::Secure, Slot::B, [2, 3, 4, 0, 5, 0, 0, 0]);
    write_header(flash, Image::NonSecure, Slot::A, [1, 0, 0, 0, 0, 0, 0, 0]);
    let map = small_map();
    let mut slot = map.slot(Image::Secure, Slot::B).of(&mut *flash).unwrap();
    trailer_ops::set_pending(&mut slot, Image::Secure, Request::Trial).unwrap();
    let mut slot = map.slot(Image::NonSecure, Slot::A).of(&mut *flash).unwrap();
    trailer_ops::set_pending(&mut slot, Image::NonSecure, Request::Permanent).unwrap();
}

/// The secure image runs on trial from slot B, the other one is confirmed in slot A.
fn trial_device() -> Device {
    let records = [boot_record("SPE", 1), boot_record("NSPE", 2)];
    Device {
        shared_data: shared_data(&records, &[(RUNNING, &[1, 1]), (RUNNING + 1, &[0, 0])]),
        prepare_slots: on_trial,
        ..Device::default()
    }
}

#[test]
fn a_query_tells_version_slot_and_state_of_what_runs() {
    let mut rig = Rig::new(trial_device());
    let secure = fwu::query(&mut rig, 0).unwrap();
    assert_eq!(secure.state, ComponentState::Trial);
    assert_eq!(
        secure.version,
        ImageVersion {
            major: 2,
            minor: 3,
            patch: 4,
            build: 5
        }
    );
    assert_eq!((secure.location, secure.max_size), (1, 0x3000));
    let non_secure = fwu::query(&mut rig, 1).unwrap();
    assert_eq!(non_secure.state, ComponentState::Ready);
    assert_eq!(non_secure.version.major, 1);
    for absent in 2..=255 {
        assert_eq!(fwu::query(&mut rig, absent), Err(Error::DoesNotExist));
    }
}

#[test]
fn accepting_confirms_the_trial_image_and_no_other() {
    let mut rig = Rig::new(trial_device());
    assert!(fwu::accept(&mut rig).is_ok());
    assert_eq!(
        fwu::query(&mut rig, 0).unwrap().state,
        ComponentState::Updated
    );
    assert_eq!(
        fwu::query(&mut rig, 1).unwrap().state,
        ComponentState::Ready
    );
    assert_eq!(
        fwu::accept(&mut rig).map(drop),
        Err(Error::BadState),
        "nothing is on trial now"
    );
    let (_, flash) = rig.root.into_storage();
    let trailer = |image, slot: Slot| {
        let mut bytes = vec![0; 0x4000];
        flash
            .read(small_map().slot(image, slot).offset, &mut bytes)
            .unwrap();
        let geometry = Geometry {
            sectors: 4,
            ..flash.geometry()
        };
        let mut region = ModelFlash::new(geometry, &Power::new());
        region.reprogram(&bytes);
        trailer_ops::state(&region).unwrap()
    };
    assert_eq!(trailer(Image::Secure, Slot::B).image_ok, FlagState::Set);
    assert_eq!(trailer(Image::Secure, Slot::A).image_ok, FlagState::Unset);
    assert_eq!(
        trailer(Image::NonSecure, Slot::B).image_ok,
        FlagState::Unset
    );
}

#[test]
fn with_nothing_on_trial_there_is_nothing_to_accept_and_unknown_slots_are_no_component() {
    let mut rig = Rig::default();
    assert_eq!(fwu::accept(&mut rig).map(drop), Err(Error::BadState));
    assert_eq!(
        fwu::query(&mut rig, 0),
        Err(Error::DoesNotExist),
        "the bootloader said nothing"
    );
    let lies: [&[u8]; 4] = [&[2, 0], &[0, 2], &[0], &[0, 0, 0]];
    for lie in lies {
        let shared_data = shared_data(&[boot_record("SPE", 1)], &[(RUNNING, lie)]);
        let mut rig = Rig::new(Device {
            shared_data,
            ..Device::default()
        });
        assert_eq!(fwu::query(&mut rig, 0), Err(Error::DoesNotExist), "{lie:?}");
    }
}

#[test]
fn reset_and_reboot_reach_the_port_and_nothing_else_does() {
    let mut rig = Rig::default();
    assert_eq!(platform::system_reset(&mut rig), Ok(()));
    assert_eq!(rig.root.system_mut().resets, 1);
    assert_eq!(fwu::request_reboot(&mut rig), Ok(()));
    assert_eq!(rig.root.system_mut().resets, 2);
    for kind in (0..2000).filter(|kind| ![1012, 1013].contains(kind)) {
        let (status, _) = rig.message(PLATFORM.handle, kind, &[&[0; 4]], &[4]);
        assert_eq!(status, Error::NotSupported.status(), "{kind}");
    }
    assert_eq!(rig.root.system_mut().resets, 2);
    assert_eq!(
        platform::nv_counter_read(&mut rig, 0),
        Err(Error::NotSupported)
    );
    assert_eq!(
        platform::nv_counter_increment(&mut rig, 0),
        Err(Error::NotSupported)
    );
}

fn ioctl(rig: &mut Rig, request: u32, input: &[u8], room: usize) -> (Status, Vec<u8>) {
    let request = request.to_le_bytes();
    let inputs: &[&[u8]] = if input.is_empty() {
        &[&request]
    } else {
        &[&request, input]
    };
    let (status, mut outputs) = rig.message(PLATFORM.handle, IOCTL, inputs, &[room]);
    (status, outputs.remove(0))
}

#[test]
fn the_lifecycle_can_be_asked_for() {
    for lifecycle in Lifecycle::ALL {
        let mut rig = Rig::new(Device {
            lifecycle,
            ..Device::default()
        });
        let (status, bytes) = ioctl(&mut rig, IOCTL_LIFECYCLE, &[], 4);
        assert_eq!(status, Status::SUCCESS);
        assert_eq!(bytes, u32::from(lifecycle as u16).to_le_bytes());
    }
    let mut rig = Rig::default();
    assert_eq!(
        ioctl(&mut rig, IOCTL_LIFECYCLE, &[], 3).0,
        Error::BufferTooSmall.status()
    );
    for request in [0, 4, u32::MAX] {
        assert_eq!(
            ioctl(&mut rig, request, &[], 64).0,
            Error::NotSupported.status()
        );
    }
}

#[test]
fn the_recovery_mode_is_asked_for_where_the_board_can() {
    let mut rig = Rig::default();
    assert_eq!(
        platform::request_recovery(&mut rig),
        Err(Error::NotSupported)
    );
    rig.root.system_mut().recoveries = Some(0);
    assert_eq!(platform::request_recovery(&mut rig), Ok(()));
    assert_eq!(rig.root.system_mut().recoveries, Some(1));
    assert_eq!(rig.root.system_mut().resets, 0, "the reset is the caller's");
}

fn fault(rig: &mut Rig, back: u32) -> Result<(FaultRecord, u32), Error> {
    let (status, bytes) = ioctl(rig, IOCTL_FAULT, &back.to_le_bytes(), RECORD_SIZE);
    status.ok()?;
    Ok(FaultRecord::decode(bytes[..].try_into().unwrap()).expect("a whole record"))
}

fn sample(number: u32) -> FaultRecord {
    FaultRecord {
        address: Some(0x3000_0800),
        program_counter: 0x1004_0010,
        link_register: 0x1004_0001,
        detail: number,
        boot_count: number,
        ..FaultRecord::new(Cause::BusFault, Origin::Partition(1))
    }
}

#[test]
fn faults_move_from_reserved_memory_into_the_log_and_stay_over_power_loss() {
    let mut rig = Rig::default();
    assert_eq!(fault(&mut rig, 0), Err(Error::DoesNotExist));
    let mut memory = [0xa5; 5 * RECORD_SIZE];
    let mut area = FaultArea::new(&mut memory);
    area.append(&sample(1));
    area.append(&sample(2));
    rig.collect_faults(&mut area);
    assert_eq!(area.records().count(), 0, "taken out");
    let mut rig = rig.restart();
    assert_eq!(
        fault(&mut rig, 0),
        Ok((sample(2).without_secure_addresses(), 2))
    );
    assert_eq!(
        fault(&mut rig, 1),
        Ok((sample(1).without_secure_addresses(), 1))
    );
    assert_eq!(fault(&mut rig, 2), Err(Error::DoesNotExist));
    assert_eq!(
        rig.root.fault(0),
        Ok(sample(2)),
        "the secure side sees everything"
    );
    assert_eq!(
        ioctl(&mut rig, IOCTL_FAULT, &[], 64).0,
        Status::SUCCESS,
        "no input means newest"
    );
    let (status, bytes) = ioctl(&mut rig, IOCTL_FAULT, &[], 63);
    assert_eq!((status, bytes.len()), (Error::BufferTooSmall.status(), 0));
}

#[test]
fn the_non_secure_form_has_no_secure_address_in_any_of_its_bytes() {
    let mut rig = Rig::default();
    let mut memory = [0; 2 * RECORD_SIZE];
    let mut area = FaultArea::new(&mut memory);
    area.append(&sample(0));
    rig.collect_faults(&mut area);
    let (_, bytes) = ioctl(&mut rig, IOCTL_FAULT, &[], RECORD_SIZE);
    for address in [0x3000_0800_u32, 0x1004_0010, 0x1004_0001] {
        assert!(
            !bytes
                .windows(4)
                .any(|window| window == address.to_le_bytes())
        );
    }
}

#[test]
fn a_full_log_keeps_the_newest_faults() {
    let mut rig = Rig::default();
    for number in 1..=3 * limits::FAULTS + 1 {
        let mut memory = [0; RECORD_SIZE];
        let mut area = FaultArea::new(&mut memory);
        area.append(&sample(number));
        rig.collect_faults(&mut area);
        let (newest, sequence) = fault(&mut rig, 0).unwrap();
        assert_eq!((newest.boot_count, sequence), (number, number));
    }
    let last = 3 * limits::FAULTS + 1;
    for back in 0..limits::FAULTS {
        assert_eq!(fault(&mut rig, back).unwrap().1, last - back);
    }
    for back in [limits::FAULTS, limits::FAULTS + 1, u32::MAX] {
        assert_eq!(fault(&mut rig, back), Err(Error::DoesNotExist));
    }
}

fn collect(rig: &mut Rig, records: &[FaultRecord]) {
    let mut memory = [0; 8 * RECORD_SIZE];
    let mut area = FaultArea::new(&mut memory);
    records.iter().for_each(|record| area.append(record));
    rig.collect_faults(&mut area);
    assert_eq!(area.records().count(), 0);
}

#[test]
fn a_fault_that_repeats_the_newest_one_is_told_once() {
    let mut rig = Rig::default();
    let again = |boot_count| FaultRecord {
        boot_count,
        ..sample(1)
    };
    collect(&mut rig, &[again(1), again(2), again(2)]);
    collect(&mut rig, &[again(3)]);
    assert_eq!(fault(&mut rig, 0).unwrap().1, 1);
    assert_eq!(fault(&mut rig, 0).unwrap().0.boot_count, 1);
    collect(&mut rig, &[sample(2), again(4)]);
    assert_eq!(
        fault(&mut rig, 0).unwrap().1,
        3,
        "after another one it is told again"
    );
    let mut different = again(5);
    different.program_counter += 2;
    collect(&mut rig, &[different]);
    assert_eq!(fault(&mut rig, 0).unwrap().1, 4);
}

#[test]
fn refusals_at_every_boot_push_no_fault_out() {
    let mut rig = Rig::default();
    collect(&mut rig, &[sample(1)]);
    let refused = |detail, boot_count| FaultRecord {
        detail,
        boot_count,
        ..FaultRecord::new(Cause::BootRefused, Origin::Bootloader)
    };
    for boot in 2..40 {
        collect(
            &mut rig,
            &[refused(0x80_01_00, boot), refused(0x80_01_01, boot)],
        );
    }
    assert_eq!(fault(&mut rig, 0).unwrap().1, 3);
    assert_eq!(fault(&mut rig, 2).unwrap().0.detail, 1);
    collect(&mut rig, &[refused(0x81_01_00, 41)]);
    assert_eq!(fault(&mut rig, 0).unwrap().1, 4, "another reason is news");
}

#[test]
fn a_power_cut_while_faults_move_loses_none() {
    for cut in 0.. {
        let mut rig = Rig::default();
        let mut memory = [0; 4 * RECORD_SIZE];
        let mut area = FaultArea::new(&mut memory);
        (1..=3).for_each(|number| area.append(&sample(number)));
        rig.power.cut_at(rig.power.operations() + cut, Cut::CLEAN);
        let complete = rig.root.collect_faults(&mut area).is_ok();
        let mut rig = rig.restart();
        rig.collect_faults(&mut area);
        let kept: std::collections::BTreeSet<u32> = (0..limits::FAULTS)
            .filter_map(|back| fault(&mut rig, back).ok())
            .map(|(r, _)| r.boot_count)
            .collect();
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), [1, 2, 3], "cut {cut}");
        if complete {
            return;
        }
    }
}

#[test]
fn what_only_the_partition_manager_saw_is_recorded_too() {
    let mut rig = Rig::default();
    let outcome = FailureOutcome::Restarted { left: 1 };
    let fail = |rig: &mut Rig, cause, outcome| {
        common::fail_partition(&mut rig.root, partition_failure(7, cause, outcome));
    };
    fail(&mut rig, FailureCause::Hardware, outcome);
    assert_eq!(
        fault(&mut rig, 0),
        Err(Error::DoesNotExist),
        "the port records these"
    );
    fail(&mut rig, FailureCause::Panic, outcome);
    let (record, _) = fault(&mut rig, 0).unwrap();
    assert_eq!(
        (record.cause, record.origin),
        (Cause::PartitionPanic, Origin::Partition(3))
    );
    assert_eq!((record.detail, record.boot_count), (1, 1));
    fail(
        &mut rig,
        FailureCause::ProgrammerError { call: 9 },
        FailureOutcome::Disabled,
    );
    let (record, _) = fault(&mut rig, 0).unwrap();
    assert_eq!((record.cause, record.detail), (Cause::PartitionDown, 0x109));
    assert_eq!(rig.root.system_mut().resets, 0);
    fail(
        &mut rig,
        FailureCause::Deadlock,
        FailureOutcome::ResetSystem,
    );
    assert_eq!(rig.root.system_mut().resets, 1);
}
