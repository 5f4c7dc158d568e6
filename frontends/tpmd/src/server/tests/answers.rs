//! How answers leave: each in one write, and at once.

use super::*;
use crate::toy::command;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

/// A client's end of a socket that keeps what was written at once apart from the next write.
fn client(server: &mut Server<Toy>) -> OwnedFd {
    let (near, far) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::NONBLOCK,
        None,
    )
    .unwrap();
    server.take_client(Role::Data, far);
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
    let client = client(&mut server);
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
    let client = client(&mut server);
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
