//! NV_DefineSpace2 and NV_ReadPublic2: the same indices in the newer form.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Command, Machine, rc, rh};
use state_common::nv::*;
use state_common::*;

const NV: u32 = 0x0100_0001;

fn define_2(kind: u8, public: &[u8]) -> Command {
    Command::new(0x19d)
        .handle(rh::OWNER)
        .sized(b"secret")
        .sized(&[&[kind], public].concat())
}

#[test]
fn an_index_of_either_form_is_read_in_both() {
    let mut machine = Machine::new();
    let public = |index: u32| nv_public(index, PLAIN, &[], 8);
    machine
        .send(&define_2(1, &public(NV)), &mut open())
        .unwrap();
    define(&mut machine, NV + 1, PLAIN, b"secret", 8).unwrap();
    for index in [NV, NV + 1] {
        let (plain, name) = read_public(&mut machine, index).unwrap();
        assert_eq!(plain, public(index));
        let command = Command::new(0x19e).named(index, &name);
        let reply = machine.send(&command, &mut []).unwrap();
        let mut reader = reply.reader();
        assert_eq!(reader.sized(), [&[1], &plain[..]].concat());
        assert_eq!(reader.sized(), name);
        reader.end();
        let write = by_itself(0x137, index).sized(b"x").u16(0);
        let auth = common::Auth::password(b"secret");
        machine.send(&write, &mut [auth]).unwrap();
    }
}

#[test]
fn other_kinds_of_indices_are_refused() {
    let mut machine = Machine::new();
    let public = nv_public(NV, PLAIN, &[], 8);
    // External and permanent NV, and what is no kind at all.
    for kind in [0, 2, 0x11, 0x12, 0x40, 0x80, 0xff] {
        assert_eq!(
            machine
                .send(&define_2(kind, &public), &mut open())
                .unwrap_err(),
            rc::parameter(0x098, 2),
            "{kind:x}"
        );
    }
    let elsewhere = nv_public(0x1100_0001, PLAIN, &[], 8);
    assert_eq!(
        machine
            .send(&define_2(1, &elsewhere), &mut open())
            .unwrap_err(),
        rc::parameter(rc::VALUE, 2)
    );
    let short = Command::new(0x19d).handle(rh::OWNER).sized(b"").sized(b"");
    assert_eq!(
        machine.send(&short, &mut open()).unwrap_err(),
        rc::parameter(rc::SIZE, 2)
    );
    assert_eq!(handles(&mut machine, 0x0100_0000), []);
    // What NV_DefineSpace refuses is refused here.
    let nobody = nv_public(NV, NO_DA, &[], 8);
    assert_eq!(
        machine
            .send(&define_2(1, &nobody), &mut open())
            .unwrap_err(),
        rc::parameter(rc::ATTRIBUTES, 2)
    );
}
