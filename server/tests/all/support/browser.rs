//! A browser: keeps cookies, and asks the way the pages do.

use super::answer::Answer;
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{
        Method, Request,
        header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN, REFERER, SET_COOKIE, USER_AGENT},
        request::Builder,
    },
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};
use tower::ServiceExt;

type Jar = BTreeMap<String, String>;

/// Clones are tabs of one browser: they share its cookies.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    origin: String,
    address: IpAddr,
    jar: Arc<Mutex<Jar>>,
}

impl Browser {
    pub fn new(router: Router, origin: String) -> Self {
        Self { router, origin, address: Ipv4Addr::LOCALHOST.into(), jar: Arc::default() }
    }

    /// The same browser at another address.
    pub fn at(mut self, address: &str) -> Self {
        self.address = address.parse().unwrap();
        self
    }

    /// Another browser that somehow has the same cookies.
    pub fn twin(&self) -> Self {
        Self { jar: Arc::new(Mutex::new(self.jar.lock().unwrap().clone())), ..self.clone() }
    }

    pub fn cookies(&self) -> Jar {
        self.jar.lock().unwrap().clone()
    }

    /// The session's cookie, if there is one.
    pub fn session(&self) -> Option<String> {
        self.cookies().get("countersign").cloned()
    }

    pub fn set_session(&self, value: &str) {
        self.jar.lock().unwrap().insert("countersign".to_owned(), value.to_owned());
    }

    /// Asks a server function that takes a form.
    pub async fn call(&self, function: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(with_body(self.post(function), "application/x-www-form-urlencoded", form(fields))).await
    }

    /// Asks a server function that takes JSON.
    pub async fn call_json(&self, function: &str, arguments: &Value) -> Answer {
        self.send(with_body(self.post(function), "application/json", arguments.to_string())).await
    }

    /// Sends a form without JavaScript, from this page.
    pub async fn submit(&self, function: &str, fields: &[(&str, &str)], page: &str) -> Answer {
        let request = Request::post(format!("/rpc/{function}"))
            .header(ORIGIN, &self.origin)
            .header("sec-fetch-site", "same-origin")
            .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header(REFERER, format!("{}{page}", self.origin));
        self.send(with_body(request, "application/x-www-form-urlencoded", form(fields))).await
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.open(Method::GET, path).await
    }

    /// Asks for a page or file by this method, as if its address was typed.
    pub async fn open(&self, method: Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(ACCEPT, "text/html,*/*;q=0.8").header("sec-fetch-site", "none");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A request to a server function as its page makes it, without a body yet.
    pub fn post(&self, function: &str) -> Builder {
        Request::post(format!("/rpc/{function}"))
            .header(ORIGIN, &self.origin)
            .header("sec-fetch-site", "same-origin")
            .header(ACCEPT, "application/json")
    }

    /// Sends any request, with this browser's cookies, name and address.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let cookies: Vec<String> = self.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let host = self.origin.split_once("://").unwrap().1.to_owned();
        let headers = request.headers_mut();
        if !cookies.is_empty() {
            headers.insert(COOKIE, cookies.join("; ").parse().unwrap());
        }
        headers.entry(HOST).or_insert(host.parse().unwrap());
        headers.entry(USER_AGENT).or_insert("Story/1.0".parse().unwrap());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.address, 50_000)));
        let answer = Answer::read(self.router.clone().oneshot(request).await.unwrap()).await;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            keep(&mut self.jar.lock().unwrap(), cookie.to_str().unwrap());
        }
        answer
    }
}

fn with_body(request: Builder, content_type: &str, body: String) -> Request<Body> {
    request.header(CONTENT_TYPE, content_type).header(CONTENT_LENGTH, body.len()).body(Body::from(body)).unwrap()
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Max-Age of zero or less removes it (RFC 6265, section 5.2.2).
fn keep(jar: &mut Jar, cookie: &str) {
    let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
    let (name, value) = pair.split_once('=').unwrap();
    let max_age = attributes.split(';').find_map(|attribute| attribute.trim().strip_prefix("Max-Age=")?.parse::<i64>().ok());
    if max_age.is_some_and(|seconds| seconds <= 0) {
        jar.remove(name);
    } else {
        jar.insert(name.to_owned(), value.to_owned());
    }
}
