//! How answers leave: each in one write, and at once; and what a guest's channel does not understand.

use super::*;
use crate::toy::command;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

/// A client's end of a socket that keeps what was written at once apart from the next write; `passed` as QEMU passes it.
fn client(server: &mut Server<Toy>, passed: bool) -> OwnedFd {
    let (near, far) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::NONBLOCK,
        None,
    )
    .unwrap();
    assert!(server.admit(Role::Data, Carrier::Socket, far, passed));
    near
}

/// What one write of the server's holds.
fn one_write(client: &OwnedFd) -> Vec<u8> {
    let mut bytes = [0; 8192];
    let (len, _) = rustix::net::recv(client, &mut bytes[..], RecvFlags::empty()).unwrap();
    bytes[..len].to_vec()
}

fn send(client: &OwnedFd, bytes: &[u8]) {
    let sent = rustix::net::send(client, bytes, SendFlags::empty()).unwrap();
    assert_eq!(sent, bytes.len());
}

#[test]
fn an_answer_leaves_in_one_write() {
    let place = TempDir::new().unwrap();
    let (mut server, _stopper) = server(place.path(), true);
    let client = client(&mut server, false);
    for _ in 0..2 {
        send(&client, &command(GET_RANDOM));
        server.turn().unwrap();
        let answer = one_write(&client);
        assert_eq!(answer[2..6], (answer.len() as u32).to_be_bytes());
    }
}

#[test]
fn an_answer_in_the_simulators_frame_leaves_in_one_write() {
    let place = TempDir::new().unwrap();
    let (mut server, _stopper) = server(place.path(), true);
    let client = client(&mut server, false);
    let command = command(GET_RANDOM);
    // TPM_SEND_COMMAND, locality 0, length.
    let frame = [&[0, 0, 0, 8, 0, 0, 0, 0, command.len() as u8], &command[..]].concat();
    for _ in 0..2 {
        send(&client, &frame);
        server.turn().unwrap();
        let answer = one_write(&client);
        // Length, the answer, and a zero behind it.
        let (len, rest) = answer.split_first_chunk().unwrap();
        let len = u32::from_be_bytes(*len) as usize;
        assert_eq!(rest[2..6], (len as u32).to_be_bytes());
        assert_eq!(rest[len..], [0; 4]);
    }
}

#[test]
fn an_answer_over_tcp_does_not_wait_for_the_next() {
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::bind(&address, Role::Data).unwrap();
    let Address::Tcp(bound) = *listener.address() else {
        panic!("a TCP listener has a TCP address");
    };
    let client = std::net::TcpStream::connect(bound).unwrap();
    let accepted = listener.accept().unwrap();
    assert!(sockopt::tcp_nodelay(&accepted).unwrap());
    assert!(!client.nodelay().unwrap(), "it is not so by itself");
}

/// A guest writes what it likes into its TPM's buffer, and QEMU passes that on. Taken for the simulator's, a frame would choose
/// the locality, and its answer's first bytes would be a length of the guest's choice to QEMU.
#[test]
fn a_guests_channel_knows_no_frame() {
    let place = TempDir::new().unwrap();
    let (mut server, _stopper) = server(place.path(), true);
    let client = client(&mut server, true);
    let command = command(GET_RANDOM);
    let framed = [&[0, 0, 0, 8, 4, 0, 0, 0, command.len() as u8], &command[..]].concat();
    let (handshake, end, stop) = (
        [0, 0, 0, 15, 0, 0, 0, 1],
        [0, 0, 0, 20, 0, 0],
        [0, 0, 0, 21, 0, 0],
    );
    for message in [&framed[..], &handshake, &end, &stop] {
        send(&client, message);
        server.turn().unwrap();
        // TPM_RC_COMMAND_SIZE
        assert_eq!(one_write(&client), [0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x42]);
    }
    assert_eq!(server.machine.engine().seen, [], "nothing was run");
    assert!(!server.ended);
    send(&client, &command);
    server.turn().unwrap();
    assert_eq!(
        one_write(&client)[6..],
        [0; 4],
        "and its TPM is still there"
    );
    assert_eq!(server.machine.engine().seen, [GET_RANDOM]);
    assert_eq!(server.machine.engine().locality, 0);
}
