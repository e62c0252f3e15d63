//! Calls that change something. Each is read the same way twice: when it is announced, to be signed, and when it comes. What
//! is compared is what was read, so neither the order of members nor white space matters, and everything that means something does.

use super::{
    USER_ACTION,
    caller::Caller,
    credentials, customers,
    error::{ApiError, Code},
    input::{cut, from_json, require_json, whole_body},
    permissions, programs, users,
};
use crate::{
    action::{Actor, Executed},
    client::Client,
    service::Services,
    storage::{Connection, actions},
};
use app::{
    action::{challenge::sha256, change::Change},
    domain::{
        id::ChallengeId,
        operation::{Operation, Operations},
    },
};
use async_trait::async_trait;
use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, str::FromStr, sync::Arc};
use url::form_urlencoded;

/// A call, before it is known which one it is.
pub(super) struct Given {
    method: String,
    path: String,
    query: Option<String>,
    body: Vec<u8>,
}

impl Given {
    /// As it is announced: its path may have a query string.
    pub(super) fn announced(method: &str, target: &str, payload: &[u8]) -> Self {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Self { method: method.to_owned(), path: path.to_owned(), query: query.map(str::to_owned), body: payload.to_vec() }
    }

    /// What stands in the places of this pattern, if the path fits it.
    fn at<'a>(&'a self, pattern: &str) -> Option<Places<'a>> {
        let mut places = Vec::new();
        let (mut wanted, mut found) = (pattern.split('/'), self.path.split('/'));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return Some(Places(places)),
                (Some(place), Some(text)) if place.starts_with('{') => places.push(text),
                (Some(word), Some(text)) if word == text => {}
                _ => return None,
            }
        }
    }

    /// The body.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        from_json(&self.body)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// One client sends an empty object where another sends nothing.
    pub(super) fn no_body(&self) -> Result<(), ApiError> {
        if self.body.is_empty() {
            return Ok(());
        }
        let members: Map<String, Value> = self.body()?;
        match members.keys().next() {
            None => Ok(()),
            Some(name) => Err(ApiError::bad_request(format!("This call's body has no members, and here is `{}`.", cut(name)))),
        }
    }

    /// The parameters of the query string, each of which must be one of these.
    pub(super) fn parameters(&self, known: &[&str]) -> Result<BTreeMap<String, String>, ApiError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                return Err(ApiError::bad_request(format!("This call has no parameter `{}`.", cut(&name))));
            }
            if parameters.insert(name.to_string(), value.to_string()).is_some() {
                return Err(ApiError::bad_request(format!("The parameter `{name}` is there twice.")));
            }
        }
        Ok(parameters)
    }

    /// The one parameter that the client knows: to go on without approval. Nobody has to approve here.
    pub(super) fn force(&self) -> Result<Option<String>, ApiError> {
        match self.parameters(&["force"])?.remove("force") {
            Some(value) if value != "true" && value != "false" => Err(ApiError::bad_request("`force` must be true or false.")),
            other => Ok(other),
        }
    }
}

/// What stands in the places of a path's pattern.
pub(super) struct Places<'a>(Vec<&'a str>);

impl Places<'_> {
    /// An id at this place. One of another form is as unknown as one of another organization.
    pub(super) fn id<T: FromStr>(&self, place: usize, what: &str) -> Result<T, ApiError> {
        self.0.get(place).and_then(|text| text.parse().ok()).ok_or_else(|| ApiError::not_found(what))
    }
}

/// What a call needs to know to say which change it is.
pub(super) struct Asking<'a> {
    pub(super) services: &'a Services,
    pub(super) db: &'a mut Connection,
    pub(super) actor: Actor,
    pub(super) may: &'a Operations,
    /// What has to be kept until the change is made: the private half of a recovery key, which its owner sealed, and the challenge
    /// that it belongs to.
    pub(super) to_keep: Option<(ChallengeId, String)>,
}

impl Asking<'_> {
    /// Whoever may not do it isn't told what is there.
    pub(super) fn require(&self, operation: Operation) -> Result<(), ApiError> {
        if self.may.allows(operation) { Ok(()) } else { Err(ApiError::not_permitted(operation)) }
    }

    pub(super) fn failed(&self, error: crate::storage::StorageError) -> ApiError {
        ApiError::of_storage(self.services, error)
    }
}

/// A call that changes something. Serialized, it is what it means.
#[async_trait]
pub(super) trait Call: Serialize + Sized + Send + Sync + 'static {
    /// Its method.
    const METHOD: &'static str;
    /// Its path, as the router has it.
    const PATH: &'static str;

    /// Reads it.
    fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError>;

    /// Which change it is, with what is there now.
    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError>;
}

/// A call of whichever kind.
#[async_trait]
pub(super) trait AnyCall: Send + Sync {
    /// What it means: two calls of the same text are the same.
    fn text(&self) -> Result<String, ApiError>;

    async fn change_of(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError>;
}

#[async_trait]
impl<C: Call> AnyCall for C {
    fn text(&self) -> Result<String, ApiError> {
        serde_json::to_string(&(C::METHOD, C::PATH, self))
            .map_err(|error| ApiError::bad_request(format!("The call can't be kept: {error}.")))
    }

    async fn change_of(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        self.change(asking).await
    }
}

type Found = Option<Result<Box<dyn AnyCall>, ApiError>>;

/// Every call that is signed.
const CALLS: &[fn(&Given) -> Found] = &[
    find::<credentials::Create>,
    find::<credentials::Activate>,
    find::<credentials::Deactivate>,
    find::<credentials::MakeCode>,
    find::<customers::RegisterCustomer>,
    find::<customers::LogIn>,
    find::<customers::Recover>,
    find::<programs::CreateAccount>,
    find::<programs::UpdateAccount>,
    find::<programs::ActivateAccount>,
    find::<programs::DeactivateAccount>,
    find::<programs::DeleteAccount>,
    find::<programs::CreateToken>,
    find::<programs::UpdateToken>,
    find::<programs::ActivateToken>,
    find::<programs::DeactivateToken>,
    find::<programs::DeleteToken>,
    find::<users::Create>,
    find::<users::Update>,
    find::<users::Activate>,
    find::<users::Deactivate>,
    find::<users::Delete>,
    find::<permissions::Create>,
    find::<permissions::Update>,
    find::<permissions::Archive>,
    find::<permissions::Assign>,
    find::<permissions::Revoke>,
];

fn find<C: Call>(given: &Given) -> Found {
    let places = given.at(C::PATH).filter(|_| given.method == C::METHOD)?;
    Some(C::read(given, &places).map(|call| Box::new(call) as Box<dyn AnyCall>))
}

/// The call that was announced.
pub(super) fn find_call(given: &Given) -> Result<Box<dyn AnyCall>, ApiError> {
    CALLS
        .iter()
        .find_map(|find| find(given))
        .unwrap_or_else(|| Err(ApiError::bad_request(format!("There is nothing to sign for {} {}.", cut(&given.method), cut(&given.path)))))
}

/// By what storage knows what shows that a request was signed.
pub(super) fn hash(user_action: &str) -> String {
    BASE64URL_NOPAD.encode(&sha256(user_action.as_bytes()))
}

/// A call that was signed, by whoever makes it, to be executed now.
pub(super) struct Signed<C> {
    pub(super) caller: Caller,
    pub(super) call: C,
    services: Arc<Services>,
    client: Client,
    action: actions::SignedAction,
}

impl<C> Signed<C> {
    /// Executes it.
    pub(super) async fn execute(&self) -> Result<Executed, ApiError> {
        let proof: super::assertion::Assertion = serde_json::from_str(&self.action.proof)
            .map_err(|error| ApiError::from(self.services.hide(app::refusal::Code::Internal, &error)))?;
        let signed = proof.read()?;
        let executed = self.services.road.commit(self.caller.actor, self.action.id, signed.proof(), &self.client).await;
        executed.map_err(|error| ApiError::of_action(&self.services, error))
    }
}

impl<C: Call> FromRequest<Arc<Services>> for Signed<C> {
    type Rejection = ApiError;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, services).await?;
        let bytes = whole_body(Request::from_parts(parts.clone(), body), services).await?;
        if !bytes.is_empty() {
            require_json(&parts.headers)?;
        }
        let mut given = Given {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            body: bytes.to_vec(),
        };
        let places = given.at(C::PATH).ok_or_else(|| ApiError::new(Code::NotFound, "The API has no such call."))?;
        let call = C::read(&given, &places)?;
        let action = signed_action(&parts, services, &caller).await?;
        // The client signs the path alone. Whatever a query asks for beyond what was signed can only be what is done anyway.
        given.query = None;
        let without_query = given.at(C::PATH).map(|places| C::read(&given, &places)).transpose()?;
        let is_signed =
            action.request == call.text()? || without_query.map(|call| call.text()).transpose()? == Some(action.request.clone());
        if !is_signed {
            return Err(ApiError::new(Code::NotSigned, "What was signed is another call than this one: begin again at /auth/action/init."));
        }
        let client = parts.extensions.get::<Client>().cloned();
        let client = client.ok_or_else(|| ApiError::new(Code::Internal, "Something went wrong on the server. Nothing was changed."))?;
        let signed = Self { caller, call, services: Arc::clone(services), client, action };
        if signed.action.is_executed {
            // The receipt, before anything is looked up that may be gone by now.
            signed.execute().await?;
        }
        Ok(signed)
    }
}

/// The action that the request shows, if the caller signed it and it can still be executed, or was.
async fn signed_action(parts: &Parts, services: &Services, caller: &Caller) -> Result<actions::SignedAction, ApiError> {
    let not_signed = |message: &str| ApiError::new(Code::NotSigned, message);
    let shown = parts.headers.get(USER_ACTION).and_then(|value| value.to_str().ok()).ok_or_else(|| {
        not_signed("This call must be signed: announce it at /auth/action/init, sign at /auth/action, and send what you get there in the header X-DFNS-USERACTION.")
    })?;
    let mut db = caller.connection().await?;
    let found = actions::find_signed(&mut db, &hash(shown)).await.map_err(caller.failed())?;
    let action = found
        .filter(|action| action.organization == caller.actor.organization && action.user == caller.actor.user)
        .ok_or_else(|| not_signed("The header X-DFNS-USERACTION isn't one that was given to you for a signature."))?;
    if !action.is_executed && action.expires_at <= services.ambient.now() {
        return Err(not_signed("More than five minutes went by since this was announced, so nothing was changed. Begin again."));
    }
    Ok(action)
}
