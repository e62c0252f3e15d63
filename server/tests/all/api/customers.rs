//! Customers: what a program does for them, and what it can't.

use super::{
    programs::{Program, access_token, service_account},
    refused,
};
use crate::support::{
    answer::{self, Answer},
    app::TestApp,
    database::TestDatabase,
    device::base64url,
    key::KeyPair,
    person::Person,
};
use app::{
    domain::{id::OrganizationId, operation::Operation},
    refusal::Code,
};
use axum::http::{Method, Request};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    a_customer_is_registered_without_a_mail,
    what_does_not_fit_registers_no_customer,
    what_a_program_may_not_do_for_customers_names_the_operation,
    a_customer_stays_on_their_side,
    a_token_for_a_customer_acts_as_the_customer,
    a_customer_recovers_without_a_code,
    an_access_token_does_nothing_for_customers,
);

const REGISTER: &str = "/auth/registration/delegated";
const FINISH: &str = "/auth/registration/enduser";
const LOG_IN: &str = "/auth/login/delegated";
const RECOVER: &str = "/auth/recover/user/delegated";
const BUYER: &str = "buyer@example.com";
const EVERYTHING: [Operation; 3] = [Operation::RegisterDelegated, Operation::LoginDelegated, Operation::RecoverDelegated];

/// A program that may do everything for customers.
async fn desk(app: &TestApp, admin: &mut Person) -> Program {
    let permission = admin.define("Front desk", &EVERYTHING).await;
    service_account(app, admin, "Desk", &permission).await.0
}

fn new_customer() -> Value {
    json!({ "email": BUYER, "kind": "EndUser", "externalId": "4711" })
}

/// Finishes what a temporary token was given for.
async fn finish(app: &TestApp, path: &str, challenge: &Value, body: &Value) -> Answer {
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    app.browser().send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await
}

/// A key and a recovery key, made for a challenge.
fn credentials(key: &KeyPair, recovery: &KeyPair, challenge: &Value) -> Value {
    let challenge = challenge["challenge"].as_str().unwrap();
    json!({
        "firstFactorCredential": { "credentialKind": "Key", "credentialInfo": key.info(challenge) },
        "recoveryCredential": {
            "credentialKind": "RecoveryKey", "credentialInfo": recovery.info(challenge), "encryptedPrivateKey": "sealed by its owner",
        },
    })
}

fn registration(key: &KeyPair, recovery: &KeyPair, challenge: &Value) -> Value {
    let mut body = credentials(key, recovery, challenge);
    body["wallets"] = json!([]);
    body
}

/// A customer with a key, a recovery key and the token that they got when they registered.
struct Customer {
    id: String,
    key: KeyPair,
    recovery: KeyPair,
    token: String,
}

async fn customer(app: &TestApp, desk: &Program) -> Customer {
    let challenge = desk.call(Method::POST, REGISTER, &new_customer()).await.answer();
    let (key, recovery) = (KeyPair::ed25519(), KeyPair::p256());
    let registered = finish(app, FINISH, &challenge, &registration(&key, &recovery, &challenge)).await.answer();
    let token = registered["authentication"]["token"].as_str().unwrap().to_owned();
    Customer { id: registered["user"]["id"].as_str().unwrap().to_owned(), key, recovery, token }
}

/// Signs in with a key, as whoever says they are the customer.
async fn log_in(app: &TestApp, organization: OrganizationId, key: &KeyPair) -> Answer {
    let browser = app.browser();
    let asked = json!({ "orgId": organization, "username": BUYER });
    let challenge = browser.api_json(Method::POST, "/auth/login/init", &asked).await.answer();
    let assertion = json!({ "kind": "Key", "credentialAssertion": key.assertion(challenge["challenge"].as_str().unwrap()) });
    let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion });
    browser.api_json(Method::POST, "/auth/login", &body).await
}

/// Reads with a token.
async fn get(app: &TestApp, token: &str, path: &str) -> Answer {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    app.browser().send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// Asserts that it was refused for want of this operation.
#[track_caller]
fn not_permitted(answer: &Answer, operation: &str) {
    refused(answer, 403, "NotPermitted");
    assert!(answer.text().contains(&format!("You need the operation {operation} ")), "{}", answer.text());
}

async fn a_customer_is_registered_without_a_mail(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let desk = desk(&app, &mut ada).await;
    let challenge = desk.call(Method::POST, REGISTER, &new_customer()).await.answer();
    assert_eq!(challenge["user"]["name"], "buyer@example.com (Acme)");
    assert_eq!(challenge["allowedRecoveryCredentials"], Value::Null);
    let (key, recovery) = (KeyPair::ed25519(), KeyPair::p256());
    let body = registration(&key, &recovery, &challenge);
    let registered = finish(&app, FINISH, &challenge, &body).await.answer();
    assert_eq!(
        registered,
        json!({
            "credential": { "uuid": registered["credential"]["uuid"], "kind": "Key", "name": "Key" },
            "user": { "id": challenge["user"]["id"], "username": BUYER, "orgId": ada.organization },
            "authentication": { "token": registered["authentication"]["token"] },
            "wallets": [],
        })
    );
    let own = get(&app, registered["authentication"]["token"].as_str().unwrap(), "/auth/credentials").await.answer();
    let kinds: Vec<&str> = own["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Key", "RecoveryKey"]);
    refused(&finish(&app, FINISH, &challenge, &body).await, 400, "AlreadyUsed");
    refused(&desk.call(Method::POST, REGISTER, &new_customer()).await, 409, "Duplicate");
    assert!(app.mails_to(BUYER).await.is_empty(), "nobody wrote to them");

    let caller = app.caller(&mut ada).await;
    let listed = caller.get("/auth/users?kind=EndUser").await.answer();
    assert_eq!(
        listed,
        json!({ "items": [{
            "username": BUYER, "name": BUYER, "userId": registered["user"]["id"], "kind": "EndUser",
            "credentialUuid": registered["credential"]["uuid"], "orgId": caller.organization, "externalId": "4711", "isActive": true,
            "isServiceAccount": false, "isRegistered": true, "isSSORequired": false, "permissionAssignments": [],
        }] })
    );
    app.verify(caller.organization).await;
}

async fn what_does_not_fit_registers_no_customer(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let desk = desk(&app, &mut ada).await;
    for odd in [
        json!({ "email": BUYER, "kind": "CustomerEmployee" }),
        json!({ "email": BUYER }),
        json!({ "email": "buyer", "kind": "EndUser" }),
        json!({ "email": BUYER, "kind": "EndUser", "permissionId": "x" }),
    ] {
        refused(&desk.call(Method::POST, REGISTER, &odd).await, 400, "BadRequest");
    }
    let employee = json!({ "email": "ADA@example.org", "kind": "EndUser" });
    refused(&desk.call(Method::POST, REGISTER, &employee).await, 409, "Duplicate");

    let challenge = desk.call(Method::POST, REGISTER, &new_customer()).await.answer();
    let (key, recovery) = (KeyPair::ed25519(), KeyPair::p256());
    let whole = registration(&key, &recovery, &challenge);
    let mut with_wallet = whole.clone();
    with_wallet["wallets"] = json!([{ "network": "Ethereum" }]);
    refused(&finish(&app, FINISH, &challenge, &with_wallet).await, 422, "Impossible");
    let other = json!({ "challenge": base64url(&[7; 32]) });
    let mut without_key = whole.clone();
    without_key["firstFactorCredential"] = Value::Null;
    for body in [registration(&key, &recovery, &other), without_key, credentials(&key, &recovery, &challenge)] {
        refused(&finish(&app, FINISH, &challenge, &body).await, 400, "BadRequest");
    }
    let as_program = json!({ "temporaryAuthenticationToken": desk.token });
    refused(&finish(&app, FINISH, &as_program, &whole).await, 401, "Unauthorized");
    // It still stands, but nobody acts for whoever hasn't registered.
    refused(&desk.call(Method::POST, LOG_IN, &json!({ "username": BUYER })).await, 422, "Impossible");
    finish(&app, FINISH, &challenge, &whole).await.answer();
    app.verify(ada.organization).await;
}

async fn what_a_program_may_not_do_for_customers_names_the_operation(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let desk = desk(&app, &mut ada).await;
    let buyer = customer(&app, &desk).await;
    let readers = ada.define("Readers", &[Operation::UsersRead, Operation::UsersCreate]).await;
    let (reader, _) = service_account(&app, &mut ada, "Reader", &readers).await;
    let another = json!({ "email": "another@example.com", "kind": "EndUser" });
    not_permitted(&reader.call(Method::POST, REGISTER, &another).await, "Auth:Register:Delegated");
    // Whoever may not isn't told who is known, either.
    for name in [BUYER, "nobody@example.com"] {
        not_permitted(&reader.call(Method::POST, LOG_IN, &json!({ "username": name })).await, "Auth:Login:Delegated");
        let body = json!({ "username": name, "credentialId": buyer.recovery.id });
        not_permitted(&reader.call(Method::POST, RECOVER, &body).await, "Auth:Recover:Delegated");
    }
    assert_eq!(ada.users().await.users.len(), 2, "Ada and the customer");
    app.verify(ada.organization).await;
}

async fn a_customer_stays_on_their_side(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut eve = app.admin("eve@elsewhere.example").await;
    let (desk, elsewhere) = (desk(&app, &mut ada).await, desk(&app, &mut eve).await);
    let buyer = customer(&app, &desk).await;
    // Their key is none of the passkeys that the pages take.
    let browser = app.browser();
    let challenge = browser.sign_in_challenge().await;
    let mut response = ada.device.get(&challenge.options);
    response["id"] = json!(buyer.key.id);
    response["rawId"] = json!(buyer.key.id);
    let answer = browser.finish_sign_in(&challenge, &response).await;
    assert_eq!(answer.verdict(), answer::refused(Code::UnknownPasskey));
    assert_eq!(browser.viewer().await.verdict(), answer::refused(Code::SignedOut));
    // They see nobody, and change nothing but their own account.
    for (path, operation) in
        [("/auth/users", "Auth:Users:Read"), ("/auth/service-accounts", "Auth:ServiceAccounts:Read"), ("/permissions", "Permissions:Read")]
    {
        not_permitted(&get(&app, &buyer.token, path).await, operation);
    }
    // In another organization nobody knows them, by their key or by their name.
    assert!(log_in(&app, ada.organization, &buyer.key).await.answer()["token"].is_string());
    refused(&log_in(&app, eve.organization, &buyer.key).await, 403, "SignatureRefused");
    refused(&elsewhere.call(Method::POST, LOG_IN, &json!({ "username": BUYER })).await, 404, "NotFound");
    let body = json!({ "username": BUYER, "credentialId": buyer.recovery.id });
    refused(&elsewhere.call(Method::POST, RECOVER, &body).await, 404, "NotFound");
    // Who has the same address there is somebody else.
    let namesake = customer(&app, &elsewhere).await;
    assert_ne!(namesake.id, buyer.id);
    refused(&log_in(&app, ada.organization, &namesake.key).await, 403, "SignatureRefused");
    app.verify(ada.organization).await;
    app.verify(eve.organization).await;
}

async fn a_token_for_a_customer_acts_as_the_customer(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let desk = desk(&app, &mut ada).await;
    let buyer = customer(&app, &desk).await;
    let login = desk.call(Method::POST, LOG_IN, &json!({ "username": "BUYER@example.com" })).await.answer();
    let token = login["token"].as_str().unwrap().to_owned();
    assert_eq!(login, json!({ "token": token }));
    let own = get(&app, &token, "/auth/credentials").await.answer();
    assert_eq!(own["items"][0]["credentialId"], buyer.key.id);
    assert_eq!(own, get(&app, &buyer.token, "/auth/credentials").await.answer());
    not_permitted(&get(&app, &token, "/auth/users").await, "Auth:Users:Read");
    // It reads as the customer; what is changed in their name, only their key signs.
    let Customer { id, key, .. } = buyer;
    let as_buyer = Program::with(&app, &token, key);
    let until = app.services.ambient.now().plus(Duration::from_mins(4)).to_string();
    let body = json!({ "expiration": until });
    let challenge = as_buyer.announce(Method::POST, "/auth/credentials/code", &body.to_string()).await.answer();
    refused(&as_buyer.sign_with(&KeyPair::ed25519(), &challenge).await, 403, "SignatureRefused");
    assert!(as_buyer.call(Method::POST, "/auth/credentials/code", &body).await.answer()["code"].is_string());

    // Nobody gets in as an employee so, nor as nobody.
    let answer = desk.call(Method::POST, LOG_IN, &json!({ "username": "ada@example.org" })).await;
    refused(&answer, 422, "Impossible");
    assert!(answer.text().contains("This can't be done with ada@example.org."), "{}", answer.text());
    refused(&desk.call(Method::POST, LOG_IN, &json!({ "username": "nobody@example.com" })).await, 404, "NotFound");
    refused(&desk.call(Method::POST, LOG_IN, &json!({ "username": "Desk" })).await, 400, "BadRequest");
    // Whoever is shut out stays out.
    let path = format!("/auth/users/{id}/deactivate");
    app.caller(&mut ada).await.call(Method::PUT, &path, &json!({})).await.answer();
    refused(&get(&app, &token, "/auth/credentials").await, 401, "Unauthorized");
    refused(&desk.call(Method::POST, LOG_IN, &json!({ "username": BUYER })).await, 422, "Impossible");
    app.verify(ada.organization).await;
}

async fn a_customer_recovers_without_a_code(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let desk = desk(&app, &mut ada).await;
    let Customer { key, recovery, token, .. } = customer(&app, &desk).await;
    for wrong in [key.id.as_str(), "nothing"] {
        let body = json!({ "username": BUYER, "credentialId": wrong });
        refused(&desk.call(Method::POST, RECOVER, &body).await, 404, "NotFound");
    }
    let kit = app.caller(&mut ada).await.get("/auth/credentials").await.answer()["items"][1]["credentialUuid"].clone();
    let employee = json!({ "username": "ada@example.org", "credentialId": kit });
    let answer = desk.call(Method::POST, RECOVER, &employee).await;
    refused(&answer, 422, "Impossible");
    assert!(answer.text().contains("This can't be done with ada@example.org."), "{}", answer.text());

    let body = json!({ "username": BUYER, "credentialId": recovery.id });
    let challenge = desk.call(Method::POST, RECOVER, &body).await.answer();
    assert_eq!(challenge["allowedRecoveryCredentials"], json!([{ "id": recovery.id, "encryptedRecoveryKey": "sealed by its owner" }]));
    assert!(app.mails_to(BUYER).await.is_empty(), "nobody wrote to them");
    let (new_key, new_recovery) = (KeyPair::p256(), KeyPair::ed25519());
    let new = credentials(&new_key, &new_recovery, &challenge);
    let signed_by = |recovery: &KeyPair| {
        let assertion = recovery.assertion(&base64url(new.to_string().as_bytes()));
        json!({ "recovery": { "kind": "RecoveryKey", "credentialAssertion": assertion }, "newCredentials": new })
    };
    // The program began it; only the recovery key ends it.
    refused(&finish(&app, "/auth/recover/user", &challenge, &signed_by(&KeyPair::p256())).await, 403, "SignatureRefused");
    refused(&finish(&app, FINISH, &challenge, &registration(&new_key, &new_recovery, &challenge)).await, 401, "Unauthorized");
    let recovered = finish(&app, "/auth/recover/user", &challenge, &signed_by(&recovery)).await.answer();
    assert_eq!(recovered["user"]["username"], BUYER);
    refused(&get(&app, &token, "/auth/credentials").await, 401, "Unauthorized");
    refused(&log_in(&app, ada.organization, &key).await, 403, "SignatureRefused");
    log_in(&app, ada.organization, &new_key).await.answer();
    refused(&desk.call(Method::POST, RECOVER, &body).await, 404, "NotFound");
    app.verify(ada.organization).await;
}

async fn an_access_token_does_nothing_for_customers(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let desk = desk(&app, &mut ada).await;
    let buyer = customer(&app, &desk).await;
    let permission = ada.permission("Front desk").await;
    let (whole, _) = access_token(&app, &mut ada, "Whole", None).await;
    let (narrow, _) = access_token(&app, &mut ada, "Narrow", Some(&permission)).await;
    let another = json!({ "email": "another@example.com", "kind": "EndUser" });
    for token in [&whole, &narrow] {
        not_permitted(&token.call(Method::POST, REGISTER, &another).await, "Auth:Register:Delegated");
        not_permitted(&token.call(Method::POST, LOG_IN, &json!({ "username": BUYER })).await, "Auth:Login:Delegated");
        let body = json!({ "username": BUYER, "credentialId": buyer.recovery.id });
        not_permitted(&token.call(Method::POST, RECOVER, &body).await, "Auth:Recover:Delegated");
    }
    // Its owner may, with a passkey.
    let mut caller = app.caller(&mut ada).await;
    assert!(caller.call(Method::POST, LOG_IN, &json!({ "username": BUYER })).await.answer()["token"].is_string());
    app.verify(caller.organization).await;
}
