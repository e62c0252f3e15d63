//! The recovery kit's code: what a person prints, keeps, and one day types.
//!
//! ```text
//! 1 D D D c - D D D D c - D D D D c - D D D D c - D D D D c - D D D D c - D D D D c
//! └ version   └ data    └ check symbol of the group
//! ```
//!
//! Seven groups of five symbols from Crockford's base32 alphabet. The 27 data symbols after the version hold 135 random
//! bits. Each group's check symbol is, over GF(32) with x⁵ + x² + 1 and α = x, `α·d₀ + α²·d₁ + α³·d₂ + α⁴·d₃ + k`, where
//! `k` is the group's number. The weights differ, so a wrong symbol or two neighbours swapped break the group's check;
//! the numbers differ, so groups in each other's place break both checks. This format never changes: a kit that was
//! printed must stay readable, and another format gets another version.

use std::fmt;

use thiserror::Error;

/// The `info` of HKDF-SHA-256 with which [`RecoveryCode::secret`] becomes a signing key.
pub const RECOVERY_HKDF_INFO: &[u8] = b"countersign/recovery/v1";

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS: usize = 7;
const GROUP_SYMBOLS: usize = 5;
const GROUP_DATA_SYMBOLS: usize = GROUP_SYMBOLS - 1;
const SYMBOLS: usize = GROUPS * GROUP_SYMBOLS;
const DATA_SYMBOLS: usize = GROUPS * GROUP_DATA_SYMBOLS;
const RANDOM_SYMBOLS: usize = DATA_SYMBOLS - 1;
const VERSION: Symbol = Symbol(1);

/// An element of GF(32), the value of one symbol: 0 to 31.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Symbol(u8);

impl Symbol {
    /// Forgives lower case, and the letters that Crockford left out for looking like a digit.
    fn from_typed(typed: char) -> Option<Self> {
        let symbol = match typed.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        };
        let value = ALPHABET.iter().position(|letter| char::from(*letter) == symbol)?;
        u8::try_from(value).ok().map(Self)
    }

    fn letter(self) -> char {
        char::from(ALPHABET[usize::from(self.0 % 32)])
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    fn times_alpha(self) -> Self {
        let shifted = self.0 << 1;
        Self(if shifted & 0b10_0000 == 0 { shifted } else { shifted ^ 0b10_0101 })
    }
}

/// Where a group stands in the code: 1 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupNumber(u8);

impl GroupNumber {
    /// All of them, in order.
    pub const ALL: [Self; GROUPS] = [Self(1), Self(2), Self(3), Self(4), Self(5), Self(6), Self(7)];

    /// The group with this number, counted from 1.
    pub fn new(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.0 == number)
    }

    /// The number, counted from 1.
    pub fn get(self) -> u8 {
        self.0
    }

    fn of_symbol(index: usize) -> Option<Self> {
        Self::ALL.get(index / GROUP_SYMBOLS).copied()
    }

    fn check_symbol(self, data: [Symbol; GROUP_DATA_SYMBOLS]) -> Symbol {
        // Horner's rule, from the last data symbol: each step adds a power of α to the ones behind.
        let sum = data.iter().rev().fold(Symbol(0), |sum, symbol| sum.plus(*symbol).times_alpha());
        sum.plus(Symbol(self.0))
    }

    fn is_right(self, group: [Symbol; GROUP_SYMBOLS]) -> bool {
        let [data @ .., check] = group;
        self.check_symbol(data) == check
    }
}

impl fmt::Display for GroupNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How a group looks while it is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// Fewer than five symbols, all of them possible.
    Incomplete,
    /// Not a group that can stand here.
    Wrong,
    /// A group that can stand here.
    Right,
}

/// Why a text is no recovery code. The sentences are for the person who typed it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecoveryCodeError {
    /// A symbol that no code has, such as U.
    #[error("Group {group} has “{symbol}”, which no recovery code contains. Compare that group with your kit.")]
    UnknownSymbol {
        /// The first such symbol, as typed.
        symbol: char,
        /// The group it was typed in.
        group: GroupNumber,
    },
    /// Symbols are missing.
    #[error("The code is too short: {missing} of its {SYMBOLS} letters and digits are missing.")]
    TooShort {
        /// How many.
        missing: usize,
    },
    /// There are too many symbols.
    #[error("The code is too long: it has {extra} more than {SYMBOLS} letters and digits.")]
    TooLong {
        /// How many.
        extra: usize,
    },
    /// Groups whose check symbol doesn't fit, in order; never empty.
    #[error("{}", wrong_groups(.0))]
    WrongGroups(Vec<GroupNumber>),
    /// Everything fits, but the code is of a kind that came later.
    #[error("This recovery code is of another kind: it begins with {0}, and only codes that begin with 1 are known here.")]
    UnknownVersion(char),
}

fn wrong_length(count: usize) -> RecoveryCodeError {
    match count.checked_sub(SYMBOLS) {
        Some(extra) => RecoveryCodeError::TooLong { extra },
        None => RecoveryCodeError::TooShort { missing: SYMBOLS - count },
    }
}

fn wrong_groups(groups: &[GroupNumber]) -> String {
    let numbers: Vec<String> = groups.iter().map(GroupNumber::to_string).collect();
    match numbers.as_slice() {
        [one] => format!("Group {one} isn't right. Compare it with your kit."),
        [first @ .., last] => {
            format!("Groups {} and {last} aren't right. Compare them with your kit.", first.join(", "))
        }
        [] => String::from("A group isn't right. Compare the code with your kit."),
    }
}

/// A recovery kit's code. It is a secret: it has no `Serialize`, and its `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode {
    text: String,
    secret: [u8; DATA_SYMBOLS],
}

impl RecoveryCode {
    /// Makes a code from random bytes, of which the first 135 bits are used.
    pub fn generate(random: [u8; 17]) -> Self {
        let mut data = [VERSION; DATA_SYMBOLS];
        for (symbol, value) in data.iter_mut().skip(1).zip(five_bits_each(&random)) {
            *symbol = value;
        }
        Self::from_data(&data)
    }

    /// Reads a code as a person types or pastes it: in any case, with or without spaces and hyphens.
    ///
    /// # Errors
    ///
    /// The text is no recovery code; where it can be told, which groups are wrong.
    pub fn parse(typed: &str) -> Result<Self, RecoveryCodeError> {
        let symbols = symbols(typed)?;
        let symbols: [Symbol; SYMBOLS] = symbols.as_slice().try_into().map_err(|_| wrong_length(symbols.len()))?;
        let (groups, _) = symbols.as_chunks::<GROUP_SYMBOLS>();
        let numbered = GroupNumber::ALL.into_iter().zip(groups);
        let wrong: Vec<_> = numbered.filter(|(number, group)| !number.is_right(**group)).map(|(number, _)| number).collect();
        if !wrong.is_empty() {
            return Err(RecoveryCodeError::WrongGroups(wrong));
        }
        let mut data = [VERSION; DATA_SYMBOLS];
        let typed = groups.iter().flat_map(|[data @ .., _check]| data);
        for (symbol, typed) in data.iter_mut().zip(typed) {
            *symbol = *typed;
        }
        match data {
            [VERSION, ..] => Ok(Self::from_data(&data)),
            [version, ..] => Err(RecoveryCodeError::UnknownVersion(version.letter())),
        }
    }

    /// Whether what was typed so far can be the group with this number, of whatever code.
    pub fn check_group(number: GroupNumber, typed: &str) -> GroupState {
        let Ok(symbols) = symbols(typed) else {
            return GroupState::Wrong;
        };
        let version_is_wrong = || number.0 == 1 && symbols.first().is_some_and(|first| *first != VERSION);
        if symbols.len() > GROUP_SYMBOLS || version_is_wrong() {
            return GroupState::Wrong;
        }
        match <[Symbol; GROUP_SYMBOLS]>::try_from(symbols.as_slice()) {
            Err(_) => GroupState::Incomplete,
            Ok(group) if number.is_right(group) => GroupState::Right,
            Ok(_) => GroupState::Wrong,
        }
    }

    /// Whether what was typed so far is this code's own group with this number.
    pub fn check_own_group(&self, number: GroupNumber, typed: &str) -> GroupState {
        match Self::check_group(number, typed) {
            GroupState::Right if symbols(typed) != symbols(self.group(number)) => GroupState::Wrong,
            state => state,
        }
    }

    /// The five symbols of a group.
    pub fn group(&self, number: GroupNumber) -> &str {
        let start = usize::from(number.0 - 1) * (GROUP_SYMBOLS + 1);
        self.text.get(start..start + GROUP_SYMBOLS).unwrap_or_default()
    }

    /// What goes into HKDF as its input keying material: the 28 data symbols, version included, as ASCII in upper case.
    pub fn secret(&self) -> &[u8; DATA_SYMBOLS] {
        &self.secret
    }

    fn from_data(data: &[Symbol; DATA_SYMBOLS]) -> Self {
        let (groups, _) = data.as_chunks::<GROUP_DATA_SYMBOLS>();
        let groups: Vec<String> = GroupNumber::ALL
            .into_iter()
            .zip(groups)
            .map(|(number, group)| group.iter().chain([&number.check_symbol(*group)]).map(|symbol| symbol.letter()).collect())
            .collect();
        Self { text: groups.join("-"), secret: data.map(|symbol| ALPHABET[usize::from(symbol.0 % 32)]) }
    }
}

impl fmt::Display for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryCode(…)")
    }
}

/// The symbols in what a person typed.
fn symbols(typed: &str) -> Result<Vec<Symbol>, RecoveryCodeError> {
    let mut symbols = Vec::new();
    for symbol in typed.chars().filter(|symbol| !is_separator(*symbol)) {
        match (Symbol::from_typed(symbol), GroupNumber::of_symbol(symbols.len())) {
            (Some(value), _) => symbols.push(value),
            (None, Some(group)) => return Err(RecoveryCodeError::UnknownSymbol { symbol, group }),
            // Beyond the last group it only matters that there is something.
            (None, None) => symbols.push(Symbol(0)),
        }
    }
    Ok(symbols)
}

/// Word processors and mail programs turn hyphens into dashes.
fn is_separator(symbol: char) -> bool {
    symbol.is_whitespace() || matches!(symbol, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn five_bits_each(random: &[u8; 17]) -> [Symbol; RANDOM_SYMBOLS] {
    let bit = |index: usize| (random[index / 8] >> (7 - index % 8)) & 1;
    std::array::from_fn(|symbol| Symbol((0..5).fold(0, |value, index| (value << 1) | bit(symbol * 5 + index))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(number: u8) -> GroupNumber {
        GroupNumber::new(number).unwrap()
    }

    fn wrong<const N: usize>(numbers: [u8; N]) -> Result<RecoveryCode, RecoveryCodeError> {
        Err(RecoveryCodeError::WrongGroups(numbers.map(number).to_vec()))
    }

    fn counting() -> RecoveryCode {
        RecoveryCode::generate(std::array::from_fn(|index| u8::try_from(index * 15).unwrap()))
    }

    /// The 35 symbols without hyphens.
    fn bare(code: &RecoveryCode) -> Vec<char> {
        code.to_string().chars().filter(|symbol| *symbol != '-').collect()
    }

    fn parse(symbols: &[char]) -> Result<RecoveryCode, RecoveryCodeError> {
        RecoveryCode::parse(&symbols.iter().collect::<String>())
    }

    /// Kits are printed: these lines must hold forever. They come from a second implementation, not from this one.
    #[test]
    fn old_kits_stay_readable() {
        for (random, code, secret) in [
            ([0; 17], "10003-00002-00003-00004-00005-00006-00007", "1000000000000000000000000000"),
            ([0xff; 17], "1ZZZN-ZZZZF-ZZZZE-ZZZZ9-ZZZZ8-ZZZZB-ZZZZA", "1ZZZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            (
                std::array::from_fn(|index| u8::try_from(index * 15).unwrap()),
                "1007W-HWB9C-W9DDP-6JY4B-7JTJF-V9GYP-JW7RX",
                "1007HWB9W9DD6JY47JTJV9GYJW7R",
            ),
        ] {
            let made = RecoveryCode::generate(random);
            assert_eq!(made.to_string(), code);
            assert_eq!(str::from_utf8(made.secret()), Ok(secret));
            assert_eq!(RecoveryCode::parse(code), Ok(made));
        }
        assert_eq!(RECOVERY_HKDF_INFO, b"countersign/recovery/v1");
    }

    /// The check symbol by the book: powers and products in GF(32), not Horner's rule.
    #[test]
    fn the_check_symbol_is_the_documented_sum() {
        fn product(a: u8, b: u8) -> u8 {
            let mut product: u16 = 0;
            for bit in 0..5 {
                if b & (1 << bit) != 0 {
                    product ^= u16::from(a) << bit;
                }
            }
            for bit in (5..9).rev() {
                if product & (1 << bit) != 0 {
                    product ^= 0b10_0101 << (bit - 5);
                }
            }
            u8::try_from(product).unwrap()
        }
        let weights = [2, 4, 8, 16];
        for number in GroupNumber::ALL {
            for data in [[1, 0, 0, 0], [0, 31, 0, 0], [0, 0, 17, 0], [0, 0, 0, 9], [31, 30, 29, 28], [5, 11, 23, 2]] {
                let sum = data.iter().zip(weights).fold(number.get(), |sum, (d, w)| sum ^ product(*d, w));
                assert_eq!(number.check_symbol(data.map(Symbol)).0, sum);
            }
        }
    }

    #[test]
    fn the_135th_bit_counts_and_the_136th_does_not() {
        let mut random = [0; 17];
        random[16] = 1;
        assert_eq!(RecoveryCode::generate(random), RecoveryCode::generate([0; 17]));
        random[16] = 2;
        assert_ne!(RecoveryCode::generate(random), RecoveryCode::generate([0; 17]));
    }

    #[test]
    fn typing_is_forgiven() {
        let code = counting();
        let text = code.to_string();
        for typed in [
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " "),
            text.replace('-', "\n"),
            text.replace('-', " – "),
            text.replace('-', "\u{2011}"),
            format!("  {text}\t"),
            text.replace('0', "o").replace('1', "l"),
            text.replace('0', "O").replace('1', "I"),
            text.replace('1', "i").replace('0', "o"),
            text.replace('1', "L"),
        ] {
            assert_eq!(RecoveryCode::parse(&typed), Ok(code.clone()), "{typed}");
        }
    }

    #[test]
    fn what_no_code_contains_is_named_with_its_group() {
        let code = counting();
        for (place, group) in [(0, 1), (4, 1), (5, 2), (19, 4), (34, 7)] {
            for symbol in ['u', 'U', '!', 'ä', '８', '_', '\0'] {
                let mut symbols = bare(&code);
                symbols[place] = symbol;
                let error = RecoveryCodeError::UnknownSymbol { symbol, group: number(group) };
                assert_eq!(parse(&symbols), Err(error));
            }
        }
        let error = RecoveryCodeError::UnknownSymbol { symbol: 'U', group: number(3) };
        assert_eq!(error.to_string(), "Group 3 has “U”, which no recovery code contains. Compare that group with your kit.");
    }

    #[test]
    fn symbols_are_counted() {
        let symbols = bare(&counting());
        assert_eq!(parse(&[]), Err(RecoveryCodeError::TooShort { missing: 35 }));
        assert_eq!(parse(&symbols[..34]), Err(RecoveryCodeError::TooShort { missing: 1 }));
        assert_eq!(parse(&[&symbols[..], &['0', '0']].concat()), Err(RecoveryCodeError::TooLong { extra: 2 }));
        assert_eq!(parse(&[&symbols[..], &['U']].concat()), Err(RecoveryCodeError::TooLong { extra: 1 }));
        assert_eq!(parse(&[&symbols[..], &symbols[..]].concat()), Err(RecoveryCodeError::TooLong { extra: 35 }));
    }

    #[test]
    fn other_versions_are_told_from_typing_errors() {
        let mut data = [Symbol(0); DATA_SYMBOLS];
        data[0] = Symbol(2);
        let later = RecoveryCode::from_data(&data).to_string();
        assert_eq!(RecoveryCode::parse(&later), Err(RecoveryCodeError::UnknownVersion('2')));
        assert_eq!(RecoveryCode::check_group(number(1), &later[..5]), GroupState::Wrong);

        let mut symbols = bare(&counting());
        symbols[0] = '2';
        assert_eq!(parse(&symbols), wrong([1]));
    }

    #[test]
    fn sentences_list_the_wrong_groups() {
        let sentence = |numbers: &[u8]| RecoveryCodeError::WrongGroups(numbers.iter().copied().map(number).collect()).to_string();
        assert_eq!(sentence(&[2]), "Group 2 isn't right. Compare it with your kit.");
        assert_eq!(sentence(&[2, 3]), "Groups 2 and 3 aren't right. Compare them with your kit.");
        assert_eq!(sentence(&[1, 2, 7]), "Groups 1, 2 and 7 aren't right. Compare them with your kit.");
    }

    #[test]
    fn groups_are_checked_while_typing() {
        let code = counting();
        for number in GroupNumber::ALL {
            let group = code.group(number);
            assert_eq!(group.len(), 5);
            for typed in 0..5 {
                assert_eq!(RecoveryCode::check_group(number, &group[..typed]), GroupState::Incomplete);
            }
            assert_eq!(RecoveryCode::check_group(number, group), GroupState::Right);
            assert_eq!(RecoveryCode::check_group(number, &format!(" {}-", group.to_lowercase())), GroupState::Right);
            assert_eq!(RecoveryCode::check_group(number, &format!("{group}0")), GroupState::Wrong);
            assert_eq!(RecoveryCode::check_group(number, "U"), GroupState::Wrong);
            for other in GroupNumber::ALL.into_iter().filter(|other| *other != number) {
                assert_eq!(RecoveryCode::check_group(other, group), GroupState::Wrong);
            }
        }
        assert_eq!(RecoveryCode::check_group(number(1), "2"), GroupState::Wrong);
        assert_eq!(code.group(number(1)), &code.to_string()[..5]);
        assert_eq!(code.group(number(7)), &code.to_string()[36..]);
    }

    #[test]
    fn another_codes_group_is_not_this_codes() {
        let (code, other) = (counting(), RecoveryCode::generate([0xff; 17]));
        let typed = code.group(number(2)).to_lowercase();
        assert_eq!(code.check_own_group(number(2), &typed), GroupState::Right);
        assert_eq!(code.check_own_group(number(2), &typed[..3]), GroupState::Incomplete);
        assert_eq!(RecoveryCode::check_group(number(2), other.group(number(2))), GroupState::Right);
        assert_eq!(code.check_own_group(number(2), other.group(number(2))), GroupState::Wrong);
        assert_eq!(code.check_own_group(number(2), code.group(number(3))), GroupState::Wrong);
    }

    #[test]
    fn group_numbers_run_from_1_to_7() {
        assert_eq!(GroupNumber::new(0), None);
        assert_eq!(GroupNumber::new(8), None);
        assert_eq!(GroupNumber::ALL.map(GroupNumber::get), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn debug_does_not_show_the_code() {
        assert_eq!(format!("{:?}", counting()), "RecoveryCode(…)");
    }

    fn any_code() -> impl Strategy<Value = RecoveryCode> {
        any::<[u8; 17]>().prop_map(RecoveryCode::generate)
    }

    proptest! {
        #[test]
        fn codes_are_read_back(code in any_code()) {
            prop_assert_eq!(code.to_string().len(), 41);
            prop_assert_eq!(code.secret()[0], b'1');
            prop_assert_eq!(RecoveryCode::parse(&code.to_string()), Ok(code));
        }

        #[test]
        fn any_wrong_symbol_is_found_in_its_group(code in any_code()) {
            let good = bare(&code);
            for place in 0..SYMBOLS {
                for letter in ALPHABET.map(char::from) {
                    let mut symbols = good.clone();
                    symbols[place] = letter;
                    if symbols != good {
                        prop_assert_eq!(parse(&symbols), wrong([u8::try_from(place / 5 + 1).unwrap()]));
                    }
                }
            }
        }

        #[test]
        fn any_swapped_neighbours_are_found_in_their_groups(code in any_code()) {
            let good = bare(&code);
            for place in 0..SYMBOLS - 1 {
                let mut symbols = good.clone();
                symbols.swap(place, place + 1);
                if symbols != good {
                    let groups = [place, place + 1].map(|place| u8::try_from(place / 5 + 1).unwrap());
                    let expected = if groups[0] == groups[1] { wrong([groups[0]]) } else { wrong(groups) };
                    prop_assert_eq!(parse(&symbols), expected);
                }
            }
        }

        #[test]
        fn any_swapped_groups_are_both_found(code in any_code()) {
            let text = code.to_string();
            for first in 0..GROUPS {
                for second in first + 1..GROUPS {
                    let mut groups: Vec<&str> = text.split('-').collect();
                    groups.swap(first, second);
                    let expected = wrong([first + 1, second + 1].map(|number| u8::try_from(number).unwrap()));
                    prop_assert_eq!(RecoveryCode::parse(&groups.join("-")), expected);
                }
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,80}") {
            let _ = RecoveryCode::parse(&text);
            let _ = RecoveryCode::check_group(number(1), &text);
        }
    }
}
