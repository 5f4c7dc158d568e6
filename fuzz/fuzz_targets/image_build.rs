//! What is built is accepted, and says what it was built from; or it is refused while building.

#![no_main]

use ironroot_codec::Cursor;
use ironroot_image::build::Recipe;
use ironroot_image::{Dependency, Keys, Policy, Verified, Version, suites};
use libfuzzer_sys::fuzz_target;

fn version(cursor: &mut Cursor<'_>) -> Option<Version> {
    Some(Version {
        major: cursor.u8().ok()?,
        minor: cursor.u8().ok()?,
        revision: cursor.u16_le().ok()?,
        build: cursor.u32_le().ok()?,
    })
}

fn run(input: &[u8]) -> Option<()> {
    let mut cursor = Cursor::new(input);
    let choice = cursor.u8().ok()?;
    let own = version(&mut cursor)?;
    let dependencies = [Dependency {
        image: cursor.u8().ok()? % 4,
        minimum: version(&mut cursor)?,
    }; 2];
    let custom_kind = cursor.u16_le().ok()?;
    let custom_len = usize::from(cursor.u8().ok()?);
    let custom = [(custom_kind, cursor.take(custom_len).ok()?)];
    let recipe = Recipe {
        header_size: cursor.u16_le().ok()? % 0x800,
        header_fill: choice,
        security_counter: (choice & 1 != 0).then_some(u32::from(choice)),
        boot_record: (choice & 2 != 0).then_some("SPE"),
        dependencies: &dependencies[..usize::from(choice >> 2 & 3).min(2)],
        custom: &custom[..usize::from(choice >> 4 & 1)],
        vendor_uuid: (choice & 0x20 != 0).then_some([choice; 16]),
        ..Recipe::new(&suites::UNSIGNED_SHA256, None, own)
    };
    let payload = cursor.rest();
    let mut out = vec![0; 0x4000];
    let image = recipe
        .assemble(payload, &mut out)
        .ok()?
        .finish(None)
        .expect("assembled");

    let policy = Policy {
        image: 4,
        images: 5,
        ..Policy::new(&suites::UNSIGNED_SHA256, Keys::Unsigned, 0x4000)
    };
    let image = Verified::check(&*image, &policy).expect("built, so accepted");
    assert_eq!(image.version(), own);
    assert_eq!(image.security_counter(), recipe.security_counter);
    assert!(image.dependencies().eq(recipe.dependencies.iter().copied()));
    assert_eq!(image.payload().len as usize, payload.len());
    for (kind, data) in recipe.custom {
        let entry = image.custom(*kind).next().expect("there");
        assert_eq!(entry.read(image.source(), &mut [0; 256]).unwrap(), *data);
    }
    Some(())
}

fuzz_target!(|input: &[u8]| {
    let _ = run(input);
});
