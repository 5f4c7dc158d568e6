//! The shared data area: a reader that trusts no length, and a writer that gives back what was read.

#![no_main]

use ironroot_image::BootRecord;
use ironroot_image::shared_data::{SharedData, SharedDataWriter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = BootRecord::parse(input);
    let Some(area) = SharedData::parse(input) else {
        return;
    };
    let mut buffer = vec![0; input.len()];
    let mut copy = SharedDataWriter::new(&mut buffer).unwrap();
    for (kind, data) in area.entries() {
        assert_eq!(area.find(kind), Some(data));
        copy.add(kind, data).unwrap();
        assert!(copy.add(kind, data).is_err(), "twice");
    }
    assert_eq!(copy.written(), &input[..copy.written().len()]);
    for (_, record) in area.boot_records() {
        if let Ok(parsed) = BootRecord::parse(record) {
            let mut bytes = [0; BootRecord::MAX_LEN];
            let mut writer = ironroot_codec::Writer::new(&mut bytes);
            parsed.write(&mut writer).unwrap();
            assert_eq!(writer.written(), record, "one record has one encoding");
        }
    }
});
