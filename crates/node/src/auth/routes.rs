//! Which role each route needs: the one table of it. `docs/SECURITY.md` has the same table, which a test compares. A route that is not
//! in it can be asked by administrators only, and fails that test.

use axum::http::Method;

use super::Role;
use super::Role::{Admin, Operator, Viewer};

/// Method, path as the router has it, and the role that is needed; `None`: nobody is asked who he is. What a route answers to `GET` it
/// answers to `HEAD`.
pub(crate) const ROUTES: &[(&str, &str, Option<Role>)] = &[
    ("GET", "/livez", None),
    ("GET", "/readyz", None),
    ("GET", "/login", None),
    ("POST", "/login", None),
    ("POST", "/logout", None),
    ("GET", "/login.js", None),
    ("GET", "/session.js", None),
    ("GET", "/style.css", None),
    ("GET", "/", Some(Viewer)),
    ("GET", "/console/{script}", Some(Viewer)),
    ("GET", "/feed.js", Some(Viewer)),
    ("GET", "/freshness.js", Some(Viewer)),
    ("GET", "/leaflet/leaflet.css", Some(Viewer)),
    ("GET", "/leaflet/leaflet-src.esm.js", Some(Viewer)),
    ("GET", "/protomaps/protomaps-leaflet.js", Some(Viewer)),
    ("GET", "/docs", Some(Viewer)),
    ("GET", "/docs.js", Some(Viewer)),
    ("GET", "/openapi.json", Some(Viewer)),
    ("GET", "/version", Some(Viewer)),
    ("GET", "/metrics", Some(Viewer)),
    ("GET", "/ws", Some(Viewer)),
    ("GET", "/v1/me", Some(Viewer)),
    ("GET", "/v1/basemap", Some(Viewer)),
    ("GET", "/v1/basemap/{zoom}/{x}/{y}", Some(Viewer)),
    ("GET", "/v1/state", Some(Viewer)),
    ("GET", "/v1/picture", Some(Viewer)),
    ("GET", "/v1/vehicles/{id}", Some(Viewer)),
    ("GET", "/v1/orders/{id}", Some(Viewer)),
    ("GET", "/v1/decisions", Some(Viewer)),
    ("GET", "/v1/explain/order/{id}", Some(Viewer)),
    ("GET", "/v1/explain/vehicle/{id}", Some(Viewer)),
    ("GET", "/v1/explain/decision/{n}", Some(Viewer)),
    ("GET", "/v1/features", Some(Viewer)),
    ("GET", "/v1/streets", Some(Viewer)),
    ("GET", "/v1/warnings", Some(Viewer)),
    ("GET", "/v1/zones", Some(Viewer)),
    ("GET", "/v1/offers/{order}", Some(Viewer)),
    ("GET", "/v1/search", Some(Viewer)),
    ("GET", "/v1/entries/{seq}", Some(Viewer)),
    ("GET", "/v1/replay", Some(Viewer)),
    ("GET", "/v1/streets/{zoom}/{x}/{y}", Some(Viewer)),
    ("GET", "/v1/streets/{zoom}/{x}/{y}/names", Some(Viewer)),
    ("GET", "/v1/streets/named", Some(Viewer)),
    ("GET", "/v1/streets/near", Some(Viewer)),
    ("POST", "/v1/streets/matched", Some(Viewer)),
    ("GET", "/subjects", Some(Viewer)),
    ("GET", "/subjects/{subject}/versions", Some(Viewer)),
    ("GET", "/subjects/{subject}/versions/{version}", Some(Viewer)),
    ("GET", "/schemas/ids/{id}", Some(Viewer)),
    ("GET", "/config", Some(Viewer)),
    ("POST", "/compatibility/subjects/{subject}/versions", Some(Viewer)),
    ("POST", "/compatibility/subjects/{subject}/versions/{version}", Some(Viewer)),
    ("GET", "/v1/sources", Some(Viewer)),
    ("POST", "/v1/what-if", Some(Operator)),
    ("POST", "/v1/quotes", Some(Operator)),
    ("POST", "/v1/events", Some(Operator)),
    ("POST", "/solve", Some(Operator)),
    ("POST", "/v1/forget", Some(Admin)),
    ("PUT", "/v1/zones/{tenant}/{zone}", Some(Admin)),
];

/// The role that a route needs; `None` in it: none.
pub(crate) fn needs(method: &Method, path: &str) -> Option<Role> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let path = of_scripts(path);
    let known = ROUTES.iter().find(|(of, at, _)| (*of, *at) == (method, path));
    known.map_or(Some(Admin), |&(.., role)| role)
}

/// The scripts of the page are one route in the table.
fn of_scripts(path: &str) -> &str {
    if path.starts_with("/console/") { "/console/{script}" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::page;

    /// Method and path of each route in the text of a router.
    fn routes_in(source: &'static str) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        for rest in source.split(".route(\"").skip(1) {
            let (path, rest) = rest.split_once('"').unwrap();
            let handlers = rest.split(".route(").next().unwrap().split(".fallback(").next().unwrap();
            let methods: Vec<String> = ["get", "post", "put", "delete", "patch", "any"]
                .into_iter()
                .filter(|method| [" ", "."].iter().any(|before| handlers.contains(&format!("{before}{method}("))))
                .map(str::to_uppercase)
                .collect();
            assert!(!methods.is_empty(), "{path}");
            found.extend(methods.into_iter().map(|method| (method, path)));
        }
        found
    }

    #[test]
    fn every_route_has_a_role() {
        let mut routes = routes_in(include_str!("../http.rs"));
        routes.extend(routes_in(include_str!("../nodes/http.rs")));
        let files = page::ASSETS.iter().chain(page::SCRIPTS);
        routes.extend(files.map(|&(path, ..)| ("GET".to_owned(), of_scripts(path))));
        routes.push(("PUT".to_owned(), "/v1/zones/{tenant}/{zone}"));
        assert!(routes.len() > 30, "{routes:?}");
        for (method, path) in &routes {
            let known = ROUTES.iter().any(|(of, at, _)| (*of, *at) == (method.as_str(), *path));
            assert!(known, "{method} {path} has no role in ROUTES");
        }
        for (method, path, _) in ROUTES {
            let exists = routes.iter().any(|(of, at)| (of.as_str(), *at) == (*method, *path));
            assert!(exists, "there is no route {method} {path}");
        }
    }

    #[test]
    fn the_manual_has_the_same_table() {
        let manual = include_str!("../../../../docs/SECURITY.md");
        let told: Vec<&str> = manual.lines().filter(|line| line.starts_with("| `")).collect();
        for (method, path, role) in ROUTES {
            let role = role.map_or("none", Role::name);
            let cells = |row: &str| -> Vec<String> {
                row.split('|').map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
            };
            let has = told.iter().any(|row| {
                let cells = cells(row);
                cells.len() == 2 && cells[0].contains(&format!("`{method} {path}`")) && cells[1] == role
            });
            assert!(has, "docs/SECURITY.md does not say that `{method} {path}` needs {role}");
        }
        let routes: usize = told
            .iter()
            .map(|row| row.matches("`GET ").count() + row.matches("`POST ").count() + row.matches("`PUT ").count())
            .sum();
        assert_eq!(routes, ROUTES.len(), "the manual has other routes, too");
    }

    #[test]
    fn an_unknown_route_is_an_administrators() {
        assert_eq!(needs(&Method::GET, "/v1/new"), Some(Admin));
        assert_eq!(needs(&Method::DELETE, "/v1/state"), Some(Admin));
        assert_eq!(needs(&Method::HEAD, "/v1/state"), Some(Viewer));
        assert_eq!(needs(&Method::GET, "/livez"), None);
    }
}
