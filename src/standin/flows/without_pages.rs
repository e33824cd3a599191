//! A flow that shows nothing: it checks its input and ends.

use super::parts::{TO_END, nodes};
use crate::standin::flow::{Flow, Node, Property, PropertyKind, Role, Task};

/// For starts with the application's key, and for authorize requests that end at once.
pub(super) static WITHOUT_PAGES: Flow = Flow {
    name: "without-pages",
    id: "ae914a3dff535a2e4f1d4816d4157e31",
    opening: (Task::CheckInput, TO_END),
    checks_session: false,
    input: INPUT,
    keys: &[],
    forms: &[],
    nodes: &NODES,
};

static INPUT: &[Property] = &[
    Property { name: "username", kind: PropertyKind::Text, required: false, members: &[] },
    Property { name: "password", kind: PropertyKind::Text, required: false, members: &[] },
];

static NODES: [(Role, Node); 14] = nodes([
    "cf5p8alvcd",
    "f5g72biq5p",
    "90di1rk63l",
    "rjjgezt0rs",
    "l0pdjt9g6c",
    "5p29y7m3sz",
    "wj1lkg9w1g",
    "8sxrvpuaxm",
    "wdojxae0ha",
    "2dhtm2livf",
    "ex5r43o0ym",
    "uwgllnqupw",
    "5ej3nkvo83",
    "eg2mrfs20y",
]);
