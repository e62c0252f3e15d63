//! Input by chance: one that there is, changed in a few places.

use crate::targets::json;
use data_encoding::BASE64URL_NOPAD;
use std::ops::Range;

/// Numbers at which something often ends.
const EDGES: [u8; 10] = [0x00, 0x01, 0x17, 0x18, 0x20, 0x7f, 0x80, 0xbf, 0xfe, 0xff];

/// Changes input; the same seed, the same changes.
pub struct Mutator {
    random: fastrand::Rng,
    words: Vec<&'static [u8]>,
}

impl Mutator {
    pub fn new(seed: u64, words: &[&'static [u8]]) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), words: [words, json::WORDS].concat() }
    }

    /// A number below this.
    pub fn below(&mut self, end: usize) -> usize {
        self.random.usize(..end)
    }

    /// One of these, changed; no longer than this.
    pub fn next_of(&mut self, pool: &[Vec<u8>], longest: usize) -> Vec<u8> {
        let mut input = pool[self.below(pool.len())].clone();
        let changes = if self.random.bool() { 1 } else { 1 + self.below(5) };
        for _ in 0..changes {
            let other = &pool[self.below(pool.len())];
            self.change(&mut input, other);
            input.truncate(longest);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        match self.below(14) {
            0 => self.flip(input),
            1 => self.set(input),
            2 => {
                let piece = self.piece(input);
                input.drain(piece);
            }
            3 => {
                let end = self.below(input.len() + 1);
                input.truncate(end);
            }
            4 => {
                let piece = input[self.piece(input)].to_vec();
                self.put(input, &piece);
            }
            5 => {
                let piece = other[self.piece(other)].to_vec();
                self.put(input, &piece);
            }
            6 => {
                // The beginning of one, the end of another.
                let (end, start) = (self.below(input.len() + 1), self.below(other.len() + 1));
                input.truncate(end);
                input.extend_from_slice(&other[start..]);
            }
            7 | 8 => {
                let word = self.word();
                self.put(input, word);
            }
            9 | 10 => self.inside(input, other),
            _ => self.change_member(input, other),
        }
    }

    fn flip(&mut self, input: &mut [u8]) {
        if !input.is_empty() {
            let place = self.below(input.len());
            input[place] ^= 1 << self.below(8);
        }
    }

    fn set(&mut self, input: &mut [u8]) {
        if !input.is_empty() {
            let place = self.below(input.len());
            input[place] = if self.random.bool() { EDGES[self.below(EDGES.len())] } else { self.random.u8(..) };
        }
    }

    fn word(&mut self) -> &'static [u8] {
        let place = self.below(self.words.len());
        self.words[place]
    }

    /// A piece, more often a short one.
    fn piece(&mut self, of: &[u8]) -> Range<usize> {
        let start = self.below(of.len() + 1);
        let longest = (of.len() - start).min(if self.random.bool() { 4 } else { 200 });
        start..start + self.below(longest + 1)
    }

    /// Puts a piece somewhere, between what is there or in its place.
    fn put(&mut self, input: &mut Vec<u8>, piece: &[u8]) {
        let start = self.below(input.len() + 1);
        let end = if self.random.bool() { start } else { (start + piece.len()).min(input.len()) };
        input.splice(start..end, piece.iter().copied());
    }

    /// A member of JSON: there twice, missing, with another value, or with another one's.
    fn change_member(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let Some(member) = self.member(input) else { return self.flip(input) };
        match self.below(6) {
            0 => {
                let again = [b",", &input[member.clone()]].concat();
                input.splice(member.end..member.end, again);
            }
            1 => {
                input.drain(member);
            }
            2 => {
                let value = json::value(input, &member);
                let word = self.word();
                input.splice(value, word.iter().copied());
            }
            3 => {
                // The value as a list, or the list's first value by itself.
                let value = json::value(input, &member);
                let alone = [b"[", &input[value.clone()], b"]"].concat();
                input.splice(value, alone);
            }
            4 => {
                let Some(theirs) = self.member(other) else { return };
                let value = json::value(input, &member);
                input.splice(value, other[json::value(other, &theirs)].iter().copied());
            }
            _ => {
                let Some(theirs) = self.member(other) else { return };
                let more = [b",", &other[theirs]].concat();
                input.splice(member.end..member.end, more);
            }
        }
    }

    fn member(&mut self, of: &[u8]) -> Option<Range<usize>> {
        let members = json::members(of);
        if members.is_empty() { None } else { Some(members[self.below(members.len())].clone()) }
    }

    /// What is inside of a text: bytes in base64url, or more JSON.
    fn inside(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let Some(member) = self.member(input) else { return self.set(input) };
        let value = json::value(input, &member);
        let Ok(text) = serde_json::from_slice::<String>(&input[value.clone()]) else { return self.flip(input) };
        let written = if let Some(mut bytes) = BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() > 1) {
            self.change(&mut bytes, other);
            BASE64URL_NOPAD.encode(&bytes)
        } else {
            let mut bytes = text.into_bytes();
            self.change(&mut bytes, other);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        input.splice(value, serde_json::Value::from(written).to_string().into_bytes());
    }
}
