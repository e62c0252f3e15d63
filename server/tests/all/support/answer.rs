//! What came back, in the words of the stories.

use app::{
    domain::id::OrganizationId,
    refusal::{Code, Refusal},
};
use axum::{
    body::Body,
    http::{
        HeaderMap, Response, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

/// How an answer of a server function begins: its status and, of a refusal, its code.
pub type Verdict = (u16, Option<Code>);

/// The verdict of what was done.
pub const DONE: Verdict = (200, None);

/// The verdict of what was refused for this reason.
pub const fn refused(code: Code) -> Verdict {
    (code.status(), Some(code))
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self::new(parts.status, parts.headers, body.collect().await.expect("the whole body arrives").to_bytes().to_vec())
    }

    /// A page is what people read: without the marks by which its script finds its places (`<!>`).
    pub fn new(status: StatusCode, headers: HeaderMap, body: Vec<u8>) -> Self {
        let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let body = match String::from_utf8(body) {
            Ok(text) if is_page => text.replace("<!>", "").into_bytes(),
            Ok(text) => text.into_bytes(),
            Err(error) => error.into_bytes(),
        };
        Self { status, headers, body }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn verdict(&self) -> Verdict {
        let code = if self.status == StatusCode::OK {
            None
        } else {
            serde_json::from_slice::<Refusal>(&self.body).ok().map(|refusal| refusal.code)
        };
        (self.status.as_u16(), code)
    }

    /// The answer of a server function that did what it was asked.
    #[track_caller]
    pub fn done<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    #[track_caller]
    pub fn refusal(&self) -> Refusal {
        assert!(!self.status.is_success(), "{} {}", self.status, self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// Where the browser is sent.
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// The organization that is named in the address where the browser is sent.
    pub fn organization(&self) -> OrganizationId {
        let address = url::Url::parse("http://localhost:3000").unwrap().join(self.location()).unwrap();
        let found = address.query_pairs().find(|(name, _)| name == "organization").expect("the address names an organization");
        found.1.parse().unwrap()
    }

    /// Everything in which answers to a known and to an unknown person could differ: all but the request's own id.
    pub fn comparable(&self) -> (u16, Vec<(String, String)>, String) {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "x-request-id")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        (self.status.as_u16(), headers, self.text().to_owned())
    }
}
