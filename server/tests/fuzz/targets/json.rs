//! JSON texts, looked at from the outside: where their members are, and how a text that was accepted is spoiled so that it mustn't
//! be any more.

use super::Growing;
use std::ops::Range;

/// What JSON is made of, and what readers of it stumble over.
pub const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"null",
    b"true",
    b"false",
    b"{}",
    b"[]",
    b"\"\"",
    b"0",
    b"-0",
    b"-1",
    b"1e3",
    b"1.0",
    b"9007199254740991",
    b"9007199254740992",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"\\u0000",
    b"\\u0065",
    b"\\ud800",
    b"\\u202e",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80",
    b"\xff",
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"\"v\":1,",
    b"$serde_json::private::RawValue",
    b"$serde_json::private::Number",
    b"__proto__",
];

/// JSON that grows, behind this.
pub fn growing_behind(beginning: &[u8]) -> Vec<Growing> {
    const SHAPES: [[&[u8]; 3]; 9] = [
        [b"", b"[", b""],
        [b"", b"{\"a\":", b""],
        [b"", b" ", b"{}"],
        [b"", b"1", b""],
        [b"{\"a\":[", b"{},", b"0]}"],
        [b"{", b"\"#\":0,", b"\"a\":0}"],
        [b"{", b"\"a\":0,", b"\"a\":0}"],
        [b"{\"", b"a", b"\":0}"],
        [b"{\"a\":\"", b"\\u0041", b"\"}"],
    ];
    SHAPES.map(|[more, piece, end]| Growing::new(&[beginning, more].concat(), piece, end)).into()
}

/// JSON that grows.
pub fn growing() -> Vec<Growing> {
    growing_behind(b"")
}

/// Where every member of every object stands, from its name to the end of its value. Of what isn't JSON, what looks like it.
pub fn members(text: &[u8]) -> Vec<Range<usize>> {
    /// An object, with the beginning of the member that isn't over yet; or an array.
    enum Open {
        Object(Option<usize>),
        Array,
    }
    let (mut found, mut open) = (Vec::new(), Vec::new());
    // The end of what came last.
    let (mut at, mut end) = (0, 0);
    while let Some(byte) = text.get(at) {
        let begun = at;
        at += 1;
        match byte {
            b'{' => open.push(Open::Object(None)),
            b'[' => open.push(Open::Array),
            b'}' | b']' => {
                if let Some(Open::Object(Some(start))) = open.pop() {
                    found.push(start..end);
                }
            }
            b',' => {
                if let Some(Open::Object(member)) = open.last_mut()
                    && let Some(start) = member.take()
                {
                    found.push(start..end);
                }
            }
            b'"' => {
                at = begun + string(&text[begun..]);
                if let Some(Open::Object(member @ None)) = open.last_mut() {
                    *member = Some(begun);
                }
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            end = at;
        }
    }
    found
}

/// The value of a member.
pub fn value(text: &[u8], member: &Range<usize>) -> Range<usize> {
    let start = member.start + string(&text[member.clone()]);
    let before = text[start..member.end].iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b':').count();
    start + before..member.end
}

/// How long the string is that begins here, with its quotation marks.
fn string(text: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match text.get(at) {
            None => return text.len(),
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// The text with one member twice, for some of its members, in the same spelling and in another one.
pub fn with_a_member_twice(text: &str) -> Vec<String> {
    let again = |member: &Range<usize>| {
        let written = &text[member.clone()];
        let mut spellings = vec![written.to_owned()];
        if let Some(first) = written[1..].chars().next().filter(char::is_ascii_alphanumeric) {
            spellings.push(format!("\"\\u{:04x}{}", u32::from(first), &written[2..]));
        }
        spellings.into_iter().map(|again| format!("{},{again}{}", &text[..member.end], &text[member.end..])).collect::<Vec<_>>()
    };
    some_members(text).iter().flat_map(again).collect()
}

/// The text with one more member, in some of its objects.
pub fn with_an_unknown_member(text: &str) -> Vec<String> {
    let more = |member: &Range<usize>| format!("{},\"not known\":0{}", &text[..member.end], &text[member.end..]);
    some_members(text).iter().map(more).collect()
}

/// A few, from everywhere: of a long text fewer, so that the work stays in proportion.
fn some_members(text: &str) -> Vec<Range<usize>> {
    const MOST: usize = 6;
    let all = members(text.as_bytes());
    let some = (4 * super::LONGEST / text.len().max(1)).clamp(1, MOST);
    let step = all.len().div_ceil(some).max(1);
    all.into_iter().step_by(step).collect()
}
