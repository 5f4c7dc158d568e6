//! The C functions as C calls them, against a scripted secure world behind a real socket.

#![expect(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "each block plays the C caller: what it promises, or breaks, is what the test is about"
)]

use std::ffi::CString;
use std::os::raw::c_char;
use std::ptr::{null, null_mut};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ironroot_port_host::{CLIENT_MEMORY, Server};
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyAttributes, KeyId};
use ironroot_psa_api::vector::VECTOR_SIZE;
use ironroot_psa_api::{Control, Handle, InVec, OutVec, service, storage, svc};
use tempfile::TempDir;

// Declared again with C's types, so that nothing but the ABI is tested.
unsafe extern "C" {
    fn psa_ironroot_connect(path: *const c_char) -> i32;
    fn psa_framework_version() -> u32;
    fn psa_connect(sid: u32, version: u32) -> i32;
    fn psa_call(
        handle: i32,
        kind: i32,
        in_vec: *const [usize; 2],
        in_len: usize,
        out_vec: *mut [usize; 2],
        out_len: usize,
    ) -> i32;
    fn psa_its_set(uid: u64, len: usize, data: *const u8, flags: u32) -> i32;
    fn psa_its_get(uid: u64, from: usize, size: usize, data: *mut u8, length: *mut usize) -> i32;
    fn psa_its_get_info(uid: u64, info: *mut [usize; 3]) -> i32;
    fn psa_ps_remove(uid: u64) -> i32;
    fn psa_hash_compute(
        algorithm: u32,
        input: *const u8,
        input_length: usize,
        hash: *mut u8,
        size: usize,
        length: *mut usize,
    ) -> i32;
    fn psa_hash_setup(operation: *mut u32, algorithm: u32) -> i32;
    fn psa_hash_update(operation: *mut u32, input: *const u8, length: usize) -> i32;
    fn psa_hash_finish(operation: *mut u32, hash: *mut u8, size: usize, length: *mut usize) -> i32;
    fn psa_hash_abort(operation: *mut u32) -> i32;
    fn psa_import_key(
        attributes: *const [u32; 6],
        data: *const u8,
        length: usize,
        key: *mut u32,
    ) -> i32;
    fn psa_generate_random(output: *mut u8, size: usize) -> i32;
    fn psa_initial_attest_get_token(
        challenge: *const u8,
        challenge_size: usize,
        token: *mut u8,
        room: usize,
        size: *mut usize,
    ) -> i32;
    fn psa_fwu_install() -> i32;
}

const SUCCESS: i32 = 0;
const PROGRAMMER_ERROR: i32 = -129;
const INVALID_ARGUMENT: i32 = -135;
const BAD_STATE: i32 = -137;
const COMMUNICATION_FAILURE: i32 = -145;

/// What the secure world was asked.
#[derive(Debug)]
struct Asked {
    number: u32,
    handle: u32,
    kind: i32,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<usize>,
}

impl Asked {
    fn crypto(&self) -> CryptoRequest {
        CryptoRequest::from_bytes(self.inputs[0].as_slice().try_into().unwrap()).unwrap()
    }
}

/// A status and what to write to the outputs.
type Answer = (i32, &'static [&'static [u8]]);

/// A secure world that gives one answer after the other, and the only user of this process's link.
struct Device {
    asked: Receiver<Asked>,
    _directory: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Device {
    /// Connects to a device with these answers; it goes away after the last one.
    fn answering(answers: &'static [Answer]) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("device");
        let server = Server::listen(&path).unwrap();
        let (sender, asked) = channel();
        std::thread::spawn(move || {
            for (status, written) in answers {
                let Some(call) = server.next(Duration::from_secs(20)) else {
                    return;
                };
                let mut memory = call.question.memory.clone();
                let _ = sender.send(read(call.question.number, call.question.args, &memory));
                if call.question.number == u32::from(svc::CALL) {
                    write(call.question.args, &mut memory, written);
                }
                call.answer(status.cast_unsigned(), memory);
            }
        });
        let path = CString::new(path.to_str().unwrap()).unwrap();
        assert_eq!(unsafe { psa_ironroot_connect(path.as_ptr()) }, SUCCESS);
        Self {
            asked,
            _directory: directory,
            _alone: alone,
        }
    }

    fn asked(&self) -> Asked {
        self.asked.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn was_not_asked(&self) -> bool {
        self.asked.try_recv().is_err()
    }
}

/// Where an address lies in the memory that came along.
fn place(address: u32) -> usize {
    address.checked_sub(CLIENT_MEMORY).unwrap() as usize
}

fn read(number: u32, args: [u32; 4], memory: &[u8]) -> Asked {
    let [handle, control, in_array, out_array] = args;
    let mut asked = Asked {
        number,
        handle,
        kind: 0,
        inputs: Vec::new(),
        outputs: Vec::new(),
    };
    if number == u32::from(svc::CALL) {
        let control = Control::parse(control).unwrap();
        asked.kind = control.kind();
        for index in 0..control.inputs() {
            let vector = InVec::nth(&memory[place(in_array)..], index).unwrap();
            let range = place(vector.base)..place(vector.base + vector.len);
            asked.inputs.push(memory[range].to_vec());
        }
        for index in 0..control.outputs() {
            let vector = OutVec::nth(&memory[place(out_array)..], index).unwrap();
            assert!(place(vector.base + vector.len) <= memory.len());
            asked.outputs.push(vector.len as usize);
        }
    }
    asked
}

fn write(args: [u32; 4], memory: &mut [u8], written: &[&[u8]]) {
    let array = place(args[3]);
    for (index, data) in written.iter().enumerate() {
        let vector = OutVec::nth(&memory[array..], index).unwrap();
        memory[place(vector.base)..][..data.len()].copy_from_slice(data);
        let length = array + index * VECTOR_SIZE + 4;
        memory[length..][..4].copy_from_slice(&(data.len() as u32).to_le_bytes());
    }
}

#[test]
fn storage_calls_reach_the_service_and_bring_back_data_and_length() {
    let device = Device::answering(&[
        (0, &[]),
        (0, &[b"abc"]),
        (0, &[&[9, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0]]),
        (-140, &[]),
    ]);
    let (mut back, mut length, mut info) = ([7u8; 5], 99usize, [0usize; 3]);
    unsafe {
        assert_eq!(psa_its_set(0x1122, 2, b"xy".as_ptr(), 1), SUCCESS);
        assert_eq!(
            psa_its_get(0x1122, 6, 5, back.as_mut_ptr(), &raw mut length),
            SUCCESS
        );
        assert_eq!((&back, length), (b"abc\x07\x07", 3));
        assert_eq!(psa_its_get_info(0x1122, &raw mut info), SUCCESS);
        assert_eq!((info[0], info[1], info[2] as u32), (9, 4, 1));
        assert_eq!(psa_ps_remove(0x1122), -140);
    }
    let uid = 0x1122u64.to_le_bytes().to_vec();
    let set = device.asked();
    assert_eq!(set.handle, service::INTERNAL_TRUSTED_STORAGE.handle.0);
    assert_eq!((set.kind, set.number), (storage::SET, u32::from(svc::CALL)));
    assert_eq!(set.inputs, [uid.clone(), b"xy".to_vec(), vec![1, 0, 0, 0]]);
    let get = device.asked();
    assert_eq!(
        (get.inputs, get.outputs),
        (vec![uid, vec![6, 0, 0, 0]], vec![5])
    );
    assert_eq!(device.asked().outputs, [12]);
    assert_eq!(device.asked().handle, service::PROTECTED_STORAGE.handle.0);
}

#[test]
fn a_failed_call_leaves_a_length_of_zero_and_the_null_key() {
    let device = Device::answering(&[(-138, &[]), (-135, &[])]);
    let (mut out, mut length, mut key) = ([0u8; 32], 77usize, 77u32);
    unsafe {
        let status = psa_hash_compute(0x0200_0009, null(), 0, out.as_mut_ptr(), 4, &raw mut length);
        assert_eq!((status, length), (-138, 0));
        assert_eq!(
            psa_import_key(&[0; 6], b"k".as_ptr(), 1, &raw mut key),
            INVALID_ARGUMENT
        );
        assert_eq!(key, 0);
    }
    assert_eq!(device.asked().inputs[1], b"");
}

#[test]
fn key_attributes_cross_with_every_field_in_its_place() {
    let device = Device::answering(&[(0, &[&[5, 0, 0, 0]])]);
    let mut key = 0u32;
    // As psa/crypto_struct.h lays them out: type and bits share the first word.
    let attributes = [256 << 16 | 0x7112, 1, 0x3c00, 0x0600_0609, 0, 42];
    assert_eq!(
        unsafe { psa_import_key(&attributes, b"material".as_ptr(), 8, &raw mut key) },
        SUCCESS
    );
    assert_eq!(key, 5);
    let asked = device.asked();
    assert_eq!(asked.crypto().function, CryptoFunction::ImportKey);
    let sent = KeyAttributes::from_bytes(asked.inputs[1].as_slice().try_into().unwrap());
    assert_eq!((sent.kind.0, sent.bits, sent.id), (0x7112, 256, KeyId(42)));
    assert_eq!(
        (sent.usage.0, sent.algorithm),
        (0x3c00, Algorithm::ecdsa(Algorithm::SHA_256))
    );
    assert_eq!(asked.inputs[2], b"material");
}

#[test]
fn an_output_may_lie_over_the_input() {
    let device = Device::answering(&[(0, &[b"DIGEST"])]);
    let (mut memory, mut length) = (*b"message", 0usize);
    let base = memory.as_mut_ptr();
    let status = unsafe { psa_hash_compute(0x0200_0009, base, 7, base.add(1), 6, &raw mut length) };
    assert_eq!((status, length, &memory), (SUCCESS, 6, b"mDIGEST"));
    assert_eq!(device.asked().inputs[1], b"message");
}

#[test]
fn pointers_that_are_null_wrap_or_are_misaligned_are_refused_before_anything_is_sent() {
    let device = Device::answering(&[]);
    let (mut byte, mut words) = (0u8, [0usize; 4]);
    let odd = words.as_mut_ptr().cast::<u8>().wrapping_add(1);
    let length = &raw mut words[0];
    unsafe {
        assert_eq!(psa_its_set(1, 1, null(), 0), INVALID_ARGUMENT);
        assert_eq!(
            psa_its_set(1, usize::MAX, &raw const byte, 0),
            INVALID_ARGUMENT
        );
        let last = std::ptr::without_provenance(usize::MAX - 3);
        assert_eq!(psa_its_set(1, 8, last, 0), INVALID_ARGUMENT);
        assert_eq!(psa_its_set(0, 1, &raw const byte, 0), INVALID_ARGUMENT);
        assert_eq!(psa_its_get(1, 0, 1, null_mut(), length), INVALID_ARGUMENT);
        assert_eq!(
            psa_its_get(1, 0, 1, &raw mut byte, null_mut()),
            INVALID_ARGUMENT
        );
        assert_eq!(
            psa_its_get(1, 0, 1, &raw mut byte, odd.cast()),
            INVALID_ARGUMENT
        );
        assert_eq!(
            psa_its_get(1, 1 << 32, 1, &raw mut byte, length),
            INVALID_ARGUMENT
        );
        assert_eq!(psa_its_get_info(1, odd.cast()), INVALID_ARGUMENT);
        assert_eq!(
            psa_import_key(null(), &raw const byte, 1, odd.cast()),
            INVALID_ARGUMENT
        );
        assert_eq!(psa_generate_random(null_mut(), 1), INVALID_ARGUMENT);
        assert_eq!(psa_hash_setup(null_mut(), 0x0200_0009), INVALID_ARGUMENT);
        for size in [0, 31, 33, 65] {
            let token =
                psa_initial_attest_get_token([0; 65].as_ptr(), size, &raw mut byte, 1, length);
            assert_eq!(token, INVALID_ARGUMENT);
        }
    }
    assert!(device.was_not_asked());
}

#[test]
fn psa_call_passes_vectors_on_and_writes_lengths_back() {
    let device = Device::answering(&[(1234, &[b"out", b""])]);
    let (input, mut first, mut second) = (*b"in", [0u8; 8], [0u8; 1]);
    let in_vec = [[input.as_ptr() as usize, 2]];
    let mut out_vec = [
        [first.as_mut_ptr() as usize, 8],
        [second.as_mut_ptr() as usize, 1],
    ];
    let status = unsafe { psa_call(0x4000_0106, 7, in_vec.as_ptr(), 1, out_vec.as_mut_ptr(), 2) };
    assert_eq!(status, 1234);
    assert_eq!(
        (out_vec[0][1], out_vec[1][1], &first[..3]),
        (3, 0, &b"out"[..])
    );
    let asked = device.asked();
    assert_eq!((Handle(asked.handle), asked.kind), (Handle(0x4000_0106), 7));
    assert_eq!(
        (asked.inputs, asked.outputs),
        (vec![b"in".to_vec()], vec![8, 1])
    );
}

#[test]
fn psa_call_finds_too_many_vectors_bad_arrays_and_bad_types_itself() {
    let device = Device::answering(&[]);
    let vectors = [[0usize; 2]; 8];
    let array = vectors.as_ptr();
    let odd = array.cast::<u8>().wrapping_add(4).cast();
    unsafe {
        assert_eq!(psa_call(1, 0, array, 5, null_mut(), 0), PROGRAMMER_ERROR);
        assert_eq!(
            psa_call(1, 0, array, 3, array.cast_mut(), 2),
            PROGRAMMER_ERROR
        );
        assert_eq!(
            psa_call(1, 0, array, usize::MAX, array.cast_mut(), 2),
            PROGRAMMER_ERROR
        );
        assert_eq!(psa_call(1, 0, null(), 1, null_mut(), 0), PROGRAMMER_ERROR);
        assert_eq!(psa_call(1, 0, odd, 1, null_mut(), 0), PROGRAMMER_ERROR);
        assert_eq!(psa_call(1, 0, &[0, 1], 1, null_mut(), 0), PROGRAMMER_ERROR);
        assert_eq!(psa_call(1, -1, null(), 0, null_mut(), 0), PROGRAMMER_ERROR);
        assert_eq!(
            psa_call(1, 0x8000, null(), 0, null_mut(), 0),
            PROGRAMMER_ERROR
        );
    }
    assert!(device.was_not_asked());
}

#[test]
fn an_operation_is_used_only_between_setup_and_its_end() {
    let device = Device::answering(&[
        (0, &[&[6, 0, 0, 0]]),
        (0, &[]),
        (0, &[&[0, 0, 0, 0], b"digest"]),
        (0, &[&[7, 0, 0, 0]]),
        (0, &[]),
    ]);
    let (mut operation, mut out, mut length) = (0u32, [0u8; 8], 0usize);
    let at = &raw mut operation;
    unsafe {
        assert_eq!(psa_hash_update(at, b"a".as_ptr(), 1), BAD_STATE);
        assert_eq!(psa_hash_abort(at), SUCCESS);
        assert_eq!(psa_hash_setup(at, 0x0200_0009), SUCCESS);
        assert_eq!(at.read(), 6);
        assert_eq!(psa_hash_setup(at, 0x0200_0009), BAD_STATE);
        assert_eq!(psa_hash_update(at, b"a".as_ptr(), 1), SUCCESS);
        assert_eq!(
            psa_hash_finish(at, out.as_mut_ptr(), 8, &raw mut length),
            SUCCESS
        );
        assert_eq!((at.read(), length), (0, 6));
        assert_eq!(
            psa_hash_finish(at, out.as_mut_ptr(), 8, &raw mut length),
            BAD_STATE
        );
        assert_eq!(psa_hash_setup(at, 0x0200_0009), SUCCESS);
        assert_eq!(psa_hash_abort(at), SUCCESS);
        assert_eq!((at.read(), psa_hash_abort(at)), (0, SUCCESS));
    }
    let steps: Vec<_> = (0..5).map(|_| device.asked().crypto()).collect();
    use CryptoFunction as F;
    let functions: Vec<_> = steps.iter().map(|step| step.function).collect();
    assert_eq!(
        functions,
        [
            F::HashSetup,
            F::HashUpdate,
            F::HashFinish,
            F::HashSetup,
            F::HashAbort
        ]
    );
    assert_eq!(
        (steps[1].operation, steps[2].operation, steps[4].operation),
        (6, 6, 7)
    );
}

#[test]
fn a_device_that_goes_away_is_a_communication_failure_and_no_signal() {
    let device = Device::answering(&[(0x0101, &[])]);
    unsafe {
        assert_eq!(psa_framework_version(), 0x0101);
        for _ in 0..3 {
            assert_eq!(psa_its_set(1, 1, b"x".as_ptr(), 0), COMMUNICATION_FAILURE);
        }
        assert_eq!(psa_connect(1, 1), COMMUNICATION_FAILURE);
        assert_eq!(psa_framework_version(), 0);
    }
    drop(device);
}

#[test]
fn what_is_staged_says_that_it_needs_a_reset() {
    let _device = Device::answering(&[(1, &[]), (0, &[]), (-137, &[])]);
    unsafe {
        assert_eq!(
            (psa_fwu_install(), psa_fwu_install(), psa_fwu_install()),
            (1, 0, BAD_STATE)
        );
    }
}

#[test]
fn without_a_path_there_is_no_device() {
    let _device = Device::answering(&[]);
    let nowhere = c"/nonexistent/device";
    unsafe {
        assert_eq!(
            psa_ironroot_connect(nowhere.as_ptr()),
            COMMUNICATION_FAILURE
        );
        if std::env::var_os("IRONROOT_DEVICE").is_none() {
            assert_eq!(psa_ironroot_connect(null()), INVALID_ARGUMENT);
        }
    }
}
