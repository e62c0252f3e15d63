//! Operations: the single things that may be allowed, each with the API's name for it, and sets of them.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Where an operation stands in the list that people pick from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The organization's people.
    Users,
    /// What people may do.
    Permissions,
    /// Programs, and what they may do for customers.
    Programs,
    /// What was changed.
    History,
    /// Wallets: only in the managed permission for end users so far, because nothing here has wallets yet.
    Wallets,
    /// Other things that nothing here does; programs that know them may ask for them.
    Elsewhere,
}

impl Group {
    /// Those whose operations do something here, in the order in which people read them.
    pub const OFFERED: [Self; 4] = [Self::Users, Self::Permissions, Self::Programs, Self::History];

    /// Its title.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Users => "Users",
            Self::Permissions => "Permissions",
            Self::Programs => "Programs",
            Self::History => "History",
            Self::Wallets => "Wallets",
            Self::Elsewhere => "Elsewhere",
        }
    }
}

/// A text that names no operation of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an operation")]
pub struct UnknownOperation;

macro_rules! operations {
    ($($variant:ident, $name:literal, $group:ident, $allows:literal;)+) => {
        /// One thing that may be allowed. Ordered as people read them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $(
                #[doc = $allows]
                #[serde(rename = $name)]
                $variant,
            )+
        }

        impl Operation {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, as in `Auth:Users:Create`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// What it lets someone do.
            pub const fn allows(self) -> &'static str {
                match self {
                    $(Self::$variant => $allows),+
                }
            }

            /// Where it stands in lists.
            pub const fn group(self) -> Group {
                match self {
                    $(Self::$variant => Group::$group),+
                }
            }
        }
    };
}

operations! {
    UsersRead, "Auth:Users:Read", Users, "See the organization's people: who they are, and their status.";
    UsersCreate, "Auth:Users:Create", Users, "Invite people, send an invitation again, show its code, revoke it, and let someone enrol again who lost every passkey.";
    UsersUpdate, "Auth:Users:Update", Users, "Say how someone signs in: with passkeys and keys, which is the only way here.";
    UsersActivate, "Auth:Users:Activate", Users, "Let someone in again who was deactivated.";
    UsersDeactivate, "Auth:Users:Deactivate", Users, "Shut someone out at once, until they are activated again.";
    UsersDelete, "Auth:Users:Delete", Users, "Remove someone for good.";
    PermissionsRead, "Permissions:Read", Permissions, "See which permissions there are, and what they allow.";
    AssignmentsRead, "Permissions:Assignments:Read", Permissions, "See who has which permission.";
    PermissionsCreate, "Permissions:Create", Permissions, "Define a permission out of operations that they hold themselves.";
    PermissionsUpdate, "Permissions:Update", Permissions, "Change a permission's name and operations, for everyone who has it.";
    PermissionsArchive, "Permissions:Archive", Permissions, "Put away a permission that nobody has any more.";
    PermissionsAssign, "Permissions:Assign", Permissions, "Give someone a permission, as far as they hold its operations themselves.";
    PermissionsRevoke, "Permissions:Revoke", Permissions, "Take a permission away from someone.";
    ServiceAccountsRead, "Auth:ServiceAccounts:Read", Programs, "See the organization's service accounts.";
    ServiceAccountsCreate, "Auth:ServiceAccounts:Create", Programs, "Create a service account: a program with a key and rights of its own.";
    ServiceAccountsUpdate, "Auth:ServiceAccounts:Update", Programs, "Change a service account's name and external id.";
    ServiceAccountsActivate, "Auth:ServiceAccounts:Activate", Programs, "Let a service account in again that was deactivated.";
    ServiceAccountsDeactivate, "Auth:ServiceAccounts:Deactivate", Programs, "Shut a service account out at once, until it is activated again.";
    ServiceAccountsDelete, "Auth:ServiceAccounts:Delete", Programs, "Remove a service account for good.";
    TokensCreate, "Auth:Pats:Create", Programs, "Make access tokens of one's own, by which a program acts in one's name.";
    RegisterDelegated, "Auth:Register:Delegated", Programs, "Register customers, without a mail to them.";
    LoginDelegated, "Auth:Login:Delegated", Programs, "Sign customers in.";
    RecoverDelegated, "Auth:Recover:Delegated", Programs, "Let customers recover, without a mail to them.";
    HistoryRead, "Auth:Logs:Read", History, "Read, verify and export the history of every change.";
    WalletsRead, "Wallets:Read", Wallets, "See wallets.";
    TransactionsRead, "Wallets:Transactions:Read", Wallets, "See the transactions of wallets.";
    TransactionsCreate, "Wallets:Transactions:Create", Wallets, "Make transactions with wallets.";
    TransfersRead, "Wallets:Transfers:Read", Wallets, "See the transfers of wallets.";
    TransfersCreate, "Wallets:Transfers:Create", Wallets, "Make transfers from wallets.";
    RegistryAddressesCreate, "Registry:Addresses:Create", Elsewhere, "Nothing here asks for it yet.";
    RegistryAddressesDelete, "Registry:Addresses:Delete", Elsewhere, "Nothing here asks for it yet.";
    RegistryAddressesRead, "Registry:Addresses:Read", Elsewhere, "Nothing here asks for it yet.";
    RegistryAddressesUpdate, "Registry:Addresses:Update", Elsewhere, "Nothing here asks for it yet.";
    RegistryContractSchemasCreate, "Registry:ContractSchemas:Create", Elsewhere, "Nothing here asks for it yet.";
    RegistryContractSchemasDelete, "Registry:ContractSchemas:Delete", Elsewhere, "Nothing here asks for it yet.";
    RegistryContractSchemasRead, "Registry:ContractSchemas:Read", Elsewhere, "Nothing here asks for it yet.";
    AgreementsAcceptanceCreate, "Agreements:Acceptance:Create", Elsewhere, "Nothing here asks for it yet.";
    AgreementsAcceptanceRead, "Agreements:Acceptance:Read", Elsewhere, "Nothing here asks for it yet.";
    EventsRead, "Events:Read", Elsewhere, "Nothing here asks for it yet.";
    ExchangesCreate, "Exchanges:Create", Elsewhere, "Nothing here asks for it yet.";
    ExchangesRead, "Exchanges:Read", Elsewhere, "Nothing here asks for it yet.";
    ExchangesDelete, "Exchanges:Delete", Elsewhere, "Nothing here asks for it yet.";
    ExchangesDepositsCreate, "Exchanges:Deposits:Create", Elsewhere, "Nothing here asks for it yet.";
    ExchangesWithdrawalsCreate, "Exchanges:Withdrawals:Create", Elsewhere, "Nothing here asks for it yet.";
    FeeSponsorsCreate, "FeeSponsors:Create", Elsewhere, "Nothing here asks for it yet.";
    FeeSponsorsRead, "FeeSponsors:Read", Elsewhere, "Nothing here asks for it yet.";
    FeeSponsorsUpdate, "FeeSponsors:Update", Elsewhere, "Nothing here asks for it yet.";
    FeeSponsorsDelete, "FeeSponsors:Delete", Elsewhere, "Nothing here asks for it yet.";
    FeeSponsorsUse, "FeeSponsors:Use", Elsewhere, "Nothing here asks for it yet.";
    OrgsRead, "Orgs:Read", Elsewhere, "Nothing here asks for it yet.";
    OrgsUpdate, "Orgs:Update", Elsewhere, "Nothing here asks for it yet.";
    OrgsSettingsRead, "Orgs:Settings:Read", Elsewhere, "Nothing here asks for it yet.";
    OrgsSettingsUpdate, "Orgs:Settings:Update", Elsewhere, "Nothing here asks for it yet.";
    PoliciesArchive, "Policies:Archive", Elsewhere, "Nothing here asks for it yet.";
    PoliciesCreate, "Policies:Create", Elsewhere, "Nothing here asks for it yet.";
    PoliciesRead, "Policies:Read", Elsewhere, "Nothing here asks for it yet.";
    PoliciesUpdate, "Policies:Update", Elsewhere, "Nothing here asks for it yet.";
    PoliciesApprovalsRead, "Policies:Approvals:Read", Elsewhere, "Nothing here asks for it yet.";
    PoliciesApprovalsApprove, "Policies:Approvals:Approve", Elsewhere, "Nothing here asks for it yet.";
    SignersListSigners, "Signers:ListSigners", Elsewhere, "Nothing here asks for it yet.";
    StakesCreate, "Stakes:Create", Elsewhere, "Nothing here asks for it yet.";
    StakesRead, "Stakes:Read", Elsewhere, "Nothing here asks for it yet.";
    StakesUpdate, "Stakes:Update", Elsewhere, "Nothing here asks for it yet.";
    SwapsCreate, "Swaps:Create", Elsewhere, "Nothing here asks for it yet.";
    SwapsRead, "Swaps:Read", Elsewhere, "Nothing here asks for it yet.";
    PayoutsCreate, "Payouts:Create", Elsewhere, "Nothing here asks for it yet.";
    PayoutsRead, "Payouts:Read", Elsewhere, "Nothing here asks for it yet.";
    PayoutsWrite, "Payouts:Write", Elsewhere, "Nothing here asks for it yet.";
    AllocationsCreate, "Allocations:Create", Elsewhere, "Nothing here asks for it yet.";
    AllocationsUpdate, "Allocations:Update", Elsewhere, "Nothing here asks for it yet.";
    AllocationsRead, "Allocations:Read", Elsewhere, "Nothing here asks for it yet.";
    KeysCreate, "Keys:Create", Elsewhere, "Nothing here asks for it yet.";
    KeysDelete, "Keys:Delete", Elsewhere, "Nothing here asks for it yet.";
    KeysRead, "Keys:Read", Elsewhere, "Nothing here asks for it yet.";
    KeysUpdate, "Keys:Update", Elsewhere, "Nothing here asks for it yet.";
    KeysReuse, "Keys:Reuse", Elsewhere, "Nothing here asks for it yet.";
    KeysDelegate, "Keys:Delegate", Elsewhere, "Nothing here asks for it yet.";
    KeysImport, "Keys:Import", Elsewhere, "Nothing here asks for it yet.";
    KeysExport, "Keys:Export", Elsewhere, "Nothing here asks for it yet.";
    KeysDerive, "Keys:Derive", Elsewhere, "Nothing here asks for it yet.";
    KeysChildKeysCreate, "Keys:ChildKeys:Create", Elsewhere, "Nothing here asks for it yet.";
    KeysSignaturesCreate, "Keys:Signatures:Create", Elsewhere, "Nothing here asks for it yet.";
    KeysSignaturesRead, "Keys:Signatures:Read", Elsewhere, "Nothing here asks for it yet.";
    KeyStoresRead, "KeyStores:Read", Elsewhere, "Nothing here asks for it yet.";
    KeyStoresFleetsCreate, "KeyStores:Fleets:Create", Elsewhere, "Nothing here asks for it yet.";
    KeyStoresFleetsClone, "KeyStores:Fleets:Clone", Elsewhere, "Nothing here asks for it yet.";
    KeyStoresProofOfControlCreate, "KeyStores:ProofOfControl:Create", Elsewhere, "Nothing here asks for it yet.";
    KeyStoresOnchainSignaturesCreate, "KeyStores:OnchainSignatures:Create", Elsewhere, "Nothing here asks for it yet.";
    NetworksCantonValidatorsCreate, "Networks:CantonValidators:Create", Elsewhere, "Nothing here asks for it yet.";
    NetworksCantonValidatorsRead, "Networks:CantonValidators:Read", Elsewhere, "Nothing here asks for it yet.";
    NetworksCantonValidatorsUpdate, "Networks:CantonValidators:Update", Elsewhere, "Nothing here asks for it yet.";
    NetworksCantonValidatorsDelete, "Networks:CantonValidators:Delete", Elsewhere, "Nothing here asks for it yet.";
    WalletsCreate, "Wallets:Create", Elsewhere, "Nothing here asks for it yet.";
    WalletsUpdate, "Wallets:Update", Elsewhere, "Nothing here asks for it yet.";
    WalletsTagsAdd, "Wallets:Tags:Add", Elsewhere, "Nothing here asks for it yet.";
    WalletsTagsDelete, "Wallets:Tags:Delete", Elsewhere, "Nothing here asks for it yet.";
    WalletsTransactionsAbort, "Wallets:Transactions:Abort", Elsewhere, "Nothing here asks for it yet.";
    WalletsTransfersAbort, "Wallets:Transfers:Abort", Elsewhere, "Nothing here asks for it yet.";
    WalletsOffersRead, "Wallets:Offers:Read", Elsewhere, "Nothing here asks for it yet.";
    WalletsOffersSettle, "Wallets:Offers:Settle", Elsewhere, "Nothing here asks for it yet.";
    VaultsCreate, "Vaults:Create", Elsewhere, "Nothing here asks for it yet.";
    VaultsRead, "Vaults:Read", Elsewhere, "Nothing here asks for it yet.";
    VaultsUpdate, "Vaults:Update", Elsewhere, "Nothing here asks for it yet.";
    VaultsTagsAdd, "Vaults:Tags:Add", Elsewhere, "Nothing here asks for it yet.";
    VaultsTagsDelete, "Vaults:Tags:Delete", Elsewhere, "Nothing here asks for it yet.";
    WebhooksCreate, "Webhooks:Create", Elsewhere, "Nothing here asks for it yet.";
    WebhooksRead, "Webhooks:Read", Elsewhere, "Nothing here asks for it yet.";
    WebhooksUpdate, "Webhooks:Update", Elsewhere, "Nothing here asks for it yet.";
    WebhooksDelete, "Webhooks:Delete", Elsewhere, "Nothing here asks for it yet.";
    WebhooksPing, "Webhooks:Ping", Elsewhere, "Nothing here asks for it yet.";
    WebhooksEventsRead, "Webhooks:Events:Read", Elsewhere, "Nothing here asks for it yet.";
    BillingRead, "Billing:Read", Elsewhere, "Nothing here asks for it yet.";
    BillingWrite, "Billing:Write", Elsewhere, "Nothing here asks for it yet.";
    AnalyticsRead, "Analytics:Read", Elsewhere, "Nothing here asks for it yet.";
}

impl Operation {
    /// Those of a group, in order.
    pub fn of(group: Group) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |operation| operation.group() == group)
    }

    /// Whether people may put it into a permission of their own: those that do something here.
    pub fn is_offered(self) -> bool {
        Group::OFFERED.contains(&self.group())
    }
}

/// Names that a published client has for some of them from before.
const FORMER: [(&str, Operation); 9] = [
    ("PermissionAssignments:Create", Operation::PermissionsAssign),
    ("PermissionAssignments:Read", Operation::AssignmentsRead),
    ("PermissionAssignments:Revoke", Operation::PermissionsRevoke),
    ("Auth:Users:Delegate", Operation::RegisterDelegated),
    ("Wallets:BroadcastTransaction", Operation::TransactionsCreate),
    ("Wallets:GenerateSignature", Operation::KeysSignaturesCreate),
    ("Auth:Apps:Read", Operation::ServiceAccountsRead),
    ("Auth:Apps:Create", Operation::ServiceAccountsCreate),
    ("Auth:Apps:Update", Operation::ServiceAccountsUpdate),
];

impl Operation {
    /// The operation with this name, or with this name from before.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_any_name(name: &str) -> Result<Self, UnknownOperation> {
        let former = FORMER.iter().find(|(former, _)| *former == name).map(|(_, operation)| *operation);
        former.map_or_else(|| name.parse(), Ok)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, UnknownOperation> {
        Self::ALL.iter().copied().find(|operation| operation.name() == text).ok_or(UnknownOperation)
    }
}

/// A set of operations: what a permission allows, or what a user may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operations {
    /// Every operation, also those that a later version brings.
    All,
    /// These and no other.
    These(BTreeSet<Operation>),
}

impl Operations {
    /// None at all.
    pub const NONE: Self = Self::These(BTreeSet::new());

    /// What the managed permission for end users allows: reading wallets and making transactions, nothing else.
    pub fn of_end_users() -> Self {
        Self::These(Operation::of(Group::Wallets).collect())
    }

    /// Whether this operation is in it.
    pub fn allows(&self, operation: Operation) -> bool {
        match self {
            Self::All => true,
            Self::These(operations) => operations.contains(&operation),
        }
    }

    /// Whether everything in `other` is in this one too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::These(_), Self::All) => false,
            (Self::These(own), Self::These(other)) => own.is_superset(other),
        }
    }

    /// Adds everything in `other`.
    fn extend(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (Self::These(_), Self::All) => *self = Self::All,
            (Self::These(own), Self::These(mut other)) => own.append(&mut other),
        }
    }

    /// The operations by name, in order; of [`Self::All`], those that this version has.
    pub fn iter(&self) -> impl Iterator<Item = Operation> + '_ {
        Operation::ALL.iter().copied().filter(|operation| self.allows(*operation))
    }
}

/// What all of them allow together.
impl FromIterator<Self> for Operations {
    fn from_iter<I: IntoIterator<Item = Self>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, |mut together, operations| {
            together.extend(operations);
            together
        })
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        Self::These(operations.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let names: BTreeSet<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        assert_eq!(names.len(), Operation::ALL.len());
        for operation in Operation::ALL {
            assert_eq!(operation.name().parse(), Ok(*operation));
            assert_eq!(serde_json::to_string(operation).unwrap(), format!("\"{operation}\""));
        }
        assert_eq!("Auth:Users:create".parse::<Operation>(), Err(UnknownOperation));
    }

    #[test]
    fn a_set_covers_what_is_in_it() {
        let some: Operations = [Operation::UsersRead, Operation::UsersCreate].into_iter().collect();
        let fewer: Operations = [Operation::UsersRead].into_iter().collect();
        assert!(Operations::All.covers(&some) && some.covers(&fewer) && fewer.covers(&Operations::NONE) && some.covers(&some));
        assert!(!some.covers(&Operations::All) && !fewer.covers(&some));
        let every: Operations = Operation::ALL.iter().copied().collect();
        assert!(!every.covers(&Operations::All), "what a later version brings is not in it");
        let mut both = fewer.clone();
        both.extend(some.clone());
        assert_eq!(both, some);
        both.extend(Operations::All);
        assert_eq!(both, Operations::All);
    }

    #[test]
    fn end_users_may_do_nothing_to_the_organization() {
        assert!(Operations::of_end_users().iter().all(|operation| !operation.is_offered()));
    }
}
