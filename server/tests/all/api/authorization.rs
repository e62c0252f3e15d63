//! What the API answers to whom: every route for every kind of caller, as a table that reviewers read. A route that isn't in it
//! fails the test; and some rules hold whatever is blessed.

use super::refused;
use crate::support::{
    answer::Answer, app::TestApp, blessed::assert_committed, browser::Browser, caller::Caller, company::Company, database::TestDatabase,
    device::base64url, key::KeyPair,
};
use app::{
    action::change::Change,
    domain::id::{ChallengeId, EntryId},
    rpc::permissions::PermissionRow,
};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
    time::Duration,
};

on_sqlite!(every_route_answers_every_kind_of_caller_as_agreed);

/// Where the table stands that reviewers read. `COUNTERSIGN_BLESS=1` writes it anew.
const TABLE: &str = "tests/all/api/authorization.txt";

/// Who calls, as a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    NoToken,
    Garbage,
    CookieOnly,
    SignedOut,
    Deactivated,
    Employee,
    FullAdmin,
    Program,
    FullProgram,
    AccessToken,
    NarrowToken,
    EndUser,
    LoggedIn,
    Registering,
    AdminElsewhere,
}

impl Who {
    const fn label(self) -> &'static str {
        match self {
            Self::NoToken => "no token",
            Self::Garbage => "a token that isn't one",
            Self::CookieOnly => "full admin by the session cookie of the pages, without a token",
            Self::SignedOut => "full admin by a token that was signed out",
            Self::Deactivated => "deactivated full admin",
            Self::Employee => "employee without permissions",
            Self::FullAdmin => "full admin",
            Self::Program => "service account without permissions",
            Self::FullProgram => "service account with the permission of a full admin",
            Self::AccessToken => "access token of the full admin",
            Self::NarrowToken => "access token of the full admin with the permission to read users",
            Self::EndUser => "end user",
            Self::LoggedIn => "end user whom a service account logged in",
            Self::Registering => "the temporary token of a registration",
            Self::AdminElsewhere => "full admin elsewhere",
        }
    }

    /// Whether nothing that they show counts as a token.
    const fn is_shut_out(self) -> bool {
        matches!(self, Self::NoToken | Self::Garbage | Self::CookieOnly | Self::SignedOut | Self::Deactivated | Self::Registering)
    }
}

/// What a route asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Public,
    /// The temporary token of the call that began it, which nobody here has.
    Begun,
    /// A token.
    Token,
    /// A token, and a signature; it is about the caller's own account.
    Own,
    /// A token, and a signature; it changes the organization.
    Organization,
}

impl Kind {
    const fn is_signed(self) -> bool {
        matches!(self, Self::Own | Self::Organization)
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Begun => "begun",
            Self::Token => "token",
            Self::Own | Self::Organization => "signed",
        }
    }
}

/// A route, and how it is asked: by a full admin of our organization, so that it could be done.
struct Row {
    kind: Kind,
    method: Method,
    /// As the description has its path.
    pattern: &'static str,
    path: String,
    body: Value,
    /// Whether it is about something of our organization.
    is_ours: bool,
}

fn row(kind: Kind, method: Method, pattern: &'static str, ids: &[&dyn Display], body: Value) -> Row {
    let mut left = ids.iter();
    let mut id = || left.next().expect("there is an id for each place").to_string();
    let parts = pattern.split('/').map(|part| if part.starts_with('{') { id() } else { part.to_owned() });
    let path = parts.collect::<Vec<String>>().join("/");
    Row { kind, method, pattern, path, body, is_ours: !ids.is_empty() }
}

/// Whoever calls, with what they show.
struct Visitor {
    who: Who,
    browser: Browser,
    token: Option<String>,
}

impl Visitor {
    async fn ask(&self, method: &Method, path: &str, body: &Value) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri(path);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = if *method == Method::GET {
            request.body(Body::empty())
        } else {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        };
        self.browser.send(request.unwrap()).await
    }

    /// What is answered to a call or, where it must be signed, to its being announced.
    async fn status_of(&self, row: &Row) -> u16 {
        let body = self.body_for(row).await;
        if !row.kind.is_signed() {
            return self.ask(&row.method, &row.path, &body).await.status.as_u16();
        }
        let announced = json!({
            "userActionPayload": body.to_string(),
            "userActionHttpMethod": row.method.as_str(),
            "userActionHttpPath": row.path,
        });
        let answer = self.ask(&Method::POST, "/auth/action/init", &announced).await;
        // Nothing is done without a signature, and whoever brings none isn't told whether they could.
        let unsigned = self.ask(&row.method, &row.path, &body).await;
        if self.who.is_shut_out() {
            refused(&unsigned, 401, "Unauthorized");
        } else {
            refused(&unsigned, 403, "NotSigned");
        }
        answer.status.as_u16()
    }

    /// A new credential answers a challenge of its owner's own; all else is the same for everyone.
    async fn body_for(&self, row: &Row) -> Value {
        if row.kind != Kind::Own || row.pattern != "/auth/credentials" {
            return row.body.clone();
        }
        let answer = self.ask(&Method::POST, "/auth/credentials/init", &json!({ "kind": "Key" })).await;
        if answer.status == StatusCode::OK { new_key(&answer.answer()) } else { new_key(&nobodys_challenge()) }
    }
}

/// A challenge for a credential that was given to nobody.
fn nobodys_challenge() -> Value {
    json!({ "challenge": base64url(&[7; 32]), "challengeIdentifier": ChallengeId::from_bytes([7; 16]) })
}

fn new_key(asked: &Value) -> Value {
    json!({
        "credentialKind": "Key",
        "credentialName": "New key",
        "credentialInfo": KeyPair::ed25519().info(asked["challenge"].as_str().unwrap()),
        "challengeIdentifier": asked["challengeIdentifier"],
    })
}

/// An organization with one of everything, and everyone who calls.
struct Office {
    company: Company,
    visitors: Vec<Visitor>,
    /// A service account that was deactivated.
    resting_account: Value,
    /// An access token of the full admin's.
    token: Value,
    /// One that was deactivated.
    resting_token: Value,
    /// The end user's recovery key.
    recovery_key: KeyPair,
}

const END_USER: &str = "shopper@home.example";

impl Office {
    async fn open(app: &TestApp) -> Self {
        let mut company = Company::open(app, "home.example").await;
        let cookies = company.admin.browser.clone();
        let full_admin = company.admin.permission("Full admin").await;
        let (mut nobody, _) = app.colleague(&mut company.admin, "none@home.example", &[]).await;
        let (mut gone, gone_user) = app.colleague(&mut company.admin, "gone@home.example", &[&full_admin]).await;
        let gone = app.caller(&mut gone).await.token;
        company.admin.sign(&Change::DeactivateUser { user: gone_user }).await;
        let signed_out = app.caller(&mut company.admin).await.token;
        let mut eve = app.admin("eve@foreign.example").await;

        let mut admin = app.caller(&mut company.admin).await;
        let resting_account = account(&mut admin, "Resting", None).await["userInfo"]["userId"].clone();
        put_to_rest(&mut admin, "/auth/service-accounts", &resting_account).await;
        let program = account(&mut admin, "Idle", None).await["accessTokens"][0]["accessToken"].clone();
        let full_program = account(&mut admin, "Mighty", Some(&full_admin)).await["accessTokens"][0]["accessToken"].clone();
        let token = access_token(&mut admin, "Phone").await["tokenId"].clone();
        let resting_token = access_token(&mut admin, "Attic").await["tokenId"].clone();
        put_to_rest(&mut admin, "/auth/pats", &resting_token).await;
        let access_token = access_token(&mut admin, "Laptop").await["accessToken"].clone();
        let narrow = json!({ "name": "Narrow", "publicKey": KeyPair::ed25519().pem(), "permissionId": company.held.permission.id });
        let narrow_token = admin.call(Method::POST, "/auth/pats", &narrow).await.answer()["accessToken"].clone();
        let (end_user, recovery_key) = end_user(app, &mut admin).await;
        let logged_in = admin.call(Method::POST, "/auth/login/delegated", &json!({ "username": END_USER })).await.answer()["token"].clone();
        let new = json!({ "email": "late@home.example", "kind": "EndUser" });
        let registering = admin.call(Method::POST, "/auth/registration/delegated", &new).await.answer();
        let registering = registering["temporaryAuthenticationToken"].clone();

        let visitor = |who, token: &str| Visitor { who, browser: app.browser(), token: Some(token.to_owned()) };
        let visitors = vec![
            Visitor { who: Who::NoToken, browser: app.browser(), token: None },
            visitor(Who::Garbage, "garbage"),
            Visitor { who: Who::CookieOnly, browser: cookies, token: None },
            visitor(Who::SignedOut, &signed_out),
            visitor(Who::Deactivated, &gone),
            visitor(Who::Employee, &app.caller(&mut nobody).await.token),
            visitor(Who::FullAdmin, &admin.token),
            visitor(Who::Program, program.as_str().unwrap()),
            visitor(Who::FullProgram, full_program.as_str().unwrap()),
            visitor(Who::AccessToken, access_token.as_str().unwrap()),
            visitor(Who::NarrowToken, narrow_token.as_str().unwrap()),
            visitor(Who::EndUser, end_user.as_str().unwrap()),
            visitor(Who::LoggedIn, logged_in.as_str().unwrap()),
            visitor(Who::Registering, registering.as_str().unwrap()),
            visitor(Who::AdminElsewhere, &app.caller(&mut eve).await.token),
        ];
        let leaving = visitors.iter().find(|visitor| visitor.who == Who::SignedOut).expect("they are there");
        leaving.ask(&Method::PUT, "/auth/logout", &json!({})).await.answer();
        Self { company, visitors, resting_account, token, resting_token, recovery_key }
    }
}

async fn account(admin: &mut Caller<'_>, name: &str, permission: Option<&PermissionRow>) -> Value {
    let permission = permission.map(|row| row.permission.id);
    let new = json!({ "name": name, "publicKey": KeyPair::ed25519().pem(), "permissionId": permission });
    admin.call(Method::POST, "/auth/service-accounts", &new).await.answer()
}

async fn access_token(admin: &mut Caller<'_>, name: &str) -> Value {
    let new = json!({ "name": name, "publicKey": KeyPair::ed25519().pem() });
    admin.call(Method::POST, "/auth/pats", &new).await.answer()
}

async fn put_to_rest(admin: &mut Caller<'_>, path: &str, id: &Value) {
    let path = format!("{path}/{}/deactivate", id.as_str().unwrap());
    admin.call(Method::PUT, &path, &json!({})).await.answer();
}

/// The token of an end user who has registered, and their recovery key.
async fn end_user(app: &TestApp, admin: &mut Caller<'_>) -> (Value, KeyPair) {
    let new = json!({ "email": END_USER, "kind": "EndUser" });
    let asked = admin.call(Method::POST, "/auth/registration/delegated", &new).await.answer();
    let challenge = asked["challenge"].as_str().unwrap();
    let recovery_key = KeyPair::p256();
    let register = json!({
        "firstFactorCredential": { "credentialKind": "Key", "credentialInfo": KeyPair::ed25519().info(challenge) },
        "recoveryCredential": { "credentialKind": "RecoveryKey", "credentialInfo": recovery_key.info(challenge) },
        "wallets": [],
    });
    let token = asked["temporaryAuthenticationToken"].as_str().unwrap().to_owned();
    let registering = Visitor { who: Who::EndUser, browser: app.browser(), token: Some(token) };
    let registered = registering.ask(&Method::POST, "/auth/registration/enduser", &register).await.answer();
    (registered["authentication"]["token"].clone(), recovery_key)
}

/// Every route.
async fn rows(app: &TestApp, office: &Office) -> Vec<Row> {
    let mut rows = without_token(&office.company);
    rows.extend(own_account(app, office).await);
    rows.extend(users_and_history(office));
    rows.extend(programs(office));
    rows.extend(customers(office));
    rows.extend(permissions(&office.company));
    // Last of all: it ends the token.
    rows.push(row(Kind::Token, Method::PUT, "/auth/logout", &[], json!({})));
    rows
}

/// They say no more to whoever has a token than to anyone.
fn without_token(company: &Company) -> Vec<Row> {
    let nobody = json!({ "orgId": company.admin.organization, "username": "nobody@home.example" });
    let with = |member: &str, value: &str| {
        let mut body = nobody.clone();
        body[member] = json!(value);
        body
    };
    let mut recovery = with("verificationCode", "0000 0000 0000 0000");
    recovery["credentialId"] = json!("none");
    vec![
        row(Kind::Public, Method::POST, "/auth/registration/init", &[], with("registrationCode", "0000 0000 0000 0000")),
        row(Kind::Begun, Method::POST, "/auth/registration", &[], json!({})),
        row(Kind::Begun, Method::POST, "/auth/registration/enduser", &[], json!({})),
        row(Kind::Public, Method::PUT, "/auth/registration/code", &[], nobody.clone()),
        row(Kind::Public, Method::POST, "/auth/login/init", &[], nobody.clone()),
        row(Kind::Public, Method::POST, "/auth/login", &[], nobodys_signature()),
        row(Kind::Public, Method::POST, "/auth/recover/user/code", &[], nobody.clone()),
        row(Kind::Public, Method::POST, "/auth/recover/user/init", &[], recovery),
        row(Kind::Begun, Method::POST, "/auth/recover/user", &[], json!({})),
        row(Kind::Public, Method::POST, "/auth/credentials/code/init", &[], json!({ "credentialKind": "Key", "code": "AAAA" })),
        row(Kind::Public, Method::POST, "/auth/credentials/code/verify", &[], new_key(&nobodys_challenge())),
    ]
}

/// A signature over a challenge that there isn't.
fn nobodys_signature() -> Value {
    let assertion = KeyPair::ed25519().assertion(&base64url(&[7; 32]));
    json!({ "challengeIdentifier": "none", "firstFactor": { "kind": "Key", "credentialAssertion": assertion } })
}

async fn own_account(app: &TestApp, office: &Office) -> Vec<Row> {
    let admin = &office.company.admin;
    let credentials = app.credentials(admin.organization, admin.as_user().await.id).await;
    let (inactive, _) = credentials.iter().find(|(_, name)| name == "Inactive").expect("the company's admin has it");
    let soon = app.services.ambient.now().plus(Duration::from_mins(4)).to_string();
    let nothing = json!({ "userActionPayload": "", "userActionHttpMethod": "GET", "userActionHttpPath": "/auth/users" });
    let about = |pattern, credential: &dyn Display| Row {
        is_ours: true,
        ..row(Kind::Own, Method::PUT, pattern, &[], json!({ "credentialUuid": credential.to_string() }))
    };
    vec![
        row(Kind::Token, Method::POST, "/auth/action/init", &[], nothing),
        row(Kind::Token, Method::POST, "/auth/action", &[], nobodys_signature()),
        row(Kind::Token, Method::GET, "/auth/credentials", &[], json!({})),
        row(Kind::Own, Method::POST, "/auth/credentials", &[], json!({})),
        row(Kind::Token, Method::POST, "/auth/credentials/init", &[], json!({ "kind": "Key" })),
        about("/auth/credentials/activate", inactive),
        about("/auth/credentials/deactivate", &office.company.passkey),
        row(Kind::Own, Method::POST, "/auth/credentials/code", &[], json!({ "expiration": soon })),
    ]
}

fn users_and_history(office: &Office) -> Vec<Row> {
    let Company { active, deactivated, admin, .. } = &office.company;
    let new = json!({ "email": "new@home.example", "kind": "CustomerEmployee" });
    let always = "startTime=2000-01-01T00:00:00Z&endTime=2200-01-01T00:00:00Z";
    let logs = row(Kind::Token, Method::GET, "/auth/action/logs", &[], json!({}));
    let consistency = row(Kind::Token, Method::GET, "/countersign/v1/consistency", &[], json!({}));
    vec![
        row(Kind::Token, Method::GET, "/auth/users", &[], json!({})),
        row(Kind::Organization, Method::POST, "/auth/users", &[], new),
        row(Kind::Token, Method::GET, "/auth/users/{userId}", &[&active.id], json!({})),
        row(Kind::Organization, Method::PUT, "/auth/users/{userId}", &[&active.id], json!({ "isSSORequired": false })),
        row(Kind::Organization, Method::PUT, "/auth/users/{userId}/activate", &[&deactivated.id], json!({})),
        row(Kind::Organization, Method::PUT, "/auth/users/{userId}/deactivate", &[&active.id], json!({})),
        row(Kind::Organization, Method::DELETE, "/auth/users/{userId}", &[&active.id], json!({})),
        Row { path: format!("{}?{always}", logs.path), ..logs },
        row(Kind::Token, Method::GET, "/auth/action/logs/{id}", &[&EntryId::new(admin.organization, 0)], json!({})),
        row(Kind::Token, Method::GET, "/countersign/v1/history", &[], json!({})),
        row(Kind::Token, Method::GET, "/countersign/v1/checkpoint", &[], json!({})),
        row(Kind::Token, Method::GET, "/countersign/v1/keys", &[], json!({})),
        // It is about the caller's own organization, whatever the index.
        Row { is_ours: false, ..row(Kind::Token, Method::GET, "/countersign/v1/entries/{index}", &[&0], json!({})) },
        Row { path: format!("{}?from=1&to=1", consistency.path), ..consistency },
        row(Kind::Public, Method::GET, "/countersign/v1/health", &[], json!({})),
        row(Kind::Public, Method::GET, "/countersign/v1/version", &[], json!({})),
    ]
}

fn programs(office: &Office) -> Vec<Row> {
    let account = &office.company.robot.id;
    let [resting_account, token, resting_token] =
        [&office.resting_account, &office.token, &office.resting_token].map(|id| id.as_str().unwrap());
    let new = |name: &str| json!({ "name": name, "publicKey": KeyPair::ed25519().pem() });
    let renamed = json!({ "name": "Another name" });
    let (accounts, one_account) = ("/auth/service-accounts", "/auth/service-accounts/{serviceAccountId}");
    let (activate_account, deactivate_account) =
        ("/auth/service-accounts/{serviceAccountId}/activate", "/auth/service-accounts/{serviceAccountId}/deactivate");
    let (tokens, one_token) = ("/auth/pats", "/auth/pats/{tokenId}");
    vec![
        row(Kind::Token, Method::GET, accounts, &[], json!({})),
        row(Kind::Organization, Method::POST, accounts, &[], new("New robot")),
        row(Kind::Token, Method::GET, one_account, &[account], json!({})),
        row(Kind::Organization, Method::PUT, one_account, &[account], renamed.clone()),
        row(Kind::Organization, Method::PUT, activate_account, &[&resting_account], json!({})),
        row(Kind::Organization, Method::PUT, deactivate_account, &[account], json!({})),
        row(Kind::Organization, Method::DELETE, one_account, &[account], json!({})),
        row(Kind::Token, Method::GET, tokens, &[], json!({})),
        // It needs an operation: it makes one more who may act in the organization.
        row(Kind::Organization, Method::POST, tokens, &[], new("New token")),
        row(Kind::Token, Method::GET, one_token, &[&token], json!({})),
        row(Kind::Own, Method::PUT, one_token, &[&token], renamed),
        row(Kind::Own, Method::PUT, "/auth/pats/{tokenId}/activate", &[&resting_token], json!({})),
        row(Kind::Own, Method::PUT, "/auth/pats/{tokenId}/deactivate", &[&token], json!({})),
        row(Kind::Own, Method::DELETE, one_token, &[&token], json!({})),
    ]
}

fn customers(office: &Office) -> Vec<Row> {
    let new = json!({ "email": "customer@home.example", "kind": "EndUser" });
    let recovering = json!({ "username": END_USER, "credentialId": office.recovery_key.id });
    // Whom they are about stands in the body.
    let about = |pattern, body| Row { is_ours: true, ..row(Kind::Organization, Method::POST, pattern, &[], body) };
    vec![
        row(Kind::Organization, Method::POST, "/auth/registration/delegated", &[], new),
        about("/auth/login/delegated", json!({ "username": END_USER })),
        about("/auth/recover/user/delegated", recovering),
    ]
}

fn permissions(company: &Company) -> Vec<Row> {
    let [held, free] = [&company.held, &company.free].map(|row| &row.permission.id);
    let new = json!({ "name": "Inviters", "operations": ["Auth:Users:Create"] });
    let whom = json!({ "identityId": company.active.id });
    let (one, assignments) = ("/permissions/{permissionId}", "/permissions/{permissionId}/assignments");
    let assignment = "/permissions/{permissionId}/assignments/{assignmentId}";
    vec![
        row(Kind::Token, Method::GET, "/permissions", &[], json!({})),
        row(Kind::Organization, Method::POST, "/permissions", &[], new),
        row(Kind::Token, Method::GET, one, &[held], json!({})),
        row(Kind::Organization, Method::PUT, one, &[held], json!({ "name": "Readers again" })),
        row(Kind::Organization, Method::PUT, "/permissions/{permissionId}/archive", &[free], json!({ "isArchived": true })),
        row(Kind::Token, Method::GET, assignments, &[held], json!({})),
        row(Kind::Organization, Method::POST, assignments, &[free], whom),
        row(Kind::Organization, Method::DELETE, assignment, &[held, &company.assignment], json!({})),
    ]
}

async fn every_route_answers_every_kind_of_caller_as_agreed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let office = Office::open(&app).await;
    let rows = rows(&app, &office).await;
    assert_are_those_described(&rows);
    let mut cells: Vec<Vec<u16>> = vec![Vec::new(); rows.len()];
    // One caller after the other, so that everyone's token lasts until their last row.
    for visitor in &office.visitors {
        for (row, cells) in rows.iter().zip(&mut cells) {
            let status = visitor.status_of(row).await;
            if let Some(agreed) = agreed(row, visitor.who) {
                assert_eq!(status, agreed, "{} {} for {:?}", row.method, row.pattern, visitor.who);
            }
            cells.push(status);
        }
    }
    for (row, cells) in rows.iter().zip(&cells).filter(|(row, _)| row.kind == Kind::Public) {
        let is_the_same = cells.iter().all(|status| *status == cells[0]);
        assert!(is_the_same, "{} {} doesn't ask who calls: {cells:?}", row.method, row.pattern);
    }
    assert_committed(TABLE, &print(&office.visitors, &rows, &cells));
}

/// Every route that the API describes has a row, and no other; both agree on what it asks for.
fn assert_are_those_described(rows: &[Row]) {
    let description = serde_json::to_value(server::api::description()).unwrap();
    let mut described = BTreeMap::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let is_signed = call["parameters"].to_string().contains("X-DFNS-USERACTION");
            described.insert((path.as_str(), method.to_uppercase()), (call["security"].is_array(), is_signed));
        }
    }
    let mut asked = BTreeMap::new();
    for row in rows {
        asked.insert((row.pattern, row.method.as_str().to_owned()), (row.kind != Kind::Public, row.kind.is_signed()));
    }
    assert_eq!(asked, described, "route: whether it needs a token, whether it is signed");
    assert_eq!(asked.len(), rows.len(), "each route has one row");
}

/// What is answered whatever the table says; nothing, where that alone decides.
fn agreed(row: &Row, who: Who) -> Option<u16> {
    match (row.kind, who) {
        // Whoever is registering has a token for one of these.
        (Kind::Public, _) | (Kind::Begun, Who::Registering) => None,
        (Kind::Begun, _) => Some(401),
        (_, who) if who.is_shut_out() => Some(401),
        (_, Who::AdminElsewhere) if row.is_ours => Some(404),
        (Kind::Organization, Who::EndUser | Who::Program) => Some(403),
        // Otherwise the others might be refused for how the row asks, and not for who they are.
        (Kind::Own | Kind::Organization, Who::FullAdmin) => Some(200),
        (Kind::Token, Who::FullAdmin) if row.method == Method::GET => Some(200),
        _ => None,
    }
}

fn print(visitors: &[Visitor], rows: &[Row], cells: &[Vec<u16>]) -> String {
    let mut table = String::from(
        "What the API answers to whom: to the call itself or, where it is signed, to its being announced at /auth/action/init.\n\
         A call that finishes what was begun needs the temporary token of its beginning, which nobody here has. Columns:\n\n",
    );
    for (number, visitor) in visitors.iter().enumerate() {
        writeln!(table, "  {:>2}  {}", number + 1, visitor.who.label()).unwrap();
    }
    write!(table, "\n{:<70}", "").unwrap();
    for number in 1..=visitors.len() {
        write!(table, "{number:>4}").unwrap();
    }
    table.push('\n');
    for (row, cells) in rows.iter().zip(cells) {
        write!(table, "{:<7}{:<7}{:<56}", row.kind.label(), row.method.as_str(), row.pattern).unwrap();
        for status in cells {
            write!(table, "{status:>4}").unwrap();
        }
        table.push('\n');
    }
    table
}
