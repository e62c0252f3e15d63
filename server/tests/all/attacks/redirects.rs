//! Links to this site that are meant to lead somewhere else: after signing in (`?next=`), by an odd path, or by a name that isn't ours.

use crate::support::{answer::Answer, app::TestApp, database::TestDatabase};
use axum::{
    body::Body,
    http::{
        Request,
        header::{CONTENT_TYPE, HOST, LOCATION},
    },
};
use serde_json::Value;
use url::Url;

on_sqlite!(
    signing_in_leads_to_this_site_only,
    signing_in_leads_back_to_where_one_was,
    no_path_leads_to_another_site,
    another_name_of_this_server_is_not_passed_on,
);

/// What the sign-in page's script will go to, as the server hands it over.
fn next(page: &Answer) -> String {
    let island = page.text().split("data-component=\"SignIn_").nth(1).expect("the page has the button");
    let props = island.split("data-props=\"").nth(1).unwrap().split('"').next().unwrap();
    let props = props.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'").replace("&amp;", "&");
    let props: Value = serde_json::from_str(&props).unwrap_or_else(|error| panic!("{error}: {props}"));
    props["next"].as_str().unwrap().to_owned()
}

async fn signing_in_leads_to_this_site_only(database: &TestDatabase) {
    let app = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await;
    let here = Url::parse("https://id.example.org/login").unwrap();
    for wanted in [
        "//evil.example",
        "///evil.example",
        "////evil.example/%2e%2e",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
        "https://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:\\\\evil.example",
        "HTTPS://evil.example",
        "http://id.example.org.evil.example",
        "https://id.example.org@evil.example",
        "//id.example.org@evil.example",
        "//id.example.org:pw@evil.example/",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "\u{1}//evil.example",
        "/\u{0}/evil.example",
        "\u{a0}//evil.example",
        "/\u{2f}evil.example",
        "/\u{2215}/evil.example",
        "\u{ff0f}\u{ff0f}evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "blob:https://id.example.org/x",
        "vbscript:x",
        "view-source:https://evil.example",
        "evil.example",
        "org",
        "",
        "?next=//evil.example",
        "#//evil.example",
        ".//evil.example",
        "..//evil.example",
        "/..//evil.example",
        "/.//evil.example",
        "/org/..//evil.example",
        "/%2fevil.example",
        "/%5cevil.example",
        "/%09/evil.example",
        "/%0d%0aLocation:%20https://evil.example",
        "/org\r\nSet-Cookie: a=b",
        "/org?x=<script>alert(1)</script>",
        "/org\" autofocus onfocus=\"alert(1)",
        "/org#</script><script>alert(1)</script>",
    ] {
        // The router unescapes twice, so a link may escape once, twice, or thrice.
        let mut escaped = wanted.to_owned();
        for times in 1..=3 {
            escaped = url::form_urlencoded::byte_serialize(escaped.as_bytes()).collect();
            let page = app.browser().get(&format!("/login?next={escaped}")).await;
            assert_eq!(page.status, 200);
            let next = next(&page);
            let gone_to = here.join(&next).unwrap();
            assert_eq!(gone_to.origin(), here.origin(), "{wanted:?}, escaped {times} times, leads to {gone_to}");
            assert!(next.starts_with('/') && !next.contains(['\r', '\n', '\t', '\\']), "{wanted:?}: {next:?}");
            for words in ["<script>alert", "onfocus=\"alert", "</script><script>"] {
                assert!(!page.text().contains(words), "{wanted:?}: {words}");
            }
        }
    }
    // Of two, or where there are other parameters, there is one that counts, and it is no other.
    for query in [
        "next=/org&next=//evil.example",
        "next=//evil.example&next=/org",
        "next[]=//evil.example",
        "next=/org%26next=//evil.example",
        "NEXT=//evil.example",
    ] {
        let next = next(&app.browser().get(&format!("/login?{query}")).await);
        assert_eq!(here.join(&next).unwrap().origin(), here.origin(), "{query}: {next}");
    }
}

/// So that the table above doesn't hold because everything leads to one place.
async fn signing_in_leads_back_to_where_one_was(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    for wanted in ["/org/users", "/org/users?q=a%2Bb&status=active", "/account#passkeys", "/a//b", "/org/history?before=10"] {
        let escaped: String = url::form_urlencoded::byte_serialize(wanted.replace('%', "%25").as_bytes()).collect();
        assert_eq!(next(&app.browser().get(&format!("/login?next={escaped}")).await), wanted);
    }
}

async fn no_path_leads_to_another_site(database: &TestDatabase) {
    let app = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await;
    let admin = app.admin("ada@example.org").await;
    for path in [
        "//evil.example",
        "//evil.example/",
        "//evil.example/%2e%2e",
        "//evil.example/org",
        "///evil.example/..",
        "/%5cevil.example/%2e%2e",
        "/%2f%2fevil.example",
        "/%2f/evil.example/..",
        "/pkg//evil.example/..",
        "/pkg/..//evil.example",
        "//pkg",
        "/pkg",
        "/org//evil.example",
        "/org/%0d%0aLocation:%20https:%2f%2fevil.example",
        "/org/users/%0d%0aSet-Cookie:%20a=b",
        "/org/",
        "/org/users/",
        "/login/",
        "//login",
        "//org",
        "https://evil.example/",
        "https://evil.example/org",
    ] {
        for browser in [&app.browser(), &admin.browser] {
            let answer = browser.get(path).await;
            assert!(answer.headers.get_all(LOCATION).iter().count() <= 1, "{path}");
            let leads = Url::parse("https://id.example.org/x/y").unwrap().join(answer.location()).unwrap();
            assert_eq!(leads.host_str(), Some("id.example.org"), "{path} leads to {leads}");
            assert!(!answer.location().starts_with("//"), "{path}");
            assert_eq!(answer.header("set-cookie"), "", "{path}");
        }
    }
}

/// What a request names as this server's host is what its sender likes: nothing is made of it, least of all the links in mails.
async fn another_name_of_this_server_is_not_passed_on(database: &TestDatabase) {
    let app = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().with_trusted_proxy("127.0.0.1").await;
    let names = [HOST.as_str(), "x-forwarded-host", "x-host", "x-original-url", "x-rewrite-url", "forwarded", "x-forwarded-server"];
    for name in names {
        let value = if name == "forwarded" { "host=evil.example;proto=http" } else { "evil.example" };
        for path in ["/", "/login", "/org", "/docs", "/openapi.json", "/.well-known/passkey-endpoints", "/nothing", "/pkg"] {
            let answer = app.browser().send(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await;
            assert!(!answer.text().contains("evil.example"), "{name} {path}: {}", answer.text());
            assert!(!format!("{:?}", answer.headers).contains("evil.example"), "{name} {path}: {:?}", answer.headers);
        }
        let body = "email=ada%40example.org&name=Ada&organization=Acme";
        let request =
            app.browser().post("create_organization").header(name, value).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = app.browser().send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert!(answer.location().starts_with("/get-started/mail?"), "{name}: {}", answer.location());
    }
    let mails = app.mails_to_arrive("ada@example.org", names.len()).await;
    for mail in mails {
        assert!(mail.text.contains("https://id.example.org/get-started/activate"), "{}", mail.text);
        assert!(!mail.text.contains("evil.example") && !mail.html.contains("evil.example"), "{}", mail.text);
    }
}
