//! Who sent a request, by the connection and `X-Forwarded-For`. The input is lines: the trusted proxies, with commas between them;
//! the connection's address; then a header each.

use super::{Growing, Target};
use axum::http::{HeaderMap, HeaderValue};
use server::{http::Forwarding, service::AddressBlock};
use std::net::IpAddr;

pub const TARGET: Target = Target { name: "forwarded_for", check, words: WORDS, growing };

const WORDS: &[&[u8]] = &[
    b",",
    b", ",
    b"\n",
    b"10.0.0.1",
    b"10.0.0.2",
    b"198.51.100.1",
    b"1.2.3.4",
    b"::1",
    b"::ffff:10.0.0.1",
    b"::ffff:198.51.100.1",
    b"2001:db8::1",
    b"[2001:db8::1]:443",
    b"198.51.100.1:443",
    b"010.0.0.1",
    b"unknown",
    b"fe80::1%eth0",
    b"\xff",
    b"\t",
    b"\x0b",
    b"\"",
];

fn growing() -> Vec<Growing> {
    vec![
        Growing::new(b"10.0.0.1\n10.0.0.1\n", b"10.0.0.1,", b"198.51.100.1"),
        Growing::new(b"10.0.0.1\n10.0.0.1\n", b",", b""),
        Growing::new(b"10.0.0.1\n10.0.0.1\n", b"10.0.0.1\n", b""),
        Growing::new(b"10.0.0.1\n10.0.0.1\n", b"1", b""),
    ]
}

/// Whom a proxy of ours saw in front of it.
const SEEN: &str = "203.0.113.77";

fn check(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let trusted = lines.next().filter(|line| !line.is_empty()).map_or(Some(Vec::new()), |line| addresses(line).collect());
    let Some(trusted): Option<Vec<IpAddr>> = trusted else { return false };
    let Some(peer) = lines.next().and_then(|line| addresses(line).next()?) else { return false };
    let sent: Vec<HeaderValue> = lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let origin = origin_of(&trusted, peer, &sent);

    let is_trusted = |address: IpAddr| trusted.iter().any(|proxy| proxy.to_canonical() == address);
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        assert_eq!(origin, peer, "a stranger named another address");
        return true;
    }
    // From the right: proxies of ours, then whoever it is, if that can be read.
    let hops: Vec<Option<IpAddr>> = sent.iter().flat_map(|header| addresses(header.as_bytes())).collect();
    let first = hops.into_iter().rev().find(|hop| !hop.is_some_and(|address| is_trusted(address.to_canonical())));
    assert_eq!(origin, first.flatten().map_or(peer, |address| address.to_canonical()));

    // Whatever a client sends, the proxy in front of us adds whom it saw, to the last header or in one of its own.
    let seen: IpAddr = SEEN.parse().unwrap();
    if !is_trusted(seen) {
        let added = [sent.last().map_or(&b""[..], HeaderValue::as_bytes), b", ", SEEN.as_bytes()].concat();
        let mut in_the_last = sent.clone();
        in_the_last.pop();
        in_the_last.push(HeaderValue::from_bytes(&added).expect("it was a header before"));
        assert_eq!(origin_of(&trusted, peer, &in_the_last), seen, "a client hid behind another address");
        let of_its_own = [sent.as_slice(), &[HeaderValue::from_static(SEEN)]].concat();
        assert_eq!(origin_of(&trusted, peer, &of_its_own), seen, "a client hid behind another address");
    }
    assert_eq!(AddressBlock::from(origin), AddressBlock::from(origin.to_canonical()));
    true
}

fn origin_of(trusted: &[IpAddr], peer: IpAddr, sent: &[HeaderValue]) -> IpAddr {
    let mut headers = HeaderMap::new();
    for value in sent {
        headers.append("x-forwarded-for", value.clone());
    }
    Forwarding::new(trusted.to_vec()).origin_of(peer, &headers)
}

/// The addresses in a list; nothing, for what is none.
fn addresses(list: &[u8]) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    list.split(|byte| *byte == b',').map(|hop| std::str::from_utf8(hop).ok()?.trim().parse().ok())
}
