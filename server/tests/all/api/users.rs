//! `/auth/users`: the same users as the pages'.

use super::refused;
use crate::support::{app::TestApp, database::TestDatabase};
use app::domain::{operation::Operation, user::UserStatus};
use axum::http::Method;
use serde_json::{Value, json};

on_both_databases!(
    a_user_made_by_a_program_is_the_pages_user,
    a_list_comes_in_pages,
    what_is_not_allowed_names_the_operation,
    the_last_admin_stays,
);

async fn a_user_made_by_a_program_is_the_pages_user(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let new = json!({ "email": "bob@example.org", "kind": "CustomerEmployee", "externalId": "4711" });
    let created = caller.call(Method::POST, "/auth/users", &new).await.answer();
    let id = created["userId"].as_str().unwrap().to_owned();
    assert_eq!(
        created,
        json!({
            "username": "bob@example.org", "name": "bob@example.org", "userId": id, "kind": "CustomerEmployee", "credentialUuid": "",
            "orgId": caller.organization, "externalId": "4711", "isActive": true, "isServiceAccount": false, "isRegistered": false,
            "isSSORequired": false, "permissionAssignments": [],
        })
    );
    assert_eq!(caller.get(&format!("/auth/users/{id}")).await.answer(), created);
    let path = format!("/auth/users/{id}/deactivate");
    assert_eq!(caller.call(Method::PUT, &path, &json!({})).await.answer()["isActive"], false);
    assert_eq!(app.mails_to("bob@example.org").await.len(), 1, "the invitation");

    let row = ada.users().await.users.into_iter().find(|row| row.user.handle.as_str() == "bob@example.org").unwrap();
    assert_eq!((row.user.id.to_string(), row.status), (id.clone(), UserStatus::Deactivated));
    let said = ada.user_details(&row.user).await.changes.unwrap();
    assert_eq!(
        said.iter().map(|entry| entry.sentence.as_str()).collect::<Vec<_>>(),
        ["Deactivate bob@example.org", "Create user bob@example.org as Employee, external id 4711"]
    );

    let mut caller = app.caller(&mut ada).await;
    assert_eq!(caller.call(Method::PUT, &format!("/auth/users/{id}/activate"), &json!({})).await.answer()["isActive"], true);
    let deleted = caller.call(Method::DELETE, &format!("/auth/users/{id}"), &json!({})).await.answer();
    assert_eq!((&deleted["userId"], &deleted["isActive"]), (&Value::from(id.as_str()), &Value::from(false)));
    refused(&caller.get(&format!("/auth/users/{id}")).await, 404, "NotFound");
    app.verify(ada.organization).await;
}

async fn a_list_comes_in_pages(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    for name in ["bob", "carl", "dora"] {
        ada.invite(&format!("{name}@example.org")).await;
    }
    let caller = app.caller(&mut ada).await;
    let mut seen = Vec::new();
    let mut path = "/auth/users?limit=1&kind=CustomerEmployee".to_owned();
    loop {
        let page = caller.get(&path).await.answer();
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), 1);
        seen.push(items[0]["username"].as_str().unwrap().to_owned());
        let Some(next) = page["nextPageToken"].as_str() else { break };
        path = format!("/auth/users?limit=1&kind=CustomerEmployee&paginationToken={next}");
    }
    assert_eq!(seen, ["ada@example.org", "bob@example.org", "carl@example.org", "dora@example.org"]);
    assert_eq!(caller.get("/auth/users?kind=EndUser").await.answer(), json!({ "items": [] }));
    let first = &caller.get("/auth/users").await.answer()["items"][0];
    assert_eq!(first["permissionAssignments"][0]["permissionName"], "ManagedFullAdminAccess");
    assert!(first["credentialUuid"].as_str().unwrap().starts_with("cr-"), "{first}");
    for path in ["?limit=0", "?limit=201", "?limit=x", "?paginationToken=é", "?paginationToken=*", "?kind=Staff", "?page=2"] {
        refused(&caller.get(&format!("/auth/users{}", path.replace('é', "%C3%A9"))).await, 400, "BadRequest");
    }
}

async fn what_is_not_allowed_names_the_operation(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let (mut bob, bob_user) = app.colleague(&mut ada, "bob@example.org", &[&readers]).await;
    let mut caller = app.caller(&mut bob).await;
    let listed = caller.get("/auth/users").await.answer();
    assert_eq!(listed["items"][0]["permissionAssignments"], json!([]), "that is another operation");
    for (method, path, body, operation) in [
        (Method::POST, "/auth/users".to_owned(), json!({ "email": "x@example.org", "kind": "CustomerEmployee" }), "Auth:Users:Create"),
        (Method::PUT, format!("/auth/users/{}/deactivate", bob_user.id), json!({}), "Auth:Users:Deactivate"),
        (Method::DELETE, format!("/auth/users/{}", bob_user.id), json!({}), "Auth:Users:Delete"),
        (Method::POST, "/permissions".to_owned(), json!({ "name": "X", "operations": ["Auth:Users:Read"] }), "Permissions:Create"),
    ] {
        let answer = caller.call(method, &path, &body).await;
        refused(&answer, 403, "NotPermitted");
        assert!(answer.text().contains(operation), "{}", answer.text());
    }
    for (path, operation) in [
        ("/permissions", "Permissions:Read"),
        ("/auth/action/logs?startTime=2026-01-01T00:00:00Z&endTime=2200-01-01T00:00:00Z", "Auth:Logs:Read"),
    ] {
        let answer = caller.get(path).await;
        refused(&answer, 403, "NotPermitted");
        assert!(answer.text().contains(operation), "{}", answer.text());
    }
}

async fn the_last_admin_stays(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let id = ada.as_user().await.id;
    let mut caller = app.caller(&mut ada).await;
    refused(&caller.call(Method::DELETE, &format!("/auth/users/{id}"), &json!({})).await, 422, "Impossible");
    let taken = json!({ "email": "ADA@example.org", "kind": "CustomerEmployee" });
    refused(&caller.call(Method::POST, "/auth/users", &taken).await, 409, "Duplicate");
    for body in [
        json!({ "email": "x@example.org", "kind": "EndUser" }),
        json!({ "email": "x", "kind": "CustomerEmployee" }),
        json!({ "email": "x@example.org", "kind": "CustomerEmployee", "admin": true }),
        json!({ "kind": "CustomerEmployee" }),
        json!([]),
    ] {
        refused(&caller.call(Method::POST, "/auth/users", &body).await, 400, "BadRequest");
    }
    for member in [json!({ "isSSORequired": true }), json!({ "publicKey": "x" })] {
        let mut body = json!({ "email": "x@example.org", "kind": "CustomerEmployee" });
        body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        refused(&caller.call(Method::POST, "/auth/users", &body).await, 422, "Impossible");
    }
}
