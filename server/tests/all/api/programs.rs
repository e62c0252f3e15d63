//! `/auth/service-accounts` and `/auth/pats`: programs with rights of their own, and programs that act in somebody's name.

use super::refused;
use crate::support::{
    answer::Answer,
    app::TestApp,
    browser::Browser,
    caller::{Caller, USER_ACTION, passkey_assertion},
    database::TestDatabase,
    key::KeyPair,
    person::Person,
};
use app::{action::change::Change, domain::operation::Operation, rpc::permissions::PermissionRow};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header::CONTENT_TYPE, request::Builder},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    a_service_account_reads_and_signs_as_itself,
    an_access_token_acts_in_its_owners_name_within_its_permission,
    an_access_token_without_a_permission_does_what_its_owner_does,
    a_program_does_not_do_what_only_people_may,
    everyone_sees_their_own_access_tokens_only,
    another_organizations_programs_are_not_there,
    a_service_account_is_shut_out_at_once,
    an_access_token_ends_with_its_owner,
    a_token_runs_out,
    a_program_is_renamed,
    what_can_not_be_a_program_is_refused_in_words,
    only_a_tokens_own_key_signs,
);

const ACCOUNTS: &str = "/auth/service-accounts";
const TOKENS: &str = "/auth/pats";

/// Whoever calls with a token and signs with a key.
pub(crate) struct Program {
    browser: Browser,
    pub(super) token: String,
    key: KeyPair,
}

impl Program {
    /// The program whose token was shown so, with the key that it was made with.
    pub(super) fn new(app: &TestApp, shown: &Value, mut key: KeyPair) -> Self {
        text(&shown["credId"]).clone_into(&mut key.id);
        Self::with(app, text(&shown["accessToken"]), key)
    }

    /// Whoever has this token and this key.
    pub(crate) fn with(app: &TestApp, token: &str, key: KeyPair) -> Self {
        Self { browser: app.browser(), token: token.to_owned(), key }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Builder {
        Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.token))
    }

    pub(crate) async fn send(&self, request: Builder, body: &str) -> Answer {
        self.browser.send(request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.browser.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn announce(&self, method: Method, path: &str, body: &str) -> Answer {
        let announced = json!({ "userActionPayload": body, "userActionHttpMethod": method.as_str(), "userActionHttpPath": path });
        self.send(self.request(Method::POST, "/auth/action/init"), &announced.to_string()).await
    }

    /// Hands in this signature over what was announced.
    async fn hand_in(&self, challenge: &Value, assertion: &Value) -> Answer {
        let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion });
        self.send(self.request(Method::POST, "/auth/action"), &body.to_string()).await
    }

    /// Signs with this key what was announced.
    pub(super) async fn sign_with(&self, key: &KeyPair, challenge: &Value) -> Answer {
        self.hand_in(challenge, &assertion(key, challenge)).await
    }

    /// The whole road; where it is refused already when it is announced, that refusal.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let announced = self.announce(method.clone(), path, &body).await;
        if announced.status != StatusCode::OK {
            return announced;
        }
        let signed = self.sign_with(&self.key, &announced.answer()).await.answer();
        self.send(self.request(method, path).header(USER_ACTION, text(&signed["userAction"])), &body).await
    }
}

/// What a key makes of a challenge.
fn assertion(key: &KeyPair, challenge: &Value) -> Value {
    json!({ "kind": "Key", "credentialAssertion": key.assertion(text(&challenge["challenge"])) })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn new_program(name: &str, key: &KeyPair, permission: Option<&PermissionRow>) -> Value {
    let mut new = json!({ "name": name, "publicKey": key.pem() });
    if let Some(row) = permission {
        new["permissionId"] = json!(row.permission.id);
    }
    new
}

/// A new service account, and what was shown of it.
pub(crate) async fn service_account(app: &TestApp, admin: &mut Person, name: &str, permission: &PermissionRow) -> (Program, Value) {
    let key = KeyPair::ed25519();
    let new = new_program(name, &key, Some(permission));
    let shown = app.caller(admin).await.call(Method::POST, ACCOUNTS, &new).await.answer();
    (Program::new(app, &shown["accessTokens"][0], key), shown)
}

/// A new access token, and what was shown of it.
pub(crate) async fn access_token(app: &TestApp, owner: &mut Person, name: &str, permission: Option<&PermissionRow>) -> (Program, Value) {
    let key = KeyPair::p256();
    let new = new_program(name, &key, permission);
    let shown = app.caller(owner).await.call(Method::POST, TOKENS, &new).await.answer();
    (Program::new(app, &shown, key), shown)
}

/// What is shown of a token once it was shown itself.
fn without_token(shown: &Value) -> Value {
    let mut shown = shown.clone();
    let token = if shown["accessTokens"].is_array() { &mut shown["accessTokens"][0] } else { &mut shown };
    assert!(token.as_object_mut().unwrap().remove("accessToken").is_some(), "{token}");
    shown
}

fn account_path(shown: &Value) -> String {
    format!("{ACCOUNTS}/{}", text(&shown["userInfo"]["userId"]))
}

fn token_path(shown: &Value) -> String {
    format!("{TOKENS}/{}", text(&shown["tokenId"]))
}

/// Asserts that a token doesn't count: for reading, nor to announce anything.
async fn is_shut_out(program: &Program) {
    refused(&program.get("/auth/users").await, 401, "Unauthorized");
    refused(&program.announce(Method::POST, "/permissions", "{}").await, 401, "Unauthorized");
}

/// Asserts that a token counts.
async fn is_let_in(program: &Program) {
    program.get("/auth/users").await.answer();
}

/// Asserts that it was refused for want of this operation.
#[track_caller]
fn not_permitted(answer: &Answer, operation: &str) {
    refused(answer, 403, "NotPermitted");
    assert!(answer.text().contains(&format!("You need the operation {operation} ")), "{}", answer.text());
}

async fn a_service_account_reads_and_signs_as_itself(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let inviters = ada.define("Inviters", &[Operation::UsersRead, Operation::UsersCreate]).await;
    let mut caller = app.caller(&mut ada).await;
    let key = KeyPair::ed25519();
    let mut new = new_program("Robot", &key, Some(&inviters));
    new["externalId"] = json!("4711");
    new["daysValid"] = json!(30);
    let created = caller.call(Method::POST, ACCOUNTS, &new).await.answer();
    let (info, token) = (&created["userInfo"], &created["accessTokens"][0]);
    let assignments = json!([{
        "permissionName": "Inviters", "permissionId": inviters.permission.id,
        "assignmentId": info["permissionAssignments"][0]["assignmentId"], "operations": ["Auth:Users:Read", "Auth:Users:Create"],
    }]);
    let shown = json!({
        "userInfo": {
            "username": "Robot", "name": "Robot", "userId": info["userId"], "kind": "CustomerEmployee",
            "credentialUuid": token["credId"], "orgId": caller.organization, "externalId": "4711", "isActive": true,
            "isServiceAccount": true, "isRegistered": true, "permissionAssignments": assignments,
        },
        "accessTokens": [{
            "dateCreated": token["dateCreated"], "dateExpires": token["dateExpires"], "credId": token["credId"], "isActive": true,
            "kind": "ServiceAccount", "linkedUserId": info["userId"], "linkedAppId": "", "name": "Robot", "externalId": "4711",
            "orgId": caller.organization, "permissionAssignments": assignments, "publicKey": key.pem(), "tokenId": token["tokenId"],
        }],
    });
    // The token is in the answer, once, and kept nowhere.
    assert_eq!(without_token(&created), shown);
    assert_eq!(caller.get(&account_path(&created)).await.answer(), shown);
    assert_eq!(caller.get(ACCOUNTS).await.answer(), json!({ "items": [shown] }));
    let (signed, signature) = text(&token["accessToken"]).rsplit_once('.').unwrap();
    let dump = format!("{:?}", app.dump().await);
    assert!(!dump.contains(signature) && !dump.contains(signed), "a stolen database lets nobody in");

    let robot = Program::new(&app, token, key);
    let users = robot.get("/auth/users").await.answer();
    assert_eq!(users["items"][0]["username"], "ada@example.org");
    let bob = json!({ "email": "bob@example.org", "kind": "CustomerEmployee" });
    let announced = robot.announce(Method::POST, "/auth/users", &bob.to_string()).await.answer();
    let allowed = json!({ "key": [{ "type": "public-key", "id": token["credId"] }], "webauthn": [] });
    assert_eq!(announced["allowCredentials"], allowed);
    assert_eq!(robot.call(Method::POST, "/auth/users", &bob).await.answer()["username"], "bob@example.org");
    assert_eq!(app.mails_to("bob@example.org").await.len(), 1, "the invitation");
    not_permitted(&robot.get("/permissions").await, "Permissions:Read");
    let terms = json!({ "name": "X", "operations": ["Auth:Users:Read"] });
    not_permitted(&robot.call(Method::POST, "/permissions", &terms).await, "Permissions:Create");
    let another = new_program("Another", &KeyPair::ed25519(), None);
    not_permitted(&robot.call(Method::POST, ACCOUNTS, &another).await, "Auth:ServiceAccounts:Create");
    not_permitted(&robot.get(ACCOUNTS).await, "Auth:ServiceAccounts:Read");
    let used = caller.get(&account_path(&created)).await.answer();
    assert!(used["accessTokens"][0]["dateLastUsed"].is_string(), "{used}");
    app.verify(caller.organization).await;
}

async fn an_access_token_acts_in_its_owners_name_within_its_permission(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let user = ada.as_user().await.id;
    let operations = [
        Operation::UsersRead,
        Operation::UsersCreate,
        Operation::PermissionsCreate,
        Operation::ServiceAccountsCreate,
        Operation::TokensCreate,
    ];
    let permission = ada.define("Makers", &operations).await;
    let (laptop, created) = access_token(&app, &mut ada, "Laptop", Some(&permission)).await;
    let caller = app.caller(&mut ada).await;
    assert_eq!((&created["kind"], &created["linkedUserId"]), (&json!("Pat"), &json!(user)));
    assert_eq!(created["permissionAssignments"][0]["permissionName"], "Makers");
    assert_eq!(caller.get(&token_path(&created)).await.answer(), without_token(&created));
    assert_eq!(caller.get(TOKENS).await.answer(), json!({ "items": [without_token(&created)] }));
    let claims = laptop.token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    let metadata = json!({ "orgId": caller.organization, "userId": user, "tokenId": created["tokenId"] });
    assert_eq!(claims["https://custom/app_metadata"], metadata);
    assert!(!format!("{:?}", app.dump().await).contains(laptop.token.rsplit('.').next().unwrap()), "it is kept nowhere");

    is_let_in(&laptop).await;
    assert_eq!(laptop.get("/auth/credentials").await.answer(), caller.get("/auth/credentials").await.answer(), "its owner's");
    let terms = json!({ "name": "Readers", "operations": ["Auth:Users:Read"] });
    assert_eq!(laptop.call(Method::POST, "/permissions", &terms).await.answer()["name"], "Readers");
    // Its owner may, and it may not.
    caller.get("/permissions").await.answer();
    not_permitted(&laptop.get("/permissions").await, "Permissions:Read");
    let beyond = json!({ "name": "Deleters", "operations": ["Auth:Users:Delete"] });
    let answer = laptop.call(Method::POST, "/permissions", &beyond).await;
    refused(&answer, 403, "NotPermitted");
    assert!(answer.text().contains("You don't hold: Auth:Users:Delete."), "{}", answer.text());
    // What makes people, programs and tokens stays with its owner, whatever its permission says.
    let another = new_program("Another", &KeyPair::ed25519(), None);
    let bob = json!({ "email": "bob@example.org", "kind": "CustomerEmployee" });
    for (path, body, operation) in [
        ("/auth/users", &bob, "Auth:Users:Create"),
        (ACCOUNTS, &another, "Auth:ServiceAccounts:Create"),
        (TOKENS, &another, "Auth:Pats:Create"),
    ] {
        not_permitted(&laptop.call(Method::POST, path, body).await, operation);
    }
    app.verify(caller.organization).await;
}

async fn an_access_token_without_a_permission_does_what_its_owner_does(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let makers = ada.define("Makers", &[Operation::TokensCreate]).await;
    let (mut bob, bob_user) = app.colleague(&mut ada, "bob@example.org", &[&readers, &makers]).await;
    let (script, created) = access_token(&app, &mut bob, "Script", None).await;
    assert_eq!(created["permissionAssignments"], json!([]));
    is_let_in(&script).await;
    not_permitted(&script.get("/permissions").await, "Permissions:Read");
    let another = new_program("Another", &KeyPair::ed25519(), None);
    not_permitted(&script.call(Method::POST, TOKENS, &another).await, "Auth:Pats:Create");
    // What its owner loses is lost to it, too.
    let change = ada.revocation("Readers", &bob_user).await;
    ada.sign(&change).await;
    not_permitted(&script.get("/auth/users").await, "Auth:Users:Read");
    app.verify(ada.organization).await;
}

async fn a_program_does_not_do_what_only_people_may(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let full_admin = ada.permission("Full admin").await;
    let (robot, _) = service_account(&app, &mut ada, "Robot", &full_admin).await;
    let until = app.services.ambient.now().plus(Duration::from_mins(4)).to_string();
    for (path, body) in
        [(TOKENS, new_program("Another", &KeyPair::ed25519(), None)), ("/auth/credentials/code", json!({ "expiration": until }))]
    {
        let answer = robot.call(Method::POST, path, &body).await;
        refused(&answer, 403, "NotPermitted");
        assert!(answer.text().contains("Only people can do this, with a passkey or a key of their own."), "{}", answer.text());
    }
    app.verify(ada.organization).await;
}

async fn everyone_sees_their_own_access_tokens_only(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let makers = ada.define("Makers", &[Operation::TokensCreate]).await;
    let (mut bob, _) = app.colleague(&mut ada, "bob@example.org", &[&makers]).await;
    let (_, bobs) = access_token(&app, &mut bob, "Script", None).await;
    let (_, adas) = access_token(&app, &mut ada, "Script", None).await;
    let (_, robot) = service_account(&app, &mut ada, "Script", &makers).await;
    assert_eq!(app.caller(&mut bob).await.get(TOKENS).await.answer(), json!({ "items": [without_token(&bobs)] }));
    let mut caller = app.caller(&mut ada).await;
    assert_eq!(caller.get(TOKENS).await.answer(), json!({ "items": [without_token(&adas)] }));
    // An admin's, neither; and a service account isn't an access token.
    for path in [token_path(&bobs), token_path(&robot["accessTokens"][0])] {
        is_not_there(&mut caller, &path).await;
    }
    let as_account = format!("{ACCOUNTS}/{}", text(&robot["accessTokens"][0]["tokenId"]));
    refused(&caller.get(&as_account).await, 404, "NotFound");
    let bobs = app.caller(&mut bob).await.get(&token_path(&bobs)).await.answer();
    assert_eq!((&bobs["name"], &bobs["isActive"]), (&json!("Script"), &json!(true)));
    app.verify(ada.organization).await;
}

/// Asserts that nothing can be found or done there.
async fn is_not_there(caller: &mut Caller<'_>, path: &str) {
    refused(&caller.get(path).await, 404, "NotFound");
    refused(&caller.call(Method::PUT, path, &json!({ "name": "Mine" })).await, 404, "NotFound");
    refused(&caller.call(Method::PUT, &format!("{path}/deactivate"), &json!({})).await, 404, "NotFound");
    refused(&caller.call(Method::PUT, &format!("{path}/activate"), &json!({})).await, 404, "NotFound");
    refused(&caller.call(Method::DELETE, path, &json!({})).await, 404, "NotFound");
}

async fn another_organizations_programs_are_not_there(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut eve = app.admin("eve@elsewhere.example").await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let (robot, account) = service_account(&app, &mut ada, "Robot", &readers).await;
    let (_, token) = access_token(&app, &mut ada, "Laptop", None).await;
    let mut caller = app.caller(&mut eve).await;
    assert_eq!(caller.get(ACCOUNTS).await.answer(), json!({ "items": [] }));
    assert_eq!(caller.get(TOKENS).await.answer(), json!({ "items": [] }));
    for path in [account_path(&account), token_path(&token)] {
        is_not_there(&mut caller, &path).await;
    }
    // Nor can a permission from elsewhere be given.
    let new = new_program("Robot", &KeyPair::ed25519(), Some(&readers));
    refused(&caller.call(Method::POST, ACCOUNTS, &new).await, 404, "NotFound");
    // The same name is free here.
    caller.call(Method::POST, ACCOUNTS, &new_program("Robot", &KeyPair::ed25519(), None)).await.answer();
    is_let_in(&robot).await;
    app.verify(ada.organization).await;
    app.verify(eve.organization).await;
}

async fn a_service_account_is_shut_out_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let (robot, created) = service_account(&app, &mut ada, "Robot", &readers).await;
    let path = account_path(&created);
    let (activate, deactivate) = (format!("{path}/activate"), format!("{path}/deactivate"));
    let mut caller = app.caller(&mut ada).await;
    is_let_in(&robot).await;
    refused(&caller.call(Method::PUT, &activate, &json!({})).await, 422, "Impossible");
    let shown = caller.call(Method::PUT, &deactivate, &json!({ "force": true })).await.answer();
    assert_eq!((&shown["userInfo"]["isActive"], &shown["accessTokens"][0]["isActive"]), (&json!(false), &json!(false)));
    is_shut_out(&robot).await;
    refused(&caller.call(Method::PUT, &deactivate, &json!({})).await, 422, "Impossible");
    let shown = caller.call(Method::PUT, &activate, &json!({})).await.answer();
    assert_eq!((&shown["userInfo"]["isActive"], &shown["accessTokens"][0]["isActive"]), (&json!(true), &json!(true)));
    is_let_in(&robot).await;
    let gone = caller.call(Method::DELETE, &path, &json!({})).await.answer();
    assert_eq!((&gone["userInfo"]["userId"], &gone["userInfo"]["isActive"]), (&created["userInfo"]["userId"], &json!(false)));
    is_shut_out(&robot).await;
    is_not_there(&mut caller, &path).await;
    app.verify(caller.organization).await;
}

async fn an_access_token_ends_with_its_owner(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let makers = ada.define("Makers", &[Operation::UsersRead, Operation::TokensCreate]).await;
    let (mut bob, bob_user) = app.colleague(&mut ada, "bob@example.org", &[&makers]).await;
    let (script, created) = access_token(&app, &mut bob, "Script", None).await;
    let (other, _) = access_token(&app, &mut bob, "Other", None).await;
    let path = token_path(&created);
    let mut caller = app.caller(&mut bob).await;
    assert_eq!(caller.call(Method::PUT, &format!("{path}/deactivate"), &json!({})).await.answer()["isActive"], false);
    is_shut_out(&script).await;
    is_let_in(&other).await;
    assert_eq!(caller.call(Method::PUT, &format!("{path}/activate"), &json!({})).await.answer()["isActive"], true);
    is_let_in(&script).await;
    assert_eq!(caller.call(Method::DELETE, &path, &json!({})).await.answer()["isActive"], false);
    is_shut_out(&script).await;
    is_not_there(&mut caller, &path).await;
    // With its owner it is shut out, let in again, and gone.
    ada.sign(&Change::DeactivateUser { user: bob_user.clone() }).await;
    is_shut_out(&other).await;
    ada.sign(&Change::ActivateUser { user: bob_user.clone() }).await;
    is_let_in(&other).await;
    ada.sign(&Change::DeleteUser { user: bob_user }).await;
    is_shut_out(&other).await;
    // Whoever enrols again may have lost it.
    let (mut carl, carl_user) = app.colleague(&mut ada, "carl@example.org", &[&makers]).await;
    let (lost, _) = access_token(&app, &mut carl, "Lost", None).await;
    is_let_in(&lost).await;
    ada.sign(&Change::ReEnrolUser { user: carl_user }).await;
    is_shut_out(&lost).await;
    app.verify(ada.organization).await;
}

async fn a_token_runs_out(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    for life in [
        json!({ "daysValid": 0 }),
        json!({ "daysValid": 731 }),
        json!({ "daysValid": u64::MAX }),
        json!({ "secondsValid": 59 }),
        json!({ "secondsValid": 63_072_001 }),
    ] {
        let answer = create_for(&mut caller, TOKENS, &KeyPair::ed25519(), &life).await;
        refused(&answer, 400, "BadRequest");
        assert!(answer.text().contains("A token counts from one minute to 730 days."), "{}", answer.text());
    }
    let both = json!({ "daysValid": 1, "secondsValid": 86_400 });
    refused(&create_for(&mut caller, ACCOUNTS, &KeyPair::ed25519(), &both).await, 400, "BadRequest");
    let (short, long) = (KeyPair::ed25519(), KeyPair::p256());
    let made = create_for(&mut caller, TOKENS, &short, &json!({ "secondsValid": 60 })).await.answer();
    let short = Program::new(&app, &made, short);
    let made = create_for(&mut caller, TOKENS, &long, &json!({ "daysValid": 1 })).await;
    refused(&made, 409, "Duplicate");
    let made = create_for(&mut caller, ACCOUNTS, &long, &json!({ "daysValid": 1 })).await.answer();
    let long = Program::new(&app, &made["accessTokens"][0], long);
    app.advance(Duration::from_secs(55));
    short.get(TOKENS).await.answer();
    app.advance(Duration::from_secs(5));
    is_shut_out(&short).await;
    app.advance(Duration::from_hours(23));
    long.get(TOKENS).await.answer();
    app.advance(Duration::from_hours(1));
    is_shut_out(&long).await;
    app.verify(caller.organization).await;
}

/// Creates a program whose token counts so long.
async fn create_for(caller: &mut Caller<'_>, path: &str, key: &KeyPair, life: &Value) -> Answer {
    let mut new = new_program("Brief", key, None);
    new.as_object_mut().unwrap().extend(life.as_object().unwrap().clone());
    caller.call(Method::POST, path, &new).await
}

async fn a_program_is_renamed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let (robot, account) = service_account(&app, &mut ada, "Robot", &readers).await;
    service_account(&app, &mut ada, "Machine", &readers).await;
    // Whoever owns it calls it so: nobody else's names are in the way.
    let (laptop, token) = access_token(&app, &mut ada, "Robot", None).await;
    access_token(&app, &mut ada, "Machine", None).await;
    let mut caller = app.caller(&mut ada).await;
    let renamed = caller.call(Method::PUT, &account_path(&account), &json!({ "name": "Drone" })).await.answer();
    assert_eq!((&renamed["userInfo"]["name"], &renamed["userInfo"]["username"]), (&json!("Drone"), &json!("Drone")));
    assert_eq!((&renamed["accessTokens"][0]["name"], &renamed["userInfo"]["externalId"]), (&json!("Drone"), &Value::Null));
    let numbered = caller.call(Method::PUT, &account_path(&account), &json!({ "externalId": "4711" })).await.answer();
    assert_eq!((&numbered["userInfo"]["name"], &numbered["userInfo"]["externalId"]), (&json!("Drone"), &json!("4711")));
    let renamed = caller.call(Method::PUT, &token_path(&token), &json!({ "name": "Drone", "externalId": "4712" })).await.answer();
    assert_eq!((&renamed["name"], &renamed["externalId"]), (&json!("Drone"), &json!("4712")));
    for (path, create, taken) in [
        (account_path(&account), ACCOUNTS, "service account “machine” is there already. Choose another name."),
        (token_path(&token), TOKENS, "access token “machine” of ada@example.org is there already. Choose another name."),
    ] {
        let new = new_program("machine", &KeyPair::ed25519(), None);
        for answer in [caller.call(Method::PUT, &path, &json!({ "name": "machine" })).await, caller.call(Method::POST, create, &new).await]
        {
            refused(&answer, 409, "Duplicate");
            assert!(answer.text().contains(taken), "{}", answer.text());
        }
        for same in [json!({}), json!({ "name": "Drone" })] {
            refused(&caller.call(Method::PUT, &path, &same).await, 422, "Impossible");
        }
        for odd in [json!({ "name": "" }), json!({ "name": "“A”" }), json!({ "name": "A", "daysValid": 1 }), json!([])] {
            refused(&caller.call(Method::PUT, &path, &odd).await, 400, "BadRequest");
        }
    }
    is_let_in(&robot).await;
    is_let_in(&laptop).await;
    app.verify(caller.organization).await;
}

async fn what_can_not_be_a_program_is_refused_in_words(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let makers = ada.define("Makers", &[Operation::ServiceAccountsCreate]).await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let (mut bob, _) = app.colleague(&mut ada, "bob@example.org", &[&makers]).await;
    let mut caller = app.caller(&mut ada).await;
    let pem = KeyPair::ed25519().pem();
    let short = pem.replacen("MCow", "MCo", 1);
    for path in [ACCOUNTS, TOKENS] {
        for key in ["", "AAAA", &pem.replace("PUBLIC", "PRIVATE"), &short, &format!("{pem}{pem}")] {
            let answer = caller.call(Method::POST, path, &json!({ "name": "Robot", "publicKey": key })).await;
            refused(&answer, 400, "BadRequest");
            assert!(answer.text().contains("This isn't a public key in PEM (BEGIN PUBLIC KEY)"), "{}", answer.text());
        }
        for odd in [
            json!({ "name": "Robot" }),
            json!({ "publicKey": pem }),
            json!({ "name": "", "publicKey": pem }),
            json!({ "name": "“Robot”", "publicKey": pem }),
            json!({ "name": "Robot", "publicKey": pem, "admin": true }),
        ] {
            refused(&caller.call(Method::POST, path, &odd).await, 400, "BadRequest");
        }
        for nowhere in ["nothing", "us-00000-00000-0000000000000000"] {
            let new = json!({ "name": "Robot", "publicKey": pem, "permissionId": nowhere });
            refused(&caller.call(Method::POST, path, &new).await, 404, "NotFound");
        }
    }
    // Nobody gives a program what they don't hold.
    let mut caller = app.caller(&mut bob).await;
    let answer = caller.call(Method::POST, ACCOUNTS, &new_program("Robot", &KeyPair::ed25519(), Some(&readers))).await;
    refused(&answer, 403, "NotPermitted");
    assert!(answer.text().contains("You don't hold: Auth:Users:Read."), "{}", answer.text());
    not_permitted(&caller.call(Method::POST, TOKENS, &new_program("Robot", &KeyPair::ed25519(), None)).await, "Auth:Pats:Create");
    app.verify(caller.organization).await;
}

async fn only_a_tokens_own_key_signs(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let makers = ada.define("Makers", &[Operation::UsersRead, Operation::PermissionsCreate]).await;
    let (robot, _) = service_account(&app, &mut ada, "Robot", &makers).await;
    let (other, _) = service_account(&app, &mut ada, "Other", &makers).await;
    let (laptop, _) = access_token(&app, &mut ada, "Laptop", None).await;
    let body = json!({ "name": "Readers", "operations": ["Auth:Users:Read"] });
    for program in [&robot, &laptop] {
        let challenge = program.announce(Method::POST, "/permissions", &body.to_string()).await.answer();
        // A key that nobody has, one that says it is the right one, and another program's.
        let stranger = KeyPair::ed25519();
        let mut impostor = KeyPair::ed25519();
        program.key.id.clone_into(&mut impostor.id);
        for key in [&stranger, &impostor, &other.key] {
            refused(&program.sign_with(key, &challenge).await, 403, "SignatureRefused");
        }
        // Nor does a person's passkey sign for a program, though it be its owner's.
        let passkey = passkey_assertion(&mut ada.device, &challenge);
        refused(&program.hand_in(&challenge, &passkey).await, 403, "SignatureRefused");
        program.sign_with(&program.key, &challenge).await.answer();
    }
    // Nor a program's key for its owner, and it signs nobody in.
    let caller = app.caller(&mut ada).await;
    let challenge = caller.announce(Method::POST, "/permissions", &body.to_string()).await.answer();
    let signed = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion(&laptop.key, &challenge) });
    refused(&caller.send(caller.request(Method::POST, "/auth/action"), &signed.to_string()).await, 403, "SignatureRefused");
    let asked = json!({ "orgId": caller.organization, "username": "ada@example.org" });
    let challenge = caller.browser.api_json(Method::POST, "/auth/login/init", &asked).await.answer();
    let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion(&laptop.key, &challenge) });
    refused(&caller.browser.api_json(Method::POST, "/auth/login", &body).await, 403, "SignatureRefused");
    app.verify(caller.organization).await;
}
