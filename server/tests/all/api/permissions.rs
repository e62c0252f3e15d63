//! `/permissions`.

use super::refused;
use crate::support::{app::TestApp, database::TestDatabase};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(a_permission_is_defined_given_changed_taken_and_put_away, the_managed_ones_stay);

async fn a_permission_is_defined_given_changed_taken_and_put_away(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (_, bob) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let mut caller = app.caller(&mut ada).await;
    let terms = json!({ "name": "Readers", "operations": ["Auth:Users:Read"] });
    let made = caller.call(Method::POST, "/permissions", &terms).await.answer();
    let path = format!("/permissions/{}", made["id"].as_str().unwrap());
    assert_eq!(made["dateCreated"], made["dateUpdated"]);
    let shown = json!({
        "id": made["id"], "name": "Readers", "operations": ["Auth:Users:Read"], "status": "Active", "isImmutable": false,
        "isArchived": false, "dateCreated": made["dateCreated"], "dateUpdated": made["dateUpdated"],
    });
    assert_eq!(made, shown);
    assert_eq!(caller.get(&path).await.answer(), shown);
    refused(&caller.call(Method::POST, "/permissions", &terms).await, 409, "Duplicate");

    app.advance(std::time::Duration::from_mins(1));
    let changed = caller.call(Method::PUT, &path, &json!({ "operations": ["Auth:Users:Read", "Permissions:Read"] })).await.answer();
    assert_eq!((&changed["name"], &changed["operations"][1]), (&Value::from("Readers"), &Value::from("Permissions:Read")));
    assert_ne!(changed["dateCreated"], changed["dateUpdated"]);

    let assignments = format!("{path}/assignments");
    let given = caller.call(Method::POST, &assignments, &json!({ "identityId": bob.id })).await.answer();
    let listed = caller.get(&assignments).await.answer();
    assert_eq!(listed, json!({ "items": [given] }));
    assert_eq!((&given["identityId"], &given["permissionId"]), (&json!(bob.id), &made["id"]));
    refused(&caller.call(Method::POST, &assignments, &json!({ "identityId": bob.id })).await, 409, "Duplicate");
    refused(&caller.call(Method::PUT, &format!("{path}/archive"), &json!({ "isArchived": true })).await, 422, "Impossible");

    let assignment = format!("{assignments}/{}", given["id"].as_str().unwrap());
    let taken = caller.call(Method::DELETE, &assignment, &json!({})).await;
    assert_eq!((taken.status, taken.body.len()), (StatusCode::NO_CONTENT, 0));
    refused(&caller.call(Method::DELETE, &assignment, &json!({})).await, 404, "NotFound");
    let archived = caller.call(Method::PUT, &format!("{path}/archive"), &json!({ "isArchived": true })).await.answer();
    assert_eq!(archived["isArchived"], true);
    refused(&caller.call(Method::POST, &assignments, &json!({ "identityId": bob.id })).await, 422, "Impossible");
    let restored = caller.call(Method::PUT, &format!("{path}/archive"), &json!({ "isArchived": false })).await.answer();
    assert_eq!(restored["isArchived"], false);
    caller.call(Method::POST, &assignments, &json!({ "identityId": bob.id })).await.answer();
    app.verify(ada.organization).await;
}

async fn the_managed_ones_stay(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let page = caller.get("/permissions?limit=1").await.answer();
    let next = caller.get(&format!("/permissions?limit=1&paginationToken={}", page["nextPageToken"].as_str().unwrap())).await.answer();
    assert!(next["nextPageToken"].is_null());
    let mut names: Vec<_> = [&page, &next].map(|page| page["items"][0]["name"].as_str().unwrap().to_owned()).into();
    names.sort();
    assert_eq!(names, ["ManagedDefaultEndUserAccess", "ManagedFullAdminAccess"]);
    for page in [&page, &next] {
        assert_eq!(page["items"][0]["isImmutable"], true);
        let path = format!("/permissions/{}", page["items"][0]["id"].as_str().unwrap());
        refused(&caller.call(Method::PUT, &path, &json!({ "name": "Mine" })).await, 422, "Impossible");
        for is_archived in [true, false] {
            let archive = json!({ "isArchived": is_archived });
            refused(&caller.call(Method::PUT, &format!("{path}/archive"), &archive).await, 422, "Impossible");
        }
    }
}
