//! Random calls against a map, with losses of power and failing storage in between.

mod world;

use ironroot_client::ps;
use ironroot_ps::MAX_OBJECTS;
use ironroot_psa_api::Error;
use ironroot_psa_api::storage::{CreateFlags, StorageUid};
use proptest::prelude::*;
use std::collections::BTreeMap;
use world::{World, info};

#[derive(Debug, Clone)]
enum Step {
    Set {
        client: i32,
        uid: u64,
        data: Vec<u8>,
        flags: u32,
    },
    Get {
        client: i32,
        uid: u64,
        offset: u32,
        len: usize,
    },
    Info {
        client: i32,
        uid: u64,
    },
    Remove {
        client: i32,
        uid: u64,
    },
    PowerLoss,
    /// The next change of storage reports a failure; it happened or not.
    Fail {
        happened: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let client = -3i32..0;
    let uid = prop_oneof![1u64..8, Just(u64::MAX), Just(1 << 32)];
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 2040..2060),
    ];
    let flags = prop_oneof![4 => Just(0u32), 2 => Just(2), 1 => Just(1), 1 => Just(8)];
    prop_oneof![
        6 => (client.clone(), uid.clone(), data, flags)
            .prop_map(|(client, uid, data, flags)| Step::Set { client, uid, data, flags }),
        6 => (client.clone(), uid.clone(), prop_oneof![0u32..50, any::<u32>()], 0usize..60)
            .prop_map(|(client, uid, offset, len)| Step::Get { client, uid, offset, len }),
        2 => (client.clone(), uid.clone()).prop_map(|(client, uid)| Step::Info { client, uid }),
        3 => (client, uid).prop_map(|(client, uid)| Step::Remove { client, uid }),
        2 => Just(Step::PowerLoss),
        1 => any::<bool>().prop_map(|happened| Step::Fail { happened }),
    ]
}

#[derive(Default)]
struct Model {
    objects: BTreeMap<(i32, u64), (Vec<u8>, u32)>,
    fail: Option<bool>,
}

impl Model {
    fn is_write_once(&self, name: (i32, u64)) -> bool {
        self.objects
            .get(&name)
            .is_some_and(|(_, flags)| flags & 1 != 0)
    }

    fn set(&mut self, name: (i32, u64), data: &[u8], flags: u32) -> Result<(), Error> {
        if flags > 7 {
            return Err(Error::NotSupported);
        }
        if data.len() > 2048 {
            return Err(Error::InsufficientStorage);
        }
        if self.is_write_once(name) {
            return Err(Error::NotPermitted);
        }
        if !self.objects.contains_key(&name) && self.objects.len() >= MAX_OBJECTS {
            return Err(Error::InsufficientStorage);
        }
        self.change(|objects| drop(objects.insert(name, (data.to_vec(), flags))))
    }

    fn remove(&mut self, name: (i32, u64)) -> Result<(), Error> {
        if !self.objects.contains_key(&name) {
            return Err(Error::DoesNotExist);
        }
        if self.is_write_once(name) {
            return Err(Error::NotPermitted);
        }
        self.change(|objects| drop(objects.remove(&name)))
    }

    fn change(
        &mut self,
        change: impl FnOnce(&mut BTreeMap<(i32, u64), (Vec<u8>, u32)>),
    ) -> Result<(), Error> {
        let fail = self.fail.take();
        if fail != Some(false) {
            change(&mut self.objects);
        }
        if fail.is_some() {
            Err(Error::StorageFailure)
        } else {
            Ok(())
        }
    }

    fn get(&self, name: (i32, u64), offset: u32, len: usize) -> Result<Vec<u8>, Error> {
        let (data, _) = self.objects.get(&name).ok_or(Error::DoesNotExist)?;
        let rest = data.get(offset as usize..).ok_or(Error::InvalidArgument)?;
        Ok(rest[..rest.len().min(len)].to_vec())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn protected_storage_behaves_like_a_map(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Set { client, uid, data, flags } => {
                    let uid_ = StorageUid::new(uid).unwrap();
                    let got = ps::set(&mut world.as_client(client), uid_, &data, CreateFlags(flags));
                    prop_assert_eq!(got, model.set((client, uid), &data, flags));
                }
                Step::Get { client, uid, offset, len } => {
                    let mut out = vec![0; len];
                    let uid_ = StorageUid::new(uid).unwrap();
                    let got = ps::get(&mut world.as_client(client), uid_, offset, &mut out);
                    let got = got.map(|len| out[..len].to_vec());
                    prop_assert_eq!(got, model.get((client, uid), offset, len));
                }
                Step::Info { client, uid } => {
                    let uid_ = StorageUid::new(uid).unwrap();
                    let got = ps::get_info(&mut world.as_client(client), uid_);
                    let expected = model.objects.get(&(client, uid));
                    let expected = expected.map(|(data, flags)| info(data.len() as u32, *flags));
                    prop_assert_eq!(got, expected.ok_or(Error::DoesNotExist));
                }
                Step::Remove { client, uid } => {
                    let uid_ = StorageUid::new(uid).unwrap();
                    let got = ps::remove(&mut world.as_client(client), uid_);
                    prop_assert_eq!(got, model.remove((client, uid)));
                }
                Step::PowerLoss => world.restart(),
                Step::Fail { happened } => {
                    model.fail = Some(happened);
                    world.flash.borrow_mut().fail_changes = vec![(Error::StorageFailure, happened)];
                }
            }
        }
        prop_assert_eq!(world.inside.borrow().failures, 0);
        prop_assert_eq!(world.flash.borrow().objects.len(), model.objects.len());
    }
}
