//! The pieces that pages are made of, one file each. Most are plain and only rendered by the server; those that live in the
//! browser are islands.

pub mod activity_list;
pub mod alert;
pub mod code_form;
pub mod copy_button;
pub mod field;
pub mod form;
pub mod frame;
pub mod icon;
pub mod kit_field;
pub mod moment;
pub mod needs_script;
pub mod new_kit;
pub mod not_alive;
pub mod notice;
pub mod operation_list;
pub mod operation_picker;
pub mod paging;
pub mod particulars;
pub mod passkey_cards;
pub mod qr;
pub mod relative;
pub mod seal;
pub mod select;
pub mod sent_back;
pub mod session_watch;
pub mod sheet;
pub mod sign_dialog;
pub mod text_area;
pub mod verdict_mark;
