//! `/org`: what people do to their organization, signed, and what becomes of it.

mod concurrency;
mod export;
mod input;
mod invitations;
mod mails;
mod pages;
mod permissions;
mod re_enrolment;
mod replay;
mod signatures;
mod users;
