//! People on their way from a mail address to a signed-in admin, and how far they have come.

use super::{
    answer::{Answer, DONE, Verdict},
    app::TestApp,
    browser::Browser,
    device::{Device, RecoveryKit},
};
use app::{
    domain::id::OrganizationId,
    rpc::{
        get_started::{CodeState, Registration},
        sign_in::{SignInChallenge, Viewer},
    },
};
use serde_json::{Value, json};

/// Someone with a browser, a device, and a sheet of paper for the recovery kit.
pub struct Person {
    pub browser: Browser,
    pub email: String,
    /// The organization that they began.
    pub organization: OrganizationId,
    /// From the mail.
    pub code: String,
    pub device: Device,
    pub kit: RecoveryKit,
}

impl TestApp {
    /// Began an organization and got the mail.
    pub async fn founder(&self, email: &str) -> Person {
        let browser = self.browser();
        let answer = browser.create_organization(email, "Ada Lovelace", "Acme").await;
        assert_eq!(answer.verdict(), DONE, "{}", answer.text());
        let organization = answer.organization();
        let mails = self.mails_to(email).await;
        let mail = mails.iter().find(|mail| mail.text.contains(&organization.to_string())).expect("a mail names the organization");
        Person {
            browser,
            email: email.to_owned(),
            organization,
            code: code_in(&mail.text),
            device: Device::security_key(&self.origin()),
            kit: RecoveryKit::new(),
        }
    }

    /// Typed the code, too.
    pub async fn registering(&self, email: &str) -> Person {
        let person = self.founder(email).await;
        assert_eq!(person.activate().await.verdict(), DONE);
        person
    }

    /// Made a passkey, too.
    pub async fn with_passkey(&self, email: &str) -> Person {
        let mut person = self.registering(email).await;
        assert_eq!(person.make_passkey().await, DONE);
        person
    }

    /// Finished with this device, and is signed in.
    pub async fn admin_with(&self, email: &str, device: Device) -> Person {
        let mut person = self.registering(email).await;
        person.device = device;
        assert_eq!(person.make_passkey().await, DONE);
        assert_eq!(person.finish().await.verdict(), DONE);
        person
    }

    /// Finished, and is signed in.
    pub async fn admin(&self, email: &str) -> Person {
        let person = self.with_passkey(email).await;
        assert_eq!(person.finish().await.verdict(), DONE);
        person
    }
}

impl Person {
    /// Types the code into their browser.
    pub async fn activate(&self) -> Answer {
        self.type_code(&self.code).await
    }

    pub async fn type_code(&self, code: &str) -> Answer {
        self.type_code_in(&self.browser, code).await
    }

    pub async fn type_code_in(&self, browser: &Browser, code: &str) -> Answer {
        browser.activate(&self.email, &self.organization.to_string(), code).await
    }

    /// Another code than theirs.
    pub fn wrong_code(&self) -> String {
        let (first, rest) = self.code.split_at(1);
        format!("{}{rest}", if first == "0" { "1" } else { "0" })
    }

    pub async fn code_state(&self) -> CodeState {
        self.browser.code_state(&self.email, &self.organization.to_string()).await.done()
    }

    /// Makes a passkey and hands it in.
    pub async fn make_passkey(&mut self) -> Verdict {
        let options = self.browser.passkey_options().await;
        self.browser.keep_passkey(&self.device.create(&options)).await.verdict()
    }

    /// Hands in the recovery key.
    pub async fn finish(&self) -> Answer {
        let registration = self.browser.registration().await.done::<Registration>();
        self.browser.finish(&self.kit.proof(&registration.challenge)).await
    }

    pub async fn sign_in(&mut self) -> Answer {
        let browser = self.browser.clone();
        self.sign_in_with(&browser).await
    }

    /// Signs in, in this browser.
    pub async fn sign_in_with(&mut self, browser: &Browser) -> Answer {
        let challenge = browser.sign_in_challenge().await;
        browser.finish_sign_in(&challenge, &self.device.get(&challenge.options)).await
    }

    pub async fn viewer(&self) -> Viewer {
        self.browser.viewer().await.done()
    }
}

/// The server functions, by name.
impl Browser {
    pub async fn create_organization(&self, email: &str, name: &str, organization: &str) -> Answer {
        self.call("create_organization", &[("email", email), ("name", name), ("organization", organization)]).await
    }

    pub async fn send_new_code(&self, email: &str, organization: &str) -> Answer {
        self.call("send_new_code", &[("email", email), ("organization", organization)]).await
    }

    pub async fn code_state(&self, email: &str, organization: &str) -> Answer {
        self.call("code_state", &[("email", email), ("organization", organization)]).await
    }

    pub async fn activate(&self, email: &str, organization: &str, code: &str) -> Answer {
        self.call("activate", &[("email", email), ("organization", organization), ("code", code)]).await
    }

    pub async fn registration(&self) -> Answer {
        self.call("registration", &[]).await
    }

    pub async fn start_passkey(&self) -> Answer {
        self.call_json("start_passkey", &json!({})).await
    }

    pub async fn passkey_options(&self) -> Value {
        self.start_passkey().await.done()
    }

    pub async fn keep_passkey(&self, response: &Value) -> Answer {
        self.call_json("keep_passkey", &json!({ "response": response })).await
    }

    pub async fn finish(&self, proof: &Value) -> Answer {
        self.call_json("finish_registration", &json!({ "recovery_key": proof })).await
    }

    pub async fn start_sign_in(&self) -> Answer {
        self.call_json("start_sign_in", &json!({})).await
    }

    pub async fn sign_in_challenge(&self) -> SignInChallenge {
        self.start_sign_in().await.done()
    }

    pub async fn finish_sign_in(&self, challenge: &SignInChallenge, response: &Value) -> Answer {
        self.call_json("finish_sign_in", &json!({ "challenge": challenge.challenge, "response": response })).await
    }

    pub async fn sign_out(&self) -> Answer {
        self.call("sign_out", &[]).await
    }

    pub async fn viewer(&self) -> Answer {
        self.call("viewer", &[]).await
    }

    pub async fn about(&self) -> Answer {
        self.call("about", &[]).await
    }

    pub async fn local_mails(&self) -> Answer {
        self.call("local_mails", &[]).await
    }
}

/// The one code in a mail: four groups of four digits.
pub fn code_in(text: &str) -> String {
    let is_group = |word: &&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let line = text.lines().find(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.len() == 4 && words.iter().all(is_group)
    });
    line.expect("the mail has a code on a line of its own").split_whitespace().collect()
}
