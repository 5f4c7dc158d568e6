//! Objects: sealed data, HMAC keys, and parents that are ciphers; none of them needs long arithmetic.

use super::policy::selection;
use super::session::CONTEXTS;
use super::{HIERARCHIES, given, new_auth, one_of_kind, some_object, some_of};
use crate::hash::{SHA256, hmac, sha256};
use crate::input::Choices;
use crate::numbers::{cc, rc, rh};
use crate::object::{Blob, Kind, Loaded, Object, Saved};
use crate::runner::{Runner, SOME_ERROR};
use crate::session::Policy;
use crate::wire::Command;

const FIXED: u32 = 1 << 1 | 1 << 4;
const ST_CLEAR: u32 = 1 << 2;
const DATA_ORIGIN: u32 = 1 << 5;
const USER_WITH_AUTH: u32 = 1 << 6;
const NO_DA: u32 = 1 << 10;
const RESTRICTED_DECRYPT: u32 = 1 << 16 | 1 << 17;
const SIGN: u32 = 1 << 18;

/// What a new object is to be.
struct Template {
    kind: Kind,
    attributes: u32,
    policy: Vec<u8>,
    data: Vec<u8>,
}

impl Template {
    fn choose(choices: &mut Choices<'_>, kind: Option<Kind>) -> Self {
        let choice = match kind {
            Some(Kind::Sealed) => choices.byte() % 5,
            Some(Kind::Mac) => 5,
            Some(Kind::Parent) => 6,
            None => choices.byte() % 8,
        };
        let (kind, attributes, policy) = match choice {
            0 => (Kind::Sealed, USER_WITH_AUTH, Vec::new()),
            1 => (Kind::Sealed, USER_WITH_AUTH | NO_DA, Vec::new()),
            2 => (Kind::Sealed, USER_WITH_AUTH | NO_DA | ST_CLEAR, Vec::new()),
            3 => (Kind::Sealed, NO_DA, auth_value_policy()),
            4 => (Kind::Sealed, 0, pcr_policy()),
            5 => (Kind::Mac, USER_WITH_AUTH | SIGN, Vec::new()),
            _ => (
                Kind::Parent,
                USER_WITH_AUTH | NO_DA | DATA_ORIGIN | RESTRICTED_DECRYPT,
                Vec::new(),
            ),
        };
        let data = match kind {
            Kind::Parent => Vec::new(),
            _ => vec![choices.byte(); 1 + choices.below(64)],
        };
        Self {
            kind,
            attributes: attributes | FIXED,
            policy,
            data,
        }
    }

    /// `TPMT_PUBLIC`, as far as the caller says it.
    fn public(&self) -> Vec<u8> {
        let (alg, parameters): (u16, &[u16]) = match self.kind {
            Kind::Sealed => (0x08, &[0x10]),
            Kind::Mac => (0x08, &[0x05, SHA256]),
            Kind::Parent => (0x25, &[0x06, 128, 0x43]),
        };
        let head = Command::new(0)
            .u16(alg)
            .u16(SHA256)
            .u32(self.attributes)
            .sized(&self.policy);
        let all = parameters.iter().fold(head, |all, word| all.u16(*word));
        all.params
    }

    /// Sensitive and public area, no outside information, no creation PCRs.
    fn params(&self, auth: &[u8]) -> Vec<u8> {
        let sensitive = Command::new(0).sized(auth).sized(&self.data).params;
        let public = Command::new(0).raw(&self.public()).u16(0).params;
        let all = Command::new(0).sized(&sensitive).sized(&public);
        all.u16(0).u32(0).params
    }

    fn object(&self, hierarchy: u32, auth: &[u8], identity: u64, public: &[u8]) -> Object {
        assert!(
            public.starts_with(&self.public()),
            "the public area is not that of the template"
        );
        Object {
            kind: self.kind,
            hierarchy,
            auth: auth.to_vec(),
            data: self.data.clone(),
            no_da: self.attributes & NO_DA != 0,
            user_with_auth: self.attributes & USER_WITH_AUTH != 0,
            st_clear: self.attributes & ST_CLEAR != 0,
            policy: self.policy.clone(),
            public: public.to_vec(),
            name: [&SHA256.to_be_bytes()[..], &sha256(&[public])].concat(),
            identity,
        }
    }
}

fn auth_value_policy() -> Vec<u8> {
    let mut policy = Policy::new();
    policy.extend(cc::POLICY_AUTH_VALUE, &[]);
    policy.digest
}

/// The register as a start leaves it.
fn pcr_policy() -> Vec<u8> {
    let mut policy = Policy::new();
    policy.extend(cc::POLICY_PCR, &[&selection(), &sha256(&[&[0; 32]])]);
    policy.digest
}

impl Runner<'_> {
    /// Something was loaded and got this handle.
    pub(super) fn loaded(&mut self, handle: u32, loaded: Loaded) {
        assert_eq!(handle >> 24, 0x80, "handle of an object");
        let before = self.model.objects.loaded.insert(handle, loaded);
        assert!(before.is_none(), "the handle {handle:#x} was given twice");
    }
}

/// The same seed, template and data give the same object; any other gives another.
pub(super) fn create_primary(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    create_primary_of(runner, choices, None);
}

/// Where there is no room, something is mostly flushed instead.
pub(super) fn create_primary_of(
    runner: &mut Runner<'_>,
    choices: &mut Choices<'_>,
    kind: Option<Kind>,
) {
    if runner.model.objects.room().is_err() && !choices.seldom(4) {
        return flush(runner, choices);
    }
    let hierarchy = choices.pick(&HIERARCHIES);
    let template = Template::choose(choices, kind);
    let auth = new_auth(choices);
    let command = Command::new(cc::CREATE_PRIMARY)
        .handle(hierarchy)
        .raw(&template.params(&auth));
    let given = given(runner, choices, hierarchy);
    let made = runner.send(&command, &[given], |model| {
        model.objects.room()?;
        Ok((model.root(hierarchy).seed, model.number()))
    });
    let Some(((seed, fresh), answer)) = made else {
        return;
    };
    let public = answer.reader().sized().to_vec();
    let source = (seed, [&template.public()[..], &template.data].concat());
    let known = runner.model.objects.primaries.get(&source).cloned();
    let identity = known.as_ref().map_or(fresh, |(_, identity)| *identity);
    let object = template.object(hierarchy, &auth, identity, &public);
    match known {
        Some((name, _)) => assert_eq!(object.name, name, "another primary object"),
        None => {
            let mut others = runner.model.objects.primaries.values();
            assert!(
                others.all(|(name, _)| *name != object.name),
                "the same primary object of another seed"
            );
        }
    }
    let name = (object.name.clone(), identity);
    runner.model.objects.primaries.insert(source, name);
    assert!(answer.params.ends_with(&object.name), "name of the answer");
    runner.loaded(answer.handle, Loaded::Object(object));
}

/// The number of the parent's key, or the error.
fn parent_of(runner: &Runner<'_>, handle: u32) -> Result<(u64, u32), u32> {
    match runner.model.object(handle) {
        Some(object) if object.kind == Kind::Parent => Ok((object.identity, object.hierarchy)),
        _ => Err(rc::handle(rc::TYPE, 1)),
    }
}

pub(super) fn create(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let Some(handle) = one_of_kind(runner, choices, Kind::Parent) else {
        return;
    };
    let template = Template::choose(choices, None);
    let auth = new_auth(choices);
    let command = Command::new(cc::CREATE)
        .handle(handle)
        .raw(&template.params(&auth));
    let given = given(runner, choices, handle);
    let parent = parent_of(runner, handle);
    let made = runner.send(&command, &[given], |model| Ok((parent?, model.number())));
    let Some((((parent, hierarchy), identity), answer)) = made else {
        return;
    };
    let mut reader = answer.reader();
    let private = reader.sized().to_vec();
    let object = template.object(hierarchy, &auth, identity, reader.sized());
    if runner.blobs.len() == CONTEXTS {
        runner.blobs.remove(0);
    }
    runner.blobs.push(Blob {
        parent,
        private,
        object,
    });
}

pub(super) fn load(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    if runner.blobs.is_empty() {
        return create(runner, choices);
    }
    let at = choices.below(runner.blobs.len());
    let blob = runner.blobs[at].clone();
    let handle = some_of(runner, choices, |object| {
        object.is_some_and(|object| object.identity == blob.parent)
    });
    let public = &blob.object.public;
    let command = Command::new(cc::LOAD)
        .handle(handle)
        .sized(&blob.private)
        .sized(public);
    let given = given(runner, choices, handle);
    let parent = parent_of(runner, handle);
    let loaded = runner.send(&command, &[given], |model| {
        model.objects.room()?;
        let (identity, hierarchy) = parent?;
        match identity == blob.parent {
            true => Ok(hierarchy),
            false => Err(rc::parameter(rc::INTEGRITY, 1)),
        }
    });
    let Some((hierarchy, answer)) = loaded else {
        return;
    };
    assert_eq!(answer.reader().sized(), blob.object.name, "name by Load");
    let object = Object {
        hierarchy,
        ..blob.object
    };
    runner.loaded(answer.handle, Loaded::Object(object));
}

pub(super) fn unseal(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let Some(handle) = one_of_kind(runner, choices, Kind::Sealed) else {
        return;
    };
    let command = Command::new(cc::UNSEAL).handle(handle);
    let given = given(runner, choices, handle);
    let unsealed = runner.send(&command, &[given], |model| {
        match model.object(handle).map(|object| (object.kind, object)) {
            Some((Kind::Sealed, object)) => Ok(object.data.clone()),
            Some((Kind::Mac, _)) => Err(rc::handle(rc::ATTRIBUTES, 1)),
            _ => Err(rc::handle(rc::TYPE, 1)),
        }
    });
    if let Some((wanted, answer)) = unsealed {
        assert_eq!(answer.reader().sized(), wanted, "sealed data");
    }
}

pub(super) fn hmac_of(runner: &Runner<'_>, handle: u32, data: &[u8]) -> Result<Vec<u8>, u32> {
    if runner.model.is_sequence(handle) {
        return Err(rc::SEQUENCE);
    }
    match runner.model.object(handle) {
        Some(object) if object.kind == Kind::Mac => Ok(hmac(&object.data, &[data])),
        _ => Err(SOME_ERROR),
    }
}

pub(super) fn hmac_command(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let Some(handle) = one_of_kind(runner, choices, Kind::Mac) else {
        return;
    };
    let data = super::some_data(choices);
    let command = Command::new(cc::HMAC)
        .handle(handle)
        .sized(&data)
        .u16(SHA256);
    let given = given(runner, choices, handle);
    let wanted = hmac_of(runner, handle, &data);
    let done = runner.send(&command, &[given], |_| wanted);
    if let Some((wanted, answer)) = done {
        assert_eq!(answer.reader().sized(), wanted, "TPM2_HMAC");
    }
}

pub(super) fn read_public(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let handle = some_object(runner, choices);
    let command = Command::new(cc::READ_PUBLIC).handle(handle);
    let read = runner.plain(&command, |model| match model.object(handle) {
        Some(object) => Ok((object.public.clone(), object.name.clone())),
        None => Err(rc::SEQUENCE),
    });
    if let Some((wanted, answer)) = read {
        let mut reader = answer.reader();
        assert_eq!(reader.sized(), wanted.0, "public area");
        assert_eq!(reader.sized(), wanted.1, "name");
    }
}

pub(super) fn evict(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let authority = choices.pick(&[rh::OWNER, rh::OWNER, rh::PLATFORM]);
    let handle = some_object(runner, choices);
    let persistent = match handle >> 24 == 0x81 && !choices.seldom(8) {
        true => handle,
        false => choices.pick(&[0x8100_0000, 0x8100_0001, 0x8180_0000, 0x817f_ffff]),
    };
    let command = Command::new(cc::EVICT_CONTROL)
        .handle(authority)
        .handle(handle)
        .u32(persistent);
    let given = given(runner, choices, authority);
    runner.send(&command, &[given], |model| {
        let Some(object) = model.object(handle).cloned() else {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        };
        if object.hierarchy == rh::NULL || object.st_clear {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        }
        let removes = handle >> 24 == 0x81;
        if removes && handle != persistent {
            return Err(rc::handle(rc::HANDLE, 2));
        }
        let (of_platform, by_platform) =
            (object.hierarchy == rh::PLATFORM, authority == rh::PLATFORM);
        if of_platform != by_platform && !(by_platform && removes) {
            return Err(rc::handle(rc::HIERARCHY, 2));
        }
        if removes {
            model.objects.persistent.remove(&persistent);
            return Ok(());
        }
        if (persistent >= 0x8180_0000) != by_platform {
            return Err(rc::parameter(rc::RANGE, 1));
        }
        if model.objects.persistent.contains_key(&persistent) {
            return Err(rc::NV_DEFINED);
        }
        model.objects.persistent.insert(persistent, object);
        Ok(())
    });
}

pub(super) fn flush(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let handle = some_object(runner, choices);
    let command = Command::new(cc::FLUSH_CONTEXT).u32(handle);
    runner.plain(&command, |model| match handle >> 24 {
        0x80 => match model.objects.loaded.remove(&handle) {
            Some(_) => Ok(()),
            None => Err(rc::parameter(rc::HANDLE, 1)),
        },
        _ => Err(rc::parameter(rc::VALUE, 1)),
    });
}

/// What is saved stays loaded.
pub(super) fn save(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let handle = some_object(runner, choices) & 0x80ff_ffff;
    let command = Command::new(cc::CONTEXT_SAVE).handle(handle);
    let saved = runner.plain(&command, |model| {
        let loaded = model.objects.loaded[&handle].clone();
        let hierarchy = loaded.object().map_or(rh::NULL, |object| object.hierarchy);
        Ok((loaded, hierarchy, model.root(hierarchy).proof))
    });
    let Some(((loaded, hierarchy, proof), answer)) = saved else {
        return;
    };
    if runner.contexts.len() == CONTEXTS {
        runner.contexts.remove(0);
    }
    runner.contexts.push(Saved {
        bytes: answer.params,
        loaded,
        hierarchy,
        proof,
        resets: runner.model.resets,
        clears: runner.model.clears,
    });
}

/// An object's context is good as often as one likes, until a reset, a restart (`stClear`) or another proof.
pub(super) fn load_context(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    if runner.contexts.is_empty() {
        return;
    }
    let at = choices.below(runner.contexts.len());
    let saved = runner.contexts[at].clone();
    let command = Command::new(cc::CONTEXT_LOAD).raw(&saved.bytes);
    let st_clear = saved.loaded.object().is_some_and(|object| object.st_clear);
    let loaded = runner.plain(&command, |model| {
        let root = model.root(saved.hierarchy).clone();
        if !root.enabled {
            return Err(rc::parameter(rc::HIERARCHY, 1));
        }
        if root.proof != saved.proof
            || model.resets != saved.resets
            || st_clear && model.clears != saved.clears
        {
            return Err(rc::parameter(rc::INTEGRITY, 1));
        }
        model.objects.room()
    });
    if let Some((_, answer)) = loaded {
        runner.loaded(answer.handle, saved.loaded);
    }
}
