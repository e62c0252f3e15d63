//! What hostile input is tried on: one function a format, which reads the bytes as the server would and panics when a rule that
//! must always hold doesn't. Two runners call them: the tests beside this folder, and cargo-fuzz (`server/fuzz`).

mod action_document;
mod api_body;
pub mod assertion;
mod authenticator_data;
pub mod cases;
mod client_data;
mod cose_key;
mod forwarded_for;
mod history_line;
pub mod json;
mod recovery_code;

/// One format.
#[derive(Debug)]
pub struct Target {
    /// Its name; its seeds are in the folder of this name.
    pub name: &'static str,
    /// Reads the input; whether it was accepted.
    pub check: fn(&[u8]) -> bool,
    /// Pieces that its input is made of.
    pub words: &'static [&'static [u8]],
    /// Input that grows, to see that the work grows no faster.
    pub growing: fn() -> Vec<Growing>,
}

/// Input of any length: a beginning, one piece over and over, an end. In the piece, `#` is six digits that count.
#[derive(Debug)]
pub struct Growing {
    pub beginning: Vec<u8>,
    pub piece: &'static [u8],
    pub end: &'static [u8],
}

impl Growing {
    pub fn new(beginning: &[u8], piece: &'static [u8], end: &'static [u8]) -> Self {
        Self { beginning: beginning.to_vec(), piece, end }
    }

    /// As many pieces as fit.
    pub fn to(&self, length: usize) -> Vec<u8> {
        let Self { beginning, piece, end } = self;
        let mut grown = beginning.clone();
        for number in 0_u32.. {
            let counted = format!("{number:06}");
            let piece: Vec<u8> =
                piece.iter().flat_map(|byte| if *byte == b'#' { counted.as_bytes().to_vec() } else { vec![*byte] }).collect();
            if grown.len() + piece.len() + end.len() > length {
                break;
            }
            grown.extend(piece);
        }
        grown.extend_from_slice(end);
        grown
    }
}

/// Nothing that is read in one piece is longer: it is how large a request's body may be.
pub const LONGEST: usize = 64 * 1024;

/// Every format.
pub const ALL: [&Target; 9] = [
    &client_data::TARGET,
    &authenticator_data::TARGET,
    &cose_key::TARGET,
    &assertion::TARGET,
    &action_document::TARGET,
    &history_line::TARGET,
    &recovery_code::TARGET,
    &forwarded_for::TARGET,
    &api_body::TARGET,
];

/// The format of this name.
///
/// # Panics
/// When there is none.
pub fn named(name: &str) -> &'static Target {
    ALL.into_iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no target {name}"))
}
