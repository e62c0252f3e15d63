//! The pages of an organization, as a browser without JavaScript gets them: who may open which, what each offers to whom,
//! and lists that are longer than a page.

use crate::support::{
    answer::Answer, app::TestApp, browser::Browser, company::Company, database::TestDatabase, person::Person, signing::create_user,
};
use app::{
    action::change::{Change, UserRef},
    domain::{
        id::{PermissionId, UserId},
        operation::Operation,
        text::{EmailAddress, ExternalId, PermissionName},
        user::UserKind,
    },
};
use server::storage::{
    outbox,
    permissions::{self, NewAssignment, NewPermission},
    users::{self, Mark, NewUser},
};
use std::{fs, path::Path, time::Duration};

on_both_databases!(
    every_page_opens_for_whoever_may_and_says_kindly_what_others_lack,
    what_is_not_there_is_not_found,
    pages_offer_only_what_the_viewer_may_do,
    a_users_page_offers_what_fits_their_state,
    a_users_page_says_how_the_mail_is_doing,
    a_list_of_many_users_shows_everyone_once,
    a_search_takes_every_sign_as_it_is,
    a_search_finds_names_in_any_script,
    a_list_of_many_permissions_and_holders_shows_everything_once,
    history_can_be_paged_from_the_newest_to_the_first,
);

on_sqlite!(whoever_is_alone_is_told_what_to_do);

/// Every page of an organization, and what someone needs to open it.
const PAGES: [(&str, Option<Operation>); 13] = [
    ("/org", None),
    ("/org/users", Some(Operation::UsersRead)),
    ("/org/users/new", Some(Operation::UsersCreate)),
    ("/org/users/:id", Some(Operation::UsersRead)),
    ("/org/permissions", Some(Operation::PermissionsRead)),
    ("/org/permissions/new", Some(Operation::PermissionsCreate)),
    ("/org/permissions/:id", Some(Operation::PermissionsRead)),
    ("/org/permissions/:id/edit", Some(Operation::PermissionsUpdate)),
    ("/org/service-accounts", Some(Operation::ServiceAccountsRead)),
    ("/org/service-accounts/new", Some(Operation::ServiceAccountsCreate)),
    ("/org/service-accounts/:id", Some(Operation::ServiceAccountsRead)),
    ("/org/history", Some(Operation::HistoryRead)),
    ("/org/history/:index", Some(Operation::HistoryRead)),
];

#[test]
fn every_page_of_an_organization_is_in_the_table() {
    let site_map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/lib.rs")).unwrap();
    let routes = site_map.split("path!(\"").skip(1).map(|route| route.split('"').next().unwrap());
    let of_organizations: Vec<&str> = routes.filter(|route| route.starts_with("/org")).collect();
    assert_eq!(of_organizations, PAGES.map(|(route, _)| route));
}

/// A page's address, with something of this company's in it.
fn address(route: &str, company: &Company) -> String {
    let id = match route {
        "/org/users/:id" => company.active.id.to_string(),
        "/org/service-accounts/:id" => company.robot.id.to_string(),
        _ => company.free.permission.id.to_string(),
    };
    route.replace(":id", &id).replace(":index", "1")
}

/// That nobody who isn't signed in sees the page, and where they go instead.
async fn assert_leads_to_sign_in(browser: &Browser, path: &str) {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, 303, "{path}");
    let (before, next) = answer.location().split_once("?next=").unwrap_or_else(|| panic!("{path}: {}", answer.location()));
    assert_eq!(before, "/login");
    assert_eq!(url::form_urlencoded::parse(format!("next={next}").as_bytes()).next().unwrap().1, path);
}

async fn every_page_opens_for_whoever_may_and_says_kindly_what_others_lack(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let (nobody, user) = app.colleague(&mut company.admin, "none@example.org", &[]).await;
    for (route, needs) in PAGES {
        let path = address(route, &company);
        let page = company.admin.browser.get(&path).await;
        assert_eq!(page.status, 200, "{route}");
        assert_eq!(page.text().matches("<h1").count(), 1, "{route}");
        assert!(page.text().contains("<title>") && page.text().contains("· Countersign</title>"), "{route}");
        assert_leads_to_sign_in(&app.browser(), &path).await;

        let page = nobody.browser.get(&path).await;
        let Some(needs) = needs else {
            assert_eq!(page.status, 200, "{route}");
            assert!(page.text().contains("You have no permission yet. An admin can give you one."), "{}", main(&page));
            continue;
        };
        assert_eq!(page.status, 403, "{route}");
        for words in ["You can't open this page", &needs.to_string(), "ask an admin of"] {
            assert!(page.text().contains(words), "{route}: {words}: {}", main(&page));
        }
        assert!(!page.text().contains("bob@example.org") && !page.text().contains("Auditors"), "{route}: {}", main(&page));
        // With just that operation it opens, but for the edit page, which shows a permission, too.
        let mut operations = vec![needs];
        if route == "/org/permissions/:id/edit" {
            operations.push(Operation::PermissionsRead);
        }
        let email = format!("user{}@example.org", app.count("users").await);
        let (person, _) = with(&app, &mut company.admin, &email, &operations).await;
        let page = person.browser.get(&path).await;
        assert_eq!(page.status, 200, "{route}: {}", main(&page));
    }
    // What someone lacks is told in the same way by what isn't a page.
    let answer = nobody.browser.get("/org/history/export").await;
    assert_eq!(answer.status, 403);
    assert!(answer.refusal().message.contains("Auth:Logs:Read"));
    assert_eq!(app.browser().get("/org/history/export").await.status, 401);
    // Whoever was shut out is nobody.
    company.admin.sign(&Change::DeactivateUser { user }).await;
    for (route, _) in PAGES {
        assert_leads_to_sign_in(&nobody.browser, &address(route, &company)).await;
    }
    for path in ["/account", "/account/recovery-kit", "/account/access-tokens", "/account/access-tokens/new", "/account/access-tokens/x"] {
        assert_leads_to_sign_in(&app.browser(), path).await;
    }
    let search = "/org/users?q=a%2Bb&status=active";
    let location = app.browser().get(search).await;
    assert_eq!(location.location(), "/login?next=/org/users%3Fq%3Da%25252Bb%26status%3Dactive");
}

/// Someone with a permission of just these operations.
async fn with(app: &TestApp, admin: &mut Person, email: &str, operations: &[Operation]) -> (Person, UserRef) {
    let permission = admin.define(&format!("Only for {email}"), operations).await;
    app.colleague(admin, email, &[&permission]).await
}

async fn what_is_not_there_is_not_found(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let user = UserId::from_bytes([7; 16]);
    let permission = PermissionId::from_bytes([7; 16]);
    for path in [
        format!("/org/users/{user}"),
        format!("/org/users/{permission}"),
        format!("/org/users/{}", company.free.permission.id),
        "/org/users/nonsense".to_owned(),
        "/org/users/%00".to_owned(),
        format!("/org/users/{}/edit", company.active.id),
        // A service account isn't a person, nor the other way round, nor is anybody's access token one's own.
        format!("/org/users/{}", company.robot.id),
        format!("/org/service-accounts/{}", company.active.id),
        format!("/org/service-accounts/{}", company.token.id),
        format!("/org/service-accounts/{user}"),
        "/org/service-accounts/nonsense".to_owned(),
        format!("/account/access-tokens/{}", company.robot.id),
        format!("/account/access-tokens/{user}"),
        format!("/org/permissions/{permission}"),
        format!("/org/permissions/{user}"),
        format!("/org/permissions/{permission}/edit"),
        format!("/org/permissions/{}/edit", company.active.id),
        "/org/permissions/nonsense".to_owned(),
        "/org/history/1000".to_owned(),
        "/org/history/-1".to_owned(),
        "/org/history/1.5".to_owned(),
        "/org/history/18446744073709551615".to_owned(),
        "/org/history/18446744073709551616".to_owned(),
        "/org/history/9223372036854775807".to_owned(),
        "/org/history/newest".to_owned(),
        "/org/nothing".to_owned(),
    ] {
        let page = company.admin.browser.get(&path).await;
        assert_eq!(page.status, 404, "{path}: {}", main(&page));
        assert!(page.text().contains("There is nothing at this address"), "{path}: {}", main(&page));
    }
}

/// What stands on a page, without what is around it.
fn main(page: &Answer) -> &str {
    page.text().split_once("<main").map_or(page.text(), |(_, main)| main)
}

/// Whether a page has a link or a button of just these words.
#[track_caller]
fn offers(page: &Answer, words: &str) -> bool {
    assert_eq!(page.status, 200, "{}", main(page));
    [("<a ", "</a>"), ("<button ", "</button>")].into_iter().any(|(open, close)| {
        main(page).split(open).skip(1).any(|element| {
            let inside = element.split(close).next().unwrap();
            // No attribute there has an angle bracket in it.
            let text: String = inside.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
            text == words
        })
    })
}

/// Where the bar leads.
fn places(page: &Answer) -> Vec<&str> {
    let bar = page.text().split("<nav aria-label=\"Organization\"").nth(1).unwrap().split("</nav>").next().unwrap();
    bar.split("href=\"").skip(1).map(|link| link.split('"').next().unwrap()).collect()
}

async fn pages_offer_only_what_the_viewer_may_do(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let (user, invited) = (format!("/org/users/{}", company.active.id), format!("/org/users/{}", company.invited.id));
    let (deactivated, permission) =
        (format!("/org/users/{}", company.deactivated.id), format!("/org/permissions/{}", company.free.permission.id));
    let robot = format!("/org/service-accounts/{}", company.robot.id);
    let read = [
        Operation::UsersRead,
        Operation::PermissionsRead,
        Operation::AssignmentsRead,
        Operation::ServiceAccountsRead,
        Operation::HistoryRead,
    ];
    // Where something is offered, in which words, and what it needs.
    let offered = [
        ("/org", "Invite your coworkers", Operation::UsersCreate),
        ("/org/users", "New user", Operation::UsersCreate),
        (&invited, "Send again", Operation::UsersCreate),
        (&invited, "Show link and code", Operation::UsersCreate),
        (&invited, "Revoke invitation", Operation::UsersCreate),
        (&user, "Deactivate", Operation::UsersDeactivate),
        (&deactivated, "Activate", Operation::UsersActivate),
        (&user, "Delete", Operation::UsersDelete),
        (&user, "Revoke “Readers”", Operation::PermissionsRevoke),
        (&user, "Give permission", Operation::PermissionsAssign),
        ("/org/permissions", "New permission", Operation::PermissionsCreate),
        (&permission, "Edit", Operation::PermissionsUpdate),
        (&permission, "Archive", Operation::PermissionsArchive),
        ("/org/service-accounts", "New service account", Operation::ServiceAccountsCreate),
        (&robot, "Deactivate", Operation::ServiceAccountsDeactivate),
        (&robot, "Delete", Operation::ServiceAccountsDelete),
        (&robot, "Change the name", Operation::ServiceAccountsUpdate),
        (&robot, "Give permission", Operation::PermissionsAssign),
    ];
    let (reader, _) = with(&app, &mut company.admin, "reader@example.org", &read).await;
    for (number, (path, words, operation)) in offered.into_iter().enumerate() {
        assert!(offers(&company.admin.browser.get(path).await, words), "{path} offers the admin “{words}”");
        assert!(!offers(&reader.browser.get(path).await, words), "{path} offers a reader “{words}”");
        let (person, _) =
            with(&app, &mut company.admin, &format!("user{number}@example.org"), &[read.as_slice(), &[operation]].concat()).await;
        let page = person.browser.get(path).await;
        assert!(offers(&page, words), "{path} offers “{words}” to who may do it: {}", main(&page));
        for (_, others, _) in offered.iter().filter(|(other, _, needs)| *other == path && *needs != operation) {
            assert!(!offers(&page, others), "{path} offers “{others}” to someone with {operation}");
        }
    }
    // Those may be given who are active, and only what the viewer holds.
    assert!(!offers(&company.admin.browser.get(&invited).await, "Give permission"));
    let full_admin = company.admin.permission("Full admin").await.permission.id.to_string();
    let (giver, _) = with(&app, &mut company.admin, "giver@example.org", &[Operation::UsersRead, Operation::PermissionsAssign]).await;
    assert!(company.admin.browser.get(&user).await.text().contains(&full_admin));
    assert!(!giver.browser.get(&user).await.text().contains(&full_admin));
    // What came with the organization can't be changed, and isn't offered to be.
    let managed = company.admin.browser.get(&format!("/org/permissions/{full_admin}")).await;
    assert!(!offers(&managed, "Edit") && !offers(&managed, "Archive"));
    let edit = company.admin.browser.get(&format!("/org/permissions/{full_admin}/edit")).await;
    assert!(
        edit.status == 200
            && edit.text().contains("It came with the organization and can't be changed.")
            && !offers(&edit, "Review and sign")
    );
    // Nor what somebody has, to be archived.
    let held = company.admin.browser.get(&format!("/org/permissions/{}", company.held.permission.id)).await;
    assert!(!offers(&held, "Archive"), "{}", main(&held));

    // The bar leads to what may be read.
    assert_eq!(
        places(&company.admin.browser.get("/org").await),
        ["/org", "/org/users", "/org/permissions", "/org/service-accounts", "/org/history", "/account"]
    );
    for (operation, place) in [
        (Operation::UsersRead, "/org/users"),
        (Operation::PermissionsRead, "/org/permissions"),
        (Operation::ServiceAccountsRead, "/org/service-accounts"),
        (Operation::HistoryRead, "/org/history"),
    ] {
        let email = format!("only{}@example.org", app.count("users").await);
        let (person, _) = with(&app, &mut company.admin, &email, &[operation]).await;
        assert_eq!(places(&person.browser.get("/org").await), ["/org", place, "/account"]);
        assert_eq!(places(&person.browser.get(place).await), ["/org", place, "/account"]);
    }
    let (nobody, _) = app.colleague(&mut company.admin, "none@example.org", &[]).await;
    assert_eq!(places(&nobody.browser.get("/org").await), ["/org", "/account"]);
    app.verify(company.admin.organization).await;
}

async fn a_users_page_offers_what_fits_their_state(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let me = company.admin.as_user().await;
    let all = [
        "Send again",
        "Show link and code",
        "Revoke invitation",
        "Give permission",
        "Activate",
        "Deactivate",
        "Delete",
        "Revoke “Readers”",
    ];
    let revoked = company.admin.invite("eve@example.org").await;
    company.admin.sign(&Change::RevokeInvitation { user: revoked.clone() }).await;
    for (user, badge, expected) in [
        (&company.active, "Active", vec!["Give permission", "Deactivate", "Delete", "Revoke “Readers”"]),
        (&company.invited, "Invited", vec!["Send again", "Show link and code", "Revoke invitation", "Deactivate", "Delete"]),
        (&revoked, "Invitation revoked", vec!["Send again", "Show link and code", "Deactivate", "Delete"]),
        (&company.deactivated, "Deactivated", vec!["Activate", "Delete"]),
        (&me, "Active", vec!["Give permission", "Deactivate", "Delete"]),
    ] {
        let page = company.admin.browser.get(&format!("/org/users/{}", user.id)).await;
        let offered: Vec<&str> = all.into_iter().filter(|words| offers(&page, words)).collect();
        assert_eq!(offered, expected, "{}: {}", user.handle, main(&page));
        assert!(page.text().contains(&format!("{badge}</span>")), "{}: {}", user.handle, main(&page));
        assert!(page.text().contains(user.handle.as_str()) && page.text().contains(&user.id.to_string()));
    }
    let page = company.admin.browser.get(&format!("/org/users/{}", me.id)).await;
    assert!(page.text().contains("This is you."), "{}", main(&page));
    // A passkey says whose it is and how it is reached, as far as that is known.
    let known = "aaguid = 'utpVZqeqQB-9lkVhmlUSDQ', transports = '[\"usb\",\"telepathy\"]', backed_up = 'no'";
    app.run(&format!("UPDATE credentials SET {known} WHERE kind = 'Fido2'")).await;
    let page = company.admin.browser.get(&format!("/org/users/{}", me.id)).await;
    for words in ["1Password", "Bound to one device", "USB<"] {
        assert!(page.text().contains(words), "{words}: {}", main(&page));
    }
    // An invitation whose time is over says so.
    app.advance(Duration::from_hours(4));
    let page = company.admin.browser.get(&format!("/org/users/{}", company.invited.id)).await;
    assert!(page.text().contains("Invitation expired</span>"), "{}", main(&page));
}

async fn a_users_page_says_how_the_mail_is_doing(database: &TestDatabase) {
    let app = TestApp::init(database).with_mail_server().await;
    let mut admin = app.admin("ada@example.org").await;
    let user = admin.invite("bob@example.org").await;
    let path = format!("/org/users/{}", user.id);
    let page = admin.browser.get(&path).await;
    assert!(page.text().contains("The mail waits to be sent."), "{}", main(&page));
    let now = app.services.ambient.now();
    let id = app.text("SELECT id FROM outbox WHERE recipient = 'bob@example.org'").await.parse().unwrap();
    let words = "550 5.1.1 <bob@example.org>: no such \"user\" & never was";
    outbox::mark_refused(&mut *app.connection().await, id, words, now).await.unwrap();
    let page = admin.browser.get(&path).await;
    assert!(page.text().contains("550 5.1.1 &lt;bob@example.org&gt;: no such"), "{}", main(&page));
    assert!(page.text().contains("The mail didn't go out."), "{}", main(&page));
    // A new one counts, not the old.
    app.advance(Duration::from_mins(1));
    admin.sign(&Change::ResendInvitation { user }).await;
    let page = admin.browser.get(&path).await;
    assert!(page.text().contains("The mail waits to be sent.") && !page.text().contains("550 5.1.1"), "{}", main(&page));
}

/// Writes so many invited users, past the road of a change: only lists are looked at.
async fn crowd(app: &TestApp, admin: &Person, emails: impl IntoIterator<Item = String>) {
    let mut transaction = app.services.storage.begin().await.unwrap();
    for (number, email) in emails.into_iter().enumerate() {
        let email = EmailAddress::parse(&email).unwrap();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        id[8..].copy_from_slice(&admin.organization.to_bytes()[..8]);
        let (id, organization) = (UserId::from_bytes(id), admin.organization);
        let new = NewUser {
            id,
            organization,
            email: &email,
            name: "",
            kind: UserKind::Employee,
            external_id: None,
            created_at: app.services.ambient.now(),
        };
        users::insert(&mut transaction, new).await.unwrap();
        if number % 3 == 0 {
            users::mark(&mut transaction, organization, id, Mark::Deactivated, Some(app.services.ambient.now())).await.unwrap();
        }
    }
    server::storage::commit(transaction).await.unwrap();
}

/// The texts of the links into this folder.
fn linked<'a>(page: &'a Answer, folder: &str) -> Vec<&'a str> {
    let start = format!("<a href=\"{folder}");
    main(page).split(&start).skip(1).map(|link| link.split('>').nth(1).unwrap().split('<').next().unwrap()).collect()
}

/// Where the page says that the list goes on.
fn next(page: &Answer) -> Option<String> {
    let before = page.text().split("rel=\"next\"").next().filter(|before| before.len() < page.text().len())?;
    let link = before.rsplit("<a ").next().unwrap();
    Some(link.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&"))
}

/// Every page from this one to the last.
async fn all_pages(browser: &Browser, first: &str) -> Vec<Answer> {
    let mut pages = vec![browser.get(first).await];
    while let Some(path) = next(pages.last().unwrap()) {
        assert!(pages.len() < 20, "the list has no end: {path}");
        pages.push(browser.get(&path).await);
    }
    assert!(pages.iter().all(|page| page.status == 200));
    pages
}

async fn a_list_of_many_users_shows_everyone_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let admin = app.admin("mia@example.org").await;
    let stranger = app.admin("eve@example.org").await;
    // In an order that isn't that of their addresses, with signs that are special in an address of a page.
    let emails: Vec<String> = (0..120).map(|number| format!("User+{:03}&x=%25@Example.org", number * 77 % 120)).collect();
    crowd(&app, &admin, emails.clone()).await;
    crowd(&app, &stranger, ["other@example.org".to_owned()]).await;
    let mut everyone: Vec<String> = emails.iter().map(|email| email.replace("Example.org", "example.org")).collect();
    everyone.push("mia@example.org".to_owned());
    everyone.sort_by_key(|email| email.to_lowercase());

    let shown = async |path: &str| {
        let pages = all_pages(&admin.browser, path).await;
        let sizes: Vec<usize> = pages.iter().map(|page| linked(page, "/org/users/us-").len()).collect();
        let emails: Vec<String> =
            pages.iter().flat_map(|page| linked(page, "/org/users/us-")).map(|email| email.replace("&amp;", "&")).collect();
        (emails, sizes)
    };
    assert_eq!(shown("/org/users").await, (everyone.clone(), vec![50, 50, 21]));
    // Search and filter stay from page to page.
    let found: Vec<String> = everyone.iter().filter(|email| email.starts_with("User+")).cloned().collect();
    assert_eq!(shown("/org/users?q=uSER%2B").await, (found, vec![50, 50, 20]));
    let deactivated = shown("/org/users?status=deactivated").await;
    let invited = shown("/org/users?status=Invited&q=user").await;
    let active = shown("/org/users?status=active").await;
    assert_eq!((deactivated.0.len(), invited.0.len(), active.0), (40, 80, vec!["mia@example.org".to_owned()]));
    let mut both: Vec<String> = deactivated.0.into_iter().chain(invited.0).chain(["mia@example.org".to_owned()]).collect();
    both.sort_by_key(|email| email.to_lowercase());
    assert_eq!(both, everyone);
    assert_eq!(shown("/org/users?status=nonsense").await.0, everyone, "whatever isn't a status means all");
    // Someone who leaves or comes meanwhile moves nobody else.
    let first = admin.browser.get("/org/users").await;
    app.run("DELETE FROM users WHERE email_key = 'user+010&x=%25@example.org'").await;
    let second = admin.browser.get(&next(&first).unwrap()).await;
    let last_seen = linked(&first, "/org/users/us-")[49].to_owned();
    let place = everyone.iter().position(|email| *email == last_seen.replace("&amp;", "&")).unwrap();
    assert_eq!(linked(&second, "/org/users/us-")[0].replace("&amp;", "&"), everyone[place + 1]);
    // What nobody fits teaches the way back.
    let nobody = admin.browser.get("/org/users?q=zzz").await;
    assert!(nobody.text().contains("Nobody here fits this search.") && offers(&nobody, "Show all users"), "{}", main(&nobody));
    let beyond = admin.browser.get("/org/users?after=zzz").await;
    assert!(beyond.text().contains("There is nobody on this page.") && offers(&beyond, "First page"), "{}", main(&beyond));
}

async fn a_search_takes_every_sign_as_it_is(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("mia@example.org").await;
    let emails =
        ["100%sure@example.org", "100sure@example.org", "a_b@example.org", "axb@example.org", "o'neil@example.org", "c*d@example.org"];
    crowd(&app, &admin, emails.map(str::to_owned)).await;
    for (number, external_id) in [r"north\south", r"north/south", r"\%", "50%", "[x]"].into_iter().enumerate() {
        let change = Change::CreateUser {
            email: EmailAddress::parse(&format!("zz{number}@example.org")).unwrap(),
            kind: UserKind::Employee,
            external_id: Some(ExternalId::parse(external_id).unwrap()),
        };
        admin.sign(&change).await;
    }
    for (search, found) in [
        ("%", vec!["100%sure", "zz2", "zz3"]),
        ("_", vec!["a_b"]),
        ("100%", vec!["100%sure"]),
        ("a_b", vec!["a_b"]),
        (r"\", vec!["zz0", "zz2"]),
        (r"\%", vec!["zz2"]),
        (r"\\", vec![]),
        ("%%", vec![]),
        ("%sure", vec!["100%sure"]),
        ("'", vec!["o'neil"]),
        ("*", vec!["c*d"]),
        ("[x]", vec!["zz4"]),
        ("NORTH/", vec!["zz1"]),
        ("  axb  ", vec!["axb"]),
    ] {
        let escaped: String = url::form_urlencoded::byte_serialize(search.as_bytes()).collect();
        let page = admin.browser.get(&format!("/org/users?q={escaped}")).await;
        let shown: Vec<&str> = linked(&page, "/org/users/us-").into_iter().map(|email| email.split('@').next().unwrap()).collect();
        assert_eq!(shown, found, "{search}");
    }
}

async fn a_search_finds_names_in_any_script(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let admin = app.admin("mia@example.org").await;
    let names = ["Łukasz Żak", "Ünal", "李小龍", "محمد", "Ørsted"];
    for (number, name) in names.iter().enumerate() {
        app.run(&format!(
            "INSERT INTO users (id, organization_id, email, email_key, name, kind, created_at) VALUES \
             ('{}', '{}', 'u{number}@example.org', 'u{number}@example.org', '{name}', 'CustomerEmployee', 1)",
            UserId::from_bytes([u8::try_from(number).unwrap() + 100; 16]),
            admin.organization
        ))
        .await;
    }
    // As it is written. Whether capital letters count beyond those of English is up to the database.
    for (number, name) in names.iter().enumerate() {
        let escaped: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let page = admin.browser.get(&format!("/org/users?q={escaped}")).await;
        assert_eq!(linked(&page, "/org/users/us-"), [format!("u{number}@example.org")], "{name}");
    }
}

async fn a_list_of_many_permissions_and_holders_shows_everything_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("mia@example.org").await;
    let auditors = admin.define("Auditors", &[Operation::HistoryRead]).await;
    crowd(&app, &admin, (0..110).map(|number| format!("user{number:03}@example.org"))).await;
    let mut transaction = app.services.storage.begin().await.unwrap();
    let now = app.services.ambient.now();
    for (number, (user, _)) in
        users::list(&mut transaction, admin.organization, users::Filter { search: "user", status: None, kind: None, after: "" }, 200)
            .await
            .unwrap()
            .into_iter()
            .enumerate()
    {
        let (bits, organization) = ([u8::try_from(number).unwrap(); 16], admin.organization);
        let name = PermissionName::parse(&format!("Permission {number:03}")).unwrap();
        let id = PermissionId::from_bytes(bits);
        let operations = [Operation::UsersRead].into_iter().collect();
        permissions::insert(
            &mut transaction,
            NewPermission { id, organization, name: &name, operations: &operations, managed: None, created_at: now },
        )
        .await
        .unwrap();
        if number % 10 == 0 {
            permissions::archive(&mut transaction, organization, id, now).await.unwrap();
        }
        let id = app::domain::id::AssignmentId::from_bytes(bits);
        let new = NewAssignment { id, organization, permission: auditors.permission.id, user: user.id, created_at: now };
        permissions::assign(&mut transaction, new).await.unwrap();
    }
    server::storage::commit(transaction).await.unwrap();

    let pages = all_pages(&admin.browser, "/org/permissions").await;
    let names: Vec<String> = pages
        .iter()
        .flat_map(|page| main(page).split("href=\"/org/permissions/pm-").skip(1))
        .map(|link| link.split("<bdi>").nth(1).unwrap().split("</bdi>").next().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = ["End user", "Full admin", "Auditors"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..110).filter(|number| number % 10 != 0).map(|number| format!("Permission {number:03}")))
        .chain((0..110).filter(|number| number % 10 == 0).map(|number| format!("Permission {number:03}")))
        .collect();
    assert_eq!((names, pages.len()), (expected, 3));
    assert!(pages[0].text().contains("100 or more holders"), "{}", main(&pages[0]));

    let pages = all_pages(&admin.browser, &format!("/org/permissions/{}", auditors.permission.id)).await;
    let holders: Vec<&str> = pages.iter().flat_map(|page| linked(page, "/org/users/us-")).collect();
    assert_eq!(holders, (0..110).map(|number| format!("user{number:03}@example.org")).collect::<Vec<_>>());
    assert_eq!(pages.len(), 3);
}

async fn history_can_be_paged_from_the_newest_to_the_first(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("mia@example.org").await;
    for number in 0..54 {
        admin.sign(&create_user(&format!("user{number}@example.org"))).await;
    }
    let pages = all_pages(&admin.browser, "/org/history").await;
    let entries: Vec<u64> = pages
        .iter()
        .flat_map(|page| main(page).split("class=\"entry-sentence\"><a href=\"/org/history/").skip(1))
        .map(|link| link.split('"').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(entries, (0..55).rev().collect::<Vec<u64>>());
    assert_eq!(pages.len(), 3);
    for (page, words) in [
        (&pages[0], "Create user user53@example.org as Employee"),
        (&pages[2], "Created the organization “Acme” and became its first admin"),
    ] {
        assert!(page.text().contains(words), "{words}: {}", main(page));
        assert!(page.text().contains("This page isn't verified yet."), "nothing claims to be verified before a browser has done it");
    }
    let nothing = admin.browser.get("/org/history?before=0").await;
    assert!(nothing.status == 200 && nothing.text().contains("There is nothing before this entry."), "{}", main(&nothing));
    // One entry, down to the bytes.
    let entry = admin.browser.get("/org/history/54").await;
    for words in [
        "Create user user53@example.org as Employee",
        "mia@example.org",
        "Passkey",
        "Auth:Users:Create",
        "webauthn.get",
        "href=\"/org/history/53\"",
    ] {
        assert!(entry.text().contains(words), "{words}: {}", main(&entry));
    }
    assert!(!entry.text().contains("href=\"/org/history/55\""));
}

async fn whoever_is_alone_is_told_what_to_do(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let page = admin.browser.get("/org/users").await;
    assert!(page.text().contains("You are the only one here so far") && page.text().contains(", and you are an admin"), "{}", main(&page));
    assert!(offers(&page, "Invite a coworker") && !page.text().contains("role=\"search\""), "{}", main(&page));
    admin.invite("bob@example.org").await;
    let page = admin.browser.get("/org/users").await;
    assert!(!page.text().contains("You are the only one") && page.text().contains("role=\"search\""), "{}", main(&page));
}
