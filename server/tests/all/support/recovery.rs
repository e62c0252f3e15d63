//! People who lost every passkey, on their way back.

use super::{
    answer::{Answer, DONE},
    app::TestApp,
    browser::Browser,
    device::{Device, RecoveryKit, base64url},
    own_account::{passkey_name, presented},
    person::{Person, code_in},
};
use app::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        recovery_key::{recovery_message, recovery_test_message},
    },
    rpc::recovery::{PreparedRecovery, Recovery},
};
use serde_json::{Value, json};

/// A recovery that waits for its signature.
pub struct Ready {
    pub browser: Browser,
    pub prepared: PreparedRecovery,
    pub signature: String,
    pub device: Device,
    pub kit: RecoveryKit,
}

impl TestApp {
    /// The newest code that was mailed to recover an account with.
    pub async fn recovery_code(&self, email: &str, number: usize) -> String {
        for _ in 0..1000 {
            let mails = self.mails_to(email).await;
            let codes: Vec<_> = mails.iter().filter(|mail| mail.subject == "Recover your account: your code").collect();
            if codes.len() >= number {
                return code_in(&codes[0].text);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no code to recover {email} with");
    }

    /// A browser in which this person typed the code that begins a recovery.
    pub async fn recovering(&self, person: &Person) -> Browser {
        let browser = self.browser();
        let before = self.mails_to(&person.email).await.iter().filter(|mail| mail.subject.starts_with("Recover your account")).count();
        assert_eq!(browser.start_recovery(&person.email).await.verdict(), DONE);
        let code = self.recovery_code(&person.email, before + 1).await;
        assert_eq!(browser.type_recovery_code(&person.email, &code).await.verdict(), DONE);
        browser
    }

    /// Everything up to the last step.
    pub async fn ready_to_recover(&self, person: &Person) -> Ready {
        let browser = self.recovering(person).await;
        let (mut device, kit) = (Device::password_manager(&self.origin()), RecoveryKit::new());
        let change = browser.recovery_change(&mut device, &kit).await;
        let prepared: PreparedRecovery = browser.prepare_recovery(&change).await.done();
        let signature = person.kit.sign(&recovery_message(&prepared.document.0));
        Ready { browser, prepared, signature, device, kit }
    }

    /// The whole way back.
    pub async fn recover(&self, person: &mut Person) -> Answer {
        let ready = self.ready_to_recover(person).await;
        let answer = ready.hand_in().await;
        if answer.verdict() == DONE {
            (person.browser, person.device, person.kit) = (ready.browser, ready.device, ready.kit);
        }
        answer
    }
}

impl Ready {
    pub async fn hand_in(&self) -> Answer {
        self.browser.commit_recovery(&self.prepared, &self.signature).await
    }
}

impl Browser {
    pub async fn start_recovery(&self, email: &str) -> Answer {
        self.call("start_recovery", &[("email", email)]).await
    }

    pub async fn type_recovery_code(&self, email: &str, code: &str) -> Answer {
        self.call("type_recovery_code", &[("email", email), ("code", code)]).await
    }

    pub async fn recovery(&self) -> Answer {
        self.call("recovery", &[]).await
    }

    /// Shows that this kit is the account's.
    pub async fn prove_kit(&self, kit: &RecoveryKit) -> Answer {
        let recovery: Recovery = self.recovery().await.done();
        assert_eq!(recovery.salt.len(), base64url(&[0; 32]).len());
        let signature = kit.sign(&recovery_test_message(&recovery.challenge.0));
        self.call_json("prove_recovery_kit", &json!({ "signature": signature })).await
    }

    /// A recovery with a new passkey on this device and this new kit.
    pub async fn recovery_change(&self, device: &mut Device, kit: &RecoveryKit) -> AccountChange {
        let options: Value = self.call_json("start_recovery_passkey", &json!({})).await.done();
        let challenge = options["challenge"].as_str().unwrap();
        let passkey = presented(&device.create(&options), challenge);
        let recovery_key = kit.new_key(&Bytes::decode(challenge).unwrap());
        AccountChange::Recover { name: passkey_name("Passkey"), passkey, recovery_key }
    }

    pub async fn prepare_recovery(&self, change: &AccountChange) -> Answer {
        self.call_json("prepare_recovery", &json!({ "change": change })).await
    }

    pub async fn commit_recovery(&self, prepared: &PreparedRecovery, signature: &str) -> Answer {
        self.call_json("commit_recovery", &json!({ "action": prepared.action, "signature": signature })).await
    }
}
