//! The two kinds of programs, as pages tell them apart.

use crate::{
    component::frame::Place,
    domain::{
        id::{TokenId, UserId},
        operation::Operation,
    },
};
use serde::{Deserialize, Serialize};

/// Which kind of program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The organization's own.
    ServiceAccount,
    /// It acts in its owner's name.
    AccessToken,
}

impl Kind {
    /// Where they are listed.
    pub const fn place(self) -> Place {
        match self {
            Self::ServiceAccount => Place::ServiceAccounts,
            Self::AccessToken => Place::AccessTokens,
        }
    }

    /// As people call one.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ServiceAccount => "Service account",
            Self::AccessToken => "Access token",
        }
    }

    /// What it takes to make one.
    pub const fn creating(self) -> Operation {
        match self {
            Self::ServiceAccount => Operation::ServiceAccountsCreate,
            Self::AccessToken => Operation::TokensCreate,
        }
    }

    /// What having no permission means.
    pub const fn without_permission(self) -> &'static str {
        match self {
            Self::ServiceAccount => "It can ask who it is, and nothing else.",
            Self::AccessToken => {
                "It may do whatever you may, except to make people, programs and tokens, or to act for customers. With a permission it may do only what that allows."
            }
        }
    }

    /// Its id as programs know it.
    pub fn id_in_api(self, id: UserId) -> String {
        match self {
            Self::ServiceAccount => id.to_string(),
            Self::AccessToken => TokenId::from_bytes(id.to_bytes()).to_string(),
        }
    }

    /// The page of one of them, without its id.
    pub fn path(self) -> String {
        [self.place().path(), "/"].concat()
    }
}
