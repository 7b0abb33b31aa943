//! `/api/openapi.json` against the routes.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::Value;

use crate::client::Server;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

async fn document(server: &Server) -> Value {
    let answer = server.get("/api/openapi.json", "").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    answer.json()
}

/// (method, path) of every operation that the document has.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        METHODS.iter().filter(|method| item.get(**method).is_some()).map(|method| ((*method).to_owned(), path.clone()))
    });
    operations.collect()
}

/// A path with something in the place of its parameters.
fn filled(path: &str) -> String {
    let fill = |segment: &str| if segment.starts_with('{') { "nothing".to_owned() } else { segment.to_owned() };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_operation_of_the_document_has_a_route() {
    let server = Server::new();
    let document = document(&server).await;
    let operations = operations(&document);
    assert!(operations.len() >= 8, "{operations:?}");
    for (method, path) in operations {
        let request = |method: &str| {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            Request::builder().method(method).uri(filled(&path)).body(Body::empty()).unwrap()
        };
        let status = server.send(request(&method)).await.status;
        assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        // A path without a route is 404 for every method; one with a route refuses a method that nobody has.
        let probe = server.send(request("propfind")).await.status;
        assert_eq!(probe, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn every_answer_that_the_document_promises_has_a_body_that_it_describes() {
    let server = Server::new();
    let document = document(&server).await;
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][&method];
        let responses = operation["responses"].as_object().unwrap();
        assert!(!responses.is_empty(), "{method} {path}");
        let answers = serde_json::to_string(responses).unwrap();
        for name in answers.split("#/components/schemas/").skip(1) {
            let name = name.split('"').next().unwrap();
            assert!(!document["components"]["schemas"][name].is_null(), "{method} {path}: {name}");
        }
        for parameter in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
            let named = |known: &Value| known["name"].as_str() == Some(parameter);
            let known = operation["parameters"].as_array().is_some_and(|all| all.iter().any(named));
            assert!(known, "{method} {path}: {parameter} is not described");
        }
    }
}

/// The routes that are no part of the API: pages, files, sockets, and the document itself.
const UNDOCUMENTED: [&str; 16] = [
    "/",
    "/login",
    "/signup",
    "/logout",
    "/projects",
    "/projects/{id}",
    "/projects/new",
    "/account",
    "/account/password",
    "/account/sessions/end-others",
    "/account/sessions/{name}/end",
    "/account/delete",
    "/reset-password",
    "/invitations/{token}",
    "/assets/{*path}",
    // Files of the web app that keep their names.
    "/{name}",
];

#[tokio::test]
async fn every_route_of_the_api_is_in_the_document() {
    let server = Server::new();
    let document = document(&server).await;
    // Every `.route("…"` in the sources is either a page or described: all others come from `routes!`, which describes.
    let mut sources = Vec::new();
    collect(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut sources);
    assert!(sources.len() > 20);
    for source in sources {
        for call in source.split(".route(").skip(1) {
            let path = call.split('"').nth(1).unwrap();
            let known = UNDOCUMENTED.contains(&path)
                || ["/api/openapi.json", "/api/realtime"].contains(&path)
                || !document["paths"][path].is_null();
            assert!(known, "{path} is in no document");
        }
    }
    for path in
        ["/api/auth/signup", "/api/auth/login", "/api/auth/logout", "/api/auth/me", "/api/projects", "/health/ready"]
    {
        assert!(!document["paths"][path].is_null(), "{path}");
    }
}

fn collect(folder: &std::path::Path, sources: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            // What comes after it is served in tests only.
            sources.push(source.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
        }
    }
}
