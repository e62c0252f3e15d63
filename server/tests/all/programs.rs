//! `/org/service-accounts` and `/account/access-tokens`: programs as people see them, make them, and shut them out. That
//! they can act is told in `api`.

use crate::support::{
    answer::refused,
    app::TestApp,
    browser::Browser,
    company::Company,
    database::TestDatabase,
    key::KeyPair,
    own_account::removing,
    signing::{assign, new_program, new_program_with, program_terms},
};
use app::{
    action::{
        account_change::AccountChange,
        change::{Change, GivenPermission},
    },
    domain::{id::TokenId, operation::Operation, text::ExternalId, user::UserStatus},
    refusal::Code,
    rpc::{
        permissions::PermissionDetails,
        programs::{ProgramChoice, ProgramDetails, ProgramList},
    },
};
use axum::{body::Body, http::Request};
use std::time::Duration;

on_both_databases!(
    what_is_signed_on_a_page_is_a_program_of_the_api,
    a_programs_page_offers_what_fits_its_state,
    an_access_token_is_seen_by_its_owner_only,
    an_admin_sees_and_deletes_what_acts_in_somebodys_name,
    a_new_program_may_be_given_what_fits_its_maker,
    many_service_accounts_are_all_shown_once,
    keys_are_seen_and_shut_out_like_passkeys,
);

async fn service_accounts(browser: &Browser, after: &str) -> ProgramList {
    browser.call("service_accounts", &[("after", after)]).await.done()
}

async fn access_tokens(browser: &Browser) -> ProgramList {
    browser.call("access_tokens", &[]).await.done()
}

/// What the API answers to a token that asks for users.
async fn asks_for_users(app: &TestApp, token: &str) -> u16 {
    let request = Request::get("/auth/users").header("authorization", format!("Bearer {token}"));
    app.browser().send(request.body(Body::empty()).unwrap()).await.status.as_u16()
}

async fn what_is_signed_on_a_page_is_a_program_of_the_api(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let admin = &mut company.admin;
    for (is_token, create, list, function) in [
        (false, Change::CreateServiceAccount as fn(_) -> _, "/org/service-accounts", "service_account"),
        (true, Change::CreateAccessToken as fn(_) -> _, "/account/access-tokens", "access_token"),
    ] {
        let key = KeyPair::ed25519();
        let mut new = new_program_with("Payroll", &key);
        new.terms.external_id = Some(ExternalId::parse("4711").unwrap());
        let receipt = admin.sign(&create(new)).await;
        let (id, shown) = (receipt.created.unwrap(), receipt.access_token.unwrap());
        // Without a permission a service account may do nothing, and an access token what its owner may.
        assert_eq!(asks_for_users(&app, &shown.token).await, if is_token { 200 } else { 403 });

        let details: ProgramDetails = admin.browser.call(function, &[("id", &id)]).await.done();
        assert_eq!((details.row.user.handle.as_str(), details.row.status), ("Payroll", UserStatus::Active));
        assert_eq!(details.row.external_id.as_ref().map(ExternalId::as_str), Some("4711"));
        assert!(details.row.last_used_at.is_some(), "it was used just now");
        let known = details.key.unwrap();
        assert_eq!((known.credential_id, known.pem.trim()), (shown.key.clone(), key.pem().trim()));
        if !is_token {
            admin.give(&company.held, &details.row.user).await;
            assert_eq!(asks_for_users(&app, &shown.token).await, 200);
        }

        let page = admin.browser.get(&format!("{list}/{id}")).await;
        let in_api = if is_token { TokenId::from_bytes(details.row.user.id.to_bytes()).to_string() } else { id.clone() };
        for words in
            ["Payroll", "4711", "Active</span>", "Ed25519", "2101-07-0", &shown.key, &format!("<code class=\"id\">{in_api}</code>")]
        {
            assert!(page.text().contains(words), "{list}: {words}: {}", page.text());
        }
        let names = admin.browser.get(list).await;
        assert!(names.text().contains(&format!("{list}/{id}")), "{}", names.text());
        // The token is in the receipt, and nowhere else any more.
        for answer in [&page, &names] {
            assert!(!answer.text().contains(&shown.token) && !answer.text().contains(shown.token.rsplit('.').next().unwrap()));
        }
        assert!(!serde_json::to_string(&app.dump().await).unwrap().contains(shown.token.rsplit('.').next().unwrap()));
    }
    app.verify(company.admin.organization).await;
}

async fn a_programs_page_offers_what_fits_its_state(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    for (user, list) in [(company.robot.clone(), "/org/service-accounts"), (company.token.clone(), "/account/access-tokens")] {
        let path = format!("{list}/{}", user.id);
        let buttons = async |browser: &Browser| {
            let page = browser.get(&path).await;
            let all = ["Give permission", "Change the name", "Activate", "Deactivate", "Delete", "Enrol again"];
            all.into_iter().filter(|words| page.text().contains(&format!(">{words}</button>"))).collect::<Vec<_>>()
        };
        let admin = &mut company.admin;
        assert_eq!(buttons(&admin.browser).await, ["Give permission", "Change the name", "Deactivate", "Delete"]);
        admin.sign(&Change::DeactivateUser { user: user.clone() }).await;
        assert!(admin.browser.get(&path).await.text().contains("Deactivated</span>"));
        assert_eq!(buttons(&admin.browser).await, ["Change the name", "Activate", "Delete"]);
        admin.sign(&Change::ActivateUser { user: user.clone() }).await;
        let name = user.handle.as_str();
        admin.sign(&Change::UpdateProgram { user: user.clone(), before: program_terms(name), after: program_terms("Another") }).await;
        let page = admin.browser.get(&path).await;
        assert!(page.text().contains("Another") && page.text().contains("Recent changes"), "{}", page.text());
        assert!(page.text().contains("and call it “Another”"), "what was done about it is there: {}", page.text());
    }
    // Their time ends, whatever else.
    app.advance(Duration::from_hours(24 * 700));
    let admin = &mut company.admin;
    admin.browser = app.browser();
    admin.sign_in().await;
    let page = admin.browser.get(&format!("/org/service-accounts/{}", company.robot.id)).await;
    assert!(page.text().contains("Expired</span>"), "{}", page.text());
}

async fn an_access_token_is_seen_by_its_owner_only(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let makers = company.admin.define("Makers", &[Operation::TokensCreate]).await;
    let (mut bob, _) = app.colleague(&mut company.admin, "bob2@example.org", &[&makers]).await;
    let bobs = bob.access_token("Script").await;
    let names = |list: ProgramList| list.programs.into_iter().map(|row| row.user).collect::<Vec<_>>();
    assert_eq!(names(access_tokens(&bob.browser).await), std::slice::from_ref(&bobs));
    assert_eq!(names(access_tokens(&company.admin.browser).await), [company.token.clone()]);
    for (person, other) in [(&bob, &company.token), (&company.admin, &bobs), (&bob, &company.robot)] {
        let answer = person.browser.call("access_token", &[("id", &other.id.to_string())]).await;
        assert_eq!(answer.verdict(), refused(Code::NotFound));
        assert_eq!(person.browser.get(&format!("/account/access-tokens/{}", other.id)).await.status, 404);
    }
    // Nobody else alters it, an admin included: what it may do, what it is called, whether it acts.
    let user = bobs.clone();
    for change in [
        assign(&company.free, &user),
        Change::DeactivateUser { user: user.clone() },
        Change::UpdateProgram { user: user.clone(), before: program_terms("Script"), after: program_terms("Other") },
    ] {
        assert_eq!(company.admin.verdict_on(&change).await, refused(Code::NotFound), "{change:?}");
    }
    let delete = Change::DeleteUser { user: bobs.clone() };
    // Its permissions are its owner's to see, also without the operation for seeing assignments.
    let details: ProgramDetails = bob.browser.call("access_token", &[("id", &bobs.id.to_string())]).await.done();
    assert_eq!((details.permissions, details.assignable, details.changes), (Some(Vec::new()), Vec::new(), None));
    bob.sign(&delete).await;
    assert_eq!(names(access_tokens(&bob.browser).await), []);
    assert!(bob.browser.get("/account/access-tokens").await.text().contains("You have no access token."));
    app.verify(company.admin.organization).await;
}

/// Whoever may remove people can stop what acts in their name, and what only such a program holds isn't stuck.
async fn an_admin_sees_and_deletes_what_acts_in_somebodys_name(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let makers = company.admin.define("Makers", &[Operation::TokensCreate]).await;
    let (mut bob, user) = app.colleague(&mut company.admin, "bob2@example.org", &[&makers]).await;
    let mut new = new_program("Script");
    let (permission, operations) = (company.free.permission.clone(), company.free.operations.clone());
    new.permission = Some(GivenPermission { permission: permission.clone(), operations });
    let id = bob.sign(&Change::CreateAccessToken(new)).await.created.unwrap();
    let page = company.admin.browser.get(&format!("/org/users/{}", user.id)).await;
    assert!(page.text().contains("Script") && page.text().contains(">Delete “Script”</button>"), "{}", page.text());
    let archive = Change::ArchivePermission { permission: permission.clone() };
    assert_eq!(company.admin.verdict_on(&archive).await, refused(Code::Conflict));
    let token = company.admin.user_details(&user).await.tokens.remove(0).user;
    assert_eq!(token.id.to_string(), id);
    let holders: PermissionDetails =
        company.admin.browser.call("permission", &[("id", &permission.id.to_string()), ("after", "")]).await.done();
    let assignment = holders.holders.unwrap()[0].assignment;
    let revoke = Change::RevokeAssignment { id: assignment, permission, user: token.clone() };
    assert_eq!(company.admin.verdict_on(&revoke).await, refused(Code::Conflict), "without it, it could do more");
    // Reading users isn't enough, nor is deleting service accounts.
    let readers = company.admin.define("Robot keepers", &[Operation::UsersRead, Operation::ServiceAccountsDelete]).await;
    let (mut reader, _) = app.colleague(&mut company.admin, "reader@example.org", &[&readers]).await;
    assert!(!reader.browser.get(&format!("/org/users/{}", user.id)).await.text().contains("Delete “Script”"));
    let delete = Change::DeleteUser { user: token };
    assert_eq!(reader.verdict_on(&delete).await, refused(Code::NotFound));
    company.admin.sign(&delete).await;
    company.admin.sign(&archive).await;
    assert_eq!(bob.browser.call("access_token", &[("id", &id)]).await.verdict(), refused(Code::NotFound));
    app.verify(company.admin.organization).await;
}

async fn a_new_program_may_be_given_what_fits_its_maker(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let choice = async |browser: &Browser, function: &str| -> Vec<String> {
        let choice: ProgramChoice = browser.call(function, &[]).await.done();
        assert!(choice.now <= app.services.ambient.now());
        choice.permissions.into_iter().map(|given| given.permission.name.to_string()).collect()
    };
    let (account, token) = ("service_account_choice", "access_token_choice");
    // An admin: everything but what is archived.
    for function in [account, token] {
        assert_eq!(choice(&company.admin.browser, function).await, ["End user", "Full admin", "Auditors", "Readers"]);
    }
    // Whoever reads permissions, but holds little: for a service account what they could give; a token is only narrowed by it.
    let makers = [Operation::ServiceAccountsCreate, Operation::TokensCreate];
    let reading = company.admin.define("Making", &[makers.as_slice(), &[Operation::PermissionsRead]].concat()).await;
    let (maker, _) = app.colleague(&mut company.admin, "maker@example.org", &[&reading]).await;
    assert_eq!(choice(&maker.browser, account).await, ["End user", "Making"]);
    assert_eq!(choice(&maker.browser, token).await, ["End user", "Full admin", "Auditors", "Making", "Readers"]);
    // Whoever doesn't may choose among their own.
    let blind = company.admin.define("Making blindly", &makers).await;
    let (blind, _) = app.colleague(&mut company.admin, "blind@example.org", &[&blind]).await;
    for function in [account, token] {
        assert_eq!(choice(&blind.browser, function).await, ["Making blindly"]);
    }
    let (nobody, _) = app.colleague(&mut company.admin, "none@example.org", &[]).await;
    for (function, path) in [(account, "/org/service-accounts/new"), (token, "/account/access-tokens/new")] {
        assert_eq!(nobody.browser.call(function, &[]).await.verdict(), refused(Code::NotPermitted));
        assert_eq!(nobody.browser.get(path).await.status, 403);
        assert_eq!(maker.browser.get(path).await.status, 200);
    }
    let listed = nobody.browser.get("/account/access-tokens").await;
    assert!(listed.text().contains("Auth:Pats:Create") && !listed.text().contains("New access token"), "{}", listed.text());
}

async fn many_service_accounts_are_all_shown_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    assert!(admin.browser.get("/org/service-accounts").await.text().contains("There is no service account yet."));
    for number in 0..53 {
        admin.sign(&Change::CreateServiceAccount(new_program(&format!("Robot {number:02}")))).await;
        app.advance(Duration::from_secs(1));
    }
    let first = service_accounts(&admin.browser, "").await;
    let second = service_accounts(&admin.browser, &first.next.clone().unwrap()).await;
    assert_eq!((first.programs.len(), second.programs.len(), second.next), (50, 3, None));
    let names = first.programs.iter().chain(&second.programs).map(|row| row.user.handle.as_str().to_owned());
    assert_eq!(names.collect::<Vec<_>>(), (0..53).map(|number| format!("Robot {number:02}")).collect::<Vec<_>>());
    let page = admin.browser.get("/org/service-accounts").await;
    let next = page.text().split("/org/service-accounts?after=").nth(1).expect("a link to the next page").split('"').next().unwrap();
    let page = admin.browser.get(&format!("/org/service-accounts?after={next}")).await;
    assert!(page.text().contains("Robot 52") && !page.text().contains("Robot 49"), "{}", page.text());
}

async fn keys_are_seen_and_shut_out_like_passkeys(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let admin = &mut company.admin;
    let (adding, setting) = (admin.adding_key("Robot key", true).await, admin.setting_recovery_key("Safe key", true).await);
    admin.sign(&adding).await;
    admin.sign(&setting).await;
    let account = admin.account().await;
    let keys: Vec<_> = account.keys.iter().map(|key| (key.name.as_str(), key.is_for_recovery, key.is_active)).collect();
    assert_eq!(keys, [("Robot key", false, true), ("Safe key", true, true)]);
    assert!(account.kit.is_none(), "the recovery key took the kit's place");
    let page = admin.browser.get("/account").await;
    for words in ["Robot key", "Safe key", "A program keeps a recovery key of yours instead.", "Deactivated</span>"] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    // The passkey that was shut out is still there, and can be let in again.
    assert_eq!(page.text().matches(">Activate</button>").count(), 1);
    let Change::OwnAccount(AccountChange::AddKey { name, .. }) = adding else { panic!() };
    let id = account.keys[0].id;
    admin.sign(&Change::OwnAccount(AccountChange::DeactivateCredential { id, name })).await;
    assert_eq!(admin.browser.get("/account").await.text().matches(">Activate</button>").count(), 2);
    // A key opens no page: the last passkey stays, whatever keys there are.
    let account = admin.account().await;
    let active: Vec<_> = account.passkeys.iter().filter(|passkey| passkey.is_active).collect();
    assert_eq!(active.len(), 2);
    admin.sign(&removing(active[1].id, "Spare")).await;
    assert_eq!(admin.verdict_on(&removing(active[0].id, "Passkey")).await, refused(Code::Conflict));
    // Admins see them on their owner's page.
    let me = admin.as_user().await;
    let page = admin.browser.get(&format!("/org/users/{}", me.id)).await;
    assert!(page.text().contains("Robot key") && page.text().contains("Safe key"), "{}", page.text());
    // Who has a permission is named and linked, programs too.
    admin.sign(&assign(&company.free, &company.robot)).await;
    admin.sign(&assign(&company.free, &company.token)).await;
    let page = admin.browser.get(&format!("/org/permissions/{}", company.free.permission.id)).await;
    for link in [format!("/org/service-accounts/{}", company.robot.id), format!("/account/access-tokens/{}", company.token.id)] {
        assert!(page.text().contains(&link), "{link}: {}", page.text());
    }
    app.verify(company.admin.organization).await;
}
