//! A program that calls the API the way the published client does: announce, sign, call.

use super::{answer::Answer, app::TestApp, browser::Browser, device::Device, person::Person};
use app::{action::document, domain::id::OrganizationId};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header::CONTENT_TYPE, request::Builder},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// The header that shows that a call was signed.
pub const USER_ACTION: &str = "x-dfns-useraction";

/// Whoever calls, with what they sign with.
pub struct Caller<'a> {
    pub browser: Browser,
    pub organization: OrganizationId,
    pub token: String,
    pub device: &'a mut Device,
}

impl TestApp {
    /// Signs a person in to the API, with their passkey.
    pub async fn caller<'a>(&self, person: &'a mut Person) -> Caller<'a> {
        let browser = self.browser();
        let organization = person.organization;
        let challenge = browser.api_json(Method::POST, "/auth/login/init", &json!({ "orgId": organization })).await.answer();
        let assertion = passkey_assertion(&mut person.device, &challenge);
        let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion });
        let token = browser.api_json(Method::POST, "/auth/login", &body).await.answer()["token"].as_str().unwrap().to_owned();
        Caller { browser, organization, token, device: &mut person.device }
    }
}

/// What the client's browser signer makes of a challenge.
pub fn passkey_assertion(device: &mut Device, challenge: &Value) -> Value {
    let allowed = challenge["allowCredentials"]["webauthn"].clone();
    let options = json!({ "challenge": challenge["challenge"], "rpId": challenge["rp"]["id"], "allowCredentials": allowed });
    let answer = device.get(&options);
    json!({
        "kind": "Fido2",
        "credentialAssertion": {
            "credId": answer["id"],
            "clientData": answer["response"]["clientDataJSON"],
            "authenticatorData": answer["response"]["authenticatorData"],
            "signature": answer["response"]["signature"],
            "userHandle": answer["response"]["userHandle"].as_str().unwrap_or_default(),
        },
    })
}

impl Browser {
    /// A call without a token.
    pub async fn api_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(with_json(Request::builder().method(method).uri(path), &body.to_string())).await
    }
}

fn with_json(request: Builder, body: &str) -> Request<Body> {
    request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_owned())).unwrap()
}

impl Caller<'_> {
    /// A request with the token, without a body yet.
    pub fn request(&self, method: Method, path: &str) -> Builder {
        Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.token))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.browser.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// Sends JSON as it is written here.
    pub async fn send(&self, request: Builder, body: &str) -> Answer {
        self.browser.send(with_json(request, body)).await
    }

    /// Announces a call.
    pub async fn announce(&self, method: Method, path: &str, body: &str) -> Answer {
        let announced = json!({ "userActionPayload": body, "userActionHttpMethod": method.as_str(), "userActionHttpPath": path });
        self.send(self.request(Method::POST, "/auth/action/init"), &announced.to_string()).await
    }

    /// Signs what was announced. That the challenge is the document's is checked, as the client doesn't.
    pub async fn sign(&mut self, challenge: &Value) -> Answer {
        let bytes = BASE64URL_NOPAD.decode(challenge["action"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(challenge["challenge"], BASE64URL_NOPAD.encode(&document::challenge(&bytes)));
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": passkey_assertion(self.device, challenge),
        });
        self.send(self.request(Method::POST, "/auth/action"), &body.to_string()).await
    }

    /// Announces and signs a call: what it has to show.
    pub async fn user_action(&mut self, method: Method, path: &str, body: &str) -> String {
        let challenge = self.announce(method, path, body).await.answer();
        self.sign(&challenge).await.answer()["userAction"].as_str().unwrap().to_owned()
    }

    /// Makes a call that was signed.
    pub async fn show(&self, method: Method, path: &str, body: &str, user_action: &str) -> Answer {
        self.send(self.request(method, path).header(USER_ACTION, user_action), body).await
    }

    /// The whole road; where it is refused already when it is announced, that refusal.
    pub async fn call(&mut self, method: Method, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let announced = self.announce(method.clone(), path, &body).await;
        if announced.status != StatusCode::OK {
            return announced;
        }
        let user_action = self.sign(&announced.answer()).await.answer()["userAction"].as_str().unwrap().to_owned();
        self.show(method, path, &body, &user_action).await
    }
}

impl Answer {
    /// The JSON of a call that was answered.
    #[track_caller]
    pub fn answer(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code of a call that was refused, in the one form that there is.
    #[track_caller]
    pub fn error(&self) -> (u16, String) {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()));
        let error = body["error"].as_object().unwrap_or_else(|| panic!("{body}"));
        // What was done already tells as what.
        assert_eq!(error.len(), if error.contains_key("receipt") { 4 } else { 3 }, "{body}");
        assert!(!error["message"].as_str().unwrap().is_empty() && !error["id"].as_str().unwrap().is_empty(), "{body}");
        (self.status.as_u16(), error["code"].as_str().unwrap().to_owned())
    }
}
