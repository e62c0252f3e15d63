//! The icons, drawn for this project on a grid of 24 with strokes of 1.5. They only ever go along with words, so they are
//! hidden from those who listen.

use leptos::prelude::*;

/// Which icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    /// A triangle with an exclamation mark: something went wrong.
    Warning,
    /// An i in a circle: worth knowing.
    Info,
    /// Done, or right.
    Check,
    /// An envelope.
    Mail,
    /// Someone with a key: a passkey.
    Passkey,
    /// Two sheets.
    Copy,
    /// A printer.
    Print,
    /// An arrow into a tray.
    Download,
    /// A house: where one begins.
    Home,
    /// An arrow through a door.
    SignOut,
    /// A telephone.
    Phone,
    /// A key for the USB port.
    SecurityKey,
    /// A safe: a password manager.
    Safe,
    /// A sheet with a code: the recovery kit.
    Kit,
    /// Two people.
    People,
    /// A clock.
    Clock,
    /// A window with a prompt: a program.
    Program,
    /// A key: a permission.
    Key,
    /// A scroll: the history.
    Scroll,
    /// A plus: something new.
    Plus,
    /// A magnifying glass.
    Search,
    /// An arrow to the left: back, or up.
    Back,
    /// An arrow to the right: on.
    Forward,
    /// A pencil.
    Edit,
    /// A circle that is struck through: ended, or shut out.
    Off,
}

impl Glyph {
    const fn path(self) -> &'static str {
        match self {
            Self::Warning => "M12 4.2 21 19.8H3ZM12 10v4.6M12 17.1v.1",
            Self::Info => "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM12 11.2v5M12 7.9v.1",
            Self::Check => "m4.8 12.9 4.6 4.6L19.4 6.9",
            Self::Mail => "M3 6.2h18v11.6H3ZM3.4 6.6l8.6 6.9 8.6-6.9",
            Self::Passkey => {
                "M12.4 7.4a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0ZM2.4 19.6c.3-3.9 2.8-6.1 6.5-6.1 1.1 0 2 .2 2.9.6M17.5 9.4a3.2 3.2 0 0 0-1.4 6.1v4.3l1.4 1.5 1.9-2-1.2-1.3 1.2-1.4-.7-1.1a3.2 3.2 0 0 0-1.2-6.1ZM17.5 12.2v.1"
            }
            Self::Copy => "M9 8.5h11v12H9ZM15.5 5.4V3.5H4.5v12H6.4",
            Self::Print => "M7 8.5v-5h10v5M7 17H4V8.5h16V17h-3M7 14h10v6.5H7ZM16.8 11.2h.1",
            Self::Download => "M12 3.5v11M7.6 10.4l4.4 4.4 4.4-4.4M4 16.5v4h16v-4",
            Self::Home => "M3.8 11.6 12 4.2l8.2 7.4M6 9.8v10h12v-10M10 19.8v-6h4v6",
            Self::SignOut => "M14 7.5v-4H4.5v17H14v-4M9.5 12h11M16.6 8l4 4-4 4",
            Self::Phone => "M7 2.8h10v18.4H7ZM10.6 18.2h2.8",
            Self::SecurityKey => {
                "M8 9.8h8v11.4H8ZM9.6 9.8v-7h4.8v7M12 14.2a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6ZM11.2 5.6v.1M12.9 5.6v.1"
            }
            Self::Safe => "M3.5 4.2h17v14.6h-17ZM6 18.8v2M18 18.8v2M14 11.5a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM11 8.5v-1M11 15.5v-1M17.5 9.5v4",
            Self::Kit => "M5 2.8h10l4 4v14.4H5ZM15 2.8v4h4M8 11h3M8 14h3M8 17h3M14 11h2v2h-2ZM14 15.8h2v2h-2Z",
            Self::People => {
                "M12 8.2a3.4 3.4 0 1 1-6.8 0 3.4 3.4 0 0 1 6.8 0ZM2.5 19.8c.3-3.6 2.6-5.8 6.1-5.8s5.8 2.2 6.1 5.8M15 5.1a3.4 3.4 0 0 1 0 6.2M17 14.3c2.6.5 4.2 2.5 4.5 5.5"
            }
            Self::Clock => "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM12 6.8V12l3.4 2.4",
            Self::Program => "M3 4.5h18v15H3ZM6.8 9.2l3.2 2.8-3.2 2.8M12.2 15.2h5",
            Self::Key => "M12.2 15.2a4.6 4.6 0 1 1-9.2 0 4.6 4.6 0 0 1 9.2 0ZM10.9 12 20 2.9M16 6.9l3.4 3.4M13.4 9.5l1.9 1.9",
            Self::Scroll => {
                "M7.5 16.5v-11a2.5 2.5 0 0 0-5 0v2.3h5M5 3h11.5A2.5 2.5 0 0 1 19 5.5v11M8.9 21h10.2a2.4 2.4 0 0 0 2.4-2.4v-2.1H11v2.1a2.1 2.1 0 0 1-2.1 2.4 1.9 1.9 0 0 1-1.4-1.9v-2.6M11 7.6h4.6M11 11h4.6"
            }
            Self::Plus => "M12 5v14M5 12h14",
            Self::Search => "M17 10.5a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0ZM15.2 15.2l5 5",
            Self::Back => "M20 12H4.4M11 5.4 4.4 12l6.6 6.6",
            Self::Forward => "M4 12h15.6M13 5.4l6.6 6.6-6.6 6.6",
            Self::Edit => "m4 20 1-4.4L16.2 4.4a1.7 1.7 0 0 1 2.4 0l1 1a1.7 1.7 0 0 1 0 2.4L8.4 19ZM14 6.6l3.4 3.4",
            Self::Off => "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM5.8 5.8l12.4 12.4",
        }
    }
}

/// An icon, as high as the line it is in.
#[component]
pub fn Icon(
    /// Which one.
    glyph: Glyph,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d=glyph.path() />
        </svg>
    }
}
