//! Whoever has a site beside ours (`blog.example.org` beside `id.example.org`, or another program on localhost) can set cookies in
//! its visitors' browsers that come along to us. They try to have one of theirs count: to have a visitor work in the
//! attacker's account unawares, or to know the session before somebody signs in with it.

use crate::support::{
    answer::{DONE, Verdict, refused},
    app::TestApp,
    browser::Browser,
    database::TestDatabase,
    person::Person,
};
use app::{domain::id::UserId, refusal::Code, rpc::sign_in::Viewer};
use axum::{
    body::Body,
    http::{HeaderValue, Request, header::COOKIE},
};

on_both_databases!(a_cookie_that_a_sibling_planted_never_signs_anybody_in);

on_sqlite!(of_two_cookies_neither_counts, a_cookie_with_our_name_is_found_among_others, many_cookies_of_a_sibling_change_nothing,);

const NAME: &str = "__Host-countersign";

async fn public(database: &TestDatabase) -> TestApp {
    TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await
}

/// Whose session these Cookie headers are.
async fn whose(app: &TestApp, cookies: &[&[u8]]) -> Result<UserId, Verdict> {
    let mut request = app.browser().post("viewer");
    for cookie in cookies {
        request = request.header(COOKIE, HeaderValue::from_bytes(cookie).unwrap());
    }
    let answer = app.browser().send(request.body(Body::empty()).unwrap()).await;
    assert!(answer.header("set-cookie").is_empty() || answer.verdict() != DONE, "{:?}", answer.headers);
    if answer.verdict() == DONE { Ok(answer.done::<Viewer>().user) } else { Err(answer.verdict()) }
}

fn session(browser: &Browser, name: &str) -> String {
    browser.cookies()[name].clone()
}

async fn user(person: &Person) -> UserId {
    person.viewer().await.user
}

async fn a_cookie_that_a_sibling_planted_never_signs_anybody_in(database: &TestDatabase) {
    let app = public(database).await;
    let (victim, attacker) = (app.admin("ada@example.org").await, app.admin("eve@evil.example").await);
    let (own, planted) = (session(&victim.browser, NAME), session(&attacker.browser, NAME));
    let victim = user(&victim).await;
    assert_eq!(whose(&app, &[format!("{NAME}={planted}").as_bytes()]).await, Ok(user(&attacker).await), "it is a session");
    // What browsers take from a sibling, though programs have read our name in it: escaped, in other letters, behind white
    // space that isn't ASCII, with attributes of old standards, without a name.
    for disguise in [
        "%5F%5FHost-countersign",
        "__Host-countersi%67n",
        "__host-countersign",
        "__HOST-COUNTERSIGN",
        "__Host-countersign%20",
        "%20__Host-countersign",
        "\u{2000}__Host-countersign",
        "\u{85}__Host-countersign",
        "\u{a0}__Host-countersign",
        "__Host-countersign\u{2003}",
        "\"__Host-countersign\"",
        "$Version=1,__Host-countersign",
        "=__Host-countersign",
        "x,__Host-countersign",
        "countersign",
        "__Host-countersign[]",
        "__Host-countersign[0]",
        "__Host-countersign;",
    ] {
        let planted = format!("{disguise}={planted}");
        assert_eq!(whose(&app, &[planted.as_bytes()]).await, Err(refused(Code::SignedOut)), "{disguise:?}");
        // Before ours, as browsers send what has the longer path or was there first, and behind it.
        let own = format!("{NAME}={own}");
        for cookies in [format!("{planted}; {own}"), format!("{own}; {planted}")] {
            assert_eq!(whose(&app, &[cookies.as_bytes()]).await, Ok(victim), "{disguise:?}");
        }
        assert_eq!(whose(&app, &[planted.as_bytes(), own.as_bytes()]).await, Ok(victim), "{disguise:?} in a header of its own");
    }
}

/// Browsers that know the prefix have one at most. On localhost there is no prefix, and every program there can set cookies; as for
/// a path of ours, which come first.
async fn of_two_cookies_neither_counts(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut victim = app.admin("ada@example.org").await;
    let attacker = app.admin("eve@evil.example").await;
    let (own, planted) = (victim.browser.session().unwrap(), attacker.browser.session().unwrap());
    for cookies in [
        vec![format!("countersign={planted}; countersign={own}")],
        vec![format!("countersign={own}; countersign={planted}")],
        vec![format!("countersign={own}; other=1; countersign={own}")],
        vec![format!("countersign={own}"), format!("countersign={planted}")],
        vec![format!("countersign={own}; countersign=")],
    ] {
        let cookies: Vec<&[u8]> = cookies.iter().map(String::as_bytes).collect();
        assert_eq!(whose(&app, &cookies).await, Err(refused(Code::SignedOut)), "{cookies:?}");
    }
    // One that was planted is no way into the session of whoever signs in over it.
    victim.browser.set_session(&planted);
    assert_eq!(victim.sign_in().await.verdict(), DONE);
    assert_ne!(victim.browser.session().unwrap(), planted);
    assert_eq!(whose(&app, &[format!("countersign={planted}").as_bytes()]).await, Err(refused(Code::SignedOut)), "it is ended, too");
}

async fn a_cookie_with_our_name_is_found_among_others(database: &TestDatabase) {
    let app = public(database).await;
    let person = app.admin("ada@example.org").await;
    let (own, is) = (session(&person.browser, NAME), user(&person).await);
    for cookies in [
        format!("{NAME}={own}"),
        format!("a=1; {NAME}={own}; b=2"),
        format!("a=1;{NAME}={own};b=2"),
        format!("  {NAME}={own}\t"),
        format!("a; =; ;; \"x=\u{fc}\"; {NAME}={own}"),
        format!("{NAME}x=1; x{NAME}=2; {NAME}={own}"),
    ] {
        assert_eq!(whose(&app, &[cookies.as_bytes()]).await, Ok(is), "{cookies:?}");
    }
    let bytes = [b"a=\xff\xfe; ".as_slice(), format!("{NAME}={own}").as_bytes()].concat();
    assert_eq!(whose(&app, &[&bytes]).await, Ok(is), "bytes that are no text");
    for cookies in [NAME.to_owned(), format!("{NAME}="), format!("{NAME}=nonsense"), format!("{NAME}= {own}x"), format!("{NAME} ={own}")] {
        assert_eq!(whose(&app, &[cookies.as_bytes()]).await, Err(refused(Code::SignedOut)), "{cookies:?}");
    }
}

/// With more than the listener takes (32 KiB) a sibling can shut its visitor out until they remove its cookies; it lets nobody in.
async fn many_cookies_of_a_sibling_change_nothing(database: &TestDatabase) {
    let app = public(database).await;
    let person = app.admin("ada@example.org").await;
    let own = session(&person.browser, NAME);
    let bomb = (0..7).map(|number| format!("bomb{number}={}; ", "x".repeat(4_000))).collect::<Vec<_>>().concat();
    let cookies = format!("{bomb}{NAME}={own}");
    let request = Request::get("/org").header(COOKIE, cookies).body(Body::empty()).unwrap();
    assert_eq!(app.browser().send(request).await.status, 200);
}
