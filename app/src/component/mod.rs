//! The pieces that pages are made of, one file each. Most are plain and only rendered by the server; those that live in the
//! browser are islands.

pub mod alert;
pub mod code_form;
pub mod copy_button;
pub mod field;
pub mod form;
pub mod frame;
pub mod icon;
pub mod moment;
pub mod notice;
pub mod qr;
pub mod seal;
pub mod sent_back;
pub mod sheet;
