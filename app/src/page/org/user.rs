//! `/org/users/:id`: one user: who they are, how their invitation is doing, what they may do, and what can be done about it.

use super::{
    door::{missing, signed_in},
    offer::{offer, offer_danger},
    standing::{Standing, StandingBadge},
};
use crate::{
    action::change::Change,
    component::{
        activity_list::ActivityList,
        copy_button::IdFact,
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        moment::Moment,
        needs_script::NeedsScript,
        notice::Notice,
        passkey_cards::{KeyCards, PasskeyCards},
        relative::{Relative, TimeLeft},
        sign_dialog::After,
    },
    domain::{id::UserId, operation::Operation, time::Timestamp, user::UserStatus},
    page::{
        identity::{Danger, Permissions, RecentChanges},
        program::ProgramStanding,
    },
    rpc::{
        about::{MailDelivery, about},
        programs::ProgramRow,
        sign_in::Viewer,
        users::{KeyRow, MailState, PasskeyRow, UserDetails, UserRow, user},
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
    let UserDetails { row, created_at, mail, permissions, assignable, passkeys, keys, tokens, changes, activity, now } = details;
    let title = if row.name.is_empty() { row.user.handle.to_string() } else { row.name.clone() };
    let standing = Standing::of(&row, now);
    let is_invited = row.status == UserStatus::Invited;
    view! {
        <Frame viewer=viewer.clone() title current=Place::Users below=true>
            <Identity row=row.clone() standing created_at now is_viewer=row.user.id == viewer.user />
            <NeedsScript />
            {is_invited.then(|| view! { <Invitation viewer=viewer.clone() row=row.clone() standing mail mail_is_local now /> })}
            <Permissions
                viewer=viewer.clone()
                user=row.user.clone()
                status=row.status
                held=permissions
                without="Whoever has no permission can sign in, and nothing else."
                assignable
            />
            {(!is_invited || !passkeys.is_empty()).then(|| view! { <Passkeys passkeys now /> })}
            {(!keys.is_empty()).then(|| view! { <Keys keys now /> })}
            {(!tokens.is_empty()).then(|| view! { <Tokens viewer=viewer.clone() tokens now /> })}
            {changes.map(|changes| view! { <RecentChanges changes now /> })}
            <section>
                <h2>"Activity"</h2>
                <ActivityList events=activity now />
            </section>
            <Danger viewer user=row.user status=row.status list=Place::Users.path() />
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
                <IdFact label="User id" id what="the user id" />
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

/// What programs sign with in their name.
#[component]
fn Keys(keys: Vec<KeyRow>, now: Timestamp) -> impl IntoView {
    view! {
        <section>
            <h2>"Keys"</h2>
            <KeyCards keys now />
        </section>
    }
}

/// The programs that act in their name, and stopping them.
#[component]
fn Tokens(viewer: Viewer, tokens: Vec<ProgramRow>, now: Timestamp) -> impl IntoView {
    let may_delete = viewer.operations.allows(Operation::UsersDelete);
    let rows = tokens.into_iter().map(|token| {
        let name = token.user.handle.as_str().to_owned();
        let label = format!("Delete “{name}”");
        let change = Change::DeleteUser { user: token.user.clone() };
        let delete = may_delete.then(|| offer_danger(&viewer, &label, change, After::Reload)).flatten();
        view! {
            <li class="row">
                <div class="row-words">
                    <h3><bdi>{name}</bdi></h3>
                    <p><ProgramStanding token=token.clone() now /></p>
                    <p class="fine">
                        {match token.last_used_at {
                            Some(at) => view! { "Last used " <Relative at now /> }.into_any(),
                            None => "Never used".into_any(),
                        }}
                    </p>
                </div>
                {delete}
            </li>
        }
    });
    view! {
        <section>
            <h2>"Access tokens"</h2>
            <p class="measure">"Programs that act in their name, with no more rights than they have."</p>
            <ul class="rows">{rows.collect_view()}</ul>
        </section>
    }
}
