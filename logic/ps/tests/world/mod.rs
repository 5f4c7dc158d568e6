//! Protected Storage as it runs: the real partition, the real partition manager, and root services that
//! are simple enough to trust. The cipher is no cipher, but it notices every changed bit.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses its part of this one"
)]

use ironroot_client::{Output, Transport};
use ironroot_partition::{Incoming, Kernel};
use ironroot_platform::{MemoryOwner, PartitionIndex};
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::storage::{CreateFlags, StorageInfo};
use ironroot_psa_api::{
    ClientId, Control, Error, Handle, InVec, OutVec, PsaMessage, Status, service, storage, svc,
};
use ironroot_spm::mock::{MockMemory, PartitionContext, ThreadRunner};
use ironroot_spm::{
    AfterLastRestart, Caller, Message, PartitionFailure, PartitionInfo, Priority, Provider,
    RestartPolicy, RootServices, ServiceAccess, ServiceInfo, Spm, Tables, VersionPolicy,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::rc::Rc;
use std::sync::Arc;

pub const PS_CLIENT: i32 = 256;
const OWN: u32 = 0x3000_0000;
const OWN_SIZE: u32 = 0x8000;
const NS: u32 = 0x2000_0000;
const NS_SIZE: u32 = 0x8000;

/// What is in flash, and how it is to fail.
#[derive(Debug, Default)]
pub struct Flash {
    /// By client and uid: flags and data.
    pub objects: BTreeMap<(i32, u64), (u32, Vec<u8>)>,
    /// The next changes fail with this; whether they happened all the same.
    pub fail_changes: Vec<(Error, bool)>,
    /// Reads of these uids fail with that.
    pub fail_reads: BTreeMap<u64, Error>,
    pub changes: u32,
    pub capacity: usize,
}

/// What goes on in the root services.
#[derive(Debug, Default)]
pub struct Inside {
    pub keys: BTreeMap<u32, KeyAttributes>,
    pub nonces: Vec<Vec<u8>>,
    pub derivations: u32,
    pub open_derivations: i32,
    pub randoms: u64,
    pub failures: u32,
    pub fail_crypto: Option<(CryptoFunction, Error)>,
}

pub struct Root {
    pub flash: Rc<RefCell<Flash>>,
    pub inside: Rc<RefCell<Inside>>,
}

const CRYPTO: u32 = 0;
const ITS: u32 = 1;

impl RootServices for Root {
    fn call(&mut self, service: u32, message: &mut Message<'_>) -> Status {
        let result = match service {
            CRYPTO => self.crypto(message),
            ITS => self.its(message),
            _ => Err(Error::NotSupported),
        };
        result.into()
    }

    fn partition_failed(&mut self, failure: PartitionFailure) {
        eprintln!("partition failed: {:?}", failure.cause);
        let mut inside = self.inside.borrow_mut();
        inside.failures += 1;
        inside.keys.clear();
    }
}

fn input(message: &mut Message<'_>, index: usize) -> Vec<u8> {
    let mut data = vec![0; message.in_len(index)];
    assert_eq!(message.read(index, &mut data), data.len());
    data
}

/// Not a cipher: XOR with a stream that depends on key and nonce, and a tag over everything.
fn stream(key: u32, nonce: &[u8], data: &mut [u8]) {
    for (n, byte) in data.iter_mut().enumerate() {
        let mut hasher = DefaultHasher::new();
        hasher.write_u32(key);
        hasher.write(nonce);
        hasher.write_usize(n);
        *byte ^= hasher.finish() as u8;
    }
}

fn tag(key: u32, nonce: &[u8], additional: &[u8], data: &[u8]) -> [u8; 16] {
    let mut tag = [0; 16];
    for (n, half) in tag.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        hasher.write_usize(n);
        hasher.write_u32(key);
        for part in [nonce, additional, data] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        half.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    tag
}

impl Root {
    fn crypto(&mut self, message: &mut Message<'_>) -> Result<(), Error> {
        use CryptoFunction as F;
        assert_eq!(message.client().get(), PS_CLIENT);
        let request = message.read_whole(0).ok_or(Error::ProgrammerError)?;
        let request = CryptoRequest::from_bytes(&request).ok_or(Error::NotSupported)?;
        let mut inside = self.inside.borrow_mut();
        if let Some((function, error)) = inside.fail_crypto
            && function == request.function
        {
            return Err(error);
        }
        match request.function {
            F::GenerateRandom => {
                inside.randoms += 1;
                let bytes = inside.randoms.to_le_bytes();
                let len = message.out_len(0);
                message.write(0, &bytes[..len]).map_err(Error::from)
            }
            F::KeyDerivationSetup => {
                assert_eq!(request.algorithm, Algorithm::hkdf(Algorithm::SHA_256));
                inside.open_derivations += 1;
                message.write(0, &7u32.to_le_bytes()).map_err(Error::from)
            }
            F::KeyDerivationInputKey => {
                assert_eq!(request.key, KeyId::BUILTIN_HUK);
                Ok(())
            }
            F::KeyDerivationInputBytes => Ok(()),
            F::KeyDerivationOutputKey => {
                let attributes = input(message, 1).try_into().unwrap();
                let attributes = KeyAttributes::from_bytes(&attributes);
                assert_eq!((attributes.kind, attributes.bits), (KeyType::CHACHA20, 256));
                assert!(!attributes.usage.contains(Usage::EXPORT));
                assert!(attributes.lifetime.is_volatile());
                inside.derivations += 1;
                let id = 0x4000_0000 + inside.derivations;
                inside.keys.insert(id, attributes);
                message.write(0, &id.to_le_bytes()).map_err(Error::from)
            }
            F::KeyDerivationAbort => {
                inside.open_derivations -= 1;
                message.write(0, &[0; 4]).map_err(Error::from)
            }
            F::AeadEncrypt | F::AeadDecrypt => {
                if !inside.keys.contains_key(&request.key.0) {
                    return Err(Error::InvalidHandle);
                }
                assert_eq!(request.algorithm, Algorithm::CHACHA20_POLY1305);
                assert_eq!(request.nonce().len(), 12);
                // All derived keys are the same secret, as from one HUK.
                const SECRET: u32 = 0x5ec1e7;
                let (mut data, additional) = (input(message, 1), input(message, 2));
                let nonce = request.nonce();
                if request.function == F::AeadEncrypt {
                    let nonce = nonce.to_vec();
                    assert!(!inside.nonces.contains(&nonce), "a nonce was used twice");
                    inside.nonces.push(nonce.clone());
                    let tag = tag(SECRET, &nonce, &additional, &data);
                    stream(SECRET, &nonce, &mut data);
                    data.extend(tag);
                } else {
                    let body = data.len().checked_sub(16).ok_or(Error::InvalidArgument)?;
                    let given = data.split_off(body);
                    stream(SECRET, nonce, &mut data);
                    if given != tag(SECRET, nonce, &additional, &data) {
                        return Err(Error::InvalidSignature);
                    }
                }
                message.write(0, &data).map_err(Error::from)
            }
            other => panic!("Protected Storage has no business with {other:?}"),
        }
    }

    fn its(&mut self, message: &mut Message<'_>) -> Result<(), Error> {
        let uid = message.read_whole(0).ok_or(Error::ProgrammerError)?;
        let uid = u64::from_le_bytes(uid);
        assert_ne!(uid, 0);
        let name = (message.client().get(), uid);
        let mut flash = self.flash.borrow_mut();
        let write_once = flash.objects.get(&name).is_some_and(|o| o.0 & 1 != 0);
        match message.kind() {
            storage::SET => {
                let data = input(message, 1);
                let flags = message.read_whole(2).map(u32::from_le_bytes).unwrap();
                if write_once {
                    return Err(Error::NotPermitted);
                }
                if !flash.objects.contains_key(&name) && flash.objects.len() >= flash.capacity {
                    return Err(Error::InsufficientStorage);
                }
                flash.change(|objects| drop(objects.insert(name, (flags, data))))
            }
            storage::GET => {
                if let Some(error) = flash.fail_reads.get(&uid) {
                    return Err(*error);
                }
                let offset = message.read_whole(1).map(u32::from_le_bytes).unwrap() as usize;
                let (_, data) = flash.objects.get(&name).ok_or(Error::DoesNotExist)?;
                let rest = data.get(offset..).ok_or(Error::InvalidArgument)?;
                let len = rest.len().min(message.out_len(0));
                message.write(0, &rest[..len]).map_err(Error::from)
            }
            storage::REMOVE => {
                if write_once {
                    return Err(Error::NotPermitted);
                }
                if !flash.objects.contains_key(&name) {
                    return Err(Error::DoesNotExist);
                }
                flash.change(|objects| drop(objects.remove(&name)))
            }
            _ => Err(Error::NotSupported),
        }
    }
}

impl Flash {
    fn change(
        &mut self,
        change: impl FnOnce(&mut BTreeMap<(i32, u64), (u32, Vec<u8>)>),
    ) -> Result<(), Error> {
        self.changes += 1;
        match self.fail_changes.pop() {
            None => {
                change(&mut self.objects);
                Ok(())
            }
            Some((error, happened)) => {
                if happened {
                    change(&mut self.objects);
                }
                Err(error)
            }
        }
    }
}

/// A partition's kernel over the mock's supervisor calls: what a port writes for a device.
struct Device<'a>(&'a mut PartitionContext);

impl Device<'_> {
    /// Copies `data` into the partition's region and returns its address there.
    fn place(&self, at: u32, data: &[u8]) -> u32 {
        assert!(at + data.len() as u32 <= OWN + OWN_SIZE);
        self.0.memory.poke(at, data);
        at
    }
}

impl Kernel for Device<'_> {
    fn next(&mut self, answered: Option<(Handle, Status)>) -> Option<Incoming> {
        let (handle, status) = answered.unwrap_or((Handle::NULL, Status::SUCCESS));
        let args = [handle.0, status.to_register(), OWN, 0];
        let signal = self.0.svc(svc::REPLY_AND_NEXT, args);
        let bytes = self
            .0
            .memory
            .peek(OWN, PsaMessage::SIZE)
            .try_into()
            .unwrap();
        Some(Incoming {
            signal,
            message: PsaMessage::from_bytes(&bytes),
        })
    }
    fn read(&mut self, message: Handle, input: usize, out: &mut [u8]) -> usize {
        let at = OWN + 0x100;
        let len = self
            .0
            .svc(svc::READ, [message.0, input as u32, at, out.len() as u32])
            as usize;
        out[..len].copy_from_slice(&self.0.memory.peek(at, len));
        len
    }
    fn skip(&mut self, message: Handle, input: usize, len: usize) -> usize {
        self.0
            .svc(svc::SKIP, [message.0, input as u32, len as u32, 0]) as usize
    }
    fn write(&mut self, message: Handle, output: usize, data: &[u8]) {
        let at = self.place(OWN + 0x100, data);
        self.0.svc(
            svc::WRITE,
            [message.0, output as u32, at, data.len() as u32],
        );
    }
    fn set_rhandle(&mut self, message: Handle, rhandle: u32) {
        self.0.svc(svc::SET_RHANDLE, [message.0, rhandle, 0, 0]);
    }
    fn lifecycle(&mut self) -> u32 {
        self.0.svc(svc::LIFECYCLE, [0; 4])
    }
    fn panic(&mut self) -> ! {
        self.0.svc(svc::PANIC, [0; 4]);
        unreachable!()
    }
}

impl Transport for Device<'_> {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        let (arrays, mut at) = (OWN + 0x1000, OWN + 0x1100);
        let mut vectors = Vec::new();
        for input in inputs {
            let base = self.place(at, input);
            vectors.extend(
                InVec {
                    base,
                    len: input.len() as u32,
                }
                .to_bytes(),
            );
            at += input.len() as u32;
        }
        let outs: Vec<u32> = outputs
            .iter_mut()
            .map(|output| {
                let here = at;
                at += output.buffer().len() as u32;
                vectors.extend(
                    OutVec {
                        base: here,
                        len: output.buffer().len() as u32,
                    }
                    .to_bytes(),
                );
                here
            })
            .collect();
        self.place(arrays, &vectors);
        let control = Control::new(kind, inputs.len(), outputs.len()).unwrap();
        let out_array = arrays + 8 * inputs.len() as u32;
        let status = self
            .0
            .svc(svc::CALL, [handle.0, control.word(), arrays, out_array]);
        for (n, (output, base)) in outputs.iter_mut().zip(outs).enumerate() {
            let len = self.0.memory.peek(out_array + 8 * n as u32 + 4, 4);
            let len = u32::from_le_bytes(len.try_into().unwrap()) as usize;
            let bytes = self.0.memory.peek(base, len);
            output.buffer()[..len].copy_from_slice(&bytes);
            output.set_written(len);
        }
        Status::from_register(status)
    }
    fn connect(&mut self, _: u32, _: u32) -> Result<Handle, Error> {
        Err(Error::NotSupported)
    }
    fn close(&mut self, _: Handle) {}
    fn version(&mut self, sid: u32) -> u32 {
        self.0.svc(svc::VERSION, [sid, 0, 0, 0])
    }
    fn framework_version(&mut self) -> u32 {
        self.0.svc(svc::FRAMEWORK_VERSION, [0; 4])
    }
}

/// The whole device: `start` after each loss of power.
pub struct World {
    spm: Spm<Root, ThreadRunner, MockMemory>,
    memory: MockMemory,
    pub flash: Rc<RefCell<Flash>>,
    pub inside: Rc<RefCell<Inside>>,
}

const fn root(standard: service::StandardService, number: u32) -> ServiceInfo {
    ServiceInfo {
        sid: standard.sid,
        name: "root",
        version: 1,
        version_policy: VersionPolicy::Strict,
        non_secure_clients: true,
        access: ServiceAccess::Stateless(standard.stateless_handle - 1),
        provider: Provider::Root(number),
    }
}

static ROOT: [ServiceInfo; 2] = [
    root(service::CRYPTO, CRYPTO),
    root(service::INTERNAL_TRUSTED_STORAGE, ITS),
];
static HOSTED: [ServiceInfo; 1] = [ServiceInfo {
    provider: Provider::Partition {
        partition: PartitionIndex(0),
        signal: 16,
    },
    ..root(service::PROTECTED_STORAGE, 0)
}];
static PARTITIONS: [PartitionInfo; 1] = [PartitionInfo {
    client: ClientId::new(PS_CLIENT).unwrap(),
    name: "PS",
    priority: Priority::Normal,
    dependencies: &[0x80, 0x70],
    restart: RestartPolicy {
        restarts: 3,
        then: AfterLastRestart::Disable,
    },
}];
static TABLES: Tables = match Tables::new(&ROOT, &HOSTED, &PARTITIONS) {
    Ok(tables) => tables,
    Err(_) => panic!("the tables do not fit together"),
};

impl World {
    pub fn new() -> Self {
        let flash = Flash {
            capacity: 100,
            ..Flash::default()
        };
        Self::start(Rc::new(RefCell::new(flash)), 0x3000)
    }

    /// A start with that flash and lifecycle state.
    pub fn start(flash: Rc<RefCell<Flash>>, lifecycle: u32) -> Self {
        let inside = Rc::new(RefCell::new(Inside {
            // Two starts never see the same random bytes.
            randoms: u64::from(flash.borrow().changes) << 32 | 1 << 63,
            ..Inside::default()
        }));
        let memory = MockMemory::new();
        memory.add(MemoryOwner::NonSecure, NS, NS_SIZE as usize);
        memory.add(
            MemoryOwner::Partition(PartitionIndex(0)),
            OWN,
            OWN_SIZE as usize,
        );
        let run = |context: &mut PartitionContext| ironroot_ps::run(&mut Device(context));
        let runner = ThreadRunner::new(memory.clone(), vec![Arc::new(run)]);
        let services = Root {
            flash: Rc::clone(&flash),
            inside: Rc::clone(&inside),
        };
        let mut spm = Spm::new(&TABLES, services, runner, memory.clone(), lifecycle);
        spm.start();
        Self {
            spm,
            memory,
            flash,
            inside,
        }
    }

    /// Loses power: everything but flash is gone.
    pub fn restart(&mut self) {
        *self = Self::start(Rc::clone(&self.flash), 0x3000);
    }

    /// Calls from the non-secure world as `client`.
    pub fn as_client(&mut self, client: i32) -> NonSecure<'_> {
        NonSecure {
            world: self,
            client,
        }
    }
}

/// A non-secure client's transport.
pub struct NonSecure<'a> {
    world: &'a mut World,
    client: i32,
}

impl Transport for NonSecure<'_> {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        let memory = self.world.memory.clone();
        let mut at = NS + 0x100;
        let mut vectors = Vec::new();
        for input in inputs {
            memory.poke(at, input);
            vectors.extend(
                InVec {
                    base: at,
                    len: input.len() as u32,
                }
                .to_bytes(),
            );
            at += input.len() as u32;
        }
        let mut outs = Vec::new();
        for output in outputs.iter_mut() {
            outs.push(at);
            // What is there before must not shine through.
            memory.poke(at, output.buffer());
            vectors.extend(
                OutVec {
                    base: at,
                    len: output.buffer().len() as u32,
                }
                .to_bytes(),
            );
            at += output.buffer().len() as u32;
        }
        assert!(at <= NS + NS_SIZE);
        memory.poke(NS, &vectors);
        let out_array = NS + 8 * inputs.len() as u32;
        let control = Control::new(kind, inputs.len(), outputs.len())
            .unwrap()
            .word();
        let caller = Caller::non_secure(ClientId::new(self.client).unwrap()).unwrap();
        let status = self
            .world
            .spm
            .call(caller, handle.0, control, NS, out_array);
        for (n, (output, base)) in outputs.iter_mut().zip(outs).enumerate() {
            let len = memory.peek(out_array + 8 * n as u32 + 4, 4);
            output.set_written(u32::from_le_bytes(len.try_into().unwrap()) as usize);
            let bytes = memory.peek(base, output.buffer().len());
            output.buffer().copy_from_slice(&bytes);
        }
        status
    }
    fn connect(&mut self, _: u32, _: u32) -> Result<Handle, Error> {
        Err(Error::NotSupported)
    }
    fn close(&mut self, _: Handle) {}
    fn version(&mut self, _: u32) -> u32 {
        1
    }
    fn framework_version(&mut self) -> u32 {
        0x0101
    }
}

pub const fn info(size: u32, flags: u32) -> StorageInfo {
    StorageInfo {
        capacity: size,
        size,
        flags: CreateFlags(flags),
    }
}
