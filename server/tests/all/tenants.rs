//! Organizations never meet: what belongs to one is worth nothing with another one's ids.

use crate::{
    api::programs::Program,
    support::{
        answer::{Answer, DONE, refused},
        app::TestApp,
        browser::Browser,
        company::Company,
        database::TestDatabase,
        device::base64url,
        key::KeyPair,
        person::code_in,
        signing::{create_permission, create_user},
    },
};
use app::{
    action::change::{Change, UserRef},
    domain::{
        id::{ActionId, AssignmentId, ChallengeId, CredentialId, EntryId, OrganizationId, PermissionId, UserId},
        operation::Operation,
        text::EmailAddress,
    },
    refusal::Code,
    rpc::{
        get_started::{CodeState, Registration},
        history::HistoryPage,
        permissions::PermissionList,
    },
};
use axum::http::Method;
use serde_json::{Value, json};
use server::storage::{credentials, users};
use std::{collections::BTreeMap, fs, path::Path};

on_both_databases!(
    a_code_is_worth_nothing_in_another_organization,
    a_new_code_is_sent_for_the_organization_that_was_named,
    wrong_codes_for_one_do_not_count_for_another,
    what_is_looked_up_by_another_organizations_id_is_not_there,
    a_session_that_names_another_organization_is_nobodys,
    every_server_function_finds_of_another_organization_what_it_finds_of_nothing,
    every_page_finds_of_another_organization_what_it_finds_of_nothing,
    every_call_of_the_api_finds_of_another_organization_what_it_finds_of_nothing,
    every_change_that_names_anything_of_another_organization_is_refused,
    what_another_organization_has_is_free_to_take,
    lists_and_exports_hold_nothing_of_another_organization,
);

async fn a_code_is_worth_nothing_in_another_organization(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.founder("ada@example.org").await;
    let bob = app.founder("bob@example.org").await;
    let adas_other = app.founder("ada@example.org").await;
    let browser = app.browser();
    for (email, organization, code) in [
        ("ada@example.org", bob.organization, &ada.code),
        ("bob@example.org", ada.organization, &bob.code),
        ("bob@example.org", bob.organization, &ada.code),
        ("ada@example.org", adas_other.organization, &ada.code),
        ("ada@example.org", ada.organization, &adas_other.code),
    ] {
        let answer = browser.activate(email, &organization.to_string(), code).await;
        assert_eq!(answer.verdict(), refused(Code::WrongCode), "{email} {organization}");
    }
    assert_eq!(browser.session(), None);
    assert_eq!(browser.code_state("ada@example.org", &bob.organization.to_string()).await.done::<CodeState>(), CodeState::NotLive);
    for person in [&ada, &bob, &adas_other] {
        assert_eq!(person.activate().await.verdict(), DONE);
        assert_eq!(person.browser.registration().await.done::<Registration>().organization, person.organization);
    }
}

async fn a_new_code_is_sent_for_the_organization_that_was_named(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let first = app.founder("ada@example.org").await;
    let second = app.founder("ada@example.org").await;
    let other = app.founder("bob@example.org").await;
    // With a stranger's organization: nothing.
    assert_eq!(app.browser().send_new_code("ada@example.org", &other.organization.to_string()).await.verdict(), DONE);
    app.settle().await;
    assert_eq!(app.count("outbox").await, 3);
    assert_eq!(app.browser().send_new_code("ada@example.org", &first.organization.to_string()).await.verdict(), DONE);
    let mails = app.mails_to_arrive("ada@example.org", 3).await;
    assert!(mails[0].text.contains(&first.organization.to_string()), "{}", mails[0].text);
    assert_eq!(first.type_code(&code_in(&mails[0].text)).await.verdict(), DONE);
    assert_eq!(first.type_code(&first.code).await.verdict(), refused(Code::EndedCode));
    assert_eq!(second.activate().await.verdict(), DONE, "the other organization's code still works");
    assert_eq!(other.activate().await.verdict(), DONE);
}

async fn wrong_codes_for_one_do_not_count_for_another(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let first = app.founder("ada@example.org").await;
    let second = app.founder("ada@example.org").await;
    for _ in 0..6 {
        assert_eq!(first.type_code(&first.wrong_code()).await.verdict(), refused(Code::WrongCode));
    }
    assert_eq!(first.activate().await.verdict(), refused(Code::EndedCode));
    assert_eq!(second.activate().await.verdict(), DONE);
}

async fn what_is_looked_up_by_another_organizations_id_is_not_there(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.admin("ada@example.org").await.viewer().await;
    let bob = app.admin("bob@example.org").await.viewer().await;
    let db = &mut *app.connection().await;
    assert!(users::find(db, ada.organization, ada.user).await.unwrap().is_some());
    assert!(users::find(db, bob.organization, ada.user).await.unwrap().is_none());
    assert!(!users::register(db, bob.organization, ada.user, app.services.ambient.now()).await.unwrap());
    assert_eq!(credentials::count_passkeys(db, ada.organization, ada.user).await.unwrap(), 1);
    assert_eq!(credentials::count_passkeys(db, bob.organization, ada.user).await.unwrap(), 0);
    assert_eq!(credentials::records(db, ada.organization, ada.user).await.unwrap().len(), 2);
    assert_eq!(credentials::records(db, bob.organization, ada.user).await.unwrap(), []);
}

async fn a_session_that_names_another_organization_is_nobodys(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.admin("ada@example.org").await;
    let bob = app.admin("bob@example.org").await;
    let data = app.text("SELECT data FROM sessions ORDER BY created_at LIMIT 1").await;
    let mixed = data.replace(&ada.organization.to_string(), &bob.organization.to_string());
    assert_ne!(mixed, data);
    app.run(&format!("UPDATE sessions SET data = '{mixed}' WHERE data = '{data}'")).await;
    assert_eq!(ada.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(bob.browser.viewer().await.verdict(), DONE);
}

/// Ids, all of them another organization's, or all of them nobody's.
struct Ids {
    organization: OrganizationId,
    user: UserId,
    permission: PermissionId,
    assignment: AssignmentId,
    credential: CredentialId,
    /// A service account.
    robot: UserId,
    /// An access token.
    token: UserId,
    action: ActionId,
    /// Of an entry of history.
    index: u64,
}

impl Ids {
    fn of(company: &Company, last_entry: u64) -> Self {
        Self {
            organization: company.admin.organization,
            user: company.active.id,
            permission: company.held.permission.id,
            assignment: company.assignment,
            credential: company.passkey,
            robot: company.robot.id,
            token: company.token.id,
            action: company.action,
            index: last_entry,
        }
    }

    fn of_nothing() -> Self {
        Self {
            organization: OrganizationId::from_bytes([0x5a; 16]),
            user: UserId::from_bytes([0x5a; 16]),
            permission: PermissionId::from_bytes([0x5a; 16]),
            assignment: AssignmentId::from_bytes([0x5a; 16]),
            credential: CredentialId::from_bytes([0x5a; 16]),
            robot: UserId::from_bytes([0x5a; 16]),
            token: UserId::from_bytes([0x5a; 16]),
            action: ActionId::from_bytes([0x5a; 16]),
            index: 1_000_000,
        }
    }

    /// The one of the same kind as this text, if the text is an id.
    fn of_kind(&self, text: &str) -> Option<String> {
        match text.split_once('-')?.0 {
            "us" => text.parse::<UserId>().ok().map(|_| self.user.to_string()),
            "pm" => text.parse::<PermissionId>().ok().map(|_| self.permission.to_string()),
            "cr" => text.parse::<CredentialId>().ok().map(|_| self.credential.to_string()),
            "as" => text.parse::<AssignmentId>().ok().map(|_| self.assignment.to_string()),
            _ => None,
        }
    }
}

/// Two organizations with the same in them, and of the second one more history.
async fn two_companies(app: &TestApp) -> (Company, Company) {
    let home = Company::open(app, "home.example").await;
    let mut foreign = Company::open(app, "foreign.example").await;
    foreign.admin.define("Secret plans", &[Operation::UsersRead]).await;
    foreign.admin.service_account("Secret robot").await;
    foreign.admin.access_token("Secret script").await;
    (home, foreign)
}

/// Neither ids nor addresses nor names that only the other organization has.
fn tells_nothing(answer: &Answer) -> bool {
    !["foreign.example", "Secret plans", "Secret robot", "Secret script"].iter().any(|secret| answer.text().contains(secret))
}

/// Server functions that take anything: it may name what belongs to another organization.
fn functions_with_arguments() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/rpc");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for function in source.split("\n#[server(").skip(1) {
            let endpoint = function.split("endpoint = \"").nth(1).unwrap().split('"').next().unwrap();
            let arguments = function.split("pub async fn").nth(1).unwrap().split_once('(').unwrap().1.split(')').next().unwrap();
            if !arguments.trim().is_empty() {
                found.push(endpoint.to_owned());
            }
        }
    }
    assert!(found.len() >= 14, "{found:?}");
    found
}

/// Asks a function with these ids, and with everything else from home.
async fn ask(browser: &Browser, function: &str, home: &Company, ids: &Ids) -> Vec<Answer> {
    let organization = ids.organization.to_string();
    let invited = home.invited.handle.as_str();
    match function {
        "send_new_code" => vec![browser.send_new_code(invited, &organization).await],
        "code_state" => vec![browser.code_state(invited, &organization).await],
        "activate" => vec![browser.activate(invited, &organization, "1111222233334444").await],
        // They name nothing of an organization: a challenge belongs to none. Other users' tests and sessions are tried in
        // `account`, and recoveries in `recovery`, those of other organizations among them.
        "create_organization"
        | "keep_passkey"
        | "finish_registration"
        | "finish_sign_in"
        | "finish_kit_test"
        | "end_session"
        | "start_recovery"
        | "type_recovery_code"
        | "prove_recovery_kit"
        | "prepare_recovery"
        | "commit_recovery"
        | "offered_passkey"
        | "type_device_code"
        | "present_passkey" => Vec::new(),
        "prepare_change" => {
            let mut answers = Vec::new();
            for change in foreign_changes(home, ids) {
                answers.push(browser.call_json("prepare_change", &json!({ "change": change })).await);
            }
            answers
        }
        "commit_change" => vec![browser.call_json("commit_change", &json!({ "action": ids.action, "response": {} })).await],
        "users" => vec![browser.call("users", &[("search", &ids.user.to_string()), ("status", ""), ("after", "")]).await],
        "user" => vec![browser.call("user", &[("id", &ids.user.to_string())]).await],
        "permissions" => vec![browser.call("permissions", &[("after", &ids.permission.to_string())]).await],
        "permission" => vec![browser.call("permission", &[("id", &ids.permission.to_string()), ("after", "")]).await],
        "service_accounts" => vec![browser.call("service_accounts", &[("after", &ids.robot.to_string())]).await],
        "service_account" => vec![browser.call("service_account", &[("id", &ids.robot.to_string())]).await],
        "access_token" => vec![browser.call("access_token", &[("id", &ids.token.to_string())]).await],
        "history" => vec![browser.call("history", &[("before", &(ids.index + 1).to_string())]).await],
        "history_entry" => vec![browser.call("history_entry", &[("index", &ids.index.to_string())]).await],
        other => panic!("{other} takes arguments: ask it here for what another organization has"),
    }
}

/// Every change of home, as JSON, with one of its ids in another's place, each in turn.
fn foreign_changes(home: &Company, ids: &Ids) -> Vec<Value> {
    let mut changed = Vec::new();
    for change in home.every_change() {
        let change = serde_json::to_value(&change).unwrap();
        for path in texts(&change, String::new()) {
            let mut other = change.clone();
            let place = other.pointer_mut(&path).unwrap();
            if let Some(id) = place.as_str().and_then(|text| ids.of_kind(text)) {
                *place = Value::from(id);
                changed.push(other);
            }
        }
    }
    assert!(changed.len() >= 13, "{changed:?}");
    changed
}

/// The JSON pointers of all texts.
fn texts(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::String(_) => vec![path],
        Value::Array(items) => items.iter().enumerate().flat_map(|(place, item)| texts(item, format!("{path}/{place}"))).collect(),
        Value::Object(members) => members.iter().flat_map(|(name, member)| texts(member, format!("{path}/{name}"))).collect(),
        _ => Vec::new(),
    }
}

async fn every_server_function_finds_of_another_organization_what_it_finds_of_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (home, foreign) = two_companies(&app).await;
    let last = app.export(foreign.admin.organization).await.0.len() as u64 - 1;
    let (theirs, nothing) = (Ids::of(&foreign, last), Ids::of_nothing());
    let before = app.dump().await;
    for function in functions_with_arguments() {
        let of_theirs = ask(&home.admin.browser, &function, &home, &theirs).await;
        let of_nothing = ask(&home.admin.browser, &function, &home, &nothing).await;
        assert_eq!(of_theirs.len(), of_nothing.len());
        for (of_theirs, of_nothing) in of_theirs.iter().zip(&of_nothing) {
            assert!(tells_nothing(of_theirs), "{function}: {}", of_theirs.text());
            assert_eq!(heard(of_theirs, &theirs), heard(of_nothing, &nothing), "{function}");
            let is_done =
                ["send_new_code", "code_state", "users", "permissions", "service_accounts", "history"].contains(&function.as_str());
            assert!(is_done || of_theirs.status.is_client_error(), "{function}: {} {}", of_theirs.status, of_theirs.text());
        }
    }
    app.settle().await;
    assert_eq!(app.dump().await, before);
}

/// An answer but for what was asked, which some repeat, and the time, which a list tells.
fn heard(answer: &Answer, asked: &Ids) -> String {
    let heard = format!("{:?}", answer.comparable()).replace(&asked.organization.to_string(), "ORGANIZATION");
    match heard.split_once(r#"\"now\":"#) {
        Some((before, _)) => before.to_owned(),
        None => heard,
    }
}

/// The pages of an organization whose address holds an id or a place, as the site map names them.
fn pages_with_ids() -> Vec<String> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/lib.rs")).unwrap();
    let routes = source.split("path!(\"").skip(1).map(|route| route.split('"').next().unwrap().to_owned());
    let found: Vec<String> = routes.filter(|route| route.contains(':')).collect();
    assert!(found.len() >= 4, "{found:?}");
    found
}

async fn every_page_finds_of_another_organization_what_it_finds_of_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (home, foreign) = two_companies(&app).await;
    let last = app.export(foreign.admin.organization).await.0.len() as u64 - 1;
    let (theirs, nothing) = (Ids::of(&foreign, last), Ids::of_nothing());
    for route in pages_with_ids() {
        let path = |ids: &Ids| {
            let (place, id) = match route.as_str() {
                "/org/users/:id" => (":id", ids.user.to_string()),
                "/org/permissions/:id" | "/org/permissions/:id/edit" => (":id", ids.permission.to_string()),
                "/org/service-accounts/:id" => (":id", ids.robot.to_string()),
                "/account/access-tokens/:id" => (":id", ids.token.to_string()),
                "/org/history/:index" => (":index", ids.index.to_string()),
                other => panic!("{other} names something: open it here for what another organization has"),
            };
            route.replace(place, &id)
        };
        let [of_theirs, of_nothing] = [home.admin.browser.get(&path(&theirs)).await, home.admin.browser.get(&path(&nothing)).await];
        assert_eq!(of_theirs.status, 404, "{route}");
        assert!(tells_nothing(&of_theirs), "{route}: {}", of_theirs.text());
        assert_eq!(without_nonce(&of_theirs), without_nonce(&of_nothing), "{route}");
        // There is something at that address, for those whom it belongs to.
        assert_eq!(foreign.admin.browser.get(&path(&theirs)).await.status, 200, "{route}");
    }
}

/// A page with all that may differ between two times of opening it left out.
fn without_nonce(page: &Answer) -> String {
    let nonce = page.header("content-security-policy").split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    page.text().replace(nonce, "NONCE")
}

/// What programs name beside [`Ids`].
struct Named {
    ids: Ids,
    /// The address of a customer.
    customer: String,
    /// A challenge for a new credential.
    challenge: Value,
    /// What they call the key that is over it.
    key: KeyPair,
    /// Behind which a list goes on.
    cursor: String,
}

impl Named {
    /// What this company's admin has.
    async fn of(app: &TestApp, company: &mut Company, last_entry: u64) -> Self {
        let caller = app.caller(&mut company.admin).await;
        let challenge = caller.send(caller.request(Method::POST, "/auth/credentials/init"), r#"{"kind":"Key"}"#).await.answer();
        let customer = company.customer.handle.as_str();
        let cursor = base64url(customer.as_bytes());
        Self { ids: Ids::of(company, last_entry), customer: customer.to_owned(), challenge, key: KeyPair::ed25519(), cursor }
    }

    fn of_nothing() -> Self {
        Self {
            ids: Ids::of_nothing(),
            customer: "nobody@nowhere.example".to_owned(),
            challenge: json!({ "challenge": base64url(&[0x5a; 32]), "challengeIdentifier": ChallengeId::from_bytes([0x5a; 16]) }),
            key: KeyPair::ed25519(),
            cursor: base64url(b"nobody@nowhere.example"),
        }
    }

    /// A path of the API with these ids in its places.
    fn at(&self, pattern: &str) -> String {
        let Ids { organization, user, permission, assignment, robot, token, index, .. } = &self.ids;
        let parts = pattern.split('/').map(|part| match part {
            "{userId}" => user.to_string(),
            "{permissionId}" => permission.to_string(),
            "{assignmentId}" => assignment.to_string(),
            "{serviceAccountId}" => robot.to_string(),
            "{tokenId}" => token.to_string(),
            "{id}" => EntryId::new(*organization, *index).to_string(),
            "{index}" => index.to_string(),
            place if place.starts_with('{') => panic!("{pattern}: say here what another organization has for {place}"),
            word => word.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// A text without them.
    fn hidden(&self, text: &str) -> String {
        let Ids { organization, user, permission, assignment, credential, robot, token, action, index } = &self.ids;
        let ids = [
            organization.to_string(),
            user.to_string(),
            permission.to_string(),
            assignment.to_string(),
            credential.to_string(),
            robot.to_string(),
            token.to_string(),
            action.to_string(),
            self.customer.clone(),
        ];
        let text = ids.iter().fold(text.to_owned(), |text, id| text.replace(id, "ID"));
        text.replace(&(index + 1).to_string(), "INDEX").replace(&index.to_string(), "INDEX")
    }
}

/// How a call is made that names what others have: paths, and bodies to each. What is missing here is asked of its path alone, which must
/// have a place for an id.
fn calls(method: &str, pattern: &str, home: &Company, others: &Named) -> Vec<(String, Value)> {
    let (ids, ours) = (&others.ids, Ids::of(home, 0));
    let at_home = |patterns: &str| {
        let Ids { permission, assignment, .. } = &ours;
        patterns.replace("{permissionId}", &permission.to_string()).replace("{assignmentId}", &assignment.to_string())
    };
    let asked = |path: &str, body: Value| vec![(path.to_owned(), body)];
    let someone = |username: &str| json!({ "orgId": ids.organization, "username": username });
    let program = |name: &str| json!({ "name": name, "publicKey": others.key.pem(), "permissionId": ids.permission });
    let admin = home.admin.email.as_str();
    match (method, pattern) {
        // They name nothing of an organization: what they make is new, or the caller's own, or it is whoever has the code or the
        // temporary token. Announcing is what all signed calls do here. Whose challenges and signatures count is tried in `api::log_in`
        // and `api::signing`.
        (
            "GET",
            "/auth/credentials"
            | "/countersign/v1/checkpoint"
            | "/countersign/v1/keys"
            | "/countersign/v1/health"
            | "/countersign/v1/version",
        )
        | (
            "POST",
            "/auth/registration"
            | "/auth/registration/enduser"
            | "/auth/registration/delegated"
            | "/auth/recover/user"
            | "/auth/credentials/code"
            | "/auth/credentials/code/init"
            | "/auth/credentials/init"
            | "/auth/users"
            | "/permissions"
            | "/auth/login"
            | "/auth/action/init",
        )
        | ("PUT", "/auth/logout") => Vec::new(),

        ("POST", "/auth/registration/init") => {
            let mut body = someone(home.invited.handle.as_str());
            body["registrationCode"] = json!("1111 2222 3333 4444");
            asked(pattern, body)
        }
        ("PUT", "/auth/registration/code") => asked(pattern, someone(home.invited.handle.as_str())),
        ("POST", "/auth/login/init" | "/auth/recover/user/code") => asked(pattern, someone(admin)),
        ("POST", "/auth/recover/user/init") => {
            let mut body = someone(admin);
            body["verificationCode"] = json!("1111 2222 3333 4444");
            body["credentialId"] = json!(ids.credential);
            asked(pattern, body)
        }
        ("POST", "/auth/action") => {
            let assertion = json!({ "kind": "Key", "credentialAssertion": others.key.assertion(&base64url(&[7; 32])) });
            asked(pattern, json!({ "challengeIdentifier": ids.action, "firstFactor": assertion }))
        }
        ("POST", "/auth/credentials" | "/auth/credentials/code/verify") => {
            let body = json!({
                "credentialKind": "Key",
                "credentialName": "New key",
                "credentialInfo": others.key.info(others.challenge["challenge"].as_str().unwrap()),
                "challengeIdentifier": others.challenge["challengeIdentifier"],
            });
            asked(pattern, body)
        }
        ("PUT", "/auth/credentials/activate" | "/auth/credentials/deactivate") => {
            asked(pattern, json!({ "credentialUuid": ids.credential }))
        }
        ("POST", "/auth/login/delegated") => asked(pattern, json!({ "username": others.customer })),
        ("POST", "/auth/recover/user/delegated") => {
            let whose = |username: &str| (pattern.to_owned(), json!({ "username": username, "credentialId": ids.credential }));
            vec![whose(&others.customer), whose(home.customer.handle.as_str())]
        }
        ("POST", "/auth/service-accounts" | "/auth/pats") => asked(pattern, program("New program")),
        ("POST", "/permissions/{permissionId}/assignments") => vec![
            (others.at(pattern), json!({ "identityId": ours.user })),
            (at_home(pattern), json!({ "identityId": ids.user })),
            (at_home(pattern), json!({ "identityId": ids.robot })),
            (at_home(pattern), json!({ "identityId": ids.token })),
        ],
        ("DELETE", "/permissions/{permissionId}/assignments/{assignmentId}") => vec![
            (others.at(pattern), json!({})),
            (others.at(&pattern.replace("{assignmentId}", &ours.assignment.to_string())), json!({})),
            (others.at(&pattern.replace("{permissionId}", &ours.permission.to_string())), json!({})),
        ],
        ("PUT", "/permissions/{permissionId}") => asked(&others.at(pattern), json!({ "name": "New name" })),
        ("PUT", "/permissions/{permissionId}/archive") => asked(&others.at(pattern), json!({ "isArchived": true })),
        ("PUT", "/auth/service-accounts/{serviceAccountId}" | "/auth/pats/{tokenId}") => {
            asked(&others.at(pattern), json!({ "name": "New name" }))
        }
        ("PUT", "/auth/users/{userId}") => asked(&others.at(pattern), json!({ "isSSORequired": false })),

        ("GET", "/auth/users" | "/auth/service-accounts" | "/auth/pats" | "/permissions") => {
            asked(&format!("{pattern}?paginationToken={}", others.cursor), json!({}))
        }
        ("GET", "/auth/action/logs") => {
            let always = "startTime=2000-01-01T00:00:00Z&endTime=2200-01-01T00:00:00Z";
            asked(&format!("{pattern}?{always}&userId={}", ids.user), json!({}))
        }
        ("GET", "/countersign/v1/history") => asked(&format!("{pattern}?from={}", ids.index + 1), json!({})),
        ("GET", "/countersign/v1/consistency") => asked(&format!("{pattern}?from=1&to={}", ids.index + 1), json!({})),
        (_, path) if path.contains('{') => asked(&others.at(path), json!({})),
        _ => panic!("{method} {pattern}: ask it here for what another organization has"),
    }
}

/// Every call that the API describes, and whether it is signed.
fn described() -> Vec<(String, String, bool)> {
    let description = serde_json::to_value(server::api::description()).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            calls.push((method.to_uppercase(), path.clone(), call["parameters"].to_string().contains("X-DFNS-USERACTION")));
        }
    }
    assert!(calls.len() >= 55, "{calls:?}");
    calls
}

/// What is answered, but for what was asked and what is new with every answer.
fn heard_by_a_program(answer: &Answer, asked: &Named) -> (u16, Value) {
    let mut body: Value = serde_json::from_str(&asked.hidden(answer.text())).unwrap_or_else(|_| json!(answer.text()));
    if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("id");
    }
    // Of a log-in, that it has the same form is looked at in `api::log_in`.
    for new in ["challenge", "challengeIdentifier", "allowCredentials"] {
        if let Some(members) = body.as_object_mut() {
            members.remove(new);
        }
    }
    (answer.status.as_u16(), body)
}

async fn every_call_of_the_api_finds_of_another_organization_what_it_finds_of_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (mut home, mut foreign) = two_companies(&app).await;
    let last = app.export(foreign.admin.organization).await.0.len() as u64 - 1;
    assert!(app.export(home.admin.organization).await.0.len() as u64 <= last, "the other history is longer");
    let theirs = Named::of(&app, &mut foreign, last).await;
    let nothing = Named::of_nothing();
    let token = app.caller(&mut home.admin).await.token;
    let before = standing(&app).await;
    for (method, pattern, is_signed) in described() {
        let mut heard = Vec::new();
        for others in [&theirs, &nothing] {
            let mut answers = Vec::new();
            for (path, body) in calls(&method, &pattern, &home, others) {
                let caller = Program::with(&app, &token, KeyPair::ed25519());
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let answer = if is_signed {
                    caller.announce(method, &path, &body.to_string()).await
                } else if method == Method::GET {
                    caller.get(&path).await
                } else {
                    caller.send(caller.request(method, &path), &body.to_string()).await
                };
                assert!(tells_nothing(&answer), "{pattern}: {}", answer.text());
                answers.push(heard_by_a_program(&answer, others));
            }
            heard.push(answers);
        }
        let goes_on =
            method == "GET" && ["/auth/users", "/auth/service-accounts", "/auth/pats", "/permissions"].contains(&pattern.as_str());
        let says_nothing = ["/auth/registration/code", "/auth/login/init", "/auth/recover/user/code", "/auth/action/logs"];
        let is_answered = goes_on || says_nothing.contains(&pattern.as_str());
        assert!(is_answered || heard[0].iter().all(|(status, _)| (400..500).contains(status)), "{method} {pattern}: {heard:?}");
        // Where a list goes on is only a place in the alphabet.
        if !goes_on {
            assert_eq!(heard[0], heard[1], "{method} {pattern}");
        }
    }
    app.settle().await;
    for (table, rows) in standing(&app).await {
        assert_eq!(rows, before[&table], "{table}");
    }
}

/// What an organization is, and what it has had mailed; neither who was seen when nor what was asked for.
async fn standing(app: &TestApp) -> BTreeMap<String, Vec<String>> {
    let notes = ["actions", "challenges", "activity", "tokens"];
    let mut tables = app.dump().await;
    tables.retain(|table, _| !notes.contains(&table.as_str()));
    for row in tables.values_mut().flatten() {
        *row = row.split(' ').filter(|column| !column.starts_with("last_seen_at=")).collect::<Vec<_>>().join(" ");
    }
    tables
}

async fn every_change_that_names_anything_of_another_organization_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (mut home, foreign) = two_companies(&app).await;
    let theirs = Ids::of(&foreign, 0);
    let before = app.dump().await;
    // With everything else right, even the address and the name.
    let user = |user: &UserRef| Change::DeactivateUser { user: user.clone() };
    for change in [
        user(&foreign.active),
        Change::DeleteUser { user: foreign.invited.clone() },
        Change::ResendInvitation { user: foreign.invited.clone() },
        Change::ActivateUser { user: foreign.deactivated.clone() },
        Change::ArchivePermission { permission: foreign.free.permission.clone() },
        Change::RestorePermission { permission: foreign.archived.permission.clone() },
        Change::AssignPermission {
            permission: foreign.free.permission.clone(),
            operations: foreign.free.operations.clone(),
            user: home.active.clone(),
        },
        Change::AssignPermission {
            permission: home.free.permission.clone(),
            operations: home.free.operations.clone(),
            user: foreign.active.clone(),
        },
        Change::RevokeAssignment { id: foreign.assignment, permission: foreign.held.permission.clone(), user: foreign.active.clone() },
    ] {
        assert_eq!(home.admin.verdict_on(&change).await, refused(Code::NotFound), "{change:?}");
    }
    // An assignment of another organization between what is one's own.
    let mixed = Change::RevokeAssignment { id: theirs.assignment, permission: home.held.permission.clone(), user: home.active.clone() };
    assert_eq!(home.admin.verdict_on(&mixed).await, refused(Code::Conflict));
    // A wrong address isn't put right: that would tell the right one.
    let guessed = UserRef { id: theirs.user, handle: EmailAddress::parse("guess@example.org").unwrap().into() };
    let answer = home.admin.prepare(&user(&guessed)).await;
    assert_eq!(answer.verdict(), refused(Code::NotFound));
    assert!(tells_nothing(&answer), "{}", answer.text());
    // Nor is an id of another kind taken for one.
    for change in home.every_change() {
        let change = serde_json::to_value(&change).unwrap();
        for path in texts(&change, String::new()) {
            for id in
                [home.admin.organization.to_string(), home.action.to_string(), home.active.id.to_string(), home.assignment.to_string()]
            {
                let mut other = change.clone();
                let place = other.pointer_mut(&path).unwrap();
                if theirs.of_kind(place.as_str().unwrap()).is_some_and(|same| same.split('-').next() != id.split('-').next()) {
                    *place = Value::from(id);
                    let answer = home.admin.browser.call_json("prepare_change", &json!({ "change": other })).await;
                    assert_eq!(answer.verdict(), refused(Code::BadRequest), "{other}: {}", answer.text());
                }
            }
        }
    }
    assert_eq!(app.dump().await, before);
    for organization in [home.admin.organization, foreign.admin.organization] {
        app.verify(organization).await;
    }
}

/// That it can be taken tells nobody that it is there.
async fn what_another_organization_has_is_free_to_take(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (mut home, foreign) = two_companies(&app).await;
    home.admin.sign(&create_user(foreign.active.handle.as_str())).await;
    home.admin.sign(&create_permission("Secret plans", &[Operation::UsersRead])).await;
    // Whoever is in both comes into the one whose code they type.
    let person = app.accept(foreign.active.handle.as_str(), home.admin.organization).await;
    assert_eq!(person.viewer().await.organization, home.admin.organization);
    for organization in [home.admin.organization, foreign.admin.organization] {
        app.verify(organization).await;
    }
}

async fn lists_and_exports_hold_nothing_of_another_organization(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (mut home, foreign) = two_companies(&app).await;
    let browser = &home.admin.browser;
    let users = home.admin.users().await.users;
    assert_eq!(users.len(), 5);
    assert!(users.iter().all(|row| row.user.handle.as_str().ends_with("@home.example")), "{users:?}");
    let found = browser.call("users", &[("search", "foreign"), ("status", ""), ("after", "")]).await;
    assert_eq!(found.done::<app::rpc::users::UserList>().users, []);
    let permissions: PermissionList = browser.call("permissions", &[("after", "")]).await.done();
    assert_eq!(
        permissions.permissions.iter().map(|row| row.permission.name.as_str()).collect::<Vec<_>>(),
        ["End user", "Full admin", "Auditors", "Readers", "Before"]
    );
    let history: HistoryPage = browser.call("history", &[]).await.done();
    let own = app.export(home.admin.organization).await.0;
    assert_eq!((history.size, history.lines.len()), (own.len() as u64, own.len()));
    let theirs = Ids::of(&foreign, own.len() as u64);
    let pages = [
        "/org".to_owned(),
        "/org/users".to_owned(),
        format!("/org/users?q={}&status=active&after={}", theirs.user, theirs.user),
        "/org/permissions".to_owned(),
        format!("/org/permissions?after={}", theirs.permission),
        format!("/org/permissions/{}?after={}", home.held.permission.id, theirs.user),
        "/org/service-accounts".to_owned(),
        format!("/org/service-accounts?after={}", theirs.robot),
        "/account/access-tokens".to_owned(),
        "/org/history".to_owned(),
        format!("/org/history?before={}", theirs.index + 1),
        "/org/history/export".to_owned(),
    ];
    let mut answers = Vec::new();
    for path in pages {
        answers.push((browser.get(&path).await, path));
    }
    let caller = app.caller(&mut home.admin).await;
    let always = "startTime=2000-01-01T00:00:00Z&endTime=2200-01-01T00:00:00Z";
    for (_, pattern, _) in described().into_iter().filter(|(method, pattern, _)| method == "GET" && !pattern.contains('{')) {
        let path = match pattern.as_str() {
            "/auth/action/logs" => format!("{pattern}?{always}"),
            "/countersign/v1/consistency" => format!("{pattern}?from=1&to=2"),
            _ => pattern,
        };
        answers.push((caller.get(&path).await, path));
    }
    for (answer, path) in answers {
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(tells_nothing(&answer) && !answer.text().contains(&foreign.admin.organization.to_string()), "{path}: {}", answer.text());
    }
}
