//! What a program is called, and the dialog to sign another name.

use super::new::{EXTERNAL_ID, NAME, terms};
use crate::{
    action::{
        change::{Change, ProgramTerms, UserRef},
        review::Signer,
    },
    component::{
        alert::Alert,
        field::Field,
        form::{react, typed},
        sign_dialog::{After, SignDialog},
    },
    domain::text::ExternalId,
    refusal::{Code, Refusal},
};
use leptos::{ev::SubmitEvent, prelude::*};

/// Name and external id, and the dialog that signs.
#[island]
pub(super) fn RenameProgram(
    /// Which.
    user: UserRef,
    /// How it is called.
    terms: ProgramTerms,
    /// Who signs.
    signer: Signer,
) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let change = RwSignal::new(None::<Change>);
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let [name, external_id] = [NodeRef::new(), NodeRef::new()];
    let name_before = terms.name.to_string();
    let external_id_before = terms.external_id.as_ref().map(ExternalId::to_string).unwrap_or_default();
    let before = StoredValue::new((user, terms));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match before.with_value(|(user, before)| renamed(user, before, &typed(name), &typed(external_id))) {
            Ok(wanted) => {
                refusal.set(None);
                change.set(Some(wanted));
            }
            Err(refused) => refusal.set(Some(refused)),
        }
    };
    view! {
        <form class="form" novalidate on:submit=submit>
            <Alert refusal />
            <Field kind=NAME value=name_before refusal input=name />
            <Field kind=EXTERNAL_ID value=external_id_before may_be_empty=true refusal input=external_id />
            <div class="actions">
                <button type="submit" class="button" disabled=asleep>"Change the name"</button>
            </div>
        </form>
        <SignDialog change signer after=After::Reload refusal />
    }
}

fn renamed(user: &UserRef, before: &ProgramTerms, name: &str, external_id: &str) -> Result<Change, Refusal> {
    let after = terms(name, external_id).map_err(Refusal::invalid)?;
    if after == *before {
        return Err(Refusal::new(Code::InvalidInput, "This changes nothing yet: it is called like this already."));
    }
    Ok(Change::UpdateProgram { user: user.clone(), before: before.clone(), after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{handle::Handle, id::UserId, text::ProgramName};

    #[test]
    fn a_new_name_becomes_a_change_and_the_same_one_does_not() {
        let before = terms("Payroll", "").unwrap();
        let user = UserRef { id: UserId::from_bytes([7; 16]), handle: Handle::ServiceAccount(ProgramName::parse("Payroll").unwrap()) };
        let after = terms("Wages", "7").unwrap();
        assert_eq!(
            renamed(&user, &before, " Wages ", "7"),
            Ok(Change::UpdateProgram { user: user.clone(), before: before.clone(), after })
        );
        assert!(renamed(&user, &before, "Payroll ", " ").is_err());
        assert!(renamed(&user, &before, "", "").unwrap_err().field("name").is_some());
    }
}
