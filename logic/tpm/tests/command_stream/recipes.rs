//! Streams in which commands succeed: one at least for every command that can. They are seeds of the fuzz target.

use super::ingredients::the;

const OWNER: u8 = 0;
const NULL: u8 = 1;
const LOCKOUT: u8 = 2;
const ENDORSEMENT: u8 = 3;
const PLATFORM: u8 = 4;
const PCR_16: u8 = 7;
const INDEX: u8 = 9;
const OTHER_INDEX: u8 = 10;
const HMAC_SESSION: u8 = 11;
const POLICY_SESSION: u8 = 13;
const TIMERS: [u8; 2] = [20, 21];
/// The handle of the last answer that had one; of the one before.
const LAST: u8 = 0x80;
const BEFORE: u8 = 0x81;
const TWO_BEFORE: u8 = 0x82;

/// Entries of a session area: an empty password, the policy session, the HMAC session that audits.
const PASSWORD: u8 = 4;
const POLICY: u8 = 1;
const AUDIT: u8 = 0x80;

type Item = Vec<u8>;

fn raw(bytes: &[u8]) -> Item {
    assert!(bytes.len() < 32);
    [&[bytes.len() as u8], bytes].concat()
}

fn sized(bytes: &[u8]) -> Item {
    assert!(bytes.len() < 32);
    [&[0x20 | bytes.len() as u8], bytes].concat()
}

fn made_of(ingredient: u8) -> Item {
    vec![0x40 | ingredient]
}

fn sized_of(ingredient: u8) -> Item {
    vec![0x60 | ingredient]
}

/// A `u16` below 32.
fn short(number: u8) -> Item {
    vec![0x80 | number]
}

/// A `u32` below 32.
fn long(number: u8) -> Item {
    vec![0xe0 | number]
}

fn seen(how: u8, back: u8, part: u8) -> Item {
    vec![0xa0 | how, back << 4 | part]
}

/// The whole of an answer, counted back from the last one.
fn whole(back: u8) -> Item {
    seen(0, back, 0)
}

/// One sized buffer of an answer.
fn part(back: u8, number: u8) -> Item {
    seen(1, back, number)
}

/// What follows so many sized buffers.
fn rest(back: u8, number: u8) -> Item {
    seen(3, back, number)
}

fn ticket(back: u8, number: u8) -> Item {
    seen(4, back, number)
}

/// A sized buffer of items.
fn nested(items: &[Item]) -> Item {
    [&[0xc0 | items.len() as u8][..], &items.concat()].concat()
}

/// StartAuthSession's parameters: 0 is HMAC, 1 policy, 3 trial.
pub(super) fn start_session(kind: u8) -> Vec<u8> {
    let head = [&[0, 16][..], &[7; 16], &[0, 0, kind]].concat();
    [&head[..], &[0, 0x10, 0, 0x0b]].concat()
}

#[derive(Clone, Default)]
struct Recipe(Vec<u8>);

impl Recipe {
    fn new() -> Self {
        Self::default()
    }

    fn from(
        mut self,
        locality: u8,
        code: u16,
        handles: &[u8],
        sessions: &[u8],
        items: &[Item],
    ) -> Self {
        let shape = handles.len() as u8 | (sessions.len() as u8) << 2 | locality << 4;
        assert!(items.len() < 16);
        self.0.extend([3, (code - super::FIRST_CODE) as u8, shape]);
        self.0.extend(handles);
        self.0.extend(sessions);
        self.0.push(items.len() as u8);
        self.0.extend(items.concat());
        self
    }

    fn command(self, code: u16, handles: &[u8], sessions: &[u8], items: &[Item]) -> Self {
        self.from(0, code, handles, sessions, items)
    }

    /// A command that the empty auth value of its first handle authorises.
    fn by(self, code: u16, handles: &[u8], items: &[Item]) -> Self {
        self.command(code, handles, &[PASSWORD], items)
    }

    /// A command without sessions.
    fn bare(self, code: u16, handles: &[u8], items: &[Item]) -> Self {
        self.command(code, handles, &[], items)
    }

    /// A person is there, and seconds pass.
    fn outside(mut self, present: bool, seconds: u8) -> Self {
        self.0.extend([2, u8::from(present), seconds]);
        self
    }

    fn primary(self, hierarchy: u8, template: u8, sensitive: u8) -> Self {
        let items = [sized_of(sensitive), sized_of(template), short(0), long(0)];
        self.by(0x131, &[hierarchy], &items)
    }

    /// A primary key of the owner.
    fn key(self, template: u8) -> Self {
        self.primary(OWNER, template, the::NO_SENSITIVE)
    }

    fn define(self, authority: u8, public: u8) -> Self {
        self.by(0x12a, &[authority], &[short(0), sized_of(public)])
    }

    /// The policy session asserts the command of that code.
    fn only(self, code: u16) -> Self {
        let bytes = u32::from(code).to_be_bytes();
        self.bare(0x16c, &[POLICY_SESSION], &[raw(&bytes)])
    }

    /// The last key signs a digest.
    fn sign(self, digest: u8) -> Self {
        let items = [
            sized_of(digest),
            made_of(the::ECDSA),
            made_of(the::NO_TICKET),
        ];
        self.by(0x15d, &[LAST], &items)
    }
}

/// All of them.
pub fn recipes() -> Vec<Vec<u8>> {
    let groups = [
        indices(),
        policies(),
        approvals(),
        keys(),
        exchanges(),
        objects(),
        moves(),
        attestations(),
        audits(),
        sequences(),
        hierarchies(),
        questions(),
    ];
    groups
        .into_iter()
        .flatten()
        .map(|recipe| recipe.0)
        .collect()
}

fn indices() -> Vec<Recipe> {
    let on = [INDEX, INDEX];
    let number = [raw(&[0; 7]), raw(&[5])];
    let read = [raw(&[0, 8]), short(0)];
    vec![
        Recipe::new()
            .define(OWNER, the::INDEX)
            .by(0x137, &on, &[sized(b"12345678"), short(0)])
            .by(0x14e, &on, &read)
            .bare(0x169, &[INDEX], &[])
            .bare(0x19e, &[INDEX], &[])
            .by(0x132, &[OWNER], &[])
            .by(0x122, &[OWNER, INDEX], &[]),
        Recipe::new()
            .define(OWNER, the::COUNTER)
            .by(0x134, &on, &[])
            .by(0x134, &[OWNER, INDEX], &[])
            .by(0x14e, &on, &read),
        Recipe::new()
            .define(OWNER, the::BITS)
            .by(0x135, &on, &number)
            .by(0x14f, &on, &[])
            .by(0x138, &on, &[]),
        Recipe::new()
            .define(OWNER, the::EXTENDED)
            .by(0x136, &on, &[sized(b"more")]),
        Recipe::new()
            .by(
                0x19d,
                &[OWNER],
                &[short(0), nested(&[raw(&[1]), made_of(the::INDEX)])],
            )
            .bare(0x19e, &[INDEX], &[]),
        Recipe::new()
            .define(PLATFORM, the::DELETED_BY_POLICY)
            .only(0x11f)
            .command(0x11f, &[OTHER_INDEX, PLATFORM], &[POLICY, PASSWORD], &[]),
        Recipe::new()
            .define(OWNER, the::CHANGED_BY_POLICY)
            .only(0x13b)
            .command(0x13b, &[OTHER_INDEX], &[POLICY], &[sized(b"new")]),
    ]
}

/// Assertions that ask nobody.
fn policies() -> Vec<Recipe> {
    let session = [POLICY_SESSION];
    let assert = |code: u16, items: &[Item]| Recipe::new().bare(code, &session, items);
    let digest = sized_of(the::ZEROS_32);
    let compared = |operand: &[u8], how: u8| [sized(operand), short(0), short(how)];
    let two = [long(2), digest.clone(), digest.clone()];
    vec![
        assert(0x16b, &[]).bare(0x189, &session, &[]),
        assert(0x18c, &[]).bare(0x180, &session, &[]),
        assert(0x16d, &compared(&[0], 7)),
        assert(0x16e, std::slice::from_ref(&digest)),
        assert(0x16f, &[raw(&[1])]),
        assert(0x170, std::slice::from_ref(&digest)),
        assert(0x171, &two),
        assert(0x17f, &[short(0), made_of(the::PCR_16)]),
        assert(0x187, &[]),
        assert(0x188, &[short(0), short(0), raw(&[0])]),
        assert(0x18f, &[raw(&[0])]),
        assert(0x190, std::slice::from_ref(&digest)),
        assert(0x196, &[short(0), short(0), short(0), raw(&[0])]),
        assert(
            0x19b,
            &[&compared(&[0xff], 1)[..], &[long(6), raw(&[0, 0, 1, 0])]].concat(),
        ),
        assert(0x19c, &[digest]),
        assert(0x1a1, &[short(0), short(0)]),
        Recipe::new()
            .define(OWNER, the::INDEX)
            .by(0x137, &[INDEX, INDEX], &[sized(b"12345678"), short(0)])
            .command(
                0x149,
                &[INDEX, INDEX, POLICY_SESSION],
                &[PASSWORD],
                &compared(b"12", 0),
            ),
        Recipe::new()
            .define(OWNER, the::POLICY_HOLDER)
            .by(
                0x137,
                &[INDEX, INDEX],
                &[sized_of(the::POLICY_OF_ZEROS), short(0)],
            )
            .command(0x192, &[INDEX, INDEX, POLICY_SESSION], &[PASSWORD], &[]),
    ]
}

/// Assertions that somebody signs or knows a secret for.
fn approvals() -> Vec<Recipe> {
    let nothing = [short(0), short(0), short(0), long(0)];
    let own_session = [raw(&start_session(1))];
    let an_hour = [
        part(0, 0),
        short(0),
        short(0),
        raw(&(-3600i32).to_be_bytes()),
    ];
    let redeemed = [
        part(0, 0),
        short(0),
        short(0),
        sized(&0x4000_0001u32.to_be_bytes()),
        rest(0, 1),
    ];
    vec![
        Recipe::new()
            .key(the::SIGNING)
            .sign(the::HASH_OF_ZERO_WORD)
            .bare(
                0x160,
                &[LAST, POLICY_SESSION],
                &[&nothing[..], &[whole(0)]].concat(),
            ),
        Recipe::new().by(0x151, &[OWNER, POLICY_SESSION], &nothing),
        Recipe::new()
            .bare(0x176, &[NULL, NULL], &own_session)
            .by(0x151, &[OWNER, LAST], &an_hour)
            .bare(0x172, &[POLICY_SESSION], &redeemed),
        Recipe::new()
            .key(the::SIGNING)
            .sign(the::HASH_OF_ZEROS)
            .bare(0x177, &[LAST], &[sized_of(the::HASH_OF_ZEROS), whole(0)])
            .bare(0x173, &[LAST], &[])
            .bare(
                0x16a,
                &[POLICY_SESSION],
                &[sized_of(the::ZEROS_32), short(0), part(0, 1), whole(1)],
            ),
    ]
}

/// What keys do.
fn keys() -> Vec<Recipe> {
    let rsa = Recipe::new().bare(
        0x167,
        &[],
        &[
            sized_of(the::RSA_SENSITIVE),
            sized_of(the::RSA_PUBLIC),
            raw(&0x4000_0007u32.to_be_bytes()),
        ],
    );
    let pkcs1 = raw(&[0, 0x15]);
    let iv = sized(&[1; 16]);
    let cipher = Recipe::new().key(the::CIPHER);
    let mode = raw(&[0, 0x43]);
    vec![
        rsa.bare(0x174, &[LAST], &[sized(b"text"), pkcs1.clone(), short(0)])
            .by(0x159, &[LAST], &[part(0, 0), pkcs1, short(0)]),
        cipher.clone().by(
            0x164,
            &[LAST],
            &[raw(&[0]), mode.clone(), iv.clone(), sized(b"text")],
        ),
        cipher.by(0x193, &[LAST], &[sized(b"text"), raw(&[0]), mode, iv]),
        Recipe::new()
            .key(the::HMAC)
            .by(0x155, &[LAST], &[sized(b"text"), short(0x0b)])
            .by(0x15b, &[LAST], &[short(0), short(0x10)])
            .by(0x15c, &[LAST], &[sized(b"text")])
            .by(
                0x13e,
                &[LAST],
                &[sized(b"more"), raw(&0x4000_0007u32.to_be_bytes())],
            ),
        Recipe::new().key(the::SIGNING).sign(the::ZEROS_32).bare(
            0x177,
            &[LAST],
            &[sized_of(the::ZEROS_32), whole(0)],
        ),
    ]
}

fn exchanges() -> Vec<Recipe> {
    let point = sized_of(the::GENERATOR);
    let key = Recipe::new().key(the::EXCHANGING);
    vec![
        key.clone()
            .bare(0x163, &[LAST], &[])
            .by(0x154, &[LAST], std::slice::from_ref(&point)),
        key.clone().bare(0x18e, &[], &[short(3)]).by(
            0x18d,
            &[LAST],
            &[point.clone(), point.clone(), short(0x19), rest(0, 1)],
        ),
        key.bare(0x199, &[LAST], &[sized(b"text"), made_of(the::KDF2)])
            .by(
                0x19a,
                &[LAST],
                &[part(0, 0), part(0, 1), part(0, 2), made_of(the::KDF2)],
            ),
        Recipe::new().key(the::ANONYMOUS).by(
            0x18b,
            &[LAST],
            &[sized_of(the::NO_POINT), short(0), short(0)],
        ),
        Recipe::new().bare(0x178, &[], &[short(3)]),
        Recipe::new().bare(0x18a, &[], &[made_of(the::CURVE_PARAMETERS)]),
    ]
}

/// Made, loaded, saved, kept.
fn objects() -> Vec<Recipe> {
    let sealed = [
        sized_of(the::SECRET),
        sized_of(the::SEALED),
        short(0),
        long(0),
    ];
    let child = Recipe::new()
        .key(the::STORAGE)
        .by(0x153, &[LAST], &sealed)
        .by(0x157, &[LAST], &[part(0, 0), part(0, 1)]);
    let persistent = raw(&0x8100_0000u32.to_be_bytes());
    let first = raw(&0x8000_0000u32.to_be_bytes());
    vec![
        child.clone().by(0x15e, &[LAST], &[]),
        child.by(0x150, &[LAST, BEFORE], &[sized(b"new")]),
        Recipe::new()
            .key(the::STORAGE)
            .by(0x120, &[OWNER, LAST], &[persistent])
            .bare(0x162, &[LAST], &[])
            .bare(0x165, &[], &[first])
            .bare(0x161, &[], &[whole(1)])
            .bare(0x173, &[LAST], &[]),
        Recipe::new().key(the::STORAGE).by(
            0x191,
            &[LAST],
            &[sized_of(the::SECRET), sized_of(the::SEALED)],
        ),
        Recipe::new().bare(
            0x167,
            &[],
            &[
                short(0),
                sized_of(the::RSA_PUBLIC),
                raw(&0x4000_0001u32.to_be_bytes()),
            ],
        ),
    ]
}

/// From one parent to another, and credentials for a key.
fn moves() -> Vec<Recipe> {
    let parents =
        Recipe::new()
            .key(the::STORAGE)
            .primary(ENDORSEMENT, the::STORAGE, the::NO_SENSITIVE);
    let movable = parents
        .primary(OWNER, the::MOVABLE, the::SECRET)
        .only(0x14b)
        .command(0x14b, &[LAST, BEFORE], &[POLICY], &[short(0), short(0x10)]);
    let credential = Recipe::new()
        .key(the::STORAGE)
        .key(the::SIGNING)
        .bare(0x173, &[LAST], &[])
        .bare(0x168, &[BEFORE], &[sized(b"credential"), part(0, 1)])
        .command(
            0x147,
            &[LAST, BEFORE],
            &[PASSWORD, PASSWORD],
            &[part(0, 0), part(0, 1)],
        );
    vec![
        // The public area is the answer before PolicyCommandCode's and Duplicate's.
        movable.clone().by(
            0x156,
            &[BEFORE],
            &[short(0), part(2, 0), part(0, 1), part(0, 2), short(0x10)],
        ),
        movable.bare(0x173, &[LAST], &[]).by(
            0x152,
            &[BEFORE, TWO_BEFORE],
            &[part(1, 1), part(0, 1), part(1, 2)],
        ),
        credential,
    ]
}

fn attestations() -> Vec<Recipe> {
    let key = Recipe::new().key(the::SIGNING);
    let said = [sized(b"nonce"), made_of(the::ECDSA)];
    let both = [PASSWORD, PASSWORD];
    vec![
        key.clone().command(0x148, &[LAST, LAST], &both, &said),
        key.clone().by(
            0x14a,
            &[LAST, LAST],
            &[
                sized(b"nonce"),
                part(0, 2),
                made_of(the::ECDSA),
                ticket(0, 3),
            ],
        ),
        key.clone()
            .command(0x14c, &[ENDORSEMENT, LAST], &both, &said),
        key.clone().by(
            0x158,
            &[LAST],
            &[&said[..], &[made_of(the::PCR_16)]].concat(),
        ),
        key.clone()
            .define(OWNER, the::INDEX)
            .by(0x137, &[INDEX, INDEX], &[sized(b"12345678"), short(0)])
            .command(
                0x184,
                &[LAST, INDEX, INDEX],
                &both,
                &[&said[..], &[short(8), short(0)]].concat(),
            ),
        key.key(the::UNFIXED).command(
            0x197,
            &[BEFORE, LAST],
            &both,
            &[short(0), made_of(the::ECDSA), sized_of(the::CERTIFICATE)],
        ),
    ]
}

fn audits() -> Vec<Recipe> {
    let key = Recipe::new().key(the::SIGNING);
    let said = [sized(b"nonce"), made_of(the::ECDSA)];
    let both = [PASSWORD, PASSWORD];
    vec![
        key.clone()
            .command(0x17b, &[], &[AUDIT], &[short(8)])
            .command(0x14d, &[ENDORSEMENT, LAST, HMAC_SESSION], &both, &said),
        key.command(0x133, &[ENDORSEMENT, LAST], &both, &said),
        Recipe::new()
            .by(
                0x140,
                &[OWNER],
                &[short(0x0b), long(1), raw(&[0, 0, 1, 0x7b]), long(0)],
            )
            .by(
                0x140,
                &[OWNER],
                &[short(0x10), long(1), raw(&[0, 0, 1, 0x7b]), long(0)],
            )
            .bare(0x17b, &[], &[short(8)]),
    ]
}

fn sequences() -> Vec<Recipe> {
    let null = raw(&0x4000_0007u32.to_be_bytes());
    let both = [PASSWORD, PASSWORD];
    vec![
        Recipe::new()
            .bare(0x186, &[], &[short(0), short(0x0b)])
            .by(0x15c, &[LAST], &[sized(b"text")])
            .by(0x13e, &[LAST], &[sized(b"more"), null.clone()]),
        Recipe::new()
            .bare(0x186, &[], &[short(0), short(0x10)])
            .by(0x15c, &[LAST], &[sized(b"text")])
            .command(0x185, &[PCR_16, LAST], &both, &[sized(b"more")]),
        Recipe::new().bare(0x17d, &[], &[sized(b"text"), short(0x0b), null]),
        Recipe::new()
            .by(
                0x182,
                &[PCR_16],
                &[long(1), short(0x0b), made_of(the::ZEROS_32)],
            )
            .by(0x13c, &[PCR_16], &[sized(b"text")])
            .bare(0x17e, &[], &[made_of(the::PCR_16)])
            .by(0x13d, &[PCR_16], &[]),
        Recipe::new().from(
            2,
            0x182,
            &[PCR_16],
            &[PASSWORD],
            &[long(1), short(4), raw(&[3; 20])],
        ),
    ]
}

fn hierarchies() -> Vec<Recipe> {
    let by = |code: u16, authority: u8, items: &[Item]| Recipe::new().by(code, &[authority], items);
    let owner = raw(&0x4000_0001u32.to_be_bytes());
    let mut all = vec![
        by(0x121, PLATFORM, &[owner, raw(&[0])]),
        by(0x124, PLATFORM, &[]),
        by(0x125, PLATFORM, &[]),
        by(0x126, LOCKOUT, &[]),
        by(0x127, PLATFORM, &[raw(&[1])]),
        by(0x128, OWNER, &[raw(&[0, 0, 1, 0, 0, 0, 0, 0])]),
        by(0x129, OWNER, &[sized(b"new")]),
        by(0x12b, PLATFORM, &[made_of(the::PCR_16)]),
        by(0x12e, OWNER, &[sized_of(the::ZEROS_32), short(0x0b)]),
        by(0x130, OWNER, &[raw(&[1])]).outside(false, 200),
        by(0x139, LOCKOUT, &[]),
        by(0x13a, LOCKOUT, &[long(3), long(10), long(10)]),
        by(0x13f, PLATFORM, &[long(5)]),
        by(0x1a0, PLATFORM, &[raw(&[1])]).by(0x129, &[OWNER], &[sized(b"new")]),
        Recipe::new()
            .outside(true, 0)
            .by(0x12d, &[PLATFORM], &[long(0), long(0)]),
    ];
    for timer in TIMERS {
        let policy = [sized_of(the::ZEROS_32), short(0x0b)];
        all.push(
            by(0x198, timer, &[long(2)])
                .outside(false, 3)
                .by(0x12e, &[timer], &policy)
                .by(0x198, &[timer], &[raw(&[0xff; 4])]),
        );
    }
    all
}

/// What a TPM tells, and its tests.
fn questions() -> Vec<Recipe> {
    let bare = |code: u16, items: &[Item]| Recipe::new().bare(code, &[], items);
    let mut all = vec![
        bare(0x142, &[long(1), short(0x0b)]),
        bare(0x143, &[raw(&[1])]).bare(0x17c, &[], &[]),
        bare(0x145, &[short(1)]),
        bare(0x146, &[sized(b"noise")]).bare(0x17b, &[], &[short(8)]),
        bare(0x181, &[]),
    ];
    all.extend((0..11).map(|what| bare(0x17a, &[long(what), long(0), long(20)])));
    all
}
