//! People and the other device on which they make a passkey.

use super::{
    answer::{Answer, DONE},
    app::TestApp,
    browser::Browser,
    device::Device,
    own_account::presented,
    person::Person,
};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey},
        change::Change,
    },
    rpc::other_device::{DeviceOffer, OfferState},
};
use serde_json::{Value, json};

impl Person {
    pub async fn offer_passkey(&self) -> DeviceOffer {
        self.browser.call_json("offer_passkey", &json!({})).await.done()
    }

    pub async fn offered(&self, offer: &DeviceOffer) -> OfferState {
        self.browser.call_json("offered_passkey", &json!({ "id": offer.id })).await.done()
    }

    /// The change that adds what the other device presented.
    pub async fn confirming(&self, offer: &DeviceOffer) -> Change {
        match self.offered(offer).await {
            OfferState::Presented(presented) => {
                Change::OwnAccount(AccountChange::AddPasskey { name: presented.name, passkey: presented.passkey })
            }
            other => panic!("nothing was presented: {other:?}"),
        }
    }
}

impl TestApp {
    /// A browser elsewhere in which this person's code was typed.
    pub async fn adding_elsewhere(&self, person: &Person) -> (Browser, DeviceOffer) {
        let (browser, offer) = (self.browser(), person.offer_passkey().await);
        assert_eq!(browser.type_device_code(&person.email, &offer.code).await.verdict(), DONE);
        (browser, offer)
    }
}

impl Browser {
    pub async fn type_device_code(&self, email: &str, code: &str) -> Answer {
        self.call("type_device_code", &[("email", email), ("code", code)]).await
    }

    /// Makes a passkey for the account whose code was typed here.
    pub async fn make_offered(&self, device: &mut Device) -> NewPasskey {
        let options: Value = self.call_json("start_offered_passkey", &json!({})).await.done();
        presented(&device.create(&options), options["challenge"].as_str().unwrap())
    }

    pub async fn present(&self, passkey: &NewPasskey) -> Answer {
        self.call_json("present_passkey", &json!({ "passkey": passkey })).await
    }
}
