//! `/org/users/:id`: one user: who they are, how their invitation is doing, what they may do, and what can be done about it.

use super::{
    door::{missing, signed_in},
    give_permission::GivePermission,
    offer::{offer, offer_danger},
    standing::{Standing, StandingBadge},
};
use crate::{
    action::{
        change::{Change, PermissionRef, UserRef},
        sentence::consequence,
    },
    component::{
        activity_list::ActivityList,
        copy_button::CopyButton,
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        moment::Moment,
        needs_script::NeedsScript,
        notice::Notice,
        operation_list::{EVERY_OPERATION, OperationList, count},
        passkey_cards::PasskeyCards,
        relative::{Relative, TimeLeft},
        sign_dialog::After,
    },
    domain::{
        id::UserId,
        operation::{Operation, Operations},
        time::Timestamp,
        user::UserStatus,
    },
    rpc::{
        about::{MailDelivery, about},
        sign_in::Viewer,
        users::{HeldPermission, MailState, PasskeyRow, RecentEntry, UserDetails, UserRow, user},
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// One user.
#[component]
pub fn User() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse::<UserId>().ok()));
    signed_in(Place::Users, move |viewer| async move {
        let details = user(id.ok_or_else(missing)?).await?;
        // It only decides about a remark.
        let mail_is_local = about().await.is_ok_and(|about| about.mail == MailDelivery::LocalMailbox);
        Ok(view! { <UserPage viewer details mail_is_local /> }.into_any())
    })
}

#[component]
fn UserPage(viewer: Viewer, details: UserDetails, mail_is_local: bool) -> impl IntoView {
    let UserDetails { row, created_at, mail, permissions, assignable, passkeys, changes, activity, now } = details;
    let title = if row.name.is_empty() { row.user.handle.to_string() } else { row.name.clone() };
    let standing = Standing::of(&row, now);
    let is_invited = row.status == UserStatus::Invited;
    view! {
        <Frame viewer=viewer.clone() title current=Place::Users below=true>
            <Identity row=row.clone() standing created_at now is_viewer=row.user.id == viewer.user />
            <NeedsScript />
            {is_invited.then(|| view! { <Invitation viewer=viewer.clone() row=row.clone() standing mail mail_is_local now /> })}
            <Permissions viewer=viewer.clone() row=row.clone() held=permissions assignable />
            {(!is_invited || !passkeys.is_empty()).then(|| view! { <Passkeys passkeys now /> })}
            {changes.map(|changes| view! { <Changes changes now /> })}
            <section>
                <h2>"Activity"</h2>
                <ActivityList events=activity now />
            </section>
            <Danger viewer row />
        </Frame>
    }
}

#[component]
fn Identity(row: UserRow, standing: Standing, created_at: Timestamp, now: Timestamp, is_viewer: bool) -> impl IntoView {
    let id = row.user.id.to_string();
    view! {
        <section class="card">
            <h2 class="unseen">"Who this is"</h2>
            <dl class="facts columns">
                <div>
                    <dt>"Email"</dt>
                    <dd>{row.user.handle.to_string()} {is_viewer.then(|| view! { <span class="tag">"You"</span> })}</dd>
                </div>
                <div>
                    <dt>"Status"</dt>
                    <dd><StandingBadge standing now /></dd>
                </div>
                <div>
                    <dt>"Kind"</dt>
                    <dd>{row.kind.label()}</dd>
                </div>
                {row.external_id.map(|id| view! { <div><dt>"External id"</dt><dd><bdi>{id}</bdi></dd></div> })}
                <div>
                    <dt>"Created"</dt>
                    <dd><Moment at=created_at /></dd>
                </div>
                <div>
                    <dt>"Last seen"</dt>
                    <dd>
                        {match row.last_seen_at {
                            Some(at) => view! { <Moment at /> ", " <Relative at now /> }.into_any(),
                            None => "Never".into_any(),
                        }}
                    </dd>
                </div>
                <div class="whole">
                    <dt>"User id"</dt>
                    <dd class="facts-copy">
                        <code class="id">{id.clone()}</code>
                        <CopyButton text=id what="the user id".to_owned() />
                    </dd>
                </div>
            </dl>
        </section>
    }
}

/// How the invitation is doing, and what can be done with it.
#[component]
fn Invitation(
    viewer: Viewer,
    row: UserRow,
    standing: Standing,
    mail: Option<(MailState, Option<String>)>,
    mail_is_local: bool,
    now: Timestamp,
) -> impl IntoView {
    let user = row.user;
    let resend = offer(&viewer, "Send again", Change::ResendInvitation { user: user.clone() }, After::Reload);
    let share = offer(&viewer, "Show link and code", Change::ShareInvitation { user: user.clone() }, After::Reload);
    let revoke = (standing != Standing::InvitationRevoked)
        .then(|| offer_danger(&viewer, "Revoke invitation", Change::RevokeInvitation { user }, After::Reload))
        .flatten();
    let may_do_something = resend.is_some();
    let state = match standing {
        Standing::Invited(until) => view! { "The newest code works until " <Moment at=until /> ": " <TimeLeft until now /> "." }.into_any(),
        Standing::InvitationRevoked => "The invitation was revoked. Nobody can sign up with it until it is sent again.".into_any(),
        _ => "No code works any more: its time is over, or wrong tries ended it. Send the invitation again for a new one.".into_any(),
    };
    view! {
        <section class="card">
            <h2>"Invitation"</h2>
            <p>{state}</p>
            {mail.map(|(state, words)| view! { <MailNote state words mail_is_local may_share=may_do_something /> })}
            {may_do_something.then(|| view! { <div class="actions">{resend} {share} {revoke}</div> })}
        </section>
    }
}

/// What became of the mail, with the mail server's words.
#[component]
fn MailNote(state: MailState, words: Option<String>, mail_is_local: bool, may_share: bool) -> impl IntoView {
    let said = words.map(|words| view! { <p class="fine">"The mail server said: “" <bdi>{words}</bdi> "”"</p> });
    if mail_is_local {
        return view! {
            <Notice glyph=Glyph::Mail>
                <p>"This server has no mail server set up: the mail lies in its " <a href="/dev/mail">"local mailbox"</a> " and reaches nobody."</p>
                {may_share.then(|| view! { <p>"Show link and code, and pass them on yourself, separately."</p> })}
            </Notice>
        }
        .into_any();
    }
    match state {
        MailState::Sent => view! { <p class="mail-state"><Icon glyph=Glyph::Check /> "The mail server has taken the mail."</p> {said} }.into_any(),
        MailState::Queued => view! {
            <p class="mail-state"><Icon glyph=Glyph::Clock /> "The mail waits to be sent. It is tried until the mail server takes it."</p>
            {said}
        }
        .into_any(),
        MailState::Refused => view! {
            <Notice glyph=Glyph::Warning>
                <p><strong>"The mail didn't go out."</strong> " The mail server refused it, or couldn't be reached for too long."</p>
                {said}
                {may_share
                    .then(|| view! { <p>"Check the address and send it again; or show link and code, and pass them on yourself, separately."</p> })}
            </Notice>
        }
        .into_any(),
    }
}

/// What they may do, and giving and taking it.
#[component]
fn Permissions(
    viewer: Viewer,
    row: UserRow,
    held: Option<Vec<HeldPermission>>,
    assignable: Vec<(PermissionRef, Operations)>,
) -> impl IntoView {
    let list = match held {
        None => view! { <p class="aside">"You can't see them: that needs the operation " <code>{Operation::AssignmentsRead.name()}</code> "."</p> }.into_any(),
        Some(held) if held.is_empty() => {
            view! { <p class="aside">"None. Whoever has no permission can sign in, and nothing else."</p> }.into_any()
        }
        Some(held) => view! {
            <ul class="rows">
                {held.into_iter().map(|held| view! { <Held viewer=viewer.clone() user=row.user.clone() held /> }).collect_view()}
            </ul>
        }
        .into_any(),
    };
    let may_give = viewer.operations.allows(Operation::PermissionsAssign);
    let give = may_give.then(|| match row.status {
        UserStatus::Invited => view! { <p class="aside">"You can give them a permission once they have signed up."</p> }.into_any(),
        UserStatus::Deactivated => view! { <p class="aside">"You can give them a permission once they are active again."</p> }.into_any(),
        UserStatus::Active if assignable.is_empty() => view! {
            <p class="aside">"There is no other permission that you could give them: you can only give what you hold yourself, and what they don't have yet."</p>
        }
        .into_any(),
        UserStatus::Active => view! { <GivePermission user=row.user.clone() assignable signer=viewer.signer() /> }.into_any(),
    });
    view! {
        <section>
            <h2>"Permissions"</h2>
            {list}
            {give}
        </section>
    }
}

#[component]
fn Held(viewer: Viewer, user: UserRef, held: HeldPermission) -> impl IntoView {
    let HeldPermission { assignment, permission, operations } = held;
    let name = permission.name.to_string();
    let title = if viewer.operations.allows(Operation::PermissionsRead) {
        view! { <a href=format!("/org/permissions/{}", permission.id)><bdi>{name.clone()}</bdi></a> }.into_any()
    } else {
        view! { <bdi>{name.clone()}</bdi> }.into_any()
    };
    let change = Change::RevokeAssignment { id: assignment, permission, user };
    let revoke = offer_danger(&viewer, &format!("Revoke “{name}”"), change, After::Reload);
    view! {
        <li class="row">
            <div class="row-words">
                <h3>{title}</h3>
                <details>
                    <summary>{count(&operations)}</summary>
                    {(operations == Operations::All).then(|| view! { <p>{EVERY_OPERATION} ". In this version:"</p> })}
                    <OperationList operations=operations.iter().collect() />
                </details>
            </div>
            {revoke}
        </li>
    }
}

#[component]
fn Passkeys(passkeys: Vec<PasskeyRow>, now: Timestamp) -> impl IntoView {
    let list = if passkeys.is_empty() {
        view! { <p class="aside">"None: they can't sign in, and can't sign anything."</p> }.into_any()
    } else {
        view! { <PasskeyCards passkeys now /> }.into_any()
    };
    view! {
        <section>
            <h2>"Passkeys"</h2>
            {list}
        </section>
    }
}

/// The newest entries of history that are about them or by them.
#[component]
fn Changes(changes: Vec<RecentEntry>, now: Timestamp) -> impl IntoView {
    let list = if changes.is_empty() {
        view! { <p class="aside">"Nothing yet."</p> }.into_any()
    } else {
        view! {
            <ol class="rows">
                {changes
                    .into_iter()
                    .map(|entry| {
                        view! {
                            <li class=if entry.is_loud { "row loud" } else { "row" }>
                                <div class="row-words">
                                    <p><a href=format!("/org/history/{}", entry.index)><bdi>{entry.sentence}</bdi></a></p>
                                    <p class="fine">"By " <bdi>{entry.who}</bdi> " · " <Relative at=entry.at now /></p>
                                </div>
                            </li>
                        }
                    })
                    .collect_view()}
            </ol>
        }
        .into_any()
    };
    view! {
        <section>
            <h2>"Recent changes"</h2>
            {list}
        </section>
    }
}

/// Shutting out, letting in again, removing: what the viewer may do of it.
#[component]
fn Danger(viewer: Viewer, row: UserRow) -> impl IntoView {
    let user = row.user;
    let activate = Change::ActivateUser { user: user.clone() };
    let deactivate = Change::DeactivateUser { user: user.clone() };
    let re_enrol = Change::ReEnrolUser { user: user.clone() };
    let delete = Change::DeleteUser { user: user.clone() };
    let words = [consequence(&activate), consequence(&re_enrol), consequence(&deactivate), consequence(&delete)];
    let is_active = row.status == UserStatus::Active;
    let is_deactivated = row.status == UserStatus::Deactivated;
    let buttons = [
        is_deactivated.then(|| offer(&viewer, "Activate", activate, After::Reload)).flatten(),
        is_active.then(|| offer_danger(&viewer, "Enrol again", re_enrol, After::Reload)).flatten(),
        (!is_deactivated).then(|| offer_danger(&viewer, "Deactivate", deactivate, After::Reload)).flatten(),
        offer_danger(&viewer, "Delete", delete, After::Go(Place::Users.path().to_owned())),
    ];
    let rows: Vec<_> = words
        .into_iter()
        .zip(buttons)
        .filter_map(|(words, button)| {
            button.map(|button| {
                view! {
                    <li class="row">
                        <p class="row-words">{words}</p>
                        {button}
                    </li>
                }
            })
        })
        .collect();
    (!rows.is_empty()).then(|| {
        view! {
            <section class="danger-zone">
                <h2>"Danger"</h2>
                {(user.id == viewer.user).then(|| view! { <p><strong>"This is you."</strong> " You would shut yourself out."</p> })}
                <ul class="rows">{rows}</ul>
            </section>
        }
    })
}
